"""Exports: read back by OpenTimelineIO, every source named, losses told."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import opentimelineio as otio
import pytest
from editing_context import EditingStudio, counting_film

from configs.errors import UsageError
from configs.settings import Settings
from memory.records import Asset
from tools.editing.srt import read_srt


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    made.attach(counting_film(tmp_path / "counting.mp4", 28))
    yield made
    made.close()


@pytest.fixture
def edited(studio: EditingStudio) -> tuple[Asset, Asset]:
    said = "keep the first 0.5 seconds in sepia at half speed and write 'Ciao' on top"
    _, outcome = studio.make("edit_video", video="counting.mp4", instruction=said)
    film, cut = outcome.assets
    return film, cut


def test_otio_names_every_source_beside_it(studio: EditingStudio, edited: tuple[Asset, Asset]) -> None:
    file, outcome = studio.make("export_timeline", timeline=edited[1].id)
    read = otio.adapters.read_from_file(str(file))
    media = [clip.media_reference for clip in read.find_clips()]
    files = [item for item in media if isinstance(item, otio.schema.ExternalReference)]
    assert len(files) == 2 and all((file.parent / item.target_url).is_file() for item in files)
    assert all(item.available_range for item in files)
    assert read.duration().to_seconds() == pytest.approx(1.0)
    assert outcome.result is not None
    assert any("sepia" in loss for loss in outcome.result.data["unsupported"])
    assert any("caption" in loss for loss in outcome.result.data["unsupported"])
    assert not any("speed" in loss for loss in outcome.result.data["unsupported"])
    assert "counting.mp4" in outcome.result.summary


def test_the_film_stands_for_its_timeline(studio: EditingStudio, edited: tuple[Asset, Asset]) -> None:
    one, _ = studio.make("export_timeline", timeline=edited[0].id, format="otio")
    two, _ = studio.make("export_timeline", timeline=edited[1].id)
    assert one.read_bytes() == two.read_bytes()


def test_an_export_renders_again(studio: EditingStudio, edited: tuple[Asset, Asset]) -> None:
    _, outcome = studio.make("export_timeline", timeline=edited[1].id)
    film, _ = studio.make("render_timeline", timeline=outcome.assets[0].id)
    assert film.read_bytes() == studio.path(edited[0]).read_bytes()


def test_otioz_holds_the_media(studio: EditingStudio, edited: tuple[Asset, Asset]) -> None:
    file, outcome = studio.make("export_timeline", timeline=edited[1].id, format="otioz")
    read = otio.adapters.read_from_file(str(file))
    assert len(list(read.find_clips())) == 3
    with zipfile.ZipFile(file) as bundle:
        media = [name for name in bundle.namelist() if name.startswith("media/") and name.endswith(".mp4")]
        assert len(media) == 1
        assert {entry.date_time for entry in bundle.infolist()} == {(1980, 1, 1, 0, 0, 0)}, "the same bytes again"
        content = json.loads(bundle.read("content.otio"))
        assert str(studio.workspace.home) not in json.dumps(content)
    film, _ = studio.make("render_timeline", timeline=outcome.assets[0].id)
    assert film.read_bytes() == studio.path(edited[0]).read_bytes()


def test_srt_has_the_captions(studio: EditingStudio, edited: tuple[Asset, Asset]) -> None:
    file, outcome = studio.make("export_timeline", timeline=edited[0].id, format="srt")
    (caption,) = read_srt(file)
    assert (caption.text, caption.position, caption.start) == ("Ciao", "top", 0)
    assert caption.end == pytest.approx(1.0, abs=0.001)
    assert outcome.assets[0].kind == "subtitle"


def test_a_film_without_timeline_and_one_without_captions(studio: EditingStudio) -> None:
    assert isinstance(studio.run("export_timeline", timeline="counting.mp4").error, UsageError)
    _, outcome = studio.make("edit_video", video="counting.mp4", instruction="keep the first half")
    assert isinstance(studio.run("export_timeline", timeline=outcome.assets[1].id, format="srt").error, UsageError)


def test_a_lost_source_is_named(studio: EditingStudio, edited: tuple[Asset, Asset]) -> None:
    source = studio.memory.find_asset("counting.mp4", (), thread="t")
    studio.path(source).unlink()
    outcome = studio.run("export_timeline", timeline=edited[1].id)
    assert isinstance(outcome.error, UsageError) and "counting" in outcome.error.sentence
