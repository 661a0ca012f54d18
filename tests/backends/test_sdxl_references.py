"""Reference pictures (IP-Adapter): strengths, masks, and that nothing of them is left in the next picture."""

from __future__ import annotations

import gc
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_nets import TinyNets, maps, picture, square, tiny_config, tiny_engine

from backends.image.engine import ImageRequest, InitImage, Reference
from backends.image.sdxl.engine import SdxlEngine
from backends.image.sdxl.reference import ADAPTER, ENCODER, IDLE
from configs.errors import EngineError
from configs.sdxl_config import IpAdapter, SdxlConfig
from evals.benchmarks.swapping.random_nets import build_random_ip_adapter

PLAIN = ImageRequest("a boy on a beach", width=64, height=64, seed=7)
ONE = replace(PLAIN, references=(Reference(picture(1, 50, 40)),))


@pytest.fixture(scope="module")
def engine(model: Path, nets: TinyNets) -> SdxlEngine:
    return tiny_engine(model, nets)


def with_adapter(weights: Path, encoder: Path) -> SdxlConfig:
    config = tiny_config()
    return config.model_copy(update={"ip_adapter": IpAdapter(path=str(weights), image_encoder=str(encoder))})


def test_a_picture_without_references_is_that_of_a_fresh_engine(
    engine: SdxlEngine, model: Path, nets: TinyNets
) -> None:
    own = engine._pipe.unet.attn_processors
    seen = engine.generate(ONE)
    after = engine.generate(PLAIN)
    fresh = tiny_engine(model, nets)
    assert np.array_equal(fresh.generate(PLAIN).image, after.image)
    assert np.array_equal(fresh.generate(ONE).image, seen.image) and not np.array_equal(seen.image, after.image)
    assert all(engine._pipe.unet.attn_processors[name] is processor for name, processor in own.items())
    assert engine._pipe.unet.encoder_hid_proj is None and engine._pipe.unet.config.encoder_hid_dim_type is None
    assert engine._pipe.image_encoder is None and engine._pipe.feature_extractor is None
    assert after.params["ip_adapter"] is None and seen.params["ip_adapter"]["fingerprint"]
    fresh.unload()


def test_strength_zero_is_no_reference_and_more_is_more(engine: SdxlEngine) -> None:
    plain = engine.generate(PLAIN).image.astype(int)

    def distance(scale: float) -> float:
        made = engine.generate(replace(ONE, references=(replace(ONE.references[0], scale=scale),))).image
        return float(np.abs(made.astype(int) - plain).mean())

    assert distance(0.0) == 0 < distance(0.3) < distance(1.2)


def test_each_of_several_references_has_its_strength_and_its_place(engine: SdxlEngine) -> None:
    def made(*references: Reference) -> Any:
        return engine.generate(replace(PLAIN, steps=1, references=references)).image.astype(int)

    plain = engine.generate(replace(PLAIN, steps=1)).image.astype(int)
    one, two = Reference(picture(1), 0.8), Reference(picture(2), 0.8)
    assert np.array_equal(made(replace(one, scale=0.0), replace(two, scale=0.0)), plain)
    assert not np.array_equal(made(one, two), made(two, replace(one, scale=0.2)))
    nowhere = np.zeros((64, 64), np.uint8)
    assert np.array_equal(made(replace(one, mask=nowhere)), plain)
    left = nowhere.copy()
    left[:, :32] = 255

    def leaning(mask: np.ndarray[Any, Any]) -> float:
        """Change in the left half as a share of that in the right one; the UNet spreads what it takes over."""
        change = np.abs(made(replace(one, mask=mask, scale=1.5)) - plain).mean(axis=2)
        return float(change[:, :32].mean() / change[:, 32:].mean())

    assert leaning(left) > 1.1 and leaning(255 - left) < 0.9
    told = engine.generate(replace(PLAIN, steps=1, references=(one, replace(two, mask=left, asset="img-2")))).params
    assert [r["scale"] for r in told["references"]] == [0.8, 0.8] and told["references"][1]["asset"] == "img-2"
    assert told["references"][0]["mask_sha256"] == "" and len(told["references"][1]["mask_sha256"]) == 64


def test_masks_lie_right_in_pictures_of_any_size(engine: SdxlEngine, recwarn: pytest.WarningsRecorder) -> None:
    mask = np.zeros((66, 106), np.uint8)
    mask[:, :53] = 255
    wide = replace(PLAIN, width=106, height=66, steps=1)
    plain = engine.generate(wide).params
    result = engine.generate(replace(wide, references=(Reference(picture(1), 0.8, mask),)))
    assert result.image.shape == (66, 106, 3) and not [w for w in recwarn if "aspect ratio" in str(w.message)]
    assert (plain["width"], plain["height"]) == (112, 72) and (result.params["width"], result.params["height"]) == (
        128,
        96,
    )


def test_without_guidance_and_with_maps_it_works_too(engine: SdxlEngine) -> None:
    made = [
        engine.generate(replace(ONE, guidance=g, controls=c)).image for g in (1.0, 5.0) for c in ((), maps("depth"))
    ]
    assert len({image.tobytes() for image in made}) == 4


def test_the_encoder_is_on_the_device_only_while_it_looks(engine: SdxlEngine) -> None:
    assert engine._models is not None
    parts, models = engine._models.parts, engine._models
    models.forget(references=False)
    there: list[frozenset[str]] = []
    hook = engine._pipe.unet.register_forward_pre_hook(lambda *_: there.append(parts.on_device))
    before = parts.nbytes
    try:
        engine.generate(ONE)
    finally:
        hook.remove()
    assert all(ADAPTER in names and ENCODER not in names for names in there) and there
    assert parts.nbytes > before and {ADAPTER, ENCODER} <= parts.names
    looked: list[int] = []
    hook = models.references._encoder.register_forward_pre_hook(lambda *_: looked.append(1))
    engine.generate(replace(ONE, seed=8))
    hook.remove()
    assert not looked, "the same picture is not read again"
    small = replace(PLAIN, width=32, height=32, steps=1)
    for _ in range(IDLE + 1):
        engine.generate(small)
    assert parts.names.isdisjoint({ADAPTER, ENCODER}) and parts.nbytes == before


