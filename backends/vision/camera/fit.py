"""The motion of a picture's background between two frames: a similarity (shift, scale, turn), robustly fitted.

First a robust fit to the optical flow of the cells of a grid finds which cells move together; then the two pictures
are laid over each other and the fit is sharpened on their brightness (Lucas-Kanade, as in Baker and Matthews 2004, "20
years on", with the gradients of both pictures as in Malis 2004), because dense flow is biased towards zero below a
pixel. Every cell counts only along the directions in which it has texture: an edge says nothing of motion along it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.consensus import Group, groups, solved
from backends.vision.camera.grid import Cells, Grid, Motion, Plate, length
from backends.vision.thresholds import thresholds

_TURNS = 2
_SHARP = 1.5
"""Pixels that a cell may be off the background's motion for its brightness to tell by how much."""
_CONVERGED, _ASTRAY = 0.12, 2.0
"""Pixels: a step below the one is the last; after one above the other no further one helps."""
_BETTER = 0.03
"""How much more alike a less followed motion must make the pictures to be the background's."""


@dataclass(frozen=True)
class Fit:
    """The background's motion from one frame to another and how well it is known."""

    motion: Motion
    doubt: float
    """Standard error, as the root mean square shift of the picture's points, pixels."""
    inliers: float
    """Share of the texture that moves with it, 0..1."""
    residual: float
    """Spread of the cells that move with it, pixels."""
    matched: float
    """Share of the texture that looks the same when the pictures are laid over each other, 0..1."""
    alike: float
    """How alike the texture then is, 0..1; only what lies exactly over its like counts much."""
    likeness: Cells
    """Of each cell, the correlation of the two pictures laid over each other."""
    u: Cells
    v: Cells
    """How far each cell moves to the right and down, pixels: sharpened where it moves about with the background."""


def cell_flow(flow: NDArray[np.float32], grid: Grid) -> tuple[Cells, Cells]:
    """Mean flow to the right and down within each cell, pixels, of a flow (H, W, 2)."""
    import cv2

    rows, columns = grid.within(grid.shrink)
    small = cv2.resize(flow[rows, columns], (grid.across, grid.down), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., 0]).ravel(), np.ascontiguousarray(small[..., 1]).ravel()


def fit(one: Plate, other: Plate, u: Cells, v: Cells, guess: Motion, *, neighbours: bool = False) -> Fit:
    """The background's motion from `one` to `other`, where its cells' flow is (u, v).

    guess: a motion to try before any chance ones. neighbours: whether the frames follow each other; then the guess, the
        last motion, is preferred to others like it, and one step of sharpening is enough.
    """
    found, step, inside = _first_of(one, other, (u, v), groups(one, u, v, guess, likely=neighbours))
    for _ in range(0 if neighbours else 2):
        if not _CONVERGED < step < _ASTRAY:
            break
        found, step = _step(one, other, found.motion, inside, (u, v))
    return found


def _first_of(one: Plate, other: Plate, flow: tuple[Cells, Cells], found: list[Group]) -> tuple[Fit, float, Cells]:
    """Of the groups the one whose motion lays most of the texture over its like.

    Dense flow invents motion where there is no texture, in favour of what moves; brightness does not.
    """
    best, step, inside = (*_step(one, other, found[0].motion, found[0].inside, flow), found[0].inside)
    for group in found[1:]:
        fit, length_of_step = _step(one, other, group.motion, np.maximum(group.inside, 0.2), flow)
        if fit.alike + fit.matched > best.alike + best.matched + _BETTER:
            best, step, inside = fit, length_of_step, np.maximum(group.inside, 0.2)
    return best, step, inside


def _step(one: Plate, other: Plate, motion: Motion, inside: Cells, flow: tuple[Cells, Cells]) -> tuple[Fit, float]:
    """One step of Gauss-Newton on the brightness of the cells that move together, and its length in pixels."""
    grid = one.grid
    laid = laid_over(other, motion)
    mean, square, shared, ex, ey = grid.means(laid, laid * laid, one.picture * laid, one.dx * laid, one.dy * laid)
    alike, variance = _correlation(one, mean, square, shared)
    mu, mv = grid.moved(motion)
    height, width = grid.size
    edge = grid.cell / 2
    seen = (np.abs(grid.x + mu) < width / 2 - edge) & (np.abs(grid.y + mv) < height / 2 - edge)
    # The contrast of each cell is made equal first, so that light that changes is not motion.
    gain = np.clip(np.sqrt((variance + 1) / (one.variance + 1)), 0.5, 2)
    ex = one.px - (ex - one.gx * mean) / gain
    ey = one.py - (ey - one.gy * mean) / gain
    return _resolved(one, motion, inside * seen, alike, (ex, ey), flow)


