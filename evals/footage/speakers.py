"""Made speech: eSpeak NG with many voices, in rooms and through microphones of different quality."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from configs.yaml_file import own_table
from evals.footage.instruments import RATE, Wave

Part = Literal["tuning", "report"]
PAUSE = (0.12, 0.45)
"""Seconds between sentences: short enough to belong to the speech."""


@cache
def sentences() -> dict[str, Any]:
    """The sentences by part and language, and the voices by part."""
    found: dict[str, Any] = own_table(Path(__file__).with_name("sentences.yaml"))
    return found


def speech(seed: int, seconds: float, part: Part = "tuning") -> Wave:
    """One speaker who talks for `seconds`, (N,) at RATE, RMS of the spoken parts about 0.1.

    The parts' languages and voices differ. Raises EngineError when the offline extra is not installed.
    """
    pick = np.random.default_rng([seed, 33])
    language = str(pick.choice(list(sentences()[part])))
    spoken = _spoken(language, pick, seconds, part)
    spoken = _microphone(_room(spoken, pick), pick)
    loud = spoken[np.abs(spoken) > 0.05 * np.abs(spoken).max()]
    return spoken * 0.1 / max(float(np.sqrt(np.mean(loud**2))), 1e-9)


def _spoken(language: str, pick: np.random.Generator, seconds: float, part: Part) -> Wave:
    from backends.voice.engines.espeak_library import EspeakKnobs, open_library
    from backends.voice.wav import resample

    library, out = open_library(), np.zeros(round(seconds * RATE))
    texts, variant = sentences()[part][language], str(pick.choice(sentences()["voices"][part]))
    pace, pitch, melody = int(pick.integers(130, 220)), int(pick.integers(25, 75)), int(pick.integers(30, 90))
    at = 0
    while at < len(out):
        knobs = EspeakKnobs(
            f"{language}+{variant}", pace + int(pick.integers(-15, 15)), pitch + int(pick.integers(-6, 7)), melody
        )
        said = library.synthesise(str(pick.choice(texts)), knobs).samples
        wave = resample(said, library.sample_rate, RATE).astype(np.float64)
        heard = np.flatnonzero(np.abs(wave) > 0.01 * np.abs(wave).max())
        wave = wave[heard[0] : heard[-1] + 1] * pick.uniform(0.7, 1.0)
        wave = _human(wave, pick)
        length = min(len(wave), len(out) - at)
        out[at : at + length] += wave[:length]
        at += len(wave) + round(pick.uniform(*PAUSE) * RATE)
    return out


def _human(wave: Wave, pick: np.random.Generator) -> Wave:
    """What eSpeak lacks: a pace and a pitch that waver, stress that comes and goes, breath and rough vocal folds."""
    knots = np.arange(0, len(wave) + RATE // 5, RATE // 10)
    at = np.arange(len(wave))
    speed = 1 + np.interp(at, knots, pick.normal(0, pick.uniform(0, 0.06), len(knots)))
    wave = np.interp(np.cumsum(speed) * len(wave) / speed.sum(), at, wave)
    stress = np.interp(at, knots, pick.normal(0, pick.uniform(1, 6), len(knots)))
    wave = wave * 10 ** (stress / 20)
    return wave + _follow(wave) * pick.normal(0, pick.uniform(0.01, 0.15), len(wave))


def _follow(wave: Wave) -> Wave:
    """The wave's own envelope over 20 ms."""
    from scipy.ndimage import uniform_filter1d

    return np.asarray(np.sqrt(np.maximum(uniform_filter1d(wave**2, RATE // 50), 0)))


def _room(dry: Wave, pick: np.random.Generator) -> Wave:
    """From a booth to a hall."""
    from scipy.signal import fftconvolve

    tail = np.arange(round(0.1 * 15 ** pick.uniform() * RATE))
    decay = np.exp(-6.9 * tail / len(tail)) * pick.normal(0, 1, len(tail))
    decay *= pick.uniform(0, 0.6) / np.sqrt((decay**2).sum())
    return np.asarray(dry + fftconvolve(dry, decay)[: len(dry)])


def _microphone(wave: Wave, pick: np.random.Generator) -> Wave:
    """Some lose bass, some treble, and each tilts the spectrum in its own way."""
    from scipy.signal import butter, lfilter, sosfilt

    low, high = pick.uniform(40, 250), pick.uniform(3400, 11000)
    wave = np.asarray(sosfilt(butter(1, (low, high), "bandpass", fs=RATE, output="sos"), wave))
    soft = float(np.exp(-2 * np.pi * np.exp(pick.uniform(np.log(300), np.log(6000))) / RATE))
    share = pick.uniform(0, 1)
    return np.asarray((1 - share) * wave + share * 3 * lfilter([1 - soft], [1.0, -soft], wave))
