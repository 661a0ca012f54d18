"""A line's text in phrases, so that each can be spoken with a feeling of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from backends.voice.texts.script import words_of

_DIRECTION = re.compile(r"\*+[^*\n]{1,60}\*+|\([^()\n]{1,60}\)|\[[^\[\]\n]{1,60}\]")
_MARK = re.compile(r"[.!?…;:,]+[\"”»')]*(?=\s|$)|\s[—–-]+(?=\s)|[。！？；，、]+")
_JOINS = frozenset({
    "and", "but", "or", "so", "because", "when", "while", "if", "that", "which", "who", "until", "although", "though",
    "then", "e", "ma", "o", "però", "perché", "quando", "mentre", "se", "che", "finché", "anche", "anzi", "allora",
    "quindi", "poi",
})  # fmt: skip
"""Words that a new phrase likes to begin with, English and Italian."""
FEWEST_WORDS = 2
"""Words of a phrase made by cutting between punctuation marks."""

PAUSES_S = {
    "。": 0.32,
    "！": 0.32,
    "？": 0.32,
    "；": 0.25,
    "，": 0.16,
    "、": 0.16,
    "!": 0.32,
    ".": 0.32,
    "?": 0.32,
    "…": 0.4,
    ";": 0.25,
    ":": 0.25,
    ",": 0.16,
    "-": 0.2,
    "—": 0.2,
    "–": 0.2,
}
"""After a phrase that ends in the mark; none without one."""


@dataclass(frozen=True)
class TextPhrase:
    text: str
    """As written, with the mark that ends it."""
    open: bool = False
    """True: the clause goes on in the next phrase."""
    pause: float = 0.0
    """Seconds of silence that belong after it, at the usual pace; 0 after the last and within a clause."""


def phrases_in(text: str, wanted: int = 2) -> tuple[TextPhrase, ...]:
    """The phrases of `text` in order; together they are the text.

    Cut at punctuation; where that gives fewer than `wanted`, the longest phrase is cut again, before a joining word
    or in its middle, as long as both parts keep FEWEST_WORDS words. A direction ('*laughs*') is never cut, and
    phrases without a word go to the one before. A text of one word is one phrase.
    """
    pieces = _merged(_at_marks(" ".join(text.split())))
    while len(pieces) < wanted:
        longest = max(range(len(pieces)), key=lambda index: len(words_of(pieces[index])), default=-1)
        halves = _halves(pieces[longest]) if pieces else None
        if halves is None:
            break
        pieces[longest : longest + 1] = halves
    last = len(pieces) - 1
    return tuple(_phrase(piece, is_last=index == last) for index, piece in enumerate(pieces))


def positions(phrases: Sequence[TextPhrase]) -> tuple[float, ...]:
    """Where each phrase lies on a curve over the line, 0..1: the first at its start, the last at its end.

    In between by letters, so that a long phrase takes more of the way.
    """
    if len(phrases) < 2:
        return (1.0,) * len(phrases)
    letters = [max(1, sum(map(str.isalnum, phrase.text))) for phrase in phrases]
    middles = [sum(letters[:index]) + letters[index] / 2 for index in range(len(letters))]
    first, last = middles[0], middles[-1]
    return tuple((middle - first) / (last - first) for middle in middles)


def _at_marks(text: str) -> list[str]:
    fixed = [match.span() for match in _DIRECTION.finditer(text)]
    cuts = [
        match.end() for match in _MARK.finditer(text) if not any(start < match.end() <= end - 1 for start, end in fixed)
    ]
    edges = [0, *[cut for cut in cuts if cut < len(text)], len(text)]
    return [text[a:b].strip() for a, b in pairwise(edges) if text[a:b].strip()]


def _merged(pieces: list[str]) -> list[str]:
    """Phrases without a word of their own joined to the one before (or after, at the start)."""
    merged: list[str] = []
    for piece in pieces:
        if merged and (not words_of(piece) or not words_of(merged[-1])):
            merged[-1] = f"{merged[-1]} {piece}"
        else:
            merged.append(piece)
    return merged


def _halves(piece: str) -> list[str] | None:
    tokens = list(re.finditer(r"\S+", piece))
    if _DIRECTION.search(piece) or len(words_of(piece)) < 2 * FEWEST_WORDS or len(tokens) < 2 * FEWEST_WORDS:
        return None
    places = range(FEWEST_WORDS, len(tokens) - FEWEST_WORDS + 1)
    middle = len(tokens) / 2

    def cost(place: int) -> float:
        joins = words_of(tokens[place].group())[:1]
        return abs(place - middle) - (len(tokens) / 4 + 1 if joins and joins[0] in _JOINS else 0)

    at = tokens[min(places, key=cost)].start()
    return [piece[:at].strip(), piece[at:].strip()]


def _phrase(piece: str, *, is_last: bool) -> TextPhrase:
    pause = _pause(piece)
    return TextPhrase(piece, open=not is_last and not pause, pause=0.0 if is_last else pause)


def _pause(piece: str) -> float:
    return next((PAUSES_S[char] for char in reversed(piece.rstrip("\"”»')*")[-2:]) if char in PAUSES_S), 0.0)
