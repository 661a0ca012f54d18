"""Calibration: the pass mark, the figures against a count by hand, and when nothing may be gated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backends.vision.identity.calibration import (
    FALSE_ACCEPTS,
    Calibration,
    auc_with_interval,
    best,
    calibrate,
    calibration_from,
    own_scores,
    pass_mark,
    similarity,
)
from backends.vision.identity.encoder import unit

GOOD = Calibration("colour", "colour-1", 0.7, 0.97, 0.92, 1.0, 0.9, 0.05, 16, 40)


def cloud(seed: int, count: int, spread: float, towards: int = 0) -> list[np.ndarray]:
    """Unit vectors around one axis of 64 dimensions."""
    chance = np.random.default_rng(seed)
    centre = np.zeros(64)
    centre[towards] = 1
    return [unit(centre + spread * chance.normal(size=64)) for _ in range(count)]


def test_two_clouds_apart_are_told_apart() -> None:
    found = calibrate(
        "clip", "clip-1", cloud(1, 12, 0.05), {"Anna": cloud(2, 20, 0.05, 1), "Tom": cloud(3, 20, 0.05, 2)}
    )
    assert found.auc == found.auc_low == found.auc_high == 1.0 and found.tpr == 1.0 and found.far <= FALSE_ACCEPTS
    assert (found.positives, found.negatives, found.undetected) == (12, 40, 0) and found.gates and not found.why_not()
    assert found.hardest in ("Anna", "Tom") and found.separation > 5


def test_one_cloud_for_both_refuses_to_gate() -> None:
    found = calibrate("clip", "clip-1", cloud(1, 20, 0.3), {"Twin": cloud(2, 20, 0.3)})
    assert found.auc < 0.8 and not found.gates and "cannot tell this character apart" in found.why_not()
    assert best([found]) is None


@pytest.mark.parametrize(("own", "others"), [(7, 40), (40, 7), (1, 40), (0, 40), (12, 0)])
def test_too_few_pictures_refuse_to_gate(own: int, others: int) -> None:
    found = calibrate("clip", "clip-1", cloud(1, own, 0.05), {"Anna": cloud(2, others, 0.05, 1)} if others else {})
    assert not found.gates and "8 of each are needed" in found.why_not() and np.isfinite(found.threshold)


def test_figures_agree_with_a_count_by_hand() -> None:
    chance = np.random.default_rng(7)
    own, others = chance.normal(0.8, 0.1, 31), chance.normal(0.6, 0.1, 57)
    area, low, high = auc_with_interval(own, others)
    pairs = (own[:, None] > others[None]).mean()
    assert area == pytest.approx(float(pairs), abs=1e-12) and low < area < high
    assert (area, low, high) == auc_with_interval(own, others)
    mark = pass_mark(own, others)
    assert (others >= mark).sum() == int(FALSE_ACCEPTS * len(others))
    lower = mark - 1e-9
    while (others >= lower).sum() == (others >= mark).sum():
        lower -= 1e-4
    assert (others >= lower).mean() > FALSE_ACCEPTS, "a lower mark would have done"


def test_the_mark_lies_in_the_middle_of_a_gap() -> None:
    assert pass_mark(np.array([0.9, 0.95]), np.array([0.1, 0.5])) == pytest.approx(0.7)
    assert pass_mark(np.array([0.2]), np.array([0.9])) > 0.9


def test_a_reference_is_never_compared_with_itself() -> None:
    vectors = np.stack(cloud(1, 6, 0.4))
    scores = own_scores(vectors)
    assert scores.shape == (6,) and (scores < 0.99).all()
    assert similarity(vectors[0], vectors) > scores[0]


def test_the_best_is_the_surest_not_the_luckiest_and_finds_its_character() -> None:
    lucky = replace(GOOD, encoder="clip", auc=0.99, auc_low=0.80)
    blind = replace(GOOD, encoder="arcface", auc=1.0, auc_low=1.0, undetected=40)
    weak = replace(GOOD, encoder="dinov2", auc=0.7, auc_low=0.65)
    assert best([lucky, GOOD, blind, weak]) == GOOD
    assert best([blind, weak]) is None
    equal = replace(GOOD, encoder="dinov2", separation=3.0)
    assert best([GOOD, equal]) == equal


@pytest.mark.parametrize(
    "data",
    [
        {}, {"encoder": "clip"}, {**GOOD.to_data(), "threshold": "high"}, {**GOOD.to_data(), "auc": float("nan")},
        {**GOOD.to_data(), "positives": -3}, {**GOOD.to_data(), "positives": True}, {**GOOD.to_data(), "hardest": 4},
    ],
)  # fmt: skip
def test_what_memory_holds_is_not_believed(data: dict[str, object]) -> None:
    assert calibration_from(data) is None
    assert calibration_from(GOOD.to_data()) == GOOD
