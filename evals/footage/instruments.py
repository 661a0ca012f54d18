"""Instruments and drums for made music: notes and hits as samples, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float64]
RATE = 24_000
"""Samples per second of everything made here."""
TABLE = 4096
_PARTIALS: dict[str, tuple[float, ...]] = {
    "piano": (1, 0.6, 0.45, 0.3, 0.2, 0.14, 0.1, 0.07, 0.05, 0.03),
    "organ": (1, 0.8, 0.1, 0.6, 0, 0.1, 0, 0.4),
    "strings": tuple(1 / k for k in range(1, 20)),
    "flute": (1, 0.25, 0.12, 0.03),
    "brass": (0.7, 1, 0.9, 0.7, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1),
    "lead": tuple(1 / k if k % 2 else 0.0 for k in range(1, 18)),
    "bass": (1, 0.7, 0.35, 0.2, 0.1, 0.05),
}
_ATTACK = {"piano": 0.004, "organ": 0.02, "strings": 0.12, "flute": 0.05, "brass": 0.04, "lead": 0.01, "bass": 0.008}
_DECAY = {"piano": 1.8, "bass": 1.2}
"""Per second, of the instruments that die away; the others hold."""
_VIBRATO = {"strings": 14.0, "flute": 18.0, "lead": 8.0}
"""Cents, about 5.5 times a second."""
_VOWELS = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))
"""First three formants of an adult's vowels, Hz (Peterson and Barney 1952)."""


def hertz(midi: float) -> float:
    """Frequency of a MIDI note number."""
    return float(440.0 * 2 ** ((midi - 69) / 12))


def note(name: str, midi: float, seconds: float, pick: np.random.Generator, detune: float = 0.0) -> Wave:
    """One note of an instrument, (N,), peak about 1; it rings a little longer than `seconds`. detune: cents."""
    frequency = hertz(midi + detune / 100)
    if name == "voice":
        return _sung(frequency, seconds, pick)
    if name == "pluck":
        return _pluck(frequency, seconds, pick)
    if name == "bell":
        return _bell(frequency, seconds)
    release = 0.25 if name in ("strings", "flute") else 0.08
    at = np.arange(round((seconds + release) * RATE)) / RATE
    cents = _VIBRATO.get(name, 0.0) * np.minimum(1, at / 0.4)
    bend = cents / 1200 * np.sin(2 * np.pi * pick.uniform(4.8, 6.2) * at + pick.uniform(0, 6))
    phase = np.cumsum(frequency * 2**bend) / RATE + pick.uniform()
    wave = _table(name, frequency)[(phase * TABLE).astype(np.int64) % TABLE]
    if name in _DECAY:
        dark = _table(name, frequency, 1.5)[(phase * TABLE).astype(np.int64) % TABLE]
        fading = np.exp(-3 * at)
        wave = (fading * wave + (1 - fading) * dark) * np.exp(-_DECAY[name] * at * (frequency / 260) ** 0.4)
    if name == "flute":
        wave = wave + 0.06 * pick.normal(0, 1, len(at))
    return wave * _envelope(at, seconds, _ATTACK[name], release)


def hit(name: str, pick: np.random.Generator) -> Wave:
    """One hit of a drum (a name of `DRUMS`), (N,), peak about 1."""
    return _DRUMS[name](pick)


def _table(name: str, frequency: float, tilt: float = 0.0) -> Wave:
    """One period; partials above the Nyquist frequency are left out."""
    turn = 2 * np.pi * np.arange(TABLE) / TABLE
    wave = np.zeros(TABLE)
    for number, strength in enumerate(_PARTIALS[name], start=1):
        if number * frequency < 0.45 * RATE:
            wave += strength * number**-tilt * np.sin(number * turn + 0.7 * number**2)
    return wave / max(float(np.abs(wave).max()), 1e-9)


def _envelope(at: Wave, seconds: float, attack: float, release: float) -> Wave:
    return np.minimum(1, at / attack) * np.clip(1 - (at - seconds) / release, 0, 1)


def _pluck(frequency: float, seconds: float, pick: np.random.Generator) -> Wave:
    """A plucked string (Karplus and Strong 1983): noise that goes round in a delay line with a soft filter."""
    from scipy.signal import lfilter

    count, period = round((seconds + 0.1) * RATE), max(4, round(RATE / frequency - 0.5))
    burst = np.zeros(count)
    burst[:period] = pick.uniform(-1, 1, min(period, count))
    loop = np.zeros(period + 2)
    loop[0], loop[period], loop[period + 1] = 1.0, -0.498, -0.498
    at = np.arange(count) / RATE
    return np.asarray(lfilter([1.0], loop, burst) * _envelope(at, seconds, 0.001, 0.1))


def _bell(frequency: float, seconds: float) -> Wave:
    """Inharmonic partials that die away one after another."""
    at = np.arange(round((seconds + 0.4) * RATE)) / RATE
    wave = np.zeros(len(at))
    for ratio, strength, decay in ((1, 1, 2), (2.76, 0.6, 4), (5.4, 0.35, 7), (8.93, 0.2, 11)):
        if ratio * frequency < 0.45 * RATE:
            wave += strength * np.sin(2 * np.pi * ratio * frequency * at) * np.exp(-decay * at)
    return wave * _envelope(at, seconds, 0.002, 0.4) / 2


