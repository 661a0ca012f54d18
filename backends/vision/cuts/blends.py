"""Dissolves: a window in which the whole picture goes from one look to another along one straight ramp.

For every frame and a ladder of lengths, the share of the window's variance that one ramp explains (its R squared,
from the inner products alone). Motion inside of both shots is what the ramp does not explain: a pan or a moving crowd
changes each place of the picture at its own time. Whatever passes is fitted to the frame, and must end in a scene
unlike the one it began with: light, focus, slow zooms and titles do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from backends.vision.cuts.evidence import JUMP, mixture, passes, same_scene, sharpness, swept
from backends.vision.cuts.found import Found
from backends.vision.cuts.likeness import likeness, textured, unmoved, zoomed
from backends.vision.cuts.window import LONGEST, VALUES, Floats, Window
from backends.vision.thresholds import thresholds

LADDER = (3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 48)
"""Lengths that are tried at every frame; between them the fit interpolates."""
WAIT = 36
"""Frames after which no longer ramp can still turn out to fit better."""
_OLDEST = 54
"""Frames that one waits at most while others that fit better are still to be told."""
_MARGIN = 12
_SOFTER = 0.2
"""How much less a ramp may explain where the picture softens in its middle."""
_CLEAR = 0.9
"""What a ramp of one or two frames must explain: else it is any jolt."""
_PLAIN_SHARE, _PLAIN_DETAIL, _PLAIN_BLOCKS = 0.95, 0.65, 0.9
"""A ramp that explains so much, with so much less detail on the way in so many blocks, is a dissolve also where the
mixture looks like both in some places: over an empty sky it shows the other picture alone."""
_SPARSE, _SPARSE_LIKENESS = 0.3, 0.6
"""Where a few things move before an empty sky, they alone make all of the evidence: then the ends must differ more."""

_ZOOMED = 0.65
"""How much alike one picture and the middle of the other are after a zoom; of unlike ones at most 0.55."""


@dataclass(frozen=True)
class Hit:
    """One window that a ramp explains."""

    first: int
    stop: int
    share: float
    """R squared."""
    seen_at: int


def _context(length: int) -> int:
    """Frames on each side that must be flat: without them a slow steady change would be a ramp too."""
    return min(8, max(3, length // 2))


def ramp(before: int, length: int, after: int) -> Floats:
    """0 for `before` frames, `length` steps between, 1 for `after`."""
    rise = (np.arange(length) + 1) / (length + 1)
    return np.concatenate([np.zeros(before), rise, np.ones(after)]).astype(np.float32)


_SPANS = np.asarray([length + 2 * _context(length) + 2 for length in LADDER])
"""Frames of each rung's window."""


@cache
def _ladder() -> tuple[Floats, Floats]:
    """Unit ramps and unit means aligned to the window's end (2 J, 66), and the sums of the centred squares (J,)."""
    ramps = np.zeros((len(LADDER), LONGEST), np.float32)
    means = np.zeros_like(ramps)
    sums = np.zeros(len(LADDER), np.float32)
    for row, length in enumerate(LADDER):
        around = _context(length) + 1
        shape = ramp(around, length, around)
        centred = shape - shape.mean()
        sums[row] = float(centred @ centred)
        ramps[row, -len(shape) :] = centred / np.sqrt(sums[row])
        means[row, -len(shape) :] = 1 / np.sqrt(len(shape))
    return np.concatenate([ramps, means]), sums