def _resolved(
    plate: Plate, motion: Motion, inside: Cells, alike: Cells, sums: tuple[Cells, Cells], flow: tuple[Cells, Cells]
) -> tuple[Fit, float]:
    """The step that the cells' brightness asks for, robustly, with what it leaves.

    sums: products of the gradients and the differences in each cell.
    """
    grid, shrink = plate.grid, plate.grid.shrink
    tensor = np.array([plate.xx, plate.xy, plate.yy])
    (xx, xy, yy), (ex, ey) = tensor, sums
    pull = shrink * np.array([ex, ey])
    noise = thresholds().camera.texture ** 2
    determinant = (xx + noise) * (yy + noise) - xy * xy
    # What each cell alone would ask for.
    u = shrink * ((yy + noise) * ex - xy * ey) / determinant
    v = shrink * ((xx + noise) * ey - xy * ex) / determinant
    weight = np.asarray(inside * np.clip(2 * alike - 0.6, 0.02, 1), np.float32)
    counted = weight * plate.weight
    base = counted / np.maximum(xx + yy + noise, 1e-6)
    total = float(counted.sum()) + 1e-9
    spread, step, whole, off = 0.5, np.zeros(4), np.eye(4), u
    robust = np.ones_like(weight)
    for _ in range(_TURNS):
        kept = base * robust
        step, whole = solved(grid, (tensor * kept).ravel(), (pull * kept).ravel())
        mu, mv = grid.moved(step)
        off = np.hypot(u - mu, v - mv)
        spread = max(0.03, 1.5 * float((counted * np.minimum(off, 4 * spread)).sum()) / total)
        robust = 1 / np.square(1 + np.square(off / (2 * spread)))
    errors = np.linalg.inv(whole).diagonal() * spread**2 / max(4.0, float(np.count_nonzero(weight > 0.2)))
    near = (off < _SHARP) & (alike > 0.3)
    bu, bv = grid.moved(motion)
    good = plate.clear * weight * (off < max(0.5, 3 * spread))
    textured = float((plate.weight * plate.clear).sum()) + 1e-9
    found = Fit(
        motion + step,
        length(np.sqrt(errors), grid),
        float((good * plate.weight).sum()) / textured,
        spread,
        float((plate.weight * plate.clear * (alike > 0.6)).sum()) / textured,
        float((plate.weight * plate.clear * np.clip(4 * alike - 3, 0, 1)).sum()) / textured,
        alike,
        np.where(near, bu + u, flow[0]),
        np.where(near, bv + v, flow[1]),
    )
    return found, length(step, grid)


def likeness(one: Plate, laid: NDArray[np.float32]) -> Cells:
    """Of each cell the correlation of its brightness, -1..1, with that of a picture (h, w) laid over the plate."""
    mean, square, shared = one.grid.means(laid, laid * laid, one.picture * laid)
    return _correlation(one, mean, square, shared)[0]


def _correlation(one: Plate, mean: Cells, square: Cells, shared: Cells) -> tuple[Cells, Cells]:
    """The correlation, and the variance of what is laid over. A grey level of noise is nobody's likeness."""
    variance = np.maximum(square - mean**2, 0)
    alike = (shared - one.mean * mean) / np.sqrt((one.variance + 1) * (variance + 1))
    return np.asarray(alike), np.asarray(variance)


def laid_over(other: Plate, motion: Motion) -> NDArray[np.float32]:
    """The other picture, at half size, moved back over the one."""
    import cv2

    height, width = other.picture.shape
    tx, ty, a, b = (float(value) for value in motion)
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    turn = np.array([[1 + a, -b], [b, 1 + a]])
    shift = middle + np.array([tx, ty]) / other.grid.shrink - turn @ middle
    matrix = np.column_stack([turn, shift])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(other.picture, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid, np.float32)
