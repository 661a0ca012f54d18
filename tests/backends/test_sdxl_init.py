"""SDXL from a picture: image to image, inpainting with hard and soft masks, and UNets made for inpainting."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_nets import TinyNets, build_tiny_nets, maps, picture, square, tiny_controlnets, tiny_engine

from backends.image.engine import ImageRequest, InitImage
from backends.image.sdxl.engine import SdxlEngine
from backends.image.sdxl.frame import composed
from configs.errors import EngineError

PLAIN = ImageRequest("a boy on a beach", width=64, height=64, seed=7, steps=4)
START = picture(3)


@pytest.fixture(scope="module")
def engine(model: Path) -> SdxlEngine:
    return tiny_engine(model)


@pytest.fixture(scope="module")
def inpainting(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a UNet that reads mask and masked picture: nine channels in."""
    folder = tmp_path_factory.mktemp("nine") / "sdxl"
    shutil.copytree(model, folder)
    config = json.loads((folder / "unet/config.json").read_text())
    (folder / "unet/config.json").write_text(json.dumps({**config, "in_channels": 9}))
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(weights).items()}
    first = tensors["conv_in.weight"]
    more = torch.randn(first.shape[0], 5, 3, 3, generator=torch.Generator().manual_seed(1)) * 0.1
    save_file({**tensors, "conv_in.weight": torch.cat([first, more], dim=1)}, weights)
    return folder


def test_the_more_strength_the_less_is_left_of_the_picture(engine: SdxlEngine) -> None:
    decoded = engine.generate(replace(PLAIN, init=InitImage(START, 0.25))).image.astype(int)
    results = [engine.generate(replace(PLAIN, init=InitImage(START, s))) for s in (0.25, 0.5, 1.0)]
    far = [np.abs(r.image.astype(int) - decoded).mean() for r in results]
    assert far[0] == 0 < far[1] < far[2] and [r.params["steps_done"] for r in results] == [1, 2, 4]


def test_strength_zero_or_an_empty_mask_keeps_the_picture(engine: SdxlEngine) -> None:
    for init in (InitImage(START, 0.0), InitImage(START, 0.9, np.zeros((64, 64), np.uint8))):
        result = engine.generate(replace(PLAIN, init=init))
        assert np.array_equal(result.image, START) and result.image is not START
        assert any("as it was" in w for w in result.warnings) and result.params["steps_done"] == 0
    least = engine.generate(replace(PLAIN, steps=49, init=InitImage(START, 0.001)))
    assert least.params["steps_done"] == 1 and not np.array_equal(least.image, START)


def test_a_strength_that_leaves_no_step_is_raised_to_one_step_and_told(engine: SdxlEngine) -> None:
    weak = engine.generate(replace(PLAIN, init=InitImage(START, 0.05)))
    assert weak.params["steps_done"] == 1
    assert weak.warnings == (
        "The strength 0.05 leaves none of 4 steps: one step was made, which is a strength of 0.25.",
    )
    for strength in (0.25, 0.6, 1.0):
        assert engine.generate(replace(PLAIN, init=InitImage(START, strength))).warnings == ()


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_outside_a_hard_mask_every_pixel_stays(engine: SdxlEngine, strength: float) -> None:
    mask = square()
    result = engine.generate(replace(PLAIN, init=InitImage(START, strength, mask, asset="img-1")))
    assert np.array_equal(result.image[mask == 0], START[mask == 0])
    changed = (result.image != START).any(axis=2)
    assert changed[20:44, 20:44].mean() > 0.95
    told = result.params["init"]
    assert told["asset"] == "img-1" and len(told["mask_sha256"]) == 64 and told["strength"] == strength


