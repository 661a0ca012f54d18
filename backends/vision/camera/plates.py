"""Frames as the camera's measure sees them: small, with the texture of the cells of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.grid import CELL, VOTES, Cells, Flow, Grid, grid_of, mean_of
from backends.vision.thresholds import thresholds

_BAR_EDGE = 2
"""Pixels of a plate that a bar's edge is wide."""


@dataclass(frozen=True)
class Plates:
    """N frames made small, with their gradients and what the cells need of them, made once."""

    grid: Grid
    small: Sequence[NDArray[np.uint8]]
    """N times (h, w) luma."""
    pixels: Sequence[NDArray[np.float32]]
    """N times (3, 36, C) luma and its gradients to the right and down, sorted by cells (`Grid.pixels`)."""
    means: NDArray[np.float32]
    """(N, 9, C) means of luma p, dx, dy, and of p p, p dx, p dy, dx dx, dx dy, dy dy."""
    inside: Cells
    """(N, C) 1 where the film has no black bars, else 0."""
    variance: Cells
    slope: Flow
    """(N, 2, C) means of the gradients."""
    tensor: NDArray[np.float32]
    """(N, 3, C) covariances of the gradients: xx, xy, yy."""
    pull: Flow
    """(N, 2, C) covariances of luma and the gradients."""
    weight: Cells
    clear: NDArray[np.bool_]
    """(N, C) where motion can be seen."""
    metric: NDArray[np.float32]
    """(N, 3, C) `tensor`, each cell's scaled to its weight."""

    def __len__(self) -> int:
        return len(self.small)

    @property
    def texture(self) -> NDArray[np.float64]:
        """(N,) share of the cells in which motion can be seen, 0..1."""
        return np.asarray(self.clear.mean(axis=1))

    def part(self, first: int, end: int) -> Plates:
        """Those from `first` to before `end`; shares memory."""
        of = slice(first, end)
        return Plates(self.grid, self.small[of], self.pixels[of], *(cells[of] for cells in self._cells))

    def take(self, which: Sequence[int]) -> Plates:
        """Those with these indices."""
        at = list(which)
        small, pixels = [self.small[one] for one in at], [self.pixels[one] for one in at]
        return Plates(self.grid, small, pixels, *(cells[at] for cells in self._cells))

    def alone(self, at: int) -> Plates:
        """One of them, in memory of its own."""
        one = (cells[at : at + 1].copy() for cells in self._cells)
        return Plates(self.grid, [self.small[at].copy()], [self.pixels[at].copy()], *one)

    @property
    def _cells(self) -> tuple[NDArray[Any], ...]:
        """All that is one array for all frames."""
        return (
            self.means, self.inside, self.variance, self.slope, self.tensor, self.pull, self.weight, self.clear,
            self.metric,
        )  # fmt: skip


def joined(plates: Sequence[Plates]) -> Plates:
    """All frames of some plates of one grid, one after another."""
    cells = zip(*(some._cells for some in plates), strict=True)
    small = [one for some in plates for one in some.small]
    pixels = [one for some in plates for one in some.pixels]
    return Plates(plates[0].grid, small, pixels, *(np.concatenate(part) for part in cells))


def plates_of(greys: NDArray[np.uint8], bars: Bars, before: Plates | None = None) -> Plates:
    """Plates of (N, H, W) uint8 luma, both sides at least SMALLEST_SIDE; N + 1 with the last one of `before` first."""
    kept = 0 if before is None else 1
    grid = grid_of((greys.shape[1], greys.shape[2]))
    small = _made_small(greys, grid)
    cells = grid.across * grid.down
    means = np.empty((len(greys) + kept, 9, cells), np.float32)
    inside = np.empty((len(means), cells), np.float32)
    inside[kept:] = bars.inside(small, grid)
    if before is not None:
        means[0], inside[0] = before.means[-1], before.inside[-1]
    pixels = list(np.empty((len(greys), 3, CELL**2, cells), np.float32))
    products = np.empty((6, CELL**2, cells), np.float32)
    for one, sorted_, mean in zip(small, pixels, means[kept:], strict=True):
        _look(one, grid, sorted_, products)
        mean[:3], mean[3:] = mean_of(sorted_), mean_of(products)
    if before is None:
        return _weighed(grid, list(small), pixels, means, inside)
    return _weighed(grid, [before.small[-1], *small], [before.pixels[-1], *pixels], means, inside)


