"""Two hundred swaps leave no thread, no file and no memory behind."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import psutil
from arbiter_engines import Bench, until

SWAPS = 200


def _alone(measure: Callable[[], None]) -> None:
    """Run it in a new process: threads that other tests left running here allocate memory of their own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(measure).result(timeout=300)


def _figures() -> tuple[int, int, int]:
    gc.collect()
    return threading.active_count(), psutil.Process().num_fds(), tracemalloc.get_traced_memory()[0]


def _swap(bench: Bench, times: int) -> None:
    for turn in range(times):
        bench.touch("llm" if turn % 2 else "sdxl", holder=f"turn {turn}")


def test_two_hundred_swaps_leave_nothing_behind() -> None:
    _alone(_two_hundred_swaps)


def _two_hundred_swaps() -> None:
    bench = Bench({"llm": 60, "sdxl": 60}, gpu=["llm", "sdxl"], parked={"llm": 5, "sdxl": 5}, card=100)
    tracemalloc.start()
    try:
        _swap(bench, 240)  # the history is full by then
        for engine in bench.engines.values():
            engine.diary.clear()
        before = _figures()
        _swap(bench, SWAPS)
        moved = sum(len(e.diary) for e in bench.engines.values())
        for engine in bench.engines.values():
            engine.diary.clear()
        until(lambda: threading.active_count() <= before[0])
        after = _figures()
    finally:
        tracemalloc.stop()
        bench.arbiter.close()
    assert moved == 3 * SWAPS, "each of them parks one and brings the other back"
    assert after[1] <= before[1] and after[2] - before[2] < 100_000, (before, after)
    assert bench.memory.wrong == []


def test_requests_that_are_given_up_leave_nothing_behind() -> None:
    _alone(_requests_given_up)


def _requests_given_up() -> None:
    bench = Bench({"a": 60}, gpu=["a"], card=100)

    async def give_up(times: int) -> None:
        for _ in range(times):
            task = asyncio.ensure_future(bench.arbiter.alease(["a"], "x", on_start=lambda progress: None))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    tracemalloc.start()
    try:
        with bench.arbiter.lease(["a"], "holder"):
            asyncio.run(give_up(300))
            until(lambda: not bench.arbiter.waiting())
            before = _figures()
            asyncio.run(give_up(1000))
            until(lambda: not bench.arbiter.waiting() and threading.active_count() <= before[0])
            after = _figures()
    finally:
        tracemalloc.stop()
    assert after[1] <= before[1] and after[2] - before[2] < 100_000, (before, after)
    assert bench.arbiter._core.waiting.queue._groups == {} and bench.arbiter._unanswered == set()
    bench.arbiter.close()


def test_closing_gives_everything_back() -> None:
    def open_and_close() -> None:
        bench = Bench({"a": 60, "b": 60})
        bench.touch("a")
        bench.touch("b")
        bench.arbiter.close()

    open_and_close()
    before = threading.active_count(), psutil.Process().num_fds()
    for _ in range(5):
        open_and_close()
    until(lambda: threading.active_count() <= before[0])
    assert psutil.Process().num_fds() <= before[1]
