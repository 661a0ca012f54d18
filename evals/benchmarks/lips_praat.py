"""Praat's own aligner on the same lines, for comparison with the studio's."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from backends.voice.engines.protocol import Phoneme, SpeechResult
from backends.voice.wav import resample
from evals.benchmarks.lips_errors import start_errors

RATE = 16_000
_NAMES = {"en": "English (America)", "it": "Italian"}
_PHONEMES = 4
"""Tier of the text grid."""


def praat(lines: Sequence[tuple[str, str, SpeechResult]]) -> dict[str, Any]:
    """ "To TextGrid (align)" with the manual's settings, the voice by the recording's pitch."""
    errors: list[float] = []
    heard, spent = 0.0, 0.0
    for language, text, said in lines:
        began = time.process_time()
        found = aligned(resample(said.samples, said.sample_rate, RATE), text, language)
        spent += time.process_time() - began
        heard += len(said.samples) / said.sample_rate
        errors += start_errors(said.phonemes, found)
    late = np.array(errors) * 1000
    return {
        "phonemes": len(errors),
        "median_ms": round(float(np.median(late)), 1),
        "p90_ms": round(float(np.percentile(late, 90)), 1),
        "share_within_40_ms": round(float(np.mean(late <= 40)), 3),
        "times_real_time": round(heard / spent, 1),
    }


def aligned(samples: Any, text: str, language: str) -> list[Phoneme]:
    """Phonemes of (N,) samples at RATE."""
    import parselmouth
    from parselmouth.praat import call

    sound = parselmouth.Sound(samples.astype(np.float64), RATE)
    hertz = np.asarray(sound.to_pitch().selected_array["frequency"])
    high = bool((hertz > 0).any()) and float(np.median(hertz[hertz > 0])) >= 165
    voice = call("Create SpeechSynthesizer", _NAMES[language], "Female1" if high else "Male1")
    call(voice, "Speech output settings...", RATE, 0.01, 1.0, 1.0, 175, "IPA")
    grid = call("Create TextGrid", 0.0, sound.xmax, "text", "")
    call(grid, "Set interval text", 1, 1, text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = call([voice, sound, grid], "To TextGrid (align)", 1, 1, 1, -35.0, 0.1, 0.1)
    found: list[Phoneme] = []
    for index in range(1, int(call(made, "Get number of intervals", _PHONEMES)) + 1):
        if label := str(call(made, "Get label of interval", _PHONEMES, index)).strip():
            start = float(call(made, "Get start time of interval", _PHONEMES, index))
            found.append(Phoneme(start, float(call(made, "Get end time of interval", _PHONEMES, index)), label))
    return found
