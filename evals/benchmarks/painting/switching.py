"""How long a change of LoRAs takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from backends.image.engine import LoraUse
from evals.benchmarks.painting.cases import WEIGHT, World


def switching(world: World, engine: Any, rounds: int) -> dict[str, Any]:
    """Median milliseconds of each kind of change on a loaded engine: files are known, and in the system's cache."""
    import torch

    adapters = engine._models.adapters
    one, two = (LoraUse(path.stem, str(path), WEIGHT) for path in world.loras)
    stronger = LoraUse(one.name, one.path, WEIGHT + 0.2)
    taken: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[[], object]) -> None:
        if engine.device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        call()
        if engine.device == "cuda":
            torch.cuda.synchronize()
        taken.setdefault(name, []).append(1000 * (time.perf_counter() - began))

    adapters.use([one, two])  # hashes
    for _ in range(rounds):
        adapters.use(())
        timed("first_lora", lambda: adapters.use([one]))
        timed("second_lora", lambda: adapters.use([one, two]))
        timed("same_again", lambda: adapters.use([one, two]))
        timed("other_weight", lambda: adapters.use([stronger, two]))
        mib = adapters.mib
        timed("one_less", lambda: adapters.use([stronger]))
        timed("none_left", lambda: adapters.use(()))
        timed("fuse_2", lambda: adapters.use([one, two], fuse=True))
        timed("fused_same_again", lambda: adapters.use([one, two], fuse=True))
        timed("fused_other_weight", lambda: adapters.use([stronger, two], fuse=True))
        timed("unfuse", lambda: adapters.use(()))
    medians = {f"{name}_ms": round(statistics.median(values), 1) for name, values in taken.items()}
    return {**medians, "loras_mib": round(mib, 1)}
