"""A model that finds no room beside a grown voice: the smaller one stands in, and the whole one comes back later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_vllm import fake_model
from test_vllm_swaps import Holder
from vllm_bench import NEED_MIB, VllmBench, vllm_bench

from backends.gpu.arbiter import Arbiter
from backends.gpu.engine import Engine
from configs.models import EngineSpec, ModelTable, Rules

WINDOW_S = 3.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[VllmBench]:
    with vllm_bench(tmp_path) as made:
        fake_model(made.folder / "shelf", "Qwen3-4B-AWQ")
        yield made


def test_the_smaller_model_stands_in_and_everybody_is_told(bench: VllmBench) -> None:
    big = bench.engine(name="big")
    small = bench.engine(name="small", service={"model": "Qwen/Qwen3-4B-AWQ", "need_mib": 6000})
    voice = Holder("voice", "voice", bench, 3500)
    engines: dict[str, Engine] = {"big": big, "small": small, "voice": voice}
    llm = {"kind": "llm", "device": "gpu", "parked_mib": 1100, "shared": True}
    table = ModelTable(
        engines={
            "big": EngineSpec.model_validate({**llm, "need_mib": NEED_MIB, "smaller": "small"}),
            "small": EngineSpec.model_validate({**llm, "need_mib": 6000}),
            "voice": EngineSpec(kind="voice", device="gpu", need_mib=3500),
        },
        together=(frozenset({"big", "voice"}), frozenset({"small", "voice"})),
        rules=Rules(dwell_seconds=0, free_seconds=0.3, watch_seconds=0.05, crash_window_seconds=WINDOW_S),
    )
    notices: list[str] = []
    budgets = {"cpu_budget_mib": 4000, "gpu_budget_mib": 15_500}
    arbiter = Arbiter(table, engines.__getitem__, **budgets, look=bench.look, on_notice=notices.append)
    try:
        with arbiter.lease(["big"], "first"):
            pass
        arbiter.park("big")
        speaking = arbiter.lease(["voice"], "speaking")
        bench.device.hold(8000, "voice")  # beyond what it was known to need, and in use
        with arbiter.lease(["big"], "chat") as lease:
            assert lease.engines["big"] is small and lease.substitutes == {"big": "small"}
            told = " ".join(lease.notices)
            assert (
                "big is started afresh" in told and "makes do with less" in told and "small stands in for big" in told
            )
            assert all(notice in notices for notice in lease.notices)
            small.probe()
        with arbiter.lease(["big"], "the next question") as lease:
            assert lease.engines["big"] is small and lease.substitutes == {"big": "small"} and not lease.swaps
        speaking.release()
        bench.device.hold(3500, "voice")
        time.sleep(WINDOW_S)
        with arbiter.lease(["big"], "later") as lease:
            assert lease.engines["big"] is big and not lease.substitutes
            assert big.need_mib() == NEED_MIB, "with all of its context again"
    finally:
        arbiter.close()
