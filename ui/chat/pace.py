"""How long a step of a turn still takes, told from how far it has come."""

from __future__ import annotations

LEAST_SECONDS, LEAST_SHARE = 5.0, 0.04
"""Before so much time has passed and so much is done nothing is foretold."""


class Pace:
    """The pace of one step. What was there from before, as when work is taken up again, does not count as done now."""

    def __init__(self) -> None:
        self._from: tuple[float, float] | None = None

    def left(self, share: float, now: float) -> str:
        """'about 40 s left', or '' while it cannot be told. share: 0-1 of the step is done at `now`, seconds."""
        if self._from is None or share < self._from[1]:
            self._from = now, share
        begun, had = self._from
        worked, gained = now - begun, share - had
        if worked < LEAST_SECONDS or gained < LEAST_SHARE or share >= 1:
            return ""
        return f"about {_roughly(worked * (1 - share) / gained)} left"


def _roughly(seconds: float) -> str:
    """An estimate, and no more exact than one: '5 s', '40 s', '3 min', '1 h 20 min'."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
