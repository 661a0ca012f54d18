"""All engines as the arbiter sees them: what is up, what it holds, what fits beside it. Book-keeping, no waiting."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterable, Mapping

from backends.gpu.arbitration.breaker import Breaker
from backends.gpu.arbitration.slots import Slot, Waiter
from backends.gpu.engine import EngineState
from backends.gpu.monitor import Device, Snapshot
from backends.gpu.needs import LearnedNeeds
from configs.errors import EngineError, UsageError
from configs.models import ModelTable

OWN_CARD = 0.8
"""A budget of at least this share of the card is meant for the whole card, other programs included; a smaller one
only limits the studio's own engines."""


class Board:
    """State of one arbiter. Written by its loop only; single figures may be read from any thread."""

    def __init__(self, table: ModelTable, budgets: Mapping[str, int], needs: LearnedNeeds, gpu_index: int = 0) -> None:
        """`budgets`: MiB for 'cpu' and 'gpu'."""
        self.table, self.needs, self.gpu_index = table, needs, gpu_index
        self._budgets = dict(budgets)
        self.version = 0
        """Rises with every change that a plan depends on, but for who uses what."""
        self.in_use: frozenset[str] = frozenset()
        """Engines with leases."""
        self.slots = {n: Slot(n, spec, self.bump, guess_mib=spec.need_mib) for n, spec in table.engines.items()}
        rules = table.rules
        self.breakers = {n: Breaker(rules.crashes, rules.crash_window_seconds) for n in table.engines}
        self.seen: Snapshot | None = None
        self.closing = False
        self.active: frozenset[str] = frozenset()

    # -- devices and budgets -------------------------------------------------------------------------------------

    @property
    def has_gpu(self) -> bool:
        return self.seen is not None and self._card(self.seen) is not None

    def saw(self, seen: Snapshot) -> None:
        """The machine's figures were read."""
        had_gpu, self.seen = self.has_gpu, seen
        if had_gpu != self.has_gpu:
            self.bump()

    def device(self, name: str) -> str:
        """'gpu' or 'cpu': where the engine's memory is counted on this machine."""
        return "gpu" if self.table.engines[name].device == "gpu" and self.has_gpu else "cpu"

    def budget(self, device: str) -> int:
        """MiB for engines on 'gpu' or 'cpu'; without a GPU both are the main memory's."""
        return self._budgets["gpu" if device == "gpu" and self.has_gpu else "cpu"]

    def room_mib(self, device: str, seen: Snapshot) -> int:
        """What could be taken on the device at the moment of `seen`, by the device-wide figures."""
        card = self._card(seen)
        if device != "gpu" or card is None:
            return seen.ram_free_mib
        budget = self._budgets["gpu"]
        if budget < OWN_CARD * card.total_mib:
            return card.free_mib
        return min(card.free_mib, budget - card.used_mib)

    def _card(self, seen: Snapshot) -> Device | None:
        return next((d for d in seen.devices if d.index == self.gpu_index), None)

    def used_mib(self, seen: Snapshot) -> int | None:
        """Device-wide use of the GPU, MiB."""
        card = self._card(seen)
        return card.used_mib if card is not None else None

    # -- needs ---------------------------------------------------------------------------------------------------

    def need(self, name: str, shape: str = "") -> int:
        """What to plan with: learned, else what the engine says. A margin alone never lifts it above the budget."""
        slot = self.slots[name]
        learned = None if slot.shrunk else self.needs.need(name, shape)
        if learned is None:
            return slot.guess_mib
        peak = self.needs.peak(name, shape) or learned
        return max(peak, min(learned, self.budget(slot.spec.device)))

    def is_learned(self, name: str, shape: str = "") -> bool:
        return not self.slots[name].shrunk and self.needs.need(name, shape) is not None

    def is_capped(self, name: str, shape: str = "") -> bool:
        """Whether the budget took from the margin of a learned need."""
        learned = self.needs.need(name, shape)
        return learned is not None and self.is_learned(name, shape) and learned > self.need(name, shape)

    # -- names ---------------------------------------------------------------------------------------------------

    def real(self, name: str) -> str:
        """The engine that serves for `name` now: itself, or the smaller one that stands in."""
        slot = self.slots[name]
        if not slot.stand_in or slot.state is EngineState.ACTIVE or time.monotonic() > slot.stand_in_until:
            return name
        return slot.stand_in if self.slots[slot.stand_in].state is EngineState.ACTIVE else name

    def known(self, name: str) -> Slot:
        """The slot. Raises UsageError with the nearest name."""
        if name in self.slots:
            return self.slots[name]
        near = difflib.get_close_matches(name, self.slots, n=1, cutoff=0.5)
        known = f"known are {', '.join(sorted(self.slots))}"
        raise UsageError(
            f"There is no engine '{name}'", known, f"Did you mean '{near[0]}'?" if near else "See configs/models.yaml"
        )

    def refuse_impossible(self, needs: Iterable[str], shape: str) -> None:
        """Raises UsageError or EngineError for what can never be served, whatever others do."""
        names = frozenset(needs)
        for name in sorted(names):
            self.known(name)
            self._refuse_oversized(name, shape)
            if self.breakers[name].is_open:
                raise self.breakers[name].error(name)
        if not self.table.may_share_gpu(names):
            raise EngineError(
                f"{', '.join(sorted(names))} may not be on the GPU together",
                "no set of the engine table allows it",
                "Use them one after the other, or see 'together' in configs/models.yaml",
            )
        for device in ("cpu", "gpu"):
            here = sorted(n for n in names if self.device(n) == device)
            total = sum(self.need(n, shape) for n in here)
            if total > self.budget(device):
                raise EngineError(
                    f"{', '.join(here)} do not fit together",
                    f"they need {total} MiB and the {device} budget is {self.budget(device)} MiB",
                    "Raise the budget in the settings, or choose smaller engines",
                )

    def _refuse_oversized(self, name: str, shape: str) -> None:
        need, device = self.need(name, shape), self.device(name)
        budget = self.budget(device)
        if need <= budget:
            return
        where = f"the {device} budget is {budget} MiB"
        if not self.is_learned(name, shape):
            raise EngineError(
                f"The engine '{name}' does not fit",
                f"it needs {need} MiB and {where}",
                "Raise the budget in the settings, or choose a smaller engine",
            )
        file = f" or remove {self.needs.path}, where this is kept" if self.needs.path else ""
        of = f" for {shape}" if shape else ""
        raise EngineError(
            f"The engine '{name}' does not fit{of}",
            f"it was measured to need {need} MiB{of} and {where}",
            f"Ask for a smaller size, raise the budget in the settings,{file or ' or choose a smaller engine'}",
        )

    # -- state ---------------------------------------------------------------------------------------------------

    def bump(self) -> None:
        self.version += 1

    def set_state(self, slot: Slot, state: EngineState) -> None:
        """The only place that changes a slot's state: what others read from outside follows."""
        slot.state = state
        self.bump()
        self.active = frozenset(n for n, s in self.slots.items() if s.state is EngineState.ACTIVE)

    def charge(self, slot: Slot, mib: int) -> None:
        """Count `mib` for the slot from now on; the floors of its neighbours on the GPU follow."""
        change = mib - slot.charge_mib
        slot.charge_mib = mib
        self.bump()
        if change and self.device(slot.name) == "gpu":
            for other in self.slots.values():
                if other is not slot and other.floor_mib is not None:
                    other.floor_mib += change

    def charged(self, device: str) -> int:
        """MiB counted on the device now, without what is only promised."""
        return sum(s.charge_mib for s in self.slots.values() if self.device(s.name) == device)

    def wants(self, waiter: Waiter) -> dict[str, int]:
        """Engines that serve for what was asked, with the memory to plan with."""
        return {real: self.need(real, waiter.shape) for real in (self.real(n) for n in waiter.needs)}

    def is_grantable(self, waiter: Waiter, closed: frozenset[str] = frozenset()) -> bool:
        """Whether all it asks for is up, free and has enough memory promised."""
        for name in waiter.needs:
            slot = self.slots[self.real(name)]
            if slot.state is not EngineState.ACTIVE or slot.work is not None or slot.name in closed:
                return False
            if slot.leases and not slot.spec.shared:
                return False
            if slot.charge_mib < self.need(slot.name, waiter.shape):
                return False
        return True

    def are_up(self, waiter: Waiter) -> bool:
        """Whether it waits only for others to give back what is up."""
        for name in waiter.needs:
            slot = self.slots[self.real(name)]
            if not slot.is_open or slot.charge_mib < self.need(slot.name, waiter.shape):
                return False
        return True
