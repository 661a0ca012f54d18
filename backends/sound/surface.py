"""Noise of what sound was kept on: the hiss of tape, the crackle of a worn record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from configs.errors import UsageError

RATE = 48_000
LONGEST_SECONDS = 4 * 3600.0
_LEVELS = {"hiss": -46.0, "crackle": -42.0}
"""dB below full scale, RMS: heard in pauses only."""
_LOOP_SECONDS = 40.0
"""Made for so long, then repeated with a cross-fade: nobody hears noise repeat."""


def surface_noise(kind: str, seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """'hiss' or 'crackle' as (n, 2) float32 at 48 kHz; the same seed, the same samples.

    Raises UsageError for another kind or a length out of range.
    """
    if kind not in _LEVELS:
        raise UsageError(f"There is no surface noise '{kind[:40]}'", fix=f"Use one of {', '.join(_LEVELS)}")
    if not 0 < seconds <= LONGEST_SECONDS:
        raise UsageError(f"Noise of {seconds:g} s cannot be made", f"up to {LONGEST_SECONDS:g} s can")
    chance = np.random.default_rng([seed, *kind.encode()])
    count = round(min(seconds, _LOOP_SECONDS) * RATE)
    made = np.stack([_hiss(count, chance) if kind == "hiss" else _crackle(count, chance) for _ in range(2)], axis=1)
    made *= 10 ** (_LEVELS[kind] / 20) / max(1e-9, float(np.sqrt((made**2).mean())))
    whole = round(seconds * RATE)
    return np.resize(made, (whole, 2)).astype(np.float32) if whole > count else made.astype(np.float32)


def _hiss(count: int, chance: np.random.Generator) -> NDArray[np.float64]:
    return _shaped(chance.normal(size=count), 900.0, 9000.0)


def _crackle(count: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """A rumble, and clicks as dust makes them: many small ones, few large ones."""
    track = 0.5 * _shaped(chance.normal(size=count), 25.0, 120.0)
    clicks = max(1, round(count / RATE * 9))
    places = chance.integers(0, count, clicks)
    sizes = chance.pareto(2.2, clicks).clip(0, 12) * chance.choice((-1, 1), clicks)
    spikes = np.zeros(count)
    np.add.at(spikes, places, sizes)
    tail = np.exp(-np.arange(96) / 14.0) * np.cos(np.arange(96) * 0.7)
    return np.asarray(track / max(1e-9, float(track.std())) * 0.35 + np.convolve(spikes, tail)[:count] * 6)


def _shaped(noise: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Noise with only this band left, in Hz; a circle, so that it repeats without a click."""
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(len(noise), 1 / RATE)
    gain = 1 / np.sqrt(1 + (np.maximum(hertz, 1e-3) / high) ** 4) / np.sqrt(1 + (low / np.maximum(hertz, 1e-3)) ** 4)
    return np.fft.irfft(spectrum * gain, len(noise))
