"""What is heard under the lines: the sound of the place and a soft bed of chords, synthesised and seeded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.film.lexicon import lexicon
from tools.film.shot import Shot

RATE = 48_000
_CROSSFADE = 0.5
"""Seconds over which one place's sound gives way to the next."""

Mono = NDArray[np.float32]


def place_sound(shots: Sequence[Shot], spans: Sequence[tuple[float, float]], total: float, seed: int) -> Mono:
    """(N,) float32 at RATE: the places of a film, cross-faded at scene changes.

    spans: start and end of each shot in seconds. Same shots and seed, same samples.
    """
    out = np.zeros(round(total * RATE), np.float32)
    scenes: list[tuple[str, str, float, float]] = []
    for shot, (start, end) in zip(shots, spans, strict=True):
        if scenes and scenes[-1][:2] == (shot.set, shot.time_of_day):
            scenes[-1] = (*scenes[-1][:3], end)
        else:
            scenes.append((shot.set, shot.time_of_day, start, end))
    for number, (place, time, start, end) in enumerate(scenes):
        first, last = max(0.0, start - _CROSSFADE / 2), min(total, end + _CROSSFADE / 2)
        low, high = round(first * RATE), min(len(out), round(last * RATE))
        bed = _bed(place, time, high - low, np.random.default_rng([seed, number]))
        out[low:high] += _edges(bed, _CROSSFADE if number else 0.4, _CROSSFADE if number < len(scenes) - 1 else 0.9)
    return out


def music_bed(mood: str, total: float, seed: int) -> Mono:
    """(N,) float32 at RATE: slow chords of soft tones that fade in and out; `mood` is an emotion."""
    plan = lexicon("ambience")["music"]
    song = plan["moods"][plan["mood_of"].get(mood, "neutral")]
    count = round(total * RATE)
    out = np.zeros(count, np.float32)
    bars = max(1, round(total / plan["bar_seconds"]))
    bar = total / bars
    chance = np.random.default_rng(seed)
    for number in range(bars):
        chord = song["chords"][number % len(song["chords"])] if number < bars - 1 or bars < 3 else song["chords"][0]
        low = round(number * bar * RATE)
        high = min(count, round((number * bar + bar + 1.3) * RATE))
        time = np.arange(high - low) / RATE
        swell = np.minimum(1, time / 1.1) * np.minimum(1, np.maximum(0, (bar + 1.3 - time) / 1.3))
        for index, degree in enumerate(chord):
            hz = _pitch(song["root"], plan["scales"][song["scale"]], degree)
            late = chance.uniform(0, 0.18) * index
            out[low:high] += (_soft_tone(hz, time - late, chance) * swell).astype(np.float32) / (1 + 0.25 * index)
    return _at_level(_edges(out, 1.2, 1.8), plan["level"])


def duck(samples: Mono, lines: Sequence[tuple[float, float]]) -> Mono:
    """The same samples, quieter while somebody speaks (spans in seconds)."""
    plan = lexicon("ambience")
    low, fade = 10 ** (plan["duck_db"] / 20), plan["duck_fade"]
    time = np.arange(len(samples)) / RATE
    gain = np.ones(len(samples), np.float32)
    for start, end in lines:
        inside = np.clip(np.minimum((time - start) / fade + 1, (end - time) / fade + 1), 0, 1)
        gain = np.minimum(gain, 1 - (1 - low) * inside)
    return np.asarray(samples * gain, np.float32)


def _bed(place: str, time: str, count: int, chance: np.random.Generator) -> Mono:
    data = lexicon("ambience")
    layers = list(data["sets"][place])
    if place not in data["indoor"]:
        layers += data["times"].get(time, [])
    if time in ("night", "storm"):
        layers = [layer for layer in layers if layer["kind"] not in data["night_silences"]]
    out = np.zeros(count, np.float32)
    makers: dict[str, Callable[[int, dict[str, Any], np.random.Generator], Mono]] = {
        "noise": _noise,
        "birds": _birds,
        "gulls": _gulls,
        "crickets": _crickets,
        "drone": _drone,
    }
    for layer in layers:
        out += _at_level(makers[layer["kind"]](count, layer, chance), layer["level"])
    return out


def _noise(count: int, layer: dict[str, Any], chance: np.random.Generator) -> Mono:
    """Noise shaped in the spectrum, with slow swells."""
    spectrum = np.fft.rfft(chance.standard_normal(count))
    hz = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 1.0)
    low, high = layer["band"]
    shape = (hz / low) ** (layer["slope"] / 6.02) / np.sqrt(1 + (low / hz) ** 8) / np.sqrt(1 + (hz / high) ** 8)
    noise = np.fft.irfft(spectrum * shape, count)
    rate, depth = layer["swell"]
    time = np.arange(count) / RATE - layer.get("late", 0.0)
    phase = chance.uniform(0, 2 * np.pi) if "late" not in layer else 0.7
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * rate * time + phase + 0.8 * np.sin(2 * np.pi * rate * 0.37 * time))
    return np.asarray(noise * (1 - depth + depth * wave**1.6), np.float32)


