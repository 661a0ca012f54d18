"""The motion of most of the picture, and what moves otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backends.vision.coherence.cells import BLOCK, Map, Pair, blocks_of, grid, median

ROUNDS = 4
_LEAST_BLOCKS = 12
"""Six numbers are fitted; fewer blocks say nothing."""
_SPREAD_FLOOR = 0.1
"""Pixels: flow is not finer."""


@dataclass(frozen=True)
class Dominant:
    """An affine motion fitted to blocks that can be followed. Motion is back in time, pixels of the small picture."""

    model: NDArray[np.float64]
    """(3, 2): motion = (1, x, y) @ model, x and y in blocks from the middle."""
    rest: Map
    """(rows, columns, 2) blocks: motion less the dominant one."""
    followed: NDArray[np.bool_]
    """(rows, columns) blocks with texture, whose flow agrees both ways."""
    noise: Map
    """(rows, columns) variance of the flow, pixels^2: how far it disagrees with itself."""
    shape: tuple[int, int]
    """Of the cells."""

    @cached_property
    def motion(self) -> Map:
        """(h, w, 2) cells."""
        rows, columns = self.followed.shape
        middle = np.array((columns / 2, rows / 2), np.float32)
        places = (grid(*self.shape) + np.float32(0.5)) / np.float32(BLOCK) - middle
        return np.asarray(places @ self.model[1:].astype(np.float32) + self.model[0].astype(np.float32), np.float32)


def dominant_motion(pair: Pair, texture: Map, least_texture: float) -> Dominant | None:
    """Fit it by iteratively reweighted least squares (Geman-McClure weights); None when too little can be followed.

    texture: (rows, columns) variance of luma in each block; blocks below `least_texture` are left out.
    """
    motion = blocks_of(pair.back)
    noise = blocks_of(np.minimum(pair.disagreement, 8.0) ** 2)
    followed = (texture > least_texture) & (blocks_of(pair.seen) > 0.5)
    usable = followed.ravel()
    if int(usable.sum()) < _LEAST_BLOCKS:
        return None
    rows, columns = followed.shape
    places = grid(rows, columns).reshape(-1, 2) + np.array((0.5 - columns / 2, 0.5 - rows / 2))
    everywhere = np.concatenate([np.ones((rows * columns, 1)), places], axis=1)
    base, target = everywhere[usable], motion.reshape(-1, 2)[usable].astype(np.float64)
    weight = np.ones(len(base))
    model = np.zeros((3, 2))
    for _ in range(ROUNDS):
        weighted = base * weight[:, None]
        model = np.linalg.solve(weighted.T @ base + 1e-6 * np.eye(3), weighted.T @ target)
        left = target - base @ model
        off = np.sqrt(np.einsum("ij,ij->i", left, left))
        spread = max(median(off), _SPREAD_FLOOR)
        weight = 1 / (1 + (off / (2 * spread)) ** 2) ** 2
    rest = motion - (everywhere @ model).reshape(rows, columns, 2)
    return Dominant(model, np.asarray(rest, np.float32), followed, noise, pair.shape)


_NOISE_SHARE = 0.25
"""Of the variance by which flow disagrees with itself: it errs alike forth and back, and neighbours err alike."""


def bending(now: Dominant, before: Dominant) -> float | None:
    """Pixels by which neighbouring blocks change their motion against each other from one pair of frames to the next.

    The median over all neighbours that can be followed, the flow's own noise taken off: a picture that bends and
    bends back has much of it all over; a camera, a walking figure or one that talks has none in most places. None when
    too few can be followed.
    """
    change = now.rest - before.rest
    both = now.followed & before.followed
    noise = (now.noise + before.noise) * np.float32(_NOISE_SHARE)
    found: list[Map] = []
    for axis in (0, 1):
        apart = np.diff(change, axis=axis)
        first, second = (np.s_[:-1], np.s_[1:]) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        power = np.einsum("ijk,ijk->ij", apart, apart) - (noise[first] + noise[second])
        found.append(power[both[first] & both[second]])
    powers = np.concatenate(found)
    return float(np.sqrt(max(0.0, median(powers)))) if len(powers) >= _LEAST_BLOCKS else None
