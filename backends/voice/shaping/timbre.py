"""What is done to a voice after the engine: size of the speaker, tension, breath, tremor, metal.

All functions take and return mono float32 samples, (N,) in -1..1, and are deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SHELF_HZ = 1500.0
"""Corner of the tilt: above it lies what makes a voice sound tense or soft."""


@dataclass(frozen=True)
class Treatment:
    """All changes at once; the defaults change nothing. Units as in configs/voices.yaml."""

    formants: float = 1.0
    tremor_hz: float = 6.0
    tremor_cents: float = 0.0
    roughness: float = 0.0
    rough_hz: float = 50.0
    drive: float = 0.0
    whisper: float = 0.0
    ring_hz: float = 60.0
    ring_mix: float = 0.0
    comb_ms: float = 7.0
    comb_mix: float = 0.0
    tilt_db: float = 0.0


def formant_ratio(factor: float) -> Fraction:
    """The ratio that `shift_formants` really applies, in small whole numbers (cheap to resample by)."""
    return Fraction(factor).limit_denominator(40)


def shift_formants(samples: Samples, factor: float) -> Samples:
    """Play `factor` times as fast: formants and pitch rise by it, the length shrinks by it (times / factor)."""
    from scipy import signal

    ratio = formant_ratio(factor)
    if ratio == 1:
        return samples
    resampled: Samples = signal.resample_poly(samples, ratio.denominator, ratio.numerator).astype(np.float32)
    return resampled


def treat(samples: Samples, sample_rate: int, how: Treatment, seed: int = 0) -> Samples:
    """Everything but the formant shift (which changes times); the length stays."""
    out = samples
    if how.tremor_cents > 0:
        out = tremble(out, sample_rate, how.tremor_hz, how.tremor_cents)
    if how.whisper > 0:
        out = whisper(out, sample_rate, how.whisper, seed)
    if how.roughness > 0:
        out = roughen(out, sample_rate, how.rough_hz, how.roughness, seed)
    if how.ring_mix > 0:
        out = ring(out, sample_rate, how.ring_hz, how.ring_mix)
    if how.comb_mix > 0:
        out = comb(out, sample_rate, how.comb_ms, how.comb_mix)
    if how.tilt_db:
        out = tilt(out, sample_rate, how.tilt_db)
    if how.drive > 0:
        out = saturate(out, how.drive)
    return out.astype(np.float32)


def tremble(samples: Samples, sample_rate: int, hz: float, cents: float) -> Samples:
    """Vibrato by a swinging delay: a swing of A seconds at f Hz bends the pitch by 2*pi*f*A."""
    depth = (2 ** (cents / 1200) - 1) / (2 * np.pi * hz)
    at = np.arange(len(samples)) / sample_rate
    moved = at + depth * np.sin(2 * np.pi * hz * at)
    return np.interp(moved, at, samples).astype(np.float32)


def whisper(samples: Samples, sample_rate: int, share: float, seed: int) -> Samples:
    """Replace `share` of the voice by noise of the same spectral envelope: what a throat without voicing does."""
    from scipy import signal
    from scipy.ndimage import gaussian_filter1d

    window = 512
    if len(samples) < window:
        return samples
    freqs, _, spectrum = signal.stft(samples, sample_rate, nperseg=window, noverlap=window * 3 // 4)
    power = np.abs(spectrum) ** 2
    # Wider than the distance of harmonics (<= 350 Hz), narrower than that of formants.
    envelope = np.sqrt(gaussian_filter1d(power, 220.0 / (sample_rate / window), axis=0))
    # A whisper lacks the glottis' strong low end.
    envelope *= (freqs / (freqs + 400.0))[:, None]
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, envelope.shape)
    _, noise = signal.istft(envelope * np.exp(1j * phases), sample_rate, nperseg=window, noverlap=window * 3 // 4)
    noise = np.pad(noise, (0, max(0, len(samples) - len(noise))))[: len(samples)]
    level = rms(samples) / max(rms(noise), 1e-9)
    mixed = (1 - share) * samples + share * 0.8 * level * noise
    return np.asarray(mixed, dtype=np.float32)


def roughen(samples: Samples, sample_rate: int, hz: float, depth: float, seed: int) -> Samples:
    """A creaking, growling flutter: amplitude swings at an unsteady `hz`."""
    generator = np.random.default_rng(seed)
    steps = len(samples) // 256 + 2
    drift = np.interp(np.arange(len(samples)), np.arange(steps) * 256, generator.uniform(0.8, 1.25, steps))
    phase = 2 * np.pi * np.cumsum(hz * drift) / sample_rate
    swing = 1 - depth * (0.5 + 0.5 * np.sin(phase))
    return (samples * swing).astype(np.float32)


def ring(samples: Samples, sample_rate: int, hz: float, mix: float) -> Samples:
    """Ring modulation: sum and difference tones that no throat makes."""
    carrier = np.sin(2 * np.pi * hz * np.arange(len(samples)) / sample_rate)
    return ((1 - mix) * samples + mix * samples * carrier * 1.4).astype(np.float32)


def comb(samples: Samples, sample_rate: int, milliseconds: float, mix: float) -> Samples:
    """A metallic tube: feedback comb filter."""
    from scipy import signal

    delay = max(1, round(milliseconds * sample_rate / 1000))
    feedback = np.zeros(delay + 1)
    feedback[0], feedback[-1] = 1.0, -0.6 * mix
    wet = signal.lfilter([1.0], feedback, samples)
    return np.asarray((1 - mix) * samples + mix * wet, dtype=np.float32)


def tilt(samples: Samples, sample_rate: int, gain_db: float) -> Samples:
    """High shelf: `gain_db` above SHELF_HZ, nothing far below (RBJ Audio EQ Cookbook, slope 1)."""
    from scipy import signal

    amplitude = 10 ** (gain_db / 40)
    omega = 2 * np.pi * SHELF_HZ / sample_rate
    cosine, alpha = np.cos(omega), np.sin(omega) / 2 * np.sqrt(2)
    root = 2 * np.sqrt(amplitude) * alpha
    b = [
        amplitude * ((amplitude + 1) + (amplitude - 1) * cosine + root),
        -2 * amplitude * ((amplitude - 1) + (amplitude + 1) * cosine),
        amplitude * ((amplitude + 1) + (amplitude - 1) * cosine - root),
    ]
    a = [
        (amplitude + 1) - (amplitude - 1) * cosine + root,
        2 * ((amplitude - 1) - (amplitude + 1) * cosine),
        (amplitude + 1) - (amplitude - 1) * cosine - root,
    ]
    return np.asarray(signal.lfilter(b, a, samples), dtype=np.float32)


def saturate(samples: Samples, drive: float) -> Samples:
    """Soft clipping, level kept: the strained edge of a shout."""
    peak = float(np.max(np.abs(samples), initial=0.0))
    if peak == 0:
        return samples
    gain = 1 + 4 * drive
    return np.asarray(np.tanh(samples / peak * gain) / np.tanh(gain) * peak, dtype=np.float32)


def rms(samples: NDArray[np.floating]) -> float:
    """Root of the mean square; 0 for no samples."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
