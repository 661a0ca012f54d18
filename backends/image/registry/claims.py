"""What a header claims of its model: `modelspec.*`, kohya's `ss_*`. Claims are checked against the tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from backends.image.registry.header import plain

Base = Literal["sdxl", "sd15", "sd2", "flux", "sd3", "unknown"]
KEYS = ("modelspec.architecture", "ss_base_model_version", "ss_v2", "ss_sd_model_name")
"""From the most to the least telling one (ModelSpec 1.0.1; kohya-ss sd-scripts, library/train_util.py)."""
SAYINGS: tuple[tuple[tuple[str, ...], Base], ...] = (
    (("stable-diffusion-xl", "sdxl", "sd_xl", "illustrious", "ponydiffusion", "noobai"), "sdxl"),
    (("flux",), "flux"),
    (("stable-diffusion-3", "stable-diffusion-v3", "sd3"), "sd3"),
    (("stable-diffusion-v2", "stable-diffusion-2", "sd_v2", "sd_2"), "sd2"),
    (("stable-diffusion-v1", "stable-diffusion-1", "sd_v1", "sd_1.5", "sd1.5", "sd15"), "sd15"),
)


def base_claimed(metadata: Mapping[str, str]) -> tuple[Base, str]:
    """The base that the header claims and its own words for it; ('unknown', '') when it claims none."""
    words = ""
    for key in KEYS:
        said = plain(metadata.get(key), 80)
        if not said:
            continue
        if key == "ss_v2":
            if said.lower() == "true":
                return "sd2", "ss_v2: True"
            continue
        for sayings, base in SAYINGS:
            if any(saying in said.lower() for saying in sayings):
                return base, said
        words = words or ("" if key == "ss_sd_model_name" else said)
    return "unknown", words
