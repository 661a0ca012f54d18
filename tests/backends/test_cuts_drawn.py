"""What animation does to a detector of cuts: fights, irises, coloured light, whip pans, drawings on threes."""

from __future__ import annotations

import numpy as np
import pytest
from seen_films import kinds, seen

from backends.vision.cuts.likeness import continues, outlined_alike, zoomed
from backends.vision.cuts.steps import unlit
from backends.vision.cuts.thumb import Thumb
from evals.footage.drawn import DrawnShot, paper
from evals.footage.drawn_films import drawn_negative
from evals.footage.transitions_blend import irised
from evals.footage.transitions_shots import Shot, small_world
from evals.footage.world import Rgb


def place(number: int, speed: float = 0.0) -> DrawnShot:
    return DrawnShot(paper(number), str(number), 24, 2, speed=(speed, 0.0))


def thumb(picture: Rgb) -> Thumb:
    import cv2

    grey = cv2.cvtColor(cv2.resize(picture, (96, 54), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return Thumb(np.asarray(grey, np.uint8))


def test_a_fight_of_shots_of_five_frames() -> None:
    """Each shot pans by a picture's width a second: no stretch is steady, so that a step explains little."""
    frames = [place(1).at(k) for k in range(30)]
    cuts = []
    for number, length in enumerate((5, 4, 6, 5, 7, 4, 5, 6)):
        cuts.append(len(frames))
        frames += [place(40 + number, 900.0 * (-1) ** number).at(k) for k in range(length)]
    cuts.append(len(frames))
    frames += [place(2).at(k) for k in range(30)]
    found = kinds(seen(frames))
    assert {kind for kind, _, _ in found} == {"cut"} and {first for _, first, _ in found} <= set(cuts)
    assert len(found) >= len(cuts) - 1


def test_an_iris_through_black_is_one_transition() -> None:
    one, other = place(3).at(0), place(4).at(0)
    frames = [one] * 30 + [irised(one, other, (k + 1) / 41) for k in range(40)] + [other] * 40
    ((kind, first, length),) = kinds(seen(frames))
    assert kind == "wipe" and abs(first - 30) <= 6 and abs(first + length - 70) <= 6


def test_coloured_light_that_jumps_is_no_cut() -> None:
    """Under a lamp that turns from red to blue, light shapes become dark ones."""
    shot = Shot(small_world(77), "w", 24, speed=(60, 0), scale=0.4)
    lamps = ((1.2, 0.3, 0.35), (0.3, 0.5, 1.2), (0.35, 1.2, 0.3), (1.1, 0.3, 1.0))
    frames = [(shot.at(k) * np.asarray(lamps[k // 24])).clip(0, 255).astype(np.uint8) for k in range(96)]
    assert kinds(seen(frames)) == []


@pytest.mark.parametrize("trick", ["mouth_only", "smear", "rolling_credits"])
def test_drawn_takes_have_no_transition(trick: str) -> None:
    assert kinds(seen(drawn_negative(trick, 103).frames())) == []


def test_outlines_stay_in_any_light_and_differ_between_places() -> None:
    picture = Shot(small_world(78), "w", 24, scale=0.4).at(0)
    lit = (picture * np.asarray((0.2, 1.1, 0.6))).clip(0, 255).astype(np.uint8)
    assert outlined_alike(thumb(picture), thumb(lit)) > 0.6
    assert outlined_alike(thumb(picture), thumb(Shot(small_world(79), "w", 24, scale=0.4).at(0))) < 0.4
    assert outlined_alike(thumb(np.zeros_like(picture)), thumb(picture)) == 0


def test_a_lamp_explains_a_tint_and_not_another_paint() -> None:
    old = np.random.default_rng(4).uniform(20, 230, (18, 32, 3)).astype(np.float32)
    assert unlit(old - 128, old * np.asarray((0.4, 1.0, 0.7), np.float32) - 128) < 0.01
    assert unlit(old - 128, old[..., ::-1] - 128) > 0.5


def test_views_side_by_side_go_on_and_a_zoom_shows_the_middle() -> None:
    world = small_world(81)
    left, right = (Shot(world, "w", 24, centre=(x, 360.0), scale=0.5).at(0) for x in (320.0, 960.0))
    assert continues(thumb(left), thumb(right), rows=False, lower=True) > 0.6
    assert continues(thumb(left), thumb(right), rows=False, lower=False) < 0.6
    near = Shot(world, "w", 24, centre=(320.0, 360.0), scale=1.0).at(0)
    assert zoomed(thumb(left), thumb(near)) > 0.65 > zoomed(thumb(left), thumb(right))
