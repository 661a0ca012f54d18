"""Which cells of a picture move together: a robust fit to their optical flow.

All is done for N pictures at once; one picture is N = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.grid import Cells, Flow, Grid, Motion, length
from backends.vision.camera.plates import Plates
from backends.vision.thresholds import thresholds

_BENDING, _LIKELY = 0.1, 0.04
"""Shares of the texture."""
_TRIES = 40
_TURNS, _TURNS_AT_ONCE = 2, 4
_APART = 2.0
"""Pixels that make two motions two."""
_GROUPS, _ENOUGH = 3, 0.3
"""At most so many; no second one when the first leaves less."""
_POOR = 0.2
"""When the best motion so far leaves more than this, chance ones are tried too."""
_SAME = 0.5
"""Of the tolerance: a fit that begins no farther from where another one ended would end there too."""


@dataclass(frozen=True)
class Group:
    """A motion, (4,), and the weight, 0..1, of each cell in it, (C,)."""

    motion: Motion
    inside: Cells


def solved(grid: Grid, tensor: NDArray[np.float32], pull: Flow) -> tuple[Motion, NDArray[np.float64]]:
    """Least squares, (N, 4), and the normal matrices, (N, 4, 4).

    tensor: (N, 3, C) xx, xy, yy of the cells; pull: (N, 2, C) to the right, down.
    """
    count = len(tensor)
    whole = (tensor.reshape(count, -1) @ grid.normal).reshape(count, 4, 4).astype(np.float64)
    # Without texture in some direction there is no motion in it, rather than any.
    ridge = 1e-4 * (whole[:, 0, 0] + whole[:, 1, 1]) + 1e-9
    turning = grid.radius**2
    whole.reshape(count, 16)[:, ::5] += ridge[:, None] * np.array([1, 1, turning, turning])
    right = (pull.reshape(count, -1) @ grid.right.T).astype(np.float64)
    return np.asarray(np.linalg.solve(whole, right[..., None])[..., 0], np.float64), whole


def solved_flow(plates: Plates, weight: Cells, flow: Flow) -> Motion:
    """(N, 4) weighted least squares of the flow along the cells' texture."""
    tensor = plates.metric * weight[:, None]
    return solved(plates.grid, tensor, tensor[:, :2] * flow[:, :1] + tensor[:, 1:] * flow[:, 1:])[0]


def left_of(plates: Plates, flow: Flow, motions: Motion) -> NDArray[np.float64]:
    """(N, K) share of the texture that each motion, (N, K, 4), leaves unexplained."""
    way = plates.grid.moved(motions)
    limit = np.square(_tolerance(way))
    squares = _squares(plates.metric[:, None], flow[:, None] - way)
    weight = plates.weight[:, None]
    left = np.minimum(squares, weight * limit)
    left /= limit
    # Growth with a turn and a shift bends to two things at once: it has to explain more than a mere shift.
    bends = np.sqrt(motions[..., 2] ** 2 + motions[..., 3] ** 2) * plates.grid.radius
    total = plates.weight.sum(axis=1, dtype=np.float64)[:, None] + 1e-9
    return np.asarray(left.sum(axis=-1) / total + _BENDING * np.minimum(1, bends / 2), np.float64)


def refined(plates: Plates, flow: Flow, motion: Motion, turns: int = _TURNS) -> tuple[Motion, Cells]:
    """(N, 4) motions by Tukey's weights, from nearby ones; and these weights, (N, C)."""
    weight = np.zeros_like(plates.weight)
    for _ in range(turns):
        way = plates.grid.moved(motion)
        along = _squares(plates.metric, flow - way)
        along /= np.maximum(plates.weight, 1e-9) * np.square(2 * _tolerance(way))
        weight = np.square(np.maximum(1 - along, 0))
        motion = solved_flow(plates, weight, flow)
    return motion, weight


def following(plates: Plates, flow: Flow, last: Motion) -> tuple[Motion, Cells]:
    """Of frames that follow each other the motions, (N, 4), that most of the texture goes by, and the cells' weights.

    flow: (N, 2, C). last: (4,) the motion before them, as this gave it; a frame prefers the motion of the one before.
    All are fitted at once from what their whole texture does; only where that turns out to have been the wrong
    beginning a frame is fitted once more.
    """
    plain = solved_flow(plates, np.ones_like(plates.weight), flow)
    motions, weights = refined(plates, flow, plain, _TURNS_AT_ONCE)
    before = np.concatenate([last[None], motions[:-1]])
    lefts = left_of(plates, flow, np.stack([before, np.zeros_like(plain), plain], axis=1))
    supposed = True
    for at, left in enumerate(lefts):
        tried = np.stack([motions[at - 1] if at else last, np.zeros(4), plain[at]])
        if not supposed:
            left[0] = left_of(plates.part(at, at + 1), flow[at : at + 1], tried[None, :1])[0, 0]
        left[0] -= _LIKELY
        if left.min() > _POOR:
            tried, left_by_all = _with_chance(plates.part(at, at + 1), flow[at : at + 1], tried, left)
            chosen = tried[int(np.argmin(left_by_all))]
        else:
            chosen = tried[int(np.argmin(left))]
        supposed = _leads_to(chosen, motions[at], plates.grid)
        if not supposed:
            motions[at : at + 1], weights[at : at + 1] = refined(
                plates.part(at, at + 1), flow[at : at + 1], chosen[None]
            )
    return motions, weights


