"""The arbiter's figures for Prometheus; gauges are read when somebody asks."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from backends.gpu.engine import EngineState, Swap
from configs.errors import StudioError

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram
    from prometheus_client.core import GaugeMetricFamily, Metric

    from backends.gpu.monitor import Snapshot

SWAP_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
"""Seconds: from a restore out of pinned memory to the first download of a model."""
WAIT_BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


@dataclass(frozen=True)
class ArbiterMetrics:
    swap_seconds: Histogram
    swaps: Counter
    fallbacks: Counter
    crashes: Counter
    probe_failures: Counter
    waits: dict[str, Histogram]

    def waited(self, result: str) -> Histogram:
        """The waiting times with one outcome."""
        return self.waits[result]

    def swapped(self, swap: Swap) -> None:
        """Count one change."""
        self.swaps.labels(swap.engine, swap.action, "ok").inc()
        for phase, seconds in swap.phases:
            self.swap_seconds.labels(swap.engine, swap.action, phase).observe(seconds)


_made_once = threading.Lock()


def arbiter_metrics() -> ArbiterMetrics:
    """The arbiter's metrics, registered with prometheus-client's default registry at the first call."""
    return _metrics() if _metrics.cache_info().currsize else _first_metrics()


def _first_metrics() -> ArbiterMetrics:
    with _made_once:  # two arbiters that open at once must not register twice
        return _metrics()


@cache
def _metrics() -> ArbiterMetrics:
    from prometheus_client import REGISTRY, Counter, Histogram

    waits = Histogram(
        "studio_arbiter_wait_seconds",
        "Seconds from the request of a lease to its outcome: granted, failed or cancelled",
        ("result",),
        buckets=WAIT_BUCKETS,
    )
    REGISTRY.register(GAUGES)
    return ArbiterMetrics(
        Histogram(
            "studio_swap_seconds",
            "Seconds of a change of engines, by phase",
            ("engine", "action", "phase"),
            buckets=SWAP_BUCKETS,
        ),
        Counter("studio_swaps_total", "Changes of engines", ("engine", "action", "result")),
        Counter("studio_fallbacks_total", "Steps of the ladder of fallbacks", ("engine", "step")),
        Counter("studio_crashes_total", "Engines that died or failed their canary", ("engine",)),
        Counter("studio_probe_failures_total", "Canaries that failed", ("engine",)),
        {result: waits.labels(result) for result in ("granted", "failed", "cancelled")},
    )


class Watchable(Protocol):
    """What the gauges read."""

    def status(self) -> list[dict[str, Any]]: ...
    def waiting(self) -> list[dict[str, Any]]: ...
    def budget(self, device: str) -> int: ...
    def oldest_lease_seconds(self) -> float: ...
    def pinned_mib(self) -> int: ...
    def look(self) -> Snapshot: ...


class _Gauges:
    """Asks the open arbiter when a scrape comes."""

    def __init__(self) -> None:
        self._open: list[weakref.ref[Watchable]] = []

    def follow(self, arbiter: Watchable) -> None:
        self._open.append(weakref.ref(arbiter))

    def leave(self, arbiter: Watchable) -> None:
        self._open = [r for r in self._open if r() not in (None, arbiter)]

    def describe(self) -> Iterable[Metric]:
        return _families().values()

    def collect(self) -> Iterator[Metric]:
        families = _families()
        arbiters = [a for r in self._open if (a := r()) is not None]
        if arbiters:
            try:  # a process has one studio; should there be more, the newest speaks
                _fill(families, arbiters[-1])
            except (StudioError, TimeoutError):  # it closes in this moment
                families = _families()
        yield from families.values()


def _families() -> dict[str, GaugeMetricFamily]:
    from prometheus_client.core import GaugeMetricFamily

    rows: list[tuple[str, str, list[str]]] = [
        ("studio_engine_state", "1 for the state that the engine is in", ["engine", "state"]),
        ("studio_arbiter_waiting", "Requests that wait for engines", []),
        ("studio_leases", "Leases by engine", ["engine"]),
        ("studio_lease_age_seconds", "Age of the oldest lease", []),
        ("studio_gpu_memory_mib", "GPU memory, all programs, MiB", ["gpu", "kind"]),
        ("studio_ram_mib", "Main memory, all programs, MiB", ["kind"]),
        ("studio_need_mib", "Memory that an engine needs while active, MiB", ["engine"]),
        ("studio_budget_mib", "Memory budget, MiB", ["device"]),
        ("studio_breaker_open", "1 while the engine is left alone after crashes", ["engine"]),
        ("studio_pinned_mib", "Page-locked main memory of the engines, MiB", []),
    ]
    return {name: GaugeMetricFamily(name, text, labels=labels) for name, text, labels in rows}


def _fill(families: dict[str, GaugeMetricFamily], arbiter: Watchable) -> None:
    for row in arbiter.status():
        name = row["name"]
        for state in EngineState:
            families["studio_engine_state"].add_metric([name, state.value], float(row["state"] == state.value))
        families["studio_leases"].add_metric([name], len(row["leases"]))
        families["studio_need_mib"].add_metric([name], row["need_mib"])
        families["studio_breaker_open"].add_metric([name], float(row["breaker_open"]))
    families["studio_arbiter_waiting"].add_metric([], len(arbiter.waiting()))
    families["studio_lease_age_seconds"].add_metric([], arbiter.oldest_lease_seconds())
    families["studio_pinned_mib"].add_metric([], arbiter.pinned_mib())
    for device in ("cpu", "gpu"):
        families["studio_budget_mib"].add_metric([device], arbiter.budget(device))
    seen = arbiter.look()
    for card in seen.devices:
        for kind, mib in (("used", card.used_mib), ("free", card.free_mib), ("total", card.total_mib)):
            families["studio_gpu_memory_mib"].add_metric([str(card.index), kind], mib)
    for kind, mib in (("used", seen.ram_used_mib), ("free", seen.ram_free_mib), ("total", seen.ram_total_mib)):
        families["studio_ram_mib"].add_metric([kind], mib)


GAUGES = _Gauges()
