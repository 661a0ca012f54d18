"""What is heard when: speech, music, both, other sounds, silence; and each shot's part of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.sound.hearing import NAMES, model
from backends.sound.meter import SoundMeter
from backends.sound.result import Sound
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import SoundBlock
from evals.benchmarks.sound import beat_score, heard, told_labels
from evals.footage.instruments import RATE
from evals.footage.music import song
from evals.footage.noises import noise
from evals.footage.sounds import blocks, sound_track
from evals.footage.speakers import speech

SEED = 2000
"""Neither fitted to nor reported on."""


def _share(sound: Sound, label: str) -> float:
    return sum(part.end - part.start for part in sound.segments if label in part.label) / sound.seconds


def _shot(index: int, start: float, end: float) -> ShotSpan:
    first, frames = round(start * 24), round((end - start) * 24)
    return ShotSpan(
        index=index, start=start, end=end, first_frame=first, frames=frames, clean_first=first, clean_frames=frames,
        opening="cut",
    )  # fmt: skip


@pytest.fixture(scope="module")
def talk() -> NDArray[np.float64]:
    return speech(SEED, 12.0, "report")


def test_speech_is_speech(talk: NDArray[np.float64]) -> None:
    sound = heard(talk, RATE)
    assert _share(sound, "speech") > 0.9 and _share(sound, "music") < 0.1
    assert sound.bpm is None
    assert sound.seconds == pytest.approx(12.0) and (sound.sample_rate, sound.channels) == (RATE, 1)


@pytest.mark.parametrize("style", ["pop", "ballad", "pad", "chorale", "drums"])
def test_music_is_music(style: str) -> None:
    sound = heard(song(SEED, 10.0, style).samples, RATE)
    assert _share(sound, "music") > 0.9 and _share(sound, "speech") < 0.2


@pytest.mark.parametrize("kind", ["white", "wind", "rain", "rumble", "waves", "hum"])
def test_noise_is_neither(kind: str) -> None:
    sound = heard(noise(SEED, 10.0, kind)[0], RATE)
    assert _share(sound, "noise") > 0.9


def test_speech_over_music_is_both(talk: NDArray[np.float64]) -> None:
    sound = heard(talk + 0.4 * song(SEED, 12.0, "ballad").samples[: len(talk)], RATE)
    assert _share(sound, "speech+music") > 0.6


def test_a_made_track_is_told_apart() -> None:
    right = steps = 0
    for seed in range(SEED, SEED + 4):
        track = sound_track(seed, 40.0, "report")
        truth = track.labels()
        told = told_labels(heard(track.samples, track.rate), len(truth))
        right += sum(one == other for one, other in zip(truth, told, strict=True))
        steps += len(truth)
    assert right / steps > 0.7


def test_parts_cover_the_track(talk: NDArray[np.float64]) -> None:
    gap = 1e-4 * np.random.default_rng(1).normal(0, 1, round(1.57 * RATE))
    sound = heard(np.concatenate([talk[: 5 * RATE], gap, talk[5 * RATE :]]), RATE)
    assert sound.segments[0].start == 0.0 and sound.segments[-1].end == pytest.approx(sound.seconds)
    for one, other in pairwise(sound.segments):
        assert one.end == other.start and one.label != other.label
    assert all(0.0 <= part.confidence <= 1.0 for part in sound.segments)
    silences = [part for part in sound.segments if part.label == "silence"]
    assert any(abs(part.start - 5.0) < 0.5 and 1.4 < part.end - part.start < 2.3 for part in silences)


def test_pauses_between_words_are_no_silence(talk: NDArray[np.float64]) -> None:
    assert _share(heard(talk, RATE), "silence") < 0.05


def test_a_shot_has_its_own_part(talk: NDArray[np.float64]) -> None:
    made = song(SEED, 12.0, "house", 120.0)
    meter = SoundMeter()
    for block in blocks(np.concatenate([talk, 0.25 * made.samples, np.zeros(3 * RATE)]), RATE):
        meter.hear(block)
    shots = [_shot(1, 0.0, 12.0), _shot(2, 12.0, 24.0), _shot(3, 24.5, 27.0), _shot(4, 27.0, 27.04)]
    first, second, third, after = meter.per_shot(shots)
    assert first.label == "speech" and first.speech_share > 0.8 and first.beats <= 1
    assert second.label == "music" and second.music_share > 0.8 and 20 <= second.beats <= 25
    assert third.label == "silence" and third.loudness_lufs is None and third.music_share < 0.2
    assert first.loudness_lufs is not None and second.loudness_lufs is not None
    assert first.loudness_lufs > second.loudness_lufs + 6
    assert after.label == "silence" and after.loudness_lufs is None
    assert meter.per_shot([]) == []


def test_silence_and_nothing_at_all() -> None:
    sound = heard(np.zeros(3 * RATE), RATE)
    assert [part.label for part in sound.segments] == ["silence"]
    assert sound.loudness_lufs is None and sound.peak_dbfs is None and sound.noise_dbfs is None
    assert sound.onsets == () and sound.bpm is None
    assert "loudness_lufs" in sound.not_measured
    nothing = SoundMeter().report()
    assert nothing.seconds == 0 and nothing.segments == () and nothing.curve_dbfs == ()


@pytest.mark.parametrize("seconds", [1 / RATE, 0.004, 0.05, 0.21, 0.5])
def test_the_shortest_sounds(seconds: float, talk: NDArray[np.float64]) -> None:
    sound = heard(talk[RATE : RATE + max(1, round(seconds * RATE))], RATE)
    assert sound.seconds == pytest.approx(seconds, abs=0.011)
    assert len(sound.segments) == 1
    assert (sound.loudness_lufs is None) == (seconds < 0.4)
    assert SoundMeter().report().not_measured


def test_how_loud_a_track_is_does_not_matter(talk: NDArray[np.float64]) -> None:
    track = np.concatenate([talk[: 6 * RATE], song(SEED, 6.0, "pop").samples])
    loud, soft = (heard(gain * track, RATE) for gain in (0.8, 0.05))
    assert [part.label for part in loud.segments] == [part.label for part in soft.segments]
    assert loud.loudness_lufs == pytest.approx((soft.loudness_lufs or 0) + 24.08, abs=0.1)


def test_hearing_goes_on_after_a_report(talk: NDArray[np.float64]) -> None:
    once, twice = SoundMeter(), SoundMeter()
    for index, block in enumerate(blocks(talk, RATE)):
        once.hear(block)
        twice.hear(block)
        if index in (2, 7):
            twice.report()
    assert once.report() == twice.report()


def test_a_block_without_its_native_samples_will_do(talk: NDArray[np.float64]) -> None:
    meter = SoundMeter()
    for block in blocks(np.stack([talk, talk], axis=1), RATE):
        meter.hear(SoundBlock(block.seconds, block.stereo, block.mono))
    assert meter.report().sample_rate == 48_000 and meter.report().channels == 2


def test_a_long_track_is_judged_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    track = sound_track(SEED + 9, 45.0, "report")
    whole = heard(track.samples, track.rate)
    monkeypatch.setattr("backends.sound.hearing.PART", 50)
    assert heard(track.samples, track.rate).segments == whole.segments
    made = song(2025, 20.0, "house", 120.0)
    monkeypatch.setattr("backends.sound.meter.LONGEST_STRETCH", 7.0)
    sound = heard(made.samples, RATE)
    assert beat_score(made.beats, sound.beats)[0] > 0.9 and np.diff(sound.beats).min() > 0.2


def test_memory_stays_small() -> None:
    """Minutes: no sample is kept, some hundred numbers a second are."""
    import tracemalloc

    meter, pick = SoundMeter(), np.random.default_rng(2)
    stereo, mono = pick.normal(0, 0.1, (48_000, 2)).astype(np.float32), pick.normal(0, 0.1, 16_000).astype(np.float32)
    for index in range(30):
        meter.hear(SoundBlock(float(index), stereo, mono))
    tracemalloc.start()
    for index in range(30, 180):
        meter.hear(SoundBlock(float(index), stereo, mono))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000


def test_the_fitted_numbers_are_of_these_features() -> None:
    assert len(model().mean) == len(NAMES)
    assert np.isfinite(model().weights).all() and (model().scale > 0).all()
    assert model().sureness(0.9, 4.0) > 0.9 and model().sureness(0.1, 1.5) < 0.2
    assert model().confidence(0.99) > model().confidence(0.5) > model().confidence(0.1)
