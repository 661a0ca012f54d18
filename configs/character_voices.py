"""`configs/character_voices.yaml`: what speaks for a character, beyond what the studio's memory holds of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from configs.settings import CONFIG_DIR, Settings
from configs.tts_config import Part, VoiceEngineName, voice_table
from configs.yaml_file import read_table

PROSODY = ("pitch", "range", "rate", "level_db", "tilt_db", "formants")
"""Fields that a character may set for good; units as in configs/emotions.yaml."""


class VoiceRecording(Part):
    path: str = Field(min_length=1)
    """A sound of 3 to 10 s: absolute, from your folder (~), or below the warehouse."""
    text: str = ""
    language: str = ""


class VoiceWeights(Part):
    """Of GPT-SoVITS; '' = its base weights."""

    gpt: str = ""
    sovits: str = ""


class VoiceConsent(Part):
    """As `clone_voice` keeps it with a character."""

    basis: Literal["own_voice", "written_consent", "spoken_consent", "licensed_recording", "synthetic_voice"]
    person: str = ""
    scope: str = ""
    date: str = ""


class StandIn(Part):
    """The voice of the built-in engine; what is not set comes from the description."""

    age: Literal["", "child", "teen", "adult", "elder"] = ""
    gender: Literal["", "male", "female", "neutral"] = ""
    species: str = ""
    pitch: float | None = Field(None, ge=-12, le=12, allow_inf_nan=False)
    """Semitones."""
    rate: float | None = Field(None, ge=0.5, le=2, allow_inf_nan=False)
    timbre: float | None = Field(None, ge=-1, le=1, allow_inf_nan=False)
    seed: int | None = Field(None, ge=0)

    def fields(self) -> dict[str, Any]:
        return {name: value for name, value in self.model_dump().items() if value not in (None, "")}


class Recipe(Part):
    """How the voice is trained once there are recordings; docs/voices.md walks through it."""

    recordings: str
    """What to record or collect."""
    minutes: float = Field(10.0, gt=0)
    version: Literal["v2", "v2Pro", "v2ProPlus", "v3", "v4"] = "v2ProPlus"
    sovits_epochs: int = Field(8, ge=1, le=100)
    gpt_epochs: int = Field(15, ge=1, le=100)
    emotions: tuple[str, ...] = ("neutral",)
    """One reference each."""

    @field_validator("emotions")
    @classmethod
    def _known(cls, emotions: tuple[str, ...]) -> tuple[str, ...]:
        for emotion in emotions:
            _refuse_unknown("emotion", emotion, emotion_names())
        return emotions


class CharacterVoice(Part):
    description: str = ""
    """For characters that memory does not know."""
    language: str = ""
    engine: VoiceEngineName | Literal[""] = ""
    """Preferred; '' = by language."""
    weights: VoiceWeights = VoiceWeights()
    references: dict[str, VoiceRecording] = {}
    """By emotion; 'neutral' serves all that have none of their own."""
    voice: StandIn = StandIn()
    prosody: dict[str, float] = {}
    """Laid over every cloned line."""
    licence: str = ""
    consent: VoiceConsent | None = None
    recipe: Recipe | None = None

    @field_validator("references")
    @classmethod
    def _emotions(cls, references: dict[str, VoiceRecording]) -> dict[str, VoiceRecording]:
        for emotion in references:
            _refuse_unknown("emotion", emotion, emotion_names())
        return references

    @field_validator("prosody")
    @classmethod
    def _prosody(cls, prosody: dict[str, float]) -> dict[str, float]:
        for name in prosody:
            _refuse_unknown("prosody", name, PROSODY)
        return prosody

    @model_validator(mode="after")
    def _whole(self) -> CharacterVoice:
        if (self.weights.gpt or self.weights.sovits) and not self.references:
            raise ValueError("it has weights and no references: GPT-SoVITS needs a recording with them")
        if self.references and self.consent is None and not self.licence:
            raise ValueError("it has recordings, and neither a licence nor a consent says that they may be used")
        return self


class CharacterVoices(Part):
    characters: dict[str, CharacterVoice] = {}

    @field_validator("characters", mode="before")
    @classmethod
    def _none_left(cls, characters: Any) -> Any:
        """A key whose entries were all taken out."""
        return {} if characters is None else characters

    def find(self, *names: str) -> tuple[str, CharacterVoice] | None:
        """The name as written and the entry of the first of `names` that has one; case does not count."""
        by_name = {_plain(name): (name, entry) for name, entry in self.characters.items()}
        return next((by_name[_plain(name)] for name in names if _plain(name) in by_name), None)


def load_character_voices(settings: Settings) -> CharacterVoices:
    """Raises UsageError that names the place of what is wrong."""
    path = voice_table(settings, "character_voices")
    return _read(path, path.stat().st_mtime_ns)


def has_own_voices(settings: Settings) -> bool:
    """Whether the user wrote a table of their own, which then counts before descriptions."""
    return voice_table(settings, "character_voices").parent != CONFIG_DIR


@cache
def emotion_names() -> tuple[str, ...]:
    """From configs/emotions.yaml."""
    loaded = yaml.safe_load((CONFIG_DIR / "emotions.yaml").read_text(encoding="utf-8"))
    return tuple(loaded["prosody"])


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> CharacterVoices:
    parts = (CharacterVoice, VoiceRecording, VoiceWeights, VoiceConsent, StandIn, Recipe)
    return read_table(path, CharacterVoices, "table of characters' voices", parts)


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _refuse_unknown(what: str, name: str, known: Iterable[str]) -> None:
    names = tuple(known)
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'" if near else f"known are {', '.join(names)}"
    raise ValueError(f"there is no {what} '{name}'; {hint}")
