"""SDXL pictures: what the engine adds to diffusers' own call, changes of LoRAs, operations, times on a GPU."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

BARE_SECONDS = 1.5
PAIRS = 9
ROUNDS = 9
SIDES = (512, 768, 1024)


def run(bare_seconds: float = BARE_SECONDS, pairs: int = PAIRS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Figures of the CPU with a tiny model, then of a CUDA GPU with the real size where there is one.

    overhead: engine against the bare diffusers call on the same weights, taking turns (`painting/overhead.py`). With a
        tiny model the constant costs weigh far more than they do beside a real one: see constant_ms.
    loras: milliseconds of each change of LoRAs (`painting/switching.py`).
    flops: TFLOP of 30 steps with guidance, with 0 to 2 ControlNets, and the seconds below which a 5080 cannot be.
    gpu: see `painting/on_gpu.py`; a sentence when there is no CUDA device.
    """
    import torch

    from evals.benchmarks.painting.cases import build_world
    from evals.benchmarks.painting.overhead import overhead
    from evals.benchmarks.painting.switching import switching

    figures: dict[str, Any] = {"machine_load": round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)}
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        world = build_world(Path(folder), "tiny", "float32", "cpu")
        figures["overhead"] = overhead(world, bare_seconds, pairs)
        engine = world.engine("cpu")
        engine.load()
        figures["loras"] = switching(world, engine, rounds)
        engine.unload()
    figures["flops"] = _flops()
    if not torch.cuda.is_available():
        return {**figures, "gpu": "no CUDA device"}
    from evals.benchmarks.painting.on_gpu import measure

    return {**figures, "gpu": measure()}


def _flops() -> dict[str, Any]:
    from backends.image.sdxl.flops import TERA, floor_seconds, picture_flops

    found: dict[str, Any] = {}
    for side in SIDES:
        flops = [picture_flops(side, side, 30, 6.5, nets) for nets in range(3)]
        floors = [floor_seconds(f, "RTX 5080") or 0.0 for f in flops]
        found[f"{side} px"] = {
            "tflop_by_nets": [round(f / TERA, 1) for f in flops], "rtx_5080_floor_s": [round(s, 2) for s in floors],
        }  # fmt: skip
    return found
