"""Cuts from elsewhere: what is missing is named, what is hostile opens nothing, what is no cut gets one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import opentimelineio as otio
import pytest
from editing_context import EditingStudio, counting_film, numbers

from configs.errors import UsageError
from configs.settings import Settings
from tools.editing.outline import studio_data
from tools.editing.specs import ClipSpec
from tools.editing.timeline import build_timeline, load_timeline, save_timeline


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    made.attach(counting_film(tmp_path / "one & 'two'.mp4", 28))
    yield made
    made.close()


def test_missing_sources_are_named_and_found_when_they_come(studio: EditingStudio, tmp_path: Path) -> None:
    edl = tmp_path / "wedding.edl"
    edl.write_text(
        "TITLE: Wedding\nFCM: NON-DROP FRAME\n\n"
        "001  AX       V     C        01:00:00:02 01:00:00:10 00:00:00:00 00:00:00:08\n"
        "* FROM CLIP NAME: one & 'two'.mp4\n"
        "002  BX       V     C        00:00:00:00 00:00:00:12 00:00:00:08 00:00:00:20\n"
        "* FROM CLIP NAME: late.mp4\n"
    )
    studio.attach(edl)
    _, outcome = studio.make("import_timeline", file="wedding.edl", fps=24)
    assert outcome.result is not None and outcome.result.data["missing"] == ["late.mp4"]
    assert any("late.mp4" in warning for warning in outcome.result.warnings)
    assert any("01:00:00:00" in warning for warning in outcome.result.warnings)
    made = outcome.assets[0]
    assert isinstance(studio.run("render_timeline", timeline=made.id).error, UsageError)
    studio.attach(counting_film(tmp_path / "late.mp4", 12))
    film, _ = studio.make("render_timeline", timeline=made.id)
    assert numbers(film) == [*range(2, 10), *range(12)]
    assert all(studio_data(clip)["id"] for clip in load_timeline(studio.path(made)).find_clips())


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "/etc/passwd", "../../../etc/passwd", "http://example.com/a.mp4", "concat:/etc/passwd|x",
     "\\\\host\\share\\a.mp4", "last", "$last", "assets/../../secret.mp4", "a\nb.mp4", ""],
)  # fmt: skip
def test_hostile_paths_open_nothing(studio: EditingStudio, tmp_path: Path, url: str) -> None:
    made = build_timeline("x", 24, 160, 90, [ClipSpec("", Path("x.mp4"), 0, 1)], {})
    for clip in made.find_clips():
        del clip.metadata["studio"]
        clip.name = ""
        clip.media_reference.target_url = url
    studio.attach(save_timeline(made, tmp_path / "hostile.otio"))
    _, outcome = studio.make("import_timeline", file="hostile.otio")
    assert outcome.result is not None and len(outcome.result.data["missing"]) == 1
    text = studio.path(outcome.assets[0]).read_text()
    assert not any(part in text for part in ("/etc/", "..", "http:", "concat:", '"last"', '"$last"'))


@pytest.mark.parametrize(
    ("name", "raw", "told"),
    [
        ("bomb.xml", b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><xmeml>&a;</xmeml>', "entities"),
        ("outside.xml", b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><fcpxml>&a;</fcpxml>', "entities"),
        ("broken.fcpxml", b"<fcpxml><resources>", "breaks off"),
        ("other.xml", b"<html><body>hi</body></html>", "<html>"),
        ("empty.fcpxml", b"<fcpxml version='1.9'></fcpxml>", "no timeline"),
        ("no.xml", b"<xmeml version='4'></xmeml>", "no.xml"),
        ("letter.edl", b"Dear all,\nno events here.\n", "no cut"),
        ("odd.fcpxml", b"<fcpxml><resources><format id='r1' frameDuration='1/0s'/></resources><project><sequence "
         b"format='r1'><spine/></sequence></project></fcpxml>", "no time"),
        ("bad.edl", b"TITLE: x\n\n001  AX V C 99:99:99:99 xx yy zz\n", "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_cut_gets_one_sentence(
    studio: EditingStudio, tmp_path: Path, name: str, raw: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(raw)
    studio.attach(tmp_path / name)
    before = len(studio.memory.list_assets("timeline"))
    outcome = studio.run("import_timeline", file=name)
    assert isinstance(outcome.error, UsageError) and told in outcome.error.sentence, outcome.error
    assert "\n" not in outcome.error.sentence and len(studio.memory.list_assets("timeline")) == before


@pytest.mark.parametrize("fps", ["0", "x", "1/0", "1e999", -5, None])
def test_a_timeline_with_an_impossible_rate_is_refused(studio: EditingStudio, tmp_path: Path, fps: object) -> None:
    made = build_timeline("x", 24, 160, 90, [ClipSpec("", Path("x.mp4"), 0, 1)], {})
    data = json.loads(otio.adapters.write_to_string(made, "otio_json"))
    data["metadata"]["studio"]["fps"] = fps
    (tmp_path / "rate.otio").write_text(json.dumps(data))
    studio.attach(tmp_path / "rate.otio")
    outcome = studio.run("import_timeline", file="rate.otio")
    assert outcome.error is None if fps is None else isinstance(outcome.error, UsageError)


def test_clips_that_do_not_say_how_long_they_play_play_their_whole_file(studio: EditingStudio, tmp_path: Path) -> None:
    """OpenTimelineIO means that by a clip without a range of its own and of its media."""
    timeline = otio.schema.Timeline("bare")
    track = otio.schema.Track(kind="Video")
    track.append(otio.schema.Clip("bare", otio.schema.ExternalReference("file:///C:/cut/one%20&%20'two'.mp4")))
    timeline.tracks.append(track)
    file = tmp_path / "bare.otio"
    otio.adapters.write_to_file(timeline, str(file))
    direct = studio.run("render_timeline", timeline=studio.attach(file).id)
    assert direct.error is not None and "import_timeline" in direct.error.sentence
    _, outcome = studio.make("import_timeline", file="bare.otio")
    film, _ = studio.make("render_timeline", timeline=outcome.assets[0].id)
    assert numbers(film) == list(range(28))
    track[0].media_reference = otio.schema.ExternalReference("late.mp4")
    otio.adapters.write_to_file(timeline, str(file))
    gone = studio.run("import_timeline", file=studio.attach(file).id)
    assert isinstance(gone.error, UsageError) and "late.mp4" in gone.error.sentence


def test_speeds_of_other_programs_are_rendered(studio: EditingStudio, tmp_path: Path) -> None:
    timeline = build_timeline("fast", 24, 160, 90, [ClipSpec("", Path("one & 'two'.mp4"), 0, 1 / 24)], {})
    for clip in timeline.find_clips():
        clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=20))
    studio.attach(save_timeline(timeline, tmp_path / "fast.otio"))
    _, outcome = studio.make("import_timeline", file="fast.otio")
    film, _ = studio.make("render_timeline", timeline=outcome.assets[0].id)
    assert numbers(film) == [9], "the middle of the twenty that it stands for"


def test_a_very_slow_clip_is_planned_to_stand_still(studio: EditingStudio) -> None:
    slow = ClipSpec("", Path("one & 'two'.mp4"), 0, 2, 0.5, effects=({"name": "speed", "factor": 0.02},))
    save_timeline(build_timeline("slow", 24, 160, 90, [slow], {}), studio.workspace.home / "slow.otio")
    outcome = studio.run("render_timeline", timeline="slow.otio")
    assert outcome.result is not None and not outcome.result.warnings
    assert outcome.result.measurements["frozen_share"] > 0.9
