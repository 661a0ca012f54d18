"""Dialogues with known truth, stitched from real speech: who speaks when, over nothing, noise or music."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
_FRAME = 160
_SPEAKER = re.compile(r"(\d+)-\d+-\d+$")
"""LibriSpeech: speaker-chapter-utterance."""
_QUIET_DB, _JOIN_S = -18.0, 0.3
"""So far below an utterance's loudest moments nobody speaks; shorter pauses belong to the speech (NIST: 0.3 s)."""
_SMOOTH = 20
_TURN_S = (2.5, 10.0)
_OVERLAP_CHANCE, _OVERLAP_S = 0.12, (0.4, 1.2)

Samples = NDArray[np.float32]
Span = tuple[float, float, str]


@dataclass(frozen=True)
class Dialogue:
    """One made recording."""

    samples: Samples
    """(N,) mono at RATE."""
    truth: tuple[Span, ...]
    """(start, end, speaker) of all speech; they overlap where two talk at once."""
    held_out: Mapping[str, Samples]
    """A clip of each speaker that does not occur in the recording."""


def read_speech(folder: Path) -> dict[str, list[Samples]]:
    """Utterances by speaker, as LibriSpeech names its files (any other file is a speaker of its own)."""
    from backends.voice.wav import read_wav, resample

    found: dict[str, list[Samples]] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in (".flac", ".wav", ".ogg", ".mp3"):
            samples, rate = read_wav(file)
            named = _SPEAKER.search(file.stem)
            found.setdefault(named.group(1) if named else file.stem, []).append(resample(samples, rate, RATE))
    return found


def stitch(
    speech: Mapping[str, Sequence[Samples]], seed: int, *, speakers: int = 3, variant: str = "clean"
) -> Dialogue:
    """A dialogue of so many of the speakers who have two utterances or more, each utterance used once.

    variant: 'clean' (a little room noise), 'noise' (pink noise 25 dB below the speech), 'music' (a bed of the studio
    22 dB below), 'loud music' (10 dB below), 'overlap' (more interruptions).
    """
    chance = np.random.default_rng(seed)
    able = sorted(name for name, heard in speech.items() if len(heard) > 1)
    cast = [able[i] for i in chance.permutation(len(able))[:speakers]]
    held, queues = {}, {}
    for name in cast:
        order = chance.permutation(len(speech[name]))
        held[name] = speech[name][order[0]]
        pieces = [piece for i in order[1:] for piece in _turns(_levelled(speech[name][i], chance), chance)]
        queues[name] = pieces
    parts: list[tuple[int, Samples, str]] = []
    at, last = round(0.8 * RATE), ""
    often = 0.5 if variant == "overlap" else _OVERLAP_CHANCE
    while any(queues.values()):
        left = [name for name in cast if queues[name] and (name != last or sum(map(bool, queues.values())) == 1)]
        weights = np.array([len(queues[name]) for name in left], float)
        name = left[chance.choice(len(left), p=weights / weights.sum())]
        piece = queues[name].pop(0)
        if parts and name != last and chance.random() < often:
            at -= round(min(chance.uniform(*_OVERLAP_S), 0.5 * len(parts[-1][1]) / RATE) * RATE)
        else:
            at += round(chance.choice([0.08, 0.2, 0.4, 0.8, 1.5], p=[0.15, 0.3, 0.3, 0.15, 0.1]) * RATE)
        parts.append((at, piece, name))
        at += len(piece)
        last = name
    size = at + RATE
    mixed = np.zeros(size, np.float32)
    truth: list[Span] = []
    for start, piece, name in parts:
        mixed[start : start + len(piece)] += piece
        truth += [(start / RATE + a, start / RATE + b, name) for a, b in loud_spans(piece)]
    mixed += _under(variant, size, _power(mixed), chance, seed)
    peak = float(np.abs(mixed).max())
    loud = np.asarray(mixed * min(1.0, 0.9 / peak), np.float32)
    return Dialogue(loud, tuple(sorted(truth)), held)


def loud_spans(samples: Samples) -> list[tuple[float, float]]:
    """Where a clean utterance sounds, by its level alone: no voice activity network has a say in the truth."""
    frames = np.pad(samples, (0, -len(samples) % _FRAME)).reshape(-1, _FRAME)
    power = np.convolve((frames.astype(np.float64) ** 2).mean(axis=1), np.ones(_SMOOTH) / _SMOOTH, mode="same")
    level = 10 * np.log10(power + 1e-10)
    over = level > np.percentile(level, 95) + _QUIET_DB
    spans: list[list[float]] = []
    for index in np.flatnonzero(over):
        start, end = index * 0.01, (index + 1) * 0.01
        if spans and start - spans[-1][1] < _JOIN_S:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return [(start, min(end, len(samples) / RATE)) for start, end in spans if end - start > 0.1]


def _turns(samples: Samples, chance: np.random.Generator) -> list[Samples]:
    """An utterance cut at its own pauses into turns of different lengths."""
    spans = loud_spans(samples)
    made: list[Samples] = []
    begin, wanted = 0.0, chance.uniform(*_TURN_S)
    for (_, end), (following, _) in zip(spans, [*spans[1:], (len(samples) / RATE, 0.0)], strict=True):
        if end - begin >= wanted or following >= len(samples) / RATE:
            cut = (end + following) / 2
            made.append(samples[round(begin * RATE) : round(cut * RATE)])
            begin, wanted = cut, chance.uniform(*_TURN_S)
    return [_faded(piece) for piece in made if len(piece) > 0.5 * RATE]


def _faded(piece: Samples) -> Samples:
    ramp = np.linspace(0, 1, 80, dtype=np.float32)
    made = piece.copy()
    made[:80] *= ramp
    made[-80:] *= ramp[::-1]
    return made


def _levelled(samples: Samples, chance: np.random.Generator) -> Samples:
    """About -23 dBFS, three decibels up or down: people do not speak equally loud."""
    gain = 10 ** (chance.uniform(-3, 3) / 20) * 0.07 / np.sqrt(_power(samples))
    return np.asarray(samples * gain, np.float32)


def _power(samples: Samples) -> float:
    """Mean square of what is not silence."""
    squares = samples.astype(np.float64) ** 2
    return float(squares[squares > 1e-8].mean()) if (squares > 1e-8).any() else 1e-8


def _under(variant: str, size: int, speech: float, chance: np.random.Generator, seed: int) -> Samples:
    if variant.endswith("music"):
        below = -10.0 if variant == "loud music" else -22.0
        from backends.sound.beds import make_bed
        from backends.voice.wav import resample

        bed = make_bed(("cheerful", "lounge", "pad")[seed % 3], size / RATE, seed)
        mono = resample(bed.reshape(len(bed), -1).mean(axis=1).astype(np.float32), 48_000, RATE)
        mono = np.pad(mono, (0, max(0, size - len(mono))))[:size]
        return np.asarray(mono * np.sqrt(speech * 10 ** (below / 10) / _power(mono)), np.float32)
    spectrum = np.fft.rfft(chance.standard_normal(size))
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 20)), size)
    decibels = -25.0 if variant == "noise" else -45.0
    return np.asarray(pink * np.sqrt(speech * 10 ** (decibels / 10) / (pink**2).mean()), np.float32)
