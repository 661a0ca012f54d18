"""LoRA files with random weights for a random SDXL of any size, in the two forms that are in use."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

Form = Literal["kohya", "peft"]
Shapes = Mapping[str, Mapping[str, tuple[int, ...]]]
Pairs = dict[str, tuple[NDArray[Any], NDArray[Any]]]
"""Module -> its down (rank, in, ...) and up (out, rank, ...) matrix."""

UNET_TARGETS = re.compile(r"(attn\d\.to_(q|k|v|out\.0)|ff\.net\.(0\.proj|2)|attentions\.\d+\.proj_(in|out))\.weight$")
"""Those of sd-scripts: 722 layers in the real UNet."""
TEXT_TARGETS = re.compile(r"(self_attn\.(q|k|v|out)_proj|mlp\.fc\d)\.weight$")
LAYERS_PER_BLOCK = 2
TEXT_PARTS = {"text_encoder": "te1", "text_encoder_2": "te2"}


def build_random_lora(
    folder: Path, model: Path | Shapes, form: Form = "kohya", rank: int = 4, seed: int = 0, text: bool = True,
    meta: Mapping[str, str | None] | None = None, *, name: str = "", dtype: str = "float32",
    alpha: float | None = None, strength: float = 0.5, convolutions: bool = False,
) -> Path:  # fmt: skip
    """A LoRA with random weights that fits the model in `model`; its .safetensors file.

    Args:
        model: a diffusers folder, or the shapes of its weights by part and name.
        form: 'kohya' has the names of sd-scripts (SGM's block numbers, alphas apart); 'peft' those of diffusers.
        text: also for both text encoders.
        meta: entries of the header to add or change; None takes one away.
        alpha: kohya's network alpha, the rank when left out (scale 1); 'peft' files have none.
        strength: how large the change is beside the weights (about 0.5 changes a picture clearly).
        convolutions: also for the convolutions of the UNet's blocks (LoCon), which no per-block name covers.
    """
    random = np.random.default_rng(seed)
    shapes = _shapes(model, "unet")
    wanted = [k for k in shapes if UNET_TARGETS.search(k) or (convolutions and re.search(r"conv\d\.weight$", k))]
    parts: dict[str, Pairs] = {"unet": {k: _pair(random, shapes[k], rank, strength) for k in wanted}}
    for part in TEXT_PARTS if text else ():
        shapes = _shapes(model, part)
        wanted = [k for k in shapes if TEXT_TARGETS.search(k)]
        parts[part] = {_text_model(k): _pair(random, shapes[k], rank, strength) for k in wanted}
    tensors = _kohya(parts, rank if alpha is None else alpha) if form == "kohya" else _peft(parts)
    header = _header(form, rank, rank if alpha is None else alpha) | dict(meta or {})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name or f'{form}-r{rank}-s{seed}'}.safetensors"
    save_file(
        {key: np.ascontiguousarray(value.astype(dtype)) for key, value in tensors.items()}, path,
        metadata={key: value for key, value in header.items() if value is not None},
    )  # fmt: skip
    return path


def _shapes(model: Path | Shapes, part: str) -> dict[str, tuple[int, ...]]:
    if not isinstance(model, Path):
        return dict(model[part])
    found: dict[str, tuple[int, ...]] = {}
    for path in sorted((model / part).glob("*.safetensors")):
        with safe_open(path, "numpy") as file:
            found |= {key: tuple(file.get_slice(key).get_shape()) for key in sorted(file.keys())}
    return found


def _pair(random: np.random.Generator, shape: tuple[int, ...], rank: int, strength: float) -> tuple[Any, Any]:
    out, inside, *kernel = shape
    down = random.standard_normal((rank, inside, *kernel)) / np.sqrt(inside * np.prod(kernel))
    up = random.standard_normal((out, rank, *(1 for _ in kernel))) * strength / np.sqrt(rank)
    return down.astype(np.float32), up.astype(np.float32)


def _text_model(key: str) -> str:
    """Real files have this level, whatever the installed transformers calls it."""
    return key if key.startswith("text_model.") else f"text_model.{key}"


def _module(key: str) -> str:
    return key.removesuffix(".weight")


def _kohya(parts: dict[str, Pairs], alpha: float) -> dict[str, NDArray[Any]]:
    tensors: dict[str, NDArray[Any]] = {}
    for part, pairs in parts.items():
        for key, (down, up) in pairs.items():
            module = _module(key)
            named = _sgm(module) if part == "unet" else module
            name = f"lora_{TEXT_PARTS.get(part, 'unet')}_{named.replace('.', '_')}"
            tensors[f"{name}.lora_down.weight"], tensors[f"{name}.lora_up.weight"] = down, up
            tensors[f"{name}.alpha"] = np.asarray(alpha, np.float32)
    return tensors


def _sgm(module: str) -> str:
    """A diffusers module by the block numbers of Stability's own code, which sd-scripts writes for SDXL."""
    found = re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.*)", module)
    if found:
        side, block, kind, layer, rest = found.groups()
        number = int(block) * (LAYERS_PER_BLOCK + 1) + int(layer) + (side == "down")
        inner = rest if kind == "attentions" else _sgm_resnet(rest)
        return f"{'input' if side == 'down' else 'output'}_blocks.{number}.{int(kind == 'attentions')}.{inner}"
    found = re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", module)
    if found:
        kind, layer, rest = found.groups()
        inner = rest if kind == "attentions" else _sgm_resnet(rest)
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(layer)}.{inner}"
    raise ValueError(f"no SGM name for {module}")


def _sgm_resnet(rest: str) -> str:
    return {"conv1": "in_layers.2", "conv2": "out_layers.3"}[rest]


def _peft(parts: dict[str, Pairs]) -> dict[str, NDArray[Any]]:
    tensors: dict[str, NDArray[Any]] = {}
    for part, pairs in parts.items():
        for key, (down, up) in pairs.items():
            tensors[f"{part}.{_module(key)}.lora_A.weight"] = down
            tensors[f"{part}.{_module(key)}.lora_B.weight"] = up
    return tensors


def _header(form: Form, rank: int, alpha: float) -> dict[str, str | None]:
    spec: dict[str, str | None] = {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
        "modelspec.title": "Tiny test LoRA",
        "modelspec.trigger_phrase": "tinyboy",
        "modelspec.license": "CC0-1.0",
    }
    if form == "peft":
        return {"format": "pt", **spec}
    return {
        **spec,
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(alpha),
        "ss_output_name": "tinyboy",
        "ss_tag_frequency": json.dumps({"10_tinyboy": {"tinyboy": 40, "smiling": 12, "beach": 7}}),
    }
