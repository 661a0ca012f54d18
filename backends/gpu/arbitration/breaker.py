"""Leaves an engine alone that crashes again and again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from configs.errors import EngineError


@dataclass
class Breaker:
    """Open after `crashes` in `window_s` seconds; half open (one try) when the window is over."""

    crashes: int
    window_s: float
    clock: Callable[[], float] = time.monotonic
    _seen: deque[tuple[float, str]] = field(default_factory=deque)
    _opened: float | None = None

    def add(self, reason: str) -> bool:
        """Count a crash. True when that opened the breaker (a failed try while half open opens it at once)."""
        now = self.clock()
        was_open, trying = self.is_open, self._opened is not None
        self._seen.append((now, reason))
        self._forget(now)
        if trying or len(self._seen) >= self.crashes:
            self._opened = now
        return self.is_open and not was_open

    def works(self) -> None:
        """The engine came up. After a try while half open all is forgotten."""
        if self._opened is not None and not self.is_open:
            self.reset()

    def reset(self) -> None:
        """The user tries again."""
        self._seen.clear()
        self._opened = None

    @property
    def is_open(self) -> bool:
        return self._opened is not None and self.clock() - self._opened < self.window_s

    @property
    def count(self) -> int:
        """Crashes within the window."""
        self._forget(self.clock())
        return len(self._seen)

    def error(self, name: str) -> EngineError:
        """What a request is told while the breaker is open."""
        last = self._seen[-1][1].rstrip(".") if self._seen else "it failed again and again"
        left = self.window_s - (self.clock() - (self._opened or 0.0))
        return EngineError(
            f"The engine '{name}' is left alone after {len(self._seen)} failures in {self.window_s:.0f} s",
            f"the last one: {last}",
            f"Mend the cause, then 'studio models start {name}' tries again; else it is tried in {max(left, 0):.0f} s",
        )

    def _forget(self, now: float) -> None:
        # While open the reasons stay readable, however long that is.
        while len(self._seen) > 1 and now - self._seen[0][0] > self.window_s:
            self._seen.popleft()
        if self._seen and not self.is_open and now - self._seen[0][0] > self.window_s:
            self._seen.popleft()
