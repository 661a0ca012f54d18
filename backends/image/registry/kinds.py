"""What a model file is, by the names and shapes of its tensors; and a model folder, by its description."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from backends.image.registry.header import Header, Tensor, plain
from backends.image.registry.lora_probe import is_lora
from backends.image.registry.shapes import FAMILIES, WIDTHS

Kind = Literal[
    "lora", "few-step lora", "checkpoint", "vae", "controlnet", "controlnet-union", "ip-adapter", "image encoder",
    "depth model", "other",
]  # fmt: skip
LATENT_CHANNELS = 4
"""Of SDXL's (and Stable Diffusion 1 and 2's) VAE; Flux and Stable Diffusion 3 have 16."""
SDXL_SCALING = 0.13025
"""`scaling_factor` in the config of SDXL's VAE (stabilityai/sdxl-vae); Stable Diffusion 1 and 2 have 0.18215."""
MAX_DESCRIPTION = 1_000_000
"""Bytes of a config.json that is read."""


@dataclass(frozen=True)
class Recognised:
    kind: Kind
    problem: str = ""
    """Why the studio's SDXL cannot use it, '' when nothing speaks against it."""
    note: str = ""


def recognise_file(header: Header) -> Recognised:
    """Which kind of model a .safetensors file is."""
    tensors = header.tensors
    if any(name.startswith("lora_controlnet") for name in tensors):
        return Recognised("other", "it is a Control-LoRA, which diffusers does not load; use a whole ControlNet")
    for belongs, told in _RULES:
        if belongs(tensors):
            return told(tensors)
    return Recognised("other", f"it is no model that the studio's pictures use (e.g. its tensor '{_one(tensors)}')")


def recognise_folder(folder: Path) -> Recognised | None:
    """Which kind of model a diffusers or transformers folder is; None when it is no folder of one model."""
    index, config = folder / "model_index.json", folder / "config.json"
    found: Recognised | None = None
    if index.is_file():
        found = _pipeline(_described(index))
    elif config.is_file():
        found = _component(_described(config))
    if found is None or found.problem:
        return found
    if not any(path.is_file() for path in folder.rglob("*.safetensors")):
        return Recognised(found.kind, "it has no .safetensors weights; other formats can run code when opened")
    return found


