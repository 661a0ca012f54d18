"""How long a change of models takes: the arena of weights against moving them plainly, and whole swaps by phase."""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

GIB = 2**30
WEIGHTS_BYTES = 2 * GIB
TRIES = 5
SWAPS = 200
WARM_UP = 60
"""Swaps until the heap has grown to its working size."""
TINY_BUDGET_MIB = 400
"""Room for one of the two small engines, not for both."""


def run(weights_bytes: int = WEIGHTS_BYTES, swaps: int = SWAPS) -> dict[str, Any]:
    """Figures of the CPU stand-in, then of a CUDA GPU where there is one.

    weights: `weights_bytes` of SDXL's UNet shapes in float16. The arena parks (points the parameters at the master
        copy) and restores (one copy into a fresh buffer that plays the GPU). Plain moves copy each tensor out into
        new memory and back into new memory, as `.to("cpu")` and `.to("cuda")` do. They take turns in one run.
    swaps: a tiny SDXL and a small weights-only engine change places `swaps` times through the arbiter, with drain,
        park, wait for free memory, restore and canary: seconds by phase, drift of this process, equal pictures.
    gpu: see `swapping/on_gpu.py`; a sentence when there is no CUDA device.
    """
    import torch

    figures: dict[str, Any] = {"weights": _weights(weights_bytes), "swaps": _swaps(swaps)}
    figures["machine_load"] = round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
    if not torch.cuda.is_available():
        return {**figures, "gpu": "no CUDA device"}
    from evals.benchmarks.swapping.on_gpu import measure

    return {**figures, "gpu": measure()}


def _weights(nbytes: int) -> dict[str, Any]:
    from backends.gpu.weights.arena import HostArena
    from evals.benchmarks.swapping.weights import moved_plainly, seconds, unet_shapes, weights

    shapes = unet_shapes()
    plain, kept = weights(shapes, nbytes), weights(shapes, nbytes)
    arena = HostArena(kept, "cpu")
    arena.restore()
    parks, restores, outs, ins = [], [], [], []
    for _ in range(TRIES):
        parks.append(seconds(arena.park))
        restores.append(seconds(arena.restore))
        outs.append(seconds(lambda: moved_plainly(plain, "cpu")))
        ins.append(seconds(lambda: moved_plainly(plain, "cpu")))
    swap, moves = (statistics.median(map(sum, zip(*pair, strict=True))) for pair in ((parks, restores), (outs, ins)))
    return {
        "gib": round(nbytes / GIB, 2),
        "tensors": len(list(kept.parameters())),
        "arena_park_s": round(statistics.median(parks), 4),
        "arena_restore_s": round(statistics.median(restores), 4),
        "arena_both_s": round(swap, 4),
        "plain_out_s": round(statistics.median(outs), 4),
        "plain_in_s": round(statistics.median(ins), 4),
        "plain_both_s": round(moves, 4),
        "times_faster": round(moves / swap, 2),
    }


def _swaps(count: int) -> dict[str, Any]:
    import psutil

    from backends.image.sdxl.engine import SdxlEngine
    from evals.benchmarks.swapping.random_sdxl import build_random_sdxl
    from evals.benchmarks.swapping.rounds import Turns, fingerprint, own_drift, two_engines
    from evals.benchmarks.swapping.weights import WeightsEngine

    process, pictures, states = psutil.Process(), [], []
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        sdxl = SdxlEngine(build_random_sdxl(Path(folder)), device="cpu")
        sdxl.load()
        other = WeightsEngine("llm", TINY_BUDGET_MIB // 2, "cpu")
        sdxl.unload()
        with two_engines(sdxl, other, TINY_BUDGET_MIB) as arbiter:
            turns = Turns(arbiter)
            for number in range(count // 2 + 1):
                if number in (0, WARM_UP // 2, count // 2):
                    turns.take("sdxl", lambda engine: pictures.append(fingerprint(engine)))
                    states.append(own_drift(process))
                turns.there_and_back("llm", "sdxl")
    warm, last = states[-2:]
    return {
        **turns.figures(),
        "swaps": count,
        "same_picture": len(set(pictures)) == 1,
        f"drift_from_swap_{WARM_UP}_to_{count}": {name: last[name] - warm[name] for name in warm},
    }
