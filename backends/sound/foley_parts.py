"""What sound effects are put together from: envelopes, noises, filters, oscillators, a room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
Mono = NDArray[np.float64]


def clock(count: int) -> Mono:
    """Seconds of each sample."""
    return np.arange(count) / RATE


def decay(count: int, seconds: float) -> Mono:
    """Falls by 60 dB in `seconds` (the definition of reverberation time)."""
    return np.asarray(10 ** (-3 * clock(count) / seconds))


def swell(count: int, attack: float, release: float) -> Mono:
    """Up within `attack` seconds, down within the last `release` ones."""
    time = clock(count)
    return np.asarray(np.clip(np.minimum(time / max(attack, 1e-4), (count / RATE - time) / max(release, 1e-4)), 0, 1))


def curve(count: int, points: Sequence[tuple[float, float]]) -> Mono:
    """Straight lines through (share of the length, value)."""
    shares, values = zip(*points, strict=True)
    return np.asarray(np.interp(np.linspace(0, 1, count), shares, values))


def phase(hertz: Mono) -> Mono:
    """Running phase in radians of a frequency that changes."""
    return np.asarray(2 * np.pi * np.cumsum(hertz) / RATE)


def band_noise(count: int, low: float, high: float, chance: np.random.Generator) -> Mono:
    """Noise between two frequencies, RMS about 1, with soft edges."""
    spectrum = np.fft.rfft(chance.standard_normal(max(count, 16)))
    hertz = np.maximum(np.fft.rfftfreq(max(count, 16), 1 / RATE), 1.0)
    shape = 1 / np.sqrt((1 + (low / hertz) ** 6) * (1 + (hertz / high) ** 6))
    noise = np.fft.irfft(spectrum * shape, max(count, 16))[:count]
    return np.asarray(noise / max(1e-9, float(np.sqrt(np.mean(noise**2)))))


def swept_noise(centre: Mono, width: float, chance: np.random.Generator) -> Mono:
    """Noise `width` Hz wide around a centre that moves: low noise shifted up in quadrature."""
    count = len(centre)
    turn = phase(centre)
    even = band_noise(count, 1.0, width / 2, chance)
    odd = band_noise(count, 1.0, width / 2, chance)
    return np.asarray(even * np.cos(turn) - odd * np.sin(turn))


def harmonics(hertz: Mono, bright: Mono, count: int = 24) -> Mono:
    """A rich tone: partial k has strength bright ** (k - 1); those above 16 kHz are left out."""
    turn = phase(hertz)
    out = np.zeros(len(hertz))
    for number in range(1, count + 1):
        heard = hertz * number < 16_000
        out += np.sin(turn * number) * bright ** (number - 1) * heard
    return out


def bell(count: int, hertz: float, ring: float, partials: Sequence[tuple[float, float, float]]) -> Mono:
    """Partials (ratio, strength, share of the ring) that die away; `ring` is the seconds of the lowest."""
    time = clock(count)
    out = np.zeros(count)
    for ratio, strength, share in partials:
        out += strength * np.sin(2 * np.pi * hertz * ratio * time) * decay(count, ring * share)
    return out


def room(dry: Mono, seconds: float, wet: float, chance: np.random.Generator, dark: float = 3000.0) -> Mono:
    """The same sound in a room: convolved with decaying noise (after Moorer, 1979)."""
    count = round(seconds * RATE)
    tail = band_noise(count, 120.0, dark, chance) * decay(count, seconds)
    tail[: round(0.012 * RATE)] = 0.0
    size = 1 << (len(dry) + count - 1).bit_length()
    heard = np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(tail, size), size)[: len(dry)]
    heard *= float(np.sqrt(np.mean(dry**2))) / max(1e-9, float(np.sqrt(np.mean(heard**2))))
    return np.asarray(dry + wet * heard)


def driven(samples: Mono, amount: float) -> Mono:
    """Overdriven softly: more harmonics, less peak."""
    return np.asarray(np.tanh(samples / max(1e-9, float(np.abs(samples).max())) * amount))


def lay(out: Mono, sound: Mono, at: float) -> None:
    """Add a sound at `at` seconds; what reaches over the end is lost."""
    start = round(at * RATE)
    end = min(len(out), start + len(sound))
    if 0 <= start < end:
        out[start:end] += sound[: end - start]