def _described(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > MAX_DESCRIPTION:
            return {}
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _pipeline(said: Mapping[str, Any]) -> Recognised:
    name = plain(said.get("_class_name"), 60) or "an unknown pipeline"
    if "StableDiffusionXL" in name and isinstance(said.get("text_encoder_2"), list) and "unet" in said:
        if not (said.get("text_encoder") or [None])[0]:
            return Recognised("checkpoint", "it is the SDXL refiner, which the studio does not use")
        return Recognised("checkpoint")
    return Recognised("checkpoint", f"it is no SDXL model, but a {name}")


def _component(said: Mapping[str, Any]) -> Recognised | None:
    name = said.get("_class_name")
    made = said.get("architectures")
    architecture = made[0] if isinstance(made, list) and made and isinstance(made[0], str) else ""
    if name in ("ControlNetModel", "ControlNetUnionModel"):
        kind: Kind = "controlnet" if name == "ControlNetModel" else "controlnet-union"
        return Recognised(kind, _width_problem(said.get("cross_attention_dim")))
    if name == "AutoencoderKL":
        if said.get("latent_channels", LATENT_CHANNELS) != LATENT_CHANNELS:
            return Recognised("vae", f"it has {plain(str(said['latent_channels']), 20)} channels, SDXL's VAE has 4")
        scaling = said.get("scaling_factor")
        if isinstance(scaling, int | float) and abs(scaling - SDXL_SCALING) > 1e-3:
            return Recognised("vae", f"its scaling factor is {scaling:g}, that of SDXL's VAE is {SDXL_SCALING}")
        return Recognised("vae")
    if architecture.startswith("CLIPVisionModel"):
        return Recognised("image encoder")
    if architecture.startswith("DepthAnything"):
        return Recognised("depth model")
    return None


def _width_problem(width: object) -> str:
    if WIDTHS.get(width) == "sdxl" if isinstance(width, int) else False:
        return ""
    family = FAMILIES[WIDTHS[width]] if isinstance(width, int) and width in WIDTHS else "another model"
    return f"it was made for {family}, not for SDXL"


def _checkpoint(tensors: Mapping[str, Tensor]) -> Recognised:
    if _starts(tensors, "conditioner.embedders.1.model."):
        first = tensors.get("model.diffusion_model.input_blocks.0.0.weight")
        inpaint = first is not None and len(first.shape) == 4 and first.shape[1] == 9
        return Recognised("checkpoint", note="an inpainting model" if inpaint else "")
    if _starts(tensors, "conditioner.embedders.0.model."):
        return Recognised("checkpoint", "it is the SDXL refiner, which the studio does not use")
    marks = {
        "cond_stage_model.transformer.": "sd15", "cond_stage_model.model.": "sd2",
        "model.diffusion_model.double_blocks.": "flux", "model.diffusion_model.joint_blocks.": "sd3",
        "double_blocks.": "flux", "joint_blocks.": "sd3",
    }  # fmt: skip
    for mark, family in marks.items():
        if _starts(tensors, mark):
            return Recognised("checkpoint", f"it is a {FAMILIES[family]} model, not SDXL")  # type: ignore[index]
    return Recognised("checkpoint", "it has no text encoders: the studio needs a whole SDXL model")


def _vae(tensors: Mapping[str, Tensor]) -> Recognised:
    entry = next((t for name, t in tensors.items() if name.endswith("decoder.conv_in.weight")), None)
    if entry is None or len(entry.shape) != 4 or entry.shape[1] != LATENT_CHANNELS:
        return Recognised("vae", "it is the VAE of another model: SDXL's has 4 channels")
    return Recognised("vae", note="the VAEs of SDXL and Stable Diffusion 1.5 look alike: make sure that it is SDXL's")


def _controlnet(tensors: Mapping[str, Tensor]) -> Recognised:
    union = _starts(tensors, "control_add_embedding.") or "task_embedding" in tensors
    return Recognised("controlnet-union" if union else "controlnet", _width_problem(_cross_width(tensors)))


def _ip_adapter(tensors: Mapping[str, Tensor]) -> Recognised:
    keys = (t for name, t in tensors.items() if name.startswith("ip_adapter.") and name.endswith("to_k_ip.weight"))
    entry = next(keys, None)
    problem = _width_problem(entry.shape[1] if entry is not None and len(entry.shape) == 2 else None)
    if not problem and _starts(tensors, "ip_adapter.") and any(".to_q_lora" in name for name in tensors):
        problem = "it is an IP-Adapter FaceID, which needs faces of insightface; use IP-Adapter Plus"
    return Recognised("ip-adapter", problem, "plus" if "image_proj.latents" in tensors else "not the plus version")


def _cross_width(tensors: Mapping[str, Tensor]) -> int | None:
    found = (t for name, t in tensors.items() if name.endswith("attn2.to_k.weight") and len(t.shape) == 2)
    return next((t.shape[1] for t in found), None)


def _starts(tensors: Mapping[str, Tensor], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in tensors)


def _has(pattern: str) -> Callable[[Mapping[str, Tensor]], bool]:
    compiled = re.compile(pattern)
    return lambda tensors: any(compiled.search(name) for name in tensors)


def _one(tensors: Mapping[str, Tensor]) -> str:
    return plain(min(tensors, default=""))


def _part(problem: str) -> Callable[[Mapping[str, Tensor]], Recognised]:
    return lambda tensors: Recognised("other", problem)


_RULES: tuple[tuple[Callable[[Mapping[str, Tensor]], bool], Callable[[Mapping[str, Tensor]], Recognised]], ...] = (
    (_has(r"^ip_adapter\.|^image_proj\."), _ip_adapter),
    (_has(r"^model\.diffusion_model\.|^double_blocks\.\d|^joint_blocks\.\d"), _checkpoint),
    (_has(r"^controlnet_cond_embedding\.|^control_model\."), _controlnet),
    (is_lora, lambda tensors: Recognised("lora")),
    (_has(r"^(first_stage_model\.)?decoder\.conv_in\.weight$"), _vae),
    (_has(r"^(vision_model|visual)\."), _part("it is an image encoder: name its folder, with config.json")),
    (_has(r"^text_model\."), _part("it is a text encoder; the studio needs a whole SDXL model")),
    (_has(r"^add_embedding\."), _part("it is a UNet alone; the studio needs a whole SDXL model")),
    (_has(r"^(clip_l|clip_g|emb_params)$"), _part("it is a textual inversion, which the studio does not use")),
    (_has(r"^(adapter\.)?body\.\d"), _part("it is a T2I-Adapter; use a ControlNet")),
)
"""Which tensors belong to which kind; the first that fits decides."""
