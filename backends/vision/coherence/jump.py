"""Things that are suddenly elsewhere: lost where they were expected, and found again where nothing was on its way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.coherence.cells import FrameCells, Map, Pair, length, median
from backends.vision.coherence.dominant import Dominant

_UNLIKE = 8.0
"""CIE76: a cell is not what was expected (about three times what is just noticed)."""
_LEAST_CELLS, _MOST_SHARE = 4, 0.45
"""A thing: cells, and share of the picture; when more is lost the camera moved, or the light did."""
_SUDDEN = 1.5
"""So many times more than lately must be unexpected for a search; where much always is, things move fast."""
_LATELY = 10
"""Pairs of frames. A thing that leaps and comes back makes two, which the median passes over."""
_REACH = 0.32
"""Widths that a thing is looked for around its place."""
_BORDER_CELLS = 3
_FREE_CELLS = 1.5
"""Cells per frame of 1/24 s that a thing may move unannounced: hands and balls do."""
_SOFT = 0.09
"""Error around what is new, as a share of its own, from which it has no edge."""
_ALIKE = 10.0
"""CIE76: the same surface, its edges mixed a little otherwise with what is behind."""
_AGREED = 0.24
"""Share of what is lost that one displacement must bring back; what a thing now covers is lost too, and stays lost."""
_SAMPLES = 96
"""Lost places that are looked for."""
_FINE = 2
"""Pixels of the search per cell."""


@dataclass(frozen=True)
class Leap:
    """A thing that jumped."""

    distance: float
    """Shares of the picture's width, beyond what its motion would have made of it."""
    cells: int
    """Its size."""


class JumpWatch:
    """Remembers how much of the picture was unexpected lately, and what moved how."""

    def __init__(self) -> None:
        self._lately: deque[float] = deque(maxlen=_LATELY)
        self._before: Dominant | None = None

    def see(self, pair: Pair, now: Dominant | None, frames_apart: float) -> tuple[float, Leap | None]:
        """Share of the picture that was not to be expected, and the largest thing that is suddenly elsewhere.

        now: None when no motion of the whole could be fitted: then it stands still; frames_apart: in 1/24 s.
        """
        before, self._before = self._before, now
        steady = now.motion if now is not None else np.zeros((*pair.shape, 2), np.float32)
        free = _FREE_CELLS * pair.after.pitch * float(np.clip(frames_apart, 1.0, 2.5))
        limit, patch = _limit(pair, before, free), _patch(pair, before)
        error = _surprise(pair, pair.after.lab, pair.before.lab, pair.back, steady, limit, patch)
        new = error > _UNLIKE
        share = float(new.mean())
        usual = median(np.array(self._lately)) if self._lately else 0.0
        self._lately.append(share)
        if not max(_LEAST_CELLS / new.size, _SUDDEN * usual) <= share <= _MOST_SHARE:
            return share, None
        if not _sharp(error, new) or _jerked(now, before, free):
            return share, None
        lost = _surprise(pair, pair.before.lab, pair.after.lab, pair.forth, -steady, limit, patch) > _UNLIKE
        if not _LEAST_CELLS / new.size <= float(lost.mean()) <= _MOST_SHARE:
            return share, None
        return share, _found_again(pair, lost, new, steady, free)


