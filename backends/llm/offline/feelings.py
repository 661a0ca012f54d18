"""How a line shall sound: one feeling, several at once, a change along the line, and how strong it is."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from backends.llm.offline import slots
from backends.llm.offline.lexicon import lexicon, patterns

_MANNERS = ("shouting", "whispering")
"""Manners of speaking: a feeling that is named beside them tells more."""
_DIGITS = r"\d{1,3}(?:[.,]\d+)?"
_FIRMER = 0.2
"""How much 'angrier' adds to a line that was angry already."""


def feeling_args(text: str, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """`emotion` and `intensity` as the voice tools read them: 'sad', 'happy + afraid', 'from sad to happy'; 0..1.

    Args:
        text: the wish without the words to be said and without names.
        before: arguments of the line that is said again, when it is.
    """
    text = _without_denied(text)
    feeling = curve_in(text) or blend_in(text) or feeling_in(text)
    before = before or {}
    if not feeling and before.get("emotion") and _DEGREE.search(text):
        feeling = str(before["emotion"])
    args: dict[str, Any] = {"emotion": feeling} if feeling else {}
    if args and (strength := intensity_in(text, before if feeling == before.get("emotion") else {})) is not None:
        args["intensity"] = strength
    return args


def feeling_in(text: str) -> str | None:
    """One feeling. A feeling that is named tells more than the verb: an angry man shouting is angry."""
    named = [name for name in lexicon().group("emotions").names(text) if name not in _MANNERS]
    if not named and (noun := _noun(text)):
        named = [noun]
    return (named[0] if named else None) or slots.emotion_of_verb(text) or slots.emotion(text) or _superlative(text)


def _without_denied(text: str) -> str:
    """The text without 'not annoyed', where another feeling is named beside it."""
    denied = rf"\b(?:and not|not|non|rather than|instead of|invece di|no longer)\s+(?:{_words()})(?!\w)"
    rest = re.sub(denied, " ", text, flags=re.IGNORECASE)
    return rest if feeling_in(rest) else text


def curve_in(text: str) -> str | None:
    """'starts sad and ends happy', 'da triste a felice', 'more and more angry' -> 'from sad to happy'."""
    for shape in _curves():
        if match := shape.search(text):
            stages = [_canonical(match[name]) for name in match.groupdict() if match[name]]
            if len(stages) > 1 and stages[0] != stages[-1]:
                return f"from {' to '.join(stages)}"
            if len(stages) == 1 and stages[0] != "neutral":
                return f"from neutral to {stages[0]}"
    return None


def blend_in(text: str) -> str | None:
    """'half surprised, half happy', 'sad but tender' -> 'surprised + happy'; None for a single feeling."""
    match = _blends().search(text)
    if not match:
        return None
    names = list(dict.fromkeys(_canonical(word) for word in (match["first"], match["second"])))
    if len(names) < 2 or (names[0] in _MANNERS and names[1] in _MANNERS):
        return None
    small = match["share"] is not None and re.search(lexicon().words["degrees"]["weak"], match["share"], re.I)
    return f"{names[0]} 0.7 + {names[1]} 0.3" if small else " + ".join(names)


def intensity_in(text: str, before: dict[str, Any] | None = None) -> float | None:
    """0..1: 'at 80 %', 'intensity 0.4', 'very', 'a little'; 'angrier' is stronger than the line before was."""
    if match := _NUMBERS.search(text):
        found = next(group for group in match.groups() if group)
        value = float(found.replace(",", "."))
        return min(1.0, round(value / 100 if value > 1 or "%" in match.group() else value, 2))
    degrees, bare = lexicon().words["degrees"], bool(before) and not feeling_in(text)
    weak = _near(degrees["weak"], text, bare=bare)
    strong = _near(degrees["strong"], text, bare=bare) or _superlative(text) is not None
    less = _near(degrees["less"], text, bare=bare)
    more = _near(degrees["more"], text, bare=bare) or _COMPARATIVE.search(text)
    if before and (less or more):
        was = float(before.get("intensity", degrees["usual"]))
        step = _FIRMER / 2 if weak else 2 * _FIRMER if strong else _FIRMER
        return round(min(1.0, max(0.1, was - step if less else was + step)), 2)
    if less:
        return float(degrees["low"])
    return float(degrees["low"]) if weak else float(degrees["high"]) if strong else None


def without_name(text: str, name: str) -> str:
    """The text without a name, which may be an emotion's word too."""
    return re.sub(rf"\b{re.escape(name)}\b", " ", text, flags=re.IGNORECASE) if name else text