def groups(plates: Plates, flow: Flow, guess: Motion) -> list[list[Group]]:
    """Of each picture the motion that most of its texture follows (MSAC, Torr and Zisserman 2000); if not nearly all of
    it, also the next best ones that are others.

    flow: (N, 2, C). guess: (N, 4) motions to try before any chance ones.
    """
    tried = np.stack([guess, np.zeros_like(guess), solved_flow(plates, np.ones_like(plates.weight), flow)], axis=1)
    lefts = left_of(plates, flow, tried)
    best = np.take_along_axis(tried, lefts.argmin(axis=1)[:, None, None], axis=1)[:, 0]
    found = [[Group(*one)] for one in zip(*refined(plates, flow, best), strict=True)]
    for at in np.flatnonzero(lefts.min(axis=1) > _POOR).tolist():
        found[at] = _several(plates.part(at, at + 1), flow[at : at + 1], tried[at], lefts[at])
    return found


def _several(plates: Plates, flow: Flow, tried: Motion, left: NDArray[np.float64]) -> list[Group]:
    """Groups of one picture, chance ones too. tried: (K, 4) motions, which leave (K,)."""
    tried, sums = _with_chance(plates, flow, tried, left)
    found: list[Group] = []
    while len(found) < _GROUPS and np.isfinite(sums).any():
        best = int(np.argmin(sums))
        motion, inside = refined(plates, flow, tried[best][None])
        found.append(Group(motion[0], inside[0]))
        if sums[best] < _ENOUGH and len(found) == 1:
            break
        near = _near(tried, tried[best], plates.grid) | _near(tried, motion[0], plates.grid)
        sums = np.where(near, np.inf, sums)
    return found


def _leads_to(start: Motion, end: Motion, grid: Grid) -> bool:
    camera = thresholds().camera
    return length(start - end, grid) < _SAME * (camera.flow_error + camera.flow_error_share * length(end, grid))


def _near(motions: Motion, motion: Motion, grid: Grid) -> NDArray[np.bool_]:
    off = motions - motion
    return np.asarray(np.hypot(off[:, 0], off[:, 1]) + np.hypot(off[:, 2], off[:, 3]) * grid.radius < _APART)


def _squares(metric: NDArray[np.float32], off: Flow) -> NDArray[np.float32]:
    """Squared residuals, (..., 2, C), along the cells' texture, (..., 3, C), times the cells' weights."""
    u, v = off[..., 0, :], off[..., 1, :]
    xx, xy, yy = metric[..., 0, :], metric[..., 1, :], metric[..., 2, :]
    return np.asarray(u * (xx * u + 2 * (xy * v)) + yy * (v * v))


def _tolerance(way: Flow) -> Cells:
    """How far, in pixels, the flow of a cell that moves along may be off: dense flow errs by a share of its length."""
    camera = thresholds().camera
    squares = np.square(way)
    lengths = np.sqrt(squares[..., 0, :] + squares[..., 1, :])
    return np.asarray(camera.flow_error + camera.flow_error_share * lengths)


@cache
def _dice() -> NDArray[np.intp]:
    return np.random.default_rng(0).integers(0, 1 << 30, (_TRIES, 3)).astype(np.intp)


def _with_chance(
    plates: Plates, flow: Flow, tried: Motion, sums: NDArray[np.float64]
) -> tuple[Motion, NDArray[np.float64]]:
    """(K, 4) motions of one picture and what they leave, (K,), and chance ones with theirs."""
    chance = _guessed(plates, flow)
    return np.concatenate([tried, chance]), np.concatenate([sums, left_of(plates, flow, chance[None])[0]])


def _guessed(plates: Plates, flow: Flow) -> Motion:
    """(tries, 4) motions: through three cells with texture each, and mere shifts of one."""
    grid = plates.grid
    clear = np.flatnonzero(plates.clear[0])
    if len(clear) < 3:
        return np.zeros((1, 4))
    triples = clear[_dice() % len(clear)]
    z = (grid.x + 1j * grid.y)[triples]
    w = (flow[0, 0] + 1j * flow[0, 1])[triples]
    zc, wc = z - z.mean(1, keepdims=True), w - w.mean(1, keepdims=True)
    ab = (wc * zc.conj()).sum(1) / np.maximum((zc * zc.conj()).sum(1).real, grid.cell**2)
    t = w.mean(1) - ab * z.mean(1)
    whole = np.stack([t.real, t.imag, ab.real, ab.imag], 1)
    shifts = np.zeros((len(w), 4))
    shifts[:, 0], shifts[:, 1] = w[:, 0].real, w[:, 0].imag
    return np.concatenate([whole, shifts]).astype(np.float64)
