"""A character's voice from its name and description; the same words give the same voice in every session."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from backends.voice.engines.protocol import VoiceProfile
from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

AGES = ("child", "teen", "adult", "elder")
_TOKEN = re.compile(r"[^\W\d_]+")
_YEARS = re.compile(r"\b(\d{1,3})[\s-]*(?:years?|yrs?|anni)\b(?:[\s-]*old)?")


@cache
def _lexicon() -> dict[str, Any]:
    loaded: dict[str, Any] = own_table(PROMPT_DIR / "voice" / "profile.yaml")
    return loaded


def voice_from_description(name: str, description: str, look: Mapping[str, Any] | None = None) -> VoiceProfile:
    """A voice for `name`.

    Args:
        name: the seed comes from its hash, so two characters of like description still differ.
        description: free text, English or Italian; the first word that tells age, gender or species wins.
        look: CharacterLook fields; its `kind` and `age` count where the description is silent.
    """
    look = look or {}
    text, counted_age = _counted_age(description.casefold())
    tokens = _tokens(text)
    species = _species(tokens, name, look)
    if species == "human":
        age = counted_age or _first(tokens, "age") or _first(_tokens(name), "age") or _age_of(look)
        gender = _first(tokens, "gender") or _gender_of_name(name)
    else:
        # In "the dog of a boy" the boy says nothing about the dog's age; "old" and "he" do.
        own = [token for token in tokens if token not in _human_words()]
        age = counted_age or _first(own, "age") or "adult"
        gender = _first(own, "gender") or "neutral"
    pitch, rate, timbre = _traits(tokens)
    seed = int.from_bytes(hashlib.sha256(" ".join(name.casefold().split()).encode()).digest()[:6], "big")
    spread = _lexicon()["spread"]
    return VoiceProfile(
        name=name,
        age=age,
        gender=gender,
        species=species,
        pitch=round(_clamp(pitch + spread["pitch"] * seeded(seed, 1), -9, 9), 2),
        rate=round(_clamp(rate * (1 + spread["rate"] * seeded(seed, 2)), 0.7, 1.4), 3),
        timbre=round(_clamp(timbre + spread["timbre"] * seeded(seed, 3), -1, 1), 2),
        seed=seed,
    )


def voice_from_fields(name: str, description: str, data: Mapping[str, Any]) -> VoiceProfile:
    """The voice of a remembered character: derived, then overridden by the fields of `data['voice']`.

    Fields that do not exist or have the wrong type are ignored: memory is data, and may be old.
    """
    look = data.get("look")
    profile = voice_from_description(name, description, look if isinstance(look, Mapping) else None)
    given = data.get("voice")
    if not isinstance(given, Mapping):
        return profile
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(VoiceProfile):
        value, current = given.get(field.name), getattr(profile, field.name)
        if isinstance(current, str) and isinstance(value, str) and value:
            changes[field.name] = value
        elif isinstance(current, float) and isinstance(value, int | float) and not isinstance(value, bool):
            changes[field.name] = float(value)
        elif isinstance(current, int) and isinstance(value, int) and not isinstance(value, bool):
            changes[field.name] = value
    profile = dataclasses.replace(profile, **changes)
    return dataclasses.replace(
        profile,
        age=profile.age if profile.age in AGES else "adult",
        rate=_clamp(profile.rate, 0.5, 2.0),
        pitch=_clamp(profile.pitch, -12, 12),
        timbre=_clamp(profile.timbre, -1, 1),
    )


def _species(tokens: list[str], name: str, look: Mapping[str, Any]) -> str:
    """What the first telling word is about: "a boy who finds a robot" is a boy; then the look, then the name."""
    for token in tokens:
        if token in _table("species"):
            return _table("species")[token]
        if token in _human_words():
            return "human" if look.get("kind", "human") == "human" else str(look["kind"])
    return str(look.get("kind") or _first(_tokens(name), "species") or "human")


def _counted_age(text: str) -> tuple[str, str]:
    """The text without 'N years old', and the age group that it tells ('' when it tells none)."""
    match = _YEARS.search(text)
    if match is None:
        return text, ""
    years = int(match.group(1))
    group = next((name for limit, name in ((13, "child"), (20, "teen"), (65, "adult")) if years < limit), "elder")
    return text[: match.start()] + text[match.end() :], group


def _tokens(text: str) -> list[str]:
    return [match.group() for match in _TOKEN.finditer(text.casefold())]


@cache
def _table(group: str) -> dict[str, str]:
    return {str(word): name for name, words in _lexicon()[group].items() for word in words}


@cache
def _human_words() -> frozenset[str]:
    """Words that name a person; those that also name an animal's young are left out."""
    return frozenset(
        (_table("age").keys() | _table("gender").keys()) - _table("species").keys() - set(_lexicon()["either"])
    )


def _first(tokens: list[str], group: str) -> str:
    table = _table(group)
    return next((table[token] for token in tokens if token in table), "")


def _age_of(look: Mapping[str, Any]) -> str:
    age = str(look.get("age") or "")
    return age if age in AGES else "adult"


def _gender_of_name(name: str) -> str:
    words = _tokens(name)
    return _first(words, "gender") or _first(words, "names") or "neutral"


def _traits(tokens: list[str]) -> tuple[float, float, float]:
    present = set(tokens)
    pitch, rate, timbre = 0.0, 1.0, 0.0
    for trait in _lexicon()["traits"]:
        if present & set(trait["words"]):
            pitch += trait.get("pitch", 0.0)
            rate *= trait.get("rate", 1.0)
            timbre += trait.get("timbre", 0.0)
    return pitch, rate, timbre


def seeded(seed: int, what: str | int) -> float:
    """-1..1 from the seed alone: what makes a voice this character's own."""
    digest = hashlib.sha256(f"{seed}:{what}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 0xFFFFFFFF * 2 - 1


def _clamp(value: float, low: float, high: float) -> float:
    return min(high, max(low, value))
