"""Footage with known transitions, made and re-spliced, and how a detector is scored on it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from backends.media.probe import probe
from configs.errors import UsageError
from evals.benchmarks.cuts import Finding, Tally, is_right, matched
from evals.footage.drawn_films import FIGHT, STYLES, drawn_film, drawn_negative, fight, styles_of
from evals.footage.drawn_films import TRICKS as DRAWN_TRICKS
from evals.footage.resplice import SHORTEST_FRAMES, TRIM, pieces_of, respliced
from evals.footage.transitions import Joined, Known, draw, made_film
from evals.footage.transitions_negatives import TRICKS, negative
from evals.footage.transitions_shots import REPORT_PHOTOGRAPHS, TUNING_PHOTOGRAPHS, Shot, small_world
from evals.footage.world import write_clip


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of five shots of 2 s with hard cuts between them."""
    path = tmp_path_factory.mktemp("footage") / "five.mp4"
    takes = [Shot(small_world(80 + number), str(number), 24, speed=(10, 0), scale=0.4) for number in range(5)]
    return write_clip(path, (take.at(k) for take in takes for k in range(48)), crf=20)


def test_a_seed_makes_the_same_film() -> None:
    one, other = made_film(7, shots=3), made_film(7, shots=3)
    assert one.truth == other.truth and one.length == other.length
    for a, b in zip(one.frames(), other.frames(), strict=True):
        assert np.array_equal(a, b)
    assert made_film(8, shots=3).truth != one.truth
    assert not set(TUNING_PHOTOGRAPHS) & set(REPORT_PHOTOGRAPHS), "nothing is reported on that was tuned with"


def test_frames_are_what_the_truth_says() -> None:
    """Of a film of two flat shots: pure, mixed by (k + 1) / (n + 1), pure."""
    flat = tuple(lambda k, level=level: np.full((4, 4, 3), level, np.uint8) for level in (0, 200))
    levels = [int(f[0, 0, 0]) for f in Joined("t", 24, 20, (Known("dissolve", 3, 4),), flat, 10).frames()]
    assert levels == [0, 0, 0, 40, 80, 120, 160, 200, 200, 200]
    assert [int(f[0, 0, 0]) for f in Joined("t", 24, 20, (Known("cut", 2, 0),), flat, 4).frames()] == [0, 0, 200, 200]


def test_truth_is_written_beside_the_film(tmp_path: Path) -> None:
    film = made_film(9, shots=2)
    path = film.write(tmp_path / "film.mp4")
    written = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert written["frames"] == film.length == probe(path).frames
    assert [item["kind"] for item in written["transitions"]] == [known.kind for known in film.truth]


@pytest.mark.parametrize("trick", ["flash", "title", "shake"])
def test_tricks_have_no_transition_and_do_happen(trick: str) -> None:
    take = negative(trick, 5)
    assert take.truth == () and trick in TRICKS
    frames = [frame.astype(np.int16) for frame in take.frames()]
    assert max(float(np.abs(b - a).mean()) for a, b in pairwise(frames)) > 2


def test_pieces_lie_inside_of_shots(footage: Path) -> None:
    pieces = pieces_of(footage)
    assert [piece.shot for piece in pieces] == sorted({piece.shot for piece in pieces}) and len(pieces) == 5
    for number, piece in enumerate(pieces):
        assert piece.start >= (48 * number + TRIM) / 24 - 1e-3
        assert piece.end <= (48 * (number + 1) - TRIM) / 24 + 1e-3 or number == 4


def test_a_respliced_film_is_what_its_truth_says(footage: Path) -> None:
    film = respliced(footage, 3, pieces=9)
    assert len(film.truth) == 8 and sum(1 for _ in film.frames()) == film.length
    assert {known.kind for known in film.truth} > {"cut"}
    ends = [0] + [known.first_frame + known.frames for known in film.truth]
    begins = [known.first_frame for known in film.truth] + [film.length]
    assert min(b - a for a, b in zip(ends, begins, strict=True)) >= 7, "every piece is seen alone"
    assert all(known.frames == 0 or known.frames >= SHORTEST_FRAMES[known.kind] for known in film.truth)
    again = respliced(footage, 3, pieces=9)
    assert again.truth == film.truth and respliced(footage, 4, pieces=9).truth != film.truth


def test_a_film_of_one_shot_cannot_be_respliced(tmp_path: Path) -> None:
    still = write_clip(tmp_path / "one.mp4", (np.full((90, 160, 3), 90, np.uint8) for _ in range(60)))
    with pytest.raises(UsageError, match="fewer than two shots"):
        respliced(still, 1)


