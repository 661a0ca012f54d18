"""Progress of a parody: one bar over all its parts, with the time that is left."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tools.editing.held import HeldContext
from tools.editing.render import in_time
from tools.spec import ToolContext

LONG = 0.3
"""Seconds; what took less between two reports was found finished and says nothing of the pace."""
SURE, SURE_SHARE = 2.0, 0.05
"""Seconds of work, and share of all of it, before a time is said: starting up tells nothing of the pace."""


class PacedContext(HeldContext):
    """A held context whose progress is mapped on the whole.

    Parts report in their own measure (steps, frames, seconds); `part` says which share of all the work they are.
    """

    def __init__(self, ctx: ToolContext) -> None:
        super().__init__(ctx)
        self._marks: Sequence[tuple[float, float]] = ((0.0, 0.0), (1.0, 1.0))
        self._share, self._said_at = 0.0, time.monotonic()
        self._worked, self._gained = 0.0, 0.0

    def part(self, begin: float, end: float, note: str, marks: Sequence[tuple[float, float]] = ()) -> None:
        """What comes next takes the bar from `begin` to `end` (0 to 1 of all the work).

        marks: (what the part reports as done / total, share of the whole) in order, where it does not pass evenly.
        """
        self._marks = marks or ((0.0, begin), (1.0, end))
        self.progress(0.0, 1.0, note)

    def progress(self, done: float, total: float, note: str = "") -> None:
        share = self._of_all(done / total if total else 0.0)
        now = time.monotonic()
        passed, gained = now - self._said_at, share - self._share
        if passed >= LONG and gained > 0:
            self._worked, self._gained = self._worked + passed, self._gained + gained
        if gained > 0 or passed >= LONG:
            self._said_at = now
        self._share = max(self._share, share)
        if self._worked >= SURE and self._gained >= SURE_SHARE and " left" not in note:
            note = f"{note}, about {in_time((1 - self._share) * self._worked / self._gained)} left"
        self._ctx.progress(self._share, 1.0, note)

    def _of_all(self, share: float) -> float:
        (low, begin), *rest = self._marks
        for high, end in rest:
            if share <= high:
                return begin + (end - begin) * max(0.0, share - low) / (high - low)
            low, begin = high, end
        return begin
