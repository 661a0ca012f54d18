"""Effects made of tones: bells, brass, springs, whistles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backends.sound.foley_parts import (
    RATE,
    Mono,
    band_noise,
    bell,
    clock,
    curve,
    decay,
    harmonics,
    lay,
    phase,
    room,
    swell,
)

BELL = ((1.0, 1.0, 1.0), (2.76, 0.5, 0.6), (5.40, 0.25, 0.35), (8.93, 0.12, 0.2))
"""Partials of a free bar (Fletcher and Rossing, The Physics of Musical Instruments, 2.5)."""


def ding(count: int, chance: np.random.Generator) -> Mono:
    return bell(count, 1568.0, 1.2, BELL)


def _brass(count: int, hertz: Mono, bright: Mono, chance: np.random.Generator) -> Mono:
    """Brass gets brighter as it gets louder (Risset, 1969); a little breath on top."""
    breath = band_noise(count, 700.0, 3500.0, chance) * 0.02
    return np.asarray(harmonics(hertz, bright, 20) + breath)


def sad_trombone(count: int, chance: np.random.Generator) -> Mono:
    """Bb3, A3, Ab3 and a long G3 that wavers and sinks; a plunger mute opens and closes on each."""
    out = np.zeros(count)
    for number, (at, hertz) in enumerate(((0.0, 233.08), (0.46, 220.0), (0.92, 207.65), (1.38, 196.0))):
        last = number == 3
        size = min(round((1.3 if last else 0.4) * RATE), count - round(at * RATE))
        if size < RATE // 20:
            break
        time = clock(size)
        wobble = 0.022 * np.sin(2 * np.pi * 5.2 * time) * np.clip(time / 0.3, 0, 1) if last else 0.0
        glide = 1 - 0.02 * np.exp(-time / 0.03) - (0.05 * np.clip((time - 0.7) / 0.6, 0, 1) if last else 0.0)
        mute = curve(size, [(0, 0.35), (0.35, 0.84), (1, 0.42)])
        if last:
            mute = 0.62 + 0.2 * np.sin(2 * np.pi * 5.2 * time - 0.6) * np.clip(time / 0.2, 0, 1)
        lay(out, _brass(size, hertz * glide * (1 + wobble), mute, chance) * swell(size, 0.035, 0.1), at)
    return room(out, 0.6, 0.15, chance, 4000.0)


def crickets(count: int, chance: np.random.Generator) -> Mono:
    """Chirps of four pulses at about 4.5 kHz, one cricket near and one far."""
    out = np.zeros(count)
    pulse = round(0.021 * RATE)
    shape = np.sin(np.linspace(0, np.pi, pulse)) ** 2
    for hertz, strength, every, first in ((4480.0, 1.0, 0.62, 0.06), (4150.0, 0.45, 0.83, 0.31)):
        at = first
        while at < count / RATE:
            tone = np.sin(phase(np.full(pulse, hertz * chance.uniform(0.995, 1.005)))) * shape
            for beat in range(4):
                lay(out, tone * strength * (0.6 + 0.13 * beat), at + beat * 0.034)
            at += every * chance.uniform(0.94, 1.06)
    return out


def _chord(
    count: int, notes: Sequence[float], bright: float, chance: np.random.Generator, attack: float = 0.015
) -> Mono:
    out = np.zeros(count)
    shine = curve(count, [(0, bright * 1.05), (0.2, bright), (1, bright * 0.75)])
    for hertz in notes:
        for detune in (-0.0022, 0.0017):
            out += harmonics(np.full(count, hertz * (1 + detune)), np.minimum(shine, 0.9), 18) / len(notes)
    return np.asarray(out * swell(count, attack, min(0.25, count / RATE / 3)))


def sting(count: int, chance: np.random.Generator) -> Mono:
    """Three blows of low strings and brass, the last a diminished chord that stays."""
    out = np.zeros(count)
    blows = (
        (0.0, 0.26, (98.0, 196.0, 233.08)),
        (0.34, 0.26, (92.5, 185.0, 220.0)),
        (0.68, count / RATE - 0.68, (65.41, 130.81, 155.56, 185.0, 220.0)),
    )
    for at, length, notes in blows:
        size = round(length * RATE)
        if size < RATE // 20:
            break
        lay(out, _chord(size, notes, 0.78, chance), at)
        drum = np.sin(phase(60 + 50 * np.exp(-clock(size) / 0.02))) * decay(size, 0.7)
        lay(out, drum * (1.2 if length > 0.3 else 0.7), at)
    return room(out, 1.6, 0.35, chance, 3000.0)


def pop(count: int, chance: np.random.Generator) -> Mono:
    return np.asarray(
        np.sin(phase(curve(count, [(0, 280), (0.5, 980), (1, 1250)]))) * decay(count, 0.12) * swell(count, 0.002, 0.02)
    )


def boing(count: int, chance: np.random.Generator) -> Mono:
    """A spring's twang: a buzzing tone whose pitch swings slower and less as it comes to rest."""
    time = clock(count)
    swing = np.exp(-time / 0.35) * np.sin(2 * np.pi * (13 * time - 3.2 * time**2))
    hertz = 150 * 2 ** (0.85 * swing)
    bright = np.clip(0.82 - 0.35 * time, 0.3, 0.9)
    return np.asarray(harmonics(hertz, bright, 16) * decay(count, 1.1) * swell(count, 0.003, 0.1))


