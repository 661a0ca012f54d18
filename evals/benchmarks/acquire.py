"""The arbiter's own time per lease when nothing has to be swapped, with a hundred others waiting."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from backends.gpu.arbiter import Arbiter
from backends.gpu.engine import Engine, EngineKind
from configs.models import EngineSpec, ModelTable, Rules

WAITERS = 100
TURNS = 4000
LIMIT_MS = 1.0
"""Goal for the 99th percentile of the arbiter's own time."""


class _Idle:
    """An engine that is up at once, so that only the arbiter is measured."""

    kind: EngineKind = "image"

    def __init__(self, name: str) -> None:
        self.name = name

    def load(self) -> None: ...
    def park(self) -> None: ...
    def restore(self) -> None: ...
    def unload(self) -> None: ...
    def probe(self) -> None: ...
    def need_mib(self) -> int:
        return 10


def run(waiters: int = WAITERS, turns: int = TURNS) -> dict[str, Any]:
    """Milliseconds, p50 and p99, of `turns` leases.

    Keys: own_* = the loop's time for one request and its release (asking, queueing, choosing the next, granting), while
    `waiters` others wait for the same engine; mixed_own_* = the same while they wait for 20 different sets of engines;
    handover_* = from a release to the next holder's first line, other event loop and both thread switches included;
    thread_* = `lease` and `release` from a thread, nobody else there; async_* = the same with `alease`;
    passed {limit name: bool}; machine_load (above 1 the times tell more of the neighbours).
    """
    figures: dict[str, Any] = {"waiters": waiters, "turns": turns}
    figures |= _crowd("", waiters, turns, lambda number: ("a",))
    figures |= _crowd("mixed_", waiters, turns, lambda number: ("a", f"e{number % 20}"))
    figures |= _alone(turns)
    figures["machine_load"] = round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
    figures["passed"] = {k: figures[k] < LIMIT_MS for k in ("own_p99_ms", "mixed_own_p99_ms")}
    return figures


def _arbiter() -> Arbiter:
    names = ["a", "s", *(f"e{i}" for i in range(20))]
    table = ModelTable(
        engines={n: EngineSpec(kind="image", device="cpu", need_mib=10, shared=n == "s") for n in names},
        rules=Rules(starvation_seconds=600),
    )
    arbiter = Arbiter(table, _made, cpu_budget_mib=10_000, gpu_budget_mib=10_000)
    arbiter.lease(names, "start").release()
    return arbiter


def _made(name: str) -> Engine:
    return _Idle(name)


def _crowd(prefix: str, waiters: int, turns: int, needs: Callable[[int], tuple[str, ...]]) -> dict[str, float]:
    """`waiters` tasks that ask again as soon as they were served: all but one of them wait at any time."""
    arbiter = _arbiter()
    own = _timed_loop(arbiter)
    handovers: list[float] = []
    released = [0.0]

    async def worker(number: int) -> None:
        for _ in range(turns // waiters):
            lease = await arbiter.alease(needs(number), "crowd")
            if released[0]:
                handovers.append(time.perf_counter() - released[0])
            released[0] = time.perf_counter()
            lease.release()

    async def all_of_them() -> None:
        await asyncio.gather(*(worker(n) for n in range(waiters)))

    try:
        asyncio.run(all_of_them())
    finally:
        arbiter.close()
    # Every lease is asked for once and ended once; the two lists are as long as each other.
    pairs = [a + b for a, b in zip(own["ask"], own["end"], strict=False)]
    return {**_percentiles(f"{prefix}own", pairs), **_percentiles(f"{prefix}handover", handovers)}


def _timed_loop(arbiter: Arbiter) -> dict[str, list[float]]:
    """Stop-watches around the loop's two entries."""
    core, seen = arbiter._core, {"ask": list[float](), "end": list[float]()}

    def around(name: str, call: Callable[[Any], None]) -> Callable[[Any], None]:
        def timed(what: Any) -> None:
            began = time.perf_counter()
            call(what)
            seen[name].append(time.perf_counter() - began)

        return timed

    core.ask = around("ask", core.ask)  # type: ignore[method-assign, assignment]
    core.end = around("end", core.end)  # type: ignore[method-assign, assignment]
    return seen


def _alone(turns: int) -> dict[str, float]:
    arbiter = _arbiter()
    try:
        threads = [_seconds(lambda: arbiter.lease(("s",), "thread").release()) for _ in range(turns)]

        async def others() -> list[float]:
            found = []
            for _ in range(turns):
                began = time.perf_counter()
                (await arbiter.alease(("s",), "task")).release()
                found.append(time.perf_counter() - began)
            return found

        tasks = asyncio.run(others())
    finally:
        arbiter.close()
    return {**_percentiles("thread", threads), **_percentiles("async", tasks)}


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _percentiles(name: str, seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    at = {"p50": ordered[len(ordered) // 2], "p99": ordered[min(int(0.99 * len(ordered)), len(ordered) - 1)]}
    return {f"{name}_{p}_ms": round(s * 1000, 4) for p, s in at.items()}
