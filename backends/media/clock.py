"""When each frame of a film is on screen, from its own time stamps, also when they are missing or run backwards."""

from __future__ import annotations

from fractions import Fraction

RESET_SECONDS = 1.0
"""A jump back by more than this is a clock that began anew (recordings joined without new times), not a stray stamp."""
_REORDERED = 2
"""Frames by which storing and showing times differ at most where only the former are known."""
_NUDGE = 1 / 16
"""Share of a frame's length that a stray stamp is put after the frame before it."""


def origin_of(start: int | None, first: int | None, step: float) -> int | None:
    """pts of a film's time 0: its first frame's, or what the file calls its start, when the beginning cannot be shown.

    start, first: pts of the stream's start and of its first frame; step: pts units between two frames. Files that store
    no showing times (AVI) make the first frame late by what the decoder reorders, which is no beginning that is lost.
    """
    if start is None or (first is not None and (first < start or first - start <= _REORDERED * step)):
        return first
    return start


class FrameClock:
    """Turns the pts of frames in showing order into seconds that only ever rise."""

    def __init__(self, base: Fraction, origin: int | None, step: float) -> None:
        """base: seconds per pts unit; origin: pts of the film's time 0, None = the first pts seen; step: usual seconds
        between two frames, for those without pts.
        """
        self._base, self._origin, self._step = base, origin, step
        self._shift = 0.0
        self._last: float | None = None
        self._by_storing = False
        self.missing = 0
        """Frames without pts so far."""
        self.backwards: float | None = None
        """Seconds where pts first ran backwards."""

    def at(self, pts: int | None, dts: int | None = None) -> float:
        """Seconds of the next frame. dts: what the decoder worked out from storing times, for stray pts."""
        last, seconds = self._last, self._stamp(pts)
        if last is not None and seconds <= last:
            if self.backwards is None:
                self.backwards = last
            if last - seconds > RESET_SECONDS:
                self._shift += last + self._step - seconds
                seconds = last + self._step
            else:
                seconds = self._stored(last, dts)
        self._last = seconds
        return seconds

    def _stamp(self, pts: int | None) -> float:
        if pts is None or not self._base:
            self.missing += 1
            return 0.0 if self._last is None else self._last + self._step
        if self._origin is None:
            self._origin = pts
        # Whole numbers divided once: the nearest float to the exact time.
        exact = (pts - self._origin) * self._base.numerator / self._base.denominator
        return exact + self._shift if self._shift else exact

    def _stored(self, last: float, dts: int | None) -> float:
        if dts is not None and self._origin is not None:
            seconds = float((dts - self._origin) * self._base) + self._shift
            if last < seconds <= last + _REORDERED * self._step:
                self._by_storing = True
                return seconds
        return last + self._step * (1 if self._by_storing else _NUDGE)
