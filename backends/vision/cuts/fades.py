"""Fades: the picture's contrast goes to nothing along a ramp, or comes from nothing, or both.

The spread of the colours over the picture does not care how the camera moves, so that it tells a fade from a dark or
bright moment: in a fade through black, white or a colour all of it vanishes, and it does so gradually.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.cuts.blends import ramp_share
from backends.vision.cuts.found import Found
from backends.vision.cuts.likeness import likeness
from backends.vision.cuts.window import COLOUR_SIZE, KEPT, Floats, Window
from backends.vision.thresholds import thresholds

WAIT = 60
"""Frames that a fade from a colour may take: then its end is looked for."""
_RAMP = 3
"""Frames of a side that is a fade, not a cut."""
_REACHED = 0.96
_STALL, _CREEP = 0.12, 0.006
"""What a ramp gains in a frame at least: of what it gained at its steepest, and of the full contrast."""
_LIT = 28
_LEARN, _FORGET = 0.06, 0.01
"""A row or column belongs to the picture after a dozen frames of light, and is a bar after two seconds of black."""
_AT_ENDS = 0.7
"""At the film's ends a ramp need not be so clear: what only passes would leave the picture again."""
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
    fades_out: float
    """How much of the way down one ramp explains; 0 when there is none."""
    colour: Floats
    stop: int = 0
    """First frame that is not flat again."""


class FadeTest:
    """Sees the window after each new frame; `found` grows."""

    def __init__(self) -> None:
        self._table = thresholds().cuts
        self._spread = np.zeros(KEPT, np.float32)
        self._lit = tuple(np.zeros(size, np.float32) for size in COLOUR_SIZE)
        self._flat: _Flat | None = None
        self._waiting: list[_Flat] = []
        self._opening: Floats | None = None
        """The first frame's colour, until it is known how the film begins."""
        self.found: list[Found] = []

    def see(self, window: Window) -> None:
        newest = window.stop - 1
        if newest == 0:
            self._opening = _mean(window)
        elif newest == WAIT:
            self._judge_opening(window)
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
        self._judge_opening(window)
        for waiting in self._waiting:
            self._judge(window, waiting)
        self._waiting = []
        flat = self._flat
        if (
            flat is not None
            and flat.fades_out >= _AT_ENDS * self._table.fade_share
            and not _named(flat.colour).startswith("#")
        ):
            self.found.append(Found("fade", flat.begins, window.stop, 0.9, "contrast", f"to {_named(flat.colour)}"))

    def _judge_opening(self, window: Window) -> None:
        """A film may fade in from its very first frame, which then is hardly flat any more."""
        colour, self._opening = self._opening, None
        trace = self._trace(window.start, min(window.stop, WAIT))
        if colour is None or any(flat.first == 0 for flat in (*self._waiting, self._flat) if flat):
            return
        ends = _climb(trace)
        if ends < _RAMP or trace[0] >= self._table.flat_share * trace[ends]:
            return
        if ramp_share(window, 0, ends) >= _AT_ENDS * self._table.fade_share:
            self.found.append(Found("fade", 0, ends, 0.9, "contrast", f"from {_named(colour)}"))

    def _measure(self, window: Window) -> float:
        """Spread of the colours, levels, inside of the black bars if there are some."""
        import cv2

        picture = window.newest.colour
        light = picture.max(axis=2) > _LIT
        for lit, lines in zip(self._lit, (light.any(axis=1), light.any(axis=0)), strict=True):
            lit[:] = np.where(lines, lit + (1 - lit) * _LEARN, lit * (1 - _FORGET))
        rows, columns = (np.flatnonzero(lit > 0.5) for lit in self._lit)
        if len(rows) > COLOUR_SIZE[0] // 3 and len(columns) > COLOUR_SIZE[1] // 3:
            picture = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return float(cv2.meanStdDev(picture)[1].mean())

    def _full(self, window: Window) -> float:
        """The largest spread of the last two seconds or so."""
        return float(self._trace(max(window.start, window.stop - 48), window.stop).max())

    def _trace(self, first: int, stop: int) -> Floats:
        return self._spread[np.arange(first, stop) % KEPT]

    def _begun(self, window: Window) -> _Flat:
        first = window.stop - 1
        trace = self._trace(max(window.start, first - WAIT), first + 1)
        begins = first + 1 - _climb(trace[::-1])
        if begins <= 0 or first == 0:
            return _Flat(first, 0, None, 0.0, _mean(window))
        before = max(window.start, begins - 2)
        fades_out = ramp_share(window, begins, first) if first - begins >= _RAMP else 0.0
        return _Flat(first, begins, window.grey(before).copy(), fades_out, _mean(window))

    def _judge(self, window: Window, flat: _Flat) -> None:
        trace = self._trace(flat.stop - 1, min(window.stop, flat.stop + WAIT))
        ends = flat.stop - 1 + _climb(trace)
        fades_in = ramp_share(window, flat.stop, ends) if ends - flat.stop >= _RAMP else 0.0
        if max(flat.fades_out, fades_in) < self._table.fade_share:
            return
        name = _named(flat.colour)
        if flat.old is None:
            if fades_in:
                self.found.append(Found("fade", 0, ends, 0.9, "contrast", f"from {name}"))
            return
        both = flat.fades_out > 0 and fades_in > 0
        alike = likeness(flat.old, window.grey(min(window.stop - 1, ends + 1)))
        if alike >= self._table.cut_likeness and not (both and name == "black"):
            return
        score = 0.95 if both else 0.8
        self.found.append(Found("fade", flat.begins, ends, score, "contrast", f"through {name}"))


def _climb(trace: Floats) -> int:
    """Frames from the start of `trace` (flat) until its full contrast is reached; the first pure one's place."""
    top, steepest = 0, 0.0
    while top + 1 < len(trace):
        ahead = min(len(trace) - 1, top + 3)
        gain = float(trace[ahead] - trace[top]) / (ahead - top)
        steepest = max(steepest, gain)
        if gain < max(_STALL * steepest, _CREEP * max(float(trace[: ahead + 1].max()), 1.0)):
            break
        top += 1
    full = float(trace[: top + 1].max())
    return int(np.flatnonzero(trace[: top + 1] >= _REACHED * full)[0])


def _mean(window: Window) -> Floats:
    return np.asarray(window.newest.colour.mean(axis=(0, 1)), np.float32)


def _named(colour: Floats) -> str:
    if float(np.ptp(colour)) < _GREY_SPREAD:
        if colour.mean() < 48:
            return "black"
        if colour.mean() > 208:
            return "white"
    return "#" + "".join(f"{round(float(v)):02x}" for v in colour.clip(0, 255))