def test_findings_are_matched_once_and_nearest_first() -> None:
    truth = [Known("cut", 100, 0), Known("dissolve", 200, 20)]
    found = [Finding(98, 98, "cut"), Finding(101, 101, "cut"), Finding(205, 218, "dissolve"), Finding(300, 300, "cut")]
    assert matched(truth, found) == [(truth[0], found[1]), (truth[1], found[2])]
    assert matched([truth[0]], [Finding(103, 103, "cut")]) == []


@pytest.mark.parametrize(
    ("finding", "right"),
    [
        (Finding(198, 223, "dissolve"), True),
        (Finding(205, 225, "dissolve"), True),
        (Finding(206, 220, "dissolve"), False),
        (Finding(200, 220, "wipe"), False),
        (Finding(210, 210), False),
    ],
)
def test_a_gradual_transition_is_right_in_kind_and_borders(finding: Finding, right: bool) -> None:
    assert is_right(Known("dissolve", 200, 20), finding) is right


def test_scores() -> None:
    truth = [Known("cut", 50, 0), Known("dissolve", 100, 10), Known("wipe", 200, 10)]
    tally = Tally()
    tally.add(truth, [Finding(50, 50, "cut"), Finding(100, 110, "wipe"), Finding(300, 300, "cut")])
    figures = tally.figures()
    assert figures["all"] == {"known": 3, "precision": 0.667, "recall": 0.667, "f1": 0.667, "false": 1}
    assert figures["cut"] == {"known": 1, "found": 1.0, "f1": 0.667}
    assert figures["dissolve"] == {"known": 1, "found": 1.0, "f1": 0.0}
    assert figures["wipe"] == {"known": 1, "found": 0.0, "f1": 0.0} and "fade" not in figures
    points = Tally()
    points.add(truth, [Finding(50, 50), Finding(105, 105), Finding(300, 300)])
    assert points.figures()["cut"]["f1"] == 0.667 and points.figures()["dissolve"] == {
        "known": 1,
        "found": 1.0,
        "f1": 0.0,
    }


def test_the_command_line_hands_a_film_only_to_what_takes_one(tmp_path: Path) -> None:
    from ui.cli import app

    film = tmp_path / "film.mp4"
    film.write_bytes(b"x")
    refused = CliRunner().invoke(app, ["bench", "turn", "--film", str(film)])
    assert refused.exit_code == 2 and "measures on no film" in refused.output
    missing = CliRunner().invoke(app, ["bench", "cuts", "--film", str(tmp_path / "none.mp4")])
    assert missing.exit_code == 2 and "There is no file" in missing.output
    broken = CliRunner().invoke(app, ["bench", "cuts", "--film", str(film)])
    assert broken.exit_code == 2


@pytest.mark.parametrize("trick", ["impact_frames", "split_screen", "worn", "rolling_credits"])
def test_drawn_tricks_have_no_transition_and_do_happen(trick: str) -> None:
    take = drawn_negative(trick, 5)
    assert take.truth == () and trick in DRAWN_TRICKS
    frames = [frame.astype(np.int16) for frame in take.frames()]
    assert max(float(np.abs(b - a).mean()) for a, b in pairwise(frames)) > 1


def test_a_drawn_film_shows_every_style_once_and_a_fight_is_short_shots() -> None:
    film = drawn_film(5)
    assert sorted(styles_of(film)) == sorted([*STYLES, "cut", "cut"])
    assert drawn_film(5).truth == film.truth != drawn_film(6).truth
    first = next(iter(film.frames()))
    assert np.array_equal(first, next(iter(drawn_film(5).frames()))), "a seed draws the same"
    gaps = [b.first_frame - a.first_frame for a, b in pairwise(fight(5).truth)]
    assert len(gaps) == 24 and FIGHT[0] <= min(gaps) and max(gaps) <= FIGHT[1]


def test_an_iris_goes_through_black_and_a_cross_zoom_ends_in_the_new_picture() -> None:
    one, other = (np.full((90, 160, 3), level, np.uint8) for level in (60, 200))
    known = Known("wipe", 2, 9, "iris through black")
    assert draw(known, one, other, 4).max() == 0, "closed in the middle"
    assert draw(known, one, other, 1)[45, 80, 0] == 60 and draw(known, one, other, 1)[0, 0, 0] == 0
    zoom = Known("dissolve", 2, 9, "cross zoom")
    assert draw(zoom, one, other, 0).max() == 60 and draw(zoom, one, other, 8).min() == 200
