"""Noise to latents, apart from text and VAE, so that it can have the memory for itself and be tried alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.engine import ControlMap
from backends.image.sdxl.pipelines import Mode
from backends.image.sdxl.prompt import PromptTensors
from backends.image.sdxl.quiet import quiet
from backends.image.sdxl.vae import InitTensors


@dataclass(frozen=True)
class Drawing:
    """What one denoising needs beside the models."""

    prompt: PromptTensors
    size: tuple[int, int]
    """Width and height, pixels."""
    steps: int
    guidance: float
    seed: int
    mode: Mode = "text"
    init: InitTensors | None = None
    strength: float = 1.0
    controls: tuple[ControlMap, ...] = ()
    """Their pictures in `size`."""
    modes: tuple[int, ...] = ()
    """The maps' indices in a Union; () without it."""
    references: Any = None
    """Embeddings of reference pictures."""
    others: tuple[tuple[str, Any], ...] = ()
    """Further arguments of the pipeline's call."""


def denoise(pipe: Any, drawing: Drawing, on_step: Callable[[int, int], None]) -> Any:
    """Noise, or a picture with noise, to latents; needs the UNet and the nets on the device.

    `on_step` gets (1..steps, steps) of the steps that are really made, and may raise.
    """
    import torch

    def stepped(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        on_step(index + 1, pipe.num_timesteps)
        return tensors

    pipe.init = drawing.init
    return pipe(
        **vars(drawing.prompt),
        **_inputs(drawing),
        **_maps(drawing),
        **dict(drawing.others),
        num_inference_steps=drawing.steps,
        guidance_scale=drawing.guidance,
        generator=torch.Generator("cpu").manual_seed(drawing.seed),
        output_type="latent",
        callback_on_step_end=stepped,
    ).images


def _inputs(drawing: Drawing) -> dict[str, Any]:
    import torch

    width, height = drawing.size
    if drawing.init is None:
        return {"width": width, "height": height}
    if drawing.mode == "image":
        return {"image": drawing.init.latents, "strength": drawing.strength}
    # The pipeline would encode these two; it is given what was encoded before (InpaintStaging).
    blank = torch.zeros(1, 3, height, width)
    return {
        "image": blank, "mask_image": blank[:, :1], "width": width, "height": height, "strength": drawing.strength,
    }  # fmt: skip


def _maps(drawing: Drawing) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if drawing.references is not None:
        given["ip_adapter_image_embeds"] = [drawing.references]
    if not drawing.controls:
        return given
    single = drawing.mode == "text" and not drawing.modes
    given["image" if single else "control_image"] = [_picture(c.image) for c in drawing.controls]
    if drawing.modes:
        given["control_mode"] = list(drawing.modes)
    return given | {
        "controlnet_conditioning_scale": [float(c.scale) for c in drawing.controls],
        "control_guidance_start": [float(c.start) for c in drawing.controls],
        "control_guidance_end": [float(c.end) for c in drawing.controls],
    }


def _picture(image: NDArray[np.uint8]) -> Any:
    """(1, 3, H, W) in 0..1."""
    import torch

    return torch.from_numpy(image)[None].permute(0, 3, 1, 2).float() / 255


def steps_done(steps: int, strength: float) -> int:
    """How many of the steps a picture to start from leaves: diffusers' own rule (`get_timesteps`)."""
    return min(int(steps * strength), steps)


def least_strength(steps: int, strength: float) -> float:
    """The strength, or what is needed for one step (a bit more: 49 * (1 / 49) is less than 1)."""
    return strength if steps_done(steps, strength) else min(1.0, 1.0001 / steps)


def timesteps_of(scheduler: Any, timesteps: Sequence[int]) -> Any:
    """The scheduler with these timesteps in place of its own: not every pipeline takes them in its call."""
    if not timesteps:
        return scheduler
    own = scheduler.set_timesteps

    def fixed(num_inference_steps: Any = None, device: Any = None, **_: Any) -> None:
        # DMD2's timesteps are not those that LCM was distilled on, of which LCM's scheduler warns at every picture.
        with quiet(type(scheduler).__module__):
            own(timesteps=list(timesteps), device=device)

    scheduler.set_timesteps = fixed
    return scheduler
