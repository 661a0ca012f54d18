"""A voice of the built-in engine fitted to a recording: pitch, pace, size of the speaker and brightness, by Praat.

It is a stand-in of like age, height and pitch, not the person's voice.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.engines.protocol import SpeechRequest, VoiceEngine, VoiceProfile
from backends.voice.wav import resample
from configs.errors import EngineError

RATE = 16_000
_FLOOR_HZ, _CEILING_HZ = 65.0, 600.0
_FORMANT_CEILING_HZ, _FORMANTS = 5500.0, 5.0
"""Praat's own advice for a speaker of unknown size ("Sound: To Formant (burg)...")."""
_KINDS = (("adult", "male"), ("adult", "female"), ("teen", "male"), ("teen", "female"), ("child", "neutral"))
_SENTENCE = {
    "en": "The kitchen was warm and full of light.",
    "it": "La cucina era calda e piena di luce.",
}
_ROUNDS = 2
_TIMBRE_DB = 12.0
"""Difference of tilt that a whole unit of timbre stands for."""
_FORMANT_WEIGHT, _PITCH_WEIGHT = 30.0, 0.5
"""A tenth of formant scale weighs as much as six semitones of pitch that have to be made up for."""


@dataclass(frozen=True)
class VoiceFacts:
    """What Praat measures of a voice."""

    pitch_hz: float
    """Median of the fundamental frequency."""
    formants_hz: tuple[float, float, float]
    """Medians of F1 to F3 over voiced frames."""
    tilt_db: float
    """Energy above 1 kHz against that below (50 Hz to 1 kHz)."""
    syllables_per_second: float
    """Peaks of loudness in voiced speech, pauses left out."""


@dataclass(frozen=True)
class Fit:
    """The profile and how near it came."""

    profile: VoiceProfile
    recording: VoiceFacts
    stand_in: VoiceFacts

    @property
    def pitch_error(self) -> float:
        """Semitones between the medians."""
        return 12 * float(np.log2(self.stand_in.pitch_hz / self.recording.pitch_hz))

    @property
    def formant_error(self) -> float:
        """Share by which the stand-in's formants lie higher (mean of logarithms)."""
        return _formant_ratio(self.stand_in, self.recording) - 1


def praat_missing() -> str:
    """Why nothing can be measured; '' when Praat is here."""
    return "" if importlib.util.find_spec("parselmouth") else "Praat (praat-parselmouth) is not installed"


def facts_of(samples: NDArray[np.float32], rate: int) -> VoiceFacts:
    """Measure (N,) mono samples. Raises EngineError without Praat or when hardly anything is voiced."""
    if why := praat_missing():
        raise EngineError("The recording's voice cannot be measured", why, "Install the offline extra")
    import parselmouth

    sound = parselmouth.Sound(resample(samples, rate, RATE).astype(np.float64), RATE)
    pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=_FLOOR_HZ, pitch_ceiling=_CEILING_HZ)
    hertz = np.asarray(pitch.selected_array["frequency"])
    voiced = hertz > 0
    if voiced.sum() < 20:
        raise EngineError("The recording's voice cannot be measured", "hardly anything in it is voiced")
    # octave errors lie far from the middle: measured again within an octave and a half around it
    middle = float(np.median(hertz[voiced]))
    near = hertz[voiced & (hertz > middle / 1.7) & (hertz < middle * 1.7)]
    return VoiceFacts(
        round(float(np.median(near)), 2),
        _formants(sound, np.asarray(pitch.xs())[voiced]),
        round(_tilt(np.asarray(sound.values[0])), 2),
        round(_syllables(sound, voiced), 3),
    )


