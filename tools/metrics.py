"""What Prometheus is told of tool runs. Names of tools that do not exist are counted as 'other'."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from configs.errors import StudioError
from tools.registry import TOOLS
from tools.spec import ToolOutcome

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
"""Upper bounds of the histogram: from a read of the memory to a film."""
OTHER = "other"


@dataclass(frozen=True)
class ToolMetrics:
    seconds: Histogram
    running: Gauge
    failures: Counter


_made_once = threading.Lock()


def tool_metrics() -> ToolMetrics:
    """The executor's metrics, registered with prometheus-client's default registry at the first call."""
    if _metrics.cache_info().currsize:
        return _metrics()
    with _made_once:  # two first runs at the same time must not register twice
        return _metrics()


@cache
def _metrics() -> ToolMetrics:
    from prometheus_client import Counter, Gauge, Histogram

    return ToolMetrics(
        Histogram(
            "studio_tool_seconds",
            "Seconds of a tool's run, waiting for engines included",
            ("tool", "status"),
            buckets=SECONDS,
        ),
        Gauge("studio_tools_running", "Tools that run or wait for their engines now", ("tool",)),
        Counter("studio_tool_failures_total", "Tool runs that failed, by the kind of error", ("tool", "error")),
    )


class Watch:
    """One run that is being timed."""

    outcome: ToolOutcome | None = None


@contextmanager
def watched(name: str) -> Iterator[Watch]:
    """Count one run of a tool; put its outcome on the watch. A run that ends in an exception counts as failed."""
    metrics, tool = tool_metrics(), name if name in TOOLS else OTHER
    watch, began = Watch(), time.perf_counter()
    running = metrics.running.labels(tool)
    running.inc()
    try:
        yield watch
    except Exception as error:
        metrics.seconds.labels(tool, "failed").observe(time.perf_counter() - began)
        metrics.failures.labels(tool, type(error).__name__).inc()
        raise
    finally:
        running.dec()
    if watch.outcome is not None:
        metrics.seconds.labels(tool, watch.outcome.status).observe(time.perf_counter() - began)
        if watch.outcome.status == "failed" and watch.outcome.error is not None:
            metrics.failures.labels(tool, error_kind(watch.outcome.error)).inc()


def error_kind(error: StudioError) -> str:
    """Class of an error; for a plain StudioError that wraps another, the class of that one says more."""
    if type(error) is StudioError and error.__cause__ is not None:
        return type(error.__cause__).__name__
    return type(error).__name__
