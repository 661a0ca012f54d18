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
_CELLS = 27
"""Cells along the longer side."""
_PLATE = 160
"""Pixels of a plate along the longer side, about: brightness is compared at this size."""
_BLOCKS = 4
"""Blocks across and down, each of which has one vote."""
_EDGE = 2.0
"""How much more a cell at the edges counts."""


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
    prior: Cells
    """More at the edges of the picture, where the background is."""
    blocks: NDArray[np.intp]
    """Which of 4x4 blocks of the picture each cell is in."""
    rows: NDArray[np.float32]
    columns: NDArray[np.float32]
    """rows @ plate @ columns: means of the cells."""
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
    def cell(self) -> float:
        """Pixels of the side of a cell."""
        return self.size[1] / self.across

    def means(self, *plates: NDArray[np.float32]) -> list[Cells]:
        """(N,) mean of each plate (h, w) within each cell."""
        found = self.rows @ (np.array(plates) @ self.columns)
        return list(found.reshape(len(plates), -1))

    def moved(self, motion: Motion) -> tuple[Cells, Cells]:
        """How far each cell's middle moves to the right and down, pixels."""
        tx, ty, a, b = (float(value) for value in motion)
        return tx + a * self.x - b * self.y, ty + b * self.x + a * self.y


@lru_cache(maxsize=4)
def grid_of(size: tuple[int, int]) -> Grid:
    """The grid of a picture of this height and width."""
    height, width = size
    side = max(size) / _CELLS
    shrink = max(1, round(max(size) / _PLATE))
    across, down = max(4, round(width / side)), max(4, round(height / side))
    columns, rows = np.meshgrid(np.arange(across), np.arange(down))
    x = ((columns.ravel() + 0.5) / across - 0.5) * width
    y = ((rows.ravel() + 0.5) / down - 0.5) * height
    blocks = (rows * _BLOCKS // down * _BLOCKS + columns * _BLOCKS // across).ravel()
    return Grid(
        size,
        shrink,
        across,
        down,
        x.astype(np.float32),
        y.astype(np.float32),
        np.where((np.abs(x) > 0.37 * width) | (np.abs(y) > 0.37 * height), _EDGE, 1).astype(np.float32),
        blocks.astype(np.intp),
        _averaging(down, height // shrink),
        np.ascontiguousarray(_averaging(across, width // shrink).T),
        *_normal_maps(x, y),
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


def _averaging(parts: int, pixels: int) -> NDArray[np.float32]:
    """(parts, pixels) matrix of means over equal parts of a line of pixels; a pixel on a border counts for both."""
    edges = np.linspace(0, pixels, parts + 1)
    starts = np.arange(pixels)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return np.asarray(overlap.clip(0, None) * parts / pixels, np.float32)


class Plate:
    """A frame made small, with its gradients and what the cells need of them, made once."""

    def __init__(self, grey: NDArray[np.uint8]) -> None:
        """grey: (H, W) uint8, both sides at least SMALLEST_SIDE."""
        import cv2

        height, width = grey.shape
        self.grid = grid_of((height, width))
        small = cv2.resize(
            grey, (width // self.grid.shrink, height // self.grid.shrink), interpolation=cv2.INTER_AREA
        )
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
        noise = thresholds().camera.texture**2
        energy = np.maximum(self.xx + self.yy, 0)
        # Far above the noise every texture counts alike: strong edges must not outvote fine detail.
        self.trust = energy / (energy + noise)
        share = np.bincount(self.grid.blocks, self.trust, _BLOCKS**2)
        even = 1 / np.maximum(share, 0.1 * len(self.trust) / _BLOCKS**2)
        # Each block of the picture has one vote, so that a detailed thing in front does not outvote a plain background.
        self.weight = np.asarray(self.trust * even[self.grid.blocks] * self.grid.prior / _BLOCKS**2, np.float32)
        self.clear = self.trust > 0.5
        scale = self.weight / np.maximum(energy, 1e-6)
        self.metric = np.stack([self.xx * scale, self.xy * scale, self.yy * scale])

    @property
    def texture(self) -> float:
        """Share of the cells in which motion can be seen, 0..1."""
        return float(np.mean(self.clear))


def length(motion: Motion, grid: Grid) -> float:
    """Root mean square shift of the picture's points, pixels."""
    tx, ty, a, b = (float(value) for value in motion)
    return float(np.sqrt(tx * tx + ty * ty + (a * a + b * b) * grid.radius**2))