def _made_small(greys: NDArray[np.uint8], grid: Grid) -> NDArray[np.uint8]:
    """(N, h, w) of (N, H, W), all at once."""
    import cv2

    shrink = grid.shrink
    if shrink == 1:
        return greys
    height, width = grid.plate
    whole = np.ascontiguousarray(greys[:, : height * shrink, : width * shrink]).reshape(-1, width * shrink)
    small = cv2.resize(whole, (width, len(greys) * height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8).reshape(-1, height, width)


def _look(small: NDArray[np.uint8], grid: Grid, pixels: NDArray[np.float32], products: NDArray[np.float32]) -> None:
    import cv2

    grid.pixels(small, pixels[0])
    grid.pixels(np.asarray(cv2.Sobel(small, cv2.CV_32F, 1, 0, scale=1 / 8), np.float32), pixels[1])
    grid.pixels(np.asarray(cv2.Sobel(small, cv2.CV_32F, 0, 1, scale=1 / 8), np.float32), pixels[2])
    np.multiply(pixels[0], pixels, out=products[:3])
    np.multiply(pixels[1], pixels[1:], out=products[3:5])
    np.multiply(pixels[2], pixels[2], out=products[5])


def _weighed(
    grid: Grid,
    small: Sequence[NDArray[np.uint8]],
    pixels: Sequence[NDArray[np.float32]],
    means: NDArray[np.float32],
    inside: Cells,
) -> Plates:
    mean, slope = means[:, :1], means[:, 1:3]
    # Covariances: what is the same all over a cell, as a change of light is, says nothing of motion.
    variance = np.maximum(means[:, 3] - mean[:, 0] ** 2, 0)
    pull = means[:, 4:6] - slope * mean
    tensor = means[:, 6:]
    tensor = tensor - np.stack([slope[:, 0] ** 2, slope[:, 0] * slope[:, 1], slope[:, 1] ** 2], axis=1)
    noise = thresholds().camera.texture ** 2
    energy = np.maximum(tensor[:, 0] + tensor[:, 2], 0)
    # Far above the noise every texture counts alike: strong edges must not outvote fine detail.
    trust = energy / (energy + noise) * inside
    # Each block of the picture has one vote, so that a detailed thing in front does not outvote a plain background;
    # and so have its sides, where the background is.
    voters = grid.voters
    votes = VOTES / np.maximum(trust @ voters.T, 0.1 * voters.sum(axis=1))
    weight = np.asarray(trust * (votes @ voters), np.float32)
    metric = tensor * (weight / np.maximum(energy, 1e-6))[:, None]
    return Plates(
        grid, small, pixels, means, inside, variance, slope, tensor, pull, weight, trust > 0.5, metric
    )  # fmt: skip


class Bars:
    """Black bars at a film's edges: rows and columns that have been black ever since the first frame."""

    def __init__(self) -> None:
        self._rows: NDArray[np.uint8] | None = None
        self._columns: NDArray[np.uint8] | None = None

    def inside(self, small: NDArray[np.uint8], grid: Grid) -> Cells:
        """(N, C) 1 for the cells of the next N frames, (N, h, w) at a plate's size, that no bar touches, else 0."""
        rows, columns = _so_far(small.max(axis=2), self._rows), _so_far(small.max(axis=1), self._columns)
        self._rows, self._columns = rows[-1].copy(), columns[-1].copy()
        return np.stack([_free(grid, *lit) for lit in zip(_lit(rows), _lit(columns), strict=True)])


def _so_far(light: NDArray[np.uint8], before: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    if before is not None:
        np.maximum(light[0], before, out=light[0])
    return np.asarray(np.maximum.accumulate(light, axis=0))


def _lit(lines: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Of each row or column, of N frames, what is between its dark ends and a little of what is next to them: first and
    end. All of a line that is mostly dark: no bars are.
    """
    light = lines >= thresholds().camera.bar_luma
    length = lines.shape[1]
    first, last = light.argmax(axis=1), length - 1 - light[:, ::-1].argmax(axis=1)
    mostly = light.any(axis=1) & (last - first >= length / 2)
    begin = np.where(mostly & (first > 0), first + _BAR_EDGE, 0)
    end = np.where(mostly & (last < length - 1), last + 1 - _BAR_EDGE, length)
    return list(zip(begin.tolist(), end.tolist(), strict=True))


@lru_cache(maxsize=8)
def _free(grid: Grid, rows: tuple[int, int], columns: tuple[int, int]) -> Cells:
    """(C,) 1 for cells that lie wholly between two rows and two columns of a plate."""
    tall, wide = (_whole(inside, lit) for inside, lit in zip(grid.within, (rows, columns), strict=True))
    return np.asarray(np.outer(tall, wide).ravel(), np.float32)


def _whole(inside: slice, lit: tuple[int, int]) -> NDArray[np.bool_]:
    # The cell beside a bar may hold its edge.
    at = np.arange(inside.start, inside.stop)
    return np.asarray(np.all(((at >= lit[0]) & (at < lit[1])).reshape(-1, CELL), axis=1))
