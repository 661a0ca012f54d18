"""The presets of `configs/editing.yaml` and `configs/captions.yaml`, checked once and shared."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from configs.settings import CONFIG_DIR
from configs.yaml_file import own_table

GRADE_FILTERS = frozenset(
    {"hue", "eq", "colorchannelmixer", "negate", "gblur", "vignette", "unsharp", "colortemperature"}
)
"""Filters that a grade may use: none of them reads a file or evaluates text."""


COLOUR = "^#[0-9a-fA-F]{6}$"


class Preset(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EncodePreset(Preset):
    preset: str = Field(pattern="^[a-z]+$")
    crf: int = Field(ge=0, le=51)
    height: int = Field(0, ge=0, le=4320)
    """Largest height in pixels; 0 = as the timeline says."""


class EncodePresets(Preset):
    final: EncodePreset
    preview: EncodePreset
    encoder: Literal["auto", "software"]
    workers: int = Field(ge=1, le=16)
    chunk_seconds: float = Field(gt=0.5)
    reverse_mib: int = Field(ge=16)
    cache_mib: int = Field(ge=0)


class Duck(Preset):
    threshold: float = Field(gt=0, le=1)
    ratio: float = Field(ge=1, le=20)
    attack: float = Field(gt=0, le=2000)
    """Milliseconds, as `release`."""
    release: float = Field(gt=0, le=9000)


class MixPresets(Preset):
    under: frozenset[str]
    over: frozenset[str]
    duck: Duck
    edge_fade: float = Field(ge=0, le=0.1)
    peak_db: float = Field(ge=-20, le=0)


class GatePresets(Preset):
    loudness_tolerance: float = Field(gt=0)
    black_share: float = Field(gt=0, le=1)
    frozen_share: float = Field(gt=0, le=1)
    peak_dbtp: float = Field(ge=-20, le=6)
    cuts_found: float = Field(ge=0, le=1)


class SpeedRange(Preset):
    slowest: float = Field(gt=0)
    fastest: float = Field(le=100)


class EditingPresets(Preset):
    encode: EncodePresets
    mix: MixPresets
    gates: GatePresets
    speed: SpeedRange
    grades: dict[str, list[dict[str, dict[str, float]]]]

    @field_validator("grades")
    @classmethod
    def _known_filters(
        cls, grades: dict[str, list[dict[str, dict[str, float]]]]
    ) -> dict[str, list[dict[str, dict[str, float]]]]:
        for look, steps in grades.items():
            for step in steps:
                if len(step) != 1 or not set(step) <= GRADE_FILTERS:
                    raise ValueError(f"grade '{look}' may use one of {', '.join(sorted(GRADE_FILTERS))} per step")
                if not all(key.isalnum() for values in step.values() for key in values):
                    raise ValueError(f"grade '{look}' has an option that is no name")
        return grades


class CaptionStyle(Preset):
    weight: Literal["Regular", "Italic", "SemiBold", "Bold", "BoldItalic", "ExtraBold"]
    family: str = Field(pattern=r"^[A-Za-z0-9 ]+$")
    """The name of that weight inside the font file, as libass looks for it."""
    uppercase: bool = False
    largest: float = Field(gt=0, le=0.5)
    """Height of a line as a share of the frame's height, as `smallest`."""
    smallest: float = Field(gt=0, le=0.5)
    lines: int = Field(ge=1, le=12)
    """As many lines as possible before the text gets smaller."""
    width: float = Field(gt=0.1, le=1)
    """Share of the frame's width for the text."""
    margin: float = Field(ge=0, le=0.4)
    """Distance from the frame's edge as a share of its height."""
    outline: float = Field(ge=0, le=0.3)
    """As a share of the line's height, as `shadow`."""
    shadow: float = Field(ge=0, le=0.3)
    colour: str = Field("#ffffff", pattern=COLOUR)
    edge: str = Field("#000000", pattern=COLOUR)
    """Of the outline."""
    ground: str = Field("", pattern=f"{COLOUR}|^$")
    """Of a box behind each line; '' = none. `outline` is then how far the box reaches over the letters."""
    ground_opacity: float = Field(1.0, ge=0, le=1)
    home: Literal["bottom", "bottom_left", "center"] = "bottom"
    """Where it stands unless the caption says 'top' or 'center'."""
    reveal: Literal["", "words", "letters"] = ""
    """words: each is coloured as it is said; letters: they appear one after the other."""
    waiting: str = Field("#ffffff", pattern=COLOUR)
    """Colour of words that were not said yet."""
    fade: float = Field(0.0, ge=0, le=5)
    """Seconds of its fade in and out."""
    pop: bool = False
    """Whether it jumps at the viewer."""
    tilt: float = Field(0.0, ge=-20, le=20)
    """Degrees, against the clock."""


class CaptionPresets(Preset):
    characters: int = Field(ge=1)
    """Longest text of one caption."""
    fallback_fonts: dict[str, str]
    """Family -> file, for letters that the packaged font lacks; files that are not there are passed over."""
    styles: dict[str, CaptionStyle]


@cache
def editing_presets() -> EditingPresets:
    """Grades, encoder, mix and gates."""
    return EditingPresets.model_validate(own_table(CONFIG_DIR / "editing.yaml"))


@cache
def caption_presets() -> CaptionPresets:
    """Caption styles and fonts."""
    return CaptionPresets.model_validate(own_table(CONFIG_DIR / "captions.yaml"))
