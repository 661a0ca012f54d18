"""The VAE: which one, in tiles or not, pictures to latents and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.registry.descriptions import check_description
from backends.image.sdxl.ladder import SMALL_TILE
from backends.image.sdxl.tensors import check_whole, safetensors_keys
from configs.errors import EngineError

OWN_KEY = "encoder.down_blocks.0.resnets.0.conv1.weight"
"""Only files in diffusers' own naming have it; the others are converted while they are read."""
PAINTED = 128
"""Of a mask's 0..255: from here on the latents are painted anew."""


@dataclass(frozen=True)
class InitTensors:
    """What a picture starts from, on the device, in the UNet's type."""

    latents: Any
    """(1, 4, h, w), scaled as the UNet wants them."""
    mask: Any = None
    """(1, 1, h, w): 1 is painted anew; None without a mask."""
    masked: Any = None
    """(1, 4, h, w): the latents of the picture with the masked part blanked, for a UNet that reads them; else None."""


def read_vae(path: Path, dtype: Any, own: Path | None) -> Any:
    """A VAE in place of the model's own, on the CPU.

    Args:
        path: diffusers folder, or a .safetensors file in diffusers' or the original naming. The config is the
            config.json beside the file, else the model's own; there a file with 'fp16' in its name is taken for
            the fp16 fix, which needs no float32.
        dtype: torch type of the weights.
        own: folder with the config.json of the model's own VAE.

    Raises EngineError when it is missing, is of another model, or would need unpickling.
    """
    from diffusers import AutoencoderKL

    _check(path)
    reference = _config(own / "config.json") if own is not None else {}
    described = _config((path if path.is_dir() else path.parent) / "config.json")
    try:
        if path.is_dir():
            check_description(path)
            halves = {f.name for f in path.glob("*.fp16.safetensors")}
            vae = AutoencoderKL.from_pretrained(
                str(path), use_safetensors=True, local_files_only=True, dtype=dtype, variant="fp16" if halves else None
            )
        else:
            config = described or {**reference, "force_upcast": "fp16" not in path.name.lower()}
            if not config:
                raise ValueError("there is no config.json beside it")
            vae = AutoencoderKL.from_config(config)
            vae.load_state_dict(_tensors(path, vae))
            vae = vae.to(dtype)
        check_whole(vae)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, ImportError) as error:
        cause = " ".join(str(error).split())[:240]
        raise EngineError(
            f"The VAE in {path} cannot be loaded", cause, "Check the download, or clear vae in sdxl_config.yaml"
        ) from error
    scale = reference.get("scaling_factor")
    if vae.config.latent_channels != 4 or (scale is not None and vae.config.scaling_factor != scale):
        raise EngineError(
            f"The VAE in {path} is not SDXL's", "its latents have another form or scale",
            "Use SDXL's VAE, for example the fp16 fix, or clear vae in sdxl_config.yaml",
        )  # fmt: skip
    return vae.eval()


def encode_init(
    vae: Any, image: NDArray[np.uint8], mask: NDArray[np.uint8] | None, dtype: Any, *, masked: bool
) -> InitTensors:
    """A picture to latents; needs the VAE on the device, and may leave it in float32.

    The mean of the encoder's distribution is taken: no random number is drawn, so that a seed means the same noise in
    every mode.

    Args:
        image: (H, W, 3) uint8 RGB, sides multiples of the VAE's factor.
        mask: (H, W) uint8, or None.
        dtype: the UNet's type.
        masked: whether the UNet reads the masked picture too.
    """
    import torch

    # Channels last, as diffusers has it: convolutions round differently in another layout.
    pixels = torch.from_numpy(image)[None].permute(0, 3, 1, 2).float() / 255.0 * 2.0 - 1.0
    latents = _encode(vae, pixels).to(dtype)
    if mask is None:
        return InitTensors(latents)
    painted = torch.from_numpy(mask >= PAINTED)[None, None]
    # Every latent that a painted pixel lies in is painted: the rest of its pixels is put back at the end.
    small = torch.nn.functional.adaptive_max_pool2d(painted.float(), latents.shape[-2:])
    blanked = _encode(vae, pixels * ~painted).to(dtype) if masked else None
    return InitTensors(latents, small.to(latents), blanked)


def decode(vae: Any, processor: Any, latents: Any) -> NDArray[np.float32]:
    """Latents to (H, W, 3) RGB in 0..1; needs the VAE on the device, and may leave it in float32.

    The same operations in the same order as at the end of diffusers' own call (pipeline_stable_diffusion_xl.py,
    'make sure the VAE is in float32 mode').
    """
    import torch

    with torch.no_grad():
        if _upcast(vae):
            latents = latents.to(torch.float32)
        shift, scale = _statistics(vae, latents)
        latents = (
            latents / vae.config.scaling_factor
            if scale is None
            else latents * scale / vae.config.scaling_factor + shift
        )
        image = vae.decode(latents, return_dict=False)[0]
    pixels: NDArray[np.float32] = processor.postprocess(image, output_type="np")[0]
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


def _encode(vae: Any, pixels: Any) -> Any:
    import torch

    with torch.no_grad():
        _upcast(vae)
        weight = next(vae.parameters())
        latents = vae.encode(pixels.to(device=weight.device, dtype=weight.dtype)).latent_dist.mode()
        shift, scale = _statistics(vae, latents)
        return (latents if scale is None else (latents - shift) / scale) * vae.config.scaling_factor


def _upcast(vae: Any) -> bool:
    """Whether it has to work in float32, to which it is cast then."""
    import torch

    if vae.dtype == torch.float16 and vae.config.force_upcast:
        # Past diffusers' own `to`, which warns at every picture.
        torch.nn.Module.to(vae, dtype=torch.float32)
        return True
    return False


def _statistics(vae: Any, like: Any) -> tuple[Any, Any]:
    import torch

    values = [getattr(vae.config, name, None) for name in ("latents_mean", "latents_std")]
    if None in values:
        return None, None
    mean, deviation = (torch.tensor(v).view(1, -1, 1, 1).to(like) for v in values)
    return mean, deviation


def _check(path: Path) -> None:
    files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    if not path.exists() or not files:
        why = "the folder has no .safetensors file" if path.exists() else "there is nothing"
        raise EngineError(f"There is no VAE at {path}", why, "Put it there, or clear vae in sdxl_config.yaml")
    if files[0].suffix != ".safetensors":
        raise EngineError(
            f"'{path.name}' is not loaded", "only .safetensors files are read; other formats can run code when opened",
            "Use the safetensors version of the VAE",
        )  # fmt: skip
    if not any(key.endswith("decoder.conv_in.weight") for key in safetensors_keys(files[0])):
        raise EngineError(f"'{path.name}' is no VAE", "it has no decoder", "Use SDXL's VAE")


def _config(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _tensors(path: Path, vae: Any) -> dict[str, Any]:
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint
    from safetensors.torch import load_file

    tensors = load_file(path)
    if OWN_KEY in tensors:
        return tensors
    tensors = {name.removeprefix("first_stage_model."): tensor for name, tensor in tensors.items()}
    found: dict[str, Any] = convert_ldm_vae_checkpoint(tensors, vae.config)
    return found
