"""A finished voice given another prosody: pitch, range, contour, pace and manner, with its formants kept.

Pitch and length go through Praat's overlap-add resynthesis (Boersma & Weenink; Moulines & Charpentier 1990, Speech
Communication 9:453), through parselmouth. Praat is GPL-3.0 and comes only with the `offline` extra.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.emotions.prosody import Prosody
from backends.voice.engines.protocol import Phoneme
from backends.voice.shaping.contour import FRAME_S, Pace, contour, pace_of, phrases_of
from backends.voice.shaping.timbre import Treatment, rms, treat
from configs.errors import EngineError

Samples = NDArray[np.float32]
Words = Sequence[tuple[float, float, str]]

PEAK = 0.98
WHISPERED = 0.8
"""Share of breath from which on no pitch is heard."""
SHORTEST_S = 0.1
"""Less has no pitch to speak of."""
WIDEST_ST = 9.0
"""Semitones around the new middle pitch: a speaking voice hardly leaves an octave and a half."""
PITCH_HZ = (65.0, 700.0)
"""What any speaking voice stays within."""
_LOCK = threading.Lock()
"""Praat keeps its objects in one list per process."""


@dataclass(frozen=True)
class Reshaped:
    """A voice with another prosody."""

    samples: Samples
    """(N,) mono, -1..1."""
    pace: Pace
    """Where each moment of the old sound went."""

    def words(self, words: Words) -> tuple[tuple[float, float, str], ...]:
        return tuple((*self.pace.moved(start, end), word) for start, end, word in words)

    def phonemes(self, phonemes: Sequence[Phoneme]) -> tuple[Phoneme, ...]:
        return tuple(Phoneme(*self.pace.moved(p.start, p.end), p.ipa) for p in phonemes)


def praat_missing() -> str:
    """Why voices cannot be reshaped on this machine, '' when they can."""
    if find_spec("parselmouth") is None:
        return "the package praat-parselmouth is not installed (pip install 'animation-ai-studio[offline]')"
    return ""


def has_melody(prosody: Prosody) -> bool:
    """Whether `prosody` moves the pitch within phrases; not for whispers, which have no melody."""
    moved = prosody.final or prosody.accent or prosody.stretch != 1.0 or prosody.range != 1.0
    return prosody.whisper < WHISPERED and bool(moved)


def reshape(samples: Samples, rate: int, prosody: Prosody, *, seed: int = 0) -> Samples:
    """(N,) mono samples spoken with `prosody`; the length changes with the pace. Raises EngineError without Praat."""
    return reshape_timed(samples, rate, prosody, seed=seed).samples


def reshape_timed(
    samples: Samples,
    rate: int,
    prosody: Prosody,
    *,
    words: Words = (),
    phonemes: Sequence[Phoneme] = (),
    seed: int = 0,
) -> Reshaped:
    """As `reshape`, telling where each moment went.

    Args:
        words: (start, end, word) in seconds; they show the phrases and the stressed word, which are guessed from
            the sound where there are none.
        phonemes: with IPA stress marks they show the stressed vowel.
    """
    bent = bend(samples, rate, prosody, words=words, phonemes=phonemes)
    how = Treatment(
        tremor_hz=prosody.tremor_hz,
        tremor_cents=prosody.tremor_cents,
        roughness=min(0.9, max(0.0, prosody.roughness)),
        rough_hz=prosody.rough_hz,
        drive=min(1.0, max(0.0, prosody.drive)),
        whisper=min(1.0, max(0.0, prosody.whisper)),
        tilt_db=prosody.tilt_db,
    )
    out = treat(bent.samples, rate, how, seed)
    # What the treatment does to the level is no part of the emotion; level_db is.
    before, after = rms(bent.samples), rms(out)
    gain = 10 ** (prosody.level_db / 20) * (before / after if after > 0 else 1.0)
    peak = float(np.max(np.abs(out), initial=0.0))
    gain = min(gain, PEAK / peak) if peak > 0 else 1.0
    return Reshaped((out * gain).astype(np.float32), bent.pace)


def bend(
    samples: Samples,
    rate: int,
    prosody: Prosody,
    *,
    words: Words = (),
    phonemes: Sequence[Phoneme] = (),
) -> Reshaped:
    """Pitch, range, contour and pace alone. Raises EngineError when Praat is missing."""
    seconds = len(samples) / rate
    still = Reshaped(samples.astype(np.float32), Pace.even(seconds, 1.0))
    plain = prosody.pitch == 0 and prosody.rate == 1 and not has_melody(prosody)
    if plain or seconds < SHORTEST_S or not np.any(samples):
        return still
    missing = praat_missing()
    if missing:
        raise EngineError("The voice cannot be given another prosody", missing, "Install the offline extra")
    with _LOCK:
        return _bend(samples, rate, prosody, words, phonemes)


def _bend(samples: Samples, rate: int, prosody: Prosody, words: Words, phonemes: Sequence[Phoneme]) -> Reshaped:
    import parselmouth
    from parselmouth.praat import call

    sound = parselmouth.Sound(samples.astype(np.float64), sampling_frequency=rate)
    pitch = _pitch(sound)
    f0 = np.asarray(pitch.selected_array["frequency"], dtype=np.float64)
    at = np.asarray(pitch.xs(), dtype=np.float64)
    voiced = f0 > 0
    phrases = phrases_of(at, f0, words, phonemes)
    pace = pace_of(sound.duration, prosody.rate, prosody.stretch, phrases)
    semitones = np.zeros_like(at)
    if np.count_nonzero(voiced) >= 3:
        middle = float(np.median(f0[voiced]))
        heard = 12 * np.log2(np.where(voiced, f0, middle) / middle)
        wanted = heard * prosody.range + contour(prosody, at, f0, phrases)
        wanted = np.clip(wanted, -WIDEST_ST, WIDEST_ST) + prosody.pitch
        lowest, highest = (12 * np.log2(edge / middle) for edge in PITCH_HZ)
        shift = np.clip(wanted, min(lowest, 0.0), max(highest, 0.0)) - heard
        semitones = np.interp(at, at[voiced], shift[voiced])
    elif pace.is_even_at_one:
        return Reshaped(samples.astype(np.float32), pace)
    # Praat fills unvoiced stretches at random places: the same input shall give the same bytes.
    parselmouth.praat.run("random_initializeWithSeedUnsafelyButPredictably(1)")
    manipulation = call([sound, pitch], "To Manipulation")
    _replace_pitch(manipulation, semitones, at, sound.duration)
    _replace_durations(manipulation, pace, sound.duration)
    made = call(manipulation, "Get resynthesis (overlap-add)")
    out = np.asarray(made.values[0], dtype=np.float32)
    length = max(1, round(pace.total * rate))
    out = np.pad(out, (0, max(0, length - len(out))))[:length]
    return Reshaped(out, pace)


def _pitch(sound: Any) -> Any:
    """Pitch with a floor and a ceiling of this speaker's (De Looze & Hirst 2008, Speech Prosody: two passes)."""
    rough = sound.to_pitch_ac(time_step=0.04, pitch_floor=PITCH_HZ[0], pitch_ceiling=PITCH_HZ[1])
    heard = rough.selected_array["frequency"]
    heard = heard[heard > 0]
    floor, ceiling = PITCH_HZ
    if len(heard) > 10:
        low, high = np.quantile(heard, (0.25, 0.75))
        floor, ceiling = max(floor, 0.65 * float(low)), min(ceiling, 1.9 * float(high))
    return sound.to_pitch_ac(time_step=FRAME_S, pitch_floor=floor, pitch_ceiling=ceiling)


def _replace_pitch(manipulation: Any, semitones: NDArray[np.float64], at: NDArray[np.float64], seconds: float) -> None:
    import parselmouth
    from parselmouth.praat import call, run

    tier = call(manipulation, "Extract pitch tier")
    if call(tier, "Get number of points") == 0:
        return
    # A curve over time, as a sound: Praat's formulas can ask a sound for its value at x.
    grid = np.arange(0.0, seconds + 2 * FRAME_S, FRAME_S)
    curve = parselmouth.Sound(np.interp(grid, at, semitones), sampling_frequency=1 / FRAME_S, start_time=0.0)
    curve.name, tier.name = "bendcurve", "bendtier"
    run([tier, curve], 'selectObject: "PitchTier bendtier"\nFormula: "self * 2 ^ (Sound_bendcurve(x) / 12)"\n')
    call([manipulation, tier], "Replace pitch tier")


def _replace_durations(manipulation: Any, pace: Pace, seconds: float) -> None:
    from parselmouth.praat import call

    if pace.is_even_at_one:
        return
    tier = call("Create DurationTier", "pace", 0, seconds)
    for moment, factor in pace.points():
        call(tier, "Add point", min(seconds, moment), factor)
    call([manipulation, tier], "Replace duration tier")