def _sung(frequency: float, seconds: float, pick: np.random.Generator) -> Wave:
    """A sung syllable: it slides into its note, trembles, and often begins with a consonant."""
    from scipy.signal import iirpeak, lfilter

    while frequency > 700:
        frequency /= 2
    at = np.arange(round((seconds + 0.06) * RATE)) / RATE
    slide = pick.uniform(-150, 60) * np.exp(-at / 0.04)
    tremble = pick.uniform(10, 60) * np.minimum(1, at / 0.5) * np.sin(2 * np.pi * pick.uniform(5, 6.5) * at)
    phase = np.cumsum(frequency * 2 ** ((slide + tremble) / 1200)) / RATE
    throat = _table("strings", frequency)[(phase * TABLE).astype(np.int64) % TABLE] + 0.02 * pick.normal(0, 1, len(at))
    wave = np.zeros(len(at))
    for strength, formant in zip((1.0, 0.6, 0.3), _VOWELS[int(pick.integers(len(_VOWELS)))], strict=True):
        wave += strength * lfilter(*iirpeak(formant * pick.uniform(0.95, 1.2), Q=7, fs=RATE), throat)
    wave /= max(float(np.abs(wave).max()), 1e-9)
    wave *= _envelope(at, seconds, pick.uniform(0.02, 0.06), 0.06)
    if pick.uniform() < 0.6:
        hiss = 0.25 * _noise(0.08, 30, 2500, 9000, pick)[: len(wave)]
        wave[: len(hiss)] += hiss
    return wave


def _noise(seconds: float, decay: float, low: float, high: float, pick: np.random.Generator) -> Wave:
    from scipy.signal import butter, sosfilt

    at = np.arange(round(seconds * RATE)) / RATE
    band = butter(2, (low, min(high, 0.49 * RATE)), "bandpass", fs=RATE, output="sos")
    wave = np.asarray(sosfilt(band, pick.normal(0, 1, len(at)))) * np.exp(-decay * at)
    return wave / max(float(np.abs(wave).max()), 1e-9)


def _swept(start: float, end: float, seconds: float, decay: float) -> Wave:
    at = np.arange(round(seconds * RATE)) / RATE
    pitch = end + (start - end) * np.exp(-30 * at)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * np.exp(-decay * at) * np.minimum(1, at / 0.001))


def _kick(pick: np.random.Generator) -> Wave:
    wave = _swept(pick.uniform(120, 220), pick.uniform(42, 60), 0.4, pick.uniform(7, 12))
    wave[:120] += 0.3 * _noise(0.005, 300, 1000, 6000, pick)[:120]
    return wave


def _snare(pick: np.random.Generator) -> Wave:
    wave = 0.8 * _noise(0.25, pick.uniform(14, 24), 700, 9000, pick)
    return wave + 0.5 * _swept(260, pick.uniform(170, 210), 0.25, 22)


def _clap(pick: np.random.Generator) -> Wave:
    wave = _noise(0.25, 25, 900, 5000, pick)
    for delay in (0.009, 0.019):
        at = round(delay * RATE)
        wave[at:] += 0.7 * _noise(0.25, 25, 900, 5000, pick)[:-at]
    return 0.6 * wave


def _skin(frequency: float, decay: float, pick: np.random.Generator) -> Wave:
    """A hand on a skin: a slap, then a tone that hardly falls."""
    wave = _swept(1.15 * frequency, frequency, 0.35, decay)
    slap = pick.uniform(0.1, 0.6) * _noise(0.05, 90, 400, 5000, pick)
    wave[: len(slap)] += slap
    return wave


def _struck(partials: tuple[float, ...], decay: float) -> Wave:
    at = np.arange(round(0.4 * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * hertz * at) for hertz in partials)
    return np.asarray(tones * np.exp(-decay * at) / len(partials))


_DRUMS: dict[str, Callable[[np.random.Generator], Wave]] = {
    "kick": _kick,
    "snare": _snare,
    "clap": _clap,
    "hat": lambda pick: _noise(0.09, 60, 6000, 11500, pick),
    "open_hat": lambda pick: _noise(0.4, 9, 5500, 11500, pick),
    "ride": lambda pick: 0.6 * _noise(0.6, 6, 4000, 11500, pick),
    "shaker": lambda pick: 0.7 * _noise(0.1, 30, 3500, 9000, pick) * np.minimum(1, np.arange(2400) / 700),
    "tom": lambda pick: _swept(pick.uniform(180, 260), pick.uniform(90, 140), 0.35, 10),
    "conga": lambda pick: _skin(pick.uniform(160, 340), pick.uniform(8, 20), pick),
    "bongo": lambda pick: _skin(pick.uniform(320, 620), pick.uniform(14, 30), pick),
    "block": lambda pick: _swept(f := pick.uniform(700, 2200), f, 0.12, pick.uniform(40, 80)),
    "cowbell": lambda pick: _struck((540, 800, 1620), pick.uniform(8, 16)),
    "rim": lambda pick: 0.7 * _swept(1700, 900, 0.05, 90),
}
DRUMS = tuple(_DRUMS)