def _events(count: int, rate: float, chance: np.random.Generator) -> list[int]:
    number = max(1, round(rate * count / RATE))
    return sorted(int(at) for at in chance.uniform(0.05, 0.92, number) * count)


def _birds(count: int, layer: dict[str, Any], chance: np.random.Generator) -> Mono:
    out = np.zeros(count, np.float32)
    for at in _events(count, layer["rate"], chance):
        base, far = chance.uniform(2400, 4600), chance.uniform(0.25, 1)
        for note in range(int(chance.integers(2, 6))):
            length = chance.uniform(0.05, 0.13)
            start = at + round(note * chance.uniform(0.11, 0.19) * RATE)
            time = np.arange(round(length * RATE)) / RATE
            sweep = base * (1 + chance.uniform(-0.25, 0.3) * time / length + 0.02 * np.sin(2 * np.pi * 34 * time))
            tone = np.sin(2 * np.pi * np.cumsum(sweep) / RATE) * np.sin(np.pi * time / length) ** 2 * far
            _mix_in(out, tone, start)
    return out


def _gulls(count: int, layer: dict[str, Any], chance: np.random.Generator) -> Mono:
    out = np.zeros(count, np.float32)
    for at in _events(count, layer["rate"], chance):
        base, far = chance.uniform(900, 1250), chance.uniform(0.4, 1)
        for note in range(int(chance.integers(2, 4))):
            length = chance.uniform(0.28, 0.45)
            time = np.arange(round(length * RATE)) / RATE
            sweep = base * (1 + 0.35 * np.sin(np.pi * np.minimum(1, time / length * 1.4)))
            phase = 2 * np.pi * np.cumsum(sweep) / RATE
            tone = (np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.25 * np.sin(3 * phase)) * np.sin(
                np.pi * time / length
            ) ** 1.5
            _mix_in(out, tone * far * 0.8**note, at + round(note * 0.5 * RATE))
    return out


def _crickets(count: int, layer: dict[str, Any], chance: np.random.Generator) -> Mono:
    time = np.arange(count) / RATE
    out = np.zeros(count)
    for _ in range(3):
        hz, rate = chance.uniform(3900, 4700), layer["rate"] * chance.uniform(0.85, 1.15)
        chirp = (np.sin(2 * np.pi * rate * time + chance.uniform(0, 6)) > 0.1) * (
            0.5 + 0.5 * np.sin(2 * np.pi * 31 * time)
        )
        out += np.sin(2 * np.pi * hz * time) * chirp * chance.uniform(0.3, 1)
    return np.asarray(out, np.float32)


def _drone(count: int, layer: dict[str, Any], chance: np.random.Generator) -> Mono:
    time = np.arange(count) / RATE
    out = np.zeros(count)
    for number in range(1, 5):
        beat = 1 + 0.12 * np.sin(2 * np.pi * chance.uniform(0.05, 0.2) * time + chance.uniform(0, 6))
        out += (
            np.sin(2 * np.pi * layer["hz"] * number * (1 + chance.uniform(-0.002, 0.002)) * time) * beat / number**1.3
        )
    return np.asarray(out, np.float32)


def _soft_tone(hz: float, time: NDArray[np.float64], chance: np.random.Generator) -> NDArray[np.float64]:
    """A felt-like pad tone: a few decaying partials of two slightly detuned voices."""
    out = np.zeros(len(time))
    for detune in (-0.0016, 0.0019):
        for partial, weight in ((1, 1.0), (2, 0.32), (3, 0.12), (4, 0.05)):
            out += weight * np.sin(2 * np.pi * hz * partial * (1 + detune) * time + chance.uniform(0, 6.28))
    attack = np.clip(time / 0.5, 0, 1)
    return out * attack * (time > 0) * (1 + 0.06 * np.sin(2 * np.pi * 4.2 * time))


def _pitch(root: float, scale: Sequence[int], degree: int) -> float:
    octave, step = divmod(degree - 1, 7)
    return float(root * 2 ** (octave + scale[step] / 12))


def _mix_in(out: Mono, sound: NDArray, start: int) -> None:
    end = min(len(out), start + len(sound))
    if end > start:
        out[start:end] += sound[: end - start].astype(np.float32)


def _at_level(samples: NDArray, level_db: float) -> Mono:
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    return np.asarray(samples * (10 ** (level_db / 20) / max(rms, 1e-9)), np.float32)


def _edges(samples: Mono, fade_in: float, fade_out: float) -> Mono:
    out = samples.copy()
    first, last = min(len(out), round(fade_in * RATE)), min(len(out), round(fade_out * RATE))
    if first:
        out[:first] *= np.sin(np.linspace(0, np.pi / 2, first, dtype=np.float32)) ** 2
    if last:
        out[-last:] *= np.cos(np.linspace(0, np.pi / 2, last, dtype=np.float32)) ** 2
    return out
