"""A cloned voice for stand-ins of engines that cannot run here: eSpeak, at the pitch of the reference."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from backends.voice.engines.espeak import espeak_voice
from backends.voice.engines.espeak_library import EspeakKnobs, EspeakLibrary, open_library

LOWEST_HZ, HIGHEST_HZ = 70.0, 500.0
MIDDLE_HZ = {"m3": 100.0, "f2": 180.0}
"""Pitch of the two variants at eSpeak's middle setting."""


@cache
def library() -> EspeakLibrary:
    return open_library()


def pitch_hz(samples: NDArray[np.float32], rate: int) -> float:
    """Median pitch of the voiced frames, by autocorrelation."""
    size, found = int(0.04 * rate), []
    low, high = int(rate / HIGHEST_HZ), int(rate / LOWEST_HZ)
    for at in range(0, len(samples) - size, size):
        frame = samples[at : at + size] - samples[at : at + size].mean()
        energy = float(frame @ frame)
        if energy < 1e-3 * size * 0.1:
            continue
        spectrum = np.abs(np.fft.rfft(frame, 2 * size)) ** 2
        likeness = np.fft.irfft(spectrum)[low:high] / energy
        if likeness.max() > 0.4:
            found.append(rate / (low + int(likeness.argmax())))
    return float(np.median(found)) if found else 150.0


def speak_like(
    text: str, language: str, reference: NDArray[np.float32], rate: int, weights: bytes, wanted_rate: int,
    *, speed: float = 1.0, seed: int = 0,
) -> NDArray[np.float32]:  # fmt: skip
    """`text` at the pitch of `reference`; `weights` move the formants, `seed` the pace a little.

    Returns (N,) float32 at `wanted_rate` Hz.
    """
    hertz = pitch_hz(reference, rate)
    variant = "m3" if hertz < 140 else "f2"
    factor = 1.0 + ((weights[0] if weights else 128) - 128) / 128 * 0.12
    shift = 12 * np.log2(hertz / MIDDLE_HZ[variant] / factor)
    knobs = EspeakKnobs(
        voice=f"{espeak_voice(language.removeprefix('all_'))}+{variant}",
        words_per_minute=round((165 + seed % 7) * speed / factor),
        pitch=round(float(np.clip(50 + shift * 50 / 12, 0, 99))),
        range=50,
        volume=70,
        word_gap=0,
    )
    said = library().synthesise(text, knobs)
    # Linear interpolation is good enough for a stand-in, and SciPy takes seconds to import in each new process.
    step = library().sample_rate * factor / wanted_rate
    at = np.arange(int(len(said.samples) / step)) * step
    return np.interp(at, np.arange(len(said.samples)), said.samples).clip(-1, 1).astype(np.float32)
