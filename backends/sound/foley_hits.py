"""Effects made of noise and blows."""

from __future__ import annotations

import numpy as np

from backends.sound.foley_parts import (
    RATE,
    Mono,
    band_noise,
    bell,
    clock,
    curve,
    decay,
    driven,
    harmonics,
    lay,
    phase,
    room,
    swept_noise,
)


def record_scratch(count: int, chance: np.random.Generator) -> Mono:
    """A groove read back and forth by a hand: the playing speed decides pitch and loudness, as on a turntable."""
    groove = band_noise(2 * RATE, 250.0, 2600.0, chance)
    groove += 1.2 * harmonics(np.full(2 * RATE, 155.0), np.full(2 * RATE, 0.78))
    speed = curve(
        count,
        [
            (0, 3.2),
            (0.06, 5.0),
            (0.16, 0.4),
            (0.2, -4.6),
            (0.34, -2.2),
            (0.4, 0.0),
            (0.44, 3.4),
            (0.56, 1.0),
            (0.62, -2.6),
            (0.8, -0.7),
            (1, 0),
        ],
    )
    position = 0.7 * RATE + np.cumsum(speed)
    sound = np.interp(position % len(groove), np.arange(len(groove)), groove)
    hiss = band_noise(count, 1800.0, 7500.0, chance) * np.abs(speed) ** 1.3 * 0.1
    return np.asarray(
        driven((sound * np.clip(np.abs(speed) / 2.5, 0, 1.2) + hiss) * curve(count, [(0, 1), (0.8, 1), (1, 0)]), 1.6)
    )


