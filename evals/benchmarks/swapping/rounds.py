"""SDXL and a weights-only engine taking turns through the arbiter, timed by phase."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from backends.gpu.arbiter import Arbiter
from backends.gpu.engine import Engine, Swap
from backends.gpu.monitor import Snapshot, snapshot
from backends.gpu.weights.host_memory import trim_heap
from backends.image.sdxl.engine import SdxlEngine
from configs.models import EngineSpec, ModelTable, Rules
from evals.benchmarks.swapping.weights import WeightsEngine

WAIT_S = 300.0


@contextmanager
def two_engines(
    sdxl: SdxlEngine, other: WeightsEngine, budget_mib: int, look: Callable[[], Snapshot] = snapshot
) -> Iterator[Arbiter]:
    """An arbiter with both, of which only one may be up at a time; no dwell, so that only the work is timed."""
    engines: dict[str, Engine] = {sdxl.name: sdxl, other.name: other}
    specs = {
        name: EngineSpec(kind=engine.kind, device="gpu", need_mib=engine.need_mib()) for name, engine in engines.items()
    }
    table = ModelTable(engines=specs, rules=Rules(dwell_seconds=0))
    arbiter = Arbiter(table, engines.__getitem__, cpu_budget_mib=budget_mib, gpu_budget_mib=budget_mib, look=look)
    try:
        yield arbiter
    finally:
        arbiter.close()


class Turns:
    """Leases one engine after the other and keeps what each swap took."""

    def __init__(self, arbiter: Arbiter) -> None:
        self._arbiter = arbiter
        self.swaps: list[Swap] = []
        self.round_s: list[float] = []

    def take(self, name: str, use: Callable[[Any], object] | None = None) -> float:
        """Seconds from asking for `name` to having it; `use` gets the engine."""
        began = time.perf_counter()
        with self._arbiter.lease({name}, "benchmark", wait_s=WAIT_S) as lease:
            took = time.perf_counter() - began
            self.swaps += lease.swaps
            if use is not None:
                use(lease.engines[name])
        return took

    def there_and_back(self, away: str, back: str) -> None:
        """One full swap: from `back` to `away` and to `back` again."""
        self.round_s.append(self.take(away) + self.take(back))

    def figures(self) -> dict[str, Any]:
        """Median seconds of a full swap, and of each phase of each kind of change."""
        phases: dict[str, list[float]] = defaultdict(list)
        for swap in self.swaps:
            phases[f"{swap.engine} {swap.action}"].append(swap.seconds)
            for phase, took in swap.phases:
                phases[f"{swap.engine} {swap.action}: {phase}"].append(took)
        return {
            "rounds": len(self.round_s),
            "full_swap_s_median": round(statistics.median(self.round_s), 4),
            "full_swap_s_max": round(max(self.round_s), 4),
            "phases_s_median": {name: round(statistics.median(took), 4) for name, took in sorted(phases.items())},
        }


def fingerprint(engine: SdxlEngine, side: int = 64, steps: int = 2) -> str:
    """Hash of one picture's pixels."""
    from backends.image.engine import ImageRequest

    request = ImageRequest("a boy on a beach", width=side, height=side, steps=steps, seed=7)
    return hashlib.sha256(engine.generate(request).image.tobytes()).hexdigest()[:16]


def own_drift(process: Any) -> dict[str, int]:
    """RSS in MiB (heap that is free again left out), threads and open files of this process."""
    import gc

    gc.collect()
    trim_heap()
    return {
        "rss_mib": process.memory_info().rss // 2**20,
        "threads": process.num_threads(),
        "files": process.num_fds(),
    }
