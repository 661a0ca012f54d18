"""Things that are suddenly elsewhere: lost where they were expected, and found again where nothing was on its way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backends.vision.coherence.cells import Grid, lab_of
from backends.vision.coherence.dominant import Dominant
from backends.vision.coherence.pairs import Pairs, squares
from backends.vision.coherence.stacks import Map, dilated, eroded, median, quantile, smaller, taken

_UNLIKE = 8.0
"""CIE76: a cell is not what was expected (about three times what is just noticed)."""
_LEAST_CELLS, _MOST_SHARE = 4, 0.45
"""A thing: cells, and share of the picture; when more is lost the camera moved, or the light did."""
_SUDDEN = 1.5
"""So many times more than lately must be unexpected for a search; where much always is, things move fast."""
_LATELY = 10
"""Pairs of frames. A thing that leaps and comes back makes two, which the median passes over."""
_REACH = 0.32
"""Of the longer side: how far around its place a thing is looked for."""
_BORDER_CELLS = 3
_NEAR_CELLS = 9
"""Side of the square within which what moved before lets cells go their own way."""
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
    """Shares of the picture's longer side, beyond what its motion would have made of it."""
    cells: int
    """Its size."""


class JumpWatch:
    """Remembers how much of the picture was unexpected lately."""

    def __init__(self) -> None:
        self._lately: deque[float] = deque(maxlen=_LATELY)

    def see(
        self, pairs: Pairs, now: Dominant, before: Dominant, apart: NDArray[np.float64]
    ) -> list[tuple[float, Leap | None]]:
        """Share of the picture that was not to be expected, and the largest thing that is suddenly elsewhere, per pair.

        now, before: of these pairs and of those before each; where none could be fitted the whole stands still;
        apart: (N,) 1/24 s between the frames.
        """
        expected = _Expected(pairs, now, before, apart)
        error = expected.surprise
        found: list[tuple[float, Leap | None]] = []
        for at, share in enumerate((error > _UNLIKE).mean(axis=(1, 2)).tolist()):
            usual = median(self._lately) if self._lately else 0.0
            self._lately.append(share)
            leaps = max(_LEAST_CELLS / error[at].size, _SUDDEN * usual) <= share <= _MOST_SHARE
            found.append((share, expected.leap(at, error[at]) if leaps else None))
        return found


