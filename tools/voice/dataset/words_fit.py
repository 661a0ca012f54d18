"""Whether subtitles lie where somebody speaks; a file of another cut, or a shifted one, gives clips wrong words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backends.sound.result import Words

STEP_S = 0.1
FARTHEST_S = 120.0
"""Shifts looked at."""
POOR, GOOD = 0.2, 0.3
"""Correlation of 'a line is shown' with 'somebody speaks': below the first the times are doubted, above the second
another shift is believed. Four dialogues of LibriSpeech readers, half a second between the lines: 0.35 to 0.44 where
they fit, 0.14 or less where they are off by a second or more; every shift above 0.3 was right to 0.4 s."""
LEAST_LINES = 4


def misfit(words: Sequence[Words], spans: Sequence[tuple[float, float]], seconds: float) -> str:
    """Why the lines do not fit the sound, '' when they do or when too little is there to tell.

    Args:
        spans: stretches of speech, (start, end) seconds.
        seconds: length of the sound.
    """
    inside = [word for word in words if word.start < seconds]
    if words and not inside:
        return f"all {len(words)} lines come after its end"
    if len(inside) < LEAST_LINES:
        return ""
    shown, spoken = _mask([(w.start, w.end) for w in inside], seconds), _mask(spans, seconds)
    if not (0 < shown.mean() < 1 and 0 < spoken.mean() < 1):
        return ""
    like = _correlations(shown, spoken)
    middle = len(like) // 2
    best = int(np.argmax(like))
    if like[middle] >= POOR or like[best] < GOOD:
        return ""
    shift = (best - middle) * STEP_S
    return f"they seem {abs(shift):.1f} s {'early' if shift > 0 else 'late'}"


def _mask(spans: Sequence[tuple[float, float]], seconds: float) -> NDArray[np.float64]:
    mask = np.zeros(max(1, round(seconds / STEP_S)))
    for start, end in spans:
        mask[round(max(0.0, start) / STEP_S) : round(max(0.0, end) / STEP_S)] = 1.0
    return mask


def _correlations(shown: NDArray[np.float64], spoken: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the lines moved by -n..n steps with the speech; n steps are FARTHEST_S, or a third of the sound."""
    from scipy import signal

    most = min(round(FARTHEST_S / STEP_S), len(shown) // 3)
    a, b = shown - shown.mean(), spoken - spoken.mean()
    whole = signal.correlate(b, a, mode="full") / (len(a) * a.std() * b.std())
    middle = len(a) - 1
    return np.asarray(whole[middle - most : middle + most + 1])
