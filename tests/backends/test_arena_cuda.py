"""Arena and SDXL on a real CUDA device; left out where there is none."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_sdxl import build_tiny_sdxl
from torch import nn

from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.weights.arena import HostArena, free_cached, pinned_mib
from backends.gpu.weights.host_memory import HostBuffer
from backends.image.engine import ImageRequest
from backends.image.sdxl.engine import SdxlEngine

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

MIB = 2**20
REQUEST = ImageRequest("a boy", width=64, height=64, steps=2, seed=7)


def layers(mib: int) -> nn.Module:
    return nn.ParameterList(torch.full((1024, 512), float(n), dtype=torch.float16) for n in range(mib))


def test_the_master_is_page_locked_and_parking_gives_the_device_back() -> None:
    free_cached()
    before, held, module = pinned_mib(), torch.cuda.memory_reserved(), layers(256)
    arena = HostArena(module, "cuda")
    assert arena.warning == "" and pinned_mib() - before == pytest.approx(256) and module[3].is_pinned()
    arena.restore()
    assert torch.cuda.memory_reserved() - held >= 256 * MIB and module[200].device.type == "cuda"
    assert [p.detach().float().mean().item() for p in module] == [float(n) for n in range(256)]
    arena.park()
    assert torch.cuda.memory_reserved() == held and [p[0, 0].item() for p in module] == [float(n) for n in range(256)]
    arena.release()
    assert pinned_mib() == before and not module[3].is_pinned()


def test_a_refused_lock_is_told_and_leaves_no_error_behind() -> None:
    first = HostBuffer(8 * MIB)
    assert first.lock() == ""
    second = HostBuffer(8 * MIB)
    second.bytes = first.bytes
    assert "cudaHostRegister answered" in second.lock()
    assert float((torch.ones(8, device="cuda") * 2).sum()) == 16.0
    first.unlock()


def test_a_restore_without_room_leaves_it_parked_and_works_later() -> None:
    free_cached()
    module = layers(256)
    arena = HostArena(module, "cuda")
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 128 * MIB) / total)
    try:
        with pytest.raises(EngineOutOfMemory):
            arena.restore()
        assert arena.parked and module[255][0, 0].item() == 255.0
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    arena.restore()
    assert module[255][0, 0].item() == 255.0


def test_two_hundred_rounds_leave_the_device_as_it_was() -> None:
    module = layers(64)
    arena = HostArena(module, "cuda")
    arena.restore()
    arena.park()
    free, _ = torch.cuda.mem_get_info()
    for _ in range(200):
        arena.restore()
        arena.park()
    assert torch.cuda.mem_get_info()[0] >= free


def test_sdxl_draws_the_same_parked_restored_and_offloaded(tmp_path: Path) -> None:
    free_cached()
    held = torch.cuda.memory_allocated()
    engine = SdxlEngine(build_tiny_sdxl(tmp_path), device="cuda")
    engine.load()
    assert engine.pinned_mib() > 0 and engine._pipe.unet.dtype is torch.float16
    before = engine.generate(REQUEST).image
    peak = engine.peak_mib()
    assert peak is not None and peak > 500
    for _ in range(20):
        engine.park()
        assert torch.cuda.memory_allocated() - held < MIB
        engine.restore()
    assert np.array_equal(engine.generate(REQUEST).image, before)
    engine.unload()
    engine.shrink()
    engine.load()
    result = engine.generate(REQUEST)
    assert result.params["model_offload"] is True and np.array_equal(result.image, before)
    engine.unload()
    gc.collect()
    assert torch.cuda.memory_allocated() - held < MIB
