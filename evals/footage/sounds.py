"""Made sound tracks whose segments, beats and levels are known, from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from backends.sound.result import Hearing
from backends.vision.frame import MONO_RATE, STEREO_RATE, SoundBlock
from evals.footage.instruments import RATE, Wave
from evals.footage.music import song
from evals.footage.noises import noise
from evals.footage.speakers import Part, speech

LABELS: tuple[Hearing, ...] = get_args(Hearing)
UNDER_DB = (4.0, 20.0)
"""How far music lies below the speech that it accompanies."""
FADE = 0.02


@dataclass(frozen=True)
class Section:
    """What a part of a made track is."""

    start: float
    end: float
    label: Hearing
    detail: str = ""
    """Style of the music, kind of the noise."""
    under_db: float = 0.0
    """How far the music lies below the speech."""
    bpm: float | None = None
    beats: tuple[float, ...] = ()
    """Seconds of the track."""


@dataclass(frozen=True)
class SoundTrack:
    """A made track: (N,) float32 mono at RATE, and what is where."""

    samples: NDArray[np.float32]
    sections: list[Section] = field(default_factory=list)
    rate: int = RATE

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def labels(self, step: float = 0.1) -> list[Hearing]:
        """The label of each step's middle."""
        middles = (np.arange(int(self.seconds / step)) + 0.5) * step
        ends = np.asarray([section.end for section in self.sections])
        places = np.minimum(np.searchsorted(ends, middles, side="right"), len(ends) - 1)
        return [self.sections[int(place)].label for place in places]


def sound_track(
    seed: int, seconds: float = 60.0, part: Part = "tuning", labels: tuple[Hearing, ...] = LABELS
) -> SoundTrack:
    """Speech, music, both, noise and silence for 1.2 to 12 seconds each, over one recording's floor of noise."""
    pick = np.random.default_rng([seed, 11])
    out, sections, at, before = np.zeros(round(seconds * RATE)), [], 0.0, ""
    while at < seconds - 0.5:
        choices = [label for label in labels if label != before] or list(labels)
        weights = np.asarray([0.5 if label == "silence" else 1.0 for label in choices])
        label: Hearing = choices[int(pick.choice(len(choices), p=weights / weights.sum()))]
        length = float(pick.uniform(0.8, 3.0) if label == "silence" else 1.2 * 10 ** pick.uniform())
        length = seconds - at if at + length > seconds - 2.0 else length
        wave, section = _section(label, at, length, int(pick.integers(1 << 30)), pick, part)
        first = round(at * RATE)
        out[first : first + len(wave)] += wave[: len(out) - first]
        sections.append(section)
        at, before = at + length, label
    out = _medium(out, pick)
    # Sections are at about -20 dB below 1; peaks that would not fit into a file are held down, as in any mix.
    level = 10 ** (pick.uniform(-14, 4) / 20)
    floor = pick.normal(0, level * 0.1 * 10 ** (pick.uniform(-65, -44) / 20), len(out))
    return SoundTrack((np.tanh(out * level) + floor).clip(-1, 1).astype(np.float32), sections)


def _medium(wave: Wave, pick: np.random.Generator) -> Wave:
    """Now and then a telephone, an old recording or a strongly compressed file: little is left of the treble."""
    from scipy.signal import butter, sosfilt

    if pick.uniform() < 0.7:
        return wave
    return np.asarray(sosfilt(butter(6, pick.uniform(3300, 7500), fs=RATE, output="sos"), wave))


def _section(
    label: Hearing, at: float, length: float, seed: int, pick: np.random.Generator, part: Part
) -> tuple[Wave, Section]:
    wave, end = np.zeros(round(length * RATE)), at + length
    under, detail = 0.0, ""
    bpm: float | None = None
    beats: tuple[float, ...] = ()
    if "speech" in label:
        wave = speech(seed, length, part)
    if "music" in label:
        played = song(seed, length)
        under = float(pick.uniform(*UNDER_DB)) if label == "speech+music" else 0.0
        wave = wave + played.samples[: len(wave)] * 10 ** (-under / 20)
        detail, bpm = played.style, played.bpm
        beats = tuple(at + beat for beat in played.beats)
    if label == "noise":
        wave, detail = noise(seed, length)
    elif label != "silence" and pick.uniform() < 0.4:
        # A place has its own sound, well below what is meant to be heard.
        wave = wave + noise(seed + 1, length)[0][: len(wave)] * 10 ** (-pick.uniform(8, 40) / 20)
    wave = wave * 10 ** (pick.uniform(-9, 3) / 20)
    edge = min(round(FADE * RATE), len(wave) // 2)
    wave[:edge] *= np.linspace(0, 1, edge)
    wave[len(wave) - edge :] *= np.linspace(1, 0, edge)
    return wave, Section(at, end, label, detail, under, bpm, beats)


def blocks(samples: NDArray[np.floating], rate: int, seconds: float = 1.0) -> Iterator[SoundBlock]:
    """(N,) or (N, channels 1 or 2) samples as the pass hands them to its sound sinks, mono to stereo at -3 dB each."""
    from scipy.signal import resample_poly

    wave = np.asarray(samples, np.float32).reshape(len(samples), -1)
    both = np.repeat(wave * np.float32(0.5**0.5), 2, axis=1) if wave.shape[1] == 1 else wave
    stereo = np.asarray(resample_poly(both, STEREO_RATE, rate, axis=0), np.float32) if rate != STEREO_RATE else both
    mono = np.asarray(resample_poly(wave.mean(axis=1), MONO_RATE, rate), np.float32)
    for index in range(max(1, int(np.ceil(len(wave) / rate / seconds)))):
        wide, narrow, own = (
            slice(round(index * seconds * r), round((index + 1) * seconds * r)) for r in (STEREO_RATE, MONO_RATE, rate)
        )
        yield SoundBlock(index * seconds, stereo[wide], mono[narrow], wave[own], rate)
