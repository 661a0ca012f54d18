"""Gates that judge a line by other ears: likeness to recordings, a recogniser, noise; each retried through the line."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from voice_judges import Bands, Hears

from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import Reference, SpeechRequest, SpeechResult, VoiceProfile, VoiceSource
from backends.voice.speakers.recogniser import FILES
from backends.voice.wav import write_wav
from configs.settings import load_settings
from memory.records import Score
from tools.voice.judges import Judges, find_judges
from tools.voice.line import SpokenLine, synthesise_line

VOICE, OTHER = VoiceProfile("a", gender="female"), VoiceProfile("b", gender="male", species="monster")
TEXT = "We walked along the river for hours."


class Cloning:
    """An engine of the test: eSpeak's sound without its timings; the first tries speak in the wrong voice or hiss."""

    name = "cloning"

    def __init__(self, wrong: int = 0, hiss: float = 0.0) -> None:
        self._engine = EspeakEngine()
        self._engine.load()
        self._wrong, self._hiss = wrong, hiss
        self.tries = 0

    def speak(self, request: SpeechRequest) -> SpeechResult:
        self.tries += 1
        voice = OTHER if self.tries <= self._wrong else request.voice
        said = self._engine.speak(replace(request, voice=voice))
        noise = np.random.default_rng(self.tries).normal(0, self._hiss if self.tries == 1 else 0.0, len(said.samples))
        return replace(said, samples=(said.samples * 0.7 + noise).astype(np.float32), phonemes=(), words=())

    def __getattr__(self, name: str) -> object:
        if name == "transcribe":
            raise AttributeError(name)
        return getattr(self._engine, name)


@pytest.fixture
def source(tmp_path: Path) -> VoiceSource:
    engine = EspeakEngine()
    engine.load()
    references = {}
    for emotion, line in (
        ("neutral", "The kitchen was warm and full of light."),
        ("happy", "Nobody had seen the cat."),
    ):
        said = engine.speak(SpeechRequest(line, VOICE))
        write_wav(tmp_path / f"{emotion}.wav", said.samples, said.sample_rate)
        references[emotion] = Reference(str(tmp_path / f"{emotion}.wav"), line, "en")
    return VoiceSource("cloning", {}, references)


def _score(line: SpokenLine, name: str) -> Score:
    return next(score for score in line.scores if score.name == name)


def test_a_line_in_another_voice_is_spoken_again(source: VoiceSource) -> None:
    engine = Cloning(wrong=1)
    line = synthesise_line(engine, TEXT, VOICE, source=source, judges=Judges(encoder=Bands()))  # type: ignore[arg-type]
    found = _score(line, "similarity")
    assert engine.tries == 2 and line.tries == 2
    assert found.status == "measured" and found.passed and found.value is not None and found.value >= 0.85
    assert "bands" in found.by and "2 recordings" in found.note


def test_a_voice_that_stays_wrong_is_kept_and_said(source: VoiceSource) -> None:
    line = synthesise_line(Cloning(wrong=9), TEXT, VOICE, source=source, judges=Judges(encoder=Bands()))  # type: ignore[arg-type]
    assert line.tries == 3 and _score(line, "similarity").passed is False
    assert any("similarity" in warning for warning in line.warnings)


@pytest.mark.parametrize("emotion", ["whispering", "from whispering to happy"])
def test_nobody_is_told_by_a_whisper(source: VoiceSource, emotion: str) -> None:
    line = synthesise_line(
        Cloning(wrong=9), TEXT, VOICE, emotion=emotion, source=source, judges=Judges(encoder=Bands()),  # type: ignore[arg-type]
    )  # fmt: skip
    found = _score(line, "similarity")
    assert found.value is not None and found.passed is None and "a whisper hides who speaks" in found.note


def test_one_recording_is_measured_but_fails_nothing_for_an_unknown_encoder(source: VoiceSource) -> None:
    one = replace(source, references={"neutral": source.references["neutral"]})
    found = _score(
        synthesise_line(Cloning(wrong=9), TEXT, VOICE, source=one, judges=Judges(encoder=Bands())),  # type: ignore[arg-type]
        "similarity",
    )
    assert found.status == "measured" and found.passed is None and "one recording only" in found.note


