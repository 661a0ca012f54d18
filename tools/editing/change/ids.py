"""Ids of clips: unique on a timeline, and never given to another clip later."""

from __future__ import annotations

import re
from collections.abc import Iterable

NUMBERED = re.compile(r"(?P<base>.+)(?P<mark>[.-])(?P<number>\d{1,9})", re.DOTALL)


class Ids:
    """Gives out ids. `used` (base to the last number given) is kept with the timeline for its next change."""

    def __init__(self, there: Iterable[str], used: dict[str, int]) -> None:
        self._there = set(there)
        self._first = frozenset(self._there)
        self.used = dict(used)
        self._last = dict(used)
        for clip_id in self._there:
            self._count(clip_id, self._last)

    def new(self, base: str) -> str:
        """'clip-3f9a2c71-2': for a clip that comes onto the timeline."""
        return self._next(base, "-")

    def piece(self, of: str) -> str:
        """'clip-3f9a2c71-2.1': for a piece of a clip; pieces of pieces count on, so that ids stay short."""
        found = NUMBERED.fullmatch(of)
        return self._next(found["base"] if found and found["mark"] == "." else of, ".")

    def retire(self, left: Iterable[str]) -> dict[str, int]:
        """What has to be kept, given the ids that are left: the last numbers of those that were there once."""
        for gone in (self._first | self._there) - set(left):
            self._count(gone, self.used)
        return self.used

    def _next(self, base: str, mark: str) -> str:
        key = f"{base}{mark}"
        while True:
            number = self._last.get(key, 0) + 1
            self._last[key] = number
            made = f"{key}{number}"
            if made not in self._there:
                self._there.add(made)
                return made

    def _count(self, clip_id: str, table: dict[str, int]) -> None:
        if found := NUMBERED.fullmatch(clip_id):
            key = found["base"] + found["mark"]
            table[key] = max(table.get(key, 0), int(found["number"]))
