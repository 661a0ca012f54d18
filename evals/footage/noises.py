"""Made noises: wind, rain, waves, rumble, engines, steps, birds and plain noise, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evals.footage.instruments import RATE, Wave

_Maker = Callable[[int, np.random.Generator], Wave]


def noise(seed: int, seconds: float, kind: str = "") -> tuple[Wave, str]:
    """(N,) at RATE with RMS 0.1, and the kind (drawn from the seed when not given)."""
    pick = np.random.default_rng([seed, 55])
    kind = kind or str(pick.choice(NOISES))
    wave = _MAKERS[kind](round(seconds * RATE), pick)
    return wave * 0.1 / max(float(np.sqrt(np.mean(wave**2))), 1e-9), kind


def _coloured(count: int, slope: float, pick: np.random.Generator) -> Wave:
    """Noise whose power falls with frequency to the power of `slope` (0 white, 1 pink, 2 brown) above 20 Hz."""
    spectrum = np.fft.rfft(pick.normal(0, 1, count))
    frequency = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 20.0)
    return np.asarray(np.fft.irfft(spectrum * frequency ** (-slope / 2), count))


def _band(wave: Wave, low: float, high: float) -> Wave:
    from scipy.signal import butter, sosfilt

    return np.asarray(sosfilt(butter(2, (low, high), "bandpass", fs=RATE, output="sos"), wave))


def _beds(count: int, level: float, pick: np.random.Generator) -> Wave:
    """The air of a place, RMS `level`."""
    wave = _band(_coloured(count, 1, pick), 80, 6000)
    return wave * level * 10 ** (pick.uniform(0, 10) / 20) / max(float(np.sqrt(np.mean(wave**2))), 1e-9)


def _slow(count: int, per_second: float, pick: np.random.Generator) -> Wave:
    """A curve between 0 and 1 that wanders about `per_second` times a second."""
    knots = pick.uniform(0, 1, max(4, int(count / RATE * per_second) + 3))
    return np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots)


def _wind(count: int, pick: np.random.Generator) -> Wave:
    gusts = _slow(count, 0.6, pick)
    low, high = _band(_coloured(count, 1, pick), 60, 400), _band(_coloured(count, 1, pick), 300, 1400)
    return (0.3 + gusts) * low + 2 * gusts**2 * high


def _rain(count: int, pick: np.random.Generator) -> Wave:
    drops = np.zeros(count)
    places = pick.integers(0, count, int(count / RATE * pick.uniform(40, 400)))
    drops[places] = pick.exponential(1, len(places)) * pick.choice((-1, 1), len(places))
    return _band(drops, 1500, 9000) * 6 + 0.5 * _band(_coloured(count, 0.5, pick), 800, 11000)


def _waves(count: int, pick: np.random.Generator) -> Wave:
    swell = _slow(count, 0.35, pick) ** 2
    return (0.15 + swell) * _band(_coloured(count, 1, pick), 100, 8000)


def _rumble(count: int, pick: np.random.Generator) -> Wave:
    return (0.4 + _slow(count, 1.5, pick)) * _band(_coloured(count, 2, pick), 25, 250)


def _engine(count: int, pick: np.random.Generator) -> Wave:
    """A motor whose speed is never quite steady."""
    speed = pick.uniform(35, 95) * (1 + 0.25 * (_slow(count, 0.5, pick) - 0.5) + 0.03 * _slow(count, 12, pick))
    phase = 2 * np.pi * np.cumsum(speed) / RATE
    wave = sum(np.sin(k * phase + k) * pick.uniform(0.2, 1) / k**0.7 for k in range(1, 14))
    return np.asarray(wave * (0.7 + 0.3 * _slow(count, 10, pick)) + _coloured(count, 1, pick) * 15)


def _steps(count: int, pick: np.random.Generator) -> Wave:
    """Feet on gravel, at a walker's uneven pace, outdoors."""
    wave, at = _beds(count, 0.03, pick), pick.uniform(0, 0.4)
    while at < count / RATE - 0.2:
        length = round(pick.uniform(0.06, 0.14) * RATE)
        decay = np.exp(-5 * np.arange(length) / length)
        first = round(at * RATE)
        wave[first : first + length] += _band(pick.normal(0, 1, length), 200, 5000) * decay * pick.uniform(0.5, 1)
        at += pick.uniform(0.4, 0.8)
    return wave


def _birds(count: int, pick: np.random.Generator) -> Wave:
    """Chirps that glide, over leaves."""
    wave, at = _beds(count, 0.03, pick), 0.0
    while at < count / RATE - 0.5:
        length = round(pick.uniform(0.05, 0.25) * RATE)
        pitch = np.linspace(pick.uniform(2000, 6500), pick.uniform(2000, 6500), length)
        first = round(at * RATE)
        wave[first : first + length] += np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * np.hanning(length) * 0.3
        at += pick.uniform(0.08, 0.9)
    return wave


def _crackle(count: int, pick: np.random.Generator) -> Wave:
    clicks = np.zeros(count)
    places = pick.integers(0, count, int(count / RATE * pick.uniform(4, 20)))
    clicks[places] = pick.exponential(1, len(places)) ** 2
    wave = _band(clicks, 600, 8000)
    wave /= max(float(np.sqrt(np.mean(wave**2))), 1e-9)
    return np.tanh(wave) + _beds(count, 0.5, pick)


def _hum(count: int, pick: np.random.Generator) -> Wave:
    """A fan or a fridge: hiss over mains harmonics."""
    at, mains = np.arange(count) / RATE, float(pick.choice((50.0, 60.0)))
    tones = sum(np.sin(2 * np.pi * mains * k * at + k) * pick.uniform(0, 1) / k for k in (1, 2, 3, 4, 6))
    return np.asarray(0.02 * tones * pick.uniform(0.3, 1.5) + _coloured(count, 1, pick) * pick.uniform(0.3, 3))


_MAKERS: dict[str, _Maker] = {
    "white": lambda count, pick: _coloured(count, 0, pick),
    "pink": lambda count, pick: _coloured(count, 1, pick),
    "brown": lambda count, pick: _coloured(count, 2, pick),
    "wind": _wind,
    "rain": _rain,
    "waves": _waves,
    "rumble": _rumble,
    "engine": _engine,
    "steps": _steps,
    "birds": _birds,
    "crackle": _crackle,
    "hum": _hum,
}
NOISES = tuple(_MAKERS)
