"""A finished voice given another prosody: measured on real eSpeak lines with real Praat."""

from __future__ import annotations

import numpy as np
import parselmouth
import pytest
from numpy.typing import NDArray

from backends.voice.emotions.prosody import Prosody, prosody
from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import EMOTIONS, SpeechRequest, SpeechResult, VoiceProfile
from backends.voice.shaping import reshape as reshaping
from backends.voice.shaping.reshape import reshape, reshape_timed
from configs.errors import EngineError

TEXT = "They put the wonderful boxes in the kitchen."
WOMAN = VoiceProfile("Giulia", gender="female", seed=1)


@pytest.fixture(scope="module")
def line() -> SpeechResult:
    engine = EspeakEngine()
    engine.load()
    return engine.speak(SpeechRequest(TEXT, WOMAN))


def _pitch(samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(seconds, semitones re 100 Hz) of the voiced frames."""
    track = parselmouth.Sound(samples.astype(np.float64), rate).to_pitch_ac(0.01, 75, pitch_ceiling=500)
    f0 = track.selected_array["frequency"]
    return track.xs()[f0 > 0], 12 * np.log2(f0[f0 > 0] / 100)


def _formants(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Median first and second formant where there is a voice, Hz."""
    found = parselmouth.Sound(samples.astype(np.float64), rate).to_formant_burg(maximum_formant=5500)
    times, _ = _pitch(samples, rate)
    return np.array([np.nanmedian([found.get_value_at_time(n, t) for t in times]) for n in (1, 2)])


@pytest.mark.parametrize("shift", [-5.0, -2.0, 3.0, 6.0])
def test_the_pitch_moves_and_the_formants_stay(line: SpeechResult, shift: float) -> None:
    made = reshape(line.samples, line.sample_rate, Prosody(pitch=shift))
    before, after = (np.median(_pitch(x, line.sample_rate)[1]) for x in (line.samples, made))
    assert after - before == pytest.approx(shift, abs=0.4)
    old, new = _formants(line.samples, line.sample_rate), _formants(made, line.sample_rate)
    assert np.all(np.abs(new / old - 1) < 0.12), (old, new)
    if abs(shift) < 5:
        return
    # Resampling, which would move them too, is what this test tells apart.
    moved = np.interp(np.arange(0, len(made), 2 ** (shift / 12)), np.arange(len(made)), line.samples[: len(made)])
    assert np.any(np.abs(_formants(moved.astype(np.float32), line.sample_rate) / old - 1) > 0.1)


@pytest.mark.parametrize("factor", [0.4, 2.0])
def test_the_range_widens_and_narrows(line: SpeechResult, factor: float) -> None:
    made = reshape(line.samples, line.sample_rate, Prosody(range=factor))
    before, after = (np.std(_pitch(x, line.sample_rate)[1]) for x in (line.samples, made))
    assert after / before == pytest.approx(factor, rel=0.2)


@pytest.mark.parametrize("rate", [0.7, 1.4])
def test_the_pace_changes_and_the_times_go_along(line: SpeechResult, rate: float) -> None:
    made = reshape_timed(line.samples, line.sample_rate, Prosody(rate=rate), words=line.words)
    assert len(made.samples) / len(line.samples) == pytest.approx(1 / rate, rel=0.01)
    for (start, end, word), (new_start, new_end, same) in zip(line.words, made.words(line.words), strict=True):
        assert same == word
        assert (new_start, new_end) == pytest.approx((start / rate, end / rate), abs=0.005)
    before, after = (np.median(_pitch(x, line.sample_rate)[1]) for x in (line.samples, made.samples))
    assert after == pytest.approx(before, abs=0.3)


@pytest.mark.parametrize("final", [-4.0, 5.0])
def test_the_end_of_a_phrase_rises_or_falls(line: SpeechResult, final: float) -> None:
    made = reshape(line.samples, line.sample_rate, Prosody(final=final))
    (_, old), (times, new) = _pitch(line.samples, line.sample_rate), _pitch(made, line.sample_rate)
    assert np.median(new[-5:]) - np.median(old[-5:]) == pytest.approx(final, abs=1.0)
    early = times < times[-1] * 0.6
    assert np.median(new[early]) == pytest.approx(np.median(old[: int(early.sum())]), abs=0.3)


def test_the_stressed_word_is_drawn_out(line: SpeechResult) -> None:
    made = reshape_timed(
        line.samples, line.sample_rate, Prosody(stretch=2.0, accent=3.0), words=line.words, phonemes=line.phonemes
    )
    lengths = [
        (new_end - new_start) / (end - start)
        for (start, end, _), (new_start, new_end, _) in zip(line.words, made.words(line.words), strict=True)
    ]
    assert np.argmax(lengths) == len(lengths) - 1 and lengths[-1] > 1.2  # "kitchen"
    assert lengths[:-1] == pytest.approx([1.0] * (len(lengths) - 1))
    vowel = max(made.phonemes(line.phonemes), key=lambda one: one.end - one.start)
    times, new = _pitch(made.samples, line.sample_rate)
    inside = (times > vowel.start) & (times < vowel.end)
    assert np.max(new[inside]) > np.median(new) + 1.5


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_no_emotion_clips_clicks_or_leaves_the_human_range(line: SpeechResult, emotion: str) -> None:
    how = prosody(emotion, 1.0)
    made = reshape_timed(line.samples, line.sample_rate, how, words=line.words, phonemes=line.phonemes)
    assert made.samples.dtype == np.float32 and np.all(np.isfinite(made.samples))
    assert np.max(np.abs(made.samples)) <= 0.981
    # A click is a step larger than any that the voice makes itself, in a sharper voice a larger one.
    steps = np.max(np.abs(np.diff(made.samples))) / np.std(made.samples)
    own = np.max(np.abs(np.diff(line.samples))) / np.std(line.samples)
    assert steps < 2.5 * own
    times, pitch = _pitch(made.samples, line.sample_rate)
    if how.whisper < 0.8:
        assert len(times) > 50 and np.quantile(pitch, 0.02) > -7 and np.quantile(pitch, 0.98) < 27
    ends = [end for _, end, _ in made.words(line.words)]
    assert ends == sorted(ends) and ends[-1] <= len(made.samples) / line.sample_rate + 1e-6


def test_a_whisper_has_no_voice(line: SpeechResult) -> None:
    made = reshape(line.samples, line.sample_rate, prosody("whispering", 1.0))
    assert len(_pitch(made, line.sample_rate)[0]) < 0.3 * len(_pitch(line.samples, line.sample_rate)[0])


def test_nothing_to_change_changes_nothing_and_the_same_twice_is_the_same(line: SpeechResult) -> None:
    assert np.array_equal(reshape(line.samples, line.sample_rate, Prosody()), line.samples)
    how = prosody("afraid", 1.0)
    once, twice = (reshape(line.samples, line.sample_rate, how, seed=3) for _ in range(2))
    assert np.array_equal(once, twice)


@pytest.mark.parametrize("rate", [8000, 16000, 32000, 48000])
def test_any_engines_rate_will_do(line: SpeechResult, rate: int) -> None:
    samples = np.interp(
        np.arange(0, len(line.samples), line.sample_rate / rate), np.arange(len(line.samples)), line.samples
    ).astype(np.float32)
    made = reshape(samples, rate, Prosody(pitch=4.0, rate=0.8))
    assert len(made) / len(samples) == pytest.approx(1.25, rel=0.01)
    assert np.median(_pitch(made, rate)[1]) - np.median(_pitch(samples, rate)[1]) == pytest.approx(4.0, abs=0.5)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(22050), np.ones(40) * 0.1, np.full(22050, 0.3)])
def test_what_holds_no_voice_comes_back_whole(samples: NDArray[np.float64]) -> None:
    made = reshape(samples.astype(np.float32), 22050, prosody("happy", 1.0))
    assert np.all(np.isfinite(made)) and (not len(samples) or len(made) > 0)


def test_noise_is_no_voice_but_can_be_slowed() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 22050).astype(np.float32)
    assert len(reshape(noise, 22050, Prosody(pitch=5.0, rate=0.5))) == pytest.approx(44100, rel=0.01)


def test_without_praat_it_says_what_is_missing(line: SpeechResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reshaping, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match="praat-parselmouth is not installed"):
        reshape(line.samples, line.sample_rate, Prosody(pitch=2.0))
