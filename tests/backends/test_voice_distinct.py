"""Characters of like description have voices that can be told apart, and keep them."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import SpeechRequest
from backends.voice.profile import voice_from_description

NAMES = [
    "Anna", "Marco", "Luca", "Sofia", "Giulia", "Alberto", "Nina", "Pietro", "Bianca", "Carlo",
    "Dora", "Elena", "Fabio", "Gino", "Ines", "Jack", "Kim", "Leo", "Mara", "Nora",
    "Otto", "Paola", "Quinn", "Rosa", "Sara", "Tom", "Ugo", "Vera", "Walter", "Zoe",
]  # fmt: skip
LINE = "The sea is so blue today."
JUST_HEARD = np.array([1.0, 0.04, 0.06])
"""Semitones of pitch, shares of formants and of tempo that listeners tell apart with ease in speech."""
MEASURE = """
import hashlib, sys
from backends.voice.engines.protocol import SpeechRequest
from backends.voice.engines.espeak import EspeakEngine
from backends.voice.profile import voice_from_description
engine = EspeakEngine()
engine.load()
for name in sys.argv[1:]:
    made = engine.speak(SpeechRequest("Ciao a tutti.", voice_from_description(name, "a small robot"), "it"))
    print(hashlib.sha256(made.samples.tobytes()).hexdigest())
"""


def heard(name: str, description: str, engine: EspeakEngine) -> NDArray[np.float64]:
    """Pitch in semitones, logarithms of mean formant and duration, measured by Praat; in just-heard steps."""
    import parselmouth

    made = engine.speak(SpeechRequest(LINE, voice_from_description(name, description)))
    sound = parselmouth.Sound(made.samples.astype(np.float64), sampling_frequency=made.sample_rate)
    pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=60, pitch_ceiling=600).selected_array["frequency"]
    formants = sound.to_formant_burg(time_step=0.02)
    times = np.arange(0.1, sound.duration - 0.1, 0.02)
    middle = [np.nanmedian([formants.get_value_at_time(n, at) for at in times]) for n in (1, 2, 3)]
    semitones = 12 * np.log2(np.median(pitch[pitch > 0]))
    return np.array([semitones, np.mean(np.log(middle)), np.log(sound.duration)]) / JUST_HEARD


@pytest.mark.parametrize("description", ["a boy", "an old woman"])
def test_thirty_characters_of_like_description_differ_audibly(description: str) -> None:
    engine = EspeakEngine()
    engine.load()
    voices = np.array([heard(name, description, engine) for name in NAMES])
    apart = np.array([np.linalg.norm(a - b) for a, b in itertools.combinations(voices, 2)])
    assert np.median(apart) > 2.0
    assert np.mean(apart < 1.0) < 0.08
    assert apart.min() > 0.1


def test_a_voice_is_the_same_to_the_byte_in_another_process() -> None:
    names = ("Boo", "Rusty", "Zip")
    engine = EspeakEngine()
    engine.load()
    here = [
        hashlib.sha256(
            engine.speak(SpeechRequest("Ciao a tutti.", voice_from_description(name, "a small robot"), "it"))
            .samples.tobytes()
        ).hexdigest()
        for name in names
    ]  # fmt: skip
    there = subprocess.run(
        [sys.executable, "-c", MEASURE, *names], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    ).stdout.split()  # fmt: skip
    assert here == there and len(set(here)) == len(names)
