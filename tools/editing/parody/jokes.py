"""The library of lines: what is said and written in each slot, filled with measured figures."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import Any, Literal

from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table
from tools.editing.moments import SPEAKER

Kind = Literal["say", "text"]
Facts = Mapping[str, str]
SPECIFIC = frozenset({"other", "OTHER", "quote", "nothing"})
"""Figures that only this clip has: what names them is told before what would fit any."""
QUOTE_CHARACTERS = (6, 34)
"""A quotation shorter than this says nothing, a longer one cannot be read on a label."""
ARTICLES = ("the ", "a ", "an ", "our ", "my ", "il ", "lo ", "la ", "l'", "un ", "una ", "i ", "gli ", "le ")


@cache
def library() -> dict[str, Any]:
    """prompts/parody/lines.yaml."""
    loaded: dict[str, Any] = own_table(PROMPT_DIR / "parody" / "lines.yaml")
    return loaded


def choices(recipe: str, entry: str, kind: Kind, language: str) -> list[str]:
    """All templates of an entry, English where a language has none."""
    found = library().get(recipe, {}).get(entry, {}).get(kind, {})
    return [str(text) for text in found.get(language) or found.get("en", [])]


def turned(templates: Sequence[str], clip: str) -> list[str]:
    """The templates in the order in which seeds take them: what names something of the clip first.

    clip: what tells clips apart; each begins elsewhere in the rest, so that two clips do not get the same jokes.
    """
    own = [one for one in templates if SPECIFIC & fields(one)]
    rest = [one for one in templates if one not in own]
    begin = int(sha256(clip.encode()).hexdigest()[:8], 16) % len(rest) if rest else 0
    return [*own, *rest[begin:], *rest[:begin]]


def fields(template: str) -> frozenset[str]:
    """The figures and marks that a template names."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def threads(recipe: str, language: str, facts: Facts) -> list[str]:
    """A recipe's threads, in order, as far as these facts carry them.

    A thread is a mark that one film keeps to, so that a call-back answers its own set-up.
    """
    names = [str(name) for name in library().get(recipe, {}).get("threads", ())]
    entries = [entry for entry in library().get(recipe, {}).values() if isinstance(entry, Mapping)]
    told = [texts.get(language) or texts.get("en", []) for entry in entries for texts in entry.values()]

    def carried(name: str) -> bool:
        marked = [[text for text in texts if name in fields(text)] for texts in told]
        return all(any(fill(text, {**facts, name: ""}) for text in texts) for texts in marked if texts)

    return [name for name in names if carried(name)]


def candidates(templates: Sequence[str], facts: Facts, thread: str) -> list[tuple[str, str]]:
    """(template, text) of all that can be said: those of the thread, where there are any, else those of none."""
    whole = {**facts, thread: ""} if thread else facts
    usable = [(one, text) for one in templates if (text := fill(one, whole))]
    return [pair for pair in usable if thread and thread in fields(pair[0])] or usable


def fill(template: str, facts: Facts) -> str | None:
    """The template with its figures; None when one of them is not known."""
    if not fields(template) <= set(facts):
        return None
    return template.format_map(dict(facts))


def subject_names(subject: str, language: str) -> dict[str, str]:
    """Who it is about: {subject}, {Subject}, {SUBJECT}, {name} without an article; {thing} where it is no name."""
    name = " ".join(subject.split())[:60] or str(library()["subject"].get(language, library()["subject"]["en"])[0])
    article = next((one for one in ARTICLES if name.casefold().startswith(one)), "")
    bare = name[len(article) :]
    names = {"subject": name, "Subject": name[:1].upper() + name[1:], "SUBJECT": bare.upper(), "name": bare}
    return {**names, "thing": ""} if article or bare[:1].islower() else names


def rival_names(other: str, language: str) -> dict[str, str]:
    """{RIVAL}: whom the subject stands against, at least the background; {other} and {OTHER} for somebody known."""
    name = " ".join(other.split())[:24]
    rival = name or str(library()["rival"].get(language, library()["rival"]["en"])[0])
    return {"RIVAL": rival.upper(), **({"other": name, "OTHER": name.upper()} if name else {})}


def quotation(said: Sequence[tuple[float, float, str]], at: float) -> str:
    """A short sentence of what is said or shown in a clip, the nearest to a moment; '' without one.

    said: (start, end, text), seconds.
    """
    low, high = QUOTE_CHARACTERS
    found: list[tuple[float, str]] = []
    for start, end, text in said:
        plain = SPEAKER.sub("", " ".join(text.split())).strip('"“”«» ')
        for sentence in re.split(r"(?<=[.!?…])\s+", plain):
            if low <= len(sentence) <= high and any(letter.isalpha() for letter in sentence):
                found.append((max(start - at, at - end, 0.0), sentence))
    return min(found, key=lambda pair: pair[0])[1].rstrip(".") if found else ""


def figure(value: float, language: str) -> str:
    """A measured number as it is said: two digits at most, with the language's decimal sign."""
    said = f"{value:.0f}" if value >= 10 or abs(value - round(value)) < 0.05 else f"{value:.1f}"
    return said.replace(".", ",") if language == "it" else said
