"""Hand-off where clips begin with their source's first frame, and where timecode drops frames."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest
from editing_context import EditingStudio, numbers

from configs.errors import UsageError
from memory.records import Asset
from tools.editing.change.desk import Desk
from tools.editing.handoff.carries import lost_in
from tools.editing.handoff.written import EDL
from tools.editing.specs import ClipSpec, MarkerSpec
from tools.editing.timeline import build_timeline, load_timeline, save_timeline


@pytest.mark.parametrize("form", ["edl", "fcpxml", "fcp7"])
def test_a_dissolve_into_the_first_frame_of_a_source_is_written_and_told(studio: EditingStudio, counting: Asset,
                                                                         form: str) -> None:  # fmt: skip
    path = Path(counting.path)
    into = ClipSpec(counting.id, path, 0.5, 0.5, 0, transition="dissolve", transition_seconds=0.25)
    clips = [ClipSpec(counting.id, path, 0, 0.5, 0.25), into]
    save_timeline(build_timeline("t", 24, 160, 90, clips, {}), studio.workspace.home / "early.otio")
    _, outcome = studio.make("export_timeline", timeline="early.otio", format=form)
    assert outcome.result is not None
    assert any("3 frames later, as the source has none before" in lost for lost in outcome.result.warnings)


def test_speeds_in_drop_frame_lists_are_read_and_written(studio: EditingStudio, counting: Asset) -> None:
    fast = ClipSpec(counting.id, Path(counting.path), 0.5, 0.4, 0, effects=({"name": "speed", "factor": 2.0},))
    clips = [ClipSpec(counting.id, Path(counting.path), 0, 0.5), fast]
    save_timeline(build_timeline("t", 30000 / 1001, 160, 90, clips, {}), studio.workspace.home / "drop.otio")
    file, _ = studio.make("export_timeline", timeline="drop.otio", format="edl")
    text = file.read_text()
    assert "00:00:00;" in text
    found = otio.adapters.read_from_string(text, adapter_name="cmx_3600", rate=30000 / 1001)
    assert [clip.effects[0].time_scalar for clip in found.find_clips() if clip.effects] == [
        pytest.approx(2.0, abs=0.01)
    ]
    other = file.with_name("other.edl")
    other.write_text(re.sub(r"(M2 .*:\d\d):(\d\d)", r"\1;\2", text))
    listed = studio.attach(other)
    _, outcome = studio.make("import_timeline", file=listed.id)
    assert outcome.error is None


def test_a_timeline_of_a_newer_version_is_named_as_such(tmp_path: Path) -> None:
    timeline = build_timeline("t", 24, 160, 90, [ClipSpec("vid-a", Path("a.mp4"), 0, 1)], {}, [], [MarkerSpec(0, "m")])
    file = save_timeline(timeline, tmp_path / "new.otio")
    file.write_text(file.read_text().replace('"Marker.2"', '"Marker.99"'))
    with pytest.raises(UsageError, match=r"'new\.otio' cannot be read: a newer OpenTimelineIO wrote it"):
        load_timeline(file)


def test_what_gets_lost_is_found_in_one_pass_over_the_film(monkeypatch: pytest.MonkeyPatch) -> None:
    """It once looked for the sounds of all shots anew for each sound: minutes for a film of 500 cuts."""
    shots = [ClipSpec("vid-a", Path("assets/a.mp4"), n, 1, n, effects=({"name": "fade_in", "seconds": 0.2},))
             for n in range(40)]  # fmt: skip
    asked: list[str] = []
    real = Desk.linked
    monkeypatch.setattr(Desk, "linked", lambda self, slot: asked.append(slot.id) or real(self, slot))
    lost = lost_in(Desk(build_timeline("many", 24, 160, 90, shots, {"source": shots})), EDL)
    assert any(one.startswith("fade in on 40 clips: lost") for one in lost), "a picture and its sound fade as one"
    assert len(asked) <= 40


def spoiled(studio: EditingStudio, counting: Asset, name: str, old: str, new: str) -> Path:
    clips = [ClipSpec(counting.id, Path(counting.path), 0, 0.5), ClipSpec(counting.id, Path(counting.path), 0.5, 0.5)]
    file = save_timeline(build_timeline("t", 24, 160, 90, clips, {}), studio.workspace.home / name)
    file.write_text(file.read_text().replace(old, new))
    return file


@pytest.mark.parametrize("form", ["edl", "fcpxml", "fcp7", "otio"])
def test_what_could_not_be_rendered_is_not_exported(
    studio: EditingStudio, counting: Asset, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    spoiled(studio, counting, "wide.otio", '"width": 160', '"width": "160:movie=x"')
    error = studio.run("export_timeline", timeline="wide.otio", format=form).error
    assert isinstance(error, UsageError) and error.problem == "The timeline has no usable size"
    spoiled(studio, counting, "long.otio", "", "")
    for module in ("tools.editing.export", "tools.editing.program"):
        monkeypatch.setattr(f"{module}.MAX_CLIPS", 1)
    error = studio.run("export_timeline", timeline="long.otio", format=form).error
    assert isinstance(error, UsageError) and error.problem == "The timeline 't' has more than 1 clips"


def test_refusals_name_what_the_user_knows_and_are_short(studio: EditingStudio, counting: Asset) -> None:
    spoiled(studio, counting, "odd.otio", f'"{counting.path}"', "5")
    error = studio.run("render_timeline", timeline="odd.otio").error
    assert isinstance(error, UsageError) and error.problem == "'odd.otio' is not a timeline"
    assert "(of type" not in error.sentence
    spoiled(studio, counting, "far.otio", f'"{counting.path}"', f'"{"a" * 50_000}.mp4"')
    far = studio.workspace.home / "far.otio"
    far.write_text(re.sub(r'"asset": "[^"]*"', '"asset": ""', far.read_text()))
    error = studio.run("render_timeline", timeline="far.otio").error
    assert isinstance(error, UsageError) and len(error.sentence) < 400
    far.write_text(far.read_text().replace("a" * 50_000 + ".mp4", ""))
    error = studio.run("render_timeline", timeline="far.otio").error
    assert isinstance(error, UsageError) and error.problem == "A clip of the timeline names no file"


def test_an_edl_of_more_events_than_it_can_count_is_told(
    studio: EditingStudio, counting: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiled(studio, counting, "two.otio", "", "")
    _, outcome = studio.make("export_timeline", timeline="two.otio", format="edl")
    assert outcome.result is not None and not any("counts to" in text for text in outcome.result.warnings)
    monkeypatch.setattr("tools.editing.handoff.written.MOST_EVENTS", 1)
    _, outcome = studio.make("export_timeline", timeline="two.otio", format="edl")
    assert outcome.result is not None
    assert "2 clips: the format counts to 1, and some programs read no further" in outcome.result.warnings


@pytest.mark.parametrize("nested", [False, True])
def test_a_clip_on_a_track_above_may_begin_and_end_during_dissolves(
    studio: EditingStudio, counting: Asset, nested: bool
) -> None:
    """As other editors lay pictures over a cut; below the edge of one, the dissolve is a cut."""

    def clip(start: int, frames: int, source: int, **more: Any) -> ClipSpec:
        return ClipSpec(counting.id, Path(counting.path), start / 24, frames / 24, source / 24, **more)

    dissolve = {"transition": "dissolve", "transition_seconds": 4 / 24}
    below = [clip(0, 8, 0), clip(8, 8, 2, **dissolve), clip(16, 8, 4, **dissolve)]
    made = build_timeline("t", 24, 160, 90, below, {})
    above = build_timeline("u", 24, 160, 90, [clip(9, 8, 12)], {}).tracks[0]
    made.tracks.append(above.clone())
    if nested:
        inner = made.tracks.clone()
        made.tracks.clear()
        track = otio.schema.Track(kind="Video")
        track.append(inner)
        made.tracks.append(track)
    save_timeline(made, studio.workspace.home / "above.otio")
    film, _ = studio.make("render_timeline", timeline="above.otio")
    seen = numbers(film)
    assert seen == [*range(8), 2, *range(12, 20), *range(5, 12)]
    for form in ("otio", "fcpxml", "edl"):
        studio.make("export_timeline", timeline="above.otio", format=form)
