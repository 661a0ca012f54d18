"""What else must be true of two frames with a gradual change between them, for it to be a transition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backends.vision.cuts.likeness import details, likeness
from backends.vision.cuts.steps import step_share
from backends.vision.cuts.window import Floats, Window, distances
from backends.vision.thresholds import thresholds

JUMP = 0.35
"""Share of the squared distance between both ends that one step of a ramp never makes."""
MOMENTS = (7, 14, 21)
"""Frames after which, or before which, a scene that only passed is looked for."""
_SAME = 0.93
_PLAIN, _LESS = 4.0, 0.85
"""Detail of a block, levels squared, below which it tells nothing; the share of it that is clearly less."""


@dataclass(frozen=True)
class Mixture:
    """How the detail of two pictures goes together on the way from one to the other."""

    middle: float
    """Detail of the middle as a share of the mean of both ends: 0.5 where two unlike pictures are mixed.

    Variances of independent pictures add up with the squares of their shares; motion changes nothing of that.
    """
    blocks: float
    """Share of the blocks in which it is clearly less: a title, or what passes, takes it from a part only."""
    sharpness: float
    """Least detail of any frame on the way, as a share of what the mixture should have there: blur takes more."""


def mixture(window: Window, first: int, stop: int) -> Mixture:
    """Of frames first..stop-1 between the two shots."""

    def shown(index: int) -> Floats:
        return details(window.grey(min(max(index, window.start), window.stop - 1)))

    old = (shown(first - 2) + shown(first - 5)) / 2
    new = (shown(stop + 1) + shown(stop + 4)) / 2
    way = np.stack([shown(index) for index in range(first, stop)])
    half = (stop - first) // 2
    between = np.mean(way[max(0, half - 1) : half + 2], axis=0)
    ends = (old + new) / 2
    clear = ends > _PLAIN
    if not clear.any():
        return Mixture(1.0, 0.0, 0.0)
    share = (np.arange(stop - first) + 1) / (stop - first + 1)
    due = (1 - share) ** 2 * old.sum() + share**2 * new.sum()
    return Mixture(
        middle=float(between.sum()) / max(float(ends.sum()), 1e-3),
        blocks=float((between[clear] < _LESS * ends[clear]).mean()),
        sharpness=float((way.sum(axis=1) / np.maximum(due, 1e-3)).min()),
    )


def passes(window: Window, before: int, after: int, limit: float, moments: Sequence[int] = MOMENTS) -> bool:
    """Whether what differs between two frames only came for a moment: soon, or soon ago, the film looks the same.

    A fire that dies down, a lens pulled out of focus and back, something that passes close by. moments: how many
    frames later and earlier to look. Beyond a cut it must be the very same: the shot after the next may well look like
    this one, but a cut away and back is no dissolve.
    """
    start, stop = _between_cuts(window, before, after, moments[-1])
    for apart in moments:
        later, earlier = after + apart, before - apart
        if later < window.stop:
            alike = likeness(window.grey(before), window.grey(later))
            if alike >= (limit if later < stop else _SAME):
                return True
        if earlier >= window.start:
            alike = likeness(window.grey(earlier), window.grey(after))
            if alike >= (limit if earlier >= start else _SAME):
                return True
    return False


def _between_cuts(window: Window, before: int, after: int, reach: int) -> tuple[int, int]:
    first, stop = max(window.start, before - reach), min(window.stop, after + reach + 1)
    squares = distances(window.products(first, stop))
    jumps = np.flatnonzero(np.diag(squares, 1) > JUMP * squares[before - first, after - first]) + first + 1
    cuts = [int(jump) for jump in jumps if step_share(window, int(jump)) >= thresholds().cuts.cut_step]
    return (
        max((cut for cut in cuts if cut <= before), default=first),
        min((cut for cut in cuts if cut > after), default=stop),
    )
