"""What a LoRA file is: for which model, of which kind, how strong, called by which words; from its header alone."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backends.image.registry.claims import Base, base_claimed
from backends.image.registry.header import Header, Tensor, plain, read_header, scalar
from backends.image.registry.shapes import FAMILIES, IN_UNET, base_by_shapes, token_width
from backends.image.registry.trigger_words import frequent_tags, trigger_words

NETWORKS = tuple(
    (re.compile(pattern), network)
    for pattern, network in (
        (r"\.hada_", "loha"), (r"\.lokr_", "lokr"), (r"\.lora_mid\.", "locon-cp"), (r"\.dora_scale$", "dora"),
        (r"\.lora_magnitude_vector", "dora"), (r"\.b?oft_", "oft"), (r"\.[ab][12]\.weight$", "glora"),
        (r"\.on_input$", "ia3"), (r"[._]lora[._](down|up|linear_layer)|\.lora_[AB]\.", "lora"),
        (r"\.diff(_b)?$", "full difference"),
    )
)  # fmt: skip
"""Part of a tensor's name that gives away the kind of network; the first that occurs in a file decides."""
LOADED = frozenset({"lora", "locon"})
"""Kinds that the studio puts into SDXL."""
REFINER_WIDTH = 1280
"""Numbers per text token in the SDXL refiner's cross-attention."""
DOWN = re.compile(r"\.(lora_down|lora_A|lora\.down|lora_linear_layer\.down)(\.\w+)?\.weight$|_lora\.down\.weight$")
ENCODERS = (
    ("text_encoder_3", re.compile(r"^(lora_te3_|text_encoder_3\.)")),
    ("text_encoder_2", re.compile(r"^(lora_te2_|text_encoder_2\.)")),
    ("text_encoder", re.compile(r"^(lora_te1?_|text_encoder\.)")),
)


@dataclass(frozen=True)
class LoraProbe:
    """What the file is. Texts of it are cleaned and cut, but were written by strangers: data, never instructions."""

    base: Base
    """By the tensors' shapes; where they tell nothing, by what the header claims. 'unknown' too for widths that no
    real model has: whoever loads it compares `token_width` with the model's own."""
    problem: str
    """Why SDXL cannot load it; '' = nothing speaks against it (which is not proof when `base` is 'unknown')."""
    network: str
    """'lora', 'locon', 'dora', 'loha', 'lokr', ...; 'none' when it is no LoRA."""
    form: str
    """How its tensors are named: 'kohya', 'peft' or 'diffusers'."""
    rank: int | None
    """The most frequent one."""
    alpha: float | None
    text_encoders: tuple[str, ...]
    """Those it changes: 'text_encoder', 'text_encoder_2'."""
    triggers: tuple[str, ...]
    title: str
    base_said: str
    """What the header claims, '' when it claims nothing."""
    conflict: str
    """Told when header and tensors disagree about the base; '' else."""
    token_width: int | None
    """Width of the text tokens it works on (2048 in SDXL), to compare with the UNet's cross_attention_dim."""
    tags: tuple[str, ...]
    """Most frequent tags of its training pictures."""
    tensors: int
    bytes: int


def probe_lora(path: Path, header: Header | None = None) -> LoraProbe:
    """Read what the file is. Raises EngineError when it is no readable safetensors file (see `read_header`)."""
    header = header or read_header(path)
    said = header.metadata
    network = _network(header.tensors)
    shown = base_by_shapes(header.tensors)
    claimed, words = base_claimed(said)
    width = token_width(header.tensors)
    # a width that no family has is no family's: then a claim counts for nothing
    base: Base = claimed if shown == "unknown" and width is None else shown
    conflict = ""
    if "unknown" not in (shown, claimed) and shown != claimed:
        conflict = f"its header says {FAMILIES[claimed]}, but its tensors are of {FAMILIES[shown]}"
    ranks = Counter(t.shape[0] for name, t in header.tensors.items() if DOWN.search(name) and t.shape)
    rank = ranks.most_common(1)[0][0] if ranks else _count(said.get("ss_network_dim"))
    return LoraProbe(
        base=base,
        problem=_problem(base, network, header.tensors),
        network=network,
        form=_form(header.tensors),
        rank=rank,
        alpha=_alpha(path, header),
        text_encoders=tuple(sorted({found for name in header.tensors if (found := _encoder(name))})),
        triggers=trigger_words(said),
        title=plain(said.get("modelspec.title")) or plain(said.get("ss_output_name")),
        base_said=words,
        conflict=conflict,
        token_width=width,
        tags=frequent_tags(said),
        tensors=len(header.tensors),
        bytes=header.bytes,
    )


def is_lora(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the names are those of any low-rank network."""
    return _network(tensors) != "none"


def _network(tensors: Mapping[str, Tensor]) -> str:
    for pattern, network in NETWORKS:
        if not any(pattern.search(name) for name in tensors):
            continue
        wide = any(len(t.shape) == 4 and t.shape[2] > 1 for name, t in tensors.items() if DOWN.search(name))
        return "locon" if network == "lora" and wide else network
    return "none"


def _encoder(name: str) -> str:
    """The text encoder that a tensor belongs to, '' for none."""
    return next((encoder for encoder, pattern in ENCODERS if pattern.match(name)), "")


def _form(tensors: Mapping[str, Tensor]) -> str:
    if any(name.startswith(("lora_unet_", "lora_te", "lycoris_")) for name in tensors):
        return "kohya"
    return "peft" if any(".lora_A." in name or "lora_magnitude_vector" in name for name in tensors) else "diffusers"


def _problem(base: Base, network: str, tensors: Mapping[str, Tensor]) -> str:
    if network == "none":
        return "it is no LoRA"
    if base not in ("sdxl", "unknown"):
        return f"it was made for {FAMILIES[base]}, not for SDXL"
    if token_width(tensors) == REFINER_WIDTH:
        return "it was made for the SDXL refiner, which the studio does not use"
    if base == "unknown" and not any(IN_UNET.search(name) or _encoder(name) for name in tensors):
        return f"its layers are not those of SDXL (e.g. '{plain(min(tensors))}')"
    if network == "dora":
        return "it is a DoRA, whose magnitudes the studio does not support"
    if network not in LOADED:
        return f"it is a network of the kind '{network}', which the studio does not support"
    return ""


def _alpha(path: Path, header: Header) -> float | None:
    for name, tensor in header.tensors.items():
        if name.endswith(".alpha"):
            return scalar(path, tensor)
    said = header.metadata
    try:
        if "lora_adapter_metadata" in said:  # written by diffusers beside PEFT's tensors, which have no alpha
            found = json.loads(said["lora_adapter_metadata"])
            return next((float(v) for k, v in found.items() if k.endswith("lora_alpha")), None)
        return float(said["ss_network_alpha"])
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else None
