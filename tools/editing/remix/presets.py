"""The styles of `configs/remix.yaml`, checked once and shared."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from backends.media.cielab import lab_of
from backends.media.cube import Table, identity
from configs.settings import CONFIG_DIR
from configs.yaml_file import own_table
from tools.editing.effects.reading import make_effect
from tools.editing.remix.grade import Grade, Hex

Captions = Literal["keep", "cards", "boxes"]
Bed = Literal["", "hiss", "crackle", "piano"]


class Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Style(Checked):
    """All that makes a style."""

    about: str
    words: tuple[str, ...] = ()
    grade: Grade = Grade()
    texture: tuple[dict[str, Any], ...] = ()
    frame: Literal["", "4:3"] = ""
    """Shape of the picture, with bars at its sides."""
    shot_seconds: float = Field(0.0, ge=0, le=60)
    """What its shots usually last; 0 = anything."""
    sound: tuple[dict[str, Any], ...] = ()
    mute: bool = False
    bed: Bed = ""
    """A sound under the film that the studio makes."""
    captions: Captions = "keep"
    """What happens to words: cards between the shots, boxes on the picture."""

    @field_validator("texture", "sound")
    @classmethod
    def _known(cls, effects: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for each in effects:
            make_effect(each)
        return effects


class Word(Checked):
    """What one word does to a look."""

    light: float = Field(0.0, ge=-40, le=40)
    contrast: float = Field(0.0, ge=-25, le=25)
    saturation: float = Field(1.0, ge=0, le=2)
    colour: Hex | None = None
    texture: tuple[dict[str, Any], ...] = ()


class Gates(Checked):
    nearer: float = Field(ge=0, le=1)
    near: float = Field(ge=0)


class RemixPresets(Checked):
    presets: dict[str, Style]
    palettes: dict[str, tuple[Hex, ...]]
    words: dict[str, Word]
    same: dict[str, str]
    """Words that mean one of `words` or a colour."""
    gates: Gates

    @model_validator(mode="after")
    def _palettes_exist(self) -> RemixPresets:
        used = {str(step.get("palette", "")) for style in self.presets.values() for step in style.texture}
        if missing := used - set(self.palettes) - {""}:
            raise ValueError(f"there is no palette {', '.join(missing)}")
        return self


@cache
def remix_presets() -> RemixPresets:
    """Styles, palettes, words and gates."""
    return RemixPresets.model_validate(own_table(CONFIG_DIR / "remix.yaml"))


@cache
def palette_table(name: str) -> Table:
    """A table that gives every colour the nearest one of a palette, in CIELAB."""
    colours = remix_presets().palettes[name]
    palette = np.array([[int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)] for code in colours])
    table = identity()
    away = lab_of(table)[..., None, :] - lab_of(palette)
    nearest = (away**2).sum(axis=-1).argmin(axis=-1)
    return np.asarray(palette[nearest], np.float64)
