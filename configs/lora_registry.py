"""`configs/lora_registry.yaml`: the LoRAs that the studio may use, and when."""

from __future__ import annotations

import difflib
import math
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from configs.image_tables import table_file
from configs.settings import Settings
from configs.yaml_file import read_table, refuse_name

Category = Literal["character", "background", "style"]
MAX_WORD = 200
"""Characters of a trigger, or of a word that calls for a LoRA."""
BLOCK_PARTS = {"unet": ("down", "mid", "up"), "text_encoder": (), "text_encoder_2": ()}
"""What diffusers' set_adapters takes strengths for, and what of it may have blocks or layers of its own."""
STRENGTHS = (-2.0, 2.0)


class LoraSpec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    category: Category
    path: str
    """.safetensors file, below the warehouse unless absolute."""
    sha256: str = ""
    """64 hex digits; '' = not checked; `studio models scan` writes it."""
    triggers: tuple[str, ...] = ()
    """Words that must be in the prompt; the studio puts them there."""
    weight: float = Field(0.8, ge=-2, le=2, allow_inf_nan=False)
    min_weight: float = Field(0.0, ge=-2, le=2, allow_inf_nan=False)
    max_weight: float = Field(1.2, ge=-2, le=2, allow_inf_nan=False)
    base: Literal["sdxl"] = "sdxl"
    words: tuple[str, ...] = ()
    """What in a wish calls for it: names of characters, styles or places; () = its own name."""
    blocks: dict[str, Any] = {}
    """Strength per block as in diffusers' set_adapters."""
    about: str = ""

    @field_validator("path")
    @classmethod
    def _safe(cls, path: str) -> str:
        return safetensors_path(path)

    @field_validator("sha256")
    @classmethod
    def _hash(cls, text: str) -> str:
        return sha256_text(text)

    @field_validator("triggers", "words")
    @classmethod
    def _said(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if not word.strip() or len(word) > MAX_WORD or not word.isprintable():
                raise ValueError(f"{word[:80]!r} is no word: it takes up to {MAX_WORD} characters in one line")
        return words

    @field_validator("blocks")
    @classmethod
    def _strengths(cls, blocks: dict[str, Any]) -> dict[str, Any]:
        _check_blocks(blocks)
        return blocks

    @model_validator(mode="after")
    def _ordered(self) -> LoraSpec:
        if self.min_weight > self.max_weight:
            raise ValueError(f"min_weight {self.min_weight:g} is above max_weight {self.max_weight:g}")
        if not self.min_weight <= self.weight <= self.max_weight:
            raise ValueError(
                f"weight {self.weight:g} is not between min_weight {self.min_weight:g} and max_weight "
                f"{self.max_weight:g}"
            )
        return self


class LoraRegistry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    loras: dict[str, LoraSpec] = {}

    @field_validator("loras", mode="before")
    @classmethod
    def _none_left(cls, loras: Any) -> Any:
        """A key whose entries were all taken out."""
        return {} if loras is None else loras


def load_loras(settings: Settings) -> LoraRegistry:
    """Raises UsageError that names the place of what is wrong."""
    file = table_file(settings, "lora_registry")
    registry = read_table(file, LoraRegistry, "LoRA registry", (LoraSpec,))
    for name in registry.loras:
        refuse_name(name, file)
    return registry


def safetensors_path(path: str) -> str:
    """`path`, when it is that of a .safetensors file. Raises ValueError."""
    if not path.lower().endswith(".safetensors"):
        raise ValueError(f"'{path[:200]}' is no .safetensors file; other formats can run code when opened")
    return path


def sha256_text(text: str) -> str:
    """A hash in lower case; '' stays ''. Raises ValueError."""
    if text and not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError(f"a hash (SHA-256) has 64 hex digits, got {len(text)} characters: {text[:80]!r}")
    return text.lower()


def _check_blocks(blocks: dict[str, Any]) -> None:
    for part, strength in blocks.items():
        if part not in BLOCK_PARTS:
            near = difflib.get_close_matches(part, BLOCK_PARTS, n=1, cutoff=0.4)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(BLOCK_PARTS)}"
            raise ValueError(f"there is no part '{part[:80]}' of SDXL; {hint}")
        if not isinstance(strength, dict):
            _check_strength(part, strength)
            continue
        for name, inner in strength.items():
            if name not in BLOCK_PARTS[part]:
                known = ", ".join(BLOCK_PARTS[part]) or "no parts: give it one number"
                raise ValueError(f"{part} has no part '{str(name)[:80]}'; it has {known}")
            _check_strength(f"{part}.{name}", inner)


def _check_strength(where: str, strength: Any) -> None:
    """A number, a list of them (one per layer), or a table of block_0, block_1, ... of either."""
    if isinstance(strength, dict):
        for name, inner in strength.items():
            if not re.fullmatch(r"block_\d+", str(name)):
                raise ValueError(f"{where} has no part '{str(name)[:80]}'; its parts are block_0, block_1, ...")
            _check_strength(f"{where}.{name}", inner)
    elif isinstance(strength, list):
        for inner in strength:
            _check_strength(where, inner)
    elif isinstance(strength, bool) or not isinstance(strength, int | float) or not math.isfinite(strength):
        raise ValueError(f"{where} needs a number, got {str(strength)[:80]!r}")
    elif not STRENGTHS[0] <= strength <= STRENGTHS[1]:
        raise ValueError(f"{where} must be from {STRENGTHS[0]:g} to {STRENGTHS[1]:g}, got {strength:g}")
