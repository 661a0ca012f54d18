"""All of SDXL's pipelines over one set of weights: nothing copied, nothing cast, the same bits as diffusers' own."""

from __future__ import annotations

import functools
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_nets import TinyNets, maps, picture, square, tiny_engine

from backends.image.engine import ImageRequest, InitImage, Reference
from backends.image.sdxl.engine import SdxlEngine
from backends.image.sdxl.pipelines import CLASSES, Mode, Steering
from backends.image.sdxl.weights import COMPONENTS
from configs.errors import Cancelled

REQUEST = ImageRequest("a boy on a beach", negative_prompt="rain", width=64, height=64, seed=7)
INITS: dict[Mode, InitImage | None] = {
    "text": None, "image": InitImage(picture(1), 0.8), "inpaint": InitImage(picture(1), 0.9, square()),
}  # fmt: skip
CONTROLS = {"": (), "single": maps("depth", "pose"), "union": maps("depth", "pose", "canny")}
ALL = list(itertools.product(INITS, CONTROLS))


@pytest.fixture(scope="module")
def engine(model: Path, nets: TinyNets) -> SdxlEngine:
    return tiny_engine(model, nets)


def request(mode: Mode, steering: Steering, **changes: Any) -> ImageRequest:
    return replace(REQUEST, init=INITS[mode], controls=CONTROLS[steering], **changes)


def pointers(engine: SdxlEngine) -> list[int]:
    modules = [getattr(engine._pipe, name) for name in COMPONENTS]
    return [t.data_ptr() for m in modules for t in itertools.chain(m.parameters(), m.buffers())]


def test_over_all_modes_no_weight_is_copied_or_cast(model: Path, nets: TinyNets) -> None:
    """`from_pipe` without a dtype would cast the shared weights to float32 in place."""
    engine = tiny_engine(model, nets, dtype="bfloat16")
    arena, host = engine._arena, None
    assert arena is not None and engine._models is not None
    for mode, steering in ALL:
        before = pointers(engine)
        engine.generate(request(mode, steering, references=(Reference(picture(2)),)))
        assert pointers(engine) == before and arena.on_device == set(COMPONENTS)
        assert {p.dtype for name in COMPONENTS for p in getattr(engine._pipe, name).parameters()} == {torch.bfloat16}
        engine.park()
        assert engine._models.parts.on_device == frozenset()
        assert host in (None, pointers(engine)), "parked, the weights are where the master copy is"
        host = pointers(engine)
        engine.restore()
        assert arena.on_device == set(COMPONENTS) and len(arena._on_device) == len(COMPONENTS)
    for pipe in engine._models.pipelines._made.values():
        assert all(getattr(pipe, name) is getattr(engine._pipe, name) for name in COMPONENTS)
        assert getattr(pipe, "controlnet", None) is None and pipe.init is None
    engine.unload()


def test_every_mode_has_bits_of_its_own_whatever_was_made_before(
    engine: SdxlEngine, model: Path, nets: TinyNets
) -> None:
    first = {key: engine.generate(request(*key)) for key in ALL}
    for one, two in itertools.combinations(ALL, 2):
        assert not np.array_equal(first[one].image, first[two].image)
    for key, result in first.items():
        assert result.params["mode"] == key[0] and len(result.params["controls"]) == len(CONTROLS[key[1]])
        json.dumps(result.params)
    engine.generate(request("text", "union", references=(Reference(picture(2)),), quality="final"))
    engine.park()
    engine.restore()
    for key in reversed(ALL):
        again = engine.generate(request(*key))
        assert np.array_equal(again.image, first[key].image) and again.params == first[key].params
    fresh = tiny_engine(model, nets)
    for key in (ALL[4], ALL[-1]):
        assert np.array_equal(fresh.generate(request(*key)).image, first[key].image)
    fresh.unload()


