"""Bringing one engine up, and what is tried when that fails.

Room is waited for by the device-wide figures. Out of memory: park idle neighbours, end what is only parked, start with
less, let a smaller engine stand in. Anything else: end it and start it afresh, once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Literal

from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.operations import CanaryFailed, Operations, told
from backends.gpu.arbitration.shortage import shortage
from backends.gpu.arbitration.slots import Slot, Work
from backends.gpu.arbitration.worker import Workers
from backends.gpu.engine import EngineOutOfMemory, EngineState
from backends.gpu.monitor import Snapshot
from configs.errors import EngineError, StudioError

POLL_S = 0.05
RUNGS = ("park", "unload")
"""What gives the memory of neighbours back, cheapest first: park idle ones, end those that are only parked."""
LOOK_LIMIT_S = 10.0
"""A driver that does not answer for this long is an error."""


class Ladder:
    """Used by the work that holds the slot; claims neighbours for that work as it goes."""

    def __init__(self, board: Board, operations: Operations, workers: Workers, look: Callable[[], Snapshot]) -> None:
        self._board, self._do, self._workers, self._look = board, operations, workers, look

    async def look(self) -> Snapshot:
        """The device's figures now. Raises EngineError when the driver hangs."""
        try:
            seen = await asyncio.wait_for(self._workers.run("gpu-look", self._look), LOOK_LIMIT_S)
        except TimeoutError:
            raise EngineError(
                "The GPU driver does not answer", f"no figures for {LOOK_LIMIT_S:.0f} s", "Try nvidia-smi, or reboot"
            ) from None
        self._board.saw(seen)
        return seen

    async def bring_up(self, slot: Slot, mib: int, work: Work) -> None:
        """Whatever its state, the engine is ACTIVE afterwards, or its `smaller` one stands in. Raises StudioError."""
        try:
            await self._bring_up(slot, mib, work)
        except EngineOutOfMemory as error:
            if not await self._stand_in(slot, work, error):
                raise

    async def grow(self, slot: Slot, mib: int, work: Work) -> None:
        """More memory for an engine that is up. Raises EngineOutOfMemory."""
        rungs = list(RUNGS)
        while True:
            try:
                await self._wait_free(slot, mib)
            except EngineOutOfMemory:
                if not await self._make_room(rungs, slot, work):
                    raise
                continue
            self._board.charge(slot, mib)
            return

    # -- one engine ----------------------------------------------------------------------------------------------

    async def _bring_up(self, slot: Slot, mib: int, work: Work) -> None:
        slot.error = ""
        if slot.engine is None:
            await self._make(slot)
            mib = self._board.need(slot.name, work.shape)
        if slot.state is EngineState.FAILED and slot.charge_mib:
            await self._do.unload(slot, work)
        rungs = list(RUNGS)
        fresh = True
        if slot.state is EngineState.PARKED:
            if await self._restored(slot, mib, work, rungs):
                return
            fresh = False
        elif slot.shrunk:
            await self._do.grow_back(slot)
            mib = self._again(slot, mib)
        try:
            await self._load(slot, mib, work, rungs, fresh)
        except Exception as error:
            raise self._failed(slot, error) from error

    async def _make(self, slot: Slot) -> None:
        try:
            await self._do.make(slot)
        except Exception as error:
            raise self._failed(slot, error) from error

    def unstartable(self, slot: Slot, error: Exception) -> None:
        """It lacks something: told, but no crash, and no reason to be left alone once it has it."""
        slot.error = told(error, slot.name).sentence
        if not slot.charge_mib:
            self._board.set_state(slot, EngineState.COLD)

    def _failed(self, slot: Slot, error: Exception) -> StudioError:
        failure = told(error, slot.name)
        if slot.state is not EngineState.FAILED:
            self._board.set_state(slot, EngineState.FAILED)
        slot.error = failure.sentence
        return failure

    async def _restored(self, slot: Slot, mib: int, work: Work, rungs: list[str]) -> bool:
        """Parked -> active; False when it is cold now and has to be started afresh."""
        while True:
            try:
                await self._attempt(slot, "restore", mib, work)
                return True
            except Exception as error:
                failure = told(error, slot.name)
            if isinstance(failure, EngineOutOfMemory) and await self._make_room(rungs, slot, work):
                continue
            self._do.notice(slot, "cold_start", f"{slot.name} is started afresh: {failure}", work)
            await self._do.unload(slot, work)
            if isinstance(failure, EngineOutOfMemory):
                await self._shrink(slot, work)
            return False

    async def _load(self, slot: Slot, mib: int, work: Work, rungs: list[str], fresh: bool) -> None:
        """Cold -> active. `fresh`: a failing canary is worth one more start."""
        while True:
            if slot.shrunk:
                mib = self._again(slot, mib)
            try:
                await self._attempt(slot, "load", mib, work)
                return
            except Exception as error:
                failure = told(error, slot.name)
            if slot.state is not EngineState.COLD and slot.state is not EngineState.FAILED:
                await self._do.unload(slot, work)
            if isinstance(failure, EngineOutOfMemory):
                if await self._make_room(rungs, slot, work) or await self._shrink(slot, work):
                    continue
            elif isinstance(failure, CanaryFailed) and fresh:
                fresh = False
                self._do.notice(slot, "cold_start", f"{slot.name} is started once more: {failure}", work)
                continue
            raise failure

    async def _attempt(self, slot: Slot, action: Literal["load", "restore"], mib: int, work: Work) -> None:
        if self._board.closing:
            raise EngineError("The studio is closing")
        began = time.perf_counter()
        seen = await self._wait_free(slot, mib)
        used, residue = self._board.used_mib(seen), slot.charge_mib
        self._board.charge(slot, mib)
        slot.floor_mib = used - residue if used is not None and self._board.device(slot.name) == "gpu" else None
        await self._do.bring(slot, action, work, time.perf_counter() - began)
        # Once loaded an engine knows better; should it need more, that is made room for before it is given out.
        self._board.charge(slot, min(mib, self._board.need(slot.name, work.shape)))

    def _again(self, slot: Slot, mib: int) -> int:
        """The need after shrinking or growing back; what was promised follows, but never above it."""
        need = min(slot.guess_mib, mib) if slot.shrunk else max(slot.guess_mib, mib)
        slot.reserved_mib = max(need, slot.charge_mib)
        return need

    # -- room ----------------------------------------------------------------------------------------------------

    async def _wait_free(self, slot: Slot, mib: int) -> Snapshot:
        """Until budget and device have room for what is missing to `mib`. Raises EngineOutOfMemory."""
        device = self._board.device(slot.name)
        until = time.monotonic() + self._board.table.rules.free_seconds
        while True:
            seen = await self.look()
            extra = mib - slot.charge_mib
            over = self._board.charged(device) + extra - self._board.budget(device)
            missing = max(extra - self._board.room_mib(device, seen), over)
            if missing <= 0:
                return seen
            if over > 0 or time.monotonic() >= until:  # waiting does not change our own books
                why = partial(shortage, self._board, slot.name, mib, missing, over, seen)
                raise await self._workers.run("gpu-shortage", why)
            await asyncio.sleep(POLL_S)

    async def _make_room(self, rungs: list[str], slot: Slot, work: Work) -> bool:
        """Take the next step that gives memory of neighbours back; False when none is left."""
        while rungs:
            step = rungs.pop(0)
            moved = await (self._park_idle(slot, work) if step == "park" else self._end_parked(slot, work))
            if moved:
                return True
        return False

    async def _park_idle(self, slot: Slot, work: Work) -> bool:
        moved = False
        for other in self._neighbours(slot, work):
            if other.state is EngineState.ACTIVE and not other.leases:
                work.claim(other)
                self._do.notice(other, "evict", f"{other.name} makes room for {slot.name}", work)
                moved |= await self._succeeds(self._do.put_away(other, work))
        return moved

    async def _end_parked(self, slot: Slot, work: Work) -> bool:
        moved = False
        for other in self._neighbours(slot, work):
            if other.state in (EngineState.PARKED, EngineState.FAILED) and other.charge_mib:
                if other.work is None:
                    work.claim(other)
                self._do.notice(other, "evict", f"{other.name} is ended to make room for {slot.name}", work)
                moved |= await self._succeeds(self._do.unload(other, work))
        return moved

    def _neighbours(self, slot: Slot, work: Work) -> list[Slot]:
        device = self._board.device(slot.name)
        wanted = work.needs | {slot.name}
        return [
            s for s in self._board.slots.values()
            if s.name not in wanted and self._board.device(s.name) == device
            and (s.work is None or (s.work is work and not s.reserved_mib))
        ]  # fmt: skip

    @staticmethod
    async def _succeeds(step: Coroutine[None, None, None]) -> bool:
        try:
            await step
        except StudioError:
            return False  # told and counted as stuck by then
        return True

    async def _shrink(self, slot: Slot, work: Work) -> bool:
        gave = await self._do.shrink(slot)
        if gave:
            self._do.notice(slot, "shrink", f"{slot.name} makes do with less memory: {gave}", work)
        return bool(gave)

    # -- the smaller one -----------------------------------------------------------------------------------------

    async def _stand_in(self, slot: Slot, work: Work, error: EngineOutOfMemory) -> bool:
        tried = {slot.name}
        name = slot.spec.smaller
        slot.reserved_mib = 0
        while name and name not in tried:
            small = self._board.slots[name]
            if await self._can_serve(small, work):
                slot.stand_in = name
                slot.stand_in_until = time.monotonic() + self._board.table.rules.crash_window_seconds
                self._do.notice(slot, "smaller", f"{name} stands in for {slot.name}: {error}", work)
                return True
            tried.add(name)
            name = small.spec.smaller
        return False

    async def _can_serve(self, small: Slot, work: Work) -> bool:
        if small.state is EngineState.ACTIVE and small.work is None:
            return True
        up = frozenset(n for n, s in self._board.slots.items() if s.state is EngineState.ACTIVE) | {small.name}
        if small.work not in (None, work) or self._board.breakers[small.name].is_open:
            return False
        if small.spec.device == "gpu" and not self._board.table.may_share_gpu(up):
            return False
        if small.work is None:
            work.claim(small)
        need = self._board.need(small.name)
        small.reserved_mib = need
        try:
            await self._bring_up(small, need, work)
        except StudioError:
            small.reserved_mib = 0
            return False
        return True
