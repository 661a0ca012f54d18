"""What the engine costs beside diffusers' own call, with a tiny model on the CPU; both take turns in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from evals.benchmarks.painting.bare import Bare
from evals.benchmarks.painting.cases import CASES, Case, World

SIDE = 256
SMALL = 64
GOAL = 0.05


def overhead(world: World, bare_seconds: float, pairs: int) -> dict[str, Any]:
    """Per case: how much longer the engine takes than the bare call, as a share.

    Args:
        bare_seconds: about what one bare call shall take; the number of steps is chosen for it.
        pairs: how often both are timed, the order changing.
    """
    engine = world.engine("cpu")
    engine.load()
    bare = Bare(world, "cpu", "float32")
    try:
        return {
            case.name: _case(engine, bare, world, case, bare_seconds, pairs)
            for case in CASES
            if not case.fast and not case.fused
        }
    finally:
        engine.unload()


def _case(engine: Any, bare: Bare, world: World, case: Case, bare_seconds: float, pairs: int) -> dict[str, Any]:
    bare.prepare(case)
    tried = 4
    bare.picture(case, SIDE, 1)
    steps = max(1, round(tried * bare_seconds / _seconds(lambda: bare.picture(case, SIDE, tried))))
    request, small = case.request(world, SIDE, steps), case.request(world, SMALL, 1)
    ours, theirs = engine.generate(request).image, bare.picture(case, SIDE, steps)
    engines, bares = _turns(lambda: engine.generate(request), lambda: bare.picture(case, SIDE, steps), pairs)
    small_engines, small_bares = _turns(lambda: engine.generate(small), lambda: bare.picture(case, SMALL, 1), 4 * pairs)
    shares = [e / b - 1 for e, b in zip(engines, bares, strict=True)]
    least, median, most = np.percentile(shares, (25, 50, 75))
    return {
        "pixels": SIDE,
        "steps": steps,
        "bare_s": round(statistics.median(bares), 3),
        "engine_s": round(statistics.median(engines), 3),
        "overhead_median": round(float(median), 4),
        "overhead_quartiles": [round(float(least), 4), round(float(most), 4)],
        "within_goal": bool(median < GOAL),
        "constant_ms": round(1000 * (statistics.median(small_engines) - statistics.median(small_bares)), 1),
        "largest_difference": int(np.abs(ours.astype(int) - theirs.astype(int)).max()),
    }


def _turns(one: Callable[[], object], other: Callable[[], object], pairs: int) -> tuple[list[float], list[float]]:
    """Seconds of each call of both, one after the other, first the one, then the other first."""
    ones: list[float] = []
    others: list[float] = []
    for number in range(pairs):
        order = ((one, ones), (other, others))
        for call, taken in order if number % 2 == 0 else order[::-1]:
            taken.append(_seconds(call))
    return ones, others


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
