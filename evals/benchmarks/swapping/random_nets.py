"""Nets that go with SDXL, with random weights and without a hub: ControlNet, ControlNet Union, IP-Adapter plus, VAE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evals.benchmarks.swapping.random_sdxl import UNET, VAE, Size, random_modules

CONTROL: dict[Size, tuple[int, ...]] = {"tiny": (16, 32), "full": (16, 32, 96, 256)}
"""Channels that take a map to the latents' size; each step after the first halves the sides, as the VAE does."""
UNION: dict[Size, dict[str, int]] = {
    "tiny": {"num_trans_channel": 32, "num_trans_head": 4, "num_proj_channel": 32},
    "full": {"num_trans_channel": 320, "num_trans_head": 8, "num_proj_channel": 320},
}
VISION: dict[Size, dict[str, int]] = {
    "tiny": {"hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4, "num_hidden_layers": 3,
             "patch_size": 8, "image_size": 32, "projection_dim": 32},
    "full": {"hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 16, "num_hidden_layers": 32,
             "patch_size": 14, "image_size": 224, "projection_dim": 1024},
}  # fmt: skip
"""The full one is the CLIP ViT-H/14 of h94/IP-Adapter (models/image_encoder/config.json)."""
RESAMPLER: dict[Size, dict[str, int]] = {
    "tiny": {"hidden": 64, "queries": 4, "heads": 1},
    "full": {"hidden": 1280, "queries": 16, "heads": 20},
}
"""The full one is that of ip-adapter-plus_sdxl_vit-h."""
DEPTH = 4
"""Layers of the resampler: diffusers reads no other number."""
ATTENTION_HEAD = 64
"""Width of a head in IP-Adapter's resampler (ip_adapter/resampler.py)."""


def build_random_controlnet(
    folder: Path,
    size: Size = "tiny",
    union: bool = False,
    *,
    seed: int = 0,
    dtype: str = "float32",
    device: str = "cpu",
    in_channels: int = 4,
) -> Path:
    """Save a ControlNet, or a ControlNet Union, as a diffusers folder (safetensors); the folder.

    Its last layers are random too: a fresh ControlNet's are zero, and it would steer nothing.
    """
    import torch
    from diffusers import ControlNetModel, ControlNetUnionModel

    unet = {k: v for k, v in UNET[size].items() if k not in ("sample_size", "up_block_types")}
    shape = {
        **unet, "layers_per_block": 2, "in_channels": in_channels, "use_linear_projection": True,
        "addition_embed_type": "text_time", "conditioning_embedding_out_channels": CONTROL[size],
    }  # fmt: skip
    with _drawn(seed, dtype, device):
        made: Any = ControlNetUnionModel(**shape, **UNION[size]) if union else ControlNetModel(**shape)
        with torch.no_grad():
            for parameter in made.parameters():
                if not parameter.any():
                    parameter.normal_(std=0.05)
    made.save_pretrained(folder, safe_serialization=True)
    return folder


def build_random_ip_adapter(
    folder: Path,
    size: Size = "tiny",
    *,
    plus: bool = True,
    seed: int = 0,
    dtype: str = "float32",
    device: str = "cpu",
) -> tuple[Path, Path]:
    """Save an IP-Adapter in its own form (not diffusers'); its weights file and its image encoder's folder.

    `plus`: with a resampler over the encoder's hidden states; else one projection of its embedding.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    folder.mkdir(parents=True, exist_ok=True)
    with _drawn(seed, dtype, device):
        encoder = CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION[size]))
        tensors = dict(_resampler(size) if plus else _projection(size))
        with torch.device("meta"):
            unet = random_modules(size)["unet"]
        cross = [name for name in unet.attn_processors if ".attn2." in name]
        for i, name in enumerate(cross):
            width, context = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape
            for letter in "kv":
                tensors[f"ip_adapter.{2 * i + 1}.to_{letter}_ip.weight"] = torch.randn(width, context) * context**-0.5
    encoder.save_pretrained(folder / "image_encoder", safe_serialization=True)
    weights = folder / f"ip-adapter{'-plus' if plus else ''}_sdxl.safetensors"
    save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, weights)
    return weights, folder / "image_encoder"


def build_random_vae(
    folder: Path,
    size: Size = "tiny",
    *,
    seed: int = 1,
    dtype: str = "float32",
    device: str = "cpu",
    force_upcast: bool = False,
) -> Path:
    """Save a VAE of SDXL's form as a diffusers folder; the folder. The fp16 fix is one without `force_upcast`."""
    from diffusers import AutoencoderKL

    blocks = len(VAE[size]["block_out_channels"])
    with _drawn(seed, dtype, device):
        vae = AutoencoderKL(
            in_channels=3, out_channels=3, latent_channels=4, down_block_types=["DownEncoderBlock2D"] * blocks,
            up_block_types=["UpDecoderBlock2D"] * blocks, force_upcast=force_upcast, **VAE[size],
        )  # fmt: skip
    vae.save_pretrained(folder, safe_serialization=True)
    return folder


def _resampler(size: Size) -> Iterator[tuple[str, Any]]:
    import torch

    figures, cross = RESAMPLER[size], UNET[size]["cross_attention_dim"]
    hidden, inner = figures["hidden"], figures["heads"] * ATTENTION_HEAD

    def linear(name: str, rows: int, columns: int, bias: bool = False) -> Iterator[tuple[str, Any]]:
        yield f"image_proj.{name}.weight", torch.randn(rows, columns) * columns**-0.5
        if bias:
            yield f"image_proj.{name}.bias", torch.zeros(rows)

    def norm(name: str, width: int) -> Iterator[tuple[str, Any]]:
        yield f"image_proj.{name}.weight", torch.ones(width)
        yield f"image_proj.{name}.bias", torch.zeros(width)

    yield "image_proj.latents", torch.randn(1, figures["queries"], hidden) * hidden**-0.5
    yield from linear("proj_in", hidden, VISION[size]["hidden_size"], bias=True)
    yield from linear("proj_out", cross, hidden, bias=True)
    yield from norm("norm_out", cross)
    for i in range(DEPTH):
        for name in (f"layers.{i}.0.norm1", f"layers.{i}.0.norm2", f"layers.{i}.1.0"):
            yield from norm(name, hidden)
        yield from linear(f"layers.{i}.0.to_q", inner, hidden)
        yield from linear(f"layers.{i}.0.to_kv", 2 * inner, hidden)
        yield from linear(f"layers.{i}.0.to_out", hidden, inner)
        yield from linear(f"layers.{i}.1.1", 4 * hidden, hidden)
        yield from linear(f"layers.{i}.1.3", hidden, 4 * hidden)


def _projection(size: Size) -> Iterator[tuple[str, Any]]:
    import torch

    cross, embedding = UNET[size]["cross_attention_dim"], VISION[size]["projection_dim"]
    yield "image_proj.proj.weight", torch.randn(4 * cross, embedding) * embedding**-0.5
    yield "image_proj.proj.bias", torch.zeros(4 * cross)
    yield "image_proj.norm.weight", torch.ones(cross)
    yield "image_proj.norm.bias", torch.zeros(cross)


@contextmanager
def _drawn(seed: int, dtype: str, device: str) -> Iterator[None]:
    """Modules and tensors that are made inside are drawn from `seed`, in `dtype`, on `device`."""
    import torch

    torch.manual_seed(seed)
    default = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(default)