_NUMBERS = re.compile(
    rf"\b(?:intensity|strength|intensità|forza)\s*(?:of|is|at|di|=|:|a|al)?\s*({_DIGITS})\s*(?:%|per ?cent|percent)?"
    rf"|\b({_DIGITS})\s*(?:%|per ?cent\b|percent\b|per cento\b)",
    re.IGNORECASE,
)
_COMPARATIVE = re.compile(
    r"\b(?:angrier|sadder|happier|calmer|louder|softer|gentler|quieter|stronger)\b", re.IGNORECASE
)
_DEGREE = re.compile(
    r"\b(?:stronger|weaker|more|less|even more|more intense(?:ly)?|subtler|toned? (?:it )?down|"
    r"più|meno|di più|di meno)\b",
    re.IGNORECASE,
)


def _near(degree: str, text: str, *, bare: bool = False) -> bool:
    """Whether a word of degree stands before a feeling; `bare`: anywhere ('a bit more')."""
    if bare:
        return re.search(rf"\b(?:{degree})(?!\w)", text, re.IGNORECASE) is not None
    return re.search(rf"\b(?:{degree})\s+(?:\w+\s+)?(?:{_words()})(?!\w)", text, re.IGNORECASE) is not None


@lru_cache(maxsize=1)
def _words() -> str:
    return f"{lexicon().group('emotions').pattern}|{lexicon().group('emotion_nouns').pattern}"


@lru_cache(maxsize=1)
def _curves() -> tuple[re.Pattern[str], ...]:
    shapes = lexicon().words["feeling_curves"]
    filler = r"(?:[\w']+\s+){0,2}?"
    return tuple(
        re.compile(
            shape.format(
                a=rf"{filler}(?P<a>{_words()})(?!\w)", b=rf"{filler}(?P<b>{_words()})(?!\w)",
                c=rf"{filler}(?P<c>{_words()})(?!\w)",
            ),
            re.IGNORECASE,
        )
        for shape in shapes
    )  # fmt: skip


@lru_cache(maxsize=1)
def _blends() -> re.Pattern[str]:
    degree = "|".join(lexicon().words["degrees"][name] for name in ("weak", "strong"))
    joint = patterns(lexicon().words["feeling_joints"])
    return re.compile(
        rf"(?<![\w-])(?P<first>{_words()})\s*(?:,\s*)?(?:{joint})\s*(?:(?P<share>(?:{degree}))\s+(?:of\s+)?)?(?P<second>{_words()})(?!\w)",
        re.IGNORECASE,
    )


def _noun(text: str) -> str | None:
    """'with excitement', 'full of anger', '80 % fear': a noun alone may be what the line is about."""
    group = lexicon().group("emotion_nouns")
    match = re.search(
        rf"(?:\b(?:with|full of|in|of|some|more|con|pien[oa] di|di|per cento|percent)|%)\s+"
        rf"(?:\w+\s+){{0,2}}?({group.pattern})(?!\w)",
        text, re.IGNORECASE,
    )  # fmt: skip
    return group.canonical(match.group(1)) if match else None


def _superlative(text: str) -> str | None:
    """'tristissima' -> 'sad'."""
    for match in re.finditer(r"\b(\w{3,})issim[oaie]\b", text, re.IGNORECASE):
        for ending in ("e", "o", "a"):
            if found := lexicon().group("emotions").first(match.group(1) + ending):
                return found
    return None


def _canonical(word: str) -> str:
    for name in ("emotions", "emotion_nouns"):
        found = lexicon().group(name).canonical(word)
        if found in lexicon().words["emotions"]:
            return found
    return word.lower()
