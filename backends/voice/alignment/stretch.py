"""Alignment of up to about a minute of speech: eSpeak's reading of the text, laid over it by time warping."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from backends.voice.engines.espeak import SAMPLE_RATE, espeak_voice
from backends.voice.engines.espeak_library import EspeakKnobs, Utterance, open_library
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


def read_aloud(tokens: Sequence[Token], tag: str, high: bool) -> Utterance:
    """eSpeak's reading. Raises EngineError when it is missing or does not speak the language."""
    voice = espeak_voice(tag) + ("+f2" if high else "")
    return open_library().synthesise(" ".join(token.spoken for token in tokens), EspeakKnobs(voice))


def roughly(mono: Samples, said: Utterance) -> Callable[[float], float]:
    """From seconds of eSpeak's reading to seconds of the recording, to a tenth or so."""
    return _laid_over(mono, said, _COARSE_S)


def align_stretch(mono: Samples, tokens: Sequence[Token], tag: str, high: bool) -> Timed:
    """Phonemes and words of `tokens` in (N,) samples at RATE."""
    said = read_aloud(tokens, tag, high)
    heard = _laid_over(mono, said, _FINE_S)
    phonemes = tuple(Phoneme(heard(p.start), heard(p.end), p.ipa) for p in said.phonemes)
    return Timed(tuple(p for p in phonemes if p.end > p.start), _words(said, heard, tokens))


def likeness_of(mono: Samples, tokens: Sequence[Token], tag: str) -> tuple[float, bool]:
    """Likeness of the recording's first minute, at most, to as much of the reading; and whether a high voice's is it.

    Both voices are tried and the nearer one counts.
    """
    seconds = len(mono) / RATE
    part = min(1.0, _LIKENESS_PART_S / seconds)
    count = max(8, round(seconds * part / _LIKENESS_S))
    ours = cepstra(mono[: round(len(mono) * part)], RATE, count)
    found: list[tuple[float, bool]] = []
    for high in (False, True):
        said = read_aloud(tokens, tag, high)
        first, last = _span(said)
        spoken = resample(said.samples, SAMPLE_RATE, RATE)
        spoken = spoken[round(first * RATE) : round((first + (last - first) * part) * RATE)]
        value = likeness(ours, cepstra(spoken, RATE, count), _reach(count, seconds * part))
        found.append((round(value, 3), high))
    return max(found)


def base_letters(ipa: str) -> str:
    """An IPA sound without stress, length and diacritics."""
    return "".join(sign for sign in unicodedata.normalize("NFD", ipa) if unicodedata.category(sign) == "Ll")


def _laid_over(mono: Samples, said: Utterance, step: float) -> Callable[[float], float]:
    seconds = len(mono) / RATE
    first, last = _span(said)
    spoken = resample(said.samples, SAMPLE_RATE, RATE)[round(first * RATE) : round(last * RATE)]
    count = max(8, round(seconds / step))
    path, _ = warp(cepstra(mono, RATE, count), cepstra(spoken, RATE, count), _reach(count, seconds))
    # While the recording pauses the reading stands still: the tiny slope keeps the way back unique.
    place = first + path * (last - first) / max(1, count - 1) + np.arange(count) * 1e-9
    times = np.linspace(0.0, seconds, count)
    return lambda at: float(np.interp(at, place, times))


def _span(said: Utterance) -> tuple[float, float]:
    if not said.phonemes:
        return 0.0, len(said.samples) / SAMPLE_RATE
    return said.phonemes[0].start, said.phonemes[-1].end


def _reach(count: int, seconds: float) -> int:
    return max(6, round(count * min(_REACH, _REACH_S / max(seconds, 1e-3))))


def _words(
    said: Utterance, heard: Callable[[float], float], tokens: Sequence[Token]
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
