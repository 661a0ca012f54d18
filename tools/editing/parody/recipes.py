"""The comedic structures of `configs/parody.yaml`, checked once and shared."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from backends.sound.foley import SOUNDS
from configs.settings import CONFIG_DIR
from configs.yaml_file import own_table
from tools.editing.moments import MomentKind
from tools.editing.presets import Preset
from tools.editing.specs import CaptionStyleName

Role = Literal["setup", "turn", "payoff", "callback"]
Show = Literal["play", "freeze", "slow", "again", "reverse", "card"]
Spot = Literal["start", "moment", "end", "line_end"]
Bed = Literal["pad", "trailer", "dread", "ragtime", "cheerful", "newsroom", "lounge", "room", "crowd"]
FEATURES = (
    "calm",
    "motion",
    "one_peak",
    "many_peaks",
    "lead_up",
    "long_takes",
    "many_cuts",
    "short",
    "quiet",
    "silent",
    "loud",
    "speech",
    "no_speech",
    "beats",
    "faces",
    "reactions",
    "repetition",
    "dark",
)
"""What is measured of a clip before a recipe is chosen, each 0-1 (see `material.features`)."""


class SlotSound(Preset):
    """A sound effect of a slot."""

    name: str
    at: Spot = "start"
    gain_db: float = Field(0.0, ge=-40, le=6)
    fill: bool = False
    """Whether it lasts as long as the slot."""

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in SOUNDS:
            raise ValueError(f"there is no sound '{name}'")
        return name


class Slot(Preset):
    """One beat of a recipe: which moment it shows, how, and what is said over it."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    role: Role
    show: Show
    moment: str = ""
    """'turn', or a slot seen before whose moment is meant; '<slot>_end' is the last frame that it showed."""
    takes: tuple[MomentKind | Literal["any"], ...] = ()
    """Kinds of moment that will do, the best first; 'any' takes the stillest or liveliest place there is."""
    place: Literal["before", "after", "any"] = "any"
    """Side of the turn on which a moment of its own must lie in the film."""
    lands: Literal["start", "middle", "end"] = "middle"
    lead: float = Field(0.0, ge=0, le=10)
    """Seconds from the slot's first frame to the moment, for 'middle'; 0 = half of it."""
    window: float = Field(1.0, gt=0, le=10)
    """Seconds of film that a slow slot stretches."""
    speed: float = Field(1.0, ge=0.25, le=4)
    times: int = Field(1, ge=1, le=5)
    """How often 'again' shows the moment."""
    repeats: int = Field(1, ge=1, le=12)
    """With how many different moments the slot may be filled in a row."""
    seconds: tuple[float, float, float]
    """Shortest, natural and longest."""
    line: str = ""
    """Which entry of prompts/parody/lines.yaml is spoken."""
    voice: str = ""
    wait: float = Field(0.0, ge=0, le=5)
    """Seconds before the line begins, so that a sound at the start is heard first."""
    text: str = ""
    style: CaptionStyleName = "subtitle"
    position: Literal["bottom", "top", "center"] = "bottom"
    at: Literal["start", "moment"] = "start"
    """When the text appears."""
    ground: str = Field("#000000", pattern=r"^#[0-9a-f]{6}$")
    sounds: tuple[SlotSound, ...] = ()
    effects: tuple[dict[str, Any], ...] = ()
    grade: tuple[dict[str, Any], ...] | None = None
    """Instead of the recipe's."""
    plain: bool = False
    """Without the recipe's effects."""
    original: Literal["keep", "duck", "mute", ""] = ""
    """The clip's own sound, instead of the recipe's."""
    music: bool = True

    @model_validator(mode="after")
    def _one_source(self) -> Slot:
        if self.show == "card":
            if self.moment or self.takes:
                raise ValueError(f"slot '{self.id}' is a card and shows no moment")
        elif bool(self.moment) == bool(self.takes):
            raise ValueError(f"slot '{self.id}' needs either `moment` or `takes`")
        low, natural, high = self.seconds
        if not 0.4 <= low <= natural <= high:
            raise ValueError(f"slot '{self.id}' has lengths out of order")
        return self


