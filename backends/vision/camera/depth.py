"""What stands at other depths than the background: parallax, and a subject that keeps its place in the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.fit import Fit
from backends.vision.camera.grid import Cells, Plate
from backends.vision.thresholds import thresholds

_RATES = np.array([-0.9, -0.7, -0.5, -0.35, -0.25, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0])
"""How much slower or faster another depth grows than the background, as a share of its growth."""
_TRIES = 24
_ALIKE = 0.7


@dataclass(frozen=True)
class Company:
    """Shares of the texture, 0..1, in one motion between two frames."""

    put: float
    """In the frame's middle, stays where it is while the background moves."""
    along: float
    """Moves the background's way, faster or slower: parallax of a travel, or a thing that goes along."""
    astray: float
    """Leaves the background's motion, whichever way."""


def company_of(one: Plate, other: Plate, fit: Fit) -> Company:
    """What the cells do that leave the background's motion from one frame to another."""
    plate = one
    mu, mv = plate.grid.moved(fit.motion)
    ru, rv = fit.u - mu, fit.v - mv
    length = np.hypot(mu, mv)
    off = np.hypot(ru, rv)
    leaves = _leaves(off, length)
    put = _keeps_its_place(one, other, fit, length) & leaves
    tx, ty = float(fit.motion[0]), float(fit.motion[1])
    shift = float(np.hypot(tx, ty)) + 1e-9
    with_it = (ru * tx + rv * ty) / shift
    along = leaves & ~put & (np.abs(with_it) > 0.94 * off) & (with_it > -0.8 * shift)
    return Company(_share(plate, put), _share(plate, along), _share(plate, leaves))


def parallax_of(plate: Plate, fit: Fit) -> tuple[float, float]:
    """Of a picture that grows or shrinks: shares of the texture, 0..1, that grow at another rate and that just shift.

    In a push all depths grow about one point, the near ones faster. A thing that moves by itself shifts as one. Cells
    are judged along their texture only; a hand's turns shift all depths alike and are in the background's motion.
    """
    grid, growth = plate.grid, float(fit.motion[2])
    mu, mv = grid.moved(fit.motion)
    ru, rv = fit.u - mu, fit.v - mv
    tensor = plate.metric / np.maximum(plate.metric[0] + plate.metric[2], 1e-9)
    length = np.hypot(mu, mv)
    limit = thresholds().camera.leaves + thresholds().camera.leaves_share * length
    leaves = plate.clear & (_squares(tensor, ru, rv) > limit**2)
    if np.count_nonzero(leaves) < 4:
        return 0.0, 0.0
    rates = _RATES[:, None] * growth
    other = _explained(plate, tensor, leaves, (ru - rates * grid.x, rv - rates * grid.y), limit)
    some = np.flatnonzero(leaves)
    some = some[:: max(1, len(some) // _TRIES)]
    shifted = _explained(plate, tensor, leaves, (ru - ru[some, None], rv - rv[some, None]), limit)
    return float(other.max()), float(shifted.max())


def _explained(
    plate: Plate, tensor: NDArray[np.float32], cells: NDArray[np.bool_], left: tuple[NDArray, NDArray], limit: NDArray
) -> NDArray[np.float64]:
    """Of each try (row) the share of the texture whose motion it leaves nothing of."""
    weight = plate.weight * plate.clear
    met = cells & (_squares(tensor, *left) < limit**2)
    return np.asarray((met * weight).sum(1) / (weight.sum() + 1e-9))


def _squares(tensor: NDArray[np.float32], u: NDArray, v: NDArray) -> NDArray:
    return np.asarray(tensor[0] * u * u + 2 * tensor[1] * u * v + tensor[2] * v * v)


def _leaves(off: Cells, length: Cells) -> NDArray[np.bool_]:
    camera = thresholds().camera
    return np.asarray(off > camera.leaves + camera.leaves_share * length)


def _share(plate: Plate, cells: NDArray[np.bool_]) -> float:
    weight = plate.weight * plate.clear
    return float(weight[cells].sum() / (weight.sum() + 1e-9))


def _keeps_its_place(one: Plate, other: Plate, fit: Fit, length: Cells) -> NDArray[np.bool_]:
    """Cells of the frame's middle that look alike where they are and not where the background went.

    Titles at the bottom and marks in corners are not in the middle.
    """
    grid = one.grid
    height, width = grid.size
    middle = (np.abs(grid.x) < 0.4 * width) & (grid.y > -0.42 * height) & (grid.y < 0.34 * height)
    still = np.hypot(fit.u, fit.v) < 0.3 * length
    shared = grid.means(one.picture * other.picture)[0] - one.mean * other.mean
    same = shared / np.sqrt((one.variance + 1) * (other.variance + 1))
    return np.asarray(middle & still & (same > _ALIKE) & (fit.likeness < same) & (length > 1.5))