@pytest.mark.parametrize(("mode", "steering"), ALL)
def test_it_draws_as_diffusers_does_in_one_call(
    engine: SdxlEngine, nets: TinyNets, mode: Mode, steering: Steering, monkeypatch: pytest.MonkeyPatch
) -> None:
    import diffusers

    made = request(mode, steering)
    ours = engine.generate(made)
    base = engine._pipe
    bare = getattr(diffusers, CLASSES[mode, steering])(
        vae=base.vae, text_encoder=base.text_encoder, text_encoder_2=base.text_encoder_2, tokenizer=base.tokenizer,
        tokenizer_2=base.tokenizer_2, unet=base.unet, add_watermarker=False,
        scheduler=diffusers.EulerDiscreteScheduler.from_config(base.scheduler.config), **controlnets(nets, steering),
    )  # fmt: skip
    module = __import__(type(bare).__module__, fromlist=["x"])
    if mode != "text":  # as the engine does: the mean, so that the seed's noise is the same in every mode
        plain = functools.partial(module.retrieve_latents, sample_mode="argmax")
        monkeypatch.setattr(module, "retrieve_latents", plain)
    pixels = bare(
        prompt=made.prompt, negative_prompt=made.negative_prompt, num_inference_steps=2, guidance_scale=5.0,
        generator=torch.Generator("cpu").manual_seed(made.seed), output_type="np", **inputs(made, mode, steering),
    ).images[0]  # fmt: skip
    theirs = (pixels * 255).round().astype(np.uint8)
    inside = np.full((64, 64), True) if mode != "inpaint" else distance_inside(square()) > 2
    assert np.array_equal(ours.image[inside], theirs[inside])


def controlnets(nets: TinyNets, steering: Steering) -> dict[str, Any]:
    import diffusers

    if steering == "single":
        kinds = (nets.folder / c.kind for c in CONTROLS["single"])
        return {"controlnet": [diffusers.ControlNetModel.from_pretrained(str(folder)) for folder in kinds]}
    if steering == "union":
        return {"controlnet": diffusers.ControlNetUnionModel.from_pretrained(str(nets.union))}
    return {}


def inputs(made: ImageRequest, mode: Mode, steering: Steering) -> dict[str, Any]:
    pictures = [Image.fromarray(c.image) for c in made.controls]
    given: dict[str, Any] = {} if mode == "image" else {"width": 64, "height": 64}
    if made.init is not None:
        given |= {"image": Image.fromarray(made.init.image), "strength": made.init.strength}
    if made.init is not None and made.init.mask is not None:
        given["mask_image"] = Image.fromarray(made.init.mask)
    if pictures:
        given["image" if mode == "text" and steering == "single" else "control_image"] = pictures
        given["controlnet_conditioning_scale"] = [c.scale for c in made.controls]
    if steering == "union":
        given["control_mode"] = [1, 0, 3]
    return given


def distance_inside(mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import cv2

    return np.asarray(cv2.distanceTransform((mask > 0).astype(np.uint8), cv2.DIST_L2, 5))


@pytest.mark.parametrize(("mode", "steering"), ALL)
def test_a_cancel_at_any_step_leaves_every_mode_usable(engine: SdxlEngine, mode: Mode, steering: Steering) -> None:
    asked = request(mode, steering, steps=3, references=(Reference(picture(2)),))
    seen: list[tuple[int, int]] = []
    before = engine.generate(asked, lambda step, steps: seen.append((step, steps)))
    assert seen == [(i + 1, len(seen)) for i in range(len(seen))] and before.params["steps_done"] == len(seen)
    for step in range(1, len(seen) + 1):

        def stop(at: int, _: int, step: int = step) -> None:
            if at == step:
                raise Cancelled("stop")

        with pytest.raises(Cancelled):
            engine.generate(asked, stop)
        assert engine._pipe.unet.encoder_hid_proj is None
    assert np.array_equal(engine.generate(asked).image, before.image)
