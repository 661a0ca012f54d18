"""Tempo, beats and onsets of made music."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.sound.beats import find_beats
from backends.sound.ear import Ear
from backends.sound.meter import SoundMeter
from backends.sound.result import Sound
from evals.benchmarks.sound import beat_score
from evals.footage.instruments import RATE, hit
from evals.footage.music import song
from evals.footage.noises import noise
from evals.footage.sounds import blocks


def _heard(samples: NDArray[np.floating], block_seconds: float = 1.0) -> Sound:
    meter = SoundMeter()
    for block in blocks(samples, RATE, block_seconds):
        meter.hear(block)
    return meter.report()


def _strengths(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    ear = Ear()
    for block in blocks(samples, RATE):
        ear.hear(block.mono)
    return ear.finish()[0]


def _knocks(times: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """A wood block at each time."""
    pick, out = np.random.default_rng(3), np.zeros(round(seconds * RATE) + RATE)
    for at in times:
        wave = hit("block", pick)
        out[round(at * RATE) : round(at * RATE) + len(wave)] += 0.4 * wave
    return out[: round(seconds * RATE)]


@pytest.mark.parametrize("bpm", [72.0, 100.0, 120.0, 137.5])
def test_the_tempo_of_knocks_is_exact(bpm: float) -> None:
    times = np.arange(0.35, 19.5, 60 / bpm)
    found = find_beats(_strengths(_knocks(times, 20.0)), 0.0, 20.0)
    assert found is not None
    assert found.bpm == pytest.approx(bpm, rel=0.003)
    score, late = beat_score(times.tolist(), found.times)
    assert score > 0.95
    assert abs(float(np.median(late))) < 0.01
    assert found.clarity > 0.6


def test_a_tempo_that_changes_is_followed() -> None:
    first, second = np.arange(0.0, 14.9, 60 / 95), np.arange(15.0, 30.0, 60 / 132)
    times = np.concatenate([first, second])
    found = find_beats(_strengths(_knocks(times, 30.0)), 0.0, 30.0)
    assert found is not None
    gaps, at = np.diff(found.times), np.asarray(found.times[1:])
    assert float(np.median(gaps[at < 12])) == pytest.approx(60 / 95, rel=0.01)
    assert float(np.median(gaps[at > 19])) == pytest.approx(60 / 132, rel=0.01)


@pytest.mark.parametrize(("style", "bpm"), [("house", 124.0), ("pop", 92.0), ("waltz", 110.0)])
def test_made_music_is_tapped_along_to(style: str, bpm: float) -> None:
    made = song(2025, 20.0, style, bpm)
    sound = _heard(made.samples)
    assert sound.bpm == pytest.approx(bpm, rel=0.02)
    assert sound.bpm_confidence > 0.6
    score, late = beat_score(made.beats, sound.beats)
    assert score > 0.9 and abs(float(np.median(late))) < 0.015
    assert any(part.bpm == pytest.approx(bpm, rel=0.03) for part in sound.segments)


@pytest.mark.parametrize("kind", ["pad", "rain", "engine", "white"])
def test_what_has_no_beat_gets_no_tempo(kind: str) -> None:
    samples = song(2024, 20.0, "pad").samples if kind == "pad" else noise(2024, 20.0, kind)[0]
    sound = _heard(samples)
    assert sound.bpm is None and sound.beats == ()
    assert sound.bpm_confidence < 0.5
    assert "bpm" in sound.not_measured


def test_too_short_for_a_tempo() -> None:
    assert find_beats(_strengths(_knocks(np.arange(0.2, 3.0, 0.5), 3.0)), 0.0, 3.0) is None
    assert find_beats(np.zeros(2_000, np.float32), 0.0, 20.0) is None


def test_onsets_are_where_something_begins() -> None:
    times = np.asarray([0.5, 1.1, 1.35, 2.4, 3.0, 4.2])
    floor = 1e-4 * np.random.default_rng(1).normal(0, 1, 5 * RATE)
    sound = _heard(_knocks(times, 5.0) + floor)
    assert len(sound.onsets) == len(times)
    assert np.abs(np.asarray(sound.onsets) - times).max() < 0.02


def test_pieces_of_any_length_give_the_same() -> None:
    samples = song(2031, 9.0, "drums", 108.0).samples
    assert _heard(samples, 1.0) == _heard(samples, 0.037)
