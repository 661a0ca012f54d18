"""Alignment of up to about a minute of speech: eSpeak's reading of the text, laid over it by time warping."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from backends.voice.alignment.readers import PLAIN, SMALL, Reader, Reading
from backends.voice.engines.espeak import SAMPLE_RATE
from backends.voice.engines.protocol import Phoneme
from backends.voice.shaping.warp import cepstra, likeness, warp
from backends.voice.texts.reading import Token
from backends.voice.wav import resample

RATE = 16_000
"""Hz at which both readings are compared."""
_FINE_S, _COARSE_S, _LIKENESS_S = 0.01, 0.1, 0.02
_REACH, _REACH_S = 0.25, 40.0
"""Share of the sound, and at most seconds, by which the reading may run ahead or behind."""
_LIKENESS_PART_S = 60.0
_BEYOND_DOUBT, _SURE = 0.3, 0.1
"""Likeness from which no further reader is asked, and from which one of the small voices is believed to speak."""
_FEWEST_WORDS, _PART_S = 4, 0.25
"""Fewer borders between words make too few orders; then the reading is cut into parts of so many seconds."""

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Timed:
    """What was found in a stretch; seconds from its start."""

    phonemes: tuple[Phoneme, ...] = ()
    words: tuple[tuple[float, float, int], ...] = ()
    """(start, end, index of the token)."""

    def then(self, other: Timed, seconds: float, first: int) -> Timed:
        """This and what begins `seconds` later with token number `first`."""
        return Timed(
            (*self.phonemes, *(Phoneme(p.start + seconds, p.end + seconds, p.ipa) for p in other.phonemes)),
            (*self.words, *((a + seconds, b + seconds, index + first) for a, b, index in other.words)),
        )


def roughly(mono: Samples, said: Reading) -> Callable[[float], float]:
    """From seconds of eSpeak's reading to seconds of the recording, to a tenth or so."""
    return _laid_over(mono, said, _COARSE_S)


def align_stretch(mono: Samples, tokens: Sequence[Token], tag: str, reader: Reader) -> Timed:
    """Phonemes and words of `tokens` in (N,) samples at RATE."""
    said = reader.read(tokens, tag)
    heard = _laid_over(mono, said, _FINE_S)
    phonemes = tuple(Phoneme(heard(p.start), heard(p.end), p.ipa) for p in said.phonemes)
    return Timed(tuple(p for p in phonemes if p.end > p.start), _words(said, heard, tokens))


def likeness_of(mono: Samples, tokens: Sequence[Token], tag: str) -> tuple[float, Reader]:
    """Likeness of the recording's first minute, at most, to as much of the reading; and whose reading is nearest.

    The nearest reader counts; none is asked after one that is beyond doubt. For people the plain voices count alone:
    how near the small ones come to them is chance, and more voices have more luck with a wrong text.
    """
    seconds = len(mono) / RATE
    part = min(1.0, _LIKENESS_PART_S / seconds)
    count = max(8, round(seconds * part / _LIKENESS_S))
    ours, reach = cepstra(mono[: round(len(mono) * part)], RATE, count), _reach(count, seconds * part)
    found: list[tuple[float, Reader]] = []
    for reader in (*PLAIN, *SMALL):
        said = reader.read(tokens, tag)
        first, last = _span(said)
        last = first + (last - first) * part
        spoken = resample(said.samples, SAMPLE_RATE, RATE)[round(first * RATE) : round(last * RATE)]
        pieces = _pieces(said, first, last, count)
        found.append((round(likeness(ours, cepstra(spoken, RATE, count), pieces, reach), 3), reader))
        if found[-1][0] >= _BEYOND_DOUBT:
            break
    best = max(found, key=lambda one: one[0])
    return best if best[0] >= _SURE else max(found[: len(PLAIN)], key=lambda one: one[0])


def _pieces(said: Reading, first: float, last: float, count: int) -> list[tuple[int, int]]:
    """Frames of the words of a reading in `count` frames from `first` to `last`; of few words, equal parts."""
    length = max(last - first, 1e-6)
    edges = {round((start - first) / length * count) for start, _, _ in said.words if first < start < last}
    if len(edges) < _FEWEST_WORDS:
        parts = max(2, min(count, round(length / _PART_S)))
        edges = {round(index * count / parts) for index in range(1, parts)}
    cuts = sorted({0, count, *edges})
    return list(pairwise(cuts))


def base_letters(ipa: str) -> str:
    """An IPA sound without stress, length and diacritics."""
    return "".join(sign for sign in unicodedata.normalize("NFD", ipa) if unicodedata.category(sign) == "Ll")


def _laid_over(mono: Samples, said: Reading, step: float) -> Callable[[float], float]:
    seconds = len(mono) / RATE
    first, last = _span(said)
    spoken = resample(said.samples, SAMPLE_RATE, RATE)[round(first * RATE) : round(last * RATE)]
    count = max(8, round(seconds / step))
    path, _ = warp(cepstra(mono, RATE, count), cepstra(spoken, RATE, count), _reach(count, seconds))
    # While the recording pauses the reading stands still: the tiny slope keeps the way back unique.
    place = first + path * (last - first) / max(1, count - 1) + np.arange(count) * 1e-9
    times = np.linspace(0.0, seconds, count)
    return lambda at: float(np.interp(at, place, times))


def _span(said: Reading) -> tuple[float, float]:
    if not said.phonemes:
        return 0.0, len(said.samples) / SAMPLE_RATE
    return said.phonemes[0].start, said.phonemes[-1].end


def _reach(count: int, seconds: float) -> int:
    return max(6, round(count * min(_REACH, _REACH_S / max(seconds, 1e-3))))


def _words(
    said: Reading, heard: Callable[[float], float], tokens: Sequence[Token]
) -> tuple[tuple[float, float, int], ...]:
    owners = [index for index, token in enumerate(tokens) for _ in token.spoken.split()]
    spans: dict[int, tuple[float, float]] = {}
    spoken = [word.strip('.,;:!?…"') for token in tokens for word in token.spoken.split()]
    matcher = SequenceMatcher(None, spoken, [word for _, _, word in said.words], autojunk=False)
    for block in matcher.get_matching_blocks():
        for at in range(block.size):
            token, (start, end, _) = owners[block.a + at], said.words[block.b + at]
            begin, last = heard(start), heard(end)
            known = spans.get(token, (begin, last))
            spans[token] = min(known[0], begin), max(known[1], last)
    return tuple((*spans[index], index) for index in sorted(spans))
