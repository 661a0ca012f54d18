"""edit_video through the executor, on small real films."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from editing_context import EditingStudio, coloured_film, counting_film, frames, numbers
from media_fixtures import gradient, make_video

from backends.media.audio import read_samples
from backends.media.probe import probe
from configs.errors import UsageError
from configs.settings import Settings
from tools.editing.timeline import load_timeline, outline


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    made.attach(counting_film(tmp_path / "counting.mp4", 28))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("instruction", "shown"),
    [
        ("keep the first half a second", list(range(12))),
        ("keep the last quarter", list(range(21, 28))),
        ("cut out from 0.25 to 1 second", [*range(6), *range(24, 28)]),
        ("cut out the first 0.5 seconds, then play it backwards", list(range(27, 11, -1))),
        ("keep from 0.5 to 0.75 seconds and loop it 3 times", [*range(12, 18)] * 3),
        ("keep from 0.5 to 0.75 and from 0 to 0.25 seconds", [*range(12, 18), *range(6)]),
    ],
)
def test_the_frames_that_were_asked_for(studio: EditingStudio, instruction: str, shown: list[int]) -> None:
    film, _ = studio.make("edit_video", video="counting.mp4", instruction=instruction)
    assert numbers(film) == shown


def test_speed_halves_the_duration_of_picture_and_sound(studio: EditingStudio) -> None:
    film, outcome = studio.make("edit_video", video="counting.mp4", instruction="twice as fast")
    assert outcome.result is not None
    assert outcome.result.measurements["frames"] == 14
    assert len(read_samples(film, 48_000)) == pytest.approx(28_000, abs=1100)


def test_a_part_of_the_clip_can_be_slowed(studio: EditingStudio) -> None:
    film, _ = studio.make("edit_video", video="counting.mp4", instruction="slow down the last 0.5 seconds")
    shown = numbers(film)
    assert shown[:16] == list(range(16))
    assert len(shown) == 16 + 24 and shown[-1] == 27


def test_the_most_lively_seconds_in_black_and_white_with_a_line_on_top(studio: EditingStudio, tmp_path: Path) -> None:
    def draw(seconds: float) -> np.ndarray:
        # Still, but for the second from 1.5 to 2.5.
        return gradient(min(max(seconds, 1.5), 2.5) * 1.5, 320, 180)

    studio.attach(make_video(tmp_path / "bunny.mp4", 4.0, frame=draw, sound=False))
    said = "Find the most lively 1 seconds of this clip, make them black and white and put 'WAIT FOR IT' on top"
    film, outcome = studio.make("edit_video", video="bunny.mp4", instruction=said)
    seen = frames(film)
    assert len(seen) == 24
    assert (seen.max(axis=3) - seen.min(axis=3)).max() <= 6, "grey everywhere, text included"
    letters = (seen[:, :60] > 230).sum(axis=(1, 2, 3))
    assert letters.min() > 500, "white letters at the top of every frame"
    assert not (seen[:, 120:] > 245).any()
    assert outcome.result is not None
    begin = float(outcome.result.data["lively"][0].split("-")[0])
    assert 1.2 <= begin <= 1.8


def test_clips_of_all_sizes_rates_and_without_sound_are_joined_exactly(studio: EditingStudio, tmp_path: Path) -> None:
    studio.attach(coloured_film(tmp_path / "tall.mp4", 0.5, size=(90, 160), fps=30))
    studio.attach(counting_film(tmp_path / "mute.mp4", 15, fps=15, size=(64, 48), sound=False))
    film, outcome = studio.make(
        "edit_video", video=["counting.mp4", "tall.mp4", "mute.mp4"], instruction="join them together"
    )
    facts = probe(film)
    assert (facts.width, facts.height, facts.fps) == (160, 90, 24)
    assert facts.frames == 28 + 12 + 24
    assert facts.seconds == pytest.approx(64 / 24, abs=0.03)
    sound = np.abs(read_samples(film, 48_000)).max(axis=1)
    assert sound[4_000:50_000].max() > 0.1 and sound[85_000:125_000].max() < 0.01
    assert frames(film)[34][:, :20].max() < 12, "bars beside the tall one"
    assert outcome.result is not None and outcome.assets[0].scores[0].passed


def test_the_sound_can_be_taken_off(studio: EditingStudio) -> None:
    film, _ = studio.make("edit_video", video="counting.mp4", instruction="remove the sound")
    assert not probe(film).has_audio and numbers(film) == list(range(28))


def test_the_result_has_its_timeline_and_lineage(studio: EditingStudio) -> None:
    _, outcome = studio.make("edit_video", video="counting.mp4", instruction="keep the first 0.5 seconds in sepia")
    film, cut = outcome.assets
    source = studio.memory.find_asset("counting.mp4", (), thread="t")
    assert (film.kind, cut.kind) == ("video", "timeline")
    assert set(film.parents) == {cut.id, source.id} and cut.parents == (source.id,)
    assert film.engine == "ffmpeg" and film.params["operations"][1]["rationale"] == "sepia"
    facts = outline(load_timeline(studio.path(cut)))
    assert [clip["source"] for track in facts["tracks"] for clip in track["clips"]] == [source.path] * 2
    again, _ = studio.make("render_timeline", timeline=cut.id)
    assert again.read_bytes() == studio.path(film).read_bytes()


def test_the_level_of_the_source_is_kept(studio: EditingStudio) -> None:
    film, _ = studio.make("edit_video", video="counting.mp4", instruction="keep the first second")
    source = studio.path(studio.memory.find_asset("counting.mp4", (), thread="t"))
    before, after = (np.abs(read_samples(path, 48_000)[9_600:38_400]).max() for path in (source, film))
    assert after == pytest.approx(before, rel=0.05)


@pytest.mark.parametrize(
    "instruction",
    [
        "keep the first 30 seconds",
        "cut out from 1 to 9 seconds",
        "most lively 7 seconds",
        "remove everything after 0 seconds",
    ],
)
def test_out_of_range_is_an_error_and_changes_nothing(studio: EditingStudio, instruction: str) -> None:
    before = sorted(studio.workspace.assets.iterdir())
    outcome = studio.run("edit_video", video="counting.mp4", instruction=instruction)
    assert isinstance(outcome.error, UsageError)
    assert sorted(studio.workspace.assets.iterdir()) == before


def test_a_clip_that_is_not_there_or_not_a_film(studio: EditingStudio, tmp_path: Path) -> None:
    assert isinstance(studio.run("edit_video", video="nothing.mp4", instruction="loop twice").error, UsageError)
    assert isinstance(studio.run("edit_video", video=[], instruction="loop twice").error, UsageError)
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    studio.attach(text)
    assert isinstance(studio.run("edit_video", video="notes.txt", instruction="loop twice").error, UsageError)


def test_odd_sizes_and_names_with_quotes(studio: EditingStudio, tmp_path: Path) -> None:
    path = tmp_path / "it's a 'clip', [v1]; 50%.mp4"
    coloured_film(tmp_path / "plain.mp4", 0.5).rename(path)
    studio.attach(path)
    film, _ = studio.make("edit_video", video=path.name, instruction="put 'OK' on top")
    assert probe(film).frames == 12


def test_still_usable_when_the_home_has_an_odd_name(settings: Settings, tmp_path: Path) -> None:
    made = EditingStudio(settings.model_copy(update={"home": tmp_path / "it's, [my] home: 100%"}))
    made.attach(counting_film(tmp_path / "c.mp4", 6))
    film, _ = made.make("edit_video", video="c.mp4", instruction="put 'OK' on top")
    assert probe(film).frames == 6
    made.close()
