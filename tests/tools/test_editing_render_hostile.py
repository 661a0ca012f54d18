"""Timelines and films that are not what they say: each ends in a film of the right length or in one sentence."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from editing_context import EditingStudio, coloured_film, numbers

from backends.media.guard import open_container
from configs.errors import StudioError, UsageError
from memory.records import Asset
from tools.editing.specs import CaptionSpec, ClipSpec
from tools.editing.timeline import build_timeline

NAN, INF = float("nan"), float("inf")
Spoil = Callable[[dict[str, Any]], None]


def clip(asset: Asset, start: int, frames: int, first: int = 0, **more: Any) -> ClipSpec:
    return ClipSpec(asset.id, Path(asset.path), start / 24, frames / 24, first / 24, source_seconds=1.0, **more)


def a_cut(asset: Asset) -> dict[str, Any]:
    """Two clips with a dissolve between them, sound and a caption, as JSON."""
    video = [clip(asset, 0, 12), clip(asset, 12, 12, 10, transition="dissolve", transition_seconds=0.2)]
    made = build_timeline("t", 24, 160, 90, video, {"source": [clip(asset, 0, 12)]}, [CaptionSpec(0, 0.5, "hi")])
    return dict(json.loads(otio.adapters.write_to_string(made, "otio_json")))


def film(key: str, value: Any) -> Spoil:
    return lambda data: data["metadata"]["studio"].update({key: value})


def span(part: str, value: Any) -> Spoil:
    return lambda data: data["tracks"]["children"][0]["children"][0]["source_range"][part].update(value=value)


def effect(name: str, /, **values: Any) -> Spoil:
    made = {"OTIO_SCHEMA": "Effect.1", "effect_name": name, "name": name, "metadata": {"studio": values}}
    return lambda data: data["tracks"]["children"][0]["children"][0].update(effects=[made])


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        *((film("fps", fps), "no usable frame rate") for fps in ("x", "1/0", "1e999", -5, 0, 1e9, NAN, INF, True, [])),
        *((film("width", width), "no usable size") for width in ("x", -4, 1e9, 90_000, NAN, "1/0")),
        *((span("duration", value), "time that cannot be") for value in (NAN, INF, -INF, 1e18, -1e300)),
        (span("start_time", NAN), "time that cannot be"),
        (effect("studio.lut", table="../../../etc/passwd"), "The effect 'lut' cannot be made"),
        (effect("studio.lut", table="gone"), "colour table of the timeline is gone"),
        (effect("studio.speed", factor="fast"), "speed"),
        (effect("studio.speed"), "speed"),
        (lambda data: data.update(tracks=None), "no tracks"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tool", ["render_timeline", "change_timeline"])
def test_one_sentence_and_nothing_recorded(
    studio: EditingStudio, counting: Asset, spoil: Spoil, told: str, tool: str
) -> None:
    data = a_cut(counting)
    spoil(data)
    (studio.workspace.home / "cut.otio").write_text(json.dumps(data))
    changes = [{"op": "caption", "start": 0, "end": 0.2, "text": "x"}]
    more = {"changes": changes, "render": "preview"} if tool == "change_timeline" else {}
    outcome = studio.run(tool, timeline="cut.otio", **more)
    assert isinstance(outcome.error, UsageError), outcome.error
    assert told in outcome.error.sentence and "\n" not in outcome.error.sentence
    assert not studio.memory.list_assets("video")[1:] and len(studio.memory.list_assets("timeline")) <= 1


@pytest.mark.parametrize(
    "spoil",
    [
        film("ducking", {"music": "x", "source": NAN, "effects": 1e9}),
        film("ducking", "x"),
        effect("studio.foreign"),
        effect("studio.grade", look="noir", name=["x"]),
        *(lambda data, value=value: [item["in_offset"].update(value=value) for item in
          data["tracks"]["children"][0]["children"] if "in_offset" in item] for value in (-50, 500)),
    ],
)  # fmt: skip
def test_what_cannot_be_is_passed_over(studio: EditingStudio, counting: Asset, spoil: Spoil) -> None:
    data = a_cut(counting)
    spoil(data)
    (studio.workspace.home / "cut.otio").write_text(json.dumps(data))
    _, outcome = studio.make("render_timeline", timeline="cut.otio")
    assert outcome.result is not None and outcome.result.measurements["frames"] == 24


@pytest.mark.parametrize("lengths", [(2, 10), (1, 10), (10, 2), (6, 2, 6), (1, 1)])
def test_a_piece_too_short_for_b_frames_leaves_the_length_exact(
    studio: EditingStudio, counting: Asset, lengths: tuple[int, ...]
) -> None:
    starts = [sum(lengths[:at]) for at in range(len(lengths))]
    firsts = [(7 * at) % 10 for at in range(len(lengths))]
    video = [clip(counting, start, length, first) for start, length, first in zip(starts, lengths, firsts, strict=True)]
    data = otio.adapters.write_to_string(build_timeline("t", 24, 160, 90, video, {}), "otio_json")
    (studio.workspace.home / "cut.otio").write_text(data)
    made, outcome = studio.make("render_timeline", timeline="cut.otio")
    assert numbers(made) == [first + at for first, length in zip(firsts, lengths, strict=True) for at in range(length)]
    assert outcome.result is not None and outcome.result.measurements["seconds"] == pytest.approx(
        sum(lengths) / 24, abs=0.002
    )
    with open_container(made, "mov") as container:
        times = [(packet.dts, packet.pts) for packet in container.demux(video=0) if packet.size]
    decoded = [dts for dts, _ in times]
    assert decoded == sorted(set(decoded)) and all(dts <= pts for dts, pts in times)
    steps = {after - before for before, after in pairwise(decoded)}
    assert len(steps) == 1, "decode times do not advance evenly"


def test_a_ribbon_of_a_picture_is_still_shown(studio: EditingStudio, counting: Asset, tmp_path: Path) -> None:
    flat = studio.attach(coloured_film(tmp_path / "flat.mp4", 0.5, size=(1000, 2)))
    _, outcome = studio.make("edit_video", video=[counting.id, flat.id], instruction="join them")
    assert outcome.result is not None and outcome.result.measurements["frames"] == 36


@pytest.mark.parametrize("text", ["   ", "\u202e", "\u200e\n\u2066", "\u200b\u2060"])
@pytest.mark.parametrize("op", ["title", "caption"])
def test_words_that_no_render_could_draw_make_no_version(
    studio: EditingStudio, counting: Asset, op: str, text: str
) -> None:
    (studio.workspace.home / "cut.otio").write_text(json.dumps(a_cut(counting)))
    place = {"at": 0, "seconds": 1} if op == "title" else {"start": 0, "end": 0.5}
    outcome = studio.run("change_timeline", timeline="cut.otio", changes=[{"op": op, "text": text, **place}])
    assert isinstance(outcome.error, UsageError) and "has no text" in outcome.error.sentence
    assert len(studio.memory.list_assets("timeline")) == 1


@pytest.mark.parametrize("track", ["", "a\nb", "x'];[y", "a" * 50])
def test_a_role_that_is_no_word_is_refused(studio: EditingStudio, counting: Asset, track: str) -> None:
    (studio.workspace.home / "cut.otio").write_text(json.dumps(a_cut(counting)))
    outcome = studio.run("change_timeline", timeline="cut.otio", changes=[{"op": "duck", "track": track, "db": 3}])
    assert isinstance(outcome.error, UsageError) and "\n" not in outcome.error.sentence


@pytest.mark.parametrize("text", ["word " * 85, "\ud800 \udfff"])
def test_titles_too_long_or_of_half_letters(studio: EditingStudio, counting: Asset, text: str) -> None:
    for tool, more in (("edit_video", {"instruction": f'opening title "{text}"'}), ("add_captions", {"text": text})):
        outcome = studio.run(tool, video=counting.id, **more)
        assert outcome.error is None or isinstance(outcome.error, UsageError), outcome.error


def test_a_full_disk_leaves_no_half_font(
    studio: EditingStudio, counting: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    outcome = studio.run("add_captions", video=counting.id, text="hello")
    assert isinstance(outcome.error, StudioError) and "No space left" in outcome.error.sentence
    assert list((studio.workspace.cache / "fonts").iterdir()) == [] and len(studio.memory.list_assets()) == 1


@pytest.mark.parametrize(("source", "record"), [("00", "01"), ("10", "01"), ("01", "00")])
def test_a_list_whose_clock_is_not_its_sources(studio: EditingStudio, counting: Asset, source: str, record: str,
                                               tmp_path: Path) -> None:  # fmt: skip
    rows = ((1, 0, 12, 0), (2, 4, 10, 12))
    events = [
        f"{number:03}  AX  V  C  {source}:00:00:{first:02} {source}:00:00:{last:02} "
        f"{record}:00:00:{at:02} {record}:00:00:{at + last - first:02}\n* FROM CLIP NAME: counting.mp4\n"
        for number, first, last, at in rows
    ]
    (tmp_path / "cut.edl").write_text("TITLE: T\nFCM: NON-DROP FRAME\n\n" + "".join(events))
    listed = studio.attach(tmp_path / "cut.edl")
    _, outcome = studio.make("import_timeline", file=listed.id, fps=24)
    made, _ = studio.make("render_timeline", timeline=outcome.assets[0].id)
    assert numbers(made) == [*range(12), *range(4, 10)]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(("start", "shown"), [(6, [6, 7, 8, 9, 10, 11]), (-500, None)])
def test_a_track_or_a_film_that_shows_a_part_of_itself(
    studio: EditingStudio, counting: Asset, start: int, shown: list[int] | None, whole: bool
) -> None:
    cut = build_timeline("t", 24, 160, 90, [clip(counting, 0, 12)], {})
    time = otio.opentime.RationalTime
    part = cut.tracks if whole else cut.tracks[0]
    part.source_range = otio.opentime.TimeRange(time(start, 24), time(6, 24))
    (studio.workspace.home / "cut.otio").write_text(otio.adapters.write_to_string(cut, "otio_json"))
    outcome = studio.run("render_timeline", timeline="cut.otio")
    if shown is None:
        assert isinstance(outcome.error, UsageError) and "\n" not in outcome.error.sentence
    else:
        assert outcome.error is None and numbers(studio.path(outcome.assets[0])) == shown