class BlendTest:
    """Sees the window after each new frame; `found` grows."""

    def __init__(self, share: float) -> None:
        """share: of the variance that a fitted ramp must explain."""
        self._table = thresholds().cuts
        self._share = share
        self.found: list[Found] = []
        self._pending: list[Hit] = []
        self._best: Hit | None = None
        """The pending one that explains most, the first of several."""

    def see(self, window: Window) -> None:
        hits = self._look(window)
        if not hits and not self._pending:
            return
        for stop in window.replay():
            if stop in hits:
                hit = hits[stop]
                self._pending.append(hit)
                self._best = hit if self._best is None or hit.share > self._best.share else self._best
            self._judge(window, WAIT)

    def finish(self, window: Window) -> None:
        """Judge what waits still, at the film's end."""
        self._judge(window, 0)

    def _look(self, window: Window) -> dict[int, Hit]:
        """By `stop` after each new frame, the best ramp up to it, where it explains enough and changes enough."""
        shapes, sums = _ladder()
        stops = np.arange(window.added + 1, window.stop + 1)
        explained = np.einsum("njk,jk->nj", shapes @ window.latest(), shapes)
        heaped = np.cumsum(window.energies(window.added - LONGEST, window.stop), dtype=np.float64)
        upto = stops - 1 - (window.added - LONGEST)
        energy = heaped[upto][:, None] - heaped[upto[:, None] - _SPANS]
        whole = np.maximum(energy - explained[:, len(LADDER) :], 1e-3)
        explained = explained[:, : len(LADDER)]
        strong = explained / sums / VALUES > self._table.blend_change**2
        share = np.where((stops[:, None] >= _SPANS) & strong, explained / whole, 0)
        best = share.argmax(axis=1)
        hits = {}
        for row in np.flatnonzero(share.max(axis=1) >= self._table.blend_ramp).tolist():
            stop, length = int(stops[row]), LADDER[best[row]]
            last = stop - 1 - _context(length)
            if not _jumps(window, last - length - 1, last):
                hits[stop] = Hit(last - length, last, float(share[row, best[row]]), stop)
        return hits

    def _judge(self, window: Window, wait: int) -> None:
        while self._best is not None and window.stop - self._pending[0].seen_at >= wait:
            best = self._best
            if window.stop - best.seen_at < wait:
                # The oldest must not wait for ever.
                best = self._pending[0]
                if window.stop - best.seen_at < _OLDEST or not wait:
                    return
            fitted = fit(window, best) if self._may_be(window, best) else None
            accepted = fitted is not None and self._is_transition(window, fitted)
            if fitted is not None and accepted:
                self.found.append(Found("dissolve", fitted.first, fitted.stop, fitted.share, "blend"))
            reach = fitted if fitted is not None and accepted else best
            self._pending = _beside(self._pending, reach, best, whole=not accepted)
            self._best = max(self._pending, key=attrgetter("share"), default=None)

    def _may_be(self, window: Window, hit: Hit) -> bool:
        """A cheap look before the fit: most slow changes keep every block in its place."""
        before, after = max(window.start, hit.first - 2), min(window.stop - 1, hit.stop + 1)
        return unmoved(window.thumb(before), window.thumb(after)) < self._table.blend_unmoved

    def _is_transition(self, window: Window, fitted: Hit) -> bool:
        table = self._table
        if fitted.share < self._share - _SOFTER:
            return False
        if fitted.stop - fitted.first < LADDER[0] and fitted.share < _CLEAR:
            return False
        mixed = mixture(window, fitted.first, fitted.stop)
        firm = fitted.share >= self._share
        most, least = (
            (table.blend_detail_firm, table.blend_blocks_firm) if firm else (table.blend_detail, table.blend_blocks)
        )
        if mixed.middle >= most or mixed.blocks <= least:
            return False
        if sharpness(window, fitted.first, fitted.stop) < table.blend_sharpness:
            return False
        before, after = max(window.start, fitted.first - 2), min(window.stop - 1, fitted.stop + 1)
        old, new = window.thumb(before), window.thumb(after)
        sparse = fitted.share < _PLAIN_SHARE and min(textured(old), textured(new)) < _SPARSE
        if same_scene(old, new, _SPARSE_LIKENESS if sparse else table.blend_likeness):
            return False
        if swept(window, fitted.first, fitted.stop) or zoomed(old, new) >= _ZOOMED:
            return False
        plain = fitted.share >= _PLAIN_SHARE and mixed.middle <= _PLAIN_DETAIL and mixed.blocks >= _PLAIN_BLOCKS
        between = window.thumb((before + after) // 2)
        if not plain and min(likeness(old, between), likeness(between, new)) >= table.blend_between:
            return False
        return not passes(window, before, after, table.passing_likeness)


def _jumps(window: Window, first: int, last: int) -> bool:
    """Whether one step makes most of the way from the first to the last frame: a cut, which a short ramp resembles."""
    return bool(window.steps(first, last + 1).max() > JUMP * window.square(first, last))


def _beside(hits: list[Hit], reach: Hit, judged: Hit, *, whole: bool) -> list[Hit]:
    """Those that share no frames with `reach`; `whole`: not nearly all, since another ramp may lie beside a refused
    one. Without the one that was judged.
    """
    first, stop = reach.first, reach.stop
    kept = []
    for hit in hits:
        if hit is judged:
            continue
        common = min(hit.stop, stop) - max(hit.first, first)
        most = 0.6 * max(hit.stop - hit.first, stop - first) if whole else -3
        if common <= most:
            kept.append(hit)
    return kept


def fit(window: Window, hit: Hit) -> Hit | None:
    """The ramp (straight or eased) that leaves the least variance in a window wider than the hit, and its share."""
    first, stop = _bounds(window, hit)
    products = window.products(first, stop)
    shapes, lows, highs = _candidates(hit.first - first, hit.stop - first, stop - first)
    if not len(shapes):
        return None
    explained = np.einsum("ij,ij->i", shapes @ products, shapes)
    best = int(explained.argmax())
    begin, end = int(lows[best]), int(highs[best])
    around = _context(end - begin) + 1
    low, high = max(0, begin - around), min(stop - first, end + around)
    part = products[low:high, low:high]
    shape = shapes[best, low:high] - shapes[best, low:high].mean()
    whole = float(np.trace(part) - part.sum() / len(part))
    share = float(shape @ part @ shape) / max(float(shape @ shape) * whole, 1e-3)
    return Hit(first + begin, first + end, share, hit.seen_at)


def ramp_share(window: Window, first: int, stop: int) -> float:
    """0..1: the share of the variance around frames first..stop-1 that a straight or eased ramp over them explains."""
    low, high = max(window.start, first - 2), min(window.stop, stop + 2)
    products = window.products(low, high)
    straight = ramp(first - low, stop - first, high - stop)
    shapes = np.stack([straight, _eased(straight)])
    shapes -= shapes.mean(axis=1, keepdims=True)
    explained = ((shapes @ products) * shapes).sum(axis=1) / np.maximum((shapes**2).sum(axis=1), 1e-6)
    whole = float(np.trace(products) - products.sum() / len(products))
    return float(explained.max()) / max(whole, 1e-3)


@lru_cache(maxsize=24)
def _candidates(begin: int, end: int, size: int) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Straight and eased ramps (n, size) whose ends lie around those of begin..end, and the ends, (n,) each.

    Their mean is 0 and their norm 1.
    """
    reach = max(_MARGIN, (end - begin) // 2)
    lows = np.arange(max(1, begin - reach), min(begin + reach // 2, size - 3) + 1)
    highs = np.arange(max(2, end - reach // 2), min(end + reach, size - 1) + 1)
    low, high = (grid.ravel() for grid in np.meshgrid(lows, highs, indexing="ij"))
    low, high = low[high > low], high[high > low]
    straight = (np.arange(size)[None] - low[:, None] + 1) / (high - low + 1)[:, None]
    straight = straight.clip(0, 1).astype(np.float32)
    shapes = np.concatenate([straight, _eased(straight)])
    shapes -= shapes.mean(axis=1, keepdims=True)
    shapes /= np.linalg.norm(shapes, axis=1, keepdims=True)
    return shapes, np.tile(low, 2), np.tile(high, 2)


def _eased(share: Floats) -> Floats:
    """Slow at both ends (smoothstep), as many editors blend."""
    return share * share * (3 - 2 * share)


def _bounds(window: Window, hit: Hit) -> tuple[int, int]:
    """A wider window around the hit, that ends where the picture jumps: beyond a cut nothing tells of this ramp."""
    reach = max(_MARGIN, (hit.stop - hit.first) // 2) + 4
    first, stop = max(window.start, hit.first - reach), min(window.stop, hit.stop + reach)
    limit = JUMP * window.square(max(first, hit.first - 1), min(hit.stop, stop - 1))
    jumps = np.flatnonzero(window.steps(first, stop) > limit) + first + 1
    before = [int(j) for j in jumps if j <= hit.first - 1]
    after = [int(j) for j in jumps if j > hit.stop]
    return max(first, *before, first), min(stop, *after, stop)
