"""Wipes: every place of the picture changes once, from the old shot to the new, in the order of a line that moves.

For each place of a small picture the moment is found at which one step explains its course best. In a wipe these
moments follow the place's position: along x, y or a diagonal, from the middle outwards, around the clock. In a cut and
a dissolve they are all the same, in a moving shot they follow nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from backends.vision.cuts.evidence import MOMENTS, passes, same_scene, smeared
from backends.vision.cuts.found import Found
from backends.vision.cuts.likeness import SHOT, textured
from backends.vision.cuts.window import COLOUR_SIZE, VALUES, Floats, Indices, Window
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
_MARGIN = 2
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
        self._whipped = -_MARGIN - 1
        """Where a camera was last thrown round: what follows at once is the rest of its way."""
        self.found: list[Found] = []

    def see(self, window: Window) -> None:
        sweeps = self._look(window)
        if not sweeps and not self._pending:
            return
        for stop in window.replay():
            self._pending += [(stop, sweep) for sweep in sweeps.get(stop, ())]
            self._judge(window, WAIT)

    def finish(self, window: Window) -> None:
        self._judge(window, 0)

    def _look(self, window: Window) -> dict[int, list[Sweep]]:
        """The sweeps in the windows that end at each of the newly added frames, by the index after it."""
        table, sweeps = self._table, dict[int, list[Sweep]]()
        for first, stop in self._candidates(window):
            sweep = sweep_in(window.colours(first, stop), first, table.wipe_change, table.wipe_area, self._order)
            if sweep is not None:
                sweeps.setdefault(stop, []).append(sweep)
        return sweeps

    def _candidates(self, window: Window) -> list[tuple[int, int]]:
        """Windows whose ends differ enough, and whose squared distances add up without a jump."""
        spans = [
            (stop - length, stop)
            for length, stride in WINDOWS.items()
            for stop in range(window.added + 1, window.stop + 1)
            if stop % stride == 0 and stop >= length
        ]
        firsts, stops = np.asarray(spans, np.int64).reshape(-1, 2).T
        whole = window.squares(firsts, stops - 1)
        fitting = (whole >= self._table.wipe_distance**2 * VALUES) & _adds_up(window, firsts, stops - 1, whole)
        return [
            spans[row]
            for row in np.flatnonzero(fitting).tolist()
            if window.steps(*spans[row]).max() <= _JUMP * whole[row]
        ]

    def _judge(self, window: Window, wait: int) -> None:
        while self._pending and window.stop - self._pending[0][0] >= wait:
            group = [sweep for _, sweep in self._pending if _touch(sweep, self._pending[0][1])]
            best = max(group, key=lambda sweep: sweep.area)
            self._pending = [entry for entry in self._pending if not _touch(entry[1], best) and entry[1] not in group]
            if best.first - 2 >= window.start and self._is_transition(window, best):
                self.found.append(Found("wipe", best.first, best.stop, best.score, "order", best.detail))

    def _is_transition(self, window: Window, sweep: Sweep) -> bool:
        before, after = sweep.first - 2, min(window.stop - 1, sweep.stop + 1)
        old, new = window.thumb(before), window.thumb(after)
        table = self._table
        if min(textured(old), textured(new)) < SHOT:
            return False
        if sweep.first <= self._whipped + _MARGIN or same_scene(old, new, table.wipe_likeness):
            return False
        if smeared(window, sweep.first, sweep.stop):
            self._whipped = sweep.stop
            return False
        return not passes(window, before, after, table.passing_likeness, (*MOMENTS, *_LATER))


def _adds_up(window: Window, firsts: Indices, lasts: Indices, whole: Floats) -> NDArray[np.bool_]:
    """Whether both parts of the way are together as long as the whole, squared, wherever it is parted; (m,).

    In a wipe each place changes once, so that squared distances add up. In a blend and a slow move the parts are
    shorter. In a fast move they are longer, but it may lie inside of one of a wipe's shots.
    """
    fitting = np.ones(len(firsts), bool)
    for quarters in (1, 2, 3):
        middles = firsts + quarters * (lasts + 1 - firsts) // 4
        fitting &= window.squares(firsts, middles) + window.squares(middles, lasts) > _ADDED * whole
    return fitting


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
    ways = orders(height, width)
    best = max(_ordered(ways, moments, weights, length), key=itemgetter(0), default=None)
    if best is None or best[0] < order:
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


def _switches(series: Floats, change: float) -> tuple[Indices, Floats]:
    """For (n, P, 3): each place's first frame after its best step, and how much that step explains, both (P,)."""
    length = len(series)
    centred = np.ascontiguousarray(series.transpose(0, 2, 1))
    centred -= centred.mean(axis=0)
    sums = centred[:-1].copy()
    for moment in range(1, length - 1):  # Many times faster than `cumsum` along the first axis.
        sums[moment] += sums[moment - 1]
    counts = np.arange(1, length, dtype=np.float32)
    np.square(sums, out=sums)
    between = (sums[:, 0] + sums[:, 1] + sums[:, 2]) * (length / (counts * (length - counts)))[:, None]
    moments = between.argmax(axis=0)
    gain = between[moments, np.arange(series.shape[1])]
    whole = np.square(centred, out=centred).sum(axis=0).sum(axis=0)
    taken = moments + 1
    jump = np.sqrt(gain * length / (taken * (length - taken)))
    weights = np.where(jump > change, gain / np.maximum(whole, 1e-3), 0)
    return taken.astype(np.int64), weights.astype(np.float32)


def _ordered(
    ways: tuple[Order, ...], moments: Indices, weights: Floats, length: int
) -> list[tuple[float, Order, Floats]]:
    """The ways in which the bins' median moments are in order, without jumps.

    Of each the share of the weight whose moment is near its bin's median, and that weight as (12, n) by bin and moment.
    """
    places = np.concatenate([(way.bins + number * _BINS) * length + moments for number, way in enumerate(ways)])
    table = np.bincount(places, np.tile(weights, len(ways)), len(ways) * _BINS * length)
    table = table.reshape(-1, _BINS, length).astype(np.float32)
    heaped = np.cumsum(table, axis=2)
    total = heaped[..., -1]
    medians = (heaped < total[..., None] / 2).sum(axis=2).astype(np.float32)
    steps, far = np.diff(medians, axis=1), medians[:, -1] - medians[:, 0]
    backwards = np.where(steps * far[:, None] < 0, np.abs(steps), 0).sum(axis=1)
    far = np.abs(far)
    fitting = ((total <= 0).sum(axis=1) <= 2) & (far >= _FASTEST - 1)
    fitting &= (backwards <= 0.15 * far) & (np.abs(steps).max(axis=1) <= 0.5 * far)
    found = []
    for number in np.flatnonzero(fitting).tolist():
        reach = max(1.0, _TOLERANCE * float(far[number]))
        near = np.where(np.abs(np.arange(length) - medians[number][:, None]) <= reach, table[number], 0)
        score = float(near.sum()) / max(float(total[number].sum()), 1e-6)
        found.append((score, ways[number], near))
    return found
