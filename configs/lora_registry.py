"""`configs/lora_registry.yaml`: the LoRAs that the studio may use, and when."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from configs.image_tables import table_file
from configs.settings import Settings
from configs.yaml_file import read_table, refuse_name

Category = Literal["character", "background", "style"]


class LoraSpec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    category: Category
    path: str
    """.safetensors file, below the warehouse unless absolute."""
    sha256: str = ""
    """'' = not checked; `studio models scan` writes it."""
    triggers: tuple[str, ...] = ()
    """Words that must be in the prompt; the studio puts them there."""
    weight: float = Field(0.8, ge=-2, le=2)
    min_weight: float = Field(0.0, ge=-2, le=2)
    max_weight: float = Field(1.2, ge=-2, le=2)
    base: Literal["sdxl"] = "sdxl"
    words: tuple[str, ...] = ()
    """What in a wish calls for it: names of characters, styles or places; () = its own name."""
    blocks: dict[str, Any] = {}
    """Strength per block as in diffusers' set_adapters."""
    about: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> LoraSpec:
        if not self.min_weight <= self.weight <= self.max_weight:
            raise ValueError(f"weight {self.weight} is not between {self.min_weight} and {self.max_weight}")
        return self


class LoraRegistry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    loras: dict[str, LoraSpec] = {}


def load_loras(settings: Settings) -> LoraRegistry:
    """Raises UsageError that names the place of what is wrong."""
    file = table_file(settings, "lora_registry")
    registry = read_table(file, LoraRegistry, "LoRA registry", (LoraSpec,))
    for name in registry.loras:
        refuse_name(name, file)
    return registry
