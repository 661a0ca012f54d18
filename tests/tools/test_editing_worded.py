"""Wishes about shots and sounds of a film with a timeline of its own are done to that timeline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from editing_context import EditingStudio, clip, frames
from media_fixtures import make_video
from numpy.typing import NDArray

from backends.media.audio import read_samples
from configs.errors import UsageError
from configs.settings import Settings
from evals.footage.edits import music, talk, write_wave
from tools.editing.outline import studio_data
from tools.editing.timeline import build_timeline, load_timeline, save_timeline

FPS = 24
COLOURS = ((200, 40, 40), (40, 60, 210), (40, 190, 70))


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EditingStudio]:
    made = EditingStudio(Settings(home=tmp_path_factory.mktemp("home"), brain="offline"))
    yield made
    made.close()


@pytest.fixture
def film(studio: EditingStudio, tmp_path: Path) -> str:
    """Three shots of a second each, to their sources' very ends, over music, with a voice in the second one."""
    shots = []
    for number, colour in enumerate(COLOURS):
        picture = np.full((90, 160, 3), colour, np.uint8)
        path = make_video(tmp_path / f"shot{number}.mp4", 1.0, fps=FPS, width=160, height=90, sound=False,
                          frame=lambda _, picture=picture: picture)  # fmt: skip
        shots.append(clip(studio.attach(path), number, 1, source_seconds=1.0))
    song = studio.attach(write_wave(tmp_path / "song.wav", music(4, 4.0, 120.0, "house")[0]))
    voice = studio.attach(write_wave(tmp_path / "voice.wav", talk(2, 0.8, [(0.0, 0.8)])))
    sounds = {"music": [clip(song, 0, 3)], "dialogue": [clip(voice, 1.1, 0.8)]}
    timeline = build_timeline("story", FPS, 160, 90, shots, sounds)
    file = save_timeline(timeline, studio.workspace.home / f"{tmp_path.name}.otio")
    _, outcome = studio.make("render_timeline", timeline=file.name)
    return str(outcome.assets[0].id)


def change(studio: EditingStudio, film: str, instruction: str) -> tuple[NDArray[np.int16], Any]:
    path, outcome = studio.make("edit_video", video=film, instruction=instruction)
    return frames(path), outcome


def shots_of(seen: NDArray[np.int16]) -> list[int]:
    """Which shot each frame shows, -1 where two are mixed."""
    middles = seen[:, 40:50, 70:90].mean(axis=(1, 2))
    apart = np.abs(middles[:, None] - np.array(COLOURS)[None]).max(axis=2)
    return [int(one.argmin()) if one.min() < 16 else -1 for one in apart]


def loudness(path: Path, begin: float, end: float) -> float:
    samples = read_samples(path, rate=16_000)
    part = samples[round(begin * 16_000) : round(end * 16_000)]
    return 20 * float(np.log10(np.sqrt(np.mean(np.square(part))) + 1e-9))


@pytest.mark.parametrize(
    ("said", "order"),
    [
        ("move shot 3 to the front", [2, 0, 1]),
        ("reverse the order of the shots", [2, 1, 0]),
        ("swap shots 1 and 3", [2, 1, 0]),
        ("metti la prima inquadratura dopo la seconda inquadratura", [1, 0, 2]),
        ("delete the first shot", [1, 2]),
        ("keep only shots 1 and 3", [0, 2]),
    ],
)
def test_shots_move_on_the_timeline(studio: EditingStudio, film: str, said: str, order: list[int]) -> None:
    seen, outcome = change(studio, film, said)
    assert shots_of(seen) == [shot for shot in order for _ in range(FPS)]
    timeline = load_timeline(studio.path(outcome.assets[1]))
    roles = [track.name for track in timeline.tracks]
    assert "music" in roles and timeline.metadata["studio"]["revision"]["number"] == 2


def test_a_dissolve_takes_from_both_so_that_nothing_stands_still(studio: EditingStudio, film: str) -> None:
    seen, outcome = change(studio, film, "put a dissolve between 1 and 2")
    shown = shots_of(seen)
    assert len(shown) == 3 * FPS - 12 and shown[0] == 0 and shown[-1] == 2
    mixed = [at for at, one in enumerate(shown) if one == -1]
    assert mixed and max(mixed) < FPS and "dissolve" in outcome.result.summary


