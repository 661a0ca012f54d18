"""Floating point operations of the full-size models, counted by torch on models without memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TOKENS = 77
TERA = 1e12


def full_models() -> dict[str, Any]:
    """UNet, ControlNet, VAE and both text encoders of the real sizes, on the meta device."""
    import torch
    from diffusers import ControlNetModel

    from evals.benchmarks.swapping.random_sdxl import random_modules

    with torch.device("meta"):
        modules = random_modules("full")
        modules["controlnet"] = ControlNetModel.from_unet(modules["unet"], load_weights_from_unet=False)
    return modules


def counted(models: dict[str, Any], width: int, height: int) -> dict[str, float]:
    """TFLOP of one forward each: unet, controlnet, decode, encode, text (both encoders). Sizes in pixels.

    Two operations to a multiply-add; attention is counted with its two products.
    """
    import torch

    meta = torch.device("meta")
    latents = torch.empty(1, 4, height // 8, width // 8, device=meta)
    pixels = torch.empty(1, 3, height, width, device=meta)
    time, text = torch.empty((), device=meta), torch.empty(1, TOKENS, 2048, device=meta)
    added = {"text_embeds": torch.empty(1, 1280, device=meta), "time_ids": torch.empty(1, 6, device=meta)}
    tokens = torch.zeros(1, TOKENS, dtype=torch.long, device=meta)
    unet, net, vae = models["unet"], models["controlnet"], models["vae"]
    return {
        "unet": _tera(lambda: unet(latents, time, text, added_cond_kwargs=added)),
        "controlnet": _tera(lambda: net(latents, time, text, pixels, added_cond_kwargs=added)),
        "decode": _tera(lambda: vae.decode(latents)),
        "encode": _tera(lambda: vae.encode(pixels)),
        "text": _tera(lambda: [models[name](tokens) for name in ("text_encoder", "text_encoder_2")]),
    }


def _tera(call: Callable[[], object]) -> float:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        call()
    return float(counter.get_total_flops()) / TERA
