"""A recording without its long pauses, and the way back to its own time.

Where somebody pauses for long, time warping spends the reading's words on breath, reverberation and the noise of the
room: in an old address in a hall, words were laid into pauses of a second before and after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from backends.voice.measures.loudness import frame_levels
from backends.voice.speakers.activity import speech_spans

LEFT_S = 0.08
"""Of a pause, on each side: stops and fading sounds that the activity network does not take for speech."""
SHORTEST_S = 0.3
"""Shorter pauses stay whole; the reading has such ones too."""
_UNDER_DB = 12.0
"""A pause is this far below the loud frames on average: robots and whispers are not always heard as speech."""

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Condensed:
    """Speech that follows closely upon speech."""

    samples: Samples
    """(M,) mono, M <= N."""
    pauses: tuple[tuple[float, float], ...]
    """(start, end) seconds of the recording that were left out, in order."""
    rate: int

    def original(self, at: float, *, end: bool = False) -> float:
        """Seconds of the recording at seconds of `samples`; on a cut, its later side, or the earlier one for an end."""
        out = at
        for start, last in self.pauses:
            if out < start - 1e-6 or (end and out <= start + 1e-6):
                break
            out += last - start
        return out


def condense(samples: Samples, rate: int) -> Condensed:
    """(N,) mono samples without the middles of their long pauses."""
    pauses = _pauses(samples, rate, speech_spans(samples, rate))
    if not pauses:
        return Condensed(samples, (), rate)
    edges = [0, *(round(second * rate) for pause in pauses for second in pause), len(samples)]
    kept = [samples[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return Condensed(np.concatenate(kept), pauses, rate)


def _pauses(samples: Samples, rate: int, spans: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    levels = frame_levels(samples, rate)
    if not len(levels) or not spans:
        return ()
    loud = float(np.percentile(levels, 95))
    per_frame = len(samples) / rate / len(levels)
    made: list[tuple[float, float]] = []
    for (_, before), (after, _) in pairwise(spans):
        start, end = before + LEFT_S, after - LEFT_S
        if after - before < SHORTEST_S:
            continue
        inside = levels[round(start / per_frame) : max(round(end / per_frame), round(start / per_frame) + 1)]
        if len(inside) and float(inside.mean()) <= loud - _UNDER_DB:
            made.append((start, end))
    return tuple(made)