def test_a_shot_gets_shorter_and_no_longer_than_its_source(studio: EditingStudio, film: str) -> None:
    seen, _ = change(studio, film, "make the second shot half a second shorter")
    assert shots_of(seen) == [0] * FPS + [1] * (FPS // 2) + [2] * FPS
    outcome = studio.run("edit_video", video=film, instruction="make the second shot a second longer")
    assert isinstance(outcome.error, UsageError)


def test_only_the_music_gets_softer(studio: EditingStudio, film: str) -> None:
    plain = studio.path(studio.memory.get_asset(film))  # type: ignore[arg-type]
    path, outcome = studio.make("edit_video", video=film, instruction="turn the music down 12 dB")
    timeline = load_timeline(studio.path(outcome.assets[1]))
    lanes = {studio_data(track).get("role", track.name): track for track in timeline.tracks}
    gains = [item.metadata["studio"].get("gain_db") for item in lanes["music"].find_clips()]
    assert gains == [-12]
    before, after = (loudness(one, 0.0, 1.0) - loudness(one, 1.2, 1.8) for one in (plain, path))
    assert after < before - 4
    _, outcome = studio.make("edit_video", video=film, instruction="lower the music by 15 dB when she speaks")
    timeline = load_timeline(studio.path(outcome.assets[1]))
    assert timeline.metadata["studio"]["ducking"]["music"] == 15
    deeper, again = studio.make("edit_video", video=outcome.assets[0].id, instruction="lower the music when she speaks")
    assert "21 dB" in again.result.summary  # type: ignore[union-attr]
    undone = load_timeline(studio.path(again.assets[1]))
    assert undone.metadata["studio"]["ducking"]["music"] == 21 and deeper != path


def test_music_steps_back_further_than_it_does_already(studio: EditingStudio, film: str) -> None:
    plain = studio.path(studio.memory.get_asset(film))  # type: ignore[arg-type]
    path, _ = studio.make("edit_video", video=film, instruction="lower the music when she speaks")
    # Beside the line it is as loud as before, under it softer: what is left is the voice.
    assert abs(loudness(path, 0.0, 0.9) - loudness(plain, 0.0, 0.9)) < 0.5
    under = [read_samples(one, rate=16_000)[20_000:28_000] for one in (plain, path)]
    assert np.abs(under[0] - under[1]).max() > 0.002


def test_silences_go_between_the_lines_though_music_plays(studio: EditingStudio, film: str) -> None:
    path, outcome = studio.make("edit_video", video=film, instruction="remove the silences")
    # The line lasts from 1.1 to 1.9 s, in the second shot; of the others not even a flash stays.
    assert shots_of(frames(path)) == [1] * FPS
    timeline = load_timeline(studio.path(outcome.assets[1]))
    lanes = {studio_data(track).get("role", track.name): track for track in timeline.tracks}
    assert len(list(lanes["music"].find_clips())) == 1 and len(list(lanes["dialogue"].find_clips())) == 1


def test_a_sound_that_is_not_there_is_refused(studio: EditingStudio, film: str, tmp_path: Path) -> None:
    outcome = studio.run("edit_video", video=film, instruction="turn the ambience down")
    assert isinstance(outcome.error, UsageError) and "no ambience" in outcome.error.sentence
    studio.attach(make_video(tmp_path / "mixed.mp4", 1.0, fps=FPS))
    outcome = studio.run("edit_video", video="mixed.mp4", instruction="turn the music down")
    assert isinstance(outcome.error, UsageError) and "one mix" in outcome.error.sentence


def test_changes_follow_each_other(studio: EditingStudio, film: str) -> None:
    _, first = change(studio, film, "move shot 3 to the front")
    seen, outcome = change(studio, first.assets[0].id, "delete the first shot")
    assert shots_of(seen) == [0] * FPS + [1] * FPS
    assert "Version 3" in outcome.result.summary
