"""The motion of a picture's background between two frames: a similarity (shift, scale, turn), robustly fitted.

First a robust fit to the optical flow of the cells of a grid finds which cells move together; then the two pictures
are laid over each other and the fit is sharpened on their brightness (Lucas-Kanade, as in Baker and Matthews 2004, "20
years on", with the gradients of both pictures as in Malis 2004), because dense flow is biased towards zero below a
pixel. Every cell counts only along the directions in which it has texture: an edge says nothing of motion along it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.consensus import following, groups, solved
from backends.vision.camera.grid import CELL, Cells, Flow, Grid, Motion, lengths, mean_of
from backends.vision.camera.plates import Plates
from backends.vision.thresholds import thresholds

_TURNS = 2
_SHARP = 1.5
"""Pixels that a cell may be off the background's motion for its brightness to tell by how much."""
_CONVERGED, _ASTRAY = 0.12, 2.0
"""Pixels: a step below the one is the last; after one above the other no further one helps."""
_BETTER = 0.03
"""How much more alike a less followed motion must make the pictures to be the background's."""
_AT_REST = 1 / 64
"""Pixels of a plate: a picture that moves less lies over the other as it is."""


@dataclass(frozen=True)
class Fits:
    """The background's motion between N pairs of frames and how well it is known."""

    motion: Motion
    doubt: NDArray[np.float64]
    """(N,) standard error, as the root mean square shift of the picture's points, pixels."""
    inliers: NDArray[np.float64]
    """(N,) share of the texture that moves with it, 0..1."""
    residual: NDArray[np.float64]
    """(N,) spread of the cells that move with it, pixels."""
    matched: NDArray[np.float64]
    """(N,) share of the texture that looks the same when the pictures are laid over each other, 0..1."""
    alike: NDArray[np.float64]
    """(N,) how alike the texture then is, 0..1; only what lies exactly over its like counts much."""
    likeness: Cells
    """Of each cell, the correlation of the two pictures laid over each other."""
    flow: Flow
    """How far each cell moves, pixels: sharpened where it moves about with the background."""
    step: NDArray[np.float64]
    """(N,) pixels that the last sharpening moved the picture's points."""

    def part(self, first: int, end: int) -> Fits:
        """Those from `first` to before `end`."""
        return Fits(*(values[first:end] for values in self._all))

    def put(self, which: Sequence[int], better: Fits) -> None:
        """Take others in the place of those with these indices."""
        for values, new in zip(self._all, better._all, strict=True):
            values[list(which)] = new

    @property
    def _all(self) -> tuple[NDArray[Any], ...]:
        return (
            self.motion, self.doubt, self.inliers, self.residual, self.matched, self.alike, self.likeness, self.flow,
            self.step,
        )  # fmt: skip


def fit_neighbours(one: Plates, other: Plates, flow: Flow, last: Motion) -> tuple[Fits, Motion]:
    """The background's motion from each of `one` to its next frame, the same of `other`, N at once.

    flow: (N, 2, C) of the cells. last: (4,) the second answer of the call before, preferred to others like it. Here one
    step of sharpening is enough.
    """
    motions, inside = following(one, flow, last)
    return _step(one, other, motions, inside, flow), motions[-1]


def fit_far(one: Plates, other: Plates, flow: Flow, guess: Motion) -> Fits:
    """The background's motion from each of `one` to the same of `other`, N at once.

    flow: (N, 2, C). guess: (N, 4) motions to try before any chance ones.
    """
    found, inside = _first_of(one, other, flow, guess)
    going = list(range(len(guess)))
    for _ in range(2):
        going = [at for at in going if _CONVERGED < found.step[at] < _ASTRAY]
        if not going:
            break
        found.put(going, _step(one.take(going), other.take(going), found.motion[going], inside[going], flow[going]))
    return found


def _first_of(one: Plates, other: Plates, flow: Flow, guess: Motion) -> tuple[Fits, Cells]:
    """Of each pair's groups the one whose motion lays most of the texture over its like.

    Dense flow invents motion where there is no texture, in favour of what moves; brightness does not.
    """
    found = groups(one, flow, guess)
    inside = np.stack([first.inside for first, *_ in found])
    best = _step(one, other, np.stack([first.motion for first, *_ in found]), inside, flow)
    for at, (_, *others) in enumerate(found):
        for group in others:
            widened = np.maximum(group.inside, 0.2)
            pair = (one.part(at, at + 1), other.part(at, at + 1))
            step = _step(*pair, group.motion[None], widened[None], flow[at : at + 1])
            if step.alike[0] + step.matched[0] > best.alike[at] + best.matched[at] + _BETTER:
                best.put([at], step)
                inside[at] = widened
    return best, inside


def _step(one: Plates, other: Plates, motion: Motion, inside: Cells, flow: Flow) -> Fits:
    """One step of Gauss-Newton on the brightness of the cells that move together."""
    grid = one.grid
    motion = np.where(_at_rest(motion, grid)[:, None], 0.0, motion)
    laid = _laid(one, other, motion)
    mean, shared = laid[:, 0], laid[:, 1]
    alike, variance = _correlation(one, mean, shared, laid[:, 4])
    way = grid.moved(motion)
    height, width = grid.size
    edge = grid.cell / 2
    seen = (np.abs(grid.x + way[:, 0]) < width / 2 - edge) & (np.abs(grid.y + way[:, 1]) < height / 2 - edge)
    # The contrast of each cell is made equal first, so that light that changes is not motion.
    gain = np.clip(np.sqrt((variance + 1) / (one.variance + 1)), 0.5, 2)
    pull = one.pull - (laid[:, 2:4] - one.slope * mean[:, None]) / gain[:, None]
    return _resolved(one, motion, inside * seen, alike, pull, flow)


