"""Who waits, in the order of asking; the same wish of many is one group, so that a grant looks at few."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.slots import Waiter

Key = tuple[frozenset[str], str]


class Queue:
    """Waiters by what they need; first come, first served within a group."""

    def __init__(self) -> None:
        self._groups: dict[Key, OrderedDict[int, Waiter]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Waiter]:
        """All, oldest first."""
        return iter(sorted((w for g in self._groups.values() for w in g.values()), key=lambda w: w.order))

    def add(self, waiter: Waiter) -> None:
        self._groups.setdefault(waiter.key, OrderedDict())[waiter.order] = waiter
        self._count += 1

    def remove(self, waiter: Waiter) -> bool:
        """False when it was not in."""
        group = self._groups.get(waiter.key)
        if group is None or group.pop(waiter.order, None) is None:
            return False
        self._count -= 1
        if not group:
            del self._groups[waiter.key]
        return True

    def head(self, key: Key) -> Waiter | None:
        """The oldest of one group."""
        group = self._groups.get(key)
        return next(iter(group.values())) if group else None

    def heads(self) -> list[Waiter]:
        """The oldest of each group, oldest first."""
        found = [next(iter(group.values())) for group in self._groups.values()]
        if len(found) > 1:
            found.sort(key=lambda w: w.order)
        return found

    def has(self, key: Key) -> bool:
        return key in self._groups

    def wants(self, needs: frozenset[str]) -> bool:
        """Whether anybody waits for exactly this."""
        return any(key[0] == needs for key in self._groups)

    def asking_for(self, names: frozenset[str]) -> list[Waiter]:
        """Waiters that need one of `names`, oldest first."""
        return [w for w in self if w.needs & names]

    def served_by_what_is_up(self, board: Board) -> frozenset[str]:
        """Engines that are up and that somebody waits for who needs nothing else to come up: those go first."""
        return frozenset(board.real(n) for head in self.heads() if board.are_up(head) for n in head.needs)
