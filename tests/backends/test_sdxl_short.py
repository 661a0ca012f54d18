"""SDXL with nets, references and LoRAs when memory runs out: at every stage, and foreseen by the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_loras import build_lora
from tiny_nets import TinyNets, maps, picture, square, tiny_engine

from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.weights.host_memory import HostBuffer
from backends.image.engine import ImageRequest, InitImage, LoraUse, Reference
from backends.image.sdxl import planner
from backends.image.sdxl.engine import SdxlEngine
from backends.image.sdxl.nets import UNION
from backends.image.sdxl.weights import COMPONENTS
from configs.errors import EngineError

PLAIN = ImageRequest("a boy on a beach", width=64, height=64, seed=7)
MESSAGE = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 16 GiB"


@pytest.fixture(scope="module")
def loaded(model: Path, nets: TinyNets) -> SdxlEngine:
    return tiny_engine(model, nets)


@pytest.fixture
def engine(loaded: SdxlEngine) -> SdxlEngine:
    loaded.grow_back()
    loaded.restore()
    return loaded


@pytest.fixture(scope="module")
def full(model: Path, tmp_path_factory: pytest.TempPathFactory) -> ImageRequest:
    """Everything at once."""
    lora = build_lora(tmp_path_factory.mktemp("lora"), model)
    return replace(
        PLAIN, controls=maps("depth", "pose"), references=(Reference(picture(2)),), loras=(LoraUse("x", str(lora)),),
        init=InitImage(picture(3), 0.9, square()),
    )  # fmt: skip


@contextmanager
def runs_out(module: Any, when: Callable[[Any], bool]) -> Iterator[list[int]]:
    """The module raises torch's own error whenever `when(its first tensor)` holds."""
    raised: list[int] = []

    def fail(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if when(next((a for a in args if isinstance(a, torch.Tensor)), None)):
            raised.append(1)
            raise torch.OutOfMemoryError(MESSAGE)

    hook = module.register_forward_pre_hook(fail, with_kwargs=True)
    try:
        yield raised
    finally:
        hook.remove()


def module_of(engine: SdxlEngine, stage: str) -> Any:
    models = engine._models
    assert models is not None
    return {
        "text": models.pipe.text_encoder, "references": models.references._encoder, "init": models.pipe.vae.encoder,
        "nets": models.nets._nets["pose"][-1] if "pose" in models.nets._nets else None,
        "denoise": models.pipe.unet, "decode": models.pipe.vae.decoder,
    }[stage]  # fmt: skip


def crowded(engine: SdxlEngine, most: int) -> Callable[[Any], bool]:
    assert engine._models is not None
    parts = engine._models.parts
    return lambda _: len(parts.on_device) > most


@pytest.mark.parametrize("stage", ["text", "references", "init", "nets", "denoise", "decode"])
def test_each_stage_goes_on_with_fewer_parts_and_draws_the_same(
    engine: SdxlEngine, full: ImageRequest, stage: str
) -> None:
    models = engine._models
    assert models is not None
    plain = engine.generate(full)
    models.references._known.clear()
    most = {"text": 2, "references": 1, "init": 1, "nets": 4, "denoise": 4, "decode": 1}[stage]
    with runs_out(module_of(engine, stage), crowded(engine, most)) as raised:
        short = engine.generate(full)
    assert raised and short.params["memory_step"] == "model_offload" and np.array_equal(short.image, plain.image)
    assert any("one at a time" in w for w in short.warnings)
    engine.grow_back()
    engine.restore()
    again = engine.generate(full)
    assert again.params == plain.params and np.array_equal(again.image, plain.image)


@pytest.mark.parametrize("stage", ["text", "references", "init", "nets", "denoise", "decode"])
def test_at_the_end_of_the_ladder_every_stage_leaves_a_working_engine(
    engine: SdxlEngine, full: ImageRequest, stage: str
) -> None:
    models = engine._models
    assert models is not None
    before = engine.generate(full).image
    models.references._known.clear()
    with runs_out(module_of(engine, stage), lambda _: True), pytest.raises(EngineOutOfMemory) as caught:
        engine.generate(full)
    assert "\n" not in caught.value.sentence and "out of memory at 64x64" in caught.value.sentence
    assert models.pipe.unet.encoder_hid_proj is None and models.pipe.vae.dtype is torch.float32
    assert np.array_equal(engine.generate(full).image, before)


def test_a_device_that_takes_no_more_weights_is_walked_down_too(
    engine: SdxlEngine, full: ImageRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for the UNet and its nets, but not for the rest of SDXL beside them."""
    models = engine._models
    assert models is not None
    request = replace(full, references=(), init=None)
    before = engine.generate(request).image
    steering = models.parts.bytes_of(("unet", "depth", "pose"))
    room = steering + 200_000
    assert room < models.parts.nbytes
    arena_type = type(models.arena)
    allocate = arena_type._allocate

    def short(arena: Any, nbytes: int) -> Any:
        if models.parts.device_bytes + nbytes > room:
            raise torch.OutOfMemoryError(MESSAGE)
        return allocate(arena, nbytes)

    engine.park()
    engine.restore()
    monkeypatch.setattr(arena_type, "_allocate", short)
    result = engine.generate(request)
    monkeypatch.undo()
    assert result.params["memory_step"] == "model_offload" and np.array_equal(result.image, before)


def test_a_net_that_main_memory_cannot_hold_leaves_a_working_engine(
    engine: SdxlEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = engine._models
    assert models is not None
    before = engine.generate(PLAIN).image
    models.forget(references=False)
    real, refused = HostBuffer.__init__, []

    def full_memory(self: HostBuffer, nbytes: int) -> None:
        if len(refused) < 20:
            refused.append(nbytes)
            raise OSError(12, "Cannot allocate memory")
        real(self, nbytes)

    monkeypatch.setattr(HostBuffer, "__init__", full_memory)
    with pytest.raises(EngineOutOfMemory) as caught:
        engine.generate(replace(PLAIN, controls=maps("depth")))
    assert "\n" not in caught.value.sentence and refused
    monkeypatch.undo()
    engine.grow_back()
    engine.restore()
    assert np.array_equal(engine.generate(PLAIN).image, before)
    engine.generate(replace(PLAIN, controls=maps("depth")))


def budgeted(engine: SdxlEngine, monkeypatch: pytest.MonkeyPatch, budget: float) -> None:
    """As on a GPU with so much memory, of which a context takes none."""
    assert engine._outlook is not None
    monkeypatch.setattr("backends.image.sdxl.planner.CONTEXT_MIB", 0.0)
    monkeypatch.setattr("backends.image.sdxl.planner.SLACK_MIB", 0.0)
    monkeypatch.setattr(engine, "_outlook", replace(engine._outlook, budget_mib=budget))


def test_what_the_plan_foresees_needs_no_failure(
    engine: SdxlEngine, full: ImageRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan's own peaks are the budgets, so that each set-up in turn is the fastest that fits."""
    seen: list[planner.PlanInput] = []
    real = planner.plan
    monkeypatch.setattr("backends.image.sdxl.outlook.plan", lambda wish: seen.append(wish) or real(wish))
    request = replace(full, init=None, references=())
    budgeted(engine, monkeypatch, 10_000)
    plain = engine.generate(request)
    assert plain.params["memory_step"] == "plain" and plain.warnings == ()
    peaks = real(replace(seen[-1], budget_mib=1.0)).peaks
    found = {}
    for budget in sorted({*peaks.values()}, reverse=True):
        budgeted(engine, monkeypatch, budget)
        found[engine.generate(request).params["memory_step"]] = budget
    assert {"plain", "union", "text_apart", "model_offload"} <= set(found), found
    budgeted(engine, monkeypatch, min(peaks.values()) - 0.1)
    with pytest.raises(EngineError, match="does not fit into the GPU's memory") as caught:
        engine.generate(request)
    assert "\n" not in caught.value.sentence and "64x64 needs about" in caught.value.sentence


def test_each_set_up_of_the_plan_is_carried_out(
    engine: SdxlEngine, full: ImageRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = engine._models
    assert models is not None
    there: list[frozenset[str]] = []
    hook = models.pipe.unet.register_forward_pre_hook(lambda *_: there.append(models.parts.on_device))
    request = replace(full, init=None, references=())
    plain = engine.generate(request)

    def planned(setup: planner.Setup, **changes: Any) -> Any:
        made = planner.Plan(setup, 1.0, setup != "plain", setup == "model_offload", False, "", ("Memory is short.",))
        monkeypatch.setattr("backends.image.sdxl.outlook.plan", lambda _: replace(made, **changes))
        there.clear()
        return engine.generate(request)

    try:
        apart = planned("text_apart")
        assert all(names == {"unet", "vae", "depth", "pose"} for names in there)
        assert apart.params["memory_step"] == "text_apart" and apart.warnings == ("Memory is short.",)
        offload = planned("model_offload")
        assert all(names == {"unet", "depth", "pose"} for names in there) and offload.params["model_offload"] is True
        assert np.array_equal(offload.image, plain.image) and np.array_equal(apart.image, plain.image)
        union = planned("union", union=True)
        assert all(names == {*COMPONENTS, UNION} for names in there)
        assert [c["net"]["union"] for c in union.params["controls"]] == [True, True]
    finally:
        hook.remove()