def _limit(pair: Pair, before: Dominant | None, free: float) -> Map:
    """(h, w): pixels that each cell may go its own way: a little always, and what moves near it as it did."""
    import cv2

    limit = np.full(pair.shape, free, np.float32)
    if before is None:
        return limit
    rest = cv2.resize(length(before.rest), pair.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(limit + 1.5 * cv2.dilate(rest, np.ones((9, 9), np.uint8)), np.float32)


def _patch(pair: Pair, before: Dominant | None) -> NDArray[np.uint8]:
    """A square wider than the strips along the borders of things: flow is vague there, and what moves against the
    picture covers and uncovers as much of it as it moves."""
    side = _BORDER_CELLS
    if before is not None and before.followed.any():
        fastest = float(np.percentile(length(before.rest)[before.followed], 98))
        side += min(int(fastest / pair.after.pitch), _BORDER_CELLS + 1)
    return np.ones((side, side), np.uint8)


def _surprise(pair: Pair, here: Map, there: Map, flow: Map, dominant: Map, limit: Map, patch: NDArray[np.uint8]) -> Map:
    """(h, w) CIE76 of `here` to what should be there, by the picture's motion or by its own, whichever explains it.

    Flow that goes further than `limit` (pixels) from the dominant motion does not count: it followed the leap.
    What is narrower than `patch` does not count either.
    """
    import cv2

    error = length(here - pair.taken(there, flow))
    astray = length(flow - dominant) > limit
    if int((cv2.erode(np.where(astray, np.float32(np.inf), error), patch) > _UNLIKE).sum()) < _LEAST_CELLS:
        return np.zeros(pair.shape, np.float32)
    plain = length(here - pair.taken(there, dominant))
    return np.asarray(cv2.erode(np.where(astray, plain, np.minimum(error, plain)), patch), np.float32)


def _jerked(now: Dominant | None, before: Dominant | None, free: float) -> bool:
    """Whether the whole picture moves otherwise than before, by more than a thing may: nothing was to be expected."""
    if now is None or before is None:
        return False
    return float(length(now.motion - before.motion).mean()) > free


def _sharp(error: Map, new: NDArray[np.bool_]) -> bool:
    """Whether the surprise ends where it ends: a thing has edges, a change of light fades out."""
    import cv2

    inside = new.astype(np.uint8)
    ring = (cv2.dilate(inside, np.ones((7, 7), np.uint8)) - cv2.dilate(inside, np.ones((3, 3), np.uint8))) > 0
    return not ring.any() or float(error[ring].mean()) < _SOFT * float(error[new].mean())


def _found_again(pair: Pair, lost: NDArray[np.bool_], new: NDArray[np.bool_], steady: Map, free: float) -> Leap | None:
    """The one displacement that brings most of what is lost to where something new looks the same."""
    columns, rows = pair.after.columns * _FINE, pair.after.rows * _FINE
    one, other = _fine_lab(pair.before), _fine_lab(pair.after)
    y, x = np.nonzero(_finer(lost, (rows, columns)))
    step = max(1, len(x) // _SAMPLES)
    y, x = y[::step], x[::step]
    there_y, there_x = np.nonzero(_finer(new, (rows, columns)))
    alike = _distances(one[y, x], other[there_y, there_x]) < _ALIKE**2
    which, where = np.nonzero(alike)
    shift = -steady[y // _FINE, x // _FINE].mean(axis=0) * (_FINE / pair.after.pitch)
    across = there_x[where] - x[which] - round(float(shift[0]))
    down = there_y[where] - y[which] - round(float(shift[1]))
    reach = round(_REACH * columns)
    near = (np.abs(across) <= reach) & (np.abs(down) <= reach)
    if not near.any():
        return None
    side = 2 * reach + 1
    votes = np.bincount((down[near] + reach) * side + across[near] + reach, minlength=side * side)
    best = int(votes.argmax())
    distance = float(np.hypot(best // side - reach, best % side - reach))
    agreed = float(votes[best]) / len(x)
    if agreed < _AGREED or distance * pair.after.pitch / _FINE <= free:
        return None
    return Leap(distance / columns, round(agreed * float(lost.sum())))


def _distances(one: Map, other: Map) -> Map:
    """(n, m) squared distances of (n, 3) and (m, 3) colours."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)
    return np.asarray(squares - 2 * one @ other.T, np.float32)


def _fine_lab(cells: FrameCells) -> Map:
    import cv2

    size = (cells.columns * _FINE, cells.rows * _FINE)
    small = cv2.resize(cells.frame.rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), np.float32)


def _finer(cells: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.resize(cells.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
