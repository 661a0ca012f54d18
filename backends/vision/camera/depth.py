"""What stands at other depths than the background: parallax, and a subject that keeps its place in the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.fit import Fit, laid_over, likeness
from backends.vision.camera.grid import Cells, Plate
from backends.vision.thresholds import thresholds

_RATES = (-0.9, -0.7, -0.5, -0.35, -0.25, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
"""How much slower or faster than the background another depth grows, as a share of its growth."""
_ALIKE, _SURELY_ALIKE, _MORE_ALIKE = 0.7, 0.85, 0.1
"""Correlations of a cell's brightness, and how much one must be above another to say something."""


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


def parallax_of(one: Plate, other: Plate, fit: Fit) -> float:
    """Of a picture that grows or shrinks: the share of it, 0..1, that grows at another rate.

    In a push near things grow faster than far ones. For each of some rates the pictures are laid over each other anew;
    what then looks alike, and did not before, is at another depth. Things that move by themselves seldom do, nor do
    errors of the flow matter; and a hand's turns shift all depths alike.
    """
    grown = float(fit.motion[2])
    plain = likeness(one, laid_over(other, fit.motion))
    best = plain
    for rate in _RATES:
        motion = fit.motion + np.array([0, 0, grown * rate, 0])
        best = np.maximum(best, likeness(one, laid_over(other, motion)))
    return float(np.mean(one.clear & (best > _SURELY_ALIKE) & (best > plain + _MORE_ALIKE)))


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
    same = likeness(one, other.picture)
    return np.asarray(middle & still & (same > _ALIKE) & (fit.likeness < same) & (length > 1.5))
