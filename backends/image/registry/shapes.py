"""Which model a LoRA belongs to, by the names and shapes of its tensors: what cannot be claimed wrongly.

The rules are those of InvokeAI (backend/model_manager/configs/lora.py): the width of the text tokens decides; without
it the place of transformer blocks in the UNet does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from backends.image.registry.claims import Base
from backends.image.registry.header import Tensor

FAMILIES: dict[Base, str] = {
    "sdxl": "SDXL", "sd15": "Stable Diffusion 1.5", "sd2": "Stable Diffusion 2", "flux": "Flux",
    "sd3": "Stable Diffusion 3", "unknown": "an unknown model",
}  # fmt: skip
WIDTHS: dict[int, Base] = {768: "sd15", 1024: "sd2", 2048: "sdxl"}
"""Numbers per text token in each model's cross-attention."""
IN_UNET = re.compile(r"(?:down_block|up_block|input_block|output_block|mid_block|middle_block)")
CROSS = re.compile(r"attn2[._](?:processor\.)?to_[kv][._]")
DEEP = re.compile(r"transformer_blocks[._](\d+)[._]")
FLUX = re.compile(r"(?:^|[._])(?:double_blocks|single_blocks|single_transformer_blocks)[._]\d")
SD3 = re.compile(r"(?:^|[._])joint_blocks[._]\d")
DIT = re.compile(r"^(?:transformer|lora_transformer)[._]transformer_blocks[._]\d+[._].*add_q_proj")
FLUX_WIDTHS = frozenset({3072})
SD3_WIDTHS = frozenset({1536, 2432})
"""Hidden widths: FLUX.1; SD3 and 3.5 medium, 3.5 large."""
SECOND_ENCODER = re.compile(r"^(?:lora_te2_|text_encoder_2\.)")
ONLY_ENCODER = re.compile(r"^lora_te_")
ENCODER_WIDTHS: dict[int, Base] = {768: "sd15", 1024: "sd2"}


def base_by_shapes(tensors: Mapping[str, Tensor]) -> Base:
    """The model whose layers these are, 'unknown' when they do not tell."""
    inside = [name for name in tensors if IN_UNET.search(name)]
    if inside:
        if (width := token_width(tensors)) is not None:
            return WIDTHS.get(width, "unknown")
        depths = [int(found[1]) for name in inside if (found := DEEP.search(name))]
        if max(depths, default=0) >= 2:  # the others have one transformer per block, SDXL up to ten
            return "sdxl"
        return "unknown"
    widths = Counter(_inputs(name, t) for name, t in tensors.items() if _inputs(name, t))
    common = {width for width, _ in widths.most_common(3)}
    if any(FLUX.search(name) for name in tensors):
        return "flux" if common & FLUX_WIDTHS or not common else "unknown"
    if any(SD3.search(name) or DIT.search(name) for name in tensors):
        return "sd3" if common & SD3_WIDTHS or not common else "unknown"
    return _by_encoders(tensors)


def token_width(tensors: Mapping[str, Tensor]) -> int | None:
    """Numbers per text token that the cross-attention layers take in; None when there are none."""
    found = Counter(
        width
        for name, t in tensors.items()
        if IN_UNET.search(name) and CROSS.search(name) and (width := _inputs(name, t))
    )
    if not found and (pairs := _lokr_widths(tensors)):
        found = Counter(pairs)
    return found.most_common(1)[0][0] if found else None


def _inputs(name: str, tensor: Tensor) -> int | None:
    """How many numbers go into the layer, by the tensor of a network's first half."""
    down = (
        "lora_down", "lora_A", "lora.down", "lora_linear_layer.down", "hada_w1_b",
    )  # fmt: skip
    if len(tensor.shape) >= 2 and any(part in name for part in down):
        return tensor.shape[1]
    return tensor.shape[1] if len(tensor.shape) == 2 and name.endswith(".diff") else None


def _lokr_widths(tensors: Mapping[str, Tensor]) -> Iterable[int]:
    """LoKr's weight is a Kronecker product: its inputs are those of both factors multiplied."""
    for name, first in tensors.items():
        if not (CROSS.search(name) and IN_UNET.search(name)) or not name.endswith((".lokr_w1", ".lokr_w1_b")):
            continue
        stem = name.rsplit(".", 1)[0]
        second = tensors.get(f"{stem}.lokr_w2") or tensors.get(f"{stem}.lokr_w2_b")
        if second is not None and len(first.shape) >= 2 and len(second.shape) >= 2:
            yield first.shape[1] * second.shape[1]


def _by_encoders(tensors: Mapping[str, Tensor]) -> Base:
    """A LoRA of text encoders alone."""
    if any(
        SECOND_ENCODER.match(name) and "encoder_block" not in name and ".encoder.block." not in name for name in tensors
    ):
        return "sdxl"
    widths = Counter(w for name, t in tensors.items() if ONLY_ENCODER.match(name) and (w := _inputs(name, t)))
    return ENCODER_WIDTHS.get(widths.most_common(1)[0][0], "unknown") if widths else "unknown"
