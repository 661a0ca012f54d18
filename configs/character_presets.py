"""`configs/character_presets.yaml`: what image generation knows of characters beyond the studio's memory."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from configs.image_tables import table_file
from configs.settings import Settings
from configs.yaml_file import read_table

EncoderName = Literal["auto", "arcface", "clip", "dinov2", "colour"]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IdentityPreset(Part):
    encoder: EncoderName = "auto"
    """'auto': the one that its calibration tells the character apart with best, of those that are installed."""
    threshold: float | None = Field(None, ge=-1, le=1, allow_inf_nan=False)
    """Of this encoder. None: the calibration's; 0.65 for ArcFace without one."""

    @model_validator(mode="after")
    def _of_one_encoder(self) -> IdentityPreset:
        if self.threshold is not None and self.encoder == "auto":
            raise ValueError("a threshold needs its encoder: the same figure means something else with another one")
        return self


class CharacterPreset(Part):
    lora: str = ""
    """Name in the LoRA registry; '' = what the registry finds by the character's name."""
    weight: float | None = Field(None, ge=-2, le=2, allow_inf_nan=False)
    description: str = ""
    """Put into the prompt with the character, when memory has none."""
    negative: str = ""
    """What must not appear beside this character."""
    references: tuple[str, ...] = ()
    """Pictures of the character: asset ids, or paths in the workspace."""
    use_references: bool = True
    """Give them to IP-Adapter when there is no LoRA."""
    identity: IdentityPreset = IdentityPreset()


class CharacterPresets(Part):
    characters: dict[str, CharacterPreset] = {}

    @field_validator("characters", mode="before")
    @classmethod
    def _none_left(cls, characters: Any) -> Any:
        """A key whose entries were all taken out."""
        return {} if characters is None else characters


def load_presets(settings: Settings) -> CharacterPresets:
    """Raises UsageError that names the place of what is wrong."""
    parts = (CharacterPreset, IdentityPreset)
    return read_table(table_file(settings, "character_presets"), CharacterPresets, "table of characters", parts)
