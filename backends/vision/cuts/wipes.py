"""Wipes: every place of the picture changes once, from the old shot to the new, in the order of a line that moves.

For each place of a small picture the moment is found at which one step explains its course best. In a wipe these
moments follow the place's position: along x, y or a diagonal, from the middle outwards, around the clock. In a cut and
a dissolve they are all the same, in a moving shot they follow nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backends.vision.cuts.evidence import MOMENTS, passes
from backends.vision.cuts.found import Found
from backends.vision.cuts.likeness import SHOT, likeness, textured, unmoved
from backends.vision.cuts.window import COLOUR_SIZE, Floats, Window, distances
from backends.vision.thresholds import thresholds

WINDOWS = {14: 3, 24: 3, 50: 6}
"""Frames in which a whole wipe must lie, and how often that is looked at, frames."""
WAIT = 40
_BINS = 12
_FASTEST = 5
"""Frames of a wipe at least."""
_TOLERANCE = 0.09
_LATER = (28,)
"""What passes slowly is gone only after so many frames."""
_JUMP = 0.5
"""Of the squared way, in one step: a short eased wipe makes nearly so much in its middle, a cut more."""
_ADDED = 0.88
_ENDS = (0.01, 0.99)
_BLACK = 28 - 128


@dataclass(frozen=True)
class Order:
    """One way in which a picture may be wiped."""

    forward: str
    backward: str
    bins: NDArray[np.int64]
    """(P,) the place's bin, 0-11; each holds the same share of the picture."""


@dataclass(frozen=True)
class Sweep:
    """A wipe as one window shows it."""

    first: int
    stop: int
    score: float
    area: float
    """Share of the picture that changes in order."""
    detail: str


@lru_cache(maxsize=8)
def orders(height: int, width: int) -> tuple[Order, ...]:
    """All ways that are known, for a picture of that size."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (x + 0.5) / width, (y + 0.5) / height
    radius = np.hypot((x - 0.5) * width / height, y - 0.5)
    angle = (np.arctan2(x - 0.5, 0.5 - y) / (2 * np.pi)) % 1
    ways = [
        ("left to right", "right to left", x),
        ("top to bottom", "bottom to top", y),
        ("diagonal from the top left", "diagonal from the bottom right", x + y),
        ("diagonal from the top right", "diagonal from the bottom left", y - x),
        ("iris out", "iris in", radius),
    ]
    ways += [("clock", "clock backwards", (angle + turn) % 1) for turn in (0, 0.25, 0.5, 0.75)]
    return tuple(Order(forward, backward, _binned(value)) for forward, backward, value in ways)


def _binned(value: Floats) -> NDArray[np.int64]:
    rank = np.argsort(np.argsort(value.ravel(), kind="stable"), kind="stable")
    return np.asarray(rank * _BINS // value.size, np.int64)


class WipeTest:
    """Sees the window after each new frame; `found` grows."""

    def __init__(self, order: float) -> None:
        """order: the share of the changed area that must change in spatial order."""
        self._table = thresholds().cuts
        self._order = order
        self._pending: list[tuple[int, Sweep]] = []
        self.found: list[Found] = []

    def see(self, window: Window) -> None:
        for length, stride in WINDOWS.items():
            sweep = self._look(window, length) if window.stop % stride == 0 else None
            if sweep is not None:
                self._pending.append((window.stop, sweep))
        self._judge(window, WAIT)

    def finish(self, window: Window) -> None:
        self._judge(window, 0)

    def _look(self, window: Window, length: int) -> Sweep | None:
        first, stop = window.stop - length, window.stop
        if first < window.start or window.distance(first, stop - 1) < self._table.wipe_distance:
            return None
        squares = distances(window.products(first, stop))
        if not _adds_up(squares) or np.diag(squares, 1).max() > _JUMP * squares[0, -1]:
            return None
        return sweep_in(window.colours(first, stop), first, self._table.wipe_change, self._table.wipe_area, self._order)

    def _judge(self, window: Window, wait: int) -> None:
        while self._pending and window.stop - self._pending[0][0] >= wait:
            group = [sweep for _, sweep in self._pending if _touch(sweep, self._pending[0][1])]
            best = max(group, key=lambda sweep: sweep.area)
            self._pending = [entry for entry in self._pending if not _touch(entry[1], best) and entry[1] not in group]
            if best.first - 2 >= window.start and self._is_transition(window, best):
                self.found.append(Found("wipe", best.first, best.stop, best.score, "order", best.detail))

    def _is_transition(self, window: Window, sweep: Sweep) -> bool:
        before, after = sweep.first - 2, min(window.stop - 1, sweep.stop + 1)
        old, new = window.grey(before), window.grey(after)
        table = self._table
        if min(textured(old), textured(new)) < SHOT:
            return False
        if likeness(old, new) >= table.wipe_likeness or unmoved(old, new) >= table.blend_unmoved:
            return False
        return not passes(window, before, after, table.passing_likeness, (*MOMENTS, *_LATER))


def _adds_up(squares: Floats) -> bool:
    """Whether both parts of the way are together as long as the whole, squared, wherever it is parted.

    In a wipe each place changes once, so that squared distances add up. In a blend and a slow move the parts are
    shorter. In a fast move they are longer, but it may lie inside of one of a wipe's shots.
    """
    size = len(squares)
    middles = (size // 4, size // 2, 3 * size // 4)
    return all(squares[0, m] + squares[m, -1] > _ADDED * squares[0, -1] for m in middles)


def _touch(one: Sweep, other: Sweep) -> bool:
    return one.first <= other.stop and other.first <= one.stop


def sweep_in(colours: Floats, first: int, change: float, area: float, order: float) -> Sweep | None:
    """The wipe in these thumbnails (n, 18, 32, 3), if there is one. first: the film's index of the first of them."""
    colours = _without_bars(colours)
    length, height, width = colours.shape[:3]
    moments, weights = _switches(colours.reshape(length, -1, 3), change)
    share = float((weights > 0).mean())
    if share < area:
        return None
    best: tuple[float, Order, Floats] | None = None
    for way in orders(height, width):
        score, near = _ordered(way.bins, moments, weights, length)
        if score >= order and (best is None or score > best[0]):
            best = score, way, near
    if best is None:
        return None
    score, way, near = best
    heaped = np.cumsum(near.sum(axis=0))
    begin, end = (int(np.searchsorted(heaped, part * heaped[-1])) for part in _ENDS)
    early, late = (near[part] @ np.arange(length) / max(float(near[part].sum()), 1e-6) for part in (0, -1))
    if end + 1 - begin < _FASTEST:
        return None
    detail = way.forward if late > early else way.backward
    return Sweep(first + begin, first + end + 1, min(1.0, score), score * share, detail)


