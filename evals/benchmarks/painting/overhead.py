"""What the engine costs beside diffusers' own call, with a tiny model on the CPU; both take turns in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from evals.benchmarks.painting.bare import Bare
from evals.benchmarks.painting.cases import CASES, Case, World

SIDE = 96
"""Pixels. The tiny VAE halves the sides once only, so that this is as many latents as 384 px have in SDXL."""
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
    import torch

    bare.prepare(case)
    tried = 4
    bare.picture(case, SIDE, 1)
    # By CPU time: on a busy machine the clock would leave too few steps.
    idle = _taken(lambda: bare.picture(case, SIDE, tried)).work / torch.get_num_threads()
    steps = max(1, round(tried * bare_seconds / idle))
    request, small = case.request(world, SIDE, steps), case.request(world, SMALL, 1)
    ours, theirs = engine.generate(request).image, bare.picture(case, SIDE, steps)
    engines, bares = _turns(lambda: engine.generate(request), lambda: bare.picture(case, SIDE, steps), pairs)
    small_engines, small_bares = _turns(lambda: engine.generate(small), lambda: bare.picture(case, SMALL, 1), 4 * pairs)
    wall = [e.wall / b.wall - 1 for e, b in zip(engines, bares, strict=True)]
    work = [e.work / b.work - 1 for e, b in zip(engines, bares, strict=True)]
    least, median, most = np.percentile(wall, (25, 50, 75))
    return {
        "pixels": SIDE,
        "steps": steps,
        "bare_s": round(statistics.median(b.wall for b in bares), 3),
        "engine_s": round(statistics.median(e.wall for e in engines), 3),
        "overhead_median": round(float(median), 4),
        "overhead_quartiles": [round(float(least), 4), round(float(most), 4)],
        "overhead_of_cpu_time": round(statistics.median(work), 4),
        "within_goal": bool(median < GOAL),
        "constant_ms": round(
            1000 * statistics.median(e.work - b.work for e, b in zip(small_engines, small_bares, strict=True)), 1
        ),
        "largest_difference": int(np.abs(ours.astype(int) - theirs.astype(int)).max()),
    }


class Taken(NamedTuple):
    """Seconds of one call."""

    wall: float
    work: float
    """CPU time of this process: says more than the clock when the machine is busy with other things."""


def _turns(one: Callable[[], object], other: Callable[[], object], pairs: int) -> tuple[list[Taken], list[Taken]]:
    """Both calls, one after the other, first the one, then the other first."""
    ones: list[Taken] = []
    others: list[Taken] = []
    for number in range(pairs):
        order = ((one, ones), (other, others))
        for call, taken in order if number % 2 == 0 else order[::-1]:
            taken.append(_taken(call))
    return ones, others


def _taken(call: Callable[[], object]) -> Taken:
    wall, work = time.perf_counter(), time.process_time()
    call()
    return Taken(time.perf_counter() - wall, time.process_time() - work)
