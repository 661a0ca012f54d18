"""Timelines rendered for real: every frame where it belongs, sound mixed, pieces reused, nothing left half done."""

from __future__ import annotations

import json
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest
from editing_context import EditingStudio, build, clip, coloured_film, counting_film, frames, numbers, render
from media_fixtures import make_png

from backends.media.probe import probe
from configs.errors import Cancelled, UsageError
from configs.settings import Settings
from memory.records import Asset
from tools.editing.presets import editing_presets
from tools.editing.program import read_program
from tools.editing.segments import plan
from tools.editing.specs import CaptionSpec, ClipSpec
from tools.editing.timeline import build_timeline, save_timeline
from tools.spec import CancelToken


def test_every_frame_is_where_the_timeline_says(studio: EditingStudio, counting: Asset) -> None:
    video = [clip(counting, 0, 7 / 24, 3 / 24), clip(counting, 7 / 24, 5 / 24, 17 / 24), clip(counting, 0.5, 1 / 24)]
    film, facts = render(studio, build(video))
    assert numbers(film) == [3, 4, 5, 6, 7, 8, 9, 17, 18, 19, 20, 21, 0]
    assert facts["frames"] == 13
    assert facts["seconds"] == pytest.approx(13 / 24, abs=1e-3)


def test_ntsc_rates_stay_exact(studio: EditingStudio, counting: Asset) -> None:
    frame = 1001 / 24000
    video = [clip(counting, number * frame * 3, 3 * frame, number * 2 * frame) for number in range(8)]
    film, facts = render(studio, build(video, fps=23.976))
    assert facts["frames"] == 24
    assert probe(film).fps == pytest.approx(24000 / 1001, abs=1e-3)


def test_gaps_are_black_and_stay_so_long(studio: EditingStudio, counting: Asset) -> None:
    film, _ = render(studio, build([clip(counting, 0.25, 0.25, 10 / 24), clip(counting, 0.75, 0.25, 10 / 24)]))
    dark = frames(film).mean(axis=(1, 2, 3)) < 10
    assert dark.tolist() == [True] * 6 + [False] * 6 + [True] * 6 + [False] * 6


def test_a_dissolve_goes_from_one_clip_to_the_other(studio: EditingStudio, tmp_path: Path) -> None:
    light = studio.attach(make_png(tmp_path / "light.png", 160, 90, (230, 230, 230)))
    dark = studio.attach(make_png(tmp_path / "dark.png", 160, 90, (30, 30, 30)))
    mix = {"transition": "dissolve", "transition_seconds": 0.5}
    film, _ = render(studio, build([clip(dark, 0, 1), clip(light, 0.5, 1, **mix)]))
    grey = frames(film).mean(axis=(1, 2, 3))
    assert len(grey) == 36
    assert np.all(np.diff(grey[12:25]) > 5)
    assert abs(grey[:12] - 30).max() < 4 and abs(grey[24:] - 230).max() < 4


def test_a_dissolve_without_handles_holds_still_frames(studio: EditingStudio, counting: Asset) -> None:
    mix = {"transition": "dissolve", "transition_seconds": 0.25}
    film, facts = render(studio, build([clip(counting, 0, 1), clip(counting, 1, 0.5, **mix)]))
    assert facts["frames"] == 36
    shown = numbers(film)
    assert shown[:21] == list(range(21)) and shown[27:] == list(range(3, 12))


def test_a_fade_dips_to_black(studio: EditingStudio, counting: Asset) -> None:
    dip = {"transition": "fade", "transition_seconds": 0.5}
    film, _ = render(studio, build([clip(counting, 0, 1), clip(counting, 1, 1, **dip)]))
    grey = frames(film).mean(axis=(1, 2, 3))
    assert grey[23:25].max() < 25 < grey[17]


def test_speed_and_reverse(studio: EditingStudio, counting: Asset) -> None:
    fast = clip(counting, 0, 0.5, effects=({"name": "speed", "factor": 2.0},))
    slow = clip(counting, 0.5, 0.5, effects=({"name": "speed", "factor": 0.5},))
    back = clip(counting, 1, 0.5, 6 / 24, effects=({"name": "reverse"},))
    film, _ = render(studio, build([fast, slow, back]))
    shown = numbers(film)
    assert all(abs(seen - 2 * n) <= 1 for n, seen in enumerate(shown[:12])), shown
    assert all(abs(seen - n / 2) <= 0.5 for n, seen in enumerate(shown[12:24])), shown
    assert shown[24:] == list(range(17, 5, -1))


