"""Hand-off: what each format carries is measured by reading it back; cuts from elsewhere come in and are safe."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import opentimelineio as otio
import pytest
from editing_context import EditingStudio, counting_film, numbers
from media_fixtures import make_wav
from timelines import ids

from backends.media.images import load_image
from configs.errors import UsageError
from configs.settings import Settings, load_settings
from memory.records import Asset
from tools.editing.change.desk import Desk
from tools.editing.handoff.reading import read_cut
from tools.editing.outline import effects_of, outline
from tools.editing.specs import CaptionSpec, ClipSpec, MarkerSpec
from tools.editing.srt import read_srt
from tools.editing.telling import tell
from tools.editing.timeline import build_timeline, load_timeline, save_timeline

LIGHT = {"index": "numpy", "embedder": "letters"}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("media")
    return {
        "one": counting_film(folder / "one & 'two'.mp4", 28),
        "two": counting_film(folder / "über.mp4", 28),
        "song": make_wav(folder / "song.wav", 2.0),
    }


@pytest.fixture
def studio(settings: Settings, media: dict[str, Path]) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    for path in media.values():
        made.attach(path)
    yield made
    made.close()


@pytest.fixture
def cut(studio: EditingStudio, tmp_path: Path) -> Asset:
    """Five clips: plain, dissolve, 2x, still, backwards with a whip; sound, music, a caption, markers, a look."""
    one, two, song = (
        studio.memory.find_asset(name, (), thread="t") for name in ("one & 'two'.mp4", "über.mp4", "song")
    )

    def clip(asset: Asset, start: int, frames: int, source: int, name: str, **more: Any) -> ClipSpec:
        more = {"source_seconds": 28 / 24, **more}
        return ClipSpec(asset.id, Path(asset.path), start / 24, frames / 24, source / 24, name, **more)

    shots = [
        clip(one, 0, 8, 2, "opening\nscene", effects=({"name": "grade", "look": "sepia"},)),
        clip(two, 8, 8, 6, "second", transition="dissolve", transition_seconds=4 / 24),
        clip(one, 16, 4, 4, "fast", effects=({"name": "speed", "factor": 2.0},)),
        clip(two, 24, 6, 20, "back", effects=({"name": "reverse"},)),
        clip(one, 30, 6, 8, "whipped", transition="whip", transition_seconds=2 / 24),
    ]
    made = build_timeline(
        "Cut <1> & more",
        24,
        160,
        90,
        shots,
        {"source": shots[:2], "music": [clip(song, 0, 36, 0, "song", gain_db=-6, source_seconds=2.0)]},
        [CaptionSpec(0, 0.5, "Ciao <b>& --> all</b>", "meme", "top")],
        [MarkerSpec(0, "shot 1"), MarkerSpec(16 / 24, "fast one", "look")],
    )
    return studio.attach(save_timeline(made, tmp_path / "cut.otio"))


def export(studio: EditingStudio, cut: Asset, form: str) -> tuple[Path, list[str]]:
    file, outcome = studio.make("export_timeline", timeline=cut.id, format=form)
    assert outcome.result is not None
    lost = outcome.result.data["unsupported"]
    assert outcome.result.warnings == tuple(lost) == tuple(outcome.assets[0].params["unsupported"])
    return file, lost


def pictures(timeline: otio.schema.Timeline) -> list[tuple[str, int, int]]:
    return [(str(slot.clip.name), slot.start, slot.frames) for slot in Desk(timeline).main.slots]


def says(lost: list[str], *parts: str) -> bool:
    return all(any(part in sentence for sentence in lost) for part in parts)


WHERE = [("second", 8, 8), ("fast", 16, 4), ("back", 24, 6), ("whipped", 30, 6)]


def test_edl_carries_pictures_dissolves_and_speeds(studio: EditingStudio, cut: Asset) -> None:
    file, lost = export(studio, cut, "edl")
    read = otio.adapters.read_from_file(str(file), adapter_name="cmx_3600", rate=24, ignore_timecode_mismatch=True)
    assert read.duration().value == 36 and len(read.tracks) == 1
    # An EDL's dissolve begins with its clip: two frames before the cut.
    assert pictures(read) == [("opening scene", 0, 6), ("second", 6, 10), ("fast", 16, 4), ("black", 20, 4),
                              ("back", 24, 5), ("whipped", 29, 7)]  # fmt: skip
    clips = {clip.name: clip for clip in read.find_clips()}
    assert effects_of(clips["fast"]) == [{"name": "speed", "factor": 2.0}]
    assert (
        clips["fast"].media_reference.target_url
        == (studio.workspace.home / "assets").as_uri()
        + "/"
        + (studio.memory.find_asset("one & 'two'.mp4", (), thread="t").path.split("/")[-1])
    )
    joins = [item for item in read.tracks[0] if isinstance(item, otio.schema.Transition)]
    assert [round(join.out_offset.value) for join in joins] == [4, 2]
    assert not read.tracks.markers and says(lost, "marker", "sound", "whip", "backwards", "sepia", "caption", "160x90")
    assert len(file.read_text().split("\n001")) == 2, "a line break in a name makes no event"


def test_fcp7_carries_tracks_names_dissolves_and_markers(studio: EditingStudio, cut: Asset) -> None:
    file, lost = export(studio, cut, "fcp7")
    read = otio.adapters.read_from_file(str(file), adapter_name="fcp_xml")
    assert pictures(read) == [("opening scene", 0, 8), *WHERE]
    assert [len(list(track.find_clips())) for track in read.audio_tracks()] == [2, 1]
    assert [marker.name for marker in read.tracks.markers] == ["shot 1", "fast one"]
    joins = [item for item in read.tracks[0] if isinstance(item, otio.schema.Transition)]
    assert [(round(join.in_offset.value), round(join.out_offset.value)) for join in joins] == [(2, 2), (1, 1)]
    assert all((clip.media_reference.target_url or "").startswith("file:///") for clip in read.find_clips())
    assert not any(effects_of(clip) for clip in read.find_clips())
    assert says(lost, "speed of 1 clip: lost", "backwards", "whip", "gain of 1 clip", "sepia", "caption")
    assert not says(lost, "marker")


def test_fcpxml_carries_speeds_stills_gain_and_markers(studio: EditingStudio, cut: Asset) -> None:
    fast = ids(load_timeline(studio.path(cut)))[2]
    still_at = {"op": "freeze", "clip": fast, "inside": 4 / 24, "seconds": 4 / 24}
    studio.make("change_timeline", timeline=cut.id, changes=[still_at])
    newest = studio.memory.list_assets("timeline")[0]
    file, lost = export(studio, newest, "fcpxml")
    (adapted,) = otio.adapters.read_from_file(str(file), adapter_name="fcpx_xml")
    still = ("fast (still)", 20, 4)
    later = [(name, start + 4 * (start >= 20), frames) for name, start, frames in WHERE]
    wanted = [("opening scene", 0, 8), *later[:2], still, *later[2:]]
    spine = next(track for track in adapted.tracks if track.name == "0")
    found = [(clip.name, round(clip.trimmed_range_in_parent().start_time.value), round(clip.duration().value))
             for clip in spine.find_clips()]  # fmt: skip
    assert found == wanted, "the installed adapter finds every clip where it is"
    read, notes = read_cut(file)
    assert pictures(read) == wanted and notes == []
    clips = {clip.name: clip for clip in read.tracks[0].find_clips()}
    assert effects_of(clips["fast"]) == [{"name": "speed", "factor": 2.0}]
    assert effects_of(clips["back"]) == [{"name": "reverse"}]
    assert any(isinstance(effect, otio.schema.FreezeFrame) for effect in clips["fast (still)"].effects)
    assert clips["back"].source_range.start_time.value == 20 and clips["fast"].source_range.start_time.value == 4
    joins = [item for item in read.tracks[0] if isinstance(item, otio.schema.Transition)]
    assert [(round(join.in_offset.value), round(join.out_offset.value)) for join in joins] == [(2, 2), (1, 1)]
    assert {marker.name for marker in read.tracks.markers} == {"shot 1", "fast one"}
    root = ElementTree.fromstring(file.read_text(encoding="utf-8"))
    assert [one.get("amount") for one in root.iter("adjust-volume")] == ["-6dB"]
    assert says(lost, "whip", "sepia", "caption") and not says(lost, "speed") and not says(lost, "marker")


@pytest.mark.parametrize("form", ["edl", "fcpxml", "fcp7"])
def test_what_was_written_comes_back_and_renders_the_same_frames(
    studio: EditingStudio, cut: Asset, form: str, tmp_path: Path
) -> None:
    file, _ = export(studio, cut, form)
    copy = tmp_path / f"from-elsewhere{file.suffix}"
    copy.write_bytes(file.read_bytes())
    studio.attach(copy)
    _, outcome = studio.make("import_timeline", file=copy.name, fps=24)
    assert outcome.result is not None and outcome.result.data["missing"] == []
    film, _ = studio.make("render_timeline", timeline=outcome.assets[0].id)
    plain, _ = studio.make(
        "change_timeline",
        timeline=cut.id,
        changes=[
            {"op": "grade", "clip": ids(load_timeline(studio.path(cut)))[0], "look": ""},
            {"op": "ripple_delete", "clip": "caption-1-0"},
        ],
        render="full",
    )
    seen, wanted = numbers(film), numbers(plain)
    assert len(seen) == len(wanted) == 36
    # A whip is a dissolve elsewhere; FCP7 has no speeds, EDL and FCP7 play nothing backwards.
    same = {"edl": [*range(24), *range(31, 36)], "fcp7": [*range(16), *range(31, 36)]}.get(
        form, [*range(29), *range(31, 36)]
    )
    assert [seen[at] for at in same] == [wanted[at] for at in same]


def test_ntsc_is_exact(studio: EditingStudio, tmp_path: Path) -> None:
    one = studio.memory.find_asset("über.mp4", (), thread="t")
    shots = [ClipSpec(one.id, Path(one.path), n * 0.2002, 0.2002, 0, f"s{n}", source_seconds=1.0) for n in range(5)]
    cut = studio.attach(save_timeline(build_timeline("n", 29.97, 160, 90, shots, {}), tmp_path / "ntsc.otio"))
    for form in ("edl", "fcpxml", "fcp7"):
        file, _ = export(studio, cut, form)
        read, _ = read_cut(file, 30000 / 1001)
        assert pictures(read) == [(f"s{n}", 6 * n, 6) for n in range(5)], form


def test_vtt_and_srt_say_what_they_lose(studio: EditingStudio, cut: Asset) -> None:
    file, lost = export(studio, cut, "vtt")
    text = file.read_text(encoding="utf-8")
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:00.500 line:5%\nCiao &lt;b&gt;&amp; --&gt; all&lt;/b&gt;")
    assert says(lost, "look of captions (meme)")
    assert read_srt(file)[0].start == 0 and export(studio, cut, "srt")[1] == lost


def test_a_contact_sheet_shows_every_clip(studio: EditingStudio, cut: Asset) -> None:
    file, lost = export(studio, cut, "contact_sheet")
    sheet = load_image(file).astype(int)
    # The pictures are grey by frame number: from the middle of each clip.
    greys = [20 + 8 * frame for frame in (6, 10, 8, 23, 11)]
    for grey in greys:
        assert (np.abs(sheet - grey).max(axis=2) <= 3).mean() > 0.02, grey
    assert says(lost, "as in the sources")


def test_a_contact_sheet_shows_what_cards_say(studio: EditingStudio, cut: Asset) -> None:
    title = {"op": "title", "at": 0, "seconds": 0.5, "text": "HELLO", "ground": "#204060"}
    _, outcome = studio.make("change_timeline", timeline=cut.id, changes=[title])
    file, _ = export(studio, outcome.assets[0], "contact_sheet")
    sheet = load_image(file).astype(int)[:200, :330]
    assert (np.abs(sheet - [0x20, 0x40, 0x60]).max(axis=2) <= 4).sum() > 20_000
    assert (sheet[60:140, 100:250].min(axis=2) > 230).sum() > 100


def test_an_export_stands_for_its_timeline(studio: EditingStudio, cut: Asset) -> None:
    _, outcome = studio.make("export_timeline", timeline=cut.id)
    clip = ids(load_timeline(studio.path(cut)))[0]
    _, changed = studio.make(
        "change_timeline", timeline=outcome.assets[0].id, changes=[{"op": "trim", "clip": clip, "head": 2 / 24}]
    )
    assert changed.assets[0].params["version"]["before"] == cut.id


@pytest.mark.parametrize("form", ["edl", "fcpxml", "fcp7"])
def test_titles_and_gaps_are_black_for_as_long(studio: EditingStudio, cut: Asset, form: str) -> None:
    title = {"op": "title", "at": 0, "seconds": 0.5, "text": "Hello"}
    _, outcome = studio.make("change_timeline", timeline=cut.id, changes=[title])
    file, lost = export(studio, outcome.assets[0], form)
    read, _ = read_cut(file, 24)
    assert pictures(read)[0][1] == 12 and Desk(read).length == 48
    assert says(lost, "1 title card: black for as long (Hello)")


@pytest.mark.parametrize("form", ["otio", "edl", "fcpxml", "fcp7"])
def test_a_black_card_at_the_end_stays(studio: EditingStudio, cut: Asset, form: str) -> None:
    title = {"op": "title", "at": 1.5, "seconds": 0.5, "text": "THE END"}
    _, outcome = studio.make("change_timeline", timeline=cut.id, changes=[title])
    file, _ = export(studio, outcome.assets[0], form)
    assert Desk(read_cut(file, 24)[0]).length == 48


def test_a_size_that_no_film_has_is_refused(studio: EditingStudio, cut: Asset, tmp_path: Path) -> None:
    file, _ = export(studio, cut, "fcpxml")
    huge = tmp_path / "huge.fcpxml"
    huge.write_text(file.read_text(encoding="utf-8").replace('width="160"', 'width="99999999"'), encoding="utf-8")
    studio.attach(huge)
    outcome = studio.run("import_timeline", file="huge.fcpxml")
    assert isinstance(outcome.error, UsageError) and "no usable size" in outcome.error.problem


@pytest.mark.parametrize(("scalar", "seen"), [(-1.0, [9, 8, 7, 6]), (0.0, [6, 6, 6, 6]), (-2.0, [12, 10, 8, 6])])
def test_speeds_of_other_programs_mean_the_same_everywhere(
    studio: EditingStudio, tmp_path: Path, scalar: float, seen: list[int]
) -> None:
    """Rendered as it is, imported, or changed first: 0 is a still, below 0 is backwards."""
    one = studio.memory.find_asset("über.mp4", (), thread="t")
    made = build_timeline("x", 24, 160, 90, [ClipSpec(one.id, Path(one.path), 0, 4 / 24, 6 / 24)], {})
    for clip in made.find_clips():
        clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=scalar))
    cut = studio.attach(save_timeline(made, tmp_path / f"warp{scalar}.otio"))
    _, imported = studio.make("import_timeline", file=cut.id)
    _, changed = studio.make(
        "change_timeline", timeline=cut.id, changes=[{"op": "split", "clip": ids(made)[0], "inside": 2 / 24}]
    )
    for asset in (cut, imported.assets[0], changed.assets[0]):
        film, _ = studio.make("render_timeline", timeline=asset.id)
        assert numbers(film) == seen, asset.name


def test_a_colour_table_that_is_not_there_is_no_change(studio: EditingStudio, cut: Asset) -> None:
    clip = ids(load_timeline(studio.path(cut)))[0]
    before = len(studio.memory.list_assets("timeline"))
    for table, known in (("0" * 24, False), ("noir", True)):
        change = {"op": "effect", "clip": clip, "effect": {"name": "lut", "table": table}}
        outcome = studio.run("change_timeline", timeline=cut.id, changes=[change])
        assert (outcome.error is None) is known
        assert known or "no colour table" in str(outcome.error)
        assert len(studio.memory.list_assets("timeline")) == before + known


def test_takes_inside_a_clip_are_shown(studio: EditingStudio, cut: Asset) -> None:
    timeline = load_timeline(studio.path(cut))
    clip = next(iter(timeline.video_tracks()[0].find_clips()))
    used = clip.media_reference
    takes = {"good": used.clone(), "shaky": otio.schema.ExternalReference(target_url="assets/other.mp4")}
    clip.set_media_references(takes, "good")
    assert outline(timeline)["tracks"][0]["clips"][0]["takes"] == ["good", "shaky"]
    assert any("take 'good' of 2 (also shaky)" in line for line in tell(timeline))


@pytest.mark.parametrize("form", ["edl", "fcpxml"])
def test_a_retimed_clip_after_a_dissolve_keeps_its_source(studio: EditingStudio, cut: Asset, form: str) -> None:
    clip = ids(load_timeline(studio.path(cut)))[1]
    _, outcome = studio.make(
        "change_timeline", timeline=cut.id, changes=[{"op": "retime", "clip": clip, "factor": 2, "rationale": "tempo"}]
    )
    file, _ = export(studio, outcome.assets[0], form)
    slots = Desk(read_cut(file, 24)[0]).main.slots
    made = slots[1]
    assert made.speeds() == (2, 2) and (made.start, made.end) == (6 if form == "edl" else 8, 12)
    # The frame at the cut: the sixth of its source.
    assert made.source + made.eaten(8 - made.start) == 6
    if form == "edl":
        assert "M2   VID" in file.read_text() and " 048.0 " in file.read_text()


@pytest.mark.parametrize(("frame", "fps"), [("23", 24), ("24", 25), ("29", 30)])
def test_the_rate_of_an_edl_is_guessed_and_told(tmp_path: Path, frame: str, fps: int) -> None:
    path = tmp_path / "list.edl"
    path.write_text(f"TITLE: x\n\n001  AX  V  C  00:00:00:00 00:00:01:{frame} 00:00:00:00 00:00:01:{frame}\n")
    read, notes = read_cut(path)
    assert Desk(read).rate == fps and Desk(read).length == fps + int(frame) and any(str(fps) in note for note in notes)


def test_stereo_tracks_are_heard_once_and_foreign_generators_are_black(
    studio: EditingStudio, cut: Asset, tmp_path: Path
) -> None:
    made = load_timeline(studio.path(cut))
    made.tracks.append(made.tracks[1].clone())
    slug = otio.schema.GeneratorReference(name="Slug", generator_kind="Slug")
    made.tracks[0][0].media_reference = slug
    studio.attach(save_timeline(made, tmp_path / "premiere.otio"))
    _, outcome = studio.make("import_timeline", file="premiere.otio")
    tracks = Desk(load_timeline(studio.path(outcome.assets[0]))).lanes
    assert [len(lane.slots) for lane in tracks if lane.is_sound] == [2, 1]
    assert outcome.result is not None and any("black here" in text for text in outcome.result.warnings)
    assert tracks[0].slots[0].start == 8


def test_a_bundle_brings_its_media_into_another_studio(studio: EditingStudio, cut: Asset, tmp_path: Path) -> None:
    file, _ = export(studio, cut, "otioz")
    plain, _ = studio.make("render_timeline", timeline=cut.id)
    other = EditingStudio(load_settings(home=tmp_path / "other", brain="offline", memory=LIGHT))
    try:
        copy = tmp_path / "film.otioz"
        copy.write_bytes(file.read_bytes())
        other.attach(copy)
        _, outcome = other.make("import_timeline", file="film.otioz")
        assert outcome.result is not None and outcome.result.data["missing"] == []
        film, _ = other.make("render_timeline", timeline=outcome.assets[0].id)
        assert numbers(film) == numbers(plain)
        assert len(other.memory.list_assets("video")) == 3  # two sources and the film
    finally:
        other.close()


def test_hostile_bundles_take_nothing_in(studio: EditingStudio, cut: Asset, tmp_path: Path) -> None:
    content = (studio.path(cut)).read_bytes()
    for name, entry, raw in (
        ("slip.otioz", "media/../../../evil.mp4", b"#EXTM3U\nfile:///etc/passwd\n"),
        ("text.otioz", "media/a.mp4", b"no film at all"),
    ):
        with zipfile.ZipFile(tmp_path / name, "w") as bundle:
            bundle.writestr("content.otio", content)
            bundle.writestr(entry, raw)
        studio.attach(tmp_path / name)
        before = {asset.id for asset in studio.memory.list_assets()}
        assert isinstance(studio.run("import_timeline", file=name).error, UsageError)
        assert {asset.id for asset in studio.memory.list_assets()} == before
        assert not list(tmp_path.rglob("evil*"))


def test_fcpxml_nested_too_deeply_is_told(tmp_path: Path) -> None:
    deep = '<gap lane="1" offset="0s" duration="1s">' * 3000 + "</gap>" * 3000
    path = tmp_path / "deep.fcpxml"
    path.write_text(
        "<fcpxml><resources><format id='r1' frameDuration='1/24s'/></resources><project><sequence format='r1'>"
        f"<spine><gap offset='0s' duration='1s'>{deep}</gap></spine></sequence></project></fcpxml>"
    )
    with pytest.raises(UsageError, match="nested too deeply"):
        read_cut(path)
