"""Fades: the picture's contrast goes to nothing along a ramp, or comes from nothing, or both.

The spread of the colours over the picture does not care how the camera moves, so that it tells a fade from a dark or
bright moment: in a fade through black, white or a colour all of it vanishes, and it does so gradually.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.cuts.found import Found
from backends.vision.cuts.likeness import likeness
from backends.vision.cuts.window import KEPT, Floats, Window
from backends.vision.thresholds import thresholds

WAIT = 60
"""Frames that a fade from a colour may take: then its end is looked for."""
_RAMP = 4
"""Frames of a side that is a fade, not a cut."""
_REACHED = 0.96
_STALL = 0.025
"""Share of the full contrast that a ramp gains in four frames at least."""
_LIT = 28 - 128
_FORGET = 0.985
_GREY_SPREAD = 24


@dataclass
class _Flat:
    """A stretch without contrast."""

    first: int
    """First flat frame."""
    begins: int
    """First frame of the way down to it."""
    old: NDArray[np.uint8] | None
    """The last frame before, (54, 96)."""
    colour: Floats
    stop: int = 0
    """First frame that is not flat again."""


class FadeTest:
    """Sees the window after each new frame; `found` grows."""

    def __init__(self) -> None:
        self._table = thresholds().cuts
        self._spread = np.zeros(KEPT, np.float32)
        self._lit: Floats | None = None
        self._flat: _Flat | None = None
        self._waiting: list[_Flat] = []
        self.found: list[Found] = []

    def see(self, window: Window) -> None:
        newest = window.stop - 1
        self._spread[newest % KEPT] = spread = self._measure(window)
        flat = spread < max(self._table.flat_level, self._table.flat_share * self._full(window))
        if flat and self._flat is None:
            self._flat = self._begun(window)
        elif not flat and self._flat is not None:
            self._flat.stop = newest
            self._waiting.append(self._flat)
            self._flat = None
        if self._flat is not None and spread <= self._spread[(newest - 1) % KEPT]:
            self._flat.colour = _mean(window)
        if self._waiting and newest - self._waiting[0].stop >= WAIT:
            self._judge(window, self._waiting.pop(0))

    def finish(self, window: Window) -> None:
        for waiting in self._waiting:
            self._judge(window, waiting)
        self._waiting = []
        flat = self._flat
        if flat is not None and flat.old is not None and flat.first - flat.begins >= _RAMP:
            self.found.append(Found("fade", flat.begins, window.stop, 0.9, "contrast", f"to {_named(flat.colour)}"))

    def _measure(self, window: Window) -> float:
        """Spread of the colours, levels, over what is not always black."""
        picture = window.colours(window.stop - 1, window.stop)[0].reshape(-1, 3)
        light = (picture.max(axis=1) > _LIT).astype(np.float32)
        self._lit = light if self._lit is None else np.maximum(self._lit * _FORGET, light)
        inside = picture[self._lit > 0.1]
        return float(inside.std(axis=0).mean()) if len(inside) > len(picture) // 4 else 0.0

    def _full(self, window: Window) -> float:
        """The largest spread of the last two seconds or so."""
        return float(self._trace(max(window.start, window.stop - 48), window.stop).max())

    def _trace(self, first: int, stop: int) -> Floats:
        return self._spread[np.arange(first, stop) % KEPT]

    def _begun(self, window: Window) -> _Flat:
        first = window.stop - 1
        trace = self._trace(max(window.start, first - WAIT), first + 1)
        begins = first + 1 - _climb(trace[::-1])
        at_start = begins <= 0 or first == 0
        old = None if at_start else window.grey(max(window.start, begins - 2)).copy()
        return _Flat(first, 0 if at_start else begins, old, _mean(window))

    def _judge(self, window: Window, flat: _Flat) -> None:
        trace = self._trace(flat.stop - 1, min(window.stop, flat.stop + WAIT))
        ends = flat.stop - 1 + _climb(trace)
        fades_out = flat.old is not None and flat.first - flat.begins >= _RAMP
        fades_in = ends - flat.stop >= _RAMP
        if not fades_in and not fades_out:
            return
        name = _named(flat.colour)
        if flat.old is None:
            if fades_in:
                self.found.append(Found("fade", 0, ends, 0.9, "contrast", f"from {name}"))
            return
        alike = likeness(flat.old, window.grey(min(window.stop - 1, ends + 1)))
        if alike >= self._table.cut_likeness and not (fades_in and fades_out and name == "black"):
            return
        score = 0.95 if fades_in and fades_out else 0.8
        self.found.append(Found("fade", flat.begins, ends, score, "contrast", f"through {name}"))


def _climb(trace: Floats) -> int:
    """Frames from the start of `trace` (flat) until its full contrast is reached; the first pure one's place."""
    top = 0
    while top + 1 < len(trace):
        ahead = min(len(trace) - 1, top + 4)
        if trace[ahead] - trace[top] < _STALL * max(float(trace[: ahead + 1].max()), 1.0) * (ahead - top) / 4:
            break
        top += 1
    full = float(trace[: top + 1].max())
    return int(np.flatnonzero(trace[: top + 1] >= _REACHED * full)[0])


def _mean(window: Window) -> Floats:
    return np.asarray(window.colours(window.stop - 1, window.stop)[0].mean(axis=(0, 1)) + 128, np.float32)


def _named(colour: Floats) -> str:
    if float(np.ptp(colour)) < _GREY_SPREAD:
        if colour.mean() < 48:
            return "black"
        if colour.mean() > 208:
            return "white"
    return "#" + "".join(f"{round(float(v)):02x}" for v in colour.clip(0, 255))
