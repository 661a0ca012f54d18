"""The grid of cells that a picture is divided into, and how a motion of the picture moves them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.float32]
"""(..., C) float32, one of each cell of the grid, row by row."""
Flow = NDArray[np.float32]
"""(..., 2, C) float32: how far each cell moves to the right and down, pixels."""
Motion = NDArray[np.float64]
"""(..., 4) shift right and down of the picture's centre in pixels, a and b; a point at (x, y) from the centre moves by
(tx + a x - b y, ty + b x + a y): 1 + a + bi is scale times turn (clockwise on the screen)."""
SMALLEST_SIDE = 32
"""Pixels; below this neither flow nor a grid makes sense."""
CELL = 6
"""Pixels of a plate along the side of a cell."""
_PLATE = 160
"""Pixels of a plate along the longer side, about: brightness is compared at this size."""
_BLOCKS = 4
"""Blocks across and down, each of which has one vote."""
_STRIP = 2
"""Cells along a side that count for it."""
VOTES = np.array([0.6 / _BLOCKS**2] * _BLOCKS**2 + [0.1] * 4, np.float32)
"""Shares of the votes: blocks, then sides."""
_MEAN = np.full(CELL**2, 1 / CELL**2, np.float32)


@dataclass(frozen=True, eq=False)
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
    """(20, C) which cells are in each of 4x4 blocks of the picture and along each of its sides."""
    normal: NDArray[np.float32]
    """(3 C, 16): from the cells' xx, xy and yy, one after another, to the normal matrix of a motion."""
    right: NDArray[np.float32]
    """(4, 2 C): how each number of a motion moves the cells to the right and down."""
    radius: float
    """Root mean square distance of the picture's points from its centre, pixels."""

    @cached_property
    def cell(self) -> int:
        """Pixels of the side of a cell."""
        return CELL * self.shrink

    @cached_property
    def plate(self) -> tuple[int, int]:
        """Height and width of a plate, its pixels."""
        return self.size[0] // self.shrink, self.size[1] // self.shrink

    def pixels(self, picture: NDArray[np.uint8 | np.float32], out: NDArray[np.float32]) -> None:
        """Sort a picture at a plate's size (h, w) by cells, into `out` (36, C): the first pixel of each, the second..

        So what is wanted of a cell is had by sums of long rows, many times faster than of small squares.
        """
        rows, columns = self.within
        squares = picture[rows, columns].reshape(self.down, CELL, self.across, CELL)
        np.copyto(out.reshape(CELL, CELL, self.down, self.across), squares.transpose(1, 3, 0, 2))

    @cached_property
    def within(self) -> tuple[slice, slice]:
        """Rows and columns of a plate that the cells cover."""
        height, width = self.plate
        top, left = (height - self.down * CELL) // 2, (width - self.across * CELL) // 2
        return slice(top, top + self.down * CELL), slice(left, left + self.across * CELL)

    def moved(self, motion: Motion) -> Flow:
        """(..., 2, C): how far each cell's middle moves to the right and down by (..., 4), pixels."""
        ways = np.asarray(motion.astype(np.float32) @ self.right, np.float32)
        return ways.reshape(*motion.shape[:-1], 2, -1)

    def flow(self, flow: NDArray[np.float32]) -> Flow:
        """(N, 2, C) mean within each cell of a flow of the picture, (N, h, w, 2) pixels, at whatever size."""
        count, height, width = flow.shape[:3]
        rows, columns = _overlaps(self, height, width)
        means = (rows @ flow.reshape(count, height, width * 2)).reshape(-1, width * 2) @ columns
        means = means.reshape(count, self.down, 2, self.across).transpose(0, 2, 1, 3)
        return np.asarray(means, np.float32).reshape(count, 2, -1)


def mean_of(pixels: NDArray[np.float32]) -> Cells:
    """(..., C) means of what is sorted by cells, (..., 36, C)."""
    return np.asarray(_MEAN @ pixels, np.float32)


@lru_cache(maxsize=4)
def grid_of(size: tuple[int, int]) -> Grid:
    """The grid of a picture of this height and width."""
    height, width = size
    shrink = max(1, min(round(max(size) / _PLATE), min(size) // (_BLOCKS * CELL)))
    across, down = width // shrink // CELL, height // shrink // CELL
    columns, rows = np.meshgrid(np.arange(across), np.arange(down))
    x = np.asarray(((columns.ravel() + 0.5) - across / 2) * CELL * shrink, np.float64)
    y = np.asarray(((rows.ravel() + 0.5) - down / 2) * CELL * shrink, np.float64)
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
        *_normal_maps(x, y),
        float(np.sqrt((width**2 + height**2) / 12)),
    )


def _normal_maps(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    one, none = np.ones_like(x), np.zeros_like(x)
    # How each of the four numbers of a motion moves a cell to the right and down.
    across, down = np.stack([one, none, x, -y]), np.stack([none, one, y, x])
    xx = across[:, None] * across[None]
    xy = across[:, None] * down[None] + down[:, None] * across[None]
    yy = down[:, None] * down[None]
    normal = np.concatenate([part.reshape(16, -1) for part in (xx, xy, yy)], axis=1)
    return np.ascontiguousarray(normal.T, np.float32), np.concatenate([across, down], axis=1).astype(np.float32)


@lru_cache(maxsize=8)
def _overlaps_of(size: tuple[int, int], height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(down, h) and (w * 2, 2 * across): shares of each cell, by row and by column, that samples of a flow have."""
    grid = grid_of(size)
    (top, left), (high, wide) = (part.start for part in grid.within), grid.plate
    rows = _shares(grid.down, top / high, CELL / high, height)
    columns = _shares(grid.across, left / wide, CELL / wide, width)
    both = np.zeros((width, 2, 2, grid.across), np.float32)
    both[:, 0, 0] = both[:, 1, 1] = columns.T
    return rows, both.reshape(width * 2, 2 * grid.across)


def _overlaps(grid: Grid, height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return _overlaps_of(grid.size, height, width)


def _shares(cells: int, begin: float, length: float, samples: int) -> NDArray[np.float32]:
    """(cells, samples): how much of each cell lies on each sample; begin, length: of the first, shares of the side."""
    first = (begin + length * np.arange(cells))[:, None] * samples
    last = first + length * samples
    at = np.arange(samples)[None]
    lengths = np.clip(np.minimum(last, at + 1) - np.maximum(first, at), 0, None)
    return np.asarray(lengths / lengths.sum(axis=1, keepdims=True), np.float32)


def length(motion: Motion, grid: Grid) -> float:
    """Root mean square shift of the picture's points, pixels."""
    tx, ty, a, b = motion.tolist()
    return float((tx * tx + ty * ty + (a * a + b * b) * grid.radius**2) ** 0.5)


def lengths(motions: Motion, grid: Grid) -> NDArray[np.float64]:
    """(N,) of (N, 4), as `length`."""
    squares = motions * motions
    return np.asarray(np.sqrt(squares[:, 0] + squares[:, 1] + (squares[:, 2] + squares[:, 3]) * grid.radius**2))


def after(one: Motion, other: Motion) -> Motion:
    """(4,): one motion, then the other."""
    (tx, ty, a, b), (x, y, c, d) = one.tolist(), other.tolist()
    first, then = complex(a, b), complex(c, d)
    shift = (1 + then) * complex(tx, ty) + complex(x, y)
    turn = (1 + first) * (1 + then) - 1
    return np.array([shift.real, shift.imag, turn.real, turn.imag])
