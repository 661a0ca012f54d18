"""From eSpeak's point events to intervals: when each phoneme and each written word is heard."""

from __future__ import annotations

import re
from typing import NamedTuple

from backends.voice.engines.protocol import Phoneme

WORD, END, PHONEME = 1, 5, 7
"""Event types of `speak_lib.h`."""
_TOKEN = re.compile(r"\S+")
_EDGES = '.,;:!?…"“”«»()[]{}<>—–-*_'
"""Signs at the ends of a word that are not part of it."""
_CLAUSE_ENDS = frozenset(".,;:!?…")
MOST_JOINED = 2
"""Words that eSpeak's dictionaries join to the one before."""


class TimedEvent(NamedTuple):
    kind: int
    """WORD, END, PHONEME or another."""
    position: int
    """Character of the text, from 1."""
    at: float
    """Seconds."""
    ipa: str
    """Of a phoneme; '' for a pause."""


def timings(
    events: list[TimedEvent], text: str, duration: float
) -> tuple[tuple[Phoneme, ...], tuple[tuple[float, float, str], ...]]:
    """Intervals from eSpeak's point events.

    A phoneme lasts until the next phoneme, pause or clause end. Words are the tokens of the text between spaces:
    eSpeak's own word events split numbers and elisions ("l'acqua") in the middle.
    """
    tokens = [(match.start(), match.end(), match.group().strip(_EDGES)) for match in _TOKEN.finditer(text)]
    spans: dict[int, tuple[float, float]] = {}
    phonemes: list[Phoneme] = []
    sound: tuple[float, str] | None = None
    token = -1

    def close(now: float) -> None:
        nonlocal sound
        if sound is not None and now > sound[0]:
            phonemes.append(Phoneme(sound[0], now, sound[1]))
            if token >= 0:
                spans[token] = (spans.get(token, (sound[0], now))[0], now)
        sound = None

    for event in events:
        now = min(event.at, duration)
        if event.kind in (PHONEME, END):
            close(now)
        if event.kind == WORD:
            # A word's event may stand before the last phoneme of the one before is over.
            close(now)
            place = event.position - 1
            token = next((i for i, (start, end, _) in enumerate(tokens) if start <= place < end), token)
        elif event.kind == PHONEME and event.ipa:
            sound = (now, event.ipa)
    close(duration)
    return tuple(phonemes), tuple(_shared_spans([written for _, _, written in tokens], text.split(), spans))


def _shared_spans(
    tokens: list[str], written: list[str], spans: dict[int, tuple[float, float]]
) -> list[tuple[float, float, str]]:
    """(start, end, word) of the tokens with a time.

    eSpeak speaks frequent pairs ("of the", "would have") as one word with one event: up to two tokens without a time
    that follow one with a time in the same clause share its span, by their letters. Others were not spoken.
    """
    words: list[tuple[float, float, str]] = []
    for index, (start, end) in sorted(spans.items()):
        group = [index]
        while (
            len(group) <= MOST_JOINED
            and (following := group[-1] + 1) < len(tokens)
            and following not in spans
            and written[group[-1]][-1] not in _CLAUSE_ENDS
        ):
            group.append(following)
        letters = [len(tokens[i]) for i in group]
        edges = [start + (end - start) * sum(letters[:n]) / max(1, sum(letters)) for n in range(len(group) + 1)]
        words += [(edges[n], edges[n + 1], tokens[i]) for n, i in enumerate(group) if tokens[i]]
    return words
