"""True peak after ITU-R BS.1770-4, annex 2: the highest value between the samples too, by four-fold oversampling."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from backends.voice.measures.loudness import FLOOR_DB, LIMITER_S, peak_dbfs

Samples = NDArray[np.float32]

OVERSAMPLING = 4
TAPS = 81
"""Of the interpolating filter: a windowed sinc over 20 samples, ripple under 0.1 dB up to 0.4 of the sample rate."""
BLOCK = 8192
EDGE = 32
"""Samples read on each side of a block: the filter reaches 10."""
NEAR_DB = 3.5
"""How far a peak between samples may stand above them: 3 dB for a tone at a quarter of the rate, the worst usual."""


def true_peak_dbtp(samples: Samples) -> float:
    """The true peak of (N,) samples at up to 48 kHz in dBTP; -120 for silence."""
    highest = peak_dbfs(samples)
    if highest <= FLOOR_DB:
        return FLOOR_DB
    found = 10 ** (highest / 20)
    for start in _loud_blocks(samples, highest - NEAR_DB):
        found = max(found, float(np.max(_fine(samples, start))))
    return max(FLOOR_DB, 20 * float(np.log10(found)))


def limit_true_peak(samples: Samples, sample_rate: int, ceiling_dbtp: float = -1.0) -> tuple[Samples, float]:
    """Hold the true peak of (N,) samples at or under `ceiling_dbtp` with a gain that looks ahead LIMITER_S seconds.

    Returns the samples (the same where nothing had to be held) and their true peak in dBTP.
    """
    gain, peak = limiting_gain(samples, sample_rate, ceiling_dbtp)
    return (samples if gain is None else np.asarray(samples * gain, dtype=np.float32)), peak


def limiting_gain(samples: Samples, sample_rate: int, ceiling_dbtp: float = -1.0) -> tuple[Samples | None, float]:
    """The gain, (N,) in 0..1, that holds the true peak of (N,) samples; None where nothing has to be held.

    With it the true peak in dBTP. The same gain on each part of a sum gives parts of the limited sum.
    """
    from scipy.ndimage import minimum_filter1d, uniform_filter1d

    ceiling = 10 ** (ceiling_dbtp / 20)
    out, gain = samples, None
    span = max(3, int(LIMITER_S * sample_rate) | 1)
    reach = np.ones(len(samples), np.float32)
    for start in _loud_blocks(samples, ceiling_dbtp - NEAR_DB):
        fine = _fine(samples, start).reshape(-1, OVERSAMPLING)
        # of each sample and what follows it up to the next one; four columns are faster than max(axis=1)
        peaks = np.maximum(np.maximum(fine[:, 0], fine[:, 1]), np.maximum(fine[:, 2], fine[:, 3]))
        reach[start : start + BLOCK] = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    if float(np.min(reach, initial=1.0)) < 1.0:
        # The minimum over a window as wide as the smoothing keeps the gain at or under what each sample needs.
        gain = uniform_filter1d(minimum_filter1d(reach, span, mode="nearest"), span, mode="nearest")
        out = np.asarray(samples * gain, dtype=np.float32)
    # A gain that moves shifts what lies between the samples by some hundredths of a decibel.
    peak = true_peak_dbtp(out)
    if peak <= ceiling_dbtp:
        return gain, peak
    over = peak - ceiling_dbtp + 1e-4
    less = np.float32(10 ** (-over / 20))
    return np.asarray(np.full(len(samples), less) if gain is None else gain * less, np.float32), peak - over


def _loud_blocks(samples: Samples, above_db: float) -> list[int]:
    """Where blocks of BLOCK samples begin that hold one above `above_db` dBFS."""
    floor = 10 ** (above_db / 20)
    starts = range(0, len(samples), BLOCK)
    peaks = np.maximum.reduceat(np.abs(samples), list(starts)) if len(samples) else ()
    return [start for start, peak in zip(starts, peaks, strict=True) if peak >= floor]


def _fine(samples: Samples, start: int) -> NDArray[np.float32]:
    """Absolute values of a block, oversampled, (OVERSAMPLING * N,)."""
    from scipy.signal import upfirdn

    first = max(0, start - EDGE)
    last = min(len(samples), start + BLOCK)
    filtered = upfirdn(_filter(), samples[first : last + EDGE].astype(np.float32), up=OVERSAMPLING)
    begin = (start - first) * OVERSAMPLING + TAPS // 2  # the filter's delay
    return np.asarray(np.abs(filtered[begin : begin + (last - start) * OVERSAMPLING]))


@cache
def _filter() -> NDArray[np.float32]:
    from scipy.signal import firwin

    return np.asarray(firwin(TAPS, 1 / OVERSAMPLING, window=("kaiser", 5.0)) * OVERSAMPLING, np.float32)
