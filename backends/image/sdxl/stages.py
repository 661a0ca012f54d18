"""The three stages of an SDXL picture, apart, so that each can have the memory for itself and be tried again alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.sdxl.ladder import SMALL_TILE


@dataclass(frozen=True)
class PromptTensors:
    """Both encoders' hidden states and bigG's pooled one; the negative ones are None without guidance."""

    prompt_embeds: Any
    negative_prompt_embeds: Any
    pooled_prompt_embeds: Any
    negative_pooled_prompt_embeds: Any


def encode(pipe: Any, prompt: str, negative_prompt: str, guidance: float) -> PromptTensors:
    """Text to embeddings; needs both text encoders on the device."""
    import torch

    guided = guidance > 1 and pipe.unet.config.time_cond_proj_dim is None
    with torch.no_grad():
        found = pipe.encode_prompt(
            prompt=prompt,
            negative_prompt=negative_prompt or None,
            device=pipe._execution_device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=guided,
        )
    return PromptTensors(*found)


def denoise(
    pipe: Any, prompt: PromptTensors, width: int, height: int, *,
    steps: int, guidance: float, seed: int, on_step: Callable[[int], None],
) -> Any:  # fmt: skip
    """Noise to latents; needs the UNet on the device. `on_step` gets 1..steps and may raise."""
    import torch

    def stepped(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        on_step(index + 1)
        return tensors

    return pipe(
        **vars(prompt),
        width=width,
        height=height,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type="latent",
        callback_on_step_end=stepped,
    ).images


def decode(pipe: Any, latents: Any) -> NDArray[np.float32]:
    """Latents to (H, W, 3) RGB in 0..1; needs the VAE on the device, and may leave it in float32.

    The same operations in the same order as at the end of diffusers' own call (pipeline_stable_diffusion_xl.py,
    'make sure the VAE is in float32 mode').
    """
    import torch

    vae = pipe.vae
    with torch.no_grad():
        if vae.dtype == torch.float16 and vae.config.force_upcast:
            vae.to(dtype=torch.float32)
            latents = latents.to(torch.float32)
        mean, deviation = (getattr(vae.config, name, None) for name in ("latents_mean", "latents_std"))
        if mean is not None and deviation is not None:
            shape = (1, -1, 1, 1)
            means, deviations = (torch.tensor(v).view(shape).to(latents) for v in (mean, deviation))
            latents = latents * deviations / vae.config.scaling_factor + means
        else:
            latents = latents / vae.config.scaling_factor
        image = vae.decode(latents, return_dict=False)[0]
    pixels: NDArray[np.float32] = pipe.image_processor.postprocess(image, output_type="np")[0]
    return pixels


class Tiling:
    """How the VAE splits a picture; its own tile sizes are kept to go back to."""

    def __init__(self, vae: Any) -> None:
        self._vae = vae
        self._own = (vae.tile_sample_min_size, vae.tile_latent_min_size)

    def set(self, *, tiled: bool, small: bool) -> None:
        """`tiled`: split what is larger than a tile; `small`: with tiles of at most SMALL_TILE pixels."""
        side, latent = self._own
        if small and side > SMALL_TILE:
            side, latent = SMALL_TILE, SMALL_TILE * latent // side
        self._vae.tile_sample_min_size, self._vae.tile_latent_min_size = side, latent
        (self._vae.enable_tiling if tiled or small else self._vae.disable_tiling)()
        (self._vae.enable_slicing if small else self._vae.disable_slicing)()
