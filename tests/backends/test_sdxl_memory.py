"""SDXL short of memory, parked and restored: the real pipeline, with torch's own error raised inside its models."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from tiny_sdxl import build_tiny_sdxl

from backends.engines import make_engine
from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.metrics import arbiter_metrics
from backends.gpu.needs import MARGIN
from backends.image.engine import ImageRequest
from backends.image.sdxl.engine import PEAK_MIB, SdxlEngine
from backends.image.sdxl.ladder import LADDER, OFFLOAD, Ladder
from configs.errors import Cancelled, EngineError
from configs.models import load_models
from configs.settings import load_settings

SMALL = ImageRequest("a boy on a beach", width=64, height=64, steps=2, guidance=5.0, seed=7)
LARGE = replace(SMALL, width=160, height=128)
"""More than one of the tiny VAE's tiles."""
TILE = 64
"""Side of the tiny VAE's tiles, in latents."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


@pytest.fixture(scope="module")
def loaded(tiny: Path) -> SdxlEngine:
    engine = SdxlEngine(tiny, device="cpu")
    engine.load()
    return engine


@pytest.fixture
def engine(loaded: SdxlEngine) -> SdxlEngine:
    """The loaded engine with an empty memory of what went wrong before."""
    loaded.grow_back()
    loaded.restore()
    return loaded


@contextmanager
def runs_out(engine: SdxlEngine, stage: str, when: Callable[..., bool]) -> Iterator[list[str]]:
    """`stage` raises torch's error whenever `when(engine, its first tensor)` holds; the calls that did."""
    models = {"text": engine._pipe.text_encoder_2, "denoise": engine._pipe.unet, "decode": engine._pipe.vae.decoder}
    raised: list[str] = []

    def full(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if when(engine, next((a for a in args if isinstance(a, torch.Tensor)), None)):
            raised.append(stage)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 16 GiB")

    hook = models[stage].register_forward_pre_hook(full, with_kwargs=True)
    try:
        yield raised
    finally:
        hook.remove()


def crowded(engine: SdxlEngine, _: Any) -> bool:
    """More than this one part is on the device."""
    assert engine._arena is not None
    return len(engine._arena.on_device) > 2


def larger_than(side: int) -> Callable[..., bool]:
    return lambda engine, tensor: tensor.shape[-1] > side or tensor.shape[-2] > side


def test_a_decode_without_room_is_done_in_tiles_and_only_the_decode_is_done_again(
    engine: SdxlEngine, caplog: pytest.LogCaptureFixture
) -> None:
    steps: list[int] = []
    counted = arbiter_metrics().fallbacks.labels("sdxl", "vae_tiling")
    before = counted._value.get()
    with runs_out(engine, "decode", larger_than(TILE)) as raised, caplog.at_level(logging.WARNING, "studio.sdxl"):
        result = engine.generate(LARGE, lambda step, _: steps.append(step))
        again = engine.generate(LARGE)
    assert raised == ["decode"] and steps == [1, 2]
    assert result.params["memory_step"] == "vae_tiling" and result.params["vae_tiling"] is True
    assert result.params["model_offload"] is False and any("tiles" in w for w in result.warnings)
    assert result.image.shape == (128, 160, 3) and np.array_equal(again.image, result.image)
    assert "decode" in caplog.text and "vae_tiling" in caplog.text and counted._value.get() == before + 1
    json.dumps(result.params)


def test_what_a_size_needed_is_not_carried_over_to_smaller_ones(engine: SdxlEngine) -> None:
    plain = engine.generate(SMALL)
    with runs_out(engine, "decode", larger_than(TILE)):
        engine.generate(LARGE)
        assert engine.generate(replace(LARGE, width=192)).params["memory_step"] == "vae_tiling"
    later = engine.generate(SMALL)
    assert later.params == plain.params and later.warnings == () and np.array_equal(later.image, plain.image)


@pytest.mark.parametrize("stage", ["text", "denoise"])
def test_models_without_room_come_one_at_a_time_and_draw_the_same(engine: SdxlEngine, stage: str) -> None:
    plain = engine.generate(SMALL)
    assert plain.params["memory_step"] == "plain" and plain.warnings == ()
    with runs_out(engine, stage, crowded) as raised:
        result = engine.generate(SMALL)
        again = engine.generate(SMALL)
    assert raised == [stage], "tiling the VAE cannot help here, and the second picture starts where the first ended"
    assert result.params["memory_step"] == "model_offload" and result.params["model_offload"] is True
    assert any("one at a time" in w for w in result.warnings)
    assert np.array_equal(result.image, plain.image) and np.array_equal(again.image, plain.image)
    assert engine._arena is not None and engine._arena.on_device == {"vae"}


def test_a_picture_that_does_not_fit_is_made_smaller_and_said_to_be(engine: SdxlEngine) -> None:
    with runs_out(engine, "denoise", larger_than(50)) as raised:
        result = engine.generate(replace(LARGE, width=162, height=127))
    assert len(raised) == 3 and result.image.shape == (127, 162, 3)
    assert result.params["memory_step"] == "smaller" and result.params["width"] == 168
    assert (result.params["made_width"], result.params["made_height"]) == (88, 64) and result.image.std() > 1
    assert any("made at 88x64 and enlarged to 168x128" in w for w in result.warnings)


def test_at_the_end_of_the_ladder_is_one_clear_sentence_and_a_working_engine(engine: SdxlEngine) -> None:
    before = engine.generate(SMALL).image
    with runs_out(engine, "denoise", lambda *_: True), pytest.raises(EngineOutOfMemory) as caught:
        engine.generate(LARGE)
    assert "out of memory at 160x128" in caught.value.sentence and "smaller picture" in caught.value.sentence
    assert "\n" not in caught.value.sentence and "one part loaded at a time, at 80x64" in caught.value.sentence
    result = engine.generate(SMALL)
    assert result.params["memory_step"] == "plain" and np.array_equal(result.image, before)


def test_a_cancel_on_any_rung_leaves_it_usable(engine: SdxlEngine) -> None:
    before = engine.generate(SMALL).image

    def stop(step: int, steps: int) -> None:
        raise Cancelled("stop")

    with runs_out(engine, "text", crowded), pytest.raises(Cancelled) as caught:
        engine.generate(SMALL, stop)
    assert caught.value.__cause__ is None
    assert np.array_equal(engine.generate(SMALL).image, before)


def test_a_failed_decode_in_half_precision_leaves_the_vae_in_half_precision(tiny: Path) -> None:
    """diffusers casts the VAE to float32 for the decode and, when that fails, never back."""
    engine = SdxlEngine(tiny, dtype="float16", device="cpu")
    engine.load()
    vae, request = engine._pipe.vae, replace(SMALL, width=32, height=32, steps=1, guidance=1.0)
    assert vae.config.force_upcast and vae.dtype is torch.float16
    before = engine.generate(request).image
    with runs_out(engine, "decode", lambda *_: vae.dtype is torch.float32) as raised, pytest.raises(EngineOutOfMemory):
        engine.generate(request)
    assert len(raised) == 3 and vae.dtype is torch.float16
    assert np.array_equal(engine.generate(request).image, before)
    with runs_out(engine, "decode", crowded) as raised:
        engine.generate(request)
    assert len(raised) == 2 and vae.dtype is torch.float16


def test_other_failures_are_no_want_of_memory(engine: SdxlEngine) -> None:
    def broken(module: Any, args: Any) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    hook = engine._pipe.unet.register_forward_pre_hook(broken)
    try:
        with pytest.raises(EngineError, match="SDXL failed: mat1") as caught:
            engine.generate(SMALL)
    finally:
        hook.remove()
    assert not isinstance(caught.value, EngineOutOfMemory)


def test_parked_it_draws_nothing_and_a_full_device_leaves_it_parked(
    engine: SdxlEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = engine.generate(SMALL).image
    arena = engine._arena
    assert arena is not None
    engine.park()
    assert arena.parked
    with pytest.raises(EngineError, match="parked"):
        engine.generate(SMALL)
    with monkeypatch.context() as full:
        full.setattr(arena, "_allocate", lambda n: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory")))
        with pytest.raises(EngineOutOfMemory):
            engine.restore()
    assert arena.parked
    engine.restore()
    assert np.array_equal(engine.generate(SMALL).image, before)


def test_two_hundred_swaps_leave_memory_threads_files_and_the_picture_as_they_were(engine: SdxlEngine) -> None:
    before, process = engine.generate(SMALL).image, psutil.Process()

    def swaps(count: int) -> tuple[int, int, int]:
        for _ in range(count):
            engine.park()
            engine.restore()
        gc.collect()
        return process.memory_info().rss, process.num_threads(), process.num_fds()

    rss, threads, files = swaps(40)
    later = swaps(160)
    assert np.array_equal(engine.generate(SMALL).image, before)
    assert later[0] - rss < 4 * 2**20 and later[1] <= threads and later[2] <= files


def test_shrunk_it_needs_less_and_draws_the_same(tiny: Path) -> None:
    engine = SdxlEngine(tiny, device="cpu")
    assert engine.need_mib() == PEAK_MIB
    engine.load()
    before, need = engine.generate(SMALL).image, engine.need_mib()
    engine.unload()
    cold = engine.need_mib()
    assert "part" in engine.shrink() and engine.shrink() == "" and engine.need_mib() < cold
    engine.load()
    assert engine.need_mib() < need and engine._arena is not None
    assert engine._arena.on_device == {"text_encoder", "text_encoder_2"}
    result = engine.generate(SMALL)
    assert result.params["model_offload"] is True and np.array_equal(result.image, before)
    engine.unload()
    engine.grow_back()
    engine.load()
    assert engine.need_mib() == need and engine.generate(SMALL).params["model_offload"] is False
    engine.unload()


def test_the_cap_counts_the_context_in(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    card = SimpleNamespace(total_memory=16 * 2**30)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", given.append)
    assert SdxlEngine(tiny, device="cuda", cap_mib=8692)._room() == 8192
    assert SdxlEngine(tiny, device="cuda")._room() == 16384 - 500
    assert SdxlEngine(tiny, device="cpu", cap_mib=8692)._room() is None
    assert given == [0.5]


def test_a_full_use_once_learned_still_leaves_room_for_the_voice(tiny: Path, tmp_path: Path) -> None:
    voice = load_models().engines["gpt_sovits"].need_mib

    def cap(budget: int) -> int:
        settings = load_settings(image={"sdxl_path": str(tiny)}, gpu={"vram_budget_mib": budget})
        made = make_engine("sdxl", settings, tmp_path)
        assert isinstance(made, SdxlEngine)
        return made._cap_mib

    assert cap(15_500) > PEAK_MIB and cap(15_500) * MARGIN + voice <= 15_500
    assert cap(11_000) == 11_000, "the voice cannot stand beside it in any case"


def test_a_decode_that_will_not_fit_is_done_in_tiles_at_once(
    engine: SdxlEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine._painter is not None and engine._arena is not None
    monkeypatch.setattr(engine._painter, "_room_mib", engine._arena.nbytes / 2**20 + 100)
    with runs_out(engine, "decode", larger_than(TILE)) as raised:
        result = engine.generate(LARGE)
    assert not raised and result.params["vae_tiling"] is True and result.params["memory_step"] == "plain"
    assert result.warnings == ()
    assert engine.generate(SMALL).params["vae_tiling"] is False


def test_the_ladder_remembers_by_size_and_forgets_what_costs_detail() -> None:
    ladder = Ladder()
    assert ladder.start(64, 64) == 0 and [ladder.after(0, s) for s in ("decode", "denoise", "text")] == [1, 2, 2]
    ladder.worked(64, 64, 4)
    ladder.worked(32, 32, 1)
    assert ladder.start(64, 64) == ladder.start(128, 64) == 4 and ladder.start(32, 64) == 1 and ladder.start(16, 8) == 0
    ladder.forget_smaller()
    assert ladder.start(64, 64) == OFFLOAD and ladder.after(len(LADDER) - 1, "decode") is None