class _Expected:
    """What N pairs of frames should show, by what is known of how they move."""

    def __init__(self, pairs: Pairs, now: Dominant, before: Dominant, apart: NDArray[np.float64]) -> None:
        self._pairs, self._now, self._before = pairs, now, before
        self._steady = now.motion
        self._free = (_FREE_CELLS * pairs.grid.across * np.clip(apart, 1.0, 2.5)).astype(np.float32)
        """(N,) pixels that a thing may move unannounced."""

    @cached_property
    def surprise(self) -> Map:
        """(N, rows, columns) CIE76 of `after` to what should be there, see `_surprise`."""
        lab_before, lab_after = self._pairs.lab
        error = lab_after - taken(lab_before, *self._pairs.there)
        return self._surprise(np.arange(len(self._pairs)), _length(error), forth=True)

    def leap(self, at: int, error: Map) -> Leap | None:
        """The thing that is suddenly elsewhere in pair `at`; error: its `surprise`."""
        new = error > _UNLIKE
        if not _sharp(error, new) or self._jerked(at):
            return None
        one = np.array([at])
        lab_before, lab_after = (lab[one] for lab in self._pairs.lab)
        off = lab_before - taken(lab_after, *self._pairs.at(self._pairs.forth[one]))
        lost = self._surprise(one, _length(off), forth=False)[0] > _UNLIKE
        if not _LEAST_CELLS / new.size <= float(lost.mean()) <= _MOST_SHARE:
            return None
        pictures = self._pairs.before[at].rgb, self._pairs.after[at].rgb
        return _found_again(pictures, self._pairs.grid, lost, new, self._steady[at], float(self._free[at]))

    def _surprise(self, at: NDArray[np.int64], error: Map, *, forth: bool) -> Map:
        """(n, rows, columns) CIE76 by the picture's motion or by its own, whichever explains a cell; 0 where nothing.

        error: CIE76 by the picture's motion, of the pairs `at`; forth: of `after` to `before`, else the other way.
        Flow that goes further than may be from the dominant motion does not count: it followed the leap. What is
        narrower than `_sides` does not count either. The dear steps are for the few pairs that cheap ones leave over.
        """
        surprise = np.zeros_like(error)
        flow = self._pairs.back[at] if forth else self._pairs.forth[at]
        steady = self._steady[at] if forth else -self._steady[at]
        off, wrong = squares(flow - steady), error > _UNLIKE
        free = self._free[at, None, None]
        some = _any_left(wrong | (off > free**2), np.full(len(at), _BORDER_CELLS))
        if not some.any():
            return surprise
        left = np.flatnonzero(some)
        side = self._sides(at[left])
        astray = off[left] > self._limit(at[left]) ** 2
        some = _any_left(wrong[left] | astray, side)
        left, side, astray = left[some], side[some], astray[some]
        if not len(left):
            return surprise
        here, there = self._pairs.lab[::-1] if forth else self._pairs.lab
        plain = _length(here[at[left]] - taken(there[at[left]], *self._pairs.at(steady[left])))
        best = np.where(astray, plain, np.minimum(error[left], plain))
        for width in np.unique(side):
            surprise[left[side == width]] = eroded(best[side == width], int(width))
        return surprise

    def _limit(self, at: NDArray[np.int64]) -> Map:
        """(n, rows, columns): pixels that each cell may go its own way: a little always, and what moves near it as it
        did."""
        of = self._pairs.grid
        (rows, columns), (height, width) = of.blocks, (of.rows, of.columns)
        rest = np.sqrt(squares(self._before.rest[at])) * self._before.fitted[at, None, None]
        near = rest[:, np.arange(height) * rows // height][:, :, np.arange(width) * columns // width]
        return np.asarray(self._free[at, None, None] + np.float32(1.5) * dilated(near, _NEAR_CELLS), np.float32)

    def _sides(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) cells along a square wider than the strips along the borders of things: flow is vague there, and what
        moves against the picture covers and uncovers as much of it as it moves."""
        rest = squares(self._before.rest[at]).reshape(len(at), -1)
        known = (self._before.followed[at] & self._before.fitted[at, None, None]).reshape(len(at), -1)
        fastest = np.nan_to_num(quantile(np.sqrt(rest), known, 0.98))
        return _BORDER_CELLS + np.minimum((fastest / self._pairs.grid.across).astype(np.int64), _BORDER_CELLS + 1)

    def _jerked(self, at: int) -> bool:
        """Whether the whole picture moves otherwise than before, by more than things may: nothing is to be expected."""
        if not (self._now.fitted[at] and self._before.fitted[at]):
            return False
        change = self._now.motion[at] - self._before.motion[at]
        return float(np.hypot(change[0], change[1]).mean()) > float(self._free[at])


def _length(colours: Map) -> Map:
    """(n, h, w) of (n, h, w, 3)."""
    square = colours * colours
    return np.asarray(np.sqrt(square[..., 0] + square[..., 1] + square[..., 2]), np.float32)


def _any_left(wrong: NDArray[np.bool_], side: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,): whether enough of (n, h, w) is left when what is narrower than `side` is taken off."""
    left = np.zeros(len(wrong), bool)
    for width in np.unique(side):
        inside = eroded(wrong[side == width].astype(np.uint8), int(width))
        left[side == width] = np.count_nonzero(inside, axis=(1, 2)) >= _LEAST_CELLS
    return left


def _sharp(error: Map, new: NDArray[np.bool_]) -> bool:
    """Whether the surprise ends where it ends: a thing has edges, a change of light fades out."""
    import cv2

    inside = new.astype(np.uint8)
    ring = (cv2.dilate(inside, np.ones((7, 7), np.uint8)) - cv2.dilate(inside, np.ones((3, 3), np.uint8))) > 0
    return not ring.any() or float(error[ring].mean()) < _SOFT * float(error[new].mean())


def _found_again(
    pictures: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    of: Grid,
    lost: NDArray[np.bool_],
    new: NDArray[np.bool_],
    steady: Map,
    free: float,
) -> Leap | None:
    """The one displacement that brings most of what is lost to where something new looks the same.

    pictures: (H, W, 3) RGB before and after; lost, new: (rows, columns) of each; steady: (2, rows, columns) pixels.
    """
    columns, rows = of.columns * _FINE, of.rows * _FINE
    one, other = (lab_of(smaller(rgb[None], rows, columns))[0] for rgb in pictures)
    y, x = np.nonzero(_finer(lost, (rows, columns)))
    step = max(1, len(x) // _SAMPLES)
    y, x = y[::step], x[::step]
    there_y, there_x = np.nonzero(_finer(new, (rows, columns)))
    alike = _distances(one[y, x], other[there_y, there_x]) < _ALIKE**2
    which, where = np.nonzero(alike)
    shift = -steady[:, y // _FINE, x // _FINE].mean(axis=1) * _FINE
    across = there_x[where] - x[which] - round(float(shift[0]) / of.across)
    down = there_y[where] - y[which] - round(float(shift[1]) / of.down)
    reach = round(_REACH * max(columns, rows))
    near = (np.abs(across) <= reach) & (np.abs(down) <= reach)
    if not near.any():
        return None
    side = 2 * reach + 1
    votes = np.bincount((down[near] + reach) * side + across[near] + reach, minlength=side * side)
    best = int(votes.argmax())
    distance = float(np.hypot(best // side - reach, best % side - reach))
    agreed = float(votes[best]) / len(x)
    if agreed < _AGREED or distance * of.across / _FINE <= free:
        return None
    return Leap(distance / max(columns, rows), round(agreed * float(lost.sum())))


def _distances(one: Map, other: Map) -> Map:
    """(n, m) squared distances of (n, 3) and (m, 3) colours."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)
    return np.asarray(squares - 2 * one @ other.T, np.float32)


def _finer(cells: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.resize(cells.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
