"""The forecast of model loads: engines that cannot stand together are counted each time they come back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agent.lineup import engines_to_load, in_order
from backends.gpu.arbiter import Arbiter
from configs.models import EngineSpec, ModelTable


class Quiet:
    def __init__(self, name: str) -> None:
        self.name, self.kind = name, "image"

    def load(self) -> None: ...
    def park(self) -> None: ...
    def restore(self) -> None: ...
    def unload(self) -> None: ...
    def probe(self) -> None: ...
    def need_mib(self) -> int:
        return 40


@pytest.fixture
def arbiter() -> Iterator[Arbiter]:
    specs = {n: EngineSpec(kind="image", device="gpu", need_mib=40) for n in ("sdxl", "llm", "voice")}
    table = ModelTable(engines=specs, together=(frozenset({"sdxl", "voice"}), frozenset({"llm", "voice"})))
    made = Arbiter(table, Quiet, cpu_budget_mib=100, gpu_budget_mib=100)  # type: ignore[arg-type]
    yield made
    made.close()


def steps(*engines: str, after: dict[int, tuple[str, ...]] | None = None) -> list[dict[str, Any]]:
    return [
        {"id": str(n), "engines": (e,), "after": (after or {}).get(n, ()), "status": "pending"}
        for n, e in enumerate(engines, 1)
    ]


def test_what_fits_together_is_loaded_once(arbiter: Arbiter) -> None:
    assert engines_to_load([("sdxl",), ("voice",), ("sdxl", "voice"), ("sdxl",)], arbiter) == ["sdxl", "voice"]


def test_exclusive_engines_come_back_each_time(arbiter: Arbiter) -> None:
    assert engines_to_load([("llm",), ("sdxl",), ("llm",), ("sdxl",)], arbiter) == ["llm", "sdxl", "llm", "sdxl"]


def test_what_is_up_already_costs_nothing_until_it_is_displaced(arbiter: Arbiter) -> None:
    arbiter.lease(["llm"], "brain").release()
    assert engines_to_load([("llm",), ("voice",)], arbiter) == ["voice"]
    assert engines_to_load([("sdxl",), ("llm",)], arbiter) == ["sdxl", "llm"]


def test_steps_are_grouped_by_engine_so_that_ten_shots_swap_twice(arbiter: Arbiter) -> None:
    mixed = steps(*["sdxl", "llm"] * 5)
    ordered = in_order(mixed, arbiter)
    assert [s["engines"][0] for s in ordered] == ["sdxl"] * 5 + ["llm"] * 5
    assert len(engines_to_load([s["engines"] for s in ordered], arbiter)) == 2


def test_dependencies_come_before_grouping(arbiter: Arbiter) -> None:
    ordered = in_order(steps("sdxl", "llm", "sdxl", after={3: ("2",)}), arbiter)
    assert [s["id"] for s in ordered] == ["1", "2", "3"]
