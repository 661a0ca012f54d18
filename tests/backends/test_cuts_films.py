"""Transitions that real films have and made worlds seldom: empty skies, cards of titles."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from seen_films import Rgb, kinds, seen


def meadow(seed: int, sky: Sequence[int], *, left: bool) -> NDArray[np.float64]:
    """(180, 420, 3) float: a rough thing on one side of an empty sky."""
    pick = np.random.default_rng(seed)
    rough = sum(
        cv2.resize(pick.normal(0, step / 40, (180 // step, 420 // step)), (420, 180), interpolation=cv2.INTER_CUBIC)
        for step in (40, 20, 6)
    )
    place = (np.linspace(0, 1, 420) - 0.5) * (40 if left else -40)
    there = (1 / (1 + np.exp(place)))[None, :, None]
    return np.array(sky) + there * (np.asarray(rough)[..., None] * np.array([42, 38, 30]) - np.array([20, 10, 40]))


@pytest.mark.parametrize(("one", "other"), [(5, 6), (9, 10)])
def test_a_dissolve_over_an_empty_sky(one: int, other: int) -> None:
    """In the middle each half looks like one of both pictures alone."""
    old, new = meadow(one, (150, 150, 215), left=True), meadow(other, (225, 190, 205), left=False)
    frames = []
    for k in range(72):
        share, at = min(max((k - 29) / 13, 0), 1), k // 4
        mixed = (1 - share) * old[:, at : at + 320] + share * new[:, 40 - at : 360 - at]
        frames.append(mixed.clip(0, 255).astype(np.uint8))
    ((kind, first, length),) = kinds(seen(frames))
    assert kind == "dissolve"
    assert abs(first - 30) <= 2 and abs(length - 12) <= 3


def card(*lines: str, size: float = 0.5) -> Rgb:
    """White lines on black."""
    picture = np.zeros((180, 320, 3), np.uint8)
    for row, line in enumerate(lines):
        (width, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
        at = (160 - width // 2, 90 + round(40 * size * (row - len(lines) / 2)))
        cv2.putText(picture, line, at, cv2.FONT_HERSHEY_SIMPLEX, size, (235, 235, 235), 1, cv2.LINE_AA)
    return picture


def test_cards_of_titles_are_shots_of_their_own() -> None:
    """A logo fades to black, two words stand there, then the credits: each small on black, little changes in all."""
    logo, soon = card("SINTEL", size=1.6), card("COMING SOON", size=0.4)
    credits = card("DIRECTOR A. BELL", "MUSIC C. DORN", "SOUND E. FALK", "EDITOR G. HOLM", "A FILM BY US", size=0.6)
    fading = [(logo * (1 - k / 24)).astype(np.uint8) for k in range(1, 25)]
    frames = [logo] * 30 + fading + [np.zeros_like(logo)] * 10 + [soon] * 24 + [credits] * 40
    found = kinds(seen(frames))
    assert [kind for kind, _, _ in found] == ["fade", "cut"]
    assert abs(found[0][1] - 30) <= 3 and abs(sum(found[0][1:]) - 64) <= 2
    assert found[1][1] == 88


def test_words_that_appear_on_a_picture_make_no_cut() -> None:
    world = meadow(3, (120, 140, 190), left=True)[:, :320].clip(0, 255).astype(np.uint8)
    titled = np.maximum(world, card("THE FIRST DAY", "OF A LONG SUMMER", size=0.9))
    assert kinds(seen([world] * 30 + [titled] * 30 + [world] * 30)) == []
