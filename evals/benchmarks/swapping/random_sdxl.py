"""A whole SDXL pipeline with random weights, built without a hub: tiny for a CPU, or of the real size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

Size = Literal["tiny", "full"]

UNET: dict[Size, dict[str, Any]] = {
    "tiny": {
        "block_out_channels": (32, 64), "sample_size": 32, "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "attention_head_dim": (2, 4),
        "addition_time_embed_dim": 8, "transformer_layers_per_block": (1, 2),
        "projection_class_embeddings_input_dim": 80, "cross_attention_dim": 64,
    },
    "full": {
        "block_out_channels": (320, 640, 1280), "sample_size": 128,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), "attention_head_dim": (5, 10, 20),
        "addition_time_embed_dim": 256, "transformer_layers_per_block": (1, 2, 10),
        "projection_class_embeddings_input_dim": 2816, "cross_attention_dim": 2048,
    },
}  # fmt: skip
"""The full figures are those of stabilityai/stable-diffusion-xl-base-1.0 (unet/config.json)."""
VAE: dict[Size, dict[str, Any]] = {
    "tiny": {"block_out_channels": [32, 64], "sample_size": 128},
    "full": {"block_out_channels": [128, 256, 512, 512], "sample_size": 1024, "layers_per_block": 2},
}
TEXT: dict[Size, tuple[dict[str, Any], dict[str, Any]]] = {
    "tiny": (
        {"hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4, "num_hidden_layers": 5,
         "vocab_size": 514, "projection_dim": 32},
    ) * 2,
    "full": (
        {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12,
         "vocab_size": 49408, "projection_dim": 768},
        {"hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 20, "num_hidden_layers": 32,
         "vocab_size": 49408, "projection_dim": 1280},
    ),
}  # fmt: skip


def random_modules(size: Size) -> dict[str, Any]:
    """UNet, VAE and both text encoders, in torch's default type on its default device."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    unet = UNet2DConditionModel(
        layers_per_block=2, in_channels=4, out_channels=4, use_linear_projection=True,
        addition_embed_type="text_time", **UNET[size],
    )  # fmt: skip
    blocks = len(VAE[size]["block_out_channels"])
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, down_block_types=["DownEncoderBlock2D"] * blocks,
        up_block_types=["UpDecoderBlock2D"] * blocks, **VAE[size],
    )  # fmt: skip
    fixed = {
        "bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513, "layer_norm_eps": 1e-5, "hidden_act": "gelu",
    }  # fmt: skip
    first, second = (CLIPTextConfig(**fixed, **figures) for figures in TEXT[size])
    return {
        "text_encoder": CLIPTextModel(first),
        "text_encoder_2": CLIPTextModelWithProjection(second),
        "unet": unet,
        "vae": vae,
    }


def build_random_sdxl(
    folder: Path, size: Size = "tiny", *, seed: int = 0, dtype: str = "float32", device: str = "cpu"
) -> Path:
    """Save it as a diffusers folder (safetensors); the folder. `device`: where the random numbers are drawn."""
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    torch.manual_seed(seed)
    default = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device):
            modules = random_modules(size)
    finally:
        torch.set_default_dtype(default)
    tokenizer = byte_tokenizer(folder / "tokenizer-source")
    pipe = StableDiffusionXLPipeline(
        **modules, tokenizer=tokenizer, tokenizer_2=tokenizer, add_watermarker=False,
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading",
            steps_offset=1,
        ),
    )  # fmt: skip
    pipe.save_pretrained(folder / "sdxl", safe_serialization=True)
    return folder / "sdxl"


def byte_tokenizer(folder: Path) -> Any:
    """A CLIP tokenizer of single bytes: 256 characters, the same at the end of words, two specials (514 entries)."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    letters = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    shown = {b: chr(b) for b in letters}
    extra = 0
    for byte in range(256):
        if byte not in shown:
            shown[byte] = chr(256 + extra)
            extra += 1
    characters = [shown[b] for b in sorted(shown)]
    words = [*characters, *(c + "</w>" for c in characters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77, pad_token="<|endoftext|>"
    )
