"""The same on a CUDA GPU with models of the real size, on a card that is made to look like one of 16 GB."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from backends.gpu.monitor import Device, Snapshot, snapshot
from evals.benchmarks.swapping.sampler import Sampler

CARD_MIB = 16_384
LIMIT_MIB = 15_500
"""Never above this, all programs and contexts included."""
LLM_MIB = 6_600
"""About the weights of an 8B model in 4 bits with its KV cache's share, or of a 3B one in half precision."""
TRIES = 5
LADDER_CAPS_MIB = (15_500, 11_000, 9_000, 7_800, 6_800, 5_800, 5_000)
"""Caps under which a 1024x1024 picture is made, to see how far down the ladder each one goes."""


def measure() -> dict[str, Any]:
    """Goals: SDXL parked and restored in 0.5 s; SDXL -> LLM -> SDXL in 3 s; never above 15,500 MiB of the device.

    Weights are random, in the shapes of SDXL base 1.0 (6.94 GB in float16) and of a language model of about the same
    size. torch's allocator is capped at what a 16 GB card leaves; the device's own figure is sampled all the while.
    """
    import torch

    properties = torch.cuda.get_device_properties(0)
    figures: dict[str, Any] = {
        "device": properties.name,
        "device_mib": properties.total_memory // 2**20,
        "torch": torch.__version__,
    }
    torch.zeros(1, device="cuda")
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        path = _full_sdxl(Path(folder))
        _cap(LIMIT_MIB)
        with Sampler() as seen:
            figures["weights"] = _park_and_restore()
            figures["full_swap"] = _full_swap(path)
        respected = seen.figures["most_used_mib"] <= LIMIT_MIB
        figures["memory"] = {"limit_mib": LIMIT_MIB, **seen.figures, "limit_respected": respected}
        figures["ladder"] = _ladder(path)
    return figures


def _full_sdxl(folder: Path) -> Path:
    import torch

    from evals.benchmarks.swapping.random_sdxl import build_random_sdxl

    path = build_random_sdxl(folder, "full", dtype="float16", device="cuda")
    torch.cuda.empty_cache()
    return path


def _park_and_restore() -> dict[str, Any]:
    import torch

    from backends.gpu.weights.arena import HostArena, free_cached
    from evals.benchmarks.swapping.random_sdxl import random_modules
    from evals.benchmarks.swapping.weights import seconds

    def there(device: str) -> None:
        for module in modules.values():
            module.to(device)
        torch.cuda.synchronize()
        if device == "cpu":
            torch.cuda.empty_cache()

    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    try:
        with torch.device("cuda"):
            modules = random_modules("full")
    finally:
        torch.set_default_dtype(default)
    checks = [p.detach().double().sum().item() for p in modules["unet"].parameters()]
    there("cpu")
    ins, outs = [], []
    for _ in range(TRIES):
        ins.append(seconds(lambda: there("cuda")))
        outs.append(seconds(lambda: there("cpu")))
    began = time.perf_counter()
    arena = HostArena(modules, "cuda")
    built = time.perf_counter() - began
    parks, restores = [], []
    for _ in range(TRIES):
        restores.append(seconds(arena.restore))
        parks.append(seconds(arena.park))
    arena.restore()
    unchanged = checks == [p.detach().double().sum().item() for p in modules["unet"].parameters()]
    gigabytes, pinned, warning = arena.nbytes / 1e9, arena.pinned_mib, arena.warning
    arena.release()
    modules.clear()
    del arena
    free_cached()
    both, plain = (statistics.median(map(sum, zip(*pair, strict=True))) for pair in ((parks, restores), (outs, ins)))
    return {
        "gigabytes": round(gigabytes, 3),
        "pinned_mib": round(pinned),
        "warning": warning,
        "build_and_lock_s": round(built, 2),
        "arena_park_s": round(statistics.median(parks), 4),
        "arena_restore_s": round(statistics.median(restores), 4),
        "arena_restore_gb_per_s": round(gigabytes / statistics.median(restores), 1),
        "arena_both_s": round(both, 4),
        "plain_out_s": round(statistics.median(outs), 3),
        "plain_in_s": round(statistics.median(ins), 3),
        "plain_both_s": round(plain, 3),
        "times_faster": round(plain / both, 1),
        "values_unchanged": unchanged,
        "under_half_a_second": both < 0.5,
    }


def _full_swap(path: Path) -> dict[str, Any]:
    from backends.image.sdxl.engine import SdxlEngine
    from evals.benchmarks.swapping.rounds import Turns, fingerprint, two_engines
    from evals.benchmarks.swapping.weights import WeightsEngine

    sdxl, other = SdxlEngine(path, device="cuda", cap_mib=LIMIT_MIB), WeightsEngine("llm", LLM_MIB, "cuda")
    pictures: list[str] = []

    def draw(engine: Any) -> None:
        pictures.append(fingerprint(engine, side=512, steps=4))

    with two_engines(sdxl, other, LIMIT_MIB, look=_as_a_16_gb_card) as arbiter:
        turns = Turns(arbiter)
        first = turns.take("sdxl", draw)
        turns.take("llm")
        turns.take("sdxl", draw)
        turns.swaps.clear()
        for _ in range(TRIES):
            turns.there_and_back("llm", "sdxl")
        turns.take("sdxl", draw)
        peak = sdxl.peak_mib()
    return {
        "first_load_s": round(first, 2),
        **turns.figures(),
        "same_picture": len(set(pictures)) == 1,
        "sdxl_peak_mib": peak,
        "under_three_seconds": max(turns.round_s) < 3,
    }


def _ladder(path: Path) -> dict[str, Any]:
    """What a 1024x1024 picture took under each cap: the rung it was made on, seconds, or the sentence of the error."""
    from backends.gpu.engine import EngineOutOfMemory
    from backends.image.engine import ImageRequest
    from backends.image.sdxl.engine import SdxlEngine
    from configs.errors import StudioError

    found: dict[str, Any] = {}
    for cap in LADDER_CAPS_MIB:
        engine = SdxlEngine(path, device="cuda", cap_mib=cap)
        try:
            try:
                engine.load()
            except EngineOutOfMemory:
                engine.shrink()  # as the arbiter does
                engine.load()
            engine.peak_mib()  # starts counting anew
            for _ in range(2):
                result = engine.generate(ImageRequest("a boy", width=1024, height=1024, steps=4, seed=7))
            made = f"{result.params['made_width']}x{result.params['made_height']}"
            found[f"{cap} MiB"] = {
                "step": result.params["memory_step"], "made": made, "seconds": round(result.seconds, 2),
                "peak_mib": engine.peak_mib(),
            }  # fmt: skip
        except StudioError as error:
            found[f"{cap} MiB"] = error.sentence
        finally:
            engine.unload()
            _cap(LIMIT_MIB)
    return found


def _cap(mib: int) -> None:
    import torch

    from backends.image.sdxl.engine import CONTEXT_MIB

    total = torch.cuda.get_device_properties(0).total_memory / 2**20
    torch.cuda.set_per_process_memory_fraction(min(1.0, (mib - CONTEXT_MIB) / total))


def _as_a_16_gb_card() -> Snapshot:
    seen = snapshot()
    card = seen.devices[0]
    small = Device(card.index, card.name, CARD_MIB, card.used_mib, CARD_MIB - card.used_mib)
    return Snapshot((small,), seen.ram_total_mib, seen.ram_used_mib, seen.ram_free_mib)
