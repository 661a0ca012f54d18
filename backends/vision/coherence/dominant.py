"""The motion of most of the picture, and what moves otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from backends.vision.coherence.cells import BLOCK, Grid
from backends.vision.coherence.pairs import Pairs, squares
from backends.vision.coherence.stacks import Map, grid, quantile

ROUNDS = 4
_LEAST_BLOCKS = 12
"""Six numbers are fitted; fewer blocks say nothing."""
_SPREAD_FLOOR = 0.1
"""Pixels: flow is not finer."""


@dataclass(frozen=True)
class Dominant:
    """Affine motions of N pairs, fitted to blocks that can be followed: back in time, pixels of the small picture."""

    fitted: NDArray[np.bool_]
    """(N,): False where too little can be followed; the motion is none then."""
    model: NDArray[np.float64]
    """(N, 3, 2): motion = (1, x, y) @ model, x and y in blocks from the middle."""
    rest: Map
    """(N, 2, R, C) blocks: motion less the dominant one."""
    followed: NDArray[np.bool_]
    """(N, R, C) blocks with texture, whose flow agrees both ways."""
    noise: Map
    """(N, R, C) variance of the flow, pixels^2."""
    grid: Grid

    def __len__(self) -> int:
        return len(self.fitted)

    @cached_property
    def motion(self) -> Map:
        """(N, 2, rows, columns) cells."""
        rows, columns = self.grid.rows, self.grid.columns
        moved = self.model.transpose(0, 2, 1).astype(np.float32) @ _places_of_cells(self.grid)
        return np.asarray(moved, np.float32).reshape(-1, 2, rows, columns)

    def last(self) -> Dominant:
        """The last one."""
        return self._picked(np.array([len(self) - 1]))

    def after(self, before: Dominant | None) -> Dominant:
        """Of the pairs before each: `before`'s last (None: nothing is fitted), then all of these but the last."""
        if before is None:
            before = self.last()
            before.fitted[:] = False
        both = (before.last(), self._picked(np.arange(len(self) - 1)))
        return Dominant(
            np.concatenate([one.fitted for one in both]),
            np.concatenate([one.model for one in both]),
            np.concatenate([one.rest for one in both]),
            np.concatenate([one.followed for one in both]),
            np.concatenate([one.noise for one in both]),
            self.grid,
        )

    def _picked(self, at: NDArray[np.int64]) -> Dominant:
        """Copies of those at these places."""
        parts = self.fitted[at], self.model[at], self.rest[at], self.followed[at], self.noise[at]
        return Dominant(*parts, self.grid)


@lru_cache(maxsize=16)
def _places_of_cells(of: Grid) -> Map:
    """(3, rows * columns): 1, x and y of each cell's middle in blocks from the picture's middle; change nothing."""
    rows, columns = of.blocks
    x, y = ((at + np.float32(0.5)) / np.float32(BLOCK) for at in grid(of.rows, of.columns))
    return np.stack([np.ones(x.size, np.float32), (x - columns / 2).ravel(), (y - rows / 2).ravel()])


@lru_cache(maxsize=16)
def _places_of_blocks(rows: int, columns: int) -> NDArray[np.float64]:
    """(R * C, 3): 1, x and y of each block's middle; change nothing."""
    x, y = (at.astype(np.float64).ravel() + 0.5 for at in grid(rows, columns))
    return np.stack([np.ones(x.size), x - columns / 2, y - rows / 2], axis=1)


def dominant_motion(pairs: Pairs, texture: Map, least_texture: float) -> Dominant:
    """Fit them by iteratively reweighted least squares (Geman-McClure weights).

    texture: (N, R, C) variance of luma in each block; blocks below `least_texture` are left out.
    """
    motion = pairs.blocks.back
    followed = (texture > least_texture) & (pairs.blocks.seen > 0.5)
    count, rows, columns = followed.shape
    usable = followed.reshape(count, -1)
    fitted = usable.sum(axis=1) >= _LEAST_BLOCKS
    base = _places_of_blocks(rows, columns)
    products = (base[:, :, None] * base[:, None, :]).reshape(-1, 9)
    target = motion.reshape(count, 2, -1).transpose(0, 2, 1).astype(np.float64)
    weight = usable.astype(np.float64)
    model: NDArray[np.float64] = np.zeros((count, 3, 2))
    for _ in range(ROUNDS):
        normal = (weight @ products).reshape(count, 3, 3) + 1e-6 * np.eye(3)
        model = np.asarray(np.linalg.solve(normal, base.T @ (target * weight[:, :, None])), np.float64)
        left = target - base @ model
        off = np.sqrt(left[..., 0] ** 2 + left[..., 1] ** 2)
        spread = np.maximum(np.nan_to_num(quantile(off, usable, 0.5)), _SPREAD_FLOOR)
        weight = usable / (1 + (off / (2 * spread[:, None])) ** 2) ** 2
    model[~fitted] = 0
    rest = motion - (base @ model).transpose(0, 2, 1).reshape(motion.shape)
    return Dominant(fitted, model, np.asarray(rest, np.float32), followed, pairs.blocks.noise, pairs.grid)


_NOISE_SHARE = 0.25
"""Of the variance by which flow disagrees with itself: it errs alike forth and back, and neighbours err alike."""


def bending(now: Dominant, before: Dominant) -> NDArray[np.float64]:
    """(N,) pixels by which neighbouring blocks change their motion against each other from one pair to the next.

    The median over all neighbours that can be followed, the flow's own noise taken off: a picture that bends and
    bends back has much of it all over; a camera, a walking figure or one that talks has none in most places. NaN when
    too few can be followed.
    """
    change = now.rest - before.rest
    both = now.followed & before.followed
    noise = (now.noise + before.noise) * np.float32(_NOISE_SHARE)
    powers, known = [], []
    for first, second in ((np.s_[..., :-1, :], np.s_[..., 1:, :]), (np.s_[..., :-1], np.s_[..., 1:])):
        power = squares(change[second] - change[first]) - (noise[first] + noise[second])
        powers.append(power.reshape(len(now), -1))
        known.append((both[first] & both[second]).reshape(len(now), -1))
    usable = np.concatenate(known, axis=1)
    middle = quantile(np.concatenate(powers, axis=1), usable, 0.5)
    enough = (usable.sum(axis=1) >= _LEAST_BLOCKS) & now.fitted & before.fitted
    return np.where(enough, np.sqrt(np.maximum(0, np.nan_to_num(middle))), np.nan)
