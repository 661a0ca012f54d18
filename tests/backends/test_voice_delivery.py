"""An emotion in the terms of engines that differ in what they can do; the voice behind them is eSpeak's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from backends.voice.emotions import delivery as emotion_delivery
from backends.voice.emotions.delivery import deliver, inaudible, nearest_reference
from backends.voice.emotions.feeling import blend
from backends.voice.emotions.prosody import Prosody, prosody
from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import (
    Reference,
    SpeechRequest,
    SpeechResult,
    VoiceCapabilities,
    VoiceEngine,
    VoiceProfile,
    VoiceSource,
)
from backends.voice.shaping import reshape

TEXT = "They put the boxes in the kitchen this morning."
VOICE = VoiceProfile("Giulia", gender="female", seed=1)


class Able:
    """The offline voice, without prosody of its own and with other ways to be told of an emotion."""

    name, kind = "able", "voice"
    result: SpeechResult

    def __init__(self, inner: EspeakEngine, *ways: str) -> None:
        self.inner, self.ways, self.asked = inner, frozenset(ways), list[SpeechRequest]()

    def capabilities(self) -> VoiceCapabilities:
        return replace(self.inner.capabilities(), emotion=self.ways)

    def speak(self, request: SpeechRequest) -> SpeechResult:
        self.asked.append(request)
        return self.inner.speak(replace(request, emotion="neutral", prosody=None))


@pytest.fixture(scope="module")
def espeak() -> EspeakEngine:
    engine = EspeakEngine()
    engine.load()
    return engine


def _told(espeak: EspeakEngine, *ways: str, shares: Mapping[str, float], source: VoiceSource | None = None) -> Able:
    engine = Able(espeak, *ways)
    as_engine: VoiceEngine = engine  # type: ignore[assignment]
    engine.result = deliver(as_engine, SpeechRequest(TEXT, VOICE, source=source), blend(shares, 0.7))
    return engine


def _source(*emotions: str, **more: Mapping[str, float]) -> VoiceSource:
    return VoiceSource(references={emotion: Reference(f"/voices/{emotion}.wav") for emotion in emotions}, **more)


def test_an_engine_with_prosody_gets_it_worked_out(espeak: EspeakEngine) -> None:
    engine = _told(espeak, "prosody", shares={"happy": 0.5, "sad": 0.5})
    assert engine.asked[0].prosody == blend({"happy": 0.5, "sad": 0.5}, 0.7).prosody


def test_an_engine_with_vectors_gets_one(espeak: EspeakEngine) -> None:
    asked = _told(espeak, "vector", shares={"angry": 1.0}).asked[0]
    assert asked.vector[1] == max(asked.vector) and sum(asked.vector) <= 0.8001 and asked.prosody is None


def test_an_engine_that_reads_gets_an_instruction(espeak: EspeakEngine) -> None:
    engine = _told(espeak, "text", shares={"angry": 1.0})
    assert "angrily" in engine.asked[0].instruction
    assert "reshaped" not in engine.result.params


def test_an_engine_that_knows_nothing_has_its_sound_reshaped(espeak: EspeakEngine) -> None:
    plain = _told(espeak, shares={"neutral": 1.0}).result
    sad = _told(espeak, shares={"sad": 1.0}).result
    assert "reshaped" not in plain.params and sad.params["reshaped"]["pitch"] == pytest.approx(-2.45)
    assert len(sad.samples) > 1.1 * len(plain.samples)
    assert [word for *_, word in sad.words] == [word for *_, word in plain.words]
    assert sad.words[-1][1] == pytest.approx(plain.words[-1][1] / prosody("sad", 0.7).rate, rel=0.02)
    assert len(sad.phonemes) == len(plain.phonemes)


@pytest.mark.parametrize(
    ("recorded", "shares", "chosen"),
    [
        (("neutral", "happy", "sad"), {"happy": 1.0}, "happy"),
        (("neutral", "happy", "sad"), {"excited": 1.0}, "happy"),
        (("neutral", "happy", "sad"), {"sad": 0.8, "afraid": 0.2}, "sad"),
        (("neutral", "happy"), {"happy": 0.15}, "neutral"),
        (("neutral", "angry", "afraid"), {"happy": 1.0}, "neutral"),
        (("neutral", "whispering"), {"sad": 1.0}, "neutral"),
        (("neutral", "whispering"), {"whispering": 1.0}, "whispering"),
        (("sad",), {"happy": 1.0}, "sad"),
        ((), {"happy": 1.0}, "neutral"),
    ],
)
def test_the_nearest_recording_is_taken(recorded: tuple[str, ...], shares: Mapping[str, float], chosen: str) -> None:
    assert nearest_reference(blend(shares, 0.7), _source(*recorded))[0] == chosen


def test_the_rest_of_the_emotion_is_laid_over_the_recording(espeak: EspeakEngine) -> None:
    own = _told(espeak, "reference", shares={"happy": 1.0}, source=_source("neutral", "happy"))
    assert own.asked[0].emotion == "happy" and "reshaped" not in own.result.params
    near = _told(espeak, "reference", shares={"excited": 1.0}, source=_source("neutral", "happy"))
    rest = near.result.params["reshaped"]
    wanted = prosody("excited", 0.7).pitch - prosody("happy", 0.7).pitch
    assert near.asked[0].emotion == "happy" and rest["pitch"] == pytest.approx(wanted, abs=1e-3)
    none = _told(espeak, "reference", shares={"angry": 1.0}, source=_source("neutral"))
    assert none.result.params["reshaped"]["pitch"] == pytest.approx(prosody("angry", 0.7).pitch)


def test_an_engine_with_recordings_and_prosody_gets_both(espeak: EspeakEngine) -> None:
    asked = _told(espeak, "reference", "prosody", shares={"excited": 1.0}, source=_source("neutral", "happy")).asked[0]
    assert asked.emotion == "happy" and asked.prosody == prosody("excited", 0.7)


def test_a_voices_own_prosody_is_added(espeak: EspeakEngine) -> None:
    source = _source("neutral", prosody={"pitch": -2.0, "rate": 0.9})
    made = _told(espeak, "reference", shares={"neutral": 1.0}, source=source).result
    assert made.params["reshaped"]["pitch"] == -2.0 and made.params["reshaped"]["rate"] == 0.9


def test_without_praat_the_line_is_plain_and_says_so(espeak: EspeakEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (emotion_delivery, reshape):
        monkeypatch.setattr(module, "praat_missing", lambda: "the package praat-parselmouth is not installed")
    plain = _told(espeak, shares={"neutral": 1.0}).result
    sad = _told(espeak, shares={"sad": 1.0}).result
    assert np.array_equal(sad.samples, plain.samples)
    assert "The emotion was left out" in sad.warnings[0] and "praat-parselmouth" in sad.warnings[0]


def test_what_nobody_hears_is_not_done() -> None:
    assert inaudible(Prosody()) and inaudible(Prosody(pitch=0.2, rate=1.01, tremor_hz=3.0, level_db=6.0))
    assert (
        not inaudible(Prosody(pitch=0.5)) and not inaudible(Prosody(rate=0.9)) and not inaudible(Prosody(whisper=1.0))
    )
