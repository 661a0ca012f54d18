"""What words beside a noun say of it: its colour and kind, and what somebody has on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from backends.image.layout.scene import RGB
from tools.film.lexicon import lexicon, word_index
from tools.film.words import find_phrase

_BREAKS = frozenset(
    {"and", "with", "wearing", "e", "con", "in", "has", "wears", "named", "called", "o", "or", ";", ",", "."}
)


@cache
def word_kinds() -> dict[str, tuple[str, str]]:
    """Describing noun -> (what it belongs to, its value)."""
    looks = lexicon("looks")
    words: dict[str, tuple[str, str]] = {}
    for section, slot in (("tops", "top"), ("bottoms", "bottom")):
        for word, key in word_index("looks", section).items():
            words.setdefault(word, (slot, key))
    for word in looks["shoes"]:
        words.setdefault(word, ("shoes", word))
    for word in looks["eyes"]:
        words.setdefault(word, ("eyes", word))
    for word in looks["skin"]:
        words.setdefault(word, ("skin", word))
    for word in looks["hair_words"]:
        words.setdefault(word, ("hair", word))
    return words


def before_noun(text: str, position: int, count: int = 5) -> list[str]:
    """Up to `count` words before a noun, back to the nearest break, nearest last; 'curly-haired' is two words."""
    words = re.findall(r"[^\W_]+|[;,.]", text[:position].replace("-", " "))
    kept: list[str] = []
    for word in reversed(words[-count:]):
        if word in _BREAKS and not (word == "," and kept and _is_adjective(kept[0])):
            break
        kept.insert(0, word)
    return kept


def _is_adjective(word: str) -> bool:
    looks = lexicon("looks")
    return word in looks["colours"] or word in looks["hair_colours"] or word in word_index("looks", "hair_styles")


def after_noun(text: str, position: int, count: int = 2) -> list[str]:
    """Words that follow a noun: Italian puts its colours there ('capelli ricci castani')."""
    words = re.findall(r"[^\W_]+|[;,.]", text[position:])[:count]
    kept: list[str] = []
    for word in words:
        if word in _BREAKS:
            break
        kept.append(word)
    return kept


def colour_in(words: list[str], palette: Mapping[str, str]) -> RGB | None:
    named = [word for word in words if word in palette]
    if not named:
        return None
    colour = to_rgb(palette[named[-1]])
    at = words.index(named[-1])
    shade = lexicon("looks")["brightness"].get(words[at - 1]) if at else None
    if shade is None:
        return colour
    goal = 1.0 if shade > 0 else 0.0
    red, green, blue = (part + (goal - part) * abs(shade) for part in colour)
    return (red, green, blue)


def accessories_in(text: str, kind: str) -> list[str]:
    """'hat', or 'hat:#2e7d32' where the text names its colour."""
    only_human = {"beard", "moustache", "freckles"}
    found = []
    for at, key, phrase in find_phrase(text, word_index("looks", "accessories")):
        if kind == "human" or key not in only_human:
            colour = None if key == "freckles" else _own_colour(text, at, phrase)
            found.append(key if colour is None else f"{key}:#{''.join(f'{round(part * 255):02x}' for part in colour)}")
    return found


def _own_colour(text: str, at: int, phrase: str) -> RGB | None:
    """The colour right before a noun, or right behind it: 'a dark green hat', 'cappello verde', 'the hat green'."""
    before = before_noun(text, at, 4)
    nouns = [number for number, word in enumerate(before) if word in word_kinds()]
    before = before[nouns[-1] + 1 :] if nouns else before
    after = after_noun(text, at + len(phrase), 3)
    if any(word in word_kinds() for word in after):
        after = []  # the colour is the next noun's
    colours = lexicon("looks")["colours"]
    return colour_in(before, colours) or colour_in(after, colours)


def put_on(worn: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    """Both, each thing once: a new colour takes the place of the old one."""
    on = {one.partition(":")[0]: one for one in worn}
    for one in more:
        name, _, colour = one.partition(":")
        if colour or name not in on:
            on[name] = one
    return tuple(on.values())


def to_rgb(value: Any) -> RGB:
    if isinstance(value, str):
        text = value.lstrip("#")
        return (int(text[0:2], 16) / 255, int(text[2:4], 16) / 255, int(text[4:6], 16) / 255)
    red, green, blue = (min(max(float(part), 0.0), 1.0) for part in value)
    return (red, green, blue)