def _without_bars(colours: Floats) -> Floats:
    """The part of the thumbnails that is not black all the time at the borders."""
    light = colours.max(axis=0).max(axis=2) > _BLACK
    rows, columns = np.flatnonzero(light.any(axis=1)), np.flatnonzero(light.any(axis=0))
    if len(rows) < COLOUR_SIZE[0] // 3 or len(columns) < COLOUR_SIZE[1] // 3:
        return colours
    return colours[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _switches(series: Floats, change: float) -> tuple[NDArray[np.int64], Floats]:
    """For (n, P, 3): each place's first frame after its best step, and how much that step explains, both (P,)."""
    length = len(series)
    centred = series - series.mean(axis=0)
    sums = np.cumsum(centred[:-1], axis=0)
    counts = np.arange(1, length, dtype=np.float32)[:, None]
    between = np.einsum("kpc,kpc->kp", sums, sums) * (length / (counts * (length - counts)))
    moments = between.argmax(axis=0)
    gain = between[moments, np.arange(series.shape[1])]
    whole = np.einsum("kpc,kpc->p", centred, centred)
    taken = moments + 1
    jump = np.sqrt(gain * length / (taken * (length - taken)))
    weights = np.where(jump > change, gain / np.maximum(whole, 1e-3), 0)
    return taken.astype(np.int64), weights.astype(np.float32)


def _ordered(bins: NDArray[np.int64], moments: NDArray[np.int64], weights: Floats, length: int) -> tuple[float, Floats]:
    """The share of the weight whose moment is near its bin's median, and that weight as (12, n) by bin and moment.

    0 when the medians are out of order or jump.
    """
    table = np.bincount(bins * length + moments, weights, _BINS * length).reshape(_BINS, length).astype(np.float32)
    heaped = np.cumsum(table, axis=1)
    total = heaped[:, -1]
    medians = (heaped < total[:, None] / 2).sum(axis=1).astype(np.float32)
    if (total <= 0).sum() > 2:
        return 0.0, table
    steps = np.diff(medians)
    way = medians[-1] - medians[0]
    backwards = -steps[steps * way < 0] if way > 0 else steps[steps * way < 0]
    if abs(way) < _FASTEST - 1 or backwards.sum() > 0.15 * abs(way) or abs(steps).max() > 0.5 * abs(way):
        return 0.0, table
    reach = max(1.0, _TOLERANCE * abs(float(way)))
    near = np.abs(np.arange(length)[None] - medians[:, None]) <= reach
    return float((table * near).sum() / max(float(total.sum()), 1e-6)), table * near
