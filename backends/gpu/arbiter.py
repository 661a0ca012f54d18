"""Who may use which engine when. One event loop, in a thread of its own, owns all state.

Engines are loaded, parked and restored here and nowhere else. On a machine without a GPU the same code runs with a
memory budget for the CPU.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from backends.gpu.arbitration.answers import to_loop, to_thread
from backends.gpu.arbitration.board import Board
from backends.gpu.arbitration.commands import Commands
from backends.gpu.arbitration.core import Core
from backends.gpu.arbitration.ladder import Ladder
from backends.gpu.arbitration.leases import LeaseBook
from backends.gpu.arbitration.loop_thread import LoopThread
from backends.gpu.arbitration.operations import Operations, told
from backends.gpu.arbitration.slots import Waiter
from backends.gpu.arbitration.status import engine_rows, waiting_rows
from backends.gpu.arbitration.switch import Switch
from backends.gpu.arbitration.watch import watch
from backends.gpu.arbitration.worker import Workers
from backends.gpu.engine import Engine, OnStart, Pinning, Swap
from backends.gpu.gpu_lock import GpuLock
from backends.gpu.lease import Lease
from backends.gpu.metrics import GAUGES, arbiter_metrics
from backends.gpu.monitor import Snapshot, snapshot
from backends.gpu.needs import LearnedNeeds
from configs.errors import EngineError
from configs.models import ModelTable

T = TypeVar("T")

POLL_S = 0.05
"""How often a blocked caller runs its cancel callback."""
CLOSE_S = 30.0
"""Longest wait at the end, once for work under way and once for unloading."""


class Arbiter:
    """Grants leases; every method may be called from any thread."""

    def __init__(
        self,
        table: ModelTable,
        make_engine: Callable[[str], Engine],
        *,
        cpu_budget_mib: int,
        gpu_budget_mib: int,
        lease_seconds: float = 60.0,
        on_swap: Callable[[Swap], None] | None = None,
        on_notice: Callable[[str], None] | None = None,
        look: Callable[[], Snapshot] = snapshot,
        needs: LearnedNeeds | None = None,
        lock: GpuLock | None = None,
        lasting: Iterable[str] = (),
        left: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        """
        Args:
            table: engines, allowed sets and rules.
            make_engine: from a name to a cold engine; called in a worker thread when first needed.
            cpu_budget_mib: main memory for engines; without a GPU also for those of the GPU.
            gpu_budget_mib: GPU memory for engines.
            lease_seconds: a lease without a heartbeat for this long expires.
            on_swap: told every change of engines, from the arbiter's thread; must not block.
            on_notice: told every step of the ladder of fallbacks, likewise.
            look: the machine's memory figures.
            needs: what was learned of memory needs; None = learn anew, in memory only.
            lock: keeps other studios off the GPU; taken when the first engine goes there.
            lasting: engines with a record of a process that an earlier studio left running.
            left: asked for more of them before an engine is brought up while this studio has nothing on the GPU; fast.
        """
        self._look, self._lock = look, lock
        self._board = Board(
            table, {"cpu": cpu_budget_mib, "gpu": gpu_budget_mib}, needs or LearnedNeeds(), lock.index if lock else 0
        )
        self._thread = LoopThread("arbiter")
        self._workers = Workers(self._thread.loop)
        operations = Operations(self._board, self._workers, make_engine, on_swap, on_notice)
        self.history: deque[Swap] = operations.history
        ladder = Ladder(self._board, operations, self._workers, look)
        leases = LeaseBook(self._board, lease_seconds, self._give_back)
        switch = Switch(self._board, operations, ladder, leases, lock)
        self._core = Core(self._thread.loop, self._board, operations, ladder, leases, switch)
        self._commands = Commands(self._core, self._workers, lock, lasting, left)
        self._lease_seconds = lease_seconds
        self._unanswered: set[Waiter] = set()
        self._closed = False
        self._thread.start(self._watch)

    # -- leases --------------------------------------------------------------------------------------------------

    def lease(
        self,
        needs: Iterable[str],
        holder: str,
        *,
        wait_s: float = 600.0,
        check: Callable[[], None] | None = None,
        shape: str = "",
        on_start: OnStart | None = None,
        revocable: bool = False,
    ) -> Lease:
        """Block until all engines in `needs` are active and ours.

        Args:
            needs: names of engines.
            holder: who asks, for others to see.
            wait_s: longest wait, seconds.
            check: called while waiting; may raise to give up (cancel).
            shape: what decides the memory of this work, e.g. '1024x576'.
            on_start: told how the start of an engine goes, from any thread; must not block.
            revocable: may be taken back when others have waited through the drain time.

        Raises UsageError for an unknown engine, EngineError when one cannot be brought up, does not fit the budget,
        or the wait is over.
        """
        answer: concurrent.futures.Future[Lease] = concurrent.futures.Future()
        waiter = self._ask(Waiter(frozenset(needs), holder, shape, revocable, on_start, to_thread(answer), wait_s))
        try:
            while check is not None:
                with suppress(concurrent.futures.TimeoutError):
                    return answer.result(timeout=POLL_S)
                check()
            return answer.result()
        except BaseException:
            self._abandon(waiter)
            raise

    async def alease(
        self,
        needs: Iterable[str],
        holder: str,
        *,
        wait_s: float = 600.0,
        shape: str = "",
        on_start: OnStart | None = None,
        revocable: bool = False,
    ) -> Lease:
        """`lease` for any event loop; cancelling it leaves nothing behind."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Lease] = loop.create_future()
        deliver = to_loop(loop, answer)
        waiter = self._ask(Waiter(frozenset(needs), holder, shape, revocable, on_start, deliver, wait_s))
        try:
            return await answer
        except BaseException:
            self._abandon(waiter)
            raise

    def _ask(self, waiter: Waiter) -> Waiter:
        deliver = waiter.deliver

        def once(outcome: Lease | BaseException) -> bool:
            self._unanswered.discard(waiter)
            return deliver(outcome)

        waiter.deliver = once
        self._unanswered.add(waiter)
        if self._closed:
            self._unanswered.discard(waiter)
            raise EngineError("The studio is closing")
        self._workers.post(lambda: self._hear(waiter))
        return waiter

    def _hear(self, waiter: Waiter) -> None:
        if self._commands.concerns(waiter.needs):
            self._core.works.spawn(self._hear_when_ready(waiter))
        else:
            self._core.ask(waiter)

    async def _hear_when_ready(self, waiter: Waiter) -> None:
        try:
            await self._commands.ready()
        except Exception as error:
            if not waiter.done:
                waiter.done = True
                waiter.deliver(told(error, "+".join(sorted(waiter.needs))))
            return
        if not waiter.done:
            self._core.ask(waiter)

    def _abandon(self, waiter: Waiter) -> None:
        self._unanswered.discard(waiter)
        self._workers.post(lambda: self._core.abandon(waiter))

    def _give_back(self, lease: Lease) -> None:
        self._workers.post(lambda: self._core.end(lease))

    # -- the user's commands -------------------------------------------------------------------------------------

    def start(
        self,
        name: str,
        *,
        keep: bool = False,
        download: bool = False,
        on_start: OnStart | None = None,
        wait_s: float = 1800.0,
    ) -> tuple[Swap, ...]:
        """Bring an engine up, also one that was left alone after crashes. Returns what was changed.

        Args:
            name: of the engine.
            keep: its process outlives the studio.
            download: it may fetch its model.
            on_start: told how the start goes.
            wait_s: longest wait, seconds.

        Raises UsageError, EngineError.
        """
        self._await(self._commands.prepare(name, keep=keep, download=download))
        try:
            lease = self.lease([name], "studio models start", wait_s=wait_s, on_start=on_start)
        except Exception:
            if keep or download:
                self._await(self._commands.after_start(name, keep=keep, failed=True))
            raise
        except BaseException:  # Ctrl-C waits for no model: the mark goes as soon as the engine is free
            if keep or download:
                self._thread.submit(self._commands.after_start(name, keep=keep, failed=True))
            raise
        if keep or download:
            self._await(self._commands.after_start(name, keep=keep, failed=False))
        lease.release()
        return lease.swaps

    def stop(self, name: str, *, wait_s: float = 600.0) -> tuple[Swap, ...]:
        """End an engine when its leases are over; its memory is free afterwards. Raises UsageError, EngineError."""
        return self._await(self._commands.put_away(name, end=True, wait_s=wait_s))

    def park(self, name: str, *, wait_s: float = 600.0) -> tuple[Swap, ...]:
        """Park an engine when its leases are over. Raises UsageError, EngineError."""
        return self._await(self._commands.put_away(name, end=False, wait_s=wait_s))

    def suspect(self, name: str, reason: str) -> None:
        """Somebody saw the engine hang: its canary is run, a failing one counts as a crash. Returns at once."""
        slot = self._board.known(self._board.real(name) if name in self._board.slots else name)
        self._workers.post(lambda: self._core.trouble.suspect(slot, reason))

    # -- what is going on ----------------------------------------------------------------------------------------

    def status(self) -> list[dict[str, Any]]:
        """One row per engine: name, kind, device, state, leases (holders), need_mib, learned, parked_mib, held_mib,
        error, phase, share, note, up_seconds, crashes, breaker_open, kept, stand_in."""
        if self._commands.has_left and not self._closed and not self._thread.is_here:
            self._await(self._commands.ready())
        return self._thread.call(lambda: engine_rows(self._board))

    def waiting(self) -> list[dict[str, Any]]:
        """One row per request that waits, oldest first: holder, needs, waited_s, revocable."""
        return self._thread.call(lambda: waiting_rows(self._core.waiting.queue))

    def active(self) -> frozenset[str]:
        """Names of the engines that are up now (a forecast reads this)."""
        return self._board.active

    def need_mib(self, name: str, shape: str = "") -> int:
        """Memory that the engine needs while active, MiB: learned, else what it says itself."""
        return self._board.need(name, shape)

    def device(self, name: str) -> str:
        """'gpu' or 'cpu', as the table has it."""
        return self._board.table.engines[name].device

    def budget(self, device: str) -> int:
        """MiB for engines on 'gpu' or 'cpu'; without a GPU both are the main memory's."""
        if self._board.seen is None:
            self._board.saw(self._look())
        return self._board.budget(device)

    def counted_on(self, name: str) -> str:
        """'gpu' or 'cpu': whose budget the engine takes on this machine."""
        self.budget("gpu")
        return self._board.device(name)

    @property
    def table(self) -> ModelTable:
        return self._board.table

    def look(self) -> Snapshot:
        """The machine's memory figures now."""
        return self._look()

    def oldest_lease_seconds(self) -> float:
        """Age of the oldest lease, 0 without one."""
        return self._thread.call(self._core.leases.oldest_seconds)

    def pinned_mib(self) -> int:
        """Page-locked main memory of all engines, MiB."""
        engines: list[object] = [s.engine for s in self._board.slots.values()]
        return sum(e.pinned_mib() for e in engines if isinstance(e, Pinning))

    # -- the end -------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Unload everything but what is kept, and end the loop."""
        if self._closed:
            return
        self._closed = True
        GAUGES.leave(self)
        with suppress(concurrent.futures.TimeoutError):
            self._thread.wait_for(self._commands.close(CLOSE_S), timeout=2 * CLOSE_S + 5)
        self._thread.stop()
        for waiter in list(self._unanswered):
            waiter.deliver(EngineError("The studio is closing"))
        self._board.needs.save()
        if self._lock is not None:
            self._lock.release()

    async def _watch(self) -> None:
        arbiter_metrics()
        GAUGES.follow(self)
        await watch(self._core, self._workers, self._lease_seconds)

    def _await(self, job: Coroutine[Any, Any, T]) -> T:
        if self._closed:
            job.close()
            raise EngineError("The studio is closing")
        return self._thread.wait_for(job)
