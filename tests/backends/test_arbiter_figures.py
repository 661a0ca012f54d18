"""What the arbiter tells of itself: status, metrics, learned needs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from arbiter_engines import Bench, FakeEngine, MeasuredEngine, benches, until
from prometheus_client import REGISTRY, generate_latest

from backends.gpu.monitor import Snapshot
from configs.errors import EngineError

Make = Callable[..., Bench]


@pytest.fixture
def bench() -> Iterator[Make]:
    with benches() as build:
        yield build


def test_status_rows_tell_all(bench: Make) -> None:
    b = bench({"llm": 60}, gpu=["llm"], parked={"llm": 5}, shared=["llm"], card=100)
    with b.arbiter.lease(["llm"], "chat"), b.arbiter.lease(["llm"], "agent"):
        row = b.row("llm")
    assert row == {
        "name": "llm", "kind": "image", "device": "gpu", "state": "active", "leases": ["agent", "chat"], "need_mib": 60,
        "learned": False, "parked_mib": 5, "held_mib": 60, "error": "", "phase": "", "share": None, "note": "",
        "up_seconds": row["up_seconds"], "crashes": 0, "breaker_open": False, "kept": False, "stand_in": "",
    }  # fmt: skip


def test_waiting_rows_are_in_order(bench: Make) -> None:
    b = bench({"a": 60})
    held = b.arbiter.lease(["a"], "holder")
    asked = [b.in_thread("a", holder=f"w{i}", revocable=i == 1) for i in range(3)]
    rows = b.arbiter.waiting()
    assert [r["holder"] for r in rows] == ["w0", "w1", "w2"] and [r["revocable"] for r in rows] == [False, True, False]
    assert rows[0]["needs"] == ["a"] and rows[0]["waited_s"] >= rows[2]["waited_s"]
    held.release()
    for one in asked:
        one.done().release()


def test_a_scrape_reads_the_open_arbiter(bench: Make) -> None:
    class Pinned(FakeEngine):
        def pinned_mib(self) -> int:
            return 6940

    b = bench({"llm": 60}, gpu=["llm"], card=100, kinds={"llm": Pinned})
    with b.arbiter.lease(["llm"], "chat"):
        text = generate_latest(REGISTRY).decode()
    for line in (
        'studio_engine_state{engine="llm",state="active"} 1.0',
        'studio_engine_state{engine="llm",state="cold"} 0.0',
        'studio_leases{engine="llm"} 1.0',
        "studio_arbiter_waiting 0.0",
        'studio_need_mib{engine="llm"} 60.0',
        'studio_budget_mib{device="gpu"} 100.0',
        'studio_gpu_memory_mib{gpu="0",kind="used"} 60.0',
        'studio_ram_mib{kind="free"} 60000.0',
        'studio_breaker_open{engine="llm"} 0.0',
        "studio_pinned_mib 6940.0",
    ):
        assert line in text, line
    for name in (
        "studio_lease_age_seconds",
        'studio_swap_seconds_bucket{action="load",engine="llm"',
        'studio_swaps_total{action="load",engine="llm",result="ok"}',
        'studio_arbiter_wait_seconds_count{result="granted"}',
    ):
        assert name in text, name
    b.arbiter.close()
    assert "studio_engine_state{" not in generate_latest(REGISTRY).decode()


def test_peaks_are_learned_per_shape_and_used(bench: Make) -> None:
    b = bench({"sdxl": 50}, gpu=["sdxl"], card=100, kinds={"sdxl": MeasuredEngine})
    for peak in (58, 60, 59):
        with b.arbiter.lease(["sdxl"], "x", shape="1024x576"):
            b.engines["sdxl"].peak = peak
    until(lambda: b.arbiter.need_mib("sdxl", "1024x576") == 66)
    assert b.arbiter.need_mib("sdxl") == 50 and not b.row("sdxl")["learned"]
    b.touch("sdxl", shape="1024x576")
    assert b.row("sdxl")["held_mib"] == 66


def test_without_its_own_measure_the_devices_figure_teaches(bench: Make) -> None:
    b = bench({"llm": 50}, gpu=["llm"], shared=["llm"], card=100)
    b.memory.foreign = 20
    for _ in range(3):
        with b.arbiter.lease(["llm"], "x", shape="s"):
            b.memory.set("llm", 56, up=True)
            until(lambda: b.arbiter._board.slots["llm"].seen_mib == 56)
    until(lambda: b.arbiter.need_mib("llm", "s") == 62)


def test_growth_of_others_beyond_the_budget_is_not_taken_for_a_need(bench: Make) -> None:
    b = bench({"llm": 50}, gpu=["llm"], shared=["llm"], card=200, budget=80)
    for _ in range(3):
        with b.arbiter.lease(["llm"], "x", shape="s"):
            b.memory.foreign = 35
            until(lambda: b.arbiter._board.slots["llm"].seen_mib == 85)
        b.memory.foreign = 0
    until(lambda: b.arbiter._board.slots["llm"].seen_mib == 0)
    assert b.arbiter.need_mib("llm", "s") == 50, "it would never be let in again"
    b.touch("llm", shape="s")


def test_a_device_that_cannot_be_read_is_an_error_and_not_a_hang(bench: Make) -> None:
    b = bench({"llm": 50}, gpu=["llm"])

    def lost() -> Snapshot:
        raise EngineError("the driver is gone")

    b.arbiter.close()
    b.options["look"] = lost
    b.arbiter = b.open()
    with pytest.raises(EngineError, match="the driver is gone"):
        b.arbiter.lease(["llm"], "x", wait_s=5)


def test_many_arbiters_that_open_at_once_share_the_figures() -> None:
    code = (
        "import threading\n"
        "from backends.gpu.metrics import arbiter_metrics\n"
        "start, found = threading.Barrier(8), []\n"
        "def ask():\n    start.wait(); found.append(arbiter_metrics())\n"
        "threads = [threading.Thread(target=ask) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "assert len(found) == 8 and len({id(f) for f in found}) == 1, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