def rewind(count: int, chance: np.random.Generator) -> Mono:
    """Speech-like chatter at high speed: short tones that jump, over the motor's whine."""
    steps = max(4, round(count / RATE * 34))
    jumps = np.repeat(chance.uniform(700, 2600, steps), -(-count // steps))[:count]
    climb = curve(count, [(0, 0.7), (0.15, 1.0), (0.85, 1.25), (1, 0.5)])
    gate = np.repeat(chance.uniform(0.25, 1.0, steps), -(-count // steps))[:count]
    smooth = np.convolve(gate, np.ones(240) / 240, "same")
    chatter = harmonics(jumps * climb, np.full(count, 0.45), 6) * smooth
    motor = np.sin(phase(320 * climb**2)) * 0.25 + band_noise(count, 2500.0, 8000.0, chance) * 0.1
    return np.asarray((chatter + motor) * curve(count, [(0, 0), (0.05, 1), (0.92, 1), (1, 0)]))


def whoosh(count: int, chance: np.random.Generator) -> Mono:
    centre = curve(count, [(0, 260), (0.5, 1900), (1, 420)])
    near = np.exp(-(((np.linspace(0, 1, count) - 0.5) / 0.19) ** 2))
    low = swept_noise(centre * 0.45, 260.0, chance) * 0.6
    return np.asarray((swept_noise(centre, 900.0, chance) + low) * near)


def boom(count: int, chance: np.random.Generator) -> Mono:
    time = clock(count)
    drop = np.sin(phase(30 + 62 * np.exp(-time / 0.16))) * decay(count, 2.2)
    crack = band_noise(count, 60.0, 900.0, chance) * decay(count, 0.5) * 0.5
    air = band_noise(count, 35.0, 220.0, chance) * decay(count, 1.9) * 0.45
    return room(driven(drop * 1.5 + crack + air, 1.8), 2.0, 0.5, chance, 700.0) * curve(
        count, [(0, 1), (0.7, 1), (1, 0)]
    )


def impact(count: int, chance: np.random.Generator) -> Mono:
    time = clock(count)
    thump = np.sin(phase(48 + 120 * np.exp(-time / 0.03))) * decay(count, 0.55)
    crash = band_noise(count, 400.0, 7000.0, chance) * decay(count, 0.22) * 0.5
    plate = bell(
        count, 211.0, 1.1, [(1, 0.25, 1), (1.58, 0.2, 0.8), (2.24, 0.2, 0.7), (3.87, 0.12, 0.5), (5.3, 0.1, 0.35)]
    )
    return room(driven(thump * 1.3 + crash + plate, 1.5), 1.0, 0.35, chance)


def thud(count: int, chance: np.random.Generator) -> Mono:
    time = clock(count)
    low = np.sin(phase(46 + 38 * np.exp(-time / 0.07)))
    body = driven(low * decay(count, 1.15), 6.0) * decay(count, 1.5)
    knock = band_noise(count, 90.0, 1400.0, chance) * decay(count, 0.12)
    return room(body + knock * 0.6, 1.2, 0.4, chance, 900.0) * curve(count, [(0, 1), (0.75, 0.8), (1, 0)])


def _snare(chance: np.random.Generator, strength: float, ring: float = 0.16) -> Mono:
    count = round(0.3 * RATE)
    skin = np.sin(phase(185 + 90 * np.exp(-clock(count) / 0.012))) * decay(count, 0.14)
    wires = band_noise(count, 1200.0, 9000.0, chance) * decay(count, ring) * 0.5
    return np.asarray((skin + wires) * strength)


def _tom(hertz: float) -> Mono:
    count = round(0.4 * RATE)
    return np.asarray(np.sin(phase(hertz * (1 + 0.5 * np.exp(-clock(count) / 0.03)))) * decay(count, 0.38))


def _cymbal(count: int, ring: float, chance: np.random.Generator) -> Mono:
    metal = bell(count, 317.0, ring, [(r, 0.14, 0.7) for r in (5.4, 7.1, 8.9, 11.3, 13.9, 17.2, 21.7, 26.1)])
    return np.asarray(band_noise(count, 4200.0, 14_000.0, chance) * decay(count, ring) * 0.5 + metal)


def rimshot(count: int, chance: np.random.Generator) -> Mono:
    out = np.zeros(count)
    lay(out, _snare(chance, 0.8), 0.0)
    lay(out, _tom(118.0), 0.19)
    lay(out, _tom(84.0), 0.42)
    lay(out, _snare(chance, 0.25, 0.08), 0.42)
    lay(out, _cymbal(count, 1.0, chance) * 0.75, 0.42)
    return room(out, 0.5, 0.15, chance, 6000.0)


def riser(count: int, chance: np.random.Generator) -> Mono:
    share = np.linspace(0, 1, count)
    climb = 2 ** (share * 3.3)
    tone = harmonics(110 * climb, np.full(count, 0.55), 12) + harmonics(110.9 * climb, np.full(count, 0.55), 12)
    beat = 0.75 + 0.25 * np.sin(phase(4 + 14 * share**2))
    return np.asarray(
        (tone * 0.35 * beat + swept_noise(300 * 2 ** (share * 4), 700.0, chance)) * (0.03 + 0.97 * share**2.2)
    )


def heartbeat(count: int, chance: np.random.Generator) -> Mono:
    out = np.zeros(count)
    size = round(0.25 * RATE)
    at = 0.0
    while at < count / RATE:
        for late, hertz, strength in ((0.0, 58.0, 1.0), (0.24, 48.0, 0.75)):
            beat = np.sin(phase(hertz * (1 + 0.7 * np.exp(-clock(size) / 0.02)))) * decay(size, 0.2)
            lay(
                out,
                driven(beat + band_noise(size, 40, 300, chance) * decay(size, 0.07) * 0.2, 2.0) * strength,
                at + late,
            )
        at += 0.9
    return out


def drum_roll(count: int, chance: np.random.Generator) -> Mono:
    """Strokes 22 times a second, louder and louder, until they break off."""
    out = np.zeros(count)
    ends = count / RATE - 0.02
    for number, at in enumerate(np.arange(0, ends - 0.05, 1 / 22)):
        share = at / max(ends, 0.1)
        hard = (0.16 + 0.5 * share**1.6) * (1.0 if number % 2 else 0.86) * chance.uniform(0.9, 1.1)
        lay(out, _snare(chance, hard, 0.1), float(at + chance.uniform(0, 0.004)))
    return room(out, 0.4, 0.2, chance, 5000.0)


def shutter(count: int, chance: np.random.Generator) -> Mono:
    out = np.zeros(count)
    click = round(0.05 * RATE)
    for at, strength, low in ((0.0, 1.0, 1400.0), (0.018, 0.5, 2600.0), (0.105, 0.85, 900.0), (0.122, 0.45, 2000.0)):
        lay(out, band_noise(click, low, 6500.0, chance) * decay(click, 0.045) * strength, at)
    lay(out, np.sin(phase(np.full(click, 190.0))) * decay(click, 0.05) * 0.6, 0.0)
    return out


def cash_register(count: int, chance: np.random.Generator) -> Mono:
    out = np.zeros(count)
    lever = round(0.09 * RATE)
    lay(out, band_noise(lever, 700.0, 5000.0, chance) * decay(lever, 0.06), 0.0)
    lay(out, band_noise(lever, 500.0, 4000.0, chance) * decay(lever, 0.07) * 0.8, 0.085)
    ring = count - round(0.16 * RATE)
    lay(out, bell(ring, 2093.0, 0.9, [(1, 1.6, 1), (2.71, 0.8, 0.7), (5.1, 0.3, 0.4)]), 0.16)
    lay(out, band_noise(lever * 2, 300.0, 2500.0, chance) * decay(lever * 2, 0.16) * 0.4, 0.2)
    return out


def static(count: int, chance: np.random.Generator) -> Mono:
    crackle = (chance.random(count) > 0.9985) * chance.standard_normal(count) * 6
    hum = np.sign(np.sin(phase(np.full(count, 50.0)))) * 0.25
    return np.asarray(band_noise(count, 900.0, 11_000.0, chance) + crackle + hum)
