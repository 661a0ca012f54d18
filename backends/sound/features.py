"""From the ear's steps to what tells speech, music and noise apart: means over one second and over three."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.sound.ear import FEATURES, FRAME, STEP

Floats = NDArray[np.float64]
NEAR_STEPS, WIDE_STEPS = 2, 7
"""Steps on each side: windows of 1 s and 3 s."""
FRAMES_PER_STEP = round(STEP / FRAME)
PULSE_SECONDS = 6.0
PULSE_LAGS = ((0.22, 1.1), (1.1, 2.6))
"""Seconds of a beat, and of a bar: talk has neither, and never repeats itself after a bar."""
_LEVEL_FREE = FEATURES[1:]
"""How loud a track was recorded says nothing of what is on it."""
_SPREAD = ("level", "centroid", "tones", "harmonicity", "flux")
_BENDS = {
    # What talk never has: a pulse like this, partials that stand like that; and what music seldom has.
    "strong pulse": ("pulse of bars", 0.45, 1),
    "standing partials": ("tones_long 3s", 0.65, 1),
    "moving partials": ("tones 3s", 0.6, -1),
    "syllables": ("slow 3s", 0.15, 1),
    "no syllables": ("slow 3s", 0.12, -1),
    "gaps": ("low energy 3s", 0.25, 1),
}
"""Features that count only beyond a value, so that a linear model can use them: source, value, direction."""
_PLAIN = (
    *(f"{name} 1s" for name in _LEVEL_FREE),
    *(f"{name} 3s" for name in _LEVEL_FREE),
    *(f"{name} spread" for name in _SPREAD),
    "low energy 1s",
    "low energy 3s",
    "pauses",
    "pulse of beats",
    "pulse of bars",
)
NAMES = (*_PLAIN, *_BENDS)


def pooled(
    steps: NDArray[np.float32], strength: NDArray[np.float32], levels: NDArray[np.float32], active: NDArray[np.bool_]
) -> Floats:
    """(n, len(NAMES)) of the ear's (n, len(FEATURES)), onset strengths and levels (dBFS) every 10 ms.

    active: (n,) steps that are not silent; silent ones do not count in their neighbours' means.
    """
    weight = active.astype(np.float64)
    table = steps.astype(np.float64)
    near, wide = _mean(table, weight, NEAR_STEPS), _mean(table, weight, WIDE_STEPS)
    square = _mean(np.square(table), weight, WIDE_STEPS)
    spread = np.sqrt(np.maximum(square - np.square(wide), 0))[:, [FEATURES.index(name) for name in _SPREAD]]
    low = _low_energy(levels, len(steps))
    pulse = _pulse(strength, len(steps))
    columns = [
        near[:, 1:],
        wide[:, 1:],
        spread,
        _mean(low[:, None], weight, NEAR_STEPS),
        _mean(low[:, None], weight, WIDE_STEPS),
        1 - _mean(weight[:, None], np.ones(len(steps)), WIDE_STEPS),
        pulse,
    ]
    plain = np.concatenate(columns, axis=1)
    bends = [np.maximum(0, sign * (plain[:, _PLAIN.index(source)] - value)) for source, value, sign in _BENDS.values()]
    return np.concatenate([plain, np.stack(bends, axis=1)], axis=1)


def _mean(table: Floats, weight: Floats, reach: int) -> Floats:
    """Weighted mean of the rows from `reach` before to `reach` after each row; its own row where no weight is."""
    total = np.concatenate([np.zeros((1, table.shape[1])), np.cumsum(table * weight[:, None], axis=0)])
    count = np.concatenate([[0.0], np.cumsum(weight)])
    first = np.maximum(np.arange(len(table)) - reach, 0)
    last = np.minimum(np.arange(len(table)) + reach + 1, len(table))
    sums, counts = total[last] - total[first], count[last] - count[first]
    return np.asarray(np.where(counts[:, None] > 0, sums / np.maximum(counts, 1e-9)[:, None], table))


def _low_energy(levels: NDArray[np.float32], count: int) -> Floats:
    """Share of each step's frames below half the mean RMS of the second around them (Saunders 1996)."""
    from scipy.ndimage import uniform_filter1d

    if not len(levels):
        return np.zeros(count)
    size = 10 ** (levels.astype(np.float64) / 20)
    below = size < 0.5 * uniform_filter1d(size, round(1 / FRAME), mode="nearest")
    missing = max(0, count * FRAMES_PER_STEP - len(below))
    filled = np.pad(below, (0, missing), mode="edge")[: count * FRAMES_PER_STEP]
    return np.asarray(filled.reshape(count, FRAMES_PER_STEP).mean(axis=1))


def _pulse(strength: NDArray[np.float32], count: int) -> Floats:
    """How well the onsets around each step repeat themselves after a beat and after a bar, (n, 2) 0-1."""
    size, hop = round(PULSE_SECONDS / FRAME), 5 * FRAMES_PER_STEP
    padded = np.pad(strength.astype(np.float64), (size // 2, size // 2 + hop))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    values = np.zeros((len(windows), len(PULSE_LAGS)))
    for at in range(0, len(windows), 512):
        part = windows[at : at + 512] - windows[at : at + 512].mean(axis=1, keepdims=True)
        similar = np.fft.irfft(np.square(np.abs(np.fft.rfft(part, 2 * size, axis=1))), axis=1)
        similar = similar[:, :size] / np.maximum(similar[:, :1], 1e-9)
        for column, (shortest, longest) in enumerate(PULSE_LAGS):
            lags = np.arange(round(shortest / FRAME), round(longest / FRAME) + 1)
            values[at : at + 512, column] = (similar[:, lags] / (1 - lags / size)).max(axis=1)
    places = np.arange(count) / 5
    return np.stack([np.interp(places, np.arange(len(values)), np.clip(v, 0, 1)) for v in values.T], axis=1)
