"""Fades: the picture's contrast goes to nothing along a ramp, or comes from nothing, or both.

The spread of the colours over the picture does not care how the camera moves, so that it tells a fade from a dark or
bright moment: in a fade through black, white or a colour all of it vanishes, and it does so gradually.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from backends.vision.cuts.blends import ramp_share
from backends.vision.cuts.found import Found
from backends.vision.cuts.likeness import likeness, outlined_alike, unmoved
from backends.vision.cuts.thumb import Thumb
from backends.vision.cuts.window import COLOUR_SIZE, KEPT, Floats, Window
from backends.vision.cuts.wipes import Sweep, sweep_in
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
_PLAIN, _LASTS, _MOVED = 0.97, 8, 0.5
"""A picture that goes to black so evenly, for so many frames, and of whose blocks fewer are back, is over: on a title
of white on black some place looks like the next title's, since both are empty there."""
_DIMMED = 0.5
"""Share of the blocks that can still be known when a lamp went down at a film's end."""
_OTHER = 0.35
_DEEP = 2.0
"""What a fade's full contrast is at least of its least: small type on black comes close to flat by itself."""
_IRIS = 32
"""Frames in which one side of an iris must lie."""
_FULL = 48
"""Frames among whose spreads the full one is looked for."""


@dataclass
class _Flat:
    """A stretch without contrast."""

    first: int
    """First flat frame."""
    begins: int
    """First frame of the way down to it."""
    old: Thumb | None
    """The last frame before."""
    fades_out: float
    """How much of the way down one ramp explains; 0 when there is none."""
    colour: Floats
    full: float
    """Spread of the colours where the way down began."""
    low: float
    """The least of them on the way."""
    stop: int = 0
    """First frame that is not flat again."""


