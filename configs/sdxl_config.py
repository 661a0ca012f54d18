"""`configs/sdxl_config.yaml`: which SDXL, its quality presets, few-step LoRAs and IP-Adapter."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from configs.image_tables import table_file
from configs.lora_registry import safetensors_path, sha256_text
from configs.settings import Settings
from configs.yaml_file import read_table

Scheduler = Literal[
    "",
    "euler",
    "euler_trailing",
    "euler_ancestral",
    "dpmpp_2m",
    "dpmpp_2m_karras",
    "unipc",
    "ddim_trailing",
    "lcm",
    "tcd",
]


QUALITIES: tuple[Literal["draft", "standard", "final"], ...] = ("draft", "standard", "final")
LAST_TIMESTEP = 999
"""SDXL was trained on 1000 of them."""


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FewStep(Part):
    """A distilled LoRA that needs a handful of steps and no guidance."""

    lora: str
    """Path of its .safetensors file, below the warehouse unless absolute."""
    sha256: str = ""
    weight: float = Field(1.0, gt=0, le=2)
    steps: int = Field(ge=1, le=16)
    guidance: float = Field(1.0, ge=0, le=3)
    scheduler: Scheduler = "euler_trailing"
    timesteps: tuple[int, ...] = ()
    """Fixed timesteps in place of the scheduler's own (DMD2: 999, 749, 499, 249)."""

    @field_validator("lora")
    @classmethod
    def _safe(cls, path: str) -> str:
        return safetensors_path(path)

    @field_validator("sha256")
    @classmethod
    def _hash(cls, text: str) -> str:
        return sha256_text(text)

    @model_validator(mode="after")
    def _falling(self) -> FewStep:
        times = self.timesteps
        if times and len(times) != self.steps:
            raise ValueError(f"it has {self.steps} steps, but {len(times)} timesteps")
        if any(not 0 <= time <= LAST_TIMESTEP for time in times) or list(times) != sorted(set(times), reverse=True):
            raise ValueError(f"timesteps fall, from at most {LAST_TIMESTEP} to at least 0")
        return self


class Preset(Part):
    """One quality: its few-step LoRA when the file is there, else its own steps."""

    steps: int = Field(ge=1, le=150)
    guidance: float = Field(ge=0, le=30)
    scheduler: Scheduler = ""
    """'' = the model's own."""
    few_step: tuple[str, ...] = ()
    """Names in `few_step`, the best first; the first whose file exists is used."""


class IpAdapter(Part):
    path: str = ""
    """.safetensors file of IP-Adapter (plus) for SDXL; '' = none."""
    image_encoder: str = ""
    """Folder of the CLIP image encoder that belongs to it."""
    scale: float = Field(0.6, ge=0, le=1.5)


class SdxlConfig(Part):
    vae: str = ""
    """A VAE in place of the model's own (the fp16 fix): diffusers folder or .safetensors; '' = the model's own."""
    qualities: dict[Literal["draft", "standard", "final"], Preset]
    few_step: dict[str, FewStep] = {}
    ip_adapter: IpAdapter = IpAdapter()
    fuse_from: int = Field(8, ge=2)
    """Batches of at least so many pictures with the same LoRAs have them fused."""
    lora_sum_warning: float = Field(1.5, gt=0)
    """Weights that sum up to more than this usually break a picture."""

    @model_validator(mode="after")
    def _named(self) -> SdxlConfig:
        for quality in QUALITIES:
            if quality not in self.qualities:
                raise ValueError(f"qualities has no '{quality}'")
        for quality, preset in self.qualities.items():
            for name in preset.few_step:
                if name not in self.few_step:
                    known = ", ".join(self.few_step) or "empty"
                    raise ValueError(f"qualities.{quality}.few_step names '{name[:80]}'; the table few_step is {known}")
        return self


def load_sdxl_config(settings: Settings) -> SdxlConfig:
    """Raises UsageError that names the place of what is wrong."""
    return read_table(table_file(settings, "sdxl_config"), SdxlConfig, "SDXL table", (FewStep, Preset, IpAdapter))
