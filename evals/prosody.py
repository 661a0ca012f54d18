"""What can be measured of how something was said: pitch, pace, energy, spectrum and voice quality of one line.

Pitch, harmonicity, jitter and shimmer are Praat's (through parselmouth, from the `offline` extra).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.measures.loudness import integrated_lufs, silence_share

Samples = NDArray[np.float32]
Track = NDArray[np.float64]

FEATURES = (
    "pitch", "pitch_sd", "pitch_range", "pitch_slope", "pitch_end", "pitch_wobble", "spacing", "prominence", "rate",
    "pauses", "level", "level_sd", "tilt", "harmonicity", "jitter", "shimmer", "voiced",
)  # fmt: skip
"""In the order of `features`. Semitones (re 100 Hz), semitones per second, ratio, syllables per second, share, LUFS,
dB, dB (1 to 5 kHz against 0 to 1 kHz), dB, percent, percent, share."""
OF_PITCH = ("pitch", "pitch_sd", "pitch_range", "pitch_slope", "pitch_end", "pitch_wobble", "jitter", "shimmer")
"""What only a voice with a pitch has."""
LEAST_VOICED = 0.15
"""Share of frames with a pitch; with fewer, what was found is not the voice's pitch (whispers, metal)."""
FRAME_S = 0.01
FLOOR_HZ, CEILING_HZ = 65.0, 650.0
END_S = 0.15
SAME_PITCH_ST = 8.0
"""A pitch further from the distance of the harmonics is not the voice's own (a robot's hum)."""
CEPSTRUM_S, CEPSTRUM_BINS = 0.06, 4096
NUCLEUS_DIP_DB = 2.0
"""Depth of the dip on both sides of a syllable's peak (de Jong & Wempe 2009, Behavior Research Methods 41:385)."""


def features(samples: Samples, rate: int) -> NDArray[np.float64]:
    """(len(FEATURES),) figures of (N,) mono samples; NaN where there is nothing to measure (a whisper's pitch)."""
    import parselmouth
    from parselmouth.praat import call

    sound = parselmouth.Sound(samples.astype(np.float64), sampling_frequency=rate)
    tilt, level = _levels(samples, rate)
    figures = dict.fromkeys(FEATURES, 0.0) | dict.fromkeys(OF_PITCH, np.nan)
    figures["spacing"], figures["prominence"] = _cepstral(samples, rate)
    pitch, is_own = _pitch(sound, figures["spacing"])
    f0 = np.asarray(pitch.selected_array["frequency"], dtype=np.float64)
    figures["voiced"] = float(np.mean(f0 > 0))
    if is_own and figures["voiced"] >= LEAST_VOICED:
        figures.update(_pitch_figures(np.asarray(pitch.xs()), f0))
        cycles = call([sound, pitch], "To PointProcess (cc)")
        span = (0.0, 0.0, 0.0001, 0.02, 1.3)
        figures["jitter"] = 100 * float(call(cycles, "Get jitter (local)", *span))
        figures["shimmer"] = 100 * float(call([sound, cycles], "Get shimmer (local)", *span, 1.6))
    harmonic = sound.to_harmonicity_ac(time_step=2 * FRAME_S, minimum_pitch=FLOOR_HZ).values
    figures["harmonicity"] = float(np.mean(harmonic[harmonic > -100])) if np.any(harmonic > -100) else 0.0
    speaking = level > level.max() - 35
    figures["rate"] = _syllables(level) / max(0.1, np.count_nonzero(speaking) * FRAME_S)
    figures["pauses"] = silence_share(samples, rate, 35.0)
    figures["level"] = integrated_lufs(samples, rate)
    figures["level_sd"] = float(np.std(level[speaking]))
    figures["tilt"] = tilt
    return np.array([figures[name] for name in FEATURES])