def buzzer(count: int, chance: np.random.Generator) -> Mono:
    low = harmonics(np.full(count, 98.0), np.full(count, 0.9), 30)
    return np.asarray((low + harmonics(np.full(count, 104.5), np.full(count, 0.9), 30)) * swell(count, 0.005, 0.04))


def fanfare(count: int, chance: np.random.Generator) -> Mono:
    """Ta, and a major chord."""
    out = np.zeros(count)
    lay(out, _chord(round(0.13 * RATE), (261.63, 329.63, 392.0), 0.74, chance), 0.0)
    lay(out, _chord(count - round(0.17 * RATE), (261.63, 329.63, 392.0, 523.25), 0.74, chance, 0.03), 0.17)
    return room(out, 0.9, 0.2, chance, 5000.0)


def whistle(count: int, chance: np.random.Generator) -> Mono:
    """A pea whistle: the pea cuts the tone about 42 times a second and shifts it."""
    time = clock(count)
    pea = np.sin(2 * np.pi * 42 * time)
    hertz = 2300 + 90 * pea
    breath = band_noise(count, 1800.0, 5200.0, chance) * 0.12
    return np.asarray(
        (np.sin(phase(hertz)) + 0.5 * np.sin(phase(hertz * 1.27)) + breath)
        * (0.65 + 0.35 * pea)
        * swell(count, 0.02, 0.06)
    )


def slide_whistle(count: int, chance: np.random.Generator) -> Mono:
    hertz = curve(count, [(0, 1500), (0.12, 1560), (1, 420)]) * (1 + 0.006 * np.sin(2 * np.pi * 6 * clock(count)))
    turn = phase(hertz)
    breath = band_noise(count, 900.0, 3500.0, chance) * 0.05
    return np.asarray((np.sin(turn) + 0.12 * np.sin(2 * turn) + breath) * swell(count, 0.03, 0.12))


def news_sting(count: int, chance: np.random.Generator) -> Mono:
    """Sixteenths on one note, then a fifth on top: a newsroom in a hurry."""
    out = np.zeros(count)
    for number in range(4):
        lay(out, _chord(round(0.1 * RATE), (293.66, 587.33), 0.7, chance, 0.006), number * 0.13)
    lay(out, _chord(max(RATE // 8, count - round(0.56 * RATE)), (146.83, 293.66, 440.0, 587.33), 0.76, chance), 0.56)
    return room(out, 0.9, 0.2, chance, 5000.0)
