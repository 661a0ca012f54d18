"""Emotions as prosody: what changes in a voice, and by which names people ask for it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import yaml

from backends.voice.engine import EMOTIONS
from configs.errors import UsageError
from configs.settings import CONFIG_DIR


@dataclass(frozen=True)
class Prosody:
    """Changes against the neutral voice; the defaults change nothing. Units as in configs/emotions.yaml."""

    pitch: float = 0.0
    range: float = 1.0
    rate: float = 1.0
    level_db: float = 0.0
    tilt_db: float = 0.0
    formants: float = 1.0
    tremor_hz: float = 6.0
    tremor_cents: float = 0.0
    roughness: float = 0.0
    rough_hz: float = 50.0
    drive: float = 0.0
    whisper: float = 0.0
    glide: float = 0.0
    word_gap: float = 0.0


_FACTORS = frozenset({"range", "rate", "formants"})
_FREQUENCIES = frozenset({"tremor_hz", "rough_hz"})


@cache
def _config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CONFIG_DIR / "emotions.yaml").read_text(encoding="utf-8"))
    return loaded


@cache
def _synonyms() -> dict[str, str]:
    names = {emotion: emotion for emotion in EMOTIONS}
    for emotion, words in _config()["synonyms"].items():
        names.update(dict.fromkeys(words, emotion))
    return names


def prosody(emotion: str, intensity: float = 0.7) -> Prosody:
    """The prosody of `emotion` (one of EMOTIONS) at `intensity` 0..1: factors scale as powers, offsets linearly."""
    if emotion not in EMOTIONS:
        raise UsageError(f"There is no emotion '{emotion}'", fix=f"Choose one of: {', '.join(EMOTIONS)}")
    full = Prosody(**_config()["prosody"][emotion])
    share = min(1.0, max(0.0, intensity))
    values: dict[str, float] = {}
    for item in fields(Prosody):
        value = getattr(full, item.name)
        if item.name in _FACTORS:
            values[item.name] = value**share
        elif item.name in _FREQUENCIES:
            values[item.name] = value
        else:
            values[item.name] = value * share
    return Prosody(**values)


def emotion_named(word: str) -> str:
    """The one of EMOTIONS that `word` means ('happily', 'Scared', 'spaventata' -> 'afraid'); '' is neutral.

    Raises UsageError naming the nearest known word.
    """
    wanted = " ".join(word.casefold().split())
    if not wanted:
        return "neutral"
    names = _synonyms()
    for form in _forms(wanted):
        if form in names:
            return names[form]
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    known = ", ".join(EMOTIONS)
    raise UsageError(
        f"There is no emotion '{word}'",
        fix=f"Did you mean '{near[0]}'? Known are: {known}" if near else f"Choose one of: {known}",
    )


def _forms(word: str) -> list[str]:
    """The word itself, then its masculine singular where it looks like an Italian feminine or plural."""
    forms = [word]
    if word[-1] in "aei" and len(word) > 4:
        forms += [word[:-1] + "o", word[:-1] + "e"]
    return forms
