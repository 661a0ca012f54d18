"""Full-size SDXL with random weights on a CUDA GPU that is made to look like one of 16 GB."""

from __future__ import annotations

import gc
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from backends.image.sdxl.flops import floor_seconds, picture_flops
from configs.errors import StudioError
from evals.benchmarks.painting.bare import Bare
from evals.benchmarks.painting.cases import CASES, Case, World, build_world
from evals.benchmarks.painting.switching import switching
from evals.benchmarks.swapping.random_sdxl import Size

LIMIT_MIB = 15_500
TRIES = 3
MANY = 200
WARM_UP = 20
"""Pictures until memory has grown to its working size."""
GOAL = 2.5
"""Times the floor of float16."""


def measure(
    size: Size = "full", device: str = "cuda", side: int = 1024, steps: int = 30, many: int = MANY,
    *, compiled: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Seconds, ratio to the floor and peak MiB of every case: plain diffusers script, engine, engine compiled.

    Goals: at most GOAL times the floor, never slower than the script, never above LIMIT_MIB. The smaller arguments
    are for trying this code without a GPU.
    """
    import torch

    dtype = "float16" if device == "cuda" else "float32"
    gpu = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    figures: dict[str, Any] = {"device": gpu, "torch": torch.__version__, "pixels": side, "steps": steps}
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        world = build_world(Path(folder), size, dtype, device)
        bench = _Bench(world, device, gpu, side, steps)
        bench.cap()
        figures["diffusers"] = bench.script(dtype)
        figures["engine"] = bench.engine()
        if compiled:
            figures["engine_compiled"] = bench.compiled()
        figures["many"] = bench.many(many)
    for name, taken in figures["engine"].items():
        theirs = figures["diffusers"].get(name.removesuffix("_fused"), {})
        if isinstance(taken, dict) and "seconds" in taken and "seconds" in theirs:
            taken["times_the_script"] = round(taken["seconds"] / theirs["seconds"], 3)
    return figures


class _Bench:
    def __init__(self, world: World, device: str, gpu: str, side: int, steps: int) -> None:
        self._world, self._device, self._gpu, self._side, self._steps = world, device, gpu, side, steps

    def cap(self) -> None:
        """torch may take what a 16 GB card leaves beside the context."""
        if self._device != "cuda":
            return
        import torch

        from backends.image.sdxl.engine import CONTEXT_MIB

        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory / 2**20
        torch.cuda.set_per_process_memory_fraction(min(1.0, (LIMIT_MIB - CONTEXT_MIB) / total))

    def script(self, dtype: str) -> dict[str, Any]:
        """The VAE in tiles beside two ControlNets: in one piece it does not fit there."""
        found: dict[str, Any] = {}
        for tiled in (False, True):
            bare = Bare(self._world, self._device, dtype, tiled=tiled)
            for case in CASES:
                if not case.fused and (case.nets == 2) == tiled:
                    bare.prepare(case)
                    found[case.name] = self._timed(case, partial(bare.picture, case, self._side, self._steps))
            del bare
            self._free()
        return found

    def engine(self) -> dict[str, Any]:
        engine = self._world.engine(self._device, LIMIT_MIB)
        try:
            engine.load()
            found: dict[str, Any] = {case.name: self._made(engine, case) for case in CASES}
            found["switching"] = switching(self._world, engine, TRIES)
            return found
        finally:
            engine.unload()
            self._free()

    def compiled(self) -> dict[str, Any] | str:
        """With the repeated blocks of the UNet compiled; a sentence where that is not possible."""
        engine = self._world.engine(self._device, LIMIT_MIB)
        try:
            engine.load()
            engine._pipe.unet.compile_repeated_blocks(fullgraph=True)
            wanted = [case for case in CASES if case.name == "plain" or case.fused]
            return {case.name: self._made(engine, case) for case in wanted}
        except Exception as error:  # a compiler may fail in any way; the rest is worth having
            return f"not compiled: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        finally:
            engine.unload()
            self._free()

    def many(self, count: int) -> dict[str, Any]:
        """Few-step pictures one after the other: memory after WARM_UP and at the end, first and last picture."""
        import psutil

        engine = self._world.engine(self._device, LIMIT_MIB)
        case, process = Case("few_step", fast=True), psutil.Process()
        marks, prints, began = [], [], time.perf_counter()
        try:
            engine.load()
            for number in range(count):
                seed = number if 0 < number < count - 1 else 0
                request = case.request(self._world, self._side, self._steps, seed)
                image = engine.generate(request).image
                if seed == 0:
                    prints.append(hashlib.sha256(image.tobytes()).hexdigest())
                if number in (min(WARM_UP, count // 2), count - 1):
                    marks.append({"rss_mib": process.memory_info().rss // 2**20, **self._used()})
            peak = engine.peak_mib()
        finally:
            engine.unload()
            self._free()
        drift = {name: marks[-1][name] - marks[0][name] for name in marks[0]}
        return {
            "pictures": count,
            "seconds": round(time.perf_counter() - began, 1),
            "drift_mib": drift,
            "peak_mib": peak,
            "first_and_last_the_same": prints[0] == prints[-1],
        }

    def _made(self, engine: Any, case: Case) -> dict[str, Any]:
        request = case.request(self._world, self._side, self._steps)
        steps: list[str] = []
        found = self._timed(case, lambda: steps.append(engine.generate(request).params["memory_step"]))
        return {**found, "memory_step": steps[-1]} if steps else found

    def _timed(self, case: Case, call: Callable[[], object]) -> dict[str, Any]:
        """One call to warm up, then the median of TRIES; what went wrong in a sentence."""
        import torch

        try:
            self._peak()
            first = self._seconds(call)
            taken = [self._seconds(call) for _ in range(TRIES)]
            peak = self._peak()
        except (StudioError, torch.OutOfMemoryError) as error:
            self._free()
            return {"failed": error.sentence if isinstance(error, StudioError) else str(error).split(". ")[0][:200]}
        seconds = statistics.median(taken)
        flops = picture_flops(self._side, self._side, case.steps(self._steps), case.guidance, case.nets)
        floor = floor_seconds(flops, self._gpu)
        found: dict[str, Any] = {
            "seconds": round(seconds, 3), "spread_s": round(max(taken) - min(taken), 3), "first_s": round(first, 2),
            "peak_mib": peak,
        }  # fmt: skip
        if floor is not None:
            found |= {"floor_s": round(floor, 3), "times_the_floor": round(seconds / floor, 2)}
            found["within_goal"] = seconds <= GOAL * floor
        if peak is not None:
            found["within_limit"] = peak <= LIMIT_MIB
        return found

    def _seconds(self, call: Callable[[], object]) -> float:
        self._wait()
        began = time.perf_counter()
        call()
        self._wait()
        return time.perf_counter() - began

    def _wait(self) -> None:
        if self._device == "cuda":
            import torch

            torch.cuda.synchronize()

    def _peak(self) -> int | None:
        """Highest reserve of torch since the last call, the context included, MiB; None on the CPU."""
        if self._device != "cuda":
            return None
        import torch

        from backends.image.sdxl.engine import CONTEXT_MIB

        peak = torch.cuda.max_memory_reserved() / 2**20 + CONTEXT_MIB
        torch.cuda.reset_peak_memory_stats()
        return round(peak)

    def _used(self) -> dict[str, int]:
        if self._device != "cuda":
            return {}
        import torch

        return {
            "allocated_mib": torch.cuda.memory_allocated() // 2**20,
            "reserved_mib": torch.cuda.memory_reserved() // 2**20,
        }

    def _free(self) -> None:
        gc.collect()
        if self._device == "cuda":
            from backends.gpu.weights.arena import free_cached

            free_cached()
