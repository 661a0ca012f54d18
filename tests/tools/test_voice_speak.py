"""speak, through the real executor, memory and eSpeak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile
from voice_studio import VoiceStudio, voice_studio

from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import SpeechRequest, SpeechResult, VoiceCapabilities, VoiceProfile
from backends.voice.measures.loudness import integrated_lufs
from backends.voice.wav import read_wav
from configs.errors import EngineError, UsageError
from configs.settings import load_settings
from tools.editing.srt import write_srt
from tools.events import Progress
from tools.voice.line import synthesise_line
from tools.voice.subtitles import Said, captions

VOICE = VoiceProfile("Luca", "child", "male", seed=0)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    home = tmp_path_factory.mktemp("voice")
    with voice_studio(load_settings(home=home, memory={"index": "numpy", "embedder": "letters"})) as made:
        memory = made.studio.memory
        memory.remember("character", "Luca", "a boy with curly brown hair")
        memory.remember("character", "Boo", "a tiny robot")
        memory.remember("character", "Pierre", "an old man", data={"language": "fr", "voice": {"rate": 0.8}})
        yield made


@pytest.fixture(scope="module")
def engine() -> EspeakEngine:
    made = EspeakEngine()
    made.load()
    return made


class Troubled:
    """The real voice, with one fault in its first `faults` lines."""

    name, kind = "espeak", "voice"

    def __init__(self, inner: EspeakEngine, fault: str, faults: int) -> None:
        self.inner, self.fault, self.faults, self.asked = inner, fault, faults, list[SpeechRequest]()

    def capabilities(self) -> VoiceCapabilities:
        return self.inner.capabilities()

    def speak(self, request: SpeechRequest) -> SpeechResult:
        self.asked.append(request)
        result = self.inner.speak(request)
        if len(self.asked) > self.faults:
            return result
        match self.fault:
            case "error":
                raise EngineError("The voice hiccuped")
            case "silent":
                return replace(result, samples=result.samples * 1e-4)
            case "cut":
                half = len(result.samples) // 2
                end = half / result.sample_rate
                return replace(
                    result, samples=result.samples[:half], phonemes=tuple(p for p in result.phonemes if p.end < end)
                )
            case "rushed":
                return replace(result, samples=result.samples[::4], phonemes=(), words=())
            case "clipped":
                return replace(result, samples=np.clip(result.samples * 40, -1, 1).astype(np.float32))
        raise AssertionError(self.fault)


def test_a_line_becomes_a_measured_asset(studio: VoiceStudio) -> None:
    outcome, asset = studio.made("speak", text="Ciao, piccolo!", character="luca", emotion="happily")
    info = soundfile.info(str(studio.file(asset)))
    assert (info.samplerate, info.channels, info.subtype) == (22050, 1, "PCM_16")
    assert info.duration == pytest.approx(asset.params["duration"], abs=0.01)
    assert 0.6 < info.duration < 2.5
    assert (asset.kind, asset.engine, asset.tool) == ("audio", "espeak", "speak")
    assert asset.engine_version
    assert asset.params["language"] == "it" and asset.params["emotion"] == "happy"
    assert asset.params["text"] == "Ciao, piccolo!" and asset.params["character"] == "Luca"
    assert asset.params["voice"]["age"] == "child" and asset.params["voice"]["gender"] == "male"
    assert [word for _, _, word in asset.params["words"]] == ["Ciao", "piccolo"]
    assert asset.params["phonemes"][0][2] == "tʃ"
    scores = {score.name: score for score in asset.scores}
    measured = {name: score for name, score in scores.items() if score.status == "measured"}
    assert set(measured) == {"level", "pace", "loudness", "peak", "words_spoken", "phonemes_spoken", "noise"}
    assert all(score.passed for score in measured.values())
    assert set(scores) - set(measured) == {"similarity", "intelligibility", "text_fit"}
    assert outcome.result is not None and outcome.result.measurements["real_time_factor"] > 0
    assert "espeak" in outcome.result.summary and "Luca" in outcome.result.summary
    assert any(isinstance(event, Progress) for event in studio.events)


@pytest.mark.parametrize("emotion", ["neutral", "angry", "whispering"])
def test_the_file_has_its_loudness(studio: VoiceStudio, emotion: str) -> None:
    _, asset = studio.made("speak", text="This is the loudness of a line.", character="Luca", emotion=emotion)
    samples, rate = read_wav(studio.file(asset))
    assert integrated_lufs(samples, rate) == pytest.approx(asset.params["target_lufs"], abs=1.0)
    assert asset.params["target_lufs"] == pytest.approx(studio.studio.settings.voice.loudness_lufs, abs=4.0)
    assert np.abs(samples).max() < 0.9


def test_times_fit_the_trimmed_file(studio: VoiceStudio) -> None:
    _, asset = studio.made("speak", text="Hello there.", character="Luca")
    samples, rate = read_wav(studio.file(asset))
    for start, end, ipa in asset.params["phonemes"]:
        assert 0 <= start < end <= len(samples) / rate + 0.01
        if ipa in ("ˈoʊ", "ˈɛɹ"):
            assert np.abs(samples[int(start * rate) : int(end * rate)]).max() > 0.05


@pytest.mark.parametrize("text", ["beep boop", "*beeps*", "Bip bip!", ""])
def test_a_robot_beeps_back(studio: VoiceStudio, text: str) -> None:
    outcome, asset = studio.made("speak", text=text, character="the robot", emotion="excited")
    assert asset.params["character"] == "Boo"
    assert asset.params["engine_params"]["sounds"]
    assert asset.params["phonemes"]
    pace = next(score for score in asset.scores if score.name == "pace")
    assert pace.status == "not measured" and pace.passed is None
    assert outcome.result is not None and outcome.result.measurements["gates_passed"]
    assert bool(outcome.result.warnings) == (text == "")


def test_an_unknown_character_gets_a_voice_and_a_warning(studio: VoiceStudio) -> None:
    outcome, asset = studio.made("speak", text="Hello, little one.", character="Zorba the old pirate")
    assert asset.params["voice"]["age"] == "elder"
    assert outcome.result is not None
    assert "Zorba" in outcome.result.warnings[0] and "Luca" in outcome.result.warnings[0]
    _, again = studio.made("speak", text="Hello, little one.", character="Zorba the old pirate")
    assert again.sha256 == asset.sha256


def test_the_language_is_asked_for_then_the_characters_then_the_texts(studio: VoiceStudio) -> None:
    def language(**args: Any) -> str:
        return str(studio.made("speak", **args)[1].params["language"])

    assert language(text="Good morning, my friend", character="Luca", language="Italian") == "it"
    assert language(text="Bonjour", character="Pierre") == "fr"
    assert language(text="Dove sei, amico mio?", character="Luca") == "it"
    assert language(text="Where are you, my friend?", character="Luca") == "en"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"text": "", "character": "Luca"}, "no text to speak"),
        ({"text": "   "}, "no text to speak"),
        ({"text": "😀🎉👍🏽"}, "nothing to speak"),
        ({"text": "..."}, "nothing to speak"),
        ({"text": "*smiles*", "character": "Luca"}, "nothing to speak"),
        ({"text": "a" * 50_000}, "too long"),
        ({"text": "hello", "language": "Itallian"}, "Did you mean 'it'"),
        ({"text": "hello", "language": "klingon"}, "cannot speak 'klingon'"),
        ({"text": "hello", "emotion": "hapy"}, "Did you mean 'happy'"),
        ({"text": "hello", "intensity": 7}, "intensity"),
        ({"text": "hello", "volume": 3}, "volume"),
    ],
)
def test_wrong_use_is_one_clear_sentence(studio: VoiceStudio, args: dict[str, Any], said: str) -> None:
    before = len(studio.studio.memory.list_assets(kind="audio"))
    outcome = studio.call("speak", **args)
    assert outcome.status == "failed"
    assert isinstance(outcome.error, UsageError)
    assert said in outcome.error.sentence and "\n" not in outcome.error.sentence
    assert len(studio.studio.memory.list_assets(kind="audio")) == before


def test_markup_is_read_and_not_obeyed(studio: VoiceStudio) -> None:
    _, asset = studio.made(
        "speak", text="<voice name='en+whisper'>hi</voice> [[h@l'oU]]", character="Luca", language="en"
    )
    assert asset.params["engine_params"]["voice"].endswith("+f1")
    assert len(asset.params["phonemes"]) > 10


def test_five_thousand_characters_are_spoken(studio: VoiceStudio) -> None:
    outcome, asset = studio.made("speak", text="The sea is blue and calm. " * 190)
    assert asset.params["duration"] > 200
    assert len(outcome.result.summary if outcome.result else "") <= 1024


@pytest.mark.parametrize("fault", ["error", "silent", "cut", "rushed", "clipped"])
def test_a_failed_gate_is_tried_again(engine: EspeakEngine, fault: str) -> None:
    troubled = Troubled(engine, fault, faults=1)
    line = synthesise_line(troubled, "We are going to the beach tomorrow.", VOICE, emotion="happy")  # type: ignore[arg-type]
    assert line.tries == 2 and len(troubled.asked) == 2
    assert not line.warnings
    assert all(score.passed is not False for score in line.scores)


@pytest.mark.parametrize("fault", ["cut", "rushed", "clipped"])
def test_a_fault_that_stays_is_told_with_the_best_try(engine: EspeakEngine, fault: str) -> None:
    troubled = Troubled(engine, fault, faults=99)
    line = synthesise_line(troubled, "We are going to the beach tomorrow.", VOICE)  # type: ignore[arg-type]
    assert len(troubled.asked) == 3 and line.tries == 3
    assert line.warnings
    name = {"cut": "words_spoken", "rushed": "pace", "clipped": "peak"}[fault]
    assert next(score for score in line.scores if score.name == name).passed is False


@pytest.mark.parametrize("fault", ["error", "silent"])
def test_silence_is_never_a_result(engine: EspeakEngine, fault: str) -> None:
    with pytest.raises(EngineError):
        synthesise_line(Troubled(engine, fault, faults=99), "We are going.", VOICE)  # type: ignore[arg-type]


def test_the_same_line_made_twice_is_the_same_file(studio: VoiceStudio) -> None:
    args = {"text": "Sempre la stessa voce.", "character": "Luca", "emotion": "afraid"}
    first = studio.made("speak", **args)[1]
    studio.made("speak", text="Something else in between.", character="Boo")
    assert studio.made("speak", **args)[1].sha256 == first.sha256


def test_subtitles_are_subrip() -> None:
    said = [Said(0.0, 1.25, "Ciao!"), Said(3661.5, 3662.5, "*beeps* a --> b", species="robot")]
    first, second = write_srt(captions(said)).split("\n\n")
    assert first == "1\n00:00:00,000 --> 00:00:01,250\nCiao!"
    assert second == "2\n01:01:01,500 --> 01:01:02,500\n[beeps] a → b\n"


def test_what_is_pasted_is_not_read_out_and_that_is_said(studio: VoiceStudio) -> None:
    outcome, asset = studio.made(
        "speak", text="<p>Hello</p> &amp; <b>good\x1b[31m bye</b>\u202e", character="B\x1b[1mea\n"
    )
    assert asset.params["text"] == "Hello & good bye" and asset.params["character"] == "Bea"
    assert outcome.result is not None and any("Markup" in text for text in outcome.result.warnings)
    assert "\u202e" not in outcome.result.summary and "\x1b" not in outcome.result.summary + asset.name
    _, plain = studio.made("speak", text="Hello & good bye", character="Bea")
    assert studio.file(plain).read_bytes() == studio.file(asset).read_bytes()


def test_a_misspelt_name_of_the_table_of_voices_is_offered(studio: VoiceStudio) -> None:
    outcome, _ = studio.made("speak", text="Hello.", character="Gulia")
    assert outcome.result is not None and "known are Giulia" in outcome.result.warnings[0]


def test_the_intensity_is_told_where_it_is_not_the_usual(studio: VoiceStudio) -> None:
    usual, _ = studio.made("speak", text="Hello.", emotion="happy")
    weak, _ = studio.made("speak", text="Hello.", emotion="happy", intensity=0.2)
    assert usual.result is not None and weak.result is not None
    assert "(en, happy, " in usual.result.summary and "(en, happy at intensity 0.2, " in weak.result.summary


def test_a_language_that_letters_tell_is_spoken_as_such(studio: VoiceStudio) -> None:
    _, asset = studio.made("speak", text="مرحبا بالعالم")
    assert asset.params["language"] == "ar" and asset.params["duration"] < 4