def _pitch(sound: Any, spacing: float) -> tuple[Any, bool]:
    """With floor and ceiling of this line's own (De Looze & Hirst 2008), and whether it is the voice's own pitch.

    spacing: of the harmonics, semitones re 100 Hz.
    """
    rough = sound.to_pitch_ac(time_step=FRAME_S, pitch_floor=FLOOR_HZ, pitch_ceiling=CEILING_HZ)
    heard = rough.selected_array["frequency"]
    heard = heard[heard > 0]
    if len(heard) <= 10 or abs(12 * np.log2(np.median(heard) / 100) - spacing) > SAME_PITCH_ST:
        return rough, False
    lower, upper = np.quantile(heard, (0.25, 0.75))
    low, high = max(FLOOR_HZ, 0.65 * float(lower)), min(CEILING_HZ, 1.9 * float(upper))
    return sound.to_pitch_ac(time_step=FRAME_S, pitch_floor=low, pitch_ceiling=high), True


def _cepstral(samples: Samples, rate: int) -> tuple[float, float]:
    """Distance of a spectrum's harmonics in semitones re 100 Hz, and how far they stand out (Noll 1967).

    Unlike a pitch it is also there in voices that are not periodic, such as a robot's.
    """
    size, most = round(CEPSTRUM_S * rate), round(3000 / rate * CEPSTRUM_BINS)
    if len(samples) < size:
        return 0.0, 0.0
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), size)[:: round(2 * FRAME_S * rate)]
    power = np.abs(np.fft.rfft(frames * np.hanning(size), CEPSTRUM_BINS)) ** 2
    loud = 10 * np.log10(power.sum(axis=1) + 1e-12)
    spectrum = np.log(power[loud > loud.max() - 20, :most] + 1e-9)
    spectrum -= spectrum.mean(axis=1, keepdims=True)
    cepstrum = np.abs(np.fft.rfft(spectrum * np.hanning(most), 2 * CEPSTRUM_BINS))
    quefrency = np.arange(cepstrum.shape[1]) / (2 * rate)
    wanted = (quefrency > 1 / 500) & (quefrency < 1 / 80)
    inside = cepstrum[:, wanted]
    spacing = 1 / quefrency[wanted][np.argmax(inside, axis=1)]
    prominence = inside.max(axis=1) / np.median(inside, axis=1)
    return float(12 * np.log2(np.median(spacing) / 100)), float(np.median(prominence))


def _pitch_figures(at: Track, f0: Track) -> dict[str, float]:
    voiced = f0 > 0
    times, semitones = at[voiced], 12 * np.log2(f0[voiced] / 100)
    low, high = np.quantile(semitones, (0.05, 0.95))
    end = semitones[times > times[-1] - END_S]
    before = semitones[(times > times[-1] - 4 * END_S) & (times <= times[-1] - END_S)]
    smooth = np.convolve(np.pad(semitones, 10, mode="edge"), np.ones(21) / 21, mode="valid")
    return {
        "pitch": float(np.median(semitones)),
        "pitch_sd": float(np.std(semitones)),
        "pitch_range": float(high - low),
        "pitch_slope": float(np.polyfit(times, semitones, 1)[0]),
        "pitch_end": float(np.median(end) - np.median(before)) if len(before) else 0.0,
        "pitch_wobble": float(np.median(np.abs(semitones - smooth))),
    }


def _levels(samples: Samples, rate: int) -> tuple[float, Track]:
    """(tilt in dB, level of each frame in dB)."""
    from scipy import signal

    size = round(2.5 * FRAME_S * rate)
    freqs, _, power = signal.spectrogram(
        samples.astype(np.float64), rate, nperseg=size, noverlap=size - round(FRAME_S * rate), mode="psd"
    )
    level = 10 * np.log10(np.maximum(power.sum(axis=0), 1e-12))
    loud = power[:, level > level.max() - 25].mean(axis=1)
    high, low = loud[(freqs >= 1000) & (freqs < 5000)].sum(), loud[(freqs >= 50) & (freqs < 1000)].sum()
    return float(10 * np.log10(max(high, 1e-15) / max(low, 1e-15))), level


def _syllables(level: Track) -> int:
    """Peaks of the smoothed level with a dip on both sides."""
    from scipy import signal

    smooth = np.convolve(level, np.hanning(7) / np.hanning(7).sum(), mode="same")
    peaks, _ = signal.find_peaks(smooth, prominence=NUCLEUS_DIP_DB, height=level.max() - 25)
    return max(1, len(peaks))
