"""`configs/sdxl_config.yaml`: which SDXL, its quality presets, few-step LoRAs and IP-Adapter."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from configs.image_tables import table_file
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


def load_sdxl_config(settings: Settings) -> SdxlConfig:
    """Raises UsageError that names the place of what is wrong."""
    return read_table(table_file(settings, "sdxl_config"), SdxlConfig, "SDXL table", (FewStep, Preset, IpAdapter))
