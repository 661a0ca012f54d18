"""Small .safetensors files with the tensor names and widths of real models, for all that reads headers only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

SDXL_WIDTH = 2048
KOHYA = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"
PEFT = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"

Shapes = Mapping[str, tuple[int, ...]]


def write_model(path: Path, shapes: Shapes, metadata: Mapping[str, str] | None = None, fill: float = 0.0) -> Path:
    """A file with tensors of these shapes (float16, alphas too), all numbers `fill`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: np.full(shape, fill, np.float16) for name, shape in shapes.items()}
    save_file(tensors, str(path), dict(metadata) if metadata else None)
    return path


def kohya(width: int = SDXL_WIDTH, rank: int = 4, stem: str = KOHYA) -> dict[str, tuple[int, ...]]:
    """A LoRA of one layer in kohya's names."""
    return {f"{stem}.lora_down.weight": (rank, width), f"{stem}.lora_up.weight": (640, rank), f"{stem}.alpha": ()}


def peft(width: int = SDXL_WIDTH, rank: int = 4) -> dict[str, tuple[int, ...]]:
    """A LoRA of one layer in PEFT's names."""
    return {f"{PEFT}.lora_A.weight": (rank, width), f"{PEFT}.lora_B.weight": (640, rank)}


def kohya_said(tags: Mapping[str, int], pictures: int, **more: str) -> dict[str, str]:
    """The header that kohya's scripts write."""
    return {
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_tag_frequency": json.dumps({"10_set": dict(tags)}),
        "ss_dataset_dirs": json.dumps({"10_set": {"n_repeats": 10, "img_count": pictures}}),
        **more,
    }


def raw_file(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    """A file with any header at all, also one that lies."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path
