"""Emotions as prosody: what changes in a voice, and by which names people ask for it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

from backends.voice.emotions.names import EMOTIONS
from configs.errors import UsageError
from configs.settings import CONFIG_DIR
from configs.yaml_file import own_table


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
    final: float = 0.0
    accent: float = 0.0
    stretch: float = 1.0


_FACTORS = frozenset({"range", "rate", "formants", "stretch"})
_FREQUENCIES = {"tremor_hz": "tremor_cents", "rough_hz": "roughness"}
_ONE_WAY = frozenset({"tremor_cents", "roughness", "drive", "whisper"})


@cache
def emotions_config() -> dict[str, Any]:
    """configs/emotions.yaml."""
    loaded: dict[str, Any] = own_table(CONFIG_DIR / "emotions.yaml")
    return loaded


@cache
def _synonyms() -> dict[str, str]:
    names = {emotion: emotion for emotion in EMOTIONS}
    for emotion, words in emotions_config()["synonyms"].items():
        names.update(dict.fromkeys(words, emotion))
    return names


def prosody(emotion: str, intensity: float = 0.7) -> Prosody:
    """The prosody of `emotion` (one of EMOTIONS) at `intensity` 0..1: factors scale as powers, offsets linearly."""
    if emotion not in EMOTIONS:
        raise UsageError(f"There is no emotion '{emotion}'", fix=f"Choose one of: {', '.join(EMOTIONS)}")
    return mixed_prosody({emotion: min(1.0, max(0.0, intensity))})


def mixed_prosody(amounts: Mapping[str, float]) -> Prosody:
    """Several emotions' prosody at once: offsets add up, factors multiply as powers of their amounts.

    Args:
        amounts: emotion -> 0..1; what is missing to 1 is neutral. This is a straight line in valence, arousal and
            dominance too, as both are linear in the amounts.
    """
    full = {emotion: Prosody(**emotions_config()["prosody"][emotion]) for emotion in amounts}
    values: dict[str, float] = {}
    for item in fields(Prosody):
        each = [(getattr(full[emotion], item.name), amount) for emotion, amount in amounts.items()]
        if item.name in _FACTORS:
            values[item.name] = math.prod(value**amount for value, amount in each)
        elif item.name in _FREQUENCIES:
            values[item.name] = _frequency(item.name, full, amounts)
        else:
            values[item.name] = sum(value * amount for value, amount in each)
    return Prosody(**values)


def prosody_between(have: Prosody, want: Prosody) -> Prosody:
    """What is missing from `have` to `want`; manners that cannot be taken out of a sound again are left alone."""
    values: dict[str, float] = {}
    for item in fields(Prosody):
        old, new = getattr(have, item.name), getattr(want, item.name)
        if item.name in _FACTORS:
            values[item.name] = new / old
        elif item.name in _FREQUENCIES:
            values[item.name] = new
        elif item.name in _ONE_WAY:
            values[item.name] = max(0.0, new - old)
        else:
            values[item.name] = new - old
    return Prosody(**values)


def prosody_with(base: Prosody, changes: Mapping[str, float]) -> Prosody:
    """`base` and some fields of Prosody on top: factors multiply, frequencies replace, the rest adds up.

    Raises UsageError naming a field that there is not.
    """
    values: dict[str, float] = {}
    known = {item.name for item in fields(Prosody)}
    for name, change in changes.items():
        if name not in known:
            raise UsageError(f"There is no prosody '{name}'", fix=f"Choose from: {', '.join(sorted(known))}")
        old = float(getattr(base, name))
        values[name] = old * change if name in _FACTORS else change if name in _FREQUENCIES else old + change
    return replace(base, **values)


def _frequency(name: str, full: Mapping[str, Prosody], amounts: Mapping[str, float]) -> float:
    """A frequency is that of the emotions that have the tremor or roughness it belongs to."""
    depth = _FREQUENCIES[name]
    # A trace of each, so that an emotion at no intensity still has its frequency.
    shares = {emotion: float(getattr(full[emotion], depth)) * (amount + 1e-9) for emotion, amount in amounts.items()}
    total = sum(shares.values())
    if total <= 0:
        return float(getattr(Prosody(), name))
    return sum(float(getattr(full[emotion], name)) * share for emotion, share in shares.items()) / total


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
