"""Music and places to talk over, made by the studio: bars of chords, or air and voices, as long as is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.sound.foley_parts import RATE, Mono, band_noise, clock, decay, harmonics, lay, phase, room, swell
from configs.errors import UsageError

LUFS = -20.0
FADE_SECONDS = 0.6
LONGEST_SECONDS = 900.0


@dataclass(frozen=True)
class Bed:
    """A piece of music that repeats."""

    about: str
    bpm: float
    play: Callable[[_Band], None]
    room: float
    """Share of reverberation."""


class _Band:
    """Plays notes on a track; positions in beats, pitches as MIDI numbers."""

    def __init__(self, seconds: float, bpm: float, chance: np.random.Generator) -> None:
        self.track: Mono = np.zeros(round(seconds * RATE))
        self.beat, self.chance = 60 / bpm, chance
        self.bars = int(np.ceil(seconds / (4 * self.beat)))
        self._kept: dict[tuple[str, float, float], Mono] = {}

    def each_bar(self) -> Iterator[int]:
        return iter(range(self.bars))

    def note(self, voice: str, at: float, pitch: float, beats: float, gain: float = 1.0) -> None:
        """A note of a voice; the same note is drawn once."""
        key = (voice, pitch, beats)
        if key not in self._kept:
            hertz = 440 * 2 ** ((pitch - 69) / 12)
            self._kept[key] = VOICES[voice](hertz, beats * self.beat, self.chance)
        # Nobody plays quite on the beat, nor twice the same.
        late, loud = self.chance.uniform(0, 0.006), self.chance.uniform(0.9, 1.0)
        lay(self.track, self._kept[key] * gain * loud, at * self.beat + late)

    def chord(self, voice: str, at: float, pitches: Sequence[float], beats: float, gain: float = 1.0) -> None:
        for pitch in pitches:
            self.note(voice, at, pitch, beats, gain / len(pitches) ** 0.5)


def _piano(hertz: float, seconds: float, chance: np.random.Generator) -> Mono:
    count = round((seconds + 0.12) * RATE)
    tone = sum(
        (0.7**k / (k + 1))
        * np.sin(2 * np.pi * hertz * (k + 1) * (1 + 0.0004 * k * k) * clock(count))
        * decay(count, 2.4 / (1 + 0.5 * k))
        for k in range(8)
    )
    knock = band_noise(count, 300.0, 2500.0, chance) * decay(count, 0.05) * 0.12
    return np.asarray((tone + knock) * swell(count, 0.002, 0.1))


def _pluck(hertz: float, seconds: float, chance: np.random.Generator) -> Mono:
    count = round((seconds + 0.2) * RATE)
    tone = sum(
        0.62**k * np.sin(2 * np.pi * hertz * (k + 1) * clock(count)) * decay(count, 0.9 / (1 + 0.7 * k))
        for k in range(7)
    )
    return np.asarray(tone * swell(count, 0.002, 0.05))


def _electric(hertz: float, seconds: float, chance: np.random.Generator) -> Mono:
    """Two operators, as an electric piano of the eighties."""
    count = round((seconds + 0.25) * RATE)
    time = clock(count)
    ring = 1.1 * decay(count, 0.5) * np.sin(2 * np.pi * hertz * time)
    return np.asarray(np.sin(2 * np.pi * hertz * time + ring) * decay(count, 2.2) * swell(count, 0.004, 0.2))


def _pad(hertz: float, seconds: float, chance: np.random.Generator) -> Mono:
    count = round((seconds + 1.2) * RATE)
    tone = sum(harmonics(np.full(count, hertz * detune), np.full(count, 0.32), 6) for detune in (0.9985, 1.0017))
    return np.asarray(tone * swell(count, 0.9, 1.2))


def _low(hertz: float, seconds: float, chance: np.random.Generator) -> Mono:
    """Short low strings."""
    count = round((seconds + 0.06) * RATE)
    return np.asarray(
        harmonics(np.full(count, hertz), np.full(count, 0.72), 14) * decay(count, 0.5) * swell(count, 0.006, 0.05)
    )


def _bass(hertz: float, seconds: float, chance: np.random.Generator) -> Mono:
    count = round(seconds * RATE)
    return np.asarray(
        harmonics(np.full(count, hertz), np.full(count, 0.35), 6) * decay(count, 1.4) * swell(count, 0.004, 0.04)
    )


def _drone(hertz: float, seconds: float, chance: np.random.Generator) -> Mono:
    count = round((seconds + 2.0) * RATE)
    beat = 1 + 0.3 * np.sin(2 * np.pi * 0.37 * clock(count))
    tone = sum(harmonics(np.full(count, hertz * d), np.full(count, 0.5), 8) for d in (0.994, 1.0, 1.009))
    return np.asarray((tone * beat + band_noise(count, 40.0, 160.0, chance) * 0.45) * swell(count, 1.5, 2.0))


def _glass(hertz: float, seconds: float, chance: np.random.Generator) -> Mono:
    count = round((seconds + 1.0) * RATE)
    wave = hertz * (1 + 0.004 * np.sin(2 * np.pi * 4.7 * clock(count)))
    return np.asarray(np.sin(phase(wave)) * swell(count, 1.2, 1.4))


def _drum(hertz: float, seconds: float, chance: np.random.Generator) -> Mono:
    count = round(0.7 * RATE)
    return np.asarray(np.sin(phase(hertz * (1 + 0.8 * np.exp(-clock(count) / 0.03)))) * decay(count, 0.6) * 1.6)


def _shaker(hertz: float, seconds: float, chance: np.random.Generator) -> Mono:
    count = round(0.09 * RATE)
    return np.asarray(band_noise(count, 5200.0, 12_000.0, chance) * swell(count, 0.012, 0.06) * 0.5)


def _clap(hertz: float, seconds: float, chance: np.random.Generator) -> Mono:
    count = round(0.22 * RATE)
    hands = band_noise(count, 900.0, 4200.0, chance)
    late = np.concatenate([np.zeros(round(0.011 * RATE)), hands])[:count]
    return np.asarray((hands * decay(count, 0.1) + late * decay(count, 0.16)) * 0.5)


VOICES: dict[str, Callable[[float, float, np.random.Generator], Mono]] = {
    "piano": _piano,
    "pluck": _pluck,
    "electric": _electric,
    "pad": _pad,
    "low": _low,
    "bass": _bass,
    "drone": _drone,
    "glass": _glass,
    "drum": _drum,
    "shaker": _shaker,
    "clap": _clap,
}


def _play_pad(band: _Band) -> None:
    chords = ((48, 55, 64, 71), (45, 52, 60, 67), (41, 57, 60, 64), (43, 50, 59, 69))
    for bar in band.each_bar():
        band.chord("pad", bar * 4, chords[bar // 2 % 4], 4)
        if bar % 2:
            band.note("electric", bar * 4 + 1.5, chords[bar // 2 % 4][-1] + 12, 1.5, 0.35)


def _play_trailer(band: _Band) -> None:
    roots = (38, 38, 34, 36)
    for bar in band.each_bar():
        grow = 0.55 + 0.45 * bar / max(1, band.bars - 1)
        for eighth in range(8):
            accent = 1.0 if eighth in (0, 3, 6) else 0.55
            band.note("low", bar * 4 + eighth / 2, roots[bar % 4], 0.45, grow * accent)
            band.note(
                "low", bar * 4 + eighth / 2, roots[bar % 4] + (12 if eighth % 2 else 7), 0.45, 0.5 * grow * accent
            )
        band.note("drum", bar * 4, 31, 1, grow)
        if bar % 2:
            for late in (2.5, 3.0, 3.5):
                band.note("drum", bar * 4 + late, 36, 1, 0.7 * grow)


def _play_dread(band: _Band) -> None:
    for bar in band.each_bar():
        if bar % 2 == 0:
            band.note("drone", bar * 4, 31, 8)
        band.note("glass", bar * 4 + 1, (87, 88, 86, 93)[bar % 4], 3, 0.1)
        if bar % 2:
            band.note("piano", bar * 4 + 2, (51, 50)[bar // 2 % 2], 2, 0.35)


def _play_ragtime(band: _Band) -> None:
    """Stride: bass and chord in turn, a syncopated tune over C, A7, D7, G7."""
    bars = (
        (36, (60, 64, 67), ((0, 76), (0.5, 79), (1.25, 84), (2, 81), (2.5, 79), (3.25, 76))),
        (33, (61, 64, 67), ((0, 73), (0.75, 76), (1.5, 79), (2, 81), (3, 79))),
        (38, (60, 66, 69), ((0, 78), (0.5, 81), (1.25, 86), (2, 84), (2.75, 81), (3.5, 78))),
        (31, (59, 65, 67), ((0, 79), (0.75, 77), (1.5, 74), (2, 71), (2.5, 74), (3.25, 79))),
    )
    for bar in band.each_bar():
        root, chord, tune = bars[bar % 4]
        for half in (0, 2):
            band.note("piano", bar * 4 + half, root + (7 if half else 0), 0.9, 0.9)
            band.chord("piano", bar * 4 + half + 1, chord, 0.5, 0.8)
        for at, pitch in tune:
            band.note("piano", bar * 4 + at, pitch, 0.45, 0.75)
            band.note("piano", bar * 4 + at, pitch + 12, 0.4, 0.25)


def _play_cheerful(band: _Band) -> None:
    chords = ((60, 64, 67, 72), (55, 59, 62, 67), (57, 60, 64, 69), (53, 57, 60, 65))
    for bar in band.each_bar():
        chord = chords[bar % 4]
        for at, gain in ((0, 1.0), (1, 0.7), (1.5, 0.8), (2.5, 0.8), (3, 0.7), (3.5, 0.6)):
            band.chord("pluck", bar * 4 + at, chord, 0.5, gain)
        band.note("bass", bar * 4, chord[0] - 24, 1.5, 0.8)
        band.note("bass", bar * 4 + 2, chord[0] - 17, 1.5, 0.7)
        for at in (1, 3):
            band.note("clap", bar * 4 + at, 60, 0.2, 0.5)
        if bar % 2:
            for at, step in ((0.5, 2), (1, 3), (2, 1), (3, 2)):
                band.note("glass", bar * 4 + at, chord[step] + 12, 0.3, 0.1)


def _play_newsroom(band: _Band) -> None:
    roots = (50, 50, 46, 48)
    for bar in band.each_bar():
        for step in range(16):
            band.note("pluck", bar * 4 + step / 4, 74 if step % 4 else 81, 0.2, 0.4 if step % 4 else 0.6)
        for at in (0, 1.5, 2.5):
            band.note("bass", bar * 4 + at, roots[bar % 4] - 12, 0.8)
        band.chord("low", bar * 4, (roots[bar % 4], roots[bar % 4] + 7), 1.0, 0.6)
        band.note("drum", bar * 4, 38, 1, 0.6)


def _play_lounge(band: _Band) -> None:
    chords = ((60, 64, 67, 71), (57, 60, 64, 67), (62, 65, 69, 72), (55, 59, 65, 69))
    for bar in band.each_bar():
        chord = chords[bar % 4]
        for at in (0, 1.5, 3):
            band.chord("electric", bar * 4 + at, chord, 0.8, 0.8)
        for at, step in ((0, 0), (1.5, 0), (2, 7), (3.5, 7)):
            band.note("bass", bar * 4 + at, chord[0] - 24 + step, 0.5, 0.8)
        for eighth in range(8):
            band.note("shaker", bar * 4 + eighth / 2, 60, 0.1, 0.35 if eighth % 2 else 0.2)
        if bar % 2:
            band.note("electric", bar * 4 + 2.5, chord[3] + 12, 1.2, 0.35)


def _play_room(band: _Band) -> None:
    """Air and a far ventilator: no melody, no beat."""
    count = len(band.track)
    band.track += band_noise(count, 30.0, 260.0, band.chance) + 0.22 * band_noise(count, 260.0, 2600.0, band.chance)


def _play_crowd(band: _Band) -> None:
    """Many voices of which none is understood: each at the pace of syllables, all together in swells."""
    count = len(band.track)
    for voice in range(14):
        low = 180.0 * 1.17**voice
        pace = np.maximum(0.0, band_noise(count, 0.3, 5.0, band.chance) + 0.4)
        band.track += band_noise(count, low, 1.6 * low, band.chance) * pace * 0.9**voice
    wave = np.sin(2 * np.pi * clock(count) / 5.3) + 0.6 * np.sin(2 * np.pi * clock(count) / 3.1 + 1.0)
    band.track *= 1 + 0.3 * wave


BEDS: dict[str, Bed] = {
    "pad": Bed("Slow warm chords: nature, patience.", 60, _play_pad, 0.4),
    "trailer": Bed("A low ostinato that grows, with drums: something is at stake.", 120, _play_trailer, 0.3),
    "dread": Bed("A drone, glass, a lone piano note: do not go in there.", 58, _play_dread, 0.5),
    "ragtime": Bed("Stride piano: pictures without sound.", 184, _play_ragtime, 0.12),
    "cheerful": Bed("Plucked chords and claps: buy now.", 116, _play_cheerful, 0.15),
    "newsroom": Bed("Sixteenths on one note: this just in.", 118, _play_newsroom, 0.2),
    "lounge": Bed("Electric piano and a shaker: please hold the line.", 96, _play_lounge, 0.2),
    "room": Bed("The air of a room, for under everything: a film is never quite silent.", 60, _play_room, 0.1),
    "crowd": Bed("A stadium that murmurs.", 60, _play_crowd, 0.5),
}
"""Every bed by name."""


def make_bed(name: str, seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Music as (n, 2) float32 at 48 kHz and -20 LUFS, with a fade at its end; the same seed, the same samples.

    Raises UsageError for an unknown name or a length out of range.
    """
    from backends.voice.measures.loudness import integrated_lufs

    if name not in BEDS:
        raise UsageError(f"There is no music bed '{name[:40]}'", fix=f"Use one of {', '.join(BEDS)}")
    if not 0.5 <= seconds <= LONGEST_SECONDS:
        raise UsageError(f"A music bed of {seconds:g} s cannot be made", f"0.5 to {LONGEST_SECONDS:g} s can")
    bed, chance = BEDS[name], np.random.default_rng([seed, *name.encode()])
    band = _Band(seconds, bed.bpm, chance)
    bed.play(band)
    dry = band.track
    left, right = (room(dry, 1.4, bed.room, chance, 3500.0) for _ in range(2))
    stereo = np.stack([left, right], axis=1)
    fade = min(len(stereo) // 2, round(FADE_SECONDS * RATE))
    stereo[len(stereo) - fade :] *= (np.cos(np.linspace(0, np.pi / 2, fade)) ** 2)[:, None]
    stereo /= max(1e-9, float(np.abs(stereo).max()))
    gain = LUFS - integrated_lufs(stereo.astype(np.float32), RATE)
    return np.asarray(stereo * 10 ** (min(gain, -1.5) / 20), np.float32)
