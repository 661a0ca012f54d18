"""What else must be true of two frames with a gradual change between them, for it to be a transition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backends.vision.cuts.likeness import OUTLINED, likeness, outlined_alike, unmoved
from backends.vision.cuts.steps import step_share
from backends.vision.cuts.thumb import Floats, Thumb
from backends.vision.cuts.window import Window
from backends.vision.thresholds import thresholds

JUMP = 0.35
"""Share of the squared distance between both ends that one step of a ramp never makes."""
MOMENTS = (7, 14, 21)
"""Frames after which, or before which, a scene that only passed is looked for."""
_SAME = 0.93
_SMEARED = 0.45
"""Of whip pans at most 0.35 is left, of wipes at least 0.5."""
_SWEPT = 0.5
"""Detail left in the worse direction, as a share of what is due, and of what is left in the other."""
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


def mixture(window: Window, first: int, stop: int) -> Mixture:
    """Of frames first..stop-1 between the two shots."""

    half = (first + stop) // 2
    middle = range(max(first, half - 1), min(stop, half + 2))
    shown = _details(window, [*_beside(first, stop), *middle])
    ends = shown[:4].mean(axis=0)
    between = shown[4:].mean(axis=0)
    clear = ends > _PLAIN
    if not clear.any():
        return Mixture(1.0, 0.0)
    return Mixture(
        middle=float(between.sum()) / max(float(ends.sum()), 1e-3),
        blocks=float(np.count_nonzero(between[clear] < _LESS * ends[clear])) / np.count_nonzero(clear),
    )


def sharpness(window: Window, first: int, stop: int) -> float:
    """Least detail of any of frames first..stop-1, as a share of what a mixture should have there: blur takes more."""
    shown = _details(window, [*_beside(first, stop), *range(first, stop)]).sum(axis=1)
    share = (np.arange(stop - first) + 1) / (stop - first + 1)
    due = (1 - share) ** 2 * shown[:2].mean() + share**2 * shown[2:4].mean()
    return float((shown[4:] / np.maximum(due, 1e-3)).min())


def swept(window: Window, first: int, stop: int) -> bool:
    """Whether frames first..stop-1 lose their detail in one direction only: a camera that is thrown round leaves the
    lines along its way, a mixture takes as much from all."""
    thumbs = [window.thumb(index) for index in _there(window, [*_beside(first, stop), *range(first, stop)])]
    shown = np.asarray([thumb.strokes for thumb in thumbs])
    share = ((np.arange(stop - first) + 1) / (stop - first + 1))[:, None]
    due = (1 - share) ** 2 * shown[:2].mean(axis=0) + share**2 * shown[2:4].mean(axis=0)
    least = (shown[4:] / np.maximum(due, 1e-3)).min(axis=0)
    return bool(least.min() < _SWEPT and least.min() < _SWEPT * least.max())


def smeared(window: Window, first: int, stop: int) -> bool:
    """Whether in frames first..stop-1 there is less detail, in either direction, than in the plainer of both pictures:
    a wipe shows parts of both as they are, a camera that is thrown round neither."""
    thumbs = [window.thumb(index) for index in _there(window, [first - 2, stop + 1, *range(first, stop)])]
    shown = np.asarray([thumb.strokes for thumb in thumbs])
    return bool((shown[2:] / np.maximum(shown[:2].min(axis=0), 1e-3)).min() < _SMEARED)


def _beside(first: int, stop: int) -> tuple[int, int, int, int]:
    """Two frames of the old shot and two of the new."""
    return first - 2, first - 5, stop + 1, stop + 4


def _details(window: Window, indices: Sequence[int]) -> Floats:
    """(n, 48) of these frames, or of the nearest that there are."""
    return window.details(_there(window, indices))


def _there(window: Window, indices: Sequence[int]) -> list[int]:
    oldest, newest = window.start, window.stop - 1
    return [min(max(index, oldest), newest) for index in indices]


def same_scene(old: Thumb, new: Thumb, limit: float) -> bool:
    """Whether two frames show one scene: it moved, by likeness from `limit` on, or it did not, in whatever light."""
    if unmoved(old, new) >= thresholds().cuts.blend_unmoved or likeness(old, new, enough=limit) >= limit:
        return True
    return outlined_alike(old, new) >= OUTLINED


def passes(window: Window, before: int, after: int, limit: float, moments: Sequence[int] = MOMENTS) -> bool:
    """Whether what differs between two frames only came for a moment: soon, or soon ago, the film looks the same.

    A fire that dies down, a lens pulled out of focus and back, something that passes close by. moments: how many
    frames later and earlier to look. Beyond a cut it must be the very same, since the shot after the next may well
    look like this one, but a cut away and back is no dissolve.
    """
    start, stop = _between_cuts(window, before, after, moments[-1])
    for apart in moments:
        later, earlier = after + apart, before - apart
        if later < window.stop:
            enough = limit if later < stop else _SAME
            if likeness(window.thumb(before), window.thumb(later), enough=enough) >= enough:
                return True
        if earlier >= window.start:
            enough = limit if earlier >= start else _SAME
            if likeness(window.thumb(earlier), window.thumb(after), enough=enough) >= enough:
                return True
    return False


def _between_cuts(window: Window, before: int, after: int, reach: int) -> tuple[int, int]:
    first, stop = max(window.start, before - reach), min(window.stop, after + reach + 1)
    jumps = np.flatnonzero(window.steps(first, stop) > JUMP * window.square(before, after)) + first + 1
    cuts = [int(jump) for jump in jumps if step_share(window, int(jump)) >= thresholds().cuts.cut_step]
    return (
        max((cut for cut in cuts if cut <= before), default=first),
        min((cut for cut in cuts if cut > after), default=stop),
    )
