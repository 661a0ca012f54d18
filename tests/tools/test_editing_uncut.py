"""Changes to a clip that was never cut here: it becomes a timeline of one clip, and sound is laid under it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from editing_context import EditingStudio, counting_film, numbers
from media_fixtures import make_wav

from backends.media.audio import read_samples
from configs.errors import UsageError
from configs.settings import Settings
from tools.editing.outline import outline
from tools.editing.timeline_file import load_timeline
from tools.editing.versions import current, undo, versions

UNDER = {"op": "insert", "at": 0, "new": {"asset": "song.wav", "track": "music"}}


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    made.attach(counting_film(tmp_path / "counting.mp4", 48))
    made.attach(make_wav(tmp_path / "song.wav", 6.0))
    yield made
    made.close()


def test_music_is_laid_under_an_uploaded_clip(studio: EditingStudio) -> None:
    film, outcome = studio.make("change_timeline", timeline="counting.mp4", changes=[UNDER], render="full")
    assert numbers(film) == numbers(studio.path(studio.memory.find_asset("counting.mp4", ("video",), "t")))
    assert outcome.result is not None and "counting.mp4 was not cut here yet" in outcome.result.summary
    assert "fades out over 0.5 s" in outcome.result.summary and "10 dB softer" in outcome.result.summary
    cut = outcome.assets[1]
    roles = {track["role"]: track for track in outline(load_timeline(studio.path(cut)))["tracks"]}
    assert {"video", "source", "music"} <= set(roles)
    assert [version.number for version in versions(studio.memory, cut)] == [1, 2]


def test_what_is_cut_off_by_the_films_end_fades(studio: EditingStudio, tmp_path: Path) -> None:
    studio.attach(counting_film(tmp_path / "mute.mp4", 48, sound=False))
    film, outcome = studio.make("change_timeline", timeline="mute.mp4", changes=[UNDER], render="full")
    sound = np.abs(read_samples(film, 48_000)).max(axis=1)[:96_000]
    middle, end = sound[40_000:60_000].max(), sound[-2000:].max()
    assert middle > 0.02 and end < 0.2 * middle
    assert outcome.result is not None and "softer" not in outcome.result.summary, "there is nothing to make room for"


def test_a_change_of_a_clip_can_be_undone(studio: EditingStudio) -> None:
    words = {"op": "caption", "start": 0.5, "end": 1.5, "text": "hello"}
    _, outcome = studio.make("change_timeline", timeline="counting.mp4", changes=[words])
    cut = outcome.assets[-1]
    _, first = undo(studio.memory, cut)
    assert first.number == 1 and current(studio.memory, cut).asset.id == first.asset.id
    tracks = outline(load_timeline(studio.path(first.asset)))["tracks"]
    assert [len(track["clips"]) for track in tracks] == [1, 1]


def test_a_change_that_does_not_fit_a_clip_records_nothing(studio: EditingStudio) -> None:
    before = {asset.id for asset in studio.memory.list_assets()}
    late = {"op": "caption", "start": 5, "end": 6, "text": "too late"}
    outcome = studio.run("change_timeline", timeline="counting.mp4", changes=[late])
    assert isinstance(outcome.error, UsageError) and "behind the film's end" in outcome.error.sentence
    assert {asset.id for asset in studio.memory.list_assets()} == before
