"""Many small pictures in one step give what each of them gives alone: nothing leaks over the borders between them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from backends.vision.coherence import stacks

RNG = np.random.default_rng(4)
COUNT, ROWS, COLUMNS = 5, 45, 80


def pictures(rows: int = ROWS, columns: int = COLUMNS) -> NDArray[np.float32]:
    return RNG.uniform(0, 255, (COUNT, rows, columns)).astype(np.float32)


@pytest.mark.parametrize(("rows", "columns"), [(180, 320), (90, 160), (135, 240), (179, 320), (101, 200)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_smaller_is_what_each_area_has_in_the_mean(rows: int, columns: int, channels: tuple[int, ...]) -> None:
    shown = RNG.integers(0, 256, (COUNT, rows, columns, *channels), np.uint8)
    alone = [cv2.resize(one, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA) for one in shown]
    # Halved twice it is rounded twice.
    assert np.abs(stacks.smaller(shown, ROWS, COLUMNS).astype(int) - np.stack(alone)).max() <= 1


def test_halved_and_doubled() -> None:
    shown = pictures(44)
    half = [cv2.resize(one, (40, 22), interpolation=cv2.INTER_AREA) for one in shown]
    np.testing.assert_allclose(stacks.halved(shown), np.stack(half), rtol=1e-5)
    double = [cv2.resize(one, (160, 88), interpolation=cv2.INTER_LINEAR) for one in shown]
    np.testing.assert_allclose(stacks.doubled(shown), np.stack(double), rtol=1e-4)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_what_is_read_outside_repeats_the_own_edge(channels: tuple[int, ...]) -> None:
    shown = RNG.uniform(0, 255, (COUNT, ROWS, COLUMNS, *channels)).astype(np.float32)
    x = RNG.uniform(-9, COLUMNS + 9, (COUNT, ROWS, COLUMNS)).astype(np.float32)
    y = RNG.uniform(-9, ROWS + 9, (COUNT, ROWS, COLUMNS)).astype(np.float32)
    alone = [
        cv2.remap(one, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for one, across, down in zip(shown, x, y, strict=True)
    ]
    # In a tall picture float32 has less left for the part of a row, and it is rounded to 1/32.
    off = np.abs(stacks.taken(shown, x, y) - np.stack(alone))
    assert np.percentile(off, 99) < 0.01 and off.max() < 255 / 16


@pytest.mark.parametrize("side", [3, 4, 7])
def test_eroded_and_dilated(side: int) -> None:
    shown = pictures()
    square = np.ones((side, side), np.uint8)
    np.testing.assert_array_equal(stacks.eroded(shown, side), np.stack([cv2.erode(one, square) for one in shown]))
    mask = (shown > 60).astype(np.uint8)
    np.testing.assert_array_equal(stacks.eroded(mask, side), np.stack([cv2.erode(one, square) for one in mask]))
    if side % 2:
        np.testing.assert_array_equal(stacks.dilated(shown, side), np.stack([cv2.dilate(one, square) for one in shown]))


def test_quantile_is_that_of_the_usable_ones() -> None:
    values = RNG.normal(size=(6, 31))
    usable = RNG.random((6, 31)) < 0.6
    usable[4], usable[5] = False, np.arange(31) == 7
    for share in (0.5, 0.98):
        found = stacks.quantile(values, usable, share)
        for row in (0, 1, 2, 3, 5):
            assert found[row] == pytest.approx(np.quantile(values[row][usable[row]], share))
        assert np.isnan(found[4])


def test_matrices_that_make_means_and_lines() -> None:
    shown = pictures()[0]
    mean = stacks.means_to(ROWS, 4) @ shown @ stacks.means_to(COLUMNS, 6).T
    np.testing.assert_allclose(mean, cv2.resize(shown, (6, 4), interpolation=cv2.INTER_AREA), rtol=1e-4)
    small = mean[:3, :5].astype(np.float32)
    large = stacks.linear_to(ROWS, 3) @ small @ stacks.linear_to(COLUMNS, 5).T
    np.testing.assert_allclose(large, cv2.resize(small, (COLUMNS, ROWS)), rtol=1e-3)
