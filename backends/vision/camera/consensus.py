"""Which cells of a picture move together: a robust fit to their optical flow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.grid import Cells, Grid, Motion, Plate
from backends.vision.thresholds import thresholds

_BENDING, _LIKELY = 0.1, 0.04
"""Shares of the texture."""
_TRIES = 40
_TURNS = 2
_APART = 2.0
"""Pixels that make two motions two."""
_GROUPS, _ENOUGH = 3, 0.3
"""At most so many; no second one when the first leaves less."""


@dataclass(frozen=True)
class Group:
    """A motion and the weight of each cell in it, 0..1."""

    motion: Motion
    inside: Cells
    left: float
    """Share of the texture that it does not explain, about."""


def groups(plate: Plate, u: Cells, v: Cells, guess: Motion, *, likely: bool) -> list[Group]:
    """The motion that most of the texture follows (MSAC, Torr and Zisserman 2000); if not nearly all of it, also the
    next best ones that are others.

    u, v: the cells' flow to the right and down, pixels. guess: a motion to try first; `likely`: to be preferred.
    """
    tried = np.array([guess, np.zeros(4), solved_flow(plate, np.ones_like(u), u, v)])
    sums = _left(plate, u, v, tried)
    sums[0] -= _LIKELY * likely
    if sums.min() > 0.2:
        chance = _guessed(plate, u, v)
        tried, sums = np.concatenate([tried, chance]), np.concatenate([sums, _left(plate, u, v, chance)])
    found: list[Group] = []
    while len(found) < _GROUPS and np.isfinite(sums).any():
        best = int(np.argmin(sums))
        found.append(_refined(plate, u, v, tried[best], float(sums[best])))
        if likely or (sums[best] < _ENOUGH and len(found) == 1):
            break
        sums[_near(tried, tried[best], plate.grid) | _near(tried, found[-1].motion, plate.grid)] = np.inf
    return found


def _near(motions: NDArray[np.float64], motion: Motion, grid: Grid) -> NDArray[np.bool_]:
    off = motions - motion
    return np.asarray(np.hypot(off[:, 0], off[:, 1]) + np.hypot(off[:, 2], off[:, 3]) * grid.radius < _APART)


def _refined(plate: Plate, u: Cells, v: Cells, motion: Motion, left: float) -> Group:
    weight = np.zeros_like(u)
    for _ in range(_TURNS):
        mu, mv = plate.grid.moved(motion)
        weight = _kept(plate, u - mu, v - mv, _tolerance(mu, mv))
        motion = solved_flow(plate, weight, u, v)
    return Group(motion, weight, left)


def squares(plate: Plate, ru: NDArray, rv: NDArray) -> NDArray[np.float32]:
    """Squared residuals along the cells' texture, times the cells' weights."""
    xx, xy, yy = plate.metric
    return np.asarray(xx * ru * ru + 2 * xy * ru * rv + yy * rv * rv)


def solved(grid: Grid, tensor: NDArray, pull: NDArray) -> tuple[Motion, NDArray[np.float64]]:
    """Least squares, and the normal matrix. tensor: (3 N,) xx, xy, yy of the cells; pull: (2 N,) to the right, down."""
    import cv2

    whole = (grid.normal @ tensor).reshape(4, 4).astype(np.float64)
    # Without texture in some direction there is no motion in it, rather than any.
    ridge = 1e-4 * (whole[0, 0] + whole[1, 1]) + 1e-9
    whole.flat[::5] += (ridge, ridge, ridge * grid.radius**2, ridge * grid.radius**2)
    right = (grid.right @ pull).astype(np.float64).reshape(4, 1)
    return np.asarray(cv2.solve(whole, right, flags=cv2.DECOMP_CHOLESKY)[1]).ravel(), whole


def solved_flow(plate: Plate, weight: Cells, u: Cells, v: Cells) -> Motion:
    """Weighted least squares of the flow (u, v) along the cells' texture."""
    tensor = plate.metric * weight
    pull = np.concatenate([tensor[0] * u + tensor[1] * v, tensor[1] * u + tensor[2] * v])
    return solved(plate.grid, tensor.ravel(), pull)[0]


def _tolerance(mu: NDArray, mv: NDArray) -> NDArray:
    """How far, in pixels, the flow of a cell that moves along may be off: dense flow errs by a share of its length."""
    camera = thresholds().camera
    return np.asarray(camera.flow_error + camera.flow_error_share * np.sqrt(mu * mu + mv * mv))


def _kept(plate: Plate, ru: Cells, rv: Cells, tolerance: NDArray) -> Cells:
    """Tukey's weights of residuals."""
    along = squares(plate, ru, rv) / np.maximum(plate.weight, 1e-9) / (2 * tolerance) ** 2
    return np.asarray(np.square(np.clip(1 - along, 0, None)), np.float32)


def _left(plate: Plate, u: Cells, v: Cells, motions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the texture that each motion leaves unexplained."""
    x, y = plate.grid.x, plate.grid.y
    tx, ty, a, b = (column[:, None].astype(np.float32) for column in motions.T)
    mu, mv = tx + a * x - b * y, ty + b * x + a * y
    limit = _tolerance(mu, mv) ** 2
    left = np.minimum(squares(plate, u - mu, v - mv), plate.weight * limit) / limit
    # Growth with a turn and a shift bends to two things at once: it has to explain more than a mere shift.
    bends = np.hypot(motions[:, 2], motions[:, 3]) * plate.grid.radius
    sums = left.sum(1) / (float(plate.weight.sum()) + 1e-9) + _BENDING * np.minimum(1, bends / 2)
    return np.asarray(sums, np.float64)


@cache
def _dice() -> NDArray[np.intp]:
    return np.random.default_rng(0).integers(0, 1 << 30, (_TRIES, 3)).astype(np.intp)


def _guessed(plate: Plate, u: Cells, v: Cells) -> NDArray[np.float64]:
    """(tries, 4) motions: through three cells with texture each, and mere shifts of one."""
    grid = plate.grid
    clear = np.flatnonzero(plate.clear)
    if len(clear) < 3:
        return np.zeros((1, 4))
    triples = clear[_dice() % len(clear)]
    z = (grid.x + 1j * grid.y)[triples]
    w = (u + 1j * v)[triples]
    zc, wc = z - z.mean(1, keepdims=True), w - w.mean(1, keepdims=True)
    ab = (wc * zc.conj()).sum(1) / np.maximum((zc * zc.conj()).sum(1).real, grid.cell**2)
    t = w.mean(1) - ab * z.mean(1)
    whole = np.stack([t.real, t.imag, ab.real, ab.imag], 1)
    shifts = np.zeros((len(w), 4))
    shifts[:, 0], shifts[:, 1] = w[:, 0].real, w[:, 0].imag
    return np.concatenate([whole, shifts]).astype(np.float64)
