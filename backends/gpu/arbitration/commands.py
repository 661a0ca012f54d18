"""What the user orders directly: keep, stop and park an engine; and engines that an earlier studio left running."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from backends.gpu.arbitration.core import Core
from backends.gpu.arbitration.operations import told
from backends.gpu.arbitration.slots import Slot, Work
from backends.gpu.arbitration.switch import Unwanted
from backends.gpu.arbitration.worker import Workers
from backends.gpu.engine import EngineState, Interruptible, Lasting, Swap
from backends.gpu.gpu_lock import GpuLock
from configs.errors import EngineError, StudioError

LOG = logging.getLogger("studio.arbiter")
BUSY_S = 0.005
"""How often a closing studio looks whether a command has let go of an engine."""


class Commands:
    """Coroutines on the arbiter's loop."""

    def __init__(
        self, core: Core, workers: Workers, lock: GpuLock | None, lasting: Iterable[str],
        left: Callable[[], Iterable[str]] | None = None,
    ) -> None:  # fmt: skip
        """`lasting`: engines that may have a process to adopt; `left`: which of them were left by others since."""
        self._core, self._workers, self._lock, self._left = core, workers, lock, left
        self._lasting = [n for n in lasting if n in core.board.slots]
        self._ready: asyncio.Task[None] | None = None

    # -- before the first use ------------------------------------------------------------------------------------

    @property
    def has_left(self) -> bool:
        """Whether there may be something to take over that nobody has looked at."""
        return bool(self._lasting) and not (self._ready is not None and self._ready.done())

    def concerns(self, needs: Iterable[str]) -> bool:
        """Whether the machine has to be looked at before such a request can be judged."""
        if self._ready is not None and self._ready.done():
            return self._look_again(needs)
        slots = self._core.board.slots
        return any(n in self._lasting or (n in slots and slots[n].spec.device == "gpu") for n in needs)

    def _look_again(self, needs: Iterable[str]) -> bool:
        """While this studio holds no GPU, others may have used it and left something there."""
        slots = self._core.board.slots
        cold = [n for n in needs if n in slots and slots[n].state is EngineState.COLD and slots[n].work is None]
        if self._left is None or (self._lock is not None and self._lock.held):
            return False
        if not any(slots[n].spec.device == "gpu" for n in cold):
            return False
        self._lasting = [n for n in self._left() if n in slots and slots[n].state is EngineState.COLD]
        if self._lasting:
            self._ready = None
        return bool(self._lasting)

    async def ready(self) -> None:
        """The machine is known and what an earlier studio left is taken over. Raises EngineError."""
        if self._ready is None or (self._ready.done() and not self._ready.cancelled() and self._ready.exception()):
            self._ready = asyncio.get_running_loop().create_task(self._prepare())
        await asyncio.shield(self._ready)

    async def _prepare(self) -> None:
        await self._core.ladder.look()
        slots, since = self._core.board.slots, self._left() if self._left is not None else ()
        self._lasting = [*self._lasting, *(n for n in since if n in slots and n not in self._lasting)]
        for name in self._lasting:
            await self._adopt(slots[name])
        self._core.pump()

    async def _adopt(self, slot: Slot) -> None:
        board = self._core.board
        if slot.state is not EngineState.COLD or slot.work is not None:
            return
        work = Work("left by an earlier studio", lanes=frozenset({slot.spec.device}))
        work.claim(slot)
        self._core.works.take(work)
        owned = self._lock is not None and self._lock.held
        try:
            self._core.switch.take_gpu([slot.name])
            engine = await self._core.do.make(slot)
            if not isinstance(engine, Lasting):
                return
            state = await self._workers.run(f"engine-{slot.name}-adopt", engine.adopt)
            if state in (EngineState.ACTIVE, EngineState.PARKED):
                board.charge(slot, board.need(slot.name) if state is EngineState.ACTIVE else slot.spec.parked_mib)
                slot.up_since = slot.used_at = time.monotonic()
                slot.kept = engine.kept
                board.set_state(slot, state)
                LOG.info("%s is taken over: %s", slot.name, state.value)
        except Exception as error:  # another studio has it, or it cannot be asked: this one starts without it
            slot.error = told(error, slot.name).sentence
            LOG.warning("%s is not taken over: %s", slot.name, slot.error)
        finally:
            self._core.works.finish(work)
            if self._lock is not None and not owned and not self._holds_gpu():
                self._lock.release()

    def _holds_gpu(self) -> bool:
        board = self._core.board
        return any(s.charge_mib for s in board.slots.values() if board.device(s.name) == "gpu")

    # -- orders --------------------------------------------------------------------------------------------------

    async def prepare(self, name: str, *, keep: bool, download: bool) -> None:
        """Before the user's start: crashes and stand-ins are forgotten, the engine knows what it may do.

        Raises UsageError, EngineError.
        """
        board = self._core.board
        slot = board.known(name)
        board.breakers[name].reset()
        slot.stand_in = ""
        board.bump()
        if not keep and not download:
            return
        await self.ready()
        work = Work("start")
        await self._core.works.turn(work, slot, until=None)
        try:
            if keep and not await self._core.do.keep(slot, True):
                raise EngineError(
                    f"'{name}' cannot outlive the studio", "it runs inside of it", "Start it without keep"
                )
            if download and not await self._core.do.may_download(slot, True):
                raise EngineError(f"'{name}' cannot fetch its model", fix="Start it without download")
        finally:
            self._core.works.finish(work)
            self._core.pump()

    async def after_start(self, name: str, *, keep: bool, failed: bool) -> None:
        """A start that failed leaves no mark on later ones; the leave to download was for this one."""
        work, slot = Work("start"), self._core.board.slots[name]
        await self._core.works.turn(work, slot, until=None)
        try:
            await self._core.do.may_download(slot, False)
            if keep and failed:
                await self._core.do.keep(slot, False)
        finally:
            self._core.works.finish(work)
            self._core.pump()

    async def put_away(self, name: str, *, end: bool, wait_s: float) -> tuple[Swap, ...]:
        """Park an engine, or `end` it, when nobody uses it any more. Raises UsageError, EngineError."""
        board = self._core.board
        slot = board.known(name)
        await self.ready()
        if end:
            await self._interrupt(slot)
        until = time.monotonic() + wait_s
        work = Work("stopped by the user" if end else "parked by the user", lanes=frozenset({slot.spec.device}))
        await self._core.works.turn(work, slot, until)
        try:
            if end:
                await self._end(slot, work, until)
            elif slot.state is EngineState.ACTIVE:
                drained = await self._drain(slot, work, until)
                await self._core.do.put_away(slot, work, drained)
        except Unwanted:
            holders = ", ".join(sorted({v.holder for v in slot.leases.values()}))
            raise EngineError(
                f"'{name}' is still in use after {wait_s:.0f} s", f"held by {holders}" if holders else "", "Try again"
            ) from None
        finally:
            self._core.works.finish(work)
            self._core.pump()
        return tuple(work.swaps)

    async def _end(self, slot: Slot, work: Work, until: float) -> None:
        drained = await self._drain(slot, work, until) if slot.state is EngineState.ACTIVE else 0.0
        if slot.kept:
            await self._core.do.keep(slot, False)
        self._core.board.breakers[slot.name].reset()
        if slot.engine is not None and (slot.state is not EngineState.COLD or slot.charge_mib):
            await self._core.do.unload(slot, work, drained)
        slot.error, slot.stand_in = "", ""

    async def _drain(self, slot: Slot, work: Work, until: float) -> float:
        board = self._core.board
        alarm = asyncio.get_running_loop().call_at(until, work.stir.set)
        try:
            return await self._core.switch.drain(
                [slot], work, lambda: not board.closing and (time.monotonic() < until or not slot.leases)
            )
        finally:
            alarm.cancel()

    async def _interrupt(self, slot: Slot) -> None:
        engine = slot.engine
        if slot.state in (EngineState.STARTING, EngineState.RESTORING) and isinstance(engine, Interruptible):
            await self._workers.run(f"engine-{slot.name}-interrupt", engine.interrupt)

    # -- the end -------------------------------------------------------------------------------------------------

    async def close(self, limit_s: float) -> None:
        """Answer everybody, take all leases back, unload what is up; kept engines are left running."""
        core, until = self._core, time.monotonic() + limit_s
        core.board.closing = True
        core.waiting.fail_all(EngineError("The studio is closing"))
        for slot in core.board.slots.values():
            await self._interrupt(slot)
        for lease in core.leases.all():
            core.leases.void(lease, "the studio is closing")
        if tasks := core.works.tasks:
            await asyncio.wait(tasks, timeout=limit_s)
        jobs = [asyncio.create_task(self._let_go(s, until)) for s in core.board.slots.values() if s.engine is not None]
        if jobs:
            await asyncio.wait(jobs, timeout=limit_s)
        for name in self._workers.running:
            LOG.warning("%s has not ended; its process goes with the studio", name)

    async def _let_go(self, slot: Slot, until: float) -> None:
        # A user's command may be at it: it ends as soon as it sees that the studio closes.
        while slot.work is not None and time.monotonic() < until:
            await asyncio.sleep(BUSY_S)
        engine = slot.engine
        if slot.work is not None or (slot.state is EngineState.COLD and not slot.charge_mib) or engine is None:
            return
        try:
            if isinstance(engine, Lasting) and engine.kept and slot.state in (EngineState.ACTIVE, EngineState.PARKED):
                await self._workers.run(f"engine-{slot.name}-leave", engine.leave)
            else:
                await self._core.do.unload(slot, Work("the studio closes"))
        except StudioError:
            return  # told by then
        except Exception:
            LOG.exception("%s could not be let go", slot.name)
