"""Who may use which engine when. One event loop, in a thread of its own, owns all state.

Engines are loaded, parked and restored here and nowhere else. On a machine without a GPU the same code runs with a
memory budget for the CPU.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from backends.gpu.engine import Engine, EngineState, Swap
from backends.gpu.lease import Lease
from configs.errors import EngineError, StudioError, UsageError
from configs.models import ModelTable

POLL_S = 0.05
"""How often a blocked caller looks at its cancel callback."""


@dataclass
class _Slot:
    """One engine as the loop sees it."""

    name: str
    state: EngineState = EngineState.COLD
    engine: Engine | None = None
    leases: set[int] = field(default_factory=set)
    used_at: float = 0.0
    epoch: int = 0
    error: str = ""


@dataclass
class _Waiter:
    needs: frozenset[str]
    holder: str
    future: asyncio.Future[Lease]
    since: float = field(default_factory=time.monotonic)


class Arbiter:
    """Grants leases; see `lease()` for use from a worker thread."""

    def __init__(
        self,
        table: ModelTable,
        make_engine: Callable[[str], Engine],
        *,
        cpu_budget_mib: int,
        gpu_budget_mib: int,
        lease_seconds: float = 60.0,
        on_swap: Callable[[Swap], None] | None = None,
    ) -> None:
        self._table, self._make = table, make_engine
        self._budget = {"cpu": cpu_budget_mib, "gpu": gpu_budget_mib}
        self._lease_seconds, self._on_swap = lease_seconds, on_swap
        self._slots = {name: _Slot(name) for name in table.engines}
        self._waiters: deque[_Waiter] = deque()
        self._leases: dict[int, Lease] = {}
        self._epoch = 0
        self.history: deque[Swap] = deque(maxlen=200)
        self._loop = asyncio.new_event_loop()
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine-loader")
        self._wake = asyncio.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run_loop, name="arbiter", daemon=True)
        self._thread.start()

    # -- callers' side (any thread) ------------------------------------------------------------------------------

    def lease(
        self, needs: Iterable[str], holder: str, *, wait_s: float = 600.0, check: Callable[[], None] | None = None
    ) -> Lease:
        """Block until all engines in `needs` are active and ours.

        `check` is called while waiting and may raise to give up (cancel). Raises UsageError for an unknown engine,
        EngineError when one cannot be loaded, does not fit the budget, or the wait is over.
        """
        wanted = frozenset(needs)
        self._refuse_impossible(wanted)
        ticket = asyncio.run_coroutine_threadsafe(self._enqueue(wanted, holder), self._loop)
        until = time.monotonic() + wait_s
        try:
            while True:
                try:
                    return ticket.result(timeout=POLL_S)
                except concurrent.futures.TimeoutError:
                    if check is not None:
                        check()
                    if time.monotonic() > until:
                        raise EngineError(
                            f"Waited {wait_s:.0f} s for {', '.join(sorted(wanted))}",
                            "other work holds the engines",
                            "Try again later, or cancel the other work",
                        ) from None
        except BaseException:
            if not ticket.cancel() and ticket.done() and ticket.exception() is None:
                ticket.result().release()
            raise

    def status(self) -> list[dict[str, Any]]:
        """One row per engine: name, kind, device, state, leases, need_mib, error."""

        async def snapshot() -> list[dict[str, Any]]:
            return [
                {
                    "name": slot.name,
                    "kind": self._table.engines[slot.name].kind,
                    "device": self._table.engines[slot.name].device,
                    "state": slot.state.value,
                    "leases": sorted(self._leases[i].holder for i in slot.leases if i in self._leases),
                    "need_mib": self._need(slot.name),
                    "error": slot.error,
                }
                for slot in self._slots.values()
            ]

        return asyncio.run_coroutine_threadsafe(snapshot(), self._loop).result(timeout=10)

    def active(self) -> frozenset[str]:
        """Names of the engines that are loaded now (a forecast reads this)."""
        return frozenset(s.name for s in self._slots.values() if s.state is EngineState.ACTIVE)

    def need_mib(self, name: str) -> int:
        """Memory that the engine needs while active, MiB."""
        return self._need(name)

    def device(self, name: str) -> str:
        return self._table.engines[name].device

    def close(self) -> None:
        """Unload everything and end the loop."""
        if self._closing:
            return
        self._closing = True
        with suppress(concurrent.futures.TimeoutError):
            asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(timeout=30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._pool.shutdown(wait=False, cancel_futures=True)

    # -- the loop's side -----------------------------------------------------------------------------------------

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.create_task(self._serve())
        self._loop.run_forever()

    async def _enqueue(self, needs: frozenset[str], holder: str) -> Lease:
        waiter = _Waiter(needs, holder, self._loop.create_future())
        self._waiters.append(waiter)
        self._wake.set()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif waiter.future.done() and not waiter.future.cancelled() and not waiter.future.exception():
                self._end(waiter.future.result())
            raise

    async def _serve(self) -> None:
        while not self._closing:
            self._expire()
            waiter = self._next_waiter()
            if waiter is None:
                self._wake.clear()
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), timeout=1.0)
                continue
            self._waiters.remove(waiter)
            try:
                swaps = await self._bring_up(waiter.needs)
            except Exception as error:
                failure = (
                    error
                    if isinstance(error, StudioError)
                    else EngineError(
                        f"The engine could not be started for {waiter.holder}",
                        f"{type(error).__name__}: {error}",
                        "Run 'studio doctor'",
                    )
                )
                if not waiter.future.done():
                    waiter.future.set_exception(failure)
                continue
            self._grant(waiter, swaps)

    def _next_waiter(self) -> _Waiter | None:
        """The oldest one that can be served now; requests for what is loaded go first until one starves (A A B B)."""
        ready = [w for w in self._waiters if self._is_free(w.needs) and self._room_for(w.needs) is not None]
        if not ready:
            return None
        oldest = ready[0]
        if time.monotonic() - oldest.since > self._table.rules.starvation_seconds:
            return oldest
        return next((w for w in ready if w.needs <= self.active()), oldest)

    def _is_free(self, needs: frozenset[str]) -> bool:
        return all(self._table.engines[n].shared or not self._slots[n].leases for n in needs)

    def _room_for(self, needs: frozenset[str]) -> list[str] | None:
        """Engines to park so that `needs` fit, least recently used first; None while leases are in the way."""
        keep = {n for n, s in self._slots.items() if s.leases} | needs
        staying = set(self.active()) | needs
        parked: list[str] = []
        idle = sorted((n for n in staying - keep), key=lambda n: self._slots[n].used_at)
        while not self._fits(frozenset(staying)):
            if not idle:
                return None
            parked.append(idle.pop(0))
            staying.discard(parked[-1])
        return parked

    def _fits(self, names: frozenset[str]) -> bool:
        for device, budget in self._budget.items():
            if sum(self._need(n) for n in names if self._table.engines[n].device == device) > budget:
                return False
        return self._table.may_share_gpu(names)

    def _need(self, name: str) -> int:
        engine = self._slots[name].engine
        return engine.need_mib() if engine is not None else self._table.engines[name].need_mib

    def _refuse_impossible(self, needs: frozenset[str]) -> None:
        for name in sorted(needs):
            if name not in self._table.engines:
                raise UsageError(
                    f"There is no engine '{name}'", fix=f"Known are {', '.join(sorted(self._table.engines))}"
                )
            device = self._table.engines[name].device
            if self._need(name) > self._budget[device]:
                raise EngineError(
                    f"The engine '{name}' does not fit",
                    f"it needs {self._need(name)} MiB and the {device} budget is {self._budget[device]} MiB",
                    "Raise the budget in the settings, or choose a smaller engine",
                )
        if not self._table.may_share_gpu(needs):
            raise EngineError(
                f"{', '.join(sorted(needs))} may not be on the GPU together", fix="See configs/models.yaml"
            )

    async def _bring_up(self, needs: frozenset[str]) -> tuple[Swap, ...]:
        swaps: list[Swap] = []
        for name in self._room_for(needs) or []:
            swaps.append(await self._move(name, "park"))
        for name in sorted(needs):
            state = self._slots[name].state
            if state is EngineState.PARKED:
                swaps.append(await self._move(name, "restore"))
            elif state is not EngineState.ACTIVE:
                swaps.append(await self._move(name, "load"))
        return tuple(swaps)

    async def _move(self, name: str, action: str) -> Swap:
        """Run one blocking engine method in the loader thread and keep the state true."""
        slot = self._slots[name]
        passing = {"load": EngineState.STARTING, "park": EngineState.PARKING, "restore": EngineState.RESTORING}
        after = {"load": EngineState.ACTIVE, "park": EngineState.PARKED, "restore": EngineState.ACTIVE}
        slot.state, slot.error = passing.get(action, EngineState.DRAINING), ""
        began = time.perf_counter()
        try:
            if slot.engine is None:
                slot.engine = await self._loop.run_in_executor(self._pool, self._make, name)
            await self._loop.run_in_executor(self._pool, getattr(slot.engine, action))
            if action in ("load", "restore"):
                await self._loop.run_in_executor(self._pool, slot.engine.probe)
        except Exception as error:
            slot.state, slot.error = EngineState.FAILED, str(error)
            raise
        slot.state = after.get(action, EngineState.COLD)
        swap = Swap(name, action, time.perf_counter() - began, time.time())  # type: ignore[arg-type]
        self.history.append(swap)
        if self._on_swap is not None:
            self._on_swap(swap)
        return swap

    def _grant(self, waiter: _Waiter, swaps: tuple[Swap, ...]) -> None:
        self._epoch += 1
        now = time.monotonic()
        lease = Lease(
            waiter.holder,
            {n: self._slots[n].engine for n in waiter.needs if self._slots[n].engine},  # type: ignore[misc]
            self._epoch,
            swaps,
            now - waiter.since,
            self._beat,
            self._give_back,
        )
        if waiter.future.done():  # the caller gave up while the engines were coming up
            return
        for name in waiter.needs:
            self._slots[name].leases.add(lease.id)
            self._slots[name].used_at, self._slots[name].epoch = now, self._epoch
        self._leases[lease.id] = lease
        waiter.future.set_result(lease)

    def _beat(self, lease: Lease) -> None:
        if lease.id not in self._leases:
            raise EngineError("The engines were taken back", "no sign of life for too long", "Try again")
        lease.beaten_at = time.monotonic()

    def _give_back(self, lease: Lease) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end, lease)

    def _end(self, lease: Lease) -> None:
        if self._leases.pop(lease.id, None) is None:
            return
        for name in lease.engines:
            self._slots[name].leases.discard(lease.id)
            self._slots[name].used_at = time.monotonic()
        self._wake.set()

    def _expire(self) -> None:
        now = time.monotonic()
        for lease in [v for v in self._leases.values() if now - v.beaten_at > self._lease_seconds]:
            self._end(lease)

    async def _shut(self) -> None:
        for waiter in self._waiters:
            if not waiter.future.done():
                waiter.future.set_exception(EngineError("The studio is closing"))
        self._wake.set()
        for slot in self._slots.values():
            if slot.engine is not None and slot.state is not EngineState.COLD:
                with suppress(Exception):
                    await self._move(slot.name, "unload")
        await self._server