def _at_rest(motion: Motion, grid: Grid) -> NDArray[np.bool_]:
    """(N,) of (N, 4): whether no point of the picture moves so far that a plate would show it."""
    shift = np.abs(motion[:, :2]).max(axis=1)
    turn = max(grid.size) / 2 * np.abs(motion[:, 2:]).sum(axis=1)
    return np.asarray(shift + turn < _AT_REST * grid.shrink)


def _resolved(plates: Plates, motion: Motion, inside: Cells, alike: Cells, pull: Flow, flow: Flow) -> Fits:
    """The step that the cells' brightness asks for, robustly, with what it leaves.

    pull: products of the gradients and the differences in each cell.
    """
    grid, shrink, tensor = plates.grid, plates.grid.shrink, plates.tensor
    noise = thresholds().camera.texture ** 2
    xx, xy, yy = tensor[:, 0] + noise, tensor[:, 1], tensor[:, 2] + noise
    pull = np.float32(shrink) * pull
    ex, ey = pull[:, 0], pull[:, 1]
    # What each cell alone would ask for.
    wanted = np.stack([yy * ex - xy * ey, xx * ey - xy * ex], axis=1) / (xx * yy - xy * xy)[:, None]
    weight = inside * np.clip(2 * alike - np.float32(0.6), 0.02, 1)
    counted = weight * plates.weight
    base = counted / np.maximum(xx + yy - noise, 1e-6)
    total = counted.sum(axis=1, keepdims=True) + 1e-9
    spread = np.full((len(motion), 1), 0.5, np.float32)
    robust = np.ones_like(weight)
    for _ in range(_TURNS):
        kept = (base * robust)[:, None]
        step, whole = solved(grid, tensor * kept, pull * kept)
        off = np.square(wanted - grid.moved(step))
        off = np.sqrt(off[:, 0] + off[:, 1])
        least = (counted * np.minimum(off, 4 * spread)).sum(axis=1, keepdims=True) / total
        spread = np.maximum(np.float32(0.03), np.float32(1.5) * least)
        robust = 1 / np.square(1 + np.square(off / (2 * spread)))
    errors = np.diagonal(np.linalg.inv(whole), axis1=1, axis2=2) * np.square(spread, dtype=np.float64)
    errors = errors / np.maximum(4.0, np.count_nonzero(weight > 0.2, axis=1))[:, None]
    near = (off < _SHARP) & (alike > 0.3)
    voted = plates.weight * plates.clear
    textured = voted.sum(axis=1, dtype=np.float64) + 1e-9
    good = weight * (off < np.maximum(0.5, 3 * spread))
    return Fits(
        motion + step,
        lengths(np.sqrt(errors), grid),
        (voted * good).sum(axis=1) / textured,
        spread[:, 0].astype(np.float64),
        (voted * (alike > 0.6)).sum(axis=1) / textured,
        (voted * np.clip(4 * alike - 3, 0, 1)).sum(axis=1) / textured,
        alike,
        np.where(near[:, None], grid.moved(motion) + wanted, flow),
        lengths(step, grid),
    )


def likeness(one: Plates, other: Plates, motion: Motion) -> Cells:
    """(N, C) of each cell the correlation of its brightness, -1..1, with that of the others moved back over the one by
    (N, 4).
    """
    laid = _laid(one, other, motion)
    return _correlation(one, laid[:, 0], laid[:, 1], laid[:, 4])[0]


def _laid(one: Plates, other: Plates, motion: Motion) -> NDArray[np.float32]:
    """(N, 5, C) means within the cells of the other pictures moved back over the one, q; of p q, dx q, dy q and q q."""
    grid = one.grid
    means = np.empty((len(motion), 5, grid.across * grid.down), np.float32)
    laid = np.empty((CELL**2, means.shape[2]), np.float32)
    products = np.empty((4, *laid.shape), np.float32)
    for at, moved in enumerate(motion):
        over = other.pixels[at][0]
        if moved.any():
            grid.pixels(laid_over(other.small[at], moved, grid), laid)
            over = laid
        np.multiply(one.pixels[at], over, out=products[:3])
        np.multiply(over, over, out=products[3])
        means[at, 0], means[at, 1:] = mean_of(over), mean_of(products)
    return means


def _correlation(one: Plates, mean: Cells, shared: Cells, square: Cells) -> tuple[Cells, Cells]:
    """The correlation, and the variance of what is laid over. A grey level of noise is nobody's likeness."""
    variance = np.maximum(square - mean * mean, 0)
    alike = (shared - one.means[:, 0] * mean) / np.sqrt((one.variance + 1) * (variance + 1))
    return np.asarray(alike), np.asarray(variance)


def laid_over(small: NDArray[np.uint8], motion: Motion, grid: Grid) -> NDArray[np.float32]:
    """A plate's luma (h, w) moved back by (4,) over that of the frame from which it moved."""
    import cv2

    height, width = small.shape
    tx, ty, a, b = motion.tolist()
    x, y = (width - 1) / 2, (height - 1) / 2
    matrix = np.array(
        [
            [1 + a, -b, x + tx / grid.shrink - (1 + a) * x + b * y],
            [b, 1 + a, y + ty / grid.shrink - b * x - (1 + a) * y],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    source = small.astype(np.float32)
    return np.asarray(
        cv2.warpAffine(source, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
