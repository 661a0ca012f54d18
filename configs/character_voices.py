"""`configs/character_voices.yaml`: what speaks for a character, beyond what the studio's memory holds of it."""

from __future__ import annotations

import datetime
import difflib
import math
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from configs.settings import CONFIG_DIR, Settings
from configs.tts_config import Part, VoiceEngineName, voice_table
from configs.yaml_file import own_table, read_table

PROSODY = {
    "pitch": (-12.0, 12.0), "range": (0.0, 4.0), "rate": (0.5, 2.0), "level_db": (-24.0, 12.0),
    "tilt_db": (-24.0, 24.0), "formants": (0.7, 1.4),
}  # fmt: skip
"""Fields that a character may set for good and between what; units as in configs/emotions.yaml."""
LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
LONGEST_NAME = 80


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

    @field_validator("date", mode="before")
    @classmethod
    def _as_text(cls, date: Any) -> Any:
        """2026-11-20 without quotes is a date to YAML."""
        return date.isoformat() if isinstance(date, datetime.date) else date


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

    @field_validator("language")
    @classmethod
    def _tag(cls, language: str) -> str:
        if language and not LANGUAGE.fullmatch(language):
            raise ValueError(f"'{language[:40]}' is no language; give a tag such as it or en-gb")
        return language

    @field_validator("references")
    @classmethod
    def _emotions(cls, references: dict[str, VoiceRecording]) -> dict[str, VoiceRecording]:
        for emotion in references:
            _refuse_unknown("emotion", emotion, emotion_names())
        return references

    @field_validator("prosody")
    @classmethod
    def _prosody(cls, prosody: dict[str, float]) -> dict[str, float]:
        for name, value in prosody.items():
            _refuse_unknown("prosody", name, PROSODY)
            least, most = PROSODY[name]
            if not (math.isfinite(value) and least <= value <= most):
                raise ValueError(f"'{name}' must be a number from {least:g} to {most:g}, got '{value:g}'")
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

    @field_validator("characters")
    @classmethod
    def _names(cls, characters: dict[str, CharacterVoice]) -> dict[str, CharacterVoice]:
        seen: dict[str, str] = {}
        for name in characters:
            if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
                raise ValueError(f"{name[:40]!r} is no name; a name is one line of up to {LONGEST_NAME} letters")
            if (other := seen.get(_plain(name))) is not None:
                raise ValueError(f"'{other}' and '{name}' are one name, as case does not count")
            seen[_plain(name)] = name
        return characters

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
    loaded = own_table(CONFIG_DIR / "emotions.yaml")
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
