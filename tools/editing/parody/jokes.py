"""The library of lines: what is said and written in each slot, filled with measured figures."""

from __future__ import annotations

import random
import string
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal

from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

Kind = Literal["say", "text"]
Facts = Mapping[str, str]


@cache
def library() -> dict[str, Any]:
    """prompts/parody/lines.yaml."""
    loaded: dict[str, Any] = own_table(PROMPT_DIR / "parody" / "lines.yaml")
    return loaded


def choices(recipe: str, entry: str, kind: Kind, language: str) -> list[str]:
    """All templates of an entry, English where a language has none."""
    found = library().get(recipe, {}).get(entry, {}).get(kind, {})
    return [str(text) for text in found.get(language) or found.get("en", [])]


def ordered(templates: Sequence[str], seed: str) -> list[str]:
    """The templates in an order that the seed decides; the same seed, the same order."""
    mixed = list(templates)
    random.Random(seed).shuffle(mixed)
    return mixed


def fill(template: str, facts: Facts) -> str | None:
    """The template with its figures; None when one of them is not known."""
    fields = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    if any(name not in facts for name in fields):
        return None
    return template.format_map(dict(facts))


def subject_names(subject: str, language: str) -> dict[str, str]:
    """{subject}, {Subject} and {SUBJECT}: who it is about, as the user or the library calls it."""
    name = " ".join(subject.split())[:60] or str(library()["subject"].get(language, library()["subject"]["en"])[0])
    bare = name
    for article in ("the ", "a ", "an ", "our ", "my ", "il ", "lo ", "la ", "l'", "un ", "una ", "i ", "gli ", "le "):
        if bare.casefold().startswith(article):
            bare = bare[len(article) :]
            break
    return {"subject": name, "Subject": name[:1].upper() + name[1:], "SUBJECT": bare.upper()}


def figure(value: float, language: str) -> str:
    """A measured number as it is said: two digits at most, with the language's decimal sign."""
    said = f"{value:.0f}" if value >= 10 or abs(value - round(value)) < 0.05 else f"{value:.1f}"
    return said.replace(".", ",") if language == "it" else said
