"""What tests hear: pitch, brightness and voicing of a sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Heard:
    f0: float
    """Median, Hz; 0 when nothing is voiced."""
    f0_spread: float
    """Standard deviation, semitones."""
    voiced: float
    """Share of the frames with sound that are periodic."""
    centroid: float
    """Hz, of the whole spectrum."""
    seconds: float


def hear(samples: NDArray[np.float32], rate: int) -> Heard:
    track, voiced = pitch_track(samples, rate)
    power = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    centroid = float((power * hertz).sum() / power.sum())
    if not len(track):
        return Heard(0.0, 0.0, 0.0, centroid, len(samples) / rate)
    middle = float(np.median(track))
    return Heard(middle, float(np.std(12 * np.log2(track / middle))), voiced, centroid, len(samples) / rate)


def pitch_track(
    samples: NDArray[np.float32], rate: int, low: float = 65.0, high: float = 900.0, dip: float = 0.2
) -> tuple[NDArray[np.float64], float]:
    """F0 of the periodic frames in Hz, and their share of the frames with sound.

    Autocorrelation with YIN's cumulative normalisation (de Cheveigne & Kawahara 2002), which avoids octave errors.
    """
    sound = samples.astype(np.float64)
    frame, hop, longest = int(0.05 * rate), int(0.02 * rate), int(rate / low)
    floor = 0.15 * np.sqrt(np.mean(sound**2))
    found: list[float] = []
    frames = 0
    for start in range(0, len(sound) - frame - longest, hop):
        window = sound[start : start + frame + longest]
        if np.sqrt(np.mean(window**2)) < floor:
            continue
        frames += 1
        size = 1 << (2 * len(window) - 1).bit_length()
        product = np.fft.irfft(np.fft.rfft(window, size) * np.conj(np.fft.rfft(window[:frame], size)))[:longest]
        running = np.concatenate([[0.0], np.cumsum(window**2)])
        energy = running[frame : frame + longest] - running[:longest]
        difference = energy[0] + energy - 2 * product
        difference[0] = 0.0
        normal = difference * np.arange(longest) / np.maximum(np.cumsum(difference), 1e-12)
        first = int(rate / high)
        below = np.flatnonzero(normal[first:] < dip)
        if not len(below):
            continue
        lag = first + int(below[0])
        while lag + 1 < longest and normal[lag + 1] < normal[lag]:
            lag += 1
        found.append(rate / lag)
    return np.array(found), len(found) / max(1, frames)