class Music(Preset):
    bed: Bed
    gain_db: float = Field(-8.0, ge=-40, le=0)


class Recipe(Preset):
    """A comedic structure."""

    about: str
    tones: dict[str, float]
    likes: dict[str, float]
    """Feature -> weight: what makes a clip fit."""
    needs: dict[str, float]
    """Feature -> least value, without which the structure falls flat."""
    voices: dict[str, str]
    """Who speaks -> how that person sounds."""
    speaks: dict[str, Any]
    original: Literal["keep", "duck", "mute"] | float
    """What becomes of the clip's own sound; a number is a gain in dB."""
    grade: tuple[dict[str, Any], ...] = ()
    effects: tuple[dict[str, Any], ...] = ()
    music: Music | None = None
    air: Music | None = None
    """What the place sounds like under all of it, instead of the table's own."""
    call_back: str
    slots: tuple[Slot, ...]

    @model_validator(mode="after")
    def _sound(self) -> Recipe:
        known = set(FEATURES)
        if not (set(self.likes) <= known and set(self.needs) <= known):
            raise ValueError(f"unknown features: {sorted((set(self.likes) | set(self.needs)) - known)}")
        turns = [slot for slot in self.slots if slot.role == "turn"]
        if len(turns) != 1 or not turns[0].takes or turns[0].id != "turn":
            raise ValueError("a recipe has exactly one slot `turn` that takes a moment of its own")
        names = [slot.id for slot in self.slots]
        if len(set(names)) != len(names):
            raise ValueError("two slots have the same id")
        roles = [slot.role for slot in self.slots]
        if roles[0] != "setup" or "payoff" not in roles or "callback" not in roles:
            raise ValueError("a recipe begins with a set-up and has a pay-off and a call-back")
        for number, slot in enumerate(self.slots):
            base = slot.moment.removesuffix("_end")
            if slot.moment and base != "turn" and base not in names[:number]:
                raise ValueError(f"slot '{slot.id}' looks back at '{slot.moment}', which comes later")
            if slot.voice and slot.voice not in self.voices:
                raise ValueError(f"slot '{slot.id}' has an unknown voice")
        return self

    @property
    def turn(self) -> Slot:
        return next(slot for slot in self.slots if slot.role == "turn")


class Reading(Preset):
    characters_per_second: float = Field(gt=5)
    shortest: float = Field(gt=0)
    tail: float = Field(ge=0)


class VoiceTiming(Preset):
    delay: float = Field(ge=0)
    tail: float = Field(ge=0)
    breath: float = Field(ge=0)
    """Seconds after the film's last word, before it ends."""
    above: float = Field(ge=0)
    """By how many dB a line is above each sound that goes on under it."""
    gain_db: float


class Span(Preset):
    shortest: float = Field(gt=0)
    longest: float = Field(gt=0)


class ParodyPresets(Preset):
    reading: Reading
    voice: VoiceTiming
    seconds: Span
    air: Music
    tones: dict[str, tuple[str, ...]]
    recipes: dict[str, Recipe]

    @model_validator(mode="after")
    def _tones(self) -> ParodyPresets:
        for name, recipe in self.recipes.items():
            if not set(recipe.tones) <= set(self.tones):
                raise ValueError(f"recipe '{name}' has an unknown tone")
        return self

    def line_delay(self, slot: Slot) -> float:
        """Seconds from a slot's first frame to the first word of its line."""
        return self.voice.delay + slot.wait

    def needed(self, text: str) -> float:
        """Seconds that a reader needs for a text."""
        letters = len(" ".join(text.split()))
        return max(self.reading.shortest, letters / self.reading.characters_per_second + self.reading.tail)


@cache
def parody_presets() -> ParodyPresets:
    """Recipes, tones and reading times."""
    return ParodyPresets.model_validate(own_table(CONFIG_DIR / "parody.yaml"))


def tone_of(words: str) -> str:
    """The tone that a description names; '' for none or an unknown one. The earliest word wins."""
    plain = unicodedata.normalize("NFC", words.casefold())
    for word in re.findall(r"[^\W\d_]+", plain):
        for tone, names in parody_presets().tones.items():
            if word in names:
                return tone
    return ""
