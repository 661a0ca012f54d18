"""Transitions between shots of one film, loops, and shots by number: what is seen at each cut."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from editing_context import EditingStudio, frames
from media_fixtures import make_video
from numpy.typing import NDArray

from backends.media.probe import probe
from configs.errors import UsageError
from configs.settings import Settings
from evals.footage.edits import music, write_wave
from tools.editing.arrangement import Part
from tools.editing.decision.pieces import Piece
from tools.editing.decision.shots import Unitary, edge

FPS = 24
COLOURS = ((200, 40, 40), (40, 60, 210), (40, 190, 70), (220, 200, 40))
"""Shots of 2 s each, with a stripe that moves."""
SHOT = 2 * FPS


def striped(seconds: float) -> NDArray[np.uint8]:
    number = min(len(COLOURS) - 1, int(round(seconds * FPS) // SHOT))
    picture = np.full((90, 160, 3), COLOURS[number], np.uint8)
    at = (round(seconds * FPS) * (3 + number)) % 140
    picture[20 + 10 * number : 60, at : at + 20] = 255 - picture[0, 0]
    return picture


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EditingStudio]:
    made = EditingStudio(Settings(home=tmp_path_factory.mktemp("home"), brain="offline"))
    folder = tmp_path_factory.mktemp("films")
    made.attach(make_video(folder / "shots.mp4", 8.0, fps=FPS, width=160, height=90, frame=striped))
    write_wave(folder / "song.wav", music(4, 9.0, 120.0, "house")[0])
    made.attach(folder / "song.wav")
    yield made
    made.close()


def cut(studio: EditingStudio, instruction: str, **args: Any) -> tuple[Path, Any]:
    film, outcome = studio.make("edit_video", **{"video": "shots.mp4", **args}, instruction=instruction)
    return film, outcome.result


def nearest(picture: NDArray[np.int16]) -> tuple[int, float]:
    """Which shot's ground a picture's corner has, and how far it is from it."""
    corner = picture[72:88, 4:150].mean(axis=(0, 1))
    apart = [float(np.abs(corner - np.array(colour)).max()) for colour in COLOURS]
    return int(np.argmin(apart)), min(apart)


def test_dissolves_between_the_shots_show_no_other_shot(studio: EditingStudio) -> None:
    film, result = cut(studio, "dissolve between the shots")
    seen = frames(film)
    assert len(seen) == 4 * SHOT - 3 * 12 and "overlap" in result.summary
    order = [at for at, apart in map(nearest, seen) if apart < 12]
    assert order == sorted(order) and set(order) == {0, 1, 2, 3}
    # in the middle of a dissolve both are there
    middle = seen[SHOT - 6][72:88, 4:150].mean(axis=(0, 1))
    assert np.abs(middle - np.mean(COLOURS[:2], axis=0)).max() < 25


def test_a_transition_stands_between_two_shots_only(studio: EditingStudio) -> None:
    film, _ = cut(studio, "put a dissolve between shots 2 and 3")
    seen = frames(film)
    assert len(seen) == 4 * SHOT - 12
    assert nearest(seen[SHOT - 1])[0] == 0 and nearest(seen[SHOT])[0] == 1
    with pytest.raises(UsageError, match="do not meet"):
        cut(studio, "put a dissolve between shots 1 and 3")


def test_a_length_that_was_asked_for_holds_with_transitions(studio: EditingStudio) -> None:
    film, _ = cut(studio, "shorten it to 6 seconds, dissolve between the shots")
    assert probe(film).frames == 6 * FPS


@pytest.mark.parametrize("seconds", [3.0, 4.5, 5.2])
def test_a_length_holds_where_pieces_of_several_clips_are_chosen_anew(
    studio: EditingStudio, tmp_path: Path, seconds: float
) -> None:
    for number, length in enumerate((2.0, 2.4)):
        draw = partial(lit, number)
        studio.attach(make_video(tmp_path / f"part{number}.mp4", length, fps=FPS, width=160, height=90, frame=draw))
    wish = f"the best moments in {seconds:g} seconds, with dissolves between the clips"
    film, _ = cut(studio, wish, video=["part0.mp4", "shots.mp4", "part1.mp4"])
    assert probe(film).frames == round(seconds * FPS)


def test_pieces_of_a_highlight_dissolve_into_no_other_shot(studio: EditingStudio) -> None:
    film, result = cut(studio, "a 4 second highlight with dissolves between the pieces")
    seen = frames(film)
    assert len(seen) == 4 * FPS
    shown = {at for at, apart in map(nearest, seen) if apart < 12}
    told = {int(fact["source_in"] // 2) for fact in result.data["cuts"]}
    assert shown == told


def test_the_last_clip_comes_in_as_it_is_though_it_fades_out(studio: EditingStudio) -> None:
    film, _ = cut(studio, "dissolve between the shots, fade out over 1 second")
    seen = frames(film)
    start = 4 * SHOT - 3 * 12 - SHOT
    # the last shot at the end of its dissolve, before it fades
    at, apart = nearest(seen[start + 11])
    assert at == 3 and apart < 25
    assert seen[-1].mean() < 12


def test_dissolves_on_the_beat_move_no_cut(studio: EditingStudio) -> None:
    plain, _ = cut(studio, "cut to the beat", music="song.wav")
    film, result = cut(studio, "cut to the beat with dissolves between the pieces", music="song.wav")
    assert probe(film).frames == probe(plain).frames
    assert "overlap" not in result.summary


@pytest.mark.parametrize("seconds", [8.5, 20.0, 33.25])
def test_a_loop_lasts_as_long_as_was_asked_for(studio: EditingStudio, seconds: float) -> None:
    film, _ = cut(studio, f"loop it until {seconds:g} s")
    seen = frames(film)
    assert len(seen) == round(seconds * FPS)
    assert np.abs(seen[8 * FPS] - seen[0]).mean() < 2


def test_a_loop_that_is_long_enough_already_is_refused(studio: EditingStudio) -> None:
    with pytest.raises(UsageError, match="need not be repeated"):
        cut(studio, "loop it until 5 s")


@pytest.mark.parametrize(
    ("said", "order"),
    [
        ("move shot 3 to the front", [2, 0, 1, 3]),
        ("move shot 1 after shot 3", [1, 2, 0, 3]),
        ("metti l'inquadratura 4 prima della seconda inquadratura", [0, 3, 1, 2]),
        ("repeat the second shot", [0, 1, 1, 2, 3]),
        ("keep shots 2 to 4", [1, 2, 3]),
    ],
)
def test_shots_by_number(studio: EditingStudio, said: str, order: list[int]) -> None:
    film, _ = cut(studio, said)
    seen = frames(film)
    assert [nearest(seen[n * SHOT + SHOT // 2])[0] for n in range(len(order))] == order
    assert len(seen) == len(order) * SHOT


def test_one_shot_gets_shorter(studio: EditingStudio) -> None:
    film, _ = cut(studio, "make the second shot half a second shorter")
    seen = frames(film)
    assert len(seen) == 4 * SHOT - FPS // 2
    assert nearest(seen[SHOT + 35])[0] == 1 and nearest(seen[SHOT + 36])[0] == 2
    with pytest.raises(UsageError, match="longer"):
        cut(studio, "make the second shot half a second longer")


def test_music_that_is_asked_for_must_be_there(studio: EditingStudio) -> None:
    with pytest.raises(UsageError, match="no music"):
        cut(studio, "put the music under it")
    film, _ = cut(studio, "put the music under it", music="song.wav")
    assert probe(film).frames == 4 * SHOT


LAYOUTS = ("left", "top", "left", "right", "top", "right")
"""Where the light lies in each of six clips."""


def lit(number: int, seconds: float) -> NDArray[np.uint8]:
    picture = np.full((90, 160, 3), 30, np.uint8)
    place = {"left": np.s_[:, :70], "right": np.s_[:, 90:], "top": np.s_[:40, :]}[LAYOUTS[number]]
    picture[place] = (150 + 12 * number, 150, 170 - 12 * number)
    at = (round(seconds * FPS) * 2) % 150
    picture[75:85, at : at + 8] = 250 - 30 * number
    return picture


def test_match_cuts_bring_alike_pictures_together(studio: EditingStudio, tmp_path: Path) -> None:
    names = [f"light{number}.mp4" for number in range(len(LAYOUTS))]
    for number, name in enumerate(names):
        draw = partial(lit, number)
        studio.attach(make_video(tmp_path / name, 1.5, fps=FPS, width=160, height=90, frame=draw))
    _, result = cut(studio, "match cuts", video=names)
    order = [LAYOUTS[int(fact["name"].removeprefix("light"))] for fact in result.data["cuts"]]
    assert order[0] == "left" and sum(one == other for one, other in pairwise(order)) == 3, order
    assert "pictures" in result.data["cuts"][1]["why"]


def test_a_shot_is_looked_at_in_its_own_pictures() -> None:
    """Cuts may fall anywhere between the looks, five in a second."""
    for cut_at in range(30, 60):
        part = Part(cast("Any", None), "", "", Fraction(0), Fraction(90, FPS))
        before, after = (
            Unitary("", (Piece(part, first, last - first),), None, cast("Any", None))
            for first, last in ((0, cut_at), (cut_at, 90))
        )
        assert edge(before, Fraction(FPS), end=True) < cut_at / FPS <= edge(after, Fraction(FPS), end=False) + 1e-6
