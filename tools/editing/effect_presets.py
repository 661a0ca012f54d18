"""The presets of `configs/effects.yaml`, checked once and shared."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from configs.settings import CONFIG_DIR
from configs.yaml_file import own_table
from tools.editing.presets import Preset


class MomentPresets(Preset):
    """What counts as a moment; see the comments in the file."""

    motion_prominence: float = Field(gt=0)
    motion_least: float = Field(gt=0)
    apart: float = Field(gt=0)
    still_share: float = Field(gt=0, lt=1)
    still_motion: float = Field(gt=0)
    still_seconds: float = Field(gt=0)
    loud_rise: float = Field(gt=0)
    loud_over_median: float = Field(ge=0)
    silence_below: float = Field(gt=0)
    silence_most: float = Field(lt=0)
    silence_seconds: float = Field(gt=0)
    noise_above: float = Field(gt=0)
    noise_far: float = Field(gt=0)
    reaction_within: float = Field(gt=0)
    reaction_closer: float = Field(gt=1)
    reaction_face: float = Field(gt=0, lt=1)
    repeat_colours: float = Field(gt=0, le=1)
    repeat_composition: float = Field(gt=0, le=1)
    repeat_seconds: float = Field(ge=0)


class EffectPresets(Preset):
    moments: MomentPresets


@cache
def effect_presets() -> EffectPresets:
    """Thresholds of moments, and the words of effects."""
    return EffectPresets.model_validate(own_table(CONFIG_DIR / "effects.yaml"))
