"""Which language a line is in (English, Italian, or what its letters alone tell), and what people call languages."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from functools import cache
from typing import Any

from configs.errors import UsageError
from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

WORD_WEIGHT, LETTER_WEIGHT, ENDING_WEIGHT = 2.0, 2.0, 0.5
MARGIN = 1.0
"""A single ending ('Luca', 'banana') decides nothing."""
_SHARED = {
    "zh": ("ja", "yue", "cmn"),
    "ru": ("uk", "bg", "sr", "mk", "be", "kk"),
    "ar": ("fa", "ur"),
    "hi": ("mr", "ne"),
}
"""Languages written in the same letters: one of them is not doubted when it is the usual one."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


@cache
def _lexicon() -> dict[str, Any]:
    loaded: dict[str, Any] = own_table(PROMPT_DIR / "voice" / "languages.yaml")
    return loaded


def detect_language(text: str, default: str = "en") -> str:
    """'en' or 'it', whichever the words, letters and endings of `text` speak for; `default` when neither does.

    A text in letters of another kind ('你好', 'مرحبا') is in the language that is usually written in them.
    """
    if not text.isascii() and (other := script_language(text)):
        return default if default.split("-", maxsplit=1)[0] in _SHARED.get(other, ()) else other
    scores = {tag: _score(text, tag) for tag in ("en", "it")}
    if abs(scores["en"] - scores["it"]) < MARGIN:
        return default
    return max(scores, key=lambda tag: scores[tag])


def script_language(text: str) -> str:
    """The language of most letters of a text that are not Latin ones; '' for a text in Latin letters."""
    table: dict[str, str] = _lexicon()["scripts"]
    letters = [unicodedata.name(sign, "").split(" ", 1)[0].split("-")[0] for sign in text if sign.isalpha()]
    found = Counter(table[name] for name in letters if name in table)
    if 2 * found.total() <= len(letters):
        return ""
    # Japanese mixes Chinese signs with its own
    return "ja" if found["ja"] else found.most_common(1)[0][0]


def language_tag(name: str, known: Collection[str]) -> str:
    """The tag for what a person calls a language ('Italian', 'italiano', 'it-IT' -> 'it').

    Args:
        known: primary tags that the engine can speak.

    Raises:
        UsageError naming the nearest language.
    """
    wanted = name.strip().casefold().replace("_", "-")
    names: dict[str, str] = _lexicon()["names"]
    tag = names.get(wanted, wanted)
    if tag.split("-")[0] in known:
        return tag if tag in names.values() else tag.split("-")[0]
    choices = {label: value for label, value in names.items() if value.split("-")[0] in known}
    near = difflib.get_close_matches(wanted, [*choices, *known], n=1, cutoff=0.65)
    raise UsageError(
        f"The voice cannot speak '{name}'",
        fix=f"Did you mean '{choices.get(near[0], near[0])}' ({near[0]})" if near else "Give a tag such as en or it",
    )


def _score(text: str, tag: str) -> float:
    entry = _lexicon()[tag]
    listed, letters = _words(tag), frozenset(entry["letters"])
    endings = tuple(entry["endings"])
    score = 0.0
    for match in _WORD.finditer(text.casefold().replace("’", "'")):
        word = match.group()
        score += WORD_WEIGHT * (word in listed)
        score += LETTER_WEIGHT * any(letter in letters for letter in word)
        unlisted = word not in _words("en") and word not in _words("it")
        score += ENDING_WEIGHT * (unlisted and len(word) > 2 and word.endswith(endings))
    return score


@cache
def _words(tag: str) -> frozenset[str]:
    return frozenset(str(word) for word in _lexicon()[tag]["words"])
