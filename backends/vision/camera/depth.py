"""What stands at other depths than the background: parallax, and a subject that keeps its place in the frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.fit import Fits, likeness
from backends.vision.camera.grid import Cells, Flow
from backends.vision.camera.plates import Plates
from backends.vision.thresholds import thresholds

_RATES = (-0.9, -0.7, -0.5, -0.35, -0.25, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
"""How much slower or faster than the background another depth grows, as a share of its growth."""
_ALIKE, _SURELY_ALIKE, _MORE_ALIKE = 0.7, 0.85, 0.1
"""Correlations of a cell's brightness, and how much one must be above another to say something."""


def company_of(one: Plates, other: Plates, fits: Fits) -> NDArray[np.float64]:
    """What the cells do that leave the background's motion from one frame to another: of N pairs (N, 3) shares of the
    texture, 0..1.

    In the frame's middle, stays where it is while the background moves; moves the background's way, faster or slower
    (parallax of a travel, or a thing that goes along); leaves the background's motion, whichever way.
    """
    way = one.grid.moved(fits.motion)
    rest = fits.flow - way
    length, off = _long(way), _long(rest)
    leaves = _leaves(off, length)
    put = leaves & _stands(one, fits.flow, length)
    for at in np.flatnonzero(put.any(axis=1)).tolist():
        put[at] &= _looks_alike(one.part(at, at + 1), other.part(at, at + 1), fits.likeness[at])
    ahead = fits.motion[:, :2].astype(np.float32)
    shift = np.sqrt(np.square(ahead).sum(axis=1, keepdims=True)) + np.float32(1e-9)
    with_it = (rest * ahead[..., None]).sum(axis=1) / shift
    along = leaves & ~put & (np.abs(with_it) > 0.94 * off) & (with_it > -0.8 * shift)
    weight = one.weight * one.clear
    total = weight.sum(axis=1, dtype=np.float64) + 1e-9
    return np.stack([(weight * cells).sum(axis=1) / total for cells in (put, along, leaves)], axis=1)


def parallax_of(one: Plates, other: Plates, fit: Fits) -> float:
    """Of a picture that grows or shrinks: the share of it, 0..1, that grows at another rate; N = 1.

    In a push near things grow faster than far ones. For each of some rates the pictures are laid over each other anew;
    what then looks alike, and did not before, is at another depth. Things that move by themselves seldom do, nor do
    errors of the flow matter; and a hand's turns shift all depths alike.
    """
    grown = float(fit.motion[0, 2])
    plain = likeness(one, other, fit.motion)[0]
    best = plain
    for rate in _RATES:
        best = np.maximum(best, likeness(one, other, fit.motion + np.array([[0, 0, grown * rate, 0]]))[0])
    return float(np.mean(one.clear[0] & (best > _SURELY_ALIKE) & (best > plain + _MORE_ALIKE)))


def _long(way: Flow) -> Cells:
    """(N, C) lengths of (N, 2, C)."""
    return np.asarray(np.sqrt(way[:, 0] * way[:, 0] + way[:, 1] * way[:, 1]))


def _leaves(off: Cells, length: Cells) -> NDArray[np.bool_]:
    camera = thresholds().camera
    return np.asarray(off > camera.leaves + camera.leaves_share * length)


def _stands(plate: Plates, flow: Flow, length: Cells) -> NDArray[np.bool_]:
    """Cells of the frame's middle that hardly move while the background does.

    Titles at the bottom and marks in corners are not in the middle.
    """
    grid = plate.grid
    height, width = grid.size
    middle = (np.abs(grid.x) < 0.4 * width) & (grid.y > -0.42 * height) & (grid.y < 0.34 * height)
    return np.asarray(middle & (_long(flow) < 0.3 * length) & (length > 1.5))


def _looks_alike(one: Plates, other: Plates, moved: Cells) -> NDArray[np.bool_]:
    """(C,) cells that look alike where they are, and more so than where the background went, (C,); N = 1."""
    same = likeness(one, other, np.zeros((1, 4)))[0]
    return np.asarray((same > _ALIKE) & (moved < same))