def fit(
    facts: VoiceFacts,
    start: VoiceProfile,
    engine: VoiceEngine,
    language: str,
    *,
    beat: Callable[[int, int], None] = lambda done, total: None,
) -> Fit:
    """The profile of the built-in engine that comes nearest to `facts`.

    Args:
        start: the character's voice as it is; its species is kept, and its seed.
        engine: a loaded engine that speaks from profiles (eSpeak).
        beat: called before each try with (tries done, all); what it raises ends the work.
    """
    total = len(_KINDS) + _ROUNDS
    tried: list[Fit] = []
    for age, gender in _KINDS:
        beat(len(tried), total)
        profile = replace(start, age=age, gender=gender, pitch=0.0, rate=1.0, timbre=0.0)
        tried.append(Fit(profile, facts, _spoken(engine, profile, language)))
    best = min(tried, key=_far)
    for number in range(_ROUNDS):
        beat(len(_KINDS) + number, total)
        profile = _nearer(best)
        again = Fit(profile, facts, _spoken(engine, profile, language))
        best = again if number == 0 or _distance(again) < _distance(best) else best
    return best


def _far(one: Fit) -> float:
    """How far a kind of voice is from the recording; pitch can be made up for, size hardly."""
    return _FORMANT_WEIGHT * abs(one.formant_error) + _PITCH_WEIGHT * abs(one.pitch_error)


def _distance(one: Fit) -> float:
    pace = abs(
        float(np.log(max(one.stand_in.syllables_per_second, 0.1) / max(one.recording.syllables_per_second, 0.1)))
    )
    tilt = abs(one.stand_in.tilt_db - one.recording.tilt_db) / _TIMBRE_DB
    return abs(one.pitch_error) + pace + tilt + 5 * abs(one.formant_error)


def _nearer(one: Fit) -> VoiceProfile:
    was = one.profile
    pace = one.recording.syllables_per_second / max(one.stand_in.syllables_per_second, 0.1)
    tilt = (one.recording.tilt_db - one.stand_in.tilt_db) / _TIMBRE_DB
    return replace(
        was,
        pitch=round(float(np.clip(was.pitch - one.pitch_error, -12, 12)), 2),
        # counted syllables are rough: half of the difference is believed
        rate=round(float(np.clip(was.rate * np.sqrt(pace), 0.7, 1.4)), 3),
        timbre=round(float(np.clip(was.timbre + tilt / 2, -1, 1)), 2),
    )


def _spoken(engine: VoiceEngine, profile: VoiceProfile, language: str) -> VoiceFacts:
    code = language if language in _SENTENCE else "en"
    made = engine.speak(SpeechRequest(_SENTENCE[code], profile, code))
    return facts_of(made.samples, made.sample_rate)


def _formant_ratio(a: VoiceFacts, b: VoiceFacts) -> float:
    return float(np.exp(np.mean(np.log(np.array(a.formants_hz) / np.array(b.formants_hz)))))


def _formants(sound: Any, times: NDArray[np.float64]) -> tuple[float, float, float]:
    found = sound.to_formant_burg(time_step=0.02, max_number_of_formants=_FORMANTS, maximum_formant=_FORMANT_CEILING_HZ)
    rows = np.array([[found.get_value_at_time(n, at) for n in (1, 2, 3)] for at in times[::2]])
    middle = np.nanmedian(rows, axis=0)
    return (round(float(middle[0]), 1), round(float(middle[1]), 1), round(float(middle[2]), 1))


def _tilt(samples: NDArray[np.float64]) -> float:
    from scipy import signal

    freqs, power = signal.welch(samples, RATE, nperseg=1024)
    low, high = power[(freqs >= 50) & (freqs < 1000)].sum(), power[(freqs >= 1000) & (freqs < 6000)].sum()
    return 10 * float(np.log10(max(high, 1e-15) / max(low, 1e-15)))


def _syllables(sound: Any, voiced: NDArray[np.bool_]) -> float:
    """Nuclei per second of speech (after de Jong and Wempe 2009: peaks of loudness with dips of 2 dB)."""
    from scipy import signal

    intensity = np.asarray(sound.to_intensity(minimum_pitch=50, time_step=0.01).values[0])
    level = intensity - np.percentile(intensity, 99)
    peaks, _ = signal.find_peaks(level, height=-25, prominence=2, distance=6)
    offset = (len(voiced) - len(level)) // 2
    nuclei = [p for p in peaks if 0 <= p + offset < len(voiced) and voiced[p + offset]]
    spoken = float((level > -25).sum()) * 0.01
    return len(nuclei) / max(spoken, 0.1)