def test_sizes_that_are_no_multiples_keep_their_pixels_too(engine: SdxlEngine) -> None:
    start, mask = picture(4, 70, 67), np.zeros((67, 70), np.uint8)
    mask[:30, 40:] = 255
    result = engine.generate(replace(PLAIN, width=70, height=67, init=InitImage(start, 0.9, mask)))
    assert result.image.shape == start.shape and np.array_equal(result.image[mask == 0], start[mask == 0])
    assert (result.image != start).any(axis=2)[5:25, 45:65].mean() > 0.95


def test_a_mask_with_soft_edges_is_taken_as_it_is() -> None:
    init, painted = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 200, np.uint8)
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    mixed = composed(painted, init, ramp)[0, :, 0].astype(int)
    assert mixed[0] == 0 and mixed[-1] == 200 and (np.diff(mixed) >= 0).all()
    hard = composed(painted, init, square())[32, :, 0].astype(int)
    assert (hard[:16] == 0).all() and 0 < hard[16] <= 200 and (hard[20:44] == 200).all()
    thin = square(30, 32)
    assert composed(painted, init, thin)[thin > 0].max() == 200
    assert np.array_equal(composed(painted, init, np.full((64, 64), 255, np.uint8)), painted)


def test_a_unet_made_for_inpainting_paints_with_and_without_a_mask(
    inpainting: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    nets: TinyNets = build_tiny_nets(tmp_path_factory.mktemp("nets"))
    engine = tiny_engine(inpainting, nets, controlnets=tiny_controlnets(("depth", "pose")))
    mask = square()
    masked = replace(PLAIN, init=InitImage(START, 1.0, mask))
    plain, result = engine.generate(PLAIN), engine.generate(masked)
    assert plain.params["mode"] == "inpaint" and plain.params["init"] is None and plain.image.std() > 1
    assert np.array_equal(result.image[mask == 0], START[mask == 0])
    whole = engine.generate(replace(PLAIN, init=InitImage(START, 0.5)))
    assert not np.array_equal(whole.image, plain.image) and whole.params["steps_done"] == 2
    steered = engine.generate(replace(masked, controls=maps("depth")))
    assert not np.array_equal(steered.image, result.image)
    assert np.array_equal(steered.image[mask == 0], START[mask == 0])
    other = replace(masked, init=InitImage(picture(9), 1.0, mask))
    assert not np.array_equal(engine.generate(other).image[24:40, 24:40], result.image[24:40, 24:40]), "it sees around"
    with pytest.raises(EngineError, match="ControlNet for 'canny' maps is set") as caught:
        engine.generate(replace(masked, controls=maps("depth", "pose", "canny")))
    assert "\n" not in caught.value.sentence
    assert np.array_equal(engine.generate(masked).image, result.image)
    engine.unload()


def test_in_half_precision_the_vae_works_in_float32_both_ways(model: Path) -> None:
    engine = tiny_engine(model, dtype="float16")
    vae, seen = engine._pipe.vae, []
    for half in (vae.encoder, vae.decoder):
        half.register_forward_pre_hook(lambda module, args: seen.append(args[0].dtype))
    small = replace(PLAIN, width=32, height=32, steps=2, init=InitImage(START[:32, :32], 0.6))
    engine.generate(small)
    assert seen == [torch.float32, torch.float32] and vae.dtype is torch.float16
    engine.unload()


@pytest.mark.parametrize(
    ("init", "match"),
    [
        (InitImage(picture(1, 32, 64)), "start from cannot be used: it is 32x64, the picture 64x64"),
        (InitImage(START, 1.5), "strength of 1.5"),
        (InitImage(START, float("nan")), "strength of nan"),
        (InitImage(START, 0.5, square(side=32)), "The mask cannot be used"),
        (InitImage(START.astype(np.float32), 0.5), "wrong form"),  # type: ignore[arg-type]
    ],
)
def test_pictures_that_cannot_be_started_from(engine: SdxlEngine, init: InitImage, match: str) -> None:
    with pytest.raises(EngineError, match=match):
        engine.generate(replace(PLAIN, init=init))
