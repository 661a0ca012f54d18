"""The same request makes the same bits, whatever was painted before: on this rests a batch that is taken up again."""

from __future__ import annotations

import itertools
import json
import logging
import pickle
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_loras import build_lora
from tiny_nets import TinyNets, maps, picture, square, tiny_config, tiny_engine

from backends.image.engine import ControlMap, ImageRequest, InitImage, LoraUse, Reference
from backends.image.sdxl.engine import SdxlEngine
from backends.image.sdxl.fingerprint import fingerprint
from configs.errors import EngineError
from configs.sdxl_config import FewStep, Preset, SdxlConfig
from evals.benchmarks.swapping.random_nets import build_random_vae

PLAIN = ImageRequest("a boy on a beach", negative_prompt="rain", width=64, height=64, seed=7)


@pytest.fixture(scope="module")
def loras(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[LoraUse, LoraUse]:
    folder = tmp_path_factory.mktemp("lora")
    paths = build_lora(folder, model, seed=1), build_lora(folder, model, "peft", rank=2, seed=2, text=False)
    return LoraUse("one", str(paths[0])), LoraUse("two", str(paths[1]), 0.5, blocks={"unet": {"down": 0.3}})


def few_step(lora: LoraUse) -> SdxlConfig:
    """'draft' with a LoRA at four fixed timesteps, as DMD2 has it."""
    config = tiny_config()
    fast = FewStep(lora=lora.path, steps=4, scheduler="lcm", timesteps=(999, 749, 499, 249))
    draft = Preset(steps=1, guidance=2.0, few_step=("fast",))
    return config.model_copy(update={"few_step": {"fast": fast}, "qualities": {**config.qualities, "draft": draft}})


def requests(loras: tuple[LoraUse, LoraUse]) -> dict[str, ImageRequest]:
    one, two = loras
    return {
        "plain": PLAIN,
        "final": replace(PLAIN, quality="final"),
        "draft": replace(PLAIN, quality="draft"),
        "lora": replace(PLAIN, loras=(one,)),
        "both": replace(PLAIN, loras=(one, two)),
        "fused": replace(PLAIN, loras=(one, two), fuse=True),
        "steered": replace(PLAIN, loras=(two,), controls=maps("depth")),
        "looked": replace(PLAIN, loras=(one,), references=(Reference(picture(2)),)),
        "inpaint": replace(PLAIN, loras=(two,), init=InitImage(picture(3), 0.9, square())),
        "draft inpaint": replace(PLAIN, quality="draft", init=InitImage(picture(3), 0.5, square())),
        "wide": replace(PLAIN, width=96),
    }


def test_in_any_order_with_parking_between(model: Path, nets: TinyNets, loras: tuple[LoraUse, LoraUse]) -> None:
    config = few_step(loras[0]).model_copy(update={"ip_adapter": tiny_config(nets).ip_adapter})
    engine, asked = tiny_engine(model, nets, config=config), requests(loras)
    first = {name: engine.generate(request) for name, request in asked.items()}
    for one, two in itertools.combinations(asked, 2):
        assert not np.array_equal(first[one].image, first[two].image), (one, two)
    for result in first.values():
        json.dumps(result.params)
    order = list(asked) * 2
    random.Random(1).shuffle(order)
    for i, name in enumerate(order):
        if i % 4 == 3:
            engine.park()
            engine.restore()
        again = engine.generate(asked[name])
        assert np.array_equal(again.image, first[name].image) and again.params == first[name].params, name
    fresh = tiny_engine(model, nets, config=config)
    for name in ("plain", "inpaint", "draft inpaint"):
        assert np.array_equal(fresh.generate(asked[name]).image, first[name].image), name
    assert fresh.generate(asked["both"]).params["loras"] == first["both"].params["loras"]
    fresh.unload()
    engine.unload()


def test_in_half_precision_loras_leave_no_trace_in_the_bits(
    model: Path, nets: TinyNets, loras: tuple[LoraUse, LoraUse]
) -> None:
    """torch takes another kernel for weights that may be trained, and LoRAs freeze those that they come to."""
    engine = tiny_engine(model, nets, dtype="float16")
    small = replace(PLAIN, width=32, height=32)  # a CPU takes long for half precision
    inpainted = replace(small, init=InitImage(picture(3, 32, 32), 1.0, square(8, 24, 32)))
    asked = (small, inpainted, replace(small, controls=(ControlMap("depth", picture(4, 32, 32)),)))
    before = [engine.generate(request).image for request in asked]
    for used in ((loras[0],), loras):
        engine.generate(replace(small, loras=used, references=(Reference(picture(2)),)))
        for request, image in zip(asked, before, strict=True):
            assert np.array_equal(engine.generate(request).image, image)
    modules = (engine._pipe.unet, engine._pipe.text_encoder, engine._pipe.text_encoder_2, engine._pipe.vae)
    assert not any(p.requires_grad for module in modules for p in module.parameters())
    engine.unload()


def test_loras_count_as_memory_that_is_needed(model: Path, tmp_path: Path) -> None:
    engine = tiny_engine(model)
    engine.generate(PLAIN)
    need, file = engine.need_mib(), build_lora(tmp_path, model, rank=64, seed=3)
    engine.generate(replace(PLAIN, loras=(LoraUse("large", str(file)),)))
    assert engine.need_mib() >= need + 2 and engine.pinned_mib() == 0
    engine.generate(PLAIN)
    assert engine.need_mib() == need
    engine.unload()


def test_a_few_step_lora_brings_its_steps_and_timesteps(
    model: Path, loras: tuple[LoraUse, LoraUse], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = tiny_engine(model, config=few_step(loras[0]))
    seen: list[float] = []
    alarms: list[logging.LogRecord] = []
    monkeypatch.setattr(logging.getLogger("diffusers"), "handlers", [handler := logging.Handler()])
    monkeypatch.setattr(handler, "emit", alarms.append)
    hook = engine._pipe.unet.register_forward_pre_hook(lambda _, args: seen.append(float(args[1])))
    told = engine.generate(replace(PLAIN, quality="draft"))
    assert alarms == []
    assert seen == [999.0, 749.0, 499.0, 249.0] and told.params["timesteps"] == [999, 749, 499, 249]
    assert told.params["scheduler"] == "LCMScheduler" and told.params["steps"] == 4 and told.params["guidance"] == 1.0
    assert told.params["few_step"] == "fast" and [lora["name"] for lora in told.params["loras"]] == ["fast"]
    assert any("without guidance" in w for w in told.warnings)
    seen.clear()
    half = engine.generate(replace(PLAIN, quality="draft", init=InitImage(picture(3), 0.5)))
    assert seen == [499.0, 249.0] and half.params["steps_done"] == 2
    hook.remove()
    engine.unload()


def test_a_missing_few_step_lora_is_said_once(model: Path, loras: tuple[LoraUse, LoraUse]) -> None:
    gone = replace(loras[0], path="/nowhere/fast.safetensors")
    engine = tiny_engine(model, config=few_step(gone))
    first, second = (engine.generate(replace(PLAIN, quality="draft")) for _ in range(2))
    assert any("/nowhere/fast.safetensors" in w for w in first.warnings) and second.warnings == ()
    assert first.params["steps"] == 1 and first.params["loras"] == []
    engine.unload()


def test_a_lora_that_is_none_leaves_the_engine_as_it_was(model: Path, tmp_path: Path) -> None:
    engine = tiny_engine(model)
    before = engine.generate(PLAIN).image
    pickled = tmp_path / "lora.safetensors"
    pickled.write_bytes(pickle.dumps({"a": 1}) + bytes(64))
    with pytest.raises(EngineError):
        engine.generate(replace(PLAIN, loras=(LoraUse("bad", str(pickled)),)))
    assert np.array_equal(engine.generate(PLAIN).image, before)
    engine.unload()


def test_the_vae_of_the_table_takes_the_place_of_the_models_own(model: Path, tmp_path: Path) -> None:
    folder = build_random_vae(tmp_path / "fix")
    weights = folder / "diffusion_pytorch_model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(weights).items()}
    own = tiny_engine(model)
    plain = own.generate(PLAIN).image
    own.unload()

    def made(path: Path) -> SdxlEngine:
        return tiny_engine(model, config=tiny_config().model_copy(update={"vae": str(path)}))

    save_file(tensors, tmp_path / "vae-fp16.safetensors")
    save_file(original_names(tensors), tmp_path / "original.safetensors")
    for path in (folder, tmp_path / "vae-fp16.safetensors", tmp_path / "original.safetensors"):
        engine = made(path)
        result = engine.generate(PLAIN)
        if path == folder:
            fixed = result.image
        assert np.array_equal(result.image, fixed) and not np.array_equal(result.image, plain)
        assert result.params["vae"] == path.name and len(result.params["vae_fingerprint"]) == 64
        assert engine._pipe.vae.config.force_upcast is (path.name == "original.safetensors")
        engine.unload()

    def fails(path: Path, match: str) -> None:
        with pytest.raises(EngineError, match=match) as caught:
            made(path)
        assert "\n" not in caught.value.sentence

    fails(tmp_path / "none", "There is no VAE at")
    fails(next((model / "unet").glob("*.safetensors")), "is no VAE")
    (tmp_path / "vae.pt").write_bytes(pickle.dumps({"a": 1}))
    fails(tmp_path / "vae.pt", r"only \.safetensors")
    (folder / "config.json").write_text((folder / "config.json").read_text().replace("0.18215", "0.13025"))
    fails(folder, "not SDXL's")
    save_file({k: v for k, v in tensors.items() if "mid_block" not in k}, weights)
    fails(folder, "weights are missing")


def original_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tiny VAE's tensors (two levels) in the naming of latent-diffusion, as most single files have it."""
    renamed = {}
    for name, tensor in tensors.items():
        half, _, rest = name.partition(".")
        if half not in ("encoder", "decoder"):
            renamed[name] = tensor
            continue
        for level in range(2):
            there = level if half == "encoder" else 1 - level
            side = {"encoder": "down", "decoder": "up"}[half]
            rest = rest.replace(f"{side}_blocks.{level}.resnets.", f"{side}.{there}.block_.")
            rest = rest.replace(f"{side}_blocks.{level}.{side}samplers.0.", f"{side}.{there}.{side}sample.")
        rest = rest.replace("block_.", "block.").replace("mid_block.resnets.0", "mid.block_1")
        rest = rest.replace("mid_block.resnets.1", "mid.block_2").replace("mid_block.attentions.0", "mid.attn_1")
        rest = rest.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
        for ours, theirs in (
            ("group_norm", "norm"),
            ("to_q", "q"),
            ("to_k", "k"),
            ("to_v", "v"),
            ("to_out.0", "proj_out"),
        ):
            if "attn_1" in rest:
                rest = rest.replace(ours, theirs)
        linear = "attn_1" in rest and rest.endswith("weight") and tensor.ndim == 2
        renamed[f"{half}.{rest}"] = tensor[:, :, None, None] if linear else tensor
    return {f"first_stage_model.{name}": tensor.contiguous() for name, tensor in renamed.items()}


def test_models_are_told_apart_by_a_part_of_their_weights(model: Path, tmp_path: Path) -> None:
    """Two fine-tunes have the same header and the same size."""
    weights = next((model / "unet").glob("*.safetensors"))
    copy, other = tmp_path / "a.safetensors", tmp_path / "b" / "a.safetensors"
    copy.write_bytes(weights.read_bytes())
    other.parent.mkdir()
    save_file({name: tensor + 0.001 for name, tensor in load_file(weights).items()}, other, {"format": "pt"})
    assert copy.stat().st_size == other.stat().st_size
    assert fingerprint(copy) != fingerprint(other) and len(fingerprint(model)) == 64
    assert fingerprint(tmp_path / "none") == ""
