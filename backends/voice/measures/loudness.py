"""How loud a line is, and how to bring it to a level: LUFS after ITU-R BS.1770-4, without clipping."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

BLOCK_S = 0.4
"""Gating block of BS.1770; shorter clips are repeated to fill several."""
FLOOR_DB = -120.0
FRAME_S = 0.02
LIMITER_S = 0.004
PEAK_DBFS = -1.0


def peak_dbfs(samples: Samples) -> float:
    """Highest sample in dB of full scale; -120 for silence."""
    return _db(float(np.max(np.abs(samples), initial=0.0)))


def rms_dbfs(samples: Samples) -> float:
    """Root mean square level in dB of full scale; -120 for silence."""
    return _db(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0)


def integrated_lufs(samples: Samples, sample_rate: int) -> float:
    """Integrated loudness of (N,) or (N, channels) samples in LUFS; -120 for silence.

    Clips under two blocks are repeated, not padded.
    """
    import pyloudnorm

    if not len(samples) or peak_dbfs(samples) <= FLOOR_DB:
        return FLOOR_DB
    need = int(2 * BLOCK_S * sample_rate) + 1
    if len(samples) < need:
        samples = np.concatenate([samples] * -(-need // len(samples)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = float(pyloudnorm.Meter(sample_rate).integrated_loudness(samples.astype(np.float64)))
    return value if np.isfinite(value) else FLOOR_DB


def normalise(samples: Samples, sample_rate: int, target_lufs: float, peak: float = PEAK_DBFS) -> Samples:
    """Bring (N,) samples to `target_lufs`; peaks that would pass `peak` dBFS are held down by a short limiter.

    Silence comes back unchanged.
    """
    out = samples
    for _ in range(3):
        now = integrated_lufs(out, sample_rate)
        if now <= FLOOR_DB or abs(now - target_lufs) < 0.1:
            break
        out = limit((out * 10 ** ((target_lufs - now) / 20)).astype(np.float32), sample_rate, peak)
    return limit(out, sample_rate, peak)


def limit(samples: Samples, sample_rate: int, peak: float = PEAK_DBFS) -> Samples:
    """Keep every sample at or under `peak` dBFS with a gain that moves within LIMITER_S seconds, looking ahead."""
    from scipy.ndimage import minimum_filter1d, uniform_filter1d

    ceiling = 10 ** (peak / 20)
    loud = np.abs(samples)
    if float(np.max(loud, initial=0.0)) <= ceiling:
        return samples
    gain = np.minimum(1.0, ceiling / np.maximum(loud, 1e-9))
    span = max(3, int(LIMITER_S * sample_rate) | 1)
    # The minimum over a window as wide as the smoothing keeps the smoothed gain at or under what each sample needs.
    gain = uniform_filter1d(minimum_filter1d(gain, span, mode="nearest"), span, mode="nearest")
    return np.asarray(np.clip(samples * gain, -ceiling, ceiling), dtype=np.float32)


def frame_levels(samples: Samples, sample_rate: int) -> NDArray[np.float64]:
    """RMS in dBFS of each FRAME_S frame, shape (ceil(N / frame),)."""
    size = max(1, int(FRAME_S * sample_rate))
    padded = np.pad(samples.astype(np.float64), (0, -len(samples) % size))
    rms = np.sqrt(np.mean(padded.reshape(-1, size) ** 2, axis=1))
    levels: NDArray[np.float64] = 20 * np.log10(np.maximum(rms, 10 ** (FLOOR_DB / 20)))
    return levels


def speech_span(samples: Samples, sample_rate: int, below_peak_db: float = 45.0) -> tuple[float, float]:
    """Seconds of the first and the last frame that are not silent; (0, 0) for silence.

    Silent means `below_peak_db` under the loudest frame.
    """
    levels = frame_levels(samples, sample_rate)
    if not len(levels) or levels.max() <= FLOOR_DB + 1:
        return 0.0, 0.0
    heard = np.flatnonzero(levels > levels.max() - below_peak_db)
    return float(heard[0] * FRAME_S), float(min((heard[-1] + 1) * FRAME_S, len(samples) / sample_rate))


def silence_share(samples: Samples, sample_rate: int, below_peak_db: float = 45.0) -> float:
    """Share of frames that are silent, 0..1; 1 for silence throughout."""
    levels = frame_levels(samples, sample_rate)
    if not len(levels) or levels.max() <= FLOOR_DB + 1:
        return 1.0
    return float(np.mean(levels <= levels.max() - below_peak_db))


def trim(samples: Samples, sample_rate: int, keep_s: float = 0.05) -> tuple[Samples, float]:
    """Cut silent ends, keeping `keep_s` seconds, with 5 ms fades. Returns the rest and the seconds cut in front."""
    start, end = speech_span(samples, sample_rate)
    if end <= start:
        return samples, 0.0
    first = max(0, int((start - keep_s) * sample_rate))
    last = min(len(samples), int((end + keep_s) * sample_rate))
    out = samples[first:last].copy()
    fade = min(int(0.005 * sample_rate), len(out) // 2)
    if fade:
        ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
        out[:fade] *= ramp
        out[-fade:] *= ramp[::-1]
    return out, first / sample_rate


def _db(value: float) -> float:
    return max(FLOOR_DB, 20 * float(np.log10(max(value, 1e-12))))
