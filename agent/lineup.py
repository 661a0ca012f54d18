"""What will be up while a plan runs: which engines have to be brought up, and what has to go for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backends.gpu.arbiter import Arbiter


class Lineup:
    """A forecast; the arbiter itself decides by what is measured at the moment."""

    def __init__(self, arbiter: Arbiter) -> None:
        self._arbiter = arbiter
        self._up = sorted(arbiter.active())
        """Least recently used first."""
        self.loads: list[str] = []
        """Engines that had to be brought up so far, in order."""

    def has(self, engines: Iterable[str]) -> bool:
        return set(engines) <= set(self._up)

    def use(self, engines: Iterable[str]) -> None:
        """A step with these engines runs; what does not fit beside them goes."""
        wanted = sorted(set(engines))
        new = [name for name in wanted if name not in self._up]
        self.loads += new
        self._up = [name for name in self._up if name not in wanted] + wanted
        while new and not self._fits() and self._up[0] not in wanted:
            self._up.pop(0)

    def _fits(self) -> bool:
        used: dict[str, int] = {}
        for name in self._up:
            device = self._arbiter.counted_on(name)
            used[device] = used.get(device, 0) + self._arbiter.need_mib(name)
        fits = all(mib <= self._arbiter.budget(device) for device, mib in used.items())
        return fits and self._arbiter.table.may_share_gpu(frozenset(self._up))


def in_order(steps: Sequence[Mapping[str, Any]], arbiter: Arbiter) -> list[Mapping[str, Any]]:
    """The order of running: dependencies first, then steps of the engines that are already up (fewest swaps)."""
    left, ordered = list(steps), list[Mapping[str, Any]]()
    gone = {s["id"] for s in steps if s["status"] != "pending"}
    known = {s["id"] for s in steps}
    lineup = Lineup(arbiter)
    while left:
        ready = [s for s in left if all(a in gone or a not in known for a in s["after"])] or left
        chosen = next((s for s in ready if lineup.has(s["engines"])), ready[0])
        ordered.append(chosen)
        left.remove(chosen)
        gone.add(chosen["id"])
        lineup.use(chosen["engines"])
    return ordered


def engines_to_load(needs: Sequence[Sequence[str]], arbiter: Arbiter) -> list[str]:
    """Engines that must be brought up for these steps, in order, given what is up now."""
    lineup = Lineup(arbiter)
    for engines in needs:
        lineup.use(engines)
    return lineup.loads
