"""The words of `prompts/editing/effects.yaml`, checked and compiled once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal, get_args

from pydantic import Field, model_validator

from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table
from tools.editing.effects import EFFECTS, MomentEffect
from tools.editing.moments import MomentKind
from tools.editing.presets import Preset

Place = MomentKind | Literal["funny", "whole", "start", "end"]
PLACES: frozenset[str] = frozenset({*get_args(MomentKind), "funny", "whole", "start", "end"})


class EffectWords(Preset):
    """How an effect is asked for, and where it goes."""

    words: tuple[str, ...]
    auto: tuple[Place, ...]
    """Kinds of moments, the first that the film has."""
    most: int | Literal["each"] = 1
    """How many of them without being told; 'each' = all."""
    seconds: float = Field(0.0, ge=0)
    """How long; 0 = at the effect's own length, or to the end."""


class Missing(Preset):
    """An effect that people ask for and that is not there."""

    words: tuple[str, ...]
    near: tuple[str, ...] = ()
    """Names of the effects that come nearest."""
    tool: str = ""
    """The tool that does it instead."""


class Words(Preset):
    """The whole table."""

    effects: dict[str, EffectWords]
    missing: dict[str, Missing]
    places: dict[Place, tuple[str, ...]]
    every: tuple[str, ...]
    between: tuple[str, ...]
    strength: dict[float, tuple[str, ...]]
    funny: dict[str, float]

    @model_validator(mode="after")
    def _compiles(self) -> Words:
        spoken = [one.words for one in self.effects.values()] + [one.words for one in self.missing.values()]
        for patterns in (*spoken, *self.places.values(), self.every):
            for pattern in patterns:
                re.compile(pattern)
        return self


@cache
def effect_words() -> Words:
    """The table of the file."""
    return Words.model_validate(own_table(PROMPT_DIR / "editing" / "effects.yaml"))


@cache
def entries() -> dict[str, EffectWords]:
    """All effects that can be asked for; those that the table does not have by their names, on the whole film."""
    made = dict(effect_words().effects)
    for name, kind in EFFECTS.items():
        if name not in made and issubclass(kind, MomentEffect):
            needed = [field for field in kind.model_fields.values() if field.is_required()]
            if not needed:
                made[name] = EffectWords(words=(name.replace("_", "[ _-]"),), auto=("whole",))
    return made


@cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(patterns, key=len, reverse=True))})(?![\w])")


def found(text: str, patterns: tuple[str, ...]) -> Iterator[re.Match[str]]:
    """Matches of whole words."""
    return _compiled(patterns).finditer(text)


def split(text: str, patterns: tuple[str, ...]) -> list[str]:
    """The pieces between matches; they are given with their word borders."""
    return re.split("|".join(patterns), text)
