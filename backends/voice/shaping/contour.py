"""Where in a phrase its melody and its pace are bent: the end, the stressed word, the stressed vowel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from backends.voice.emotions.prosody import Prosody
from backends.voice.engines.protocol import Phoneme

Words = Sequence[tuple[float, float, str]]
Track = NDArray[np.float64]

FRAME_S = 0.015
"""Distance of pitch frames."""
WORD_PAUSE_S, VOICE_PAUSE_S = 0.13, 0.22
"""A silence between words, or between voiced stretches, that parts phrases."""
FINAL_SHARE, FINAL_S = 0.34, (0.15, 0.45)
"""How much of a phrase's end rises or falls, and its least and greatest length."""
CONTINUED = 0.4
"""Share of the final movement at a phrase's end within the line."""
ACCENT_S = 0.13
"""Half the width of the pitch movement on a stressed word, at least."""
CONTENT_LETTERS = 4
"""Shorter words are mostly function words, which bear no stress."""
STRESS = "ˈ"
_EDGE_S = 0.001


@dataclass(frozen=True)
class Phrase:
    start: float
    """Seconds."""
    end: float
    stress: tuple[float, float]
    """Seconds of the stressed vowel, or of the stressed word where vowels are not known."""


@dataclass(frozen=True)
class Pace:
    """How the time of a sound is drawn out, stretch by stretch."""

    edges: tuple[float, ...]
    """Seconds in the old sound, ascending, from 0 to its end."""
    factors: tuple[float, ...]
    """New length over old length between two edges."""

    @classmethod
    def even(cls, seconds: float, factor: float) -> Pace:
        return cls((0.0, seconds), (factor,))

    @property
    def total(self) -> float:
        """Seconds of the new sound."""
        return sum((b - a) * factor for (a, b), factor in zip(pairwise(self.edges), self.factors, strict=True))

    @property
    def is_even_at_one(self) -> bool:
        return all(factor == 1.0 for factor in self.factors)

    def moved(self, start: float, end: float) -> tuple[float, float]:
        """Where two moments of the old sound are in the new one."""
        lengths = [(b - a) * factor for (a, b), factor in zip(pairwise(self.edges), self.factors, strict=True)]
        new = np.interp((start, end), self.edges, np.concatenate([[0.0], np.cumsum(lengths)]))
        return float(new[0]), float(new[1])

    def points(self) -> list[tuple[float, float]]:
        """(seconds, factor) with straight lines between them, as Praat's duration tiers have them."""
        spans = zip(pairwise(self.edges), self.factors, strict=True)
        return [
            (moment, factor)
            for (a, b), factor in spans
            for moment in (a + _EDGE_S / 2, b - _EDGE_S / 2)
            if b - a > 2 * _EDGE_S
        ]


def phrases_of(at: Track, f0: Track, words: Words, phonemes: Sequence[Phoneme]) -> tuple[Phrase, ...]:
    """The phrases of a sound, from its words or, without any, from its voiced stretches.

    Args:
        at: (N,) seconds of the pitch frames.
        f0: (N,) Hz, 0 where there is no voice.
    """
    voiced = at[f0 > 0]
    if words:
        groups = [list(group) for group in _split_words(sorted(words))]
        spans = [(group[0][0], group[-1][1], _stressed(group, phonemes)) for group in groups]
    elif len(voiced):
        breaks = np.flatnonzero(np.diff(voiced) > VOICE_PAUSE_S)
        starts, ends = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(voiced) - 1]])
        edges = [(float(voiced[a]), float(voiced[b])) for a, b in zip(starts, ends, strict=True)]
        spans = [(start, end, _prominent(at, f0, start, end)) for start, end in edges]
    else:
        spans = []
    return tuple(Phrase(*span) for span in spans)


def contour(prosody: Prosody, at: Track, f0: Track, phrases: Sequence[Phrase]) -> Track:
    """(N,) semitones to add at each pitch frame: the accent of each phrase and the movement at its end."""
    shift = np.zeros_like(at)
    for index, phrase in enumerate(phrases):
        if prosody.accent:
            start, end = phrase.stress
            half = max(ACCENT_S, (end - start) / 2 + 0.05)
            shift += prosody.accent * _hump((at - (start + end) / 2) / half)
        inside = (at >= phrase.start) & (at <= phrase.end + FRAME_S) & (f0 > 0)
        if prosody.final and np.any(inside):
            share = 1.0 if index == len(phrases) - 1 else CONTINUED
            end = float(at[inside][-1])
            length = float(np.clip(FINAL_SHARE * (end - phrase.start), *FINAL_S))
            ramp = np.clip((at - (end - length)) / length, 0.0, 1.0)
            ramp[at > (phrases[index + 1].start if index + 1 < len(phrases) else np.inf)] = 0.0
            shift += share * prosody.final * (3 * ramp**2 - 2 * ramp**3)
    return shift


def pace_of(seconds: float, rate: float, stretch: float, phrases: Sequence[Phrase]) -> Pace:
    """The pace of a sound of `seconds` spoken `rate` times as fast, each phrase's stressed vowel `stretch` as long."""
    edges, factors = [0.0], list[float]()
    base = 1.0 / rate
    for phrase in phrases if stretch != 1.0 else ():
        start, end = max(edges[-1], phrase.stress[0]), min(seconds, phrase.stress[1])
        if end - start < 2 * FRAME_S:
            continue
        if start > edges[-1]:
            edges, factors = [*edges, start], [*factors, base]
        edges, factors = [*edges, end], [*factors, base * stretch]
    if edges[-1] < seconds:
        edges, factors = [*edges, seconds], [*factors, base]
    return Pace(tuple(edges), tuple(factors))


def _split_words(words: Words) -> list[list[tuple[float, float, str]]]:
    groups: list[list[tuple[float, float, str]]] = []
    for word in words:
        if not groups or word[0] - groups[-1][-1][1] > WORD_PAUSE_S:
            groups.append([])
        groups[-1].append(word)
    return groups


def _stressed(group: Words, phonemes: Sequence[Phoneme]) -> tuple[float, float]:
    """The stressed vowel of a phrase's last content word, which bears the stress of a plain statement."""
    content = [word for word in group if sum(map(str.isalpha, word[2])) >= CONTENT_LETTERS]
    start, end, _ = content[-1] if content else max(group, key=lambda word: word[1] - word[0])
    for phoneme in phonemes:
        if STRESS in phoneme.ipa and start - FRAME_S <= phoneme.start and phoneme.end <= end + FRAME_S:
            return phoneme.start, phoneme.end
    return start, end


def _prominent(at: Track, f0: Track, start: float, end: float) -> tuple[float, float]:
    """Without words: a syllable's length around the highest pitch of a phrase's later part."""
    inside = (at >= start + 0.4 * (end - start)) & (at <= end) & (f0 > 0)
    if not np.any(inside):
        return start, end
    peak = float(at[inside][np.argmax(f0[inside])])
    return max(start, peak - 0.08), min(end, peak + 0.08)


def _hump(x: Track) -> Track:
    return np.where(np.abs(x) < 1, 0.5 + 0.5 * np.cos(np.pi * np.clip(x, -1, 1)), 0.0)
