"""A frame as the camera's measure sees it: small, with the texture of the cells of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backends.vision.thresholds import thresholds

Cells = NDArray[np.float32]
"""(N,) float32, one of each cell of the grid, row by row."""
Motion = NDArray[np.float64]
"""(4,) shift right and down of the picture's centre in pixels, a and b; a point at (x, y) from the centre moves by
(tx + a x - b y, ty + b x + a y): 1 + a + bi is scale times turn (clockwise on the screen)."""
SMALLEST_SIDE = 32
"""Pixels; below this neither flow nor a grid makes sense."""
_PLATE = 160
"""Pixels of a plate along the longer side, about: brightness is compared at this size."""
_CELL = 6
"""Pixels of a plate along the side of a cell."""
_BLOCKS = 4
"""Blocks across and down, each of which has one vote."""
_BAR_EDGE = 2
"""Pixels of a plate that a bar's edge is wide."""
_STRIP = 2
"""Cells along a side that count for it."""
_VOTES = np.array([0.6 / _BLOCKS**2] * _BLOCKS**2 + [0.1] * 4, np.float32)
"""Shares of the votes: blocks, then sides."""


@dataclass(frozen=True)
class Grid:
    """Cells on a picture of `size` (height, width), and how its plates are divided into them."""

    size: tuple[int, int]
    shrink: int
    """Pixels of the picture per pixel of its plate."""
    across: int
    down: int
    x: Cells
    y: Cells
    """Middles of the cells, pixels from the picture's middle."""
    voters: NDArray[np.float32]
    """(20, N) which cells are in each of 4x4 blocks of the picture and along each of its sides."""
    normal: NDArray[np.float32]
    """(16, 3 N): from the cells' xx, xy and yy, one after another, to the normal matrix of a motion."""
    right: NDArray[np.float32]
    """(4, 2 N): from the cells' pulls to the right and down to the right side."""

    @property
    def radius(self) -> float:
        """Root mean square distance of the picture's points from its centre, pixels."""
        height, width = self.size
        return float(np.sqrt((width**2 + height**2) / 12))

    @property
    def cell(self) -> int:
        """Pixels of the side of a cell."""
        return _CELL * self.shrink

    def means(self, *plates: NDArray[np.float32]) -> list[Cells]:
        """(N,) mean of each plate (h, w) within each cell."""
        import cv2

        rows, columns = self.within(1)
        size = (self.across, self.down)
        # Whole cells of whole pixels: OpenCV averages them many times faster than others.
        return [cv2.resize(one[rows, columns], size, interpolation=cv2.INTER_AREA).ravel() for one in plates]

    def within(self, pixel: int) -> tuple[slice, slice]:
        """Rows and columns that the cells cover of a picture with `pixel` pixels per pixel of a plate."""
        height, width = (side // self.shrink for side in self.size)
        top, left = (height - self.down * _CELL) // 2, (width - self.across * _CELL) // 2
        return (
            slice(top * pixel, (top + self.down * _CELL) * pixel),
            slice(left * pixel, (left + self.across * _CELL) * pixel),
        )

    def moved(self, motion: Motion) -> tuple[Cells, Cells]:
        """How far each cell's middle moves to the right and down, pixels."""
        tx, ty, a, b = (float(value) for value in motion)
        return tx + a * self.x - b * self.y, ty + b * self.x + a * self.y


@lru_cache(maxsize=4)
def grid_of(size: tuple[int, int]) -> Grid:
    """The grid of a picture of this height and width."""
    height, width = size
    shrink = max(1, min(round(max(size) / _PLATE), min(size) // (_BLOCKS * _CELL)))
    across, down = width // shrink // _CELL, height // shrink // _CELL
    columns, rows = np.meshgrid(np.arange(across), np.arange(down))
    x = ((columns.ravel() + 0.5) - across / 2) * _CELL * shrink
    y = ((rows.ravel() + 0.5) - down / 2) * _CELL * shrink
    blocks = (rows * _BLOCKS // down * _BLOCKS + columns * _BLOCKS // across).ravel()
    sides = [rows < _STRIP, rows >= down - _STRIP, columns < _STRIP, columns >= across - _STRIP]
    voters = [blocks == block for block in range(_BLOCKS**2)] + [side.ravel() for side in sides]
    return Grid(
        size,
        shrink,
        across,
        down,
        x.astype(np.float32),
        y.astype(np.float32),
        np.array(voters, np.float32),
        *_normal_maps(x.astype(np.float64), y.astype(np.float64)),
    )


def _normal_maps(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    one, none = np.ones_like(x), np.zeros_like(x)
    # How each of the four numbers of a motion moves a cell to the right and down.
    across, down = np.stack([one, none, x, -y]), np.stack([none, one, y, x])
    xx = across[:, None] * across[None]
    xy = across[:, None] * down[None] + down[:, None] * across[None]
    yy = down[:, None] * down[None]
    normal = np.concatenate([part.reshape(16, -1) for part in (xx, xy, yy)], axis=1)
    return np.ascontiguousarray(normal, np.float32), np.concatenate([across, down], axis=1).astype(np.float32)


class Plate:
    """A frame made small, with its gradients and what the cells need of them, made once."""

    def __init__(self, grey: NDArray[np.uint8], bars: Bars | None = None) -> None:
        """grey: (H, W) uint8, both sides at least SMALLEST_SIDE. bars: the film's, whose edges never move."""
        import cv2

        height, width = grey.shape
        self.grid = grid_of((height, width))
        shrink = self.grid.shrink
        whole = grey[: height // shrink * shrink, : width // shrink * shrink]
        small = cv2.resize(whole, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
        self.picture = picture = np.asarray(small, np.float32)
        self.dx = dx = np.asarray(cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=1 / 8), np.float32)
        self.dy = dy = np.asarray(cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=1 / 8), np.float32)
        self.mean, square, self.gx, self.gy, xx, xy, yy, px, py = self.grid.means(
            picture, picture * picture, dx, dy, dx * dx, dx * dy, dy * dy, dx * picture, dy * picture
        )
        # Covariances: what is the same all over a cell, as a change of light is, says nothing of motion.
        self.variance = np.maximum(square - self.mean**2, 0)
        self.xx, self.xy, self.yy = xx - self.gx**2, xy - self.gx * self.gy, yy - self.gy**2
        self.px, self.py = px - self.gx * self.mean, py - self.gy * self.mean
        noise = thresholds().camera.texture ** 2
        energy = np.maximum(self.xx + self.yy, 0)
        # Far above the noise every texture counts alike: strong edges must not outvote fine detail.
        self.trust = energy / (energy + noise)
        if bars is not None:
            self.trust *= bars.inside(small, self.grid)
        # Each block of the picture has one vote, so that a detailed thing in front does not outvote a plain background;
        # and so have its sides, where the background is.
        voters = self.grid.voters
        votes = _VOTES / np.maximum(voters @ self.trust, 0.1 * voters.sum(1))
        self.weight = np.asarray(self.trust * (votes @ voters), np.float32)
        self.clear = self.trust > 0.5
        scale = self.weight / np.maximum(energy, 1e-6)
        self.metric = np.stack([self.xx * scale, self.xy * scale, self.yy * scale])

    @property
    def texture(self) -> float:
        """Share of the cells in which motion can be seen, 0..1."""
        return float(np.mean(self.clear))


class Bars:
    """Black bars at a film's edges: rows and columns that have been black ever since the first frame."""

    def __init__(self) -> None:
        self._rows: NDArray[np.uint8] | None = None
        self._columns: NDArray[np.uint8] | None = None

    def inside(self, small: NDArray[np.uint8], grid: Grid) -> Cells:
        """(N,) 1 for the cells of the next frame, at a plate's size, that no bar touches, else 0."""
        rows, columns = small.max(1), small.max(0)
        if self._rows is None or self._columns is None:
            self._rows, self._columns = rows, columns
        np.maximum(self._rows, rows, out=self._rows)
        np.maximum(self._columns, columns, out=self._columns)
        down, across = grid.within(1)
        tall, wide = _lit(self._rows)[down], _lit(self._columns)[across]
        # The cell beside a bar may hold its edge.
        tall, wide = (np.all(side.reshape(-1, _CELL), axis=1) for side in (tall, wide))
        return np.asarray(np.outer(tall, wide).ravel(), np.float32)


def _lit(line: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """All but the dark ends, and a little of what is next to them; all of a line that is mostly dark: no bars are."""
    light = np.flatnonzero(line >= thresholds().camera.bar_luma)
    lit = np.ones(len(line), bool)
    if len(light) and light[-1] - light[0] >= len(line) / 2:
        first, last = int(light[0]), int(light[-1])
        lit[: first + _BAR_EDGE if first else 0] = False
        lit[last + 1 - _BAR_EDGE if last < len(line) - 1 else len(line) :] = False
    return lit


def length(motion: Motion, grid: Grid) -> float:
    """Root mean square shift of the picture's points, pixels."""
    tx, ty, a, b = (float(value) for value in motion)
    return float(np.sqrt(tx * tx + ty * ty + (a * a + b * b) * grid.radius**2))
