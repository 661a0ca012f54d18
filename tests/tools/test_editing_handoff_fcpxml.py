"""FCPXML as Final Cut Pro writes and wants it: pictures, rates, time maps that begin elsewhere, auditions."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from editing_context import EditingStudio, counting_film

from backends.media.images import save_png
from configs.errors import UsageError
from memory.records import Asset
from tools.editing.change.desk import Desk
from tools.editing.handoff.reading import read_cut
from tools.editing.outline import effects_of
from tools.editing.specs import ClipSpec, MarkerSpec, TitleSpec
from tools.editing.timeline import build_timeline, save_timeline

ORDER = ("conform-rate", "timeMap", "adjust-volume", "asset-clip", "video", "marker")
"""In which order the DTD wants what is in a clip; clips and pictures that lie on it in any order."""


@pytest.fixture
def rich(studio: EditingStudio, counting: Asset, tmp_path: Path) -> Asset:
    """A film of 24 frames per second: a clip, one of 30 with gain, a ramp of it, a picture, music, a marker."""
    fast = studio.attach(counting_film(tmp_path / "thirty.mp4", 60, fps=30, size=(320, 180)))
    save_png(tmp_path / "card.png", np.full((200, 300, 3), 90, np.uint8))
    card = studio.attach(tmp_path / "card.png")

    def clip(asset: Asset, start: float, seconds: float, **more: Any) -> ClipSpec:
        return ClipSpec(asset.id, Path(asset.path), start, seconds, **more)

    ramp = ({"name": "ramp", "factor": 0.5, "factor_end": 1.5},)
    shots = [
        clip(counting, 0, 0.5),
        clip(fast, 0.5, 0.5, gain_db=3),
        clip(fast, 1, 1, source_in=0.5, effects=ramp),
        clip(card, 2, 0.5),
    ]
    sounds = {"source": [shots[1]], "music": [clip(fast, 0, 1.5, source_in=0.25)]}
    made = build_timeline("t", 24, 160, 90, shots, sounds, [], [MarkerSpec(0.75, "here", "a note")])
    cut: Asset = studio.attach(save_timeline(made, tmp_path / "rich.otio"))
    return cut


def test_pictures_and_films_of_other_rates_are_written_as_final_cut_does(
    studio: EditingStudio, rich: Asset, counting: Asset
) -> None:
    file, _ = studio.make("export_timeline", timeline=rich.id, format="fcpxml")
    root = ElementTree.parse(file).getroot()
    formats = {one.get("id"): one.attrib for one in root.iterfind("./resources/format")}
    shapes = {
        one.get("name", "").rsplit("-", 1)[-1]: formats[one.get("format")]
        for one in root.iterfind("./resources/asset[@hasVideo]")
    }
    assert shapes["card.png"] == {"id": shapes["card.png"]["id"], "name": "FFVideoFormatRateUndefined",
                                  "width": "300", "height": "200"}  # fmt: skip
    assert (shapes["thirty.mp4"]["frameDuration"], shapes["thirty.mp4"]["width"]) == ("1/30s", "320")
    assert shapes[counting.path.rsplit("-", 1)[-1]]["id"] == "r1"
    spine = root.find(".//spine")
    assert spine is not None
    assert [one.tag for one in spine] == ["asset-clip", "asset-clip", "asset-clip", "video"]
    rates = [one.find("conform-rate") for one in spine]
    assert [None if one is None else dict(one.attrib) for one in rates] == [
        None, *[{"scaleEnabled": "0", "srcFrameRate": "30"}] * 2, None
    ]  # fmt: skip
    for clip in root.iter("asset-clip"):
        places = [ORDER.index(child.tag) for child in clip if child.tag not in ("asset-clip", "video")]
        assert places == sorted(places)
    assert [one.get("audioRole") for one in root.iter("asset-clip") if one.get("lane")] == ["music"]
    assert [one.get("note") for one in root.iter("marker")] == ["a note"]


def test_a_ramp_comes_back_as_a_ramp(studio: EditingStudio, rich: Asset) -> None:
    file, _ = studio.make("export_timeline", timeline=rich.id, format="fcpxml")
    read, notes = read_cut(file)
    assert notes == []
    (ramp,) = [effect for clip in read.tracks[0].find_clips() for effect in effects_of(clip)]
    assert ramp == {"name": "ramp", "factor": pytest.approx(0.5), "factor_end": pytest.approx(1.5)}
    assert [slot.start for slot in Desk(read).main.slots] == [0, 12, 24, 48]


@pytest.mark.parametrize("form", ["fcpxml", "fcp7"])
def test_what_markers_say_comes_back(studio: EditingStudio, rich: Asset, form: str) -> None:
    file, _ = studio.make("export_timeline", timeline=rich.id, format=form)
    read, _ = read_cut(file)
    (marker,) = read.tracks.markers
    assert (marker.name, marker.comment, marker.marked_range.start_time.value) == ("here", "a note", 18)


def test_fcp7_says_what_apple_wants_said(studio: EditingStudio, rich: Asset) -> None:
    file, _ = studio.make("export_timeline", timeline=rich.id, format="fcp7")
    text = file.read_text(encoding="utf-8")
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n<xmeml version="4">')
    root = ElementTree.fromstring(text)
    assert {len(clip.findall("rate")) for clip in root.iter("clipitem")} == {1}
    heard = root.findall(".//sequence/media/audio/track/clipitem")
    assert heard and all(clip.findtext("sourcetrack/mediatype") == "audio" for clip in heard)
    assert not root.findall(".//sequence/media/video/track/clipitem/sourcetrack")
    assert [spot.findtext("out") for spot in root.iter("marker")] == ["-1"]


def fcpxml(spine: str, path: Path, rate: str = "1/24s") -> Path:
    path.write_text(
        f'<fcpxml version="1.11"><resources><format id="r1" frameDuration="{rate}"/>'
        '<asset id="r2" name="film" src="film.mp4" duration="20s" hasVideo="1" format="r1"/></resources>'
        f'<project><sequence format="r1"><spine>{spine}</spine></sequence></project></fcpxml>'
    )
    return path


def test_a_time_map_of_the_whole_file_is_entered_where_the_clip_begins(tmp_path: Path) -> None:
    """Final Cut maps all of a file and says with `start` which part of the map is seen."""
    clip = (
        '<asset-clip ref="r2" offset="0s" start="4s" duration="2s"><timeMap><timept time="0s" value="0s"/>'
        '<timept time="10s" value="20s"/></timeMap></asset-clip>'
    )
    read, notes = read_cut(fcpxml(clip, tmp_path / "a.fcpxml"))
    (slot,) = Desk(read).main.slots
    assert (slot.start, slot.frames, float(slot.source)) == (0, 48, 192.0) and not notes
    assert slot.effects == [{"name": "speed", "factor": 2.0}]
    back = clip.replace('value="0s"', 'value="SWAP"').replace('value="20s"', 'value="0s"').replace("SWAP", "20s")
    (slot,) = Desk(read_cut(fcpxml(back, tmp_path / "b.fcpxml"))[0]).main.slots
    assert slot.backwards and slot.source == 8 * 24, "it shows 12 s down to 8 s"


def test_a_film_that_is_made_to_run_at_the_sequences_rate(tmp_path: Path) -> None:
    clip = (
        '<asset-clip ref="r2" offset="0s" start="684/25s" duration="9/4s">'
        '<conform-rate {}srcFrameRate="25"/></asset-clip>'
    )
    (slot,) = Desk(read_cut(fcpxml(clip.format(""), tmp_path / "a.fcpxml"))[0]).main.slots
    assert slot.effects == [{"name": "speed", "factor": pytest.approx(24 / 25)}]
    assert float(slot.source / 24) == pytest.approx(684 / 25)
    (slot,) = Desk(read_cut(fcpxml(clip.format('scaleEnabled="0" '), tmp_path / "b.fcpxml"))[0]).main.slots
    assert slot.effects == []


def test_auditions_show_their_pick_and_clips_without_a_length_all_of_their_file(tmp_path: Path) -> None:
    spine = (
        '<audition offset="0s"><asset-clip ref="r2" name="pick" start="1s" duration="2s"/>'
        '<asset-clip ref="r2" name="other" duration="2s"/></audition><asset-clip ref="r2" name="all"/>'
    )
    read, notes = read_cut(fcpxml(spine, tmp_path / "a.fcpxml"))
    found = [(slot.clip.name, slot.start, slot.frames) for slot in Desk(read).main.slots]
    assert found == [("pick", 0, 48), ("all", 48, 480)] and notes == []


def test_transitions_at_cards_and_rates_without_timecode_are_told(
    studio: EditingStudio, counting: Asset, tmp_path: Path
) -> None:
    path = Path(counting.path)
    shots: list[ClipSpec | TitleSpec] = [
        TitleSpec(0, 0.5, "A card"),
        ClipSpec(counting.id, path, 0.5, 0.5, 0.2, "after", transition="dissolve", transition_seconds=0.25),
    ]
    for rate, forms in ((24, ("edl", "fcpxml", "fcp7")), (12, ("fcpxml",))):
        cut = studio.attach(save_timeline(build_timeline("t", rate, 160, 90, shots, {}), tmp_path / f"{rate}.otio"))
        for form in forms:
            _, outcome = studio.make("export_timeline", timeline=cut.id, format=form)
            assert outcome.result is not None
            lost = " / ".join(outcome.result.warnings)
            assert "1 transition into or out of a title card: written as cuts (after)" in lost
            assert ("Final Cut Pro has no such rate" in lost) == (rate == 12)
    for form in ("edl", "fcp7"):
        error = studio.run("export_timeline", timeline="12.otio", format=form).error
        assert isinstance(error, UsageError) and error.sentence.startswith("A film of 12 fps has no timecode")


@pytest.mark.parametrize(("rate", "counted"), [(24, "NON-DROP FRAME"), (30000 / 1001, "DROP FRAME")])
def test_an_edl_says_how_its_frames_are_counted(
    studio: EditingStudio, counting: Asset, tmp_path: Path, rate: float, counted: str
) -> None:
    shots = [ClipSpec(counting.id, Path(counting.path), 0, 0.5)]
    cut = studio.attach(save_timeline(build_timeline("t", rate, 160, 90, shots, {}), tmp_path / "cut.otio"))
    file, _ = studio.make("export_timeline", timeline=cut.id, format="edl")
    assert file.read_text().splitlines()[1] == f"FCM: {counted}"