def test_words_that_nobody_hears_fail(source: VoiceSource) -> None:
    heard = Judges(recogniser=Hears("we walked along the river for ours"))
    lost = Judges(recogniser=Hears("static"))
    good = synthesise_line(Cloning(), TEXT, VOICE, source=source, judges=heard)  # type: ignore[arg-type]
    bad = synthesise_line(Cloning(), TEXT, VOICE, source=source, judges=lost)  # type: ignore[arg-type]
    assert _score(good, "intelligibility").passed and "word errors 14%" in _score(good, "intelligibility").note
    assert _score(bad, "intelligibility").passed is False and bad.tries == 3


@pytest.mark.parametrize("emotion", ["neutral", "angry"])
def test_a_line_without_a_pause_is_not_called_noisy(emotion: str) -> None:
    engine = EspeakEngine()
    engine.load()
    for age in ("adult", "elder"):
        voice = VoiceProfile("x", age=age, gender="female")
        line = synthesise_line(engine, "One one one one.", voice, emotion=emotion)
        assert line.tries == 1 and not any("noise" in warning for warning in line.warnings)
    noisy = synthesise_line(Cloning(hiss=0.12), "One one one one.", VOICE)  # type: ignore[arg-type]
    assert noisy.tries == 2, "hiss in such a line is heard all the same"


def test_hiss_is_heard_and_spoken_again() -> None:
    line = synthesise_line(Cloning(hiss=0.12), TEXT, VOICE)  # type: ignore[arg-type]
    assert line.tries == 2 and _score(line, "noise").passed
    engine = EspeakEngine()
    engine.load()
    robot = synthesise_line(engine, TEXT, VoiceProfile("r", species="robot"))
    assert _score(robot, "noise").status == "measured" and _score(robot, "noise").passed is None


def test_without_judges_every_figure_says_why_it_is_missing() -> None:
    engine = EspeakEngine()
    engine.load()
    line = synthesise_line(engine, TEXT, VOICE)
    for name, why in (("similarity", "no recordings"), ("intelligibility", "own word times")):
        found = _score(line, name)
        assert found.status == "not measured" and found.value is None and why in found.note


@pytest.mark.parametrize(("chosen", "device"), [({}, "cpu"), ({"recogniser_device": "cuda"}, "cuda")])
def test_the_recogniser_stays_off_the_gpu_unless_it_is_sent_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str], device: str
) -> None:
    asked: list[str] = []

    class Whisper:
        def __init__(self, folder: str, *, device: str, **_: object) -> None:
            asked.append(device)

        def transcribe(self, mono: object, **_: object) -> tuple[list[object], None]:
            return [], None

    package = types.ModuleType("faster_whisper")
    package.WhisperModel = Whisper  # type: ignore[attr-defined]
    package.__spec__ = importlib.machinery.ModuleSpec("faster_whisper", None)
    monkeypatch.setitem(sys.modules, "faster_whisper", package)
    for name in FILES:
        (tmp_path / "ears").mkdir(exist_ok=True)
        (tmp_path / "ears" / name).write_text("{}")
    settings = load_settings(home=tmp_path, voice={"recogniser": str(tmp_path / "ears"), **chosen})
    recogniser = find_judges(settings).recogniser
    assert recogniser is not None and recogniser.write_samples(np.zeros(16000, np.float32), 16000) == ""
    assert asked == [device]


class Mumbling(Cloning):
    """Its first try says other words, as cloning engines do that fall into their reference."""

    def speak(self, request: SpeechRequest) -> SpeechResult:
        if not self.tries:
            request = replace(request, text="Why did you open the door when I told you to keep it shut all night?")
        return super().speak(request)


def test_other_words_than_asked_are_tried_again() -> None:
    engine = Mumbling()
    line = synthesise_line(engine, "My father used to say that a quiet morning hides a very loud evening.", VOICE)  # type: ignore[arg-type]
    kept = next(score for score in line.scores if score.name == "text_fit")
    assert engine.tries == line.tries == 2 and kept.passed and isinstance(kept.value, float) and kept.value > 0.2
    assert not line.warnings


def test_the_text_of_short_lines_and_whispers_is_not_judged_by_likeness() -> None:
    for text, emotion in (
        ("Oh.", "neutral"),
        ("My father said that a quiet morning hides a loud evening.", "whispering"),
    ):
        line = synthesise_line(Cloning(), text, VOICE, emotion=emotion, intensity=1.0)  # type: ignore[arg-type]
        score = next(score for score in line.scores if score.name == "text_fit")
        assert (score.value, score.status, score.passed) == (None, "not measured", None) and score.note
