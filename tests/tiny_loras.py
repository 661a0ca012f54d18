"""LoRA files for the tiny SDXL (`build_lora`), and LoRAs of other models, built without a hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from evals.benchmarks.painting.random_loras import build_random_lora as build_lora

__all__ = ["build_foreign_lora", "build_lora"]


def build_foreign_lora(folder: Path, kind: Literal["sd15", "flux"], *, header: bool = True) -> Path:
    """A LoRA of another model with its real names and widths (kohya's form); its .safetensors file.

    `header`: with what the trainer writes of itself; without it only names and shapes tell.
    """
    if kind == "sd15":
        block = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_"
        sizes = {
            f"{block}attn1_to_q": (320, 320), f"{block}attn2_to_k": (768, 320),
            "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v": (768, 1280),
            "lora_te_text_model_encoder_layers_0_self_attn_q_proj": (768, 768),
        }  # fmt: skip
        told = {"ss_base_model_version": "sd_v1", "modelspec.architecture": "stable-diffusion-v1/lora"}
    else:
        sizes = {
            "lora_unet_double_blocks_0_img_attn_qkv": (3072, 9216),
            "lora_unet_double_blocks_0_txt_mlp_0": (3072, 12288),
            "lora_unet_single_blocks_0_linear1": (3072, 21504),
            "lora_te1_text_model_encoder_layers_0_self_attn_q_proj": (768, 768),
        }
        told = {"ss_base_model_version": "flux1", "modelspec.architecture": "flux-1-dev/lora"}
    random = np.random.default_rng(0)
    tensors: dict[str, NDArray[Any]] = {}
    for key, (inside, outside) in sizes.items():
        down, up = random.standard_normal((4, inside)), random.standard_normal((outside, 4)) * 0.1
        tensors |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": np.float32(4)}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}.safetensors"
    common = {"ss_network_module": "networks.lora", "ss_network_dim": "4"}
    save_file({k: np.asarray(v, np.float16) for k, v in tensors.items()}, path, told | common if header else None)
    return path