def test_a_long_reverse_is_drawn_in_chunks_without_a_seam(
    studio: EditingStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = editing_presets()
    small = presets.model_copy(update={"encode": presets.encode.model_copy(update={"chunk_seconds": 0.7})})
    monkeypatch.setattr("tools.editing.segments.editing_presets", lambda: small)
    long = studio.attach(counting_film(tmp_path / "long.mp4", 100, sound=False))
    film, facts = render(studio, build([clip(long, 0, 100 / 24, effects=({"name": "reverse"},))]))
    assert facts["pieces"] == 6
    assert numbers(film) == [n % 28 for n in range(99, -1, -1)]


def test_a_reversed_piece_never_fills_the_memory() -> None:
    clips = [ClipSpec("v", Path("a.mp4"), 0, 60, effects=({"name": "reverse"},))]
    program = read_program(build_timeline("t", 60, 3840, 2160, clips, {}), lambda *_: _fake_source())
    assert max(segment.frames for segment in plan(program)) * 3840 * 2160 * 1.5 <= 128 * 2**20


def test_foreign_transitions_that_overlap_are_refused() -> None:
    timeline = build([ClipSpec("v", Path("a.mp4"), n, 1, 1) for n in range(3)])
    wide = otio.opentime.RationalTime(20, 24)
    for at in (1, 3):
        timeline.video_tracks()[0].insert(at, otio.schema.Transition(in_offset=wide, out_offset=wide))
    with pytest.raises(UsageError, match="overlap"):
        plan(read_program(timeline, lambda *_: _fake_source()))


def test_black_and_white_is_grey_and_sepia_is_brown(studio: EditingStudio, tmp_path: Path) -> None:
    colour = studio.attach(coloured_film(tmp_path / "colour.mp4"))
    grade = lambda look: ({"name": "grade", "look": look},)  # noqa: E731
    video = [
        clip(colour, 0, 0.25),
        clip(colour, 0.25, 0.25, effects=grade("black_and_white")),
        clip(colour, 0.5, 0.25, effects=grade("sepia")),
    ]
    film, _ = render(studio, build(video))
    seen = frames(film)
    spread = (seen.max(axis=3) - seen.min(axis=3)).mean(axis=(1, 2))
    assert spread[:6].min() > 60
    assert spread[6:12].max() < 3
    red, _, blue = seen[12:].mean(axis=(0, 1, 2))
    assert red > blue + 20


def test_the_same_timeline_gives_the_same_bytes_and_reuses_its_pieces(
    studio: EditingStudio, counting: Asset, tmp_path: Path, settings: Settings
) -> None:
    video = [clip(counting, 0, 0.5), clip(counting, 0.5, 0.5, 0.5, transition="dissolve", transition_seconds=0.25)]
    timeline = build(video, {"dialogue": [clip(counting, 0, 1)]}, captions=[CaptionSpec(0.2, 0.4, "Hello")])
    film, first = render(studio, timeline)
    assert (first["pieces"], first["reused"]) == (3, 0)
    again, second = render(studio, timeline)
    assert (second["pieces"], second["reused"]) == (3, 3)
    elsewhere = EditingStudio(settings.model_copy(update={"home": tmp_path / "other"}))
    elsewhere.attach(studio.path(counting))
    fresh, third = render(elsewhere, timeline)
    elsewhere.close()
    assert third["reused"] == 0
    assert film.read_bytes() == again.read_bytes() == fresh.read_bytes()


def test_a_changed_caption_costs_only_its_own_piece(studio: EditingStudio, counting: Asset) -> None:
    video = [clip(counting, 0, 0.5), clip(counting, 0.5, 0.5, 0.5)]
    render(studio, build(video, captions=[CaptionSpec(0.6, 0.9, "one")]))
    _, facts = render(studio, build(video, captions=[CaptionSpec(0.6, 0.9, "two")]))
    assert (facts["pieces"], facts["reused"]) == (2, 1)


def test_size_and_preview(studio: EditingStudio, tmp_path: Path) -> None:
    wide = studio.attach(coloured_film(tmp_path / "wide.mp4", 0.5, size=(320, 90)))
    film, _ = render(studio, build([clip(wide, 0, 0.5)]))
    assert (probe(film).width, probe(film).height) == (160, 90)
    rows = frames(film)[3].mean(axis=(1, 2))
    assert rows[:20].max() < 8 and rows[-20:].max() < 8 and rows[30:60].min() > 20, "bars above and below"
    film, facts = render(studio, build([clip(wide, 0, 0.5)]), height=46)
    assert (probe(film).height, facts["height"]) == (46, 46)
    tall = build_timeline("t", 24, 1920, 1080, [clip(wide, 0, 1 / 24)], {})
    film, _ = render(studio, tall, preview=True)
    assert (probe(film).width, probe(film).height) == (960, 540)


def test_scores_are_measured_and_a_black_film_fails_its_gate(studio: EditingStudio, tmp_path: Path) -> None:
    black = studio.attach(coloured_film(tmp_path / "b.mp4", 2.0))
    dark = clip(black, 0, 2, effects=({"name": "fade_out", "seconds": 0.01},))
    file = save_timeline(build([dark]), studio.workspace.home / "cut.otio")
    good = studio.run("render_timeline", timeline=file.name)
    assert {score.name: score.passed for score in good.assets[0].scores} == {
        "frames": True,
        "seconds": True,
        "black_share": True,
        "frozen_share": True,
        "pieces_as_drawn": True,
    }
    night = studio.attach(_solid(tmp_path / "night.mp4"))
    file = save_timeline(build([clip(night, 0, 2)]), studio.workspace.home / "night.otio")
    bad = studio.run("render_timeline", timeline=file.name)
    assert bad.result is not None
    assert {score.name: score.passed for score in bad.assets[0].scores}["black_share"] is False
    assert any("black_share" in warning for warning in bad.result.warnings)


def test_a_timeline_saved_anew_under_its_name_is_the_one_that_is_rendered(
    studio: EditingStudio, tmp_path: Path
) -> None:
    film = studio.attach(counting_film(tmp_path / "counting.mp4", 24))
    for first in (0, 8, 0):
        save_timeline(build([clip(film, 0, 0.25, first / 24)]), studio.workspace.home / "same.otio")
        made, _ = studio.make("render_timeline", timeline="same.otio")
        assert numbers(made) == list(range(first, first + 6))


def test_cancelled_it_leaves_nothing_and_goes_on_later(studio: EditingStudio, tmp_path: Path) -> None:
    big = studio.attach(coloured_film(tmp_path / "big.mp4", 1.0, size=(1280, 720), fps=24))
    video = [clip(big, number, 1) for number in range(12)]
    timeline = build_timeline("t", 24, 1280, 720, [*video[:1], *_graded(video[1:])], {})
    file = save_timeline(timeline, studio.workspace.home / "cut.otio")
    token = CancelToken()
    threading.Timer(1.2, token.cancel).start()
    began = time.monotonic()
    outcome = studio.run("render_timeline", cancel=token, timeline=file.name)
    assert outcome.status == "cancelled" and isinstance(outcome.error, Cancelled)
    assert time.monotonic() - began < 5
    segments = studio.workspace.cache / "segments"
    assert [path.name for path in segments.iterdir() if path.name.startswith(".")] == []
    assert list(studio.workspace.assets.glob("*t.mp4")) == []
    assert _ffmpeg_children() == []
    outcome = studio.run("render_timeline", timeline=file.name)
    assert outcome.status == "done"


def test_a_timeline_of_another_program_renders_by_file_name(studio: EditingStudio, counting: Asset) -> None:
    time_of = otio.opentime.RationalTime
    reference = otio.schema.ExternalReference(
        target_url="file:///Users/anna/Movies/counting.mp4",
        available_range=otio.opentime.TimeRange(time_of(86_400, 24), time_of(24, 24)),
    )
    span = otio.opentime.TimeRange(time_of(86_405, 24), time_of(4, 24))
    made = otio.schema.Clip("shot", reference, span)
    made.effects.append(otio.schema.Effect(effect_name="Vendor Glow"))
    timeline = otio.schema.Timeline("foreign")
    timeline.tracks.append(otio.schema.Track("V1", [made], kind="Video"))
    file = save_timeline(timeline, studio.workspace.home / "foreign.otio")
    film, outcome = studio.make("render_timeline", timeline=file.name)
    assert numbers(film) == [5, 6, 7, 8]
    assert outcome.result is not None
    assert any("Vendor Glow" in warning for warning in outcome.result.warnings)


@pytest.mark.parametrize(
    "url", ["nowhere.mp4", "/etc/passwd", "../../outside.mp4", "http://example.com/a.mp4", "concat:a|b", ""]
)
def test_a_source_that_is_not_in_the_studio_is_named(studio: EditingStudio, counting: Asset, url: str) -> None:
    timeline = build([clip(counting, 0, 0.5)])
    first = timeline.video_tracks()[0][0]
    first.metadata["studio"]["asset"] = ""
    first.media_reference.target_url = url
    file = save_timeline(timeline, studio.workspace.home / "cut.otio")
    outcome = studio.run("render_timeline", timeline=file.name)
    assert isinstance(outcome.error, UsageError)
    assert "\n" not in outcome.error.sentence
    assert Path(url).name in outcome.error.sentence


@pytest.mark.parametrize(
    "effect",
    [
        {"name": "grade", "look": "movie=/etc/passwd"},
        {"name": "speed", "factor": 1000.0},
        {"name": "fade_in", "seconds": "1,drawtext=text=x"},
        {"name": "lut3d", "file": "/etc/passwd"},
    ],
)
def test_effects_are_checked_when_a_timeline_is_read(
    studio: EditingStudio, counting: Asset, effect: dict[str, Any]
) -> None:
    timeline = build([clip(counting, 0, 0.5, effects=(effect,))])
    file = save_timeline(timeline, studio.workspace.home / "cut.otio")
    assert isinstance(studio.run("render_timeline", timeline=file.name).error, UsageError)


def test_a_text_file_named_otio_is_refused(studio: EditingStudio) -> None:
    (studio.workspace.home / "fake.otio").write_text(json.dumps({"hello": "world"}))
    assert isinstance(studio.run("render_timeline", timeline="fake.otio").error, UsageError)


def test_segments_cover_every_frame_once() -> None:
    mix = {"transition": "dissolve", "transition_seconds": 0.5}
    video = [ClipSpec(str(n), Path("a.mp4"), n * 1.5, 2 if n < 6 else 25, 0, **(mix if n else {})) for n in range(7)]
    program = read_program(build(video), lambda *_: _fake_source())
    segments = plan(program)
    ends = [0]
    for segment in segments:
        assert segment.start == ends[-1]
        ends.append(segment.start + segment.frames)
    assert ends[-1] == program.frames
    assert sum(bool(segment.blend) for segment in segments) == 6
    assert max(segment.frames for segment in segments) <= 240


def _fake_source() -> Any:
    from tools.editing.program import Source

    return Source(Path("a.mp4"), "0", "vid-1", None, None)  # type: ignore[arg-type]


def _graded(clips: list[ClipSpec]) -> list[ClipSpec]:
    looks = ["sepia", "noir", "warm", "cold", "vivid", "faded", "bright", "dark", "contrast", "negative", "dreamy"]
    return [
        ClipSpec(c.asset_id, c.path, c.start, c.seconds, effects=({"name": "grade", "look": look},))
        for c, look in zip(clips, looks, strict=True)
    ]


def _solid(path: Path) -> Path:
    from media_fixtures import make_video

    return make_video(path, 2.0, width=160, height=90, sound=False, frame=lambda at: np.zeros((90, 160, 3), np.uint8))


def _ffmpeg_children() -> list[str]:
    import os

    import psutil

    children = psutil.Process(os.getpid()).children(recursive=True)
    return [child.name() for child in children if child.status() != psutil.STATUS_ZOMBIE and "ffmpeg" in child.name()]


def test_fractions_of_a_frame_do_not_add_up() -> None:
    video = [ClipSpec("v", Path("a.mp4"), n / 3, 1 / 3, 0) for n in range(300)]
    program = read_program(build(video, fps=25), lambda *_: _fake_source())
    assert program.frames == 2500
    assert program.seconds == pytest.approx(100)
    assert program.fps == Fraction(25)


@pytest.mark.parametrize("word", ["last", "$last", "LAST"])
def test_a_timeline_names_files_and_speaks_no_words_of_the_chat(
    studio: EditingStudio, counting: Asset, word: str
) -> None:
    timeline = build([clip(counting, 0, 0.5)])
    for piece in timeline.find_clips():
        piece.metadata["studio"]["asset"] = word
        piece.media_reference.target_url = word
    file = save_timeline(timeline, studio.workspace.home / "foreign.otio")
    error = studio.run("render_timeline", timeline=file.name).error
    assert isinstance(error, UsageError) and "not in the studio" in str(error)
