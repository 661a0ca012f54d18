"""From opening to closing: engines of an earlier studio, the user's commands, status, what a killed arbiter leaves."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arbiter_engines import Bench, FakeEngine, LastingEngine, benches, until

from backends.gpu.engine import EngineState
from backends.gpu.gpu_lock import GpuLock
from configs.errors import EngineError, UsageError

Make = Callable[..., Bench]
PAIR = {"llm": 60, "sdxl": 60}


@pytest.fixture
def bench() -> Iterator[Make]:
    with benches() as build:
        yield build


# -- engines that an earlier studio left --------------------------------------------------------------------------


def kept(state: EngineState) -> type[LastingEngine]:
    class Kept(LastingEngine):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.processes[self.name] = state

    return Kept


@pytest.mark.parametrize("state", [EngineState.ACTIVE, EngineState.PARKED])
def test_a_kept_engine_is_taken_over_as_its_process_says(bench: Make, state: EngineState) -> None:
    b = bench(PAIR, gpu=PAIR, kinds={"llm": kept(state)}, parked={"llm": 5}, card=100, lasting=["llm", "unknown"])
    assert b.engines["llm"].diary == [], "nothing is asked before somebody needs it"
    row = b.row("llm")
    assert row["state"] == state.value and row["kept"] and row["held_mib"] == (60 if state is EngineState.ACTIVE else 5)
    b.touch("sdxl")
    assert b.state("llm") == "parked"
    b.touch("llm")
    assert "load" not in b.engines["llm"].diary
    b.arbiter.close()
    assert b.engines["llm"].diary[-1] == "leave" and b.engines["sdxl"].diary[-1] == "unload"


def test_the_first_request_for_the_gpu_knows_of_what_is_kept(bench: Make) -> None:
    b = bench(PAIR, gpu=PAIR, kinds={"llm": kept(EngineState.ACTIVE)}, card=100, lasting=["llm"])
    with b.arbiter.lease(["sdxl"], "x") as lease:
        assert [(s.engine, s.action) for s in lease.swaps] == [("llm", "park"), ("sdxl", "load")]


@pytest.mark.parametrize("used", [False, True], ids=["never looked", "looked before"])
def test_what_another_studio_left_since_is_known_before_the_gpu_is_used(bench: Make, used: bool) -> None:
    left: list[str] = []
    b = bench({**PAIR, "tiny": 5}, gpu=PAIR, kinds={"llm": LastingEngine}, card=100, left=lambda: left)
    if used:
        b.touch("tiny")
        b.arbiter.stop("sdxl")  # the machine was looked at, and nothing of ours is on the GPU
    b.engines["llm"].processes["llm"] = EngineState.ACTIVE  # `studio models start llm` in another terminal
    left.append("llm")
    with b.arbiter.lease(["sdxl"], "x") as lease:
        assert [(s.engine, s.action) for s in lease.swaps] == [("llm", "park"), ("sdxl", "load")]
    left.clear()
    b.touch("llm")
    assert b.engines["llm"].diary.count("adopt") == 1 and "load" not in b.engines["llm"].diary


def test_a_record_without_a_process_is_just_cold(bench: Make) -> None:
    b = bench(PAIR, gpu=PAIR, kinds={"llm": LastingEngine}, card=100, lasting=["llm"])
    assert b.state("llm") == "cold" and b.engines["llm"].diary == ["adopt"]


def test_what_cannot_be_asked_is_not_taken_over(bench: Make, caplog: pytest.LogCaptureFixture) -> None:
    class Mute(LastingEngine):
        def adopt(self) -> EngineState:
            raise EngineError("its process does not answer")

    b = bench(PAIR, gpu=PAIR, kinds={"llm": Mute}, card=100, lasting=["llm"])
    with caplog.at_level(logging.WARNING, "studio.arbiter"):
        assert b.state("llm") == "cold"
    assert "does not answer" in caplog.text
    b.touch("llm")


# -- the user's commands ------------------------------------------------------------------------------------------


def test_start_stop_and_park(bench: Make) -> None:
    b = bench(PAIR, gpu=PAIR, card=100)
    assert [(s.engine, s.action) for s in b.arbiter.start("llm")] == [("llm", "load")]
    assert b.row("llm")["leases"] == []
    assert [s.action for s in b.arbiter.park("llm")] == ["park"] and b.state("llm") == "parked"
    assert [s.action for s in b.arbiter.stop("llm")] == ["unload"] and b.state("llm") == "cold"
    assert b.arbiter.stop("llm") == () == b.arbiter.park("llm")
    for command in (b.arbiter.start, b.arbiter.stop, b.arbiter.park):
        with pytest.raises(UsageError, match="Did you mean 'llm'"):
            command("lm")


def test_stop_waits_for_work_and_gives_up_in_time(bench: Make) -> None:
    b = bench({"llm": 60}, shared=["llm"])
    held = b.arbiter.lease(["llm"], "picture 7")
    with pytest.raises(EngineError, match=r"'llm' is still in use after 0 s: held by picture 7"):
        b.arbiter.stop("llm", wait_s=0.2)
    assert b.state("llm") == "active" and not held.wanted
    stopped = threading.Thread(target=b.arbiter.stop, args=("llm",))
    stopped.start()
    until(lambda: held.wanted)
    held.release()
    stopped.join(timeout=10)
    assert b.state("llm") == "cold"


def test_a_slow_start_can_be_stopped(bench: Make) -> None:
    class Slow(FakeEngine):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.over = threading.Event()
            self.plan["load"].append(self._start)

        def _start(self) -> None:
            if self.over.wait(10):
                raise EngineError("the start was stopped")

        def interrupt(self) -> None:
            self.over.set()

    b = bench({"llm": 60}, kinds={"llm": Slow})
    asked = b.in_thread("llm")
    until(lambda: b.state("llm") == "starting")
    b.arbiter.stop("llm")
    with pytest.raises(EngineError, match="the start was stopped"):
        asked.done()
    assert b.state("llm") == "cold"


def test_keep_is_set_before_the_start_and_undone_when_that_fails(bench: Make) -> None:
    b = bench({"llm": 60, "sdxl": 60}, kinds={"llm": LastingEngine})
    llm = b.engines["llm"]
    llm.plan["load"].append(EngineError("no weights"))
    with pytest.raises(EngineError, match="no weights"):
        b.arbiter.start("llm", keep=True)
    assert llm.diary == ["keep True", "load", "unload", "keep False"]
    b.arbiter.start("llm", keep=True)
    assert b.row("llm")["kept"]
    with pytest.raises(EngineError, match="'sdxl' cannot outlive the studio"):
        b.arbiter.start("sdxl", keep=True)
    b.arbiter.stop("llm")
    assert not b.row("llm")["kept"] and llm.diary[-2:] == ["keep False", "unload"]


def test_only_the_users_start_may_download(bench: Make) -> None:
    class Fetching(FakeEngine):
        download = False
        seen: list[bool]

        def load(self) -> None:
            self.seen = [*getattr(self, "seen", []), self.download]
            super().load()

    b = bench({"llm": 60, "sdxl": 60}, kinds={"llm": Fetching})
    b.arbiter.start("llm", download=True)
    b.arbiter.stop("llm")
    b.touch("llm")
    assert b.engines["llm"].seen == [True, False]
    with pytest.raises(EngineError, match="cannot fetch its model"):
        b.arbiter.start("sdxl", download=True)


# -- closing, and being killed ------------------------------------------------------------------------------------


def test_closing_answers_everybody(bench: Make) -> None:
    b = bench({"a": 60, "b": 60})
    held = b.arbiter.lease(["a"], "one")
    told: list[str] = []
    held.on_void(told.append)
    waiting = b.in_thread("b")
    b.arbiter.close()
    with pytest.raises(EngineError, match="The studio is closing"):
        waiting.done()
    assert told == ["the studio is closing"] and b.engines["a"].diary[-1] == "unload"
    held.release()
    for call in (lambda: b.arbiter.lease(["a"], "late"), lambda: b.arbiter.start("a")):
        with pytest.raises(EngineError, match="The studio is closing"):
            call()
    assert b.state("a") == "cold"
    b.arbiter.close()


def test_closing_during_a_slow_start_stops_it(bench: Make) -> None:
    class Slow(FakeEngine):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.over = threading.Event()

        def load(self) -> None:
            if self.over.wait(20):
                raise EngineError("the start was stopped")

        def interrupt(self) -> None:
            self.over.set()

    b = bench({"llm": 60}, kinds={"llm": Slow})
    asked = b.in_thread("llm")
    until(lambda: b.state("llm") == "starting")
    began = time.monotonic()
    b.arbiter.close()
    assert time.monotonic() - began < 10
    with pytest.raises(EngineError, match="closing"):
        asked.done()


@pytest.mark.parametrize("moment", ["load", "probe", "park", "restore", "unload"])
def test_an_arbiter_killed_at_any_state_leaves_nothing_to_the_next(bench: Make, tmp_path: Path, moment: str) -> None:
    """The first one is left in the middle of `moment`, as by kill -9; its lock is opened by the kernel."""
    first = bench(PAIR, gpu=PAIR, kinds={"llm": LastingEngine}, card=200, budget=200)
    gate, reached = threading.Event(), threading.Event()

    def stuck() -> None:
        reached.set()
        gate.wait(20)

    llm = first.engines["llm"]
    llm.plan[moment].append(stuck)
    jobs = {
        "load": lambda: first.touch("llm"),
        "probe": lambda: first.touch("llm"),
        "park": lambda: (first.touch("llm"), first.arbiter.park("llm")),
        "restore": lambda: (first.touch("llm"), first.touch("sdxl"), first.touch("llm")),
        "unload": lambda: (first.touch("llm"), first.arbiter.stop("llm")),
    }
    job = threading.Thread(target=jobs[moment], daemon=True)
    job.start()
    assert reached.wait(10)
    second = Bench(PAIR, gpu=PAIR, card=200, budget=200, kinds={"llm": LastingEngine}, lasting=["llm"])
    try:
        assert second.state("llm") == "cold", "only the process itself is believed"
        second.touch("llm")
        second.touch("sdxl")
        assert second.memory.wrong == []
    finally:
        second.arbiter.close()
        gate.set()
        job.join(timeout=10)


# -- two studios --------------------------------------------------------------------------------------------------


def test_a_second_studio_is_told_who_has_the_gpu_and_works_on_without(bench: Make, tmp_path: Path) -> None:
    sizes = {"llm": 60, "espeak": 10}
    one = bench(sizes, gpu=["llm"], card=100, lock=GpuLock(tmp_path, home="/films/one"))
    two = bench(sizes, gpu=["llm"], card=100, lock=GpuLock(tmp_path, home="/films/two"))
    two.touch("espeak")
    one.touch("llm")
    with pytest.raises(EngineError, match=r"GPU 0 belongs to another studio: process \d+ with the home /films/one"):
        two.arbiter.lease(["llm"], "x")
    assert two.engines["llm"].diary == [] and two.row("llm")["crashes"] == 0
    two.touch("espeak")
    one.touch("llm")
    one.arbiter.close()
    two.touch("llm")


def test_without_a_gpu_no_lock_is_taken(bench: Make, tmp_path: Path) -> None:
    b = bench({"llm": 60}, gpu=["llm"], lock=GpuLock(tmp_path))
    b.touch("llm")
    assert not (tmp_path / "gpu-0.lock").exists()
    assert b.arbiter.budget("gpu") == 100 and b.arbiter.counted_on("llm") == "cpu" and b.arbiter.device("llm") == "gpu"
