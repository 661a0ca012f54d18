"""The same pictures by a plain diffusers script: what the engine must not be slower than."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evals.benchmarks.painting.cases import KINDS, PROMPT, SCALE, SEED, WEIGHT, Case, World, map_of

TILE = 512


class Bare:
    """diffusers' pipelines as its documentation uses them, with one set of weights."""

    def __init__(self, world: World, device: str, dtype: str, *, tiled: bool = False) -> None:
        """`tiled`: the VAE in tiles of TILE pixels, as the engine has it when memory is short."""
        import torch
        from diffusers import StableDiffusionXLPipeline

        self._world, self._device, self._dtype = world, device, getattr(torch, dtype)
        self.pipe: Any = StableDiffusionXLPipeline.from_pretrained(
            str(world.sdxl), dtype=self._dtype, use_safetensors=True, local_files_only=True, add_watermarker=False
        ).to(device)
        self.pipe.set_progress_bar_config(disable=True)
        self._own_scheduler = self.pipe.scheduler
        if tiled:
            vae = self.pipe.vae
            vae.tile_latent_min_size = TILE * vae.tile_latent_min_size // vae.tile_sample_min_size
            vae.tile_sample_min_size = TILE
            vae.enable_tiling()
        self._call: Any = self.pipe

    def prepare(self, case: Case) -> None:
        """LoRAs and ControlNets of this case loaded, those of the one before gone."""
        from diffusers import ControlNetModel, EulerDiscreteScheduler, StableDiffusionXLControlNetPipeline

        pipe, world = self.pipe, self._world
        self._call = pipe
        pipe.unload_lora_weights()
        files = [*([world.few_step] if case.fast else []), *world.loras[: case.loras]]
        weights = [*([1.0] if case.fast else []), *[WEIGHT] * case.loras]
        for path in files:
            pipe.load_lora_weights(str(path), adapter_name=path.stem)
        if files:
            pipe.set_adapters([path.stem for path in files], weights)
        pipe.scheduler = (
            EulerDiscreteScheduler.from_config(self._own_scheduler.config, timestep_spacing="trailing")
            if case.fast else self._own_scheduler
        )  # fmt: skip
        if case.nets:
            nets = [
                ControlNetModel.from_pretrained(str(world.nets[kind]), dtype=self._dtype, local_files_only=True)
                for kind in KINDS[: case.nets]
            ]
            self._call = StableDiffusionXLControlNetPipeline(**pipe.components, controlnet=nets).to(self._device)
            self._call.set_progress_bar_config(disable=True)

    def picture(self, case: Case, side: int, steps: int, seed: int = SEED) -> NDArray[np.uint8]:
        """(side, side, 3) uint8 RGB."""
        import torch

        maps: dict[str, Any] = {}
        if case.nets:
            images = [Image.fromarray(map_of(kind, side)) for kind in KINDS[: case.nets]]
            maps = {"image": images, "controlnet_conditioning_scale": [SCALE] * case.nets}
        made = self._call(
            PROMPT, width=side, height=side, num_inference_steps=case.steps(steps), guidance_scale=case.guidance,
            generator=torch.Generator("cpu").manual_seed(seed), **maps,
        )  # fmt: skip
        return np.asarray(made.images[0])
