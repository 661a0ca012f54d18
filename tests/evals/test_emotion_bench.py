"""The measure of emotions is itself measured: on sounds whose figures are known, and on lines that say nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.voice.engines.protocol import EMOTIONS
from evals.benchmarks import emotion as bench
from evals.benchmarks.emotion import USED, Heard, Plain, accuracy, effect_sizes, listen, plan, shuffled
from evals.prosody import FEATURES, features

RATE = 22050
BASIC = ("neutral", "happy", "sad")


def _voice(f0: NDArray[np.float64], brightness: float = 1.0) -> NDArray[np.float32]:
    """Harmonics of a gliding pitch, each `brightness` divided by its number as loud, in four syllables a second."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    tone = sum(np.sin(n * phase) / n ** (2 - brightness) for n in range(1, 20))
    syllables = 0.55 - 0.45 * np.cos(2 * np.pi * 4 * np.arange(len(f0)) / RATE)
    return (0.05 * tone * syllables).astype(np.float32)


def _of(samples: NDArray[np.float32]) -> dict[str, float]:
    return dict(zip(FEATURES, features(samples, RATE).tolist(), strict=True))


def test_figures_of_known_voices() -> None:
    seconds = np.arange(2 * RATE) / RATE
    flat = _of(_voice(np.full(len(seconds), 200.0)))
    assert flat["pitch"] == pytest.approx(12.0, abs=0.1) and flat["spacing"] == pytest.approx(12.0, abs=0.5)
    assert flat["pitch_sd"] < 0.1 and abs(flat["pitch_slope"]) < 0.1
    assert flat["rate"] == pytest.approx(4.0, abs=0.8)
    rising = _of(_voice(200 * 2 ** (seconds * 2 / 12)))
    assert rising["pitch_slope"] == pytest.approx(2.0, abs=0.2)
    trembling = _of(_voice(200 * 2 ** (np.sin(2 * np.pi * 7 * seconds) / 12)))
    assert trembling["pitch_wobble"] > 5 * max(0.02, flat["pitch_wobble"])
    bright = _of(_voice(np.full(len(seconds), 200.0), brightness=1.5))
    assert bright["tilt"] > flat["tilt"] + 3
    assert _of(flat_half := _voice(np.full(len(seconds), 200.0)) / 2)["level"] == pytest.approx(
        flat["level"] - 6, abs=0.2
    )
    assert len(flat_half) == len(seconds)


def test_noise_has_no_pitch() -> None:
    noise = np.random.default_rng(2).normal(0, 0.05, 2 * RATE).astype(np.float32)
    figures = _of(noise)
    assert np.isnan(figures["pitch"]) and figures["voiced"] < 0.15 and figures["prominence"] < 4


def _heard(parted: float) -> Heard:
    """Three emotions of two speakers in six sentences, `parted` spreads from each other in one figure."""
    generator = np.random.default_rng(1)
    names = [(e, s, v) for v in ("a", "b") for s in range(6) for e in BASIC]
    figures = generator.normal(0, 1, (len(names), len(USED)))
    figures[:, 0] += [parted * BASIC.index(e) + (50.0 if v == "b" else 0.0) for e, _, v in names]
    emotions, sentences, speakers = zip(*names, strict=True)
    voices = np.array(speakers)
    return Heard(figures, np.array(emotions), np.array(sentences), voices, voices, ())


@pytest.mark.parametrize("held_out", ["sentences", "characters"])
def test_what_differs_is_told_apart_and_what_does_not_is_not(held_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "TREES", 25)
    assert accuracy(_heard(12.0), BASIC, held_out)["accuracy"] > 0.9
    nothing = accuracy(_heard(0.0), BASIC, held_out)
    assert nothing["accuracy"] < 0.6 and nothing["interval"][0] < nothing["chance"]


def test_labels_without_meaning_give_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "TREES", 25)
    assert shuffled(_heard(12.0), BASIC) < 0.6


def test_effects_are_large_only_where_there_is_one() -> None:
    name, size = effect_sizes(_heard(12.0), BASIC)["neutral / sad"]
    assert name == USED[0] and size > 3
    assert effect_sizes(_heard(0.0), BASIC)["neutral / sad"][1] < 2


def test_lines_are_spoken_and_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    from backends.voice.engines.espeak import EspeakEngine

    small: dict[str, Any] = {**plan(), "characters": {"Giulia": "a woman"}, "quick_sentences": 1}
    monkeypatch.setattr(bench, "plan", lambda: small)
    engine = EspeakEngine()
    engine.load()
    plain: Any = Plain(engine)
    for one in (engine, plain):
        heard = listen(one)
        assert len(heard.emotions) == 2 * len(EMOTIONS) and not heard.faults
        pitch = {e: float(np.mean(heard.figures[heard.emotions == e, 0])) for e in ("sad", "neutral", "happy")}
        assert pitch["sad"] < pitch["neutral"] - 1.5 < pitch["happy"] - 3
    assert "level" not in USED