class FadeTest:
    """Sees the window after each new frame; `found` grows."""

    def __init__(self) -> None:
        self._table = thresholds().cuts
        self._spread = np.zeros(KEPT, np.float32)
        """Of the last frames, by film index modulo KEPT."""
        self._lit = np.zeros(sum(COLOUR_SIZE), np.float32)
        """Of the rows and the columns."""
        self._flat: _Flat | None = None
        self._waiting: list[_Flat] = []
        self._opening: Floats | None = None
        """The first frame's colour, until it is known how the film begins."""
        self.found: list[Found] = []

    def see(self, window: Window) -> None:
        first, stop = window.added, window.stop
        self._spread[np.arange(first, stop) % KEPT] = self._measure(window.colours(first, stop))
        around = np.concatenate([np.zeros(_FULL, np.float32), self._trace(max(0, first - _FULL), stop)])
        full = sliding_window_view(around[first - stop - _FULL + 1 :], _FULL).max(axis=1)
        flats = self._trace(first, stop) < np.maximum(self._table.flat_level, self._table.flat_share * full)
        if self._flat is None and not self._waiting and not flats.any() and first and not first <= WAIT < stop:
            return
        for seen, flat in zip(window.replay(), flats.tolist(), strict=True):
            self._see(window, seen - 1, flat)

    def _see(self, window: Window, newest: int, flat: bool) -> None:
        if newest == 0:
            self._opening = _mean(window)
        elif newest == WAIT:
            self._judge_opening(window)
        if flat and self._flat is None:
            self._flat = self._begun(window)
        elif not flat and self._flat is not None:
            self._flat.stop = newest
            self._waiting.append(self._flat)
            self._flat = None
        if self._flat is not None and self._spread[newest % KEPT] <= self._spread[(newest - 1) % KEPT]:
            self._flat.colour = _mean(window)
            self._flat.low = min(self._flat.low, float(self._spread[newest % KEPT]))
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
            and not (window.stop - flat.first >= _LASTS and _still_seen(flat.old, window.thumb(window.stop - 1)))
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

    def _judge_iris(self, window: Window, flat: _Flat) -> None:
        """A circle that closes to black and opens again, as cartoons end scenes: no place fades, each switches."""
        name, order = _named(flat.colour), self._table.wipe_order
        if flat.old is None or name != "black":
            return
        closes = _iris(window, flat.first - _IRIS, flat.first + 2, order)
        opens = _iris(window, flat.stop - 2, flat.stop + _IRIS, order)
        if closes is None or opens is None:
            return
        self.found.append(Found("wipe", closes.first, opens.stop, 0.99, "order", "iris through black"))

    def _measure(self, pictures: Floats) -> Floats:
        """(n,) spread of the colours, levels, of pictures (n, 18, 32, 3), inside of black bars if there are some."""
        light = np.any(pictures > _LIT - 128, axis=3)
        lines = np.concatenate([np.any(light, axis=2), np.any(light, axis=1)], axis=1)
        keep, gain = np.where(lines, 1 - _LEARN, 1 - _FORGET), np.where(lines, _LEARN, 0.0)
        spreads = np.empty(len(pictures), np.float32)
        parts: dict[tuple[int, int, int, int], list[int]] = {}
        for index in range(len(pictures)):
            self._lit = self._lit * keep[index] + gain[index]
            parts.setdefault(self._bounds(), []).append(index)
        for (top, bottom, left, right), indices in parts.items():
            values = pictures[indices, top:bottom, left:right].reshape(len(indices), -1, 3).astype(np.float64)
            spreads[indices] = values.std(axis=1).mean(axis=1)
        return spreads

    def _bounds(self) -> tuple[int, int, int, int]:
        """Top, bottom, left and right of what is usually lit; the whole picture when that is hardly anything."""
        height, width = COLOUR_SIZE
        lit = self._lit > 0.5
        if lit[0] and lit[height - 1] and lit[height] and lit[-1]:
            return 0, height, 0, width
        rows, columns = np.flatnonzero(lit[:height]), np.flatnonzero(lit[height:])
        if len(rows) <= height // 3 or len(columns) <= width // 3:
            return 0, height, 0, width
        return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1

    def _trace(self, first: int, stop: int) -> Floats:
        return self._spread[np.arange(first, stop) % KEPT]

    def _begun(self, window: Window) -> _Flat:
        first = window.stop - 1
        trace = self._trace(max(window.start, first - WAIT), first + 1)
        begins = first + 1 - _climb(trace[::-1])
        low = float(trace[-1])
        if begins <= 0 or first == 0:
            return _Flat(first, 0, None, 0.0, _mean(window), float(trace[0]), low)
        before = max(window.start, begins - 2)
        fades_out = ramp_share(window, begins, first) if first - begins >= _RAMP else 0.0
        full = float(self._spread[before % KEPT])
        return _Flat(first, begins, window.thumb(before), fades_out, _mean(window), full, low)

    def _judge(self, window: Window, flat: _Flat) -> None:
        trace = self._trace(flat.stop - 1, min(window.stop, flat.stop + WAIT))
        ends = flat.stop - 1 + _climb(trace)
        fades_in = ramp_share(window, flat.stop, ends) if ends - flat.stop >= _RAMP else 0.0
        deep = max(flat.full, float(trace[ends - flat.stop + 1])) >= _DEEP * flat.low
        if max(flat.fades_out, fades_in) < self._table.fade_share or not deep:
            self._judge_iris(window, flat)
            return
        name = _named(flat.colour)
        if flat.old is None:
            if fades_in:
                self.found.append(Found("fade", 0, ends, 0.9, "contrast", f"from {name}"))
            return
        both = flat.fades_out > 0 and fades_in > 0
        new = window.thumb(min(window.stop - 1, ends + 1))
        gone = both or (
            flat.fades_out >= _PLAIN and flat.stop - flat.first >= _LASTS and unmoved(flat.old, new) < _MOVED
        )
        if likeness(flat.old, new) >= self._table.cut_likeness and not (
            gone and (name == "black" or _unlike(flat.old, new))
        ):
            return
        score = 0.95 if both else 0.8
        self.found.append(Found("fade", flat.begins, ends, score, "contrast", f"through {name}"))


def _unlike(old: Thumb, new: Thumb) -> bool:
    """Whether neither outlines nor places agree: of drawings in flat colours some patch looks like another's."""
    return outlined_alike(old, new) < _OTHER and unmoved(old, new) < _OTHER


def _still_seen(old: Thumb | None, last: Thumb) -> bool:
    """Whether a picture is only dimmed and stays so: noise of coding in black has no such shapes.

    A fade that the film's end breaks off shows them too, for a moment.
    """
    return old is not None and unmoved(old, last) >= _DIMMED


def _iris(window: Window, first: int, stop: int, order: float) -> Sweep | None:
    """The iris in frames first..stop-1, if the window still has them and there is one."""
    first, stop = max(window.start, first), min(window.stop, stop)
    if stop - first < _RAMP:
        return None
    table = thresholds().cuts
    sweep = sweep_in(window.colours(first, stop), first, table.wipe_change, table.wipe_area, order)
    return sweep if sweep is not None and sweep.detail.startswith("iris") else None


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
    """The newest frame's colour, RGB 0-255."""
    newest = window.colours(window.stop - 1, window.stop)[0]
    return np.asarray(newest.mean(axis=(0, 1), dtype=np.float64) + 128, np.float32)


def _named(colour: Floats) -> str:
    if float(np.ptp(colour)) < _GREY_SPREAD:
        if colour.mean() < 48:
            return "black"
        if colour.mean() > 208:
            return "white"
    return "#" + "".join(f"{round(float(v)):02x}" for v in colour.clip(0, 255))