def test_nothing_of_a_picture_is_held_when_it_is_done(engine: SdxlEngine) -> None:
    """What pipelines and schedulers keep would stay on the device of a parked engine."""

    def alive() -> int:
        gc.collect()
        # by type: isinstance() would wake the lazy proxies of other libraries
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    one = Reference(picture(5), mask=square())
    engine.generate(replace(PLAIN, references=(Reference(picture(5)),), controls=maps("depth")))
    first = alive()
    for quality in ("final", "draft"):  # schedulers with a memory
        engine.generate(replace(PLAIN, quality=quality, references=(one,), init=InitImage(picture(3), 0.9, square())))
        engine.generate(replace(PLAIN, quality=quality, references=(one,), controls=maps("depth")))
    pipes = engine._models.pipelines._made.values()  # type: ignore[union-attr]
    assert all(pipe._cross_attention_kwargs is None and pipe.init is None for pipe in pipes)
    assert alive() <= first


def test_the_plain_adapter_reads_one_embedding(model: Path, tmp_path: Path) -> None:
    weights, encoder = build_random_ip_adapter(tmp_path, plus=False)
    engine = SdxlEngine(model, device="cpu", config=with_adapter(weights, encoder))
    engine.load()
    plain = engine.generate(PLAIN).image
    assert not np.array_equal(engine.generate(ONE).image, plain) and np.array_equal(engine.generate(PLAIN).image, plain)
    engine.unload()


def test_it_draws_as_diffusers_does(engine: SdxlEngine, nets: TinyNets) -> None:
    from diffusers import StableDiffusionXLPipeline
    from PIL import Image

    bare = StableDiffusionXLPipeline.from_pretrained(str(engine._path), add_watermarker=False)
    bare.load_ip_adapter(
        str(nets.ip_adapter.parent),
        subfolder="",
        weight_name=nets.ip_adapter.name,
        image_encoder_folder="image_encoder",
    )
    bare.set_ip_adapter_scale(0.6)
    pixels = bare(
        PLAIN.prompt, width=64, height=64, num_inference_steps=2, guidance_scale=5.0, output_type="np",
        generator=torch.Generator("cpu").manual_seed(7), ip_adapter_image=Image.fromarray(ONE.references[0].image),
    ).images[0]  # fmt: skip
    ours = engine.generate(ONE).image
    # The picture is scaled by PIL here and by another library there.
    assert np.abs(ours.astype(int) - (pixels * 255).round().astype(int)).max() <= 2


def test_wrong_adapters_are_told_and_leave_the_engine_usable(model: Path, nets: TinyNets, tmp_path: Path) -> None:
    before: Any = None
    tensors = {name: tensor.clone() for name, tensor in load_file(nets.ip_adapter).items()}
    file = tmp_path / "adapter.safetensors"

    def fails(weights: Path, encoder: Path, match: str) -> None:
        nonlocal before
        engine = SdxlEngine(model, device="cpu", config=with_adapter(weights, encoder))
        engine.load()
        with pytest.raises(EngineError, match=match) as caught:
            engine.generate(ONE)
        assert "\n" not in caught.value.sentence
        after = engine.generate(replace(PLAIN, steps=1)).image
        before = after if before is None else before
        assert np.array_equal(after, before)
        engine.unload()

    fails(Path(), nets.image_encoder, "no IP-Adapter")
    fails(tmp_path / "none.safetensors", nets.image_encoder, "there is no IP-Adapter at")
    (tmp_path / "adapter.bin").write_bytes(pickle.dumps({"image_proj": {}, "ip_adapter": {}}))
    fails(tmp_path / "adapter.bin", nets.image_encoder, r"only \.safetensors")
    fails(nets.vae / "diffusion_pytorch_model.safetensors", nets.image_encoder, "is no IP-Adapter")
    fails(nets.ip_adapter, tmp_path, "no CLIP image encoder")
    save_file({k: v[:, :32].contiguous() if "_ip" in k else v for k, v in tensors.items()}, file)
    fails(file, nets.image_encoder, "of another model")
    save_file({**tensors, "ip_adapter.1.to_k_lora.down.weight": torch.zeros(4, 64)}, file)
    fails(file, nets.image_encoder, "reads faces")
    save_file({k: v for k, v in tensors.items() if not k.startswith("ip_adapter.3.")}, file)
    fails(file, nets.image_encoder, "cannot be loaded")
    other = {**tensors, "image_proj.proj_in.weight": torch.zeros(64, 48)}
    save_file(other, file)
    fails(file, nets.image_encoder, "do not belong together")


@pytest.mark.parametrize(
    ("reference", "match"),
    [
        (Reference(np.zeros((0, 5, 3), np.uint8)), "no RGB picture"),
        (Reference(picture(1)[..., 0]), "no RGB picture"),
        (Reference(picture(1), scale=50), "out of range"),
        (Reference(picture(1), mask=square(side=32)), "mask cannot be used: it is 32x32"),
    ],
)
def test_references_that_cannot_be_used(engine: SdxlEngine, reference: Reference, match: str) -> None:
    with pytest.raises(EngineError, match=match):
        engine.generate(replace(PLAIN, references=(reference,)))
