"""Music that is given with a cut that does not follow it, and a film played at another length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from editing_context import EditingStudio, counting_film
from media_fixtures import make_wav

from backends.media.audio import read_samples
from backends.media.probe import probe
from configs.errors import UsageError
from configs.settings import Settings
from tools.editing.outline import outline
from tools.editing.timeline_file import load_timeline


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    made.attach(counting_film(tmp_path / "counting.mp4", 72, sound=False))
    made.attach(make_wav(tmp_path / "song.wav", 6.0))
    yield made
    made.close()


def test_music_lies_under_a_cut_that_does_not_follow_it(studio: EditingStudio) -> None:
    wish = 'keep the first 2 seconds with an opening title "Hi"'
    film, outcome = studio.make("edit_video", video="counting.mp4", instruction=wish, music="song.wav")
    assert outcome.result is not None and "lies under it" in outcome.result.summary
    sound = np.abs(read_samples(film, 48_000)).max(axis=1)
    end = probe(film).frames * 2000
    assert end == 4 * 48_000, "the card is 2 s long"
    assert sound[60_000:130_000].max() > 0.05
    assert sound[end - 1500 : end].max() < 0.2 * sound[60_000:130_000].max(), "it fades out"


def test_music_leaves_room_for_what_is_heard(studio: EditingStudio, tmp_path: Path) -> None:
    studio.attach(counting_film(tmp_path / "loud.mp4", 48))
    _, outcome = studio.make("edit_video", video="loud.mp4", instruction="keep the first second", music="song.wav")
    tracks = {track["role"]: track for track in outline(load_timeline(studio.path(outcome.assets[1])))["tracks"]}
    assert tracks["source"]["clips"] and tracks["music"]["clips"][0]["gain_db"] == -10


def test_a_film_is_played_in_the_time_that_is_asked_for(studio: EditingStudio) -> None:
    film, outcome = studio.make(
        "edit_video", video="counting.mp4", instruction="speed it up so that it lasts 2 seconds"
    )
    assert probe(film).frames == 48
    assert outcome.result is not None and "1.50 times its speed" in outcome.result.summary
    longer = studio.run("edit_video", video="counting.mp4", instruction="make it 5 seconds")
    assert isinstance(longer.error, UsageError) and "slow it down to 5 seconds" in longer.error.sentence
    far = studio.run("edit_video", video="counting.mp4", instruction="slow it down to 1000 seconds")
    assert isinstance(far.error, UsageError) and "cannot be played in 1000 s" in far.error.sentence
