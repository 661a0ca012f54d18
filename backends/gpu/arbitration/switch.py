"""One change of what is up: close admission, let leases end, park, bring up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.ladder import Ladder
from backends.gpu.arbitration.leases import LeaseBook
from backends.gpu.arbitration.operations import Operations
from backends.gpu.arbitration.slots import Plan, Slot, Work
from backends.gpu.engine import EngineState
from backends.gpu.gpu_lock import GpuLock
from configs.errors import StudioError


class Unwanted(Exception):
    """Everybody who waited for the change went away before anything was moved."""


class Switch:
    """Carries plans out; the slots of a plan are claimed by its work before."""

    def __init__(
        self, board: Board, operations: Operations, ladder: Ladder, leases: LeaseBook, lock: GpuLock | None
    ) -> None:
        self._board, self._do, self._ladder, self._leases, self._lock = board, operations, ladder, leases, lock

    async def carry_out(self, work: Work, plan: Plan, is_wanted: Callable[[], bool]) -> None:
        """Raises StudioError when an engine cannot be had, Unwanted when nobody waits any more."""
        work.failing = frozenset(plan.bring_up)
        slots = self._board.slots
        wants = await self._checked(plan, work)
        work.failing = frozenset(plan.bring_up)
        self.take_gpu(plan.bring_up)
        victims = [slots[n] for n in plan.victims]
        drained = await self.drain([s for s in victims if s.state is EngineState.ACTIVE], work, is_wanted)
        for name in plan.park:
            await self._gone(slots[name], work, drained, by_park=True)
        for name in plan.unload:
            await self._gone(slots[name], work, drained, by_park=False)
        for name in plan.bring_up:
            work.failing = frozenset({name})
            slot = slots[name]
            if slot.state is EngineState.ACTIVE:
                await self._ladder.grow(slot, wants[name], work)
            else:
                await self._ladder.bring_up(slot, wants[name], work)

    async def _checked(self, plan: Plan, work: Work) -> dict[str, int]:
        """What is wanted, now that every engine is made; nobody has to go for one that cannot start. Raises."""
        wants = dict(plan.wants)
        for name in plan.bring_up:
            slot = self._board.slots[name]
            if slot.state not in (EngineState.COLD, EngineState.FAILED):
                continue
            work.failing = frozenset({name})
            is_new = slot.engine is None
            try:
                await self._do.check(slot)
            except Exception as error:
                self._ladder.unstartable(slot, error)
                raise
            if is_new:
                wants[name] = self._board.need(name, work.shape)
        return wants

    def take_gpu(self, names: Iterable[str]) -> None:
        """Own the GPU before the first engine goes there. Raises EngineError when another studio does."""
        if self._lock is not None and any(self._board.device(n) == "gpu" for n in names):
            self._lock.acquire()

    async def drain(self, victims: list[Slot], work: Work, is_wanted: Callable[[], bool]) -> float:
        """Wait until nobody holds them; seconds. Revocable leases end after the drain time, others when they end.

        Raises Unwanted, with the engines open again.
        """
        began = time.monotonic()
        for slot in victims:
            self._board.set_state(slot, EngineState.DRAINING)
            for lease in slot.leases.values():
                lease.wanted = True
        limit = self._board.table.rules.drain_seconds
        revoked = False
        while any(slot.leases for slot in victims):
            if not is_wanted():
                self._reopen(victims)
                raise Unwanted
            work.stir.clear()
            left = None if revoked else max(began + limit - time.monotonic(), 0)
            try:
                await asyncio.wait_for(work.stir.wait(), left)
            except TimeoutError:
                revoked = True
                self._revoke(victims, limit)
        if not is_wanted():
            self._reopen(victims)
            raise Unwanted
        return time.monotonic() - began

    def _revoke(self, victims: list[Slot], limit: float) -> None:
        for lease in {v.id: v for slot in victims for v in slot.leases.values() if v.revocable}.values():
            self._leases.void(lease, f"others waited {limit:.0f} s for the engine")

    def _reopen(self, victims: list[Slot]) -> None:
        for slot in victims:
            if slot.state is EngineState.DRAINING:
                self._board.set_state(slot, EngineState.ACTIVE)
            for lease in slot.leases.values():
                lease.wanted = False

    async def _gone(self, slot: Slot, work: Work, drained: float, *, by_park: bool) -> None:
        try:
            await (self._do.put_away if by_park else self._do.unload)(slot, work, drained)
        except StudioError:
            return  # told and still counted; whether the rest fits is decided when it comes up
