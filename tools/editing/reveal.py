"""When each letter of a caption comes: karaoke and typewriter."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from tools.editing.cut import Words
from tools.editing.lettering import Setting, clean
from tools.editing.presets import CaptionStyle

LETTERS_PER_SECOND = 18.0
"""Of a typewriter whose words have no times of their own: as fast as one reads."""
READ_SHARE = 0.8
"""It is done at this share of the caption's time at the latest."""

Span = tuple[float, float]
"""Begin and end in seconds since the caption's start."""


def times_of(words: Words, setting: Setting, look: CaptionStyle, fps: Fraction) -> list[Span]:
    """The time of each visible letter of the set text; letters of one word share it when words are revealed.

    From `words.spoken` when its words have the letters of the text, else shared by the letters.
    """
    plain = ["".join(text for _, text in line) for line in setting.lines]
    parts = [word for line in plain for word in line.split()]
    length = float((words.end - words.start) / fps)
    spans = _spoken(words, parts, setting) or _even(parts, length, look)
    made: list[Span] = []
    for word, span in zip(parts, spans, strict=True):
        begin, end = min(span[0], length), min(max(span), length)
        step = (end - begin) / len(word)
        letters = look.reveal == "letters"
        made += [(begin + n * step, begin + (n + 1) * step) if letters else (begin, end) for n in range(len(word))]
    return made


def _spoken(words: Words, parts: Sequence[str], setting: Setting) -> list[Span]:
    """The times of the spoken words for the text's words; [] when they are not the same words."""
    said = [(clean(one.text), one) for one in words.spoken]
    rows = [(word, one) for text, one in said for word in text.split()]
    kept = [(_letters(word, setting.missing), one) for word, one in rows]
    kept = [(word, one) for word, one in kept if word]
    if [word for word, _ in kept] != [part.casefold() for part in parts]:
        return []
    return [(one.start, one.end) for _, one in kept]


def _letters(word: str, missing: str) -> str:
    return "".join(letter for letter in word if letter not in missing).casefold()


def _even(parts: Sequence[str], length: float, look: CaptionStyle) -> list[Span]:
    count = sum(len(part) for part in parts)
    whole = length if look.reveal == "words" else min(length * READ_SHARE, count / LETTERS_PER_SECOND)
    spans, done = [], 0
    for part in parts:
        spans.append((whole * done / count, whole * (done + len(part)) / count))
        done += len(part)
    return spans
