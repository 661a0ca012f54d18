"""What every VoiceEngine promises; a new engine joins by one line in INSTALLS.

The cloning engines run as installed programs do: started by command, asked over their true protocols. What speaks
inside of them is a stand-in (tests/fake_gpt_sovits.py, tests/stand_ins/qwen).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cloning_installs import install_gpt_sovits, install_qwen3_tts, source

from backends.engines import make_engine
from backends.gpu.engine import Engine
from backends.voice.engines.protocol import EMOTIONS, SpeechRequest, SpeechResult, VoiceProfile, VoiceSource
from configs.errors import EngineError
from configs.settings import Settings, load_settings

INSTALLS: dict[str, Callable[[Path], object]] = {
    "espeak": lambda warehouse: None,
    "gpt_sovits": install_gpt_sovits,
    "qwen3_tts": install_qwen3_tts,
}
LINES = {
    "en": "Good morning, little robot. Where are you going?",
    "it": "Buongiorno, piccolo robot. Dove stai andando?",
}
VOICE = VoiceProfile("Luca", age="child", gender="male", seed=3)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("contract")
    for install in INSTALLS.values():
        install(folder / "warehouse")
    run = {"run_dir": str(folder / "run")}
    return load_settings(home=folder / "home", warehouse=folder / "warehouse", gpu=run)


@pytest.fixture(scope="module")
def voice(place: Settings) -> VoiceSource:
    """Recordings of the voice: neutral, and happy at a higher pitch."""
    folder = place.home / "recordings"
    folder.mkdir(parents=True)
    return source(folder, hertz=130.0, happy=190.0)


@pytest.fixture(scope="module", params=sorted(INSTALLS))
def loaded(request: pytest.FixtureRequest, place: Settings, voice: VoiceSource) -> Iterator[Any]:
    engine = make_engine(request.param, place, place.home / "cache")
    engine.load()
    yield Speaking(engine, voice)
    engine.unload()


class Speaking:
    """An engine, given the recordings when it needs some."""

    def __init__(self, engine: Any, voice: VoiceSource) -> None:
        self.it, self.voice, self.name = engine, voice, engine.name

    def speak(self, request: SpeechRequest) -> SpeechResult:
        source = self.voice if self.it.capabilities().clones else None
        result: SpeechResult = self.it.speak(replace(request, source=source))
        return result

    def capabilities(self) -> Any:
        return self.it.capabilities()


@pytest.fixture
def engine(loaded: Speaking) -> Speaking:
    return loaded


@pytest.fixture(params=sorted(INSTALLS))
def cold(request: pytest.FixtureRequest, place: Settings, tmp_path: Path) -> Iterator[Any]:
    engine = make_engine(request.param, place.model_copy(update={"home": tmp_path / "home"}), tmp_path / "cache")
    yield engine
    engine.unload()


def test_it_is_an_engine(cold: Any) -> None:
    assert isinstance(cold, Engine)
    assert cold.kind == "voice"
    assert cold.need_mib() > 0


def test_it_tells_what_it_can_without_being_loaded(cold: Any) -> None:
    can = cold.capabilities()
    assert can.languages and all(tag == tag.lower() for tag in can.languages)
    assert can.sample_rate >= 16000
    assert can.emotion <= {"reference", "vector", "text", "prosody"}
    assert can.memory_mib > 0


def test_a_cold_engine_refuses_to_speak(cold: Any) -> None:
    with pytest.raises(EngineError):
        cold.speak(SpeechRequest("hello", VOICE))


def test_it_loads_parks_restores_and_unloads(cold: Any) -> None:
    cold.load()
    cold.probe()
    cold.park()
    cold.restore()
    cold.probe()
    cold.unload()
    cold.unload()
    with pytest.raises(EngineError):
        cold.speak(SpeechRequest("hello", VOICE))


@pytest.mark.parametrize("language", sorted(LINES))
def test_a_line_sounds_and_says_how_it_was_made(engine: Any, language: str) -> None:
    if language not in engine.capabilities().languages:
        pytest.skip(f"{engine.name} does not speak {language}")
    result = engine.speak(SpeechRequest(LINES[language], VOICE, language))
    assert result.samples.dtype == np.float32 and result.samples.ndim == 1
    assert np.abs(result.samples).max() <= 1.0
    assert np.sqrt(np.mean(result.samples**2)) > 0.01
    assert result.sample_rate == engine.capabilities().sample_rate
    assert 1.5 < len(result.samples) / result.sample_rate < 8
    assert result.engine == engine.name and result.engine_version
    assert result.seconds > 0


def test_timings_are_ordered_and_inside(engine: Any) -> None:
    if not engine.capabilities().timings:
        pytest.skip(f"{engine.name} has no timings")
    result = engine.speak(SpeechRequest(LINES["en"], VOICE))
    duration = len(result.samples) / result.sample_rate
    starts = [p.start for p in result.phonemes]
    assert len(result.phonemes) > 20
    assert starts == sorted(starts)
    assert all(0 <= p.start < p.end <= duration + 1e-6 and p.ipa for p in result.phonemes)
    assert [w for _, _, w in result.words] == ["Good", "morning", "little", "robot", "Where", "are", "you", "going"]
    assert all(0 <= start < end <= duration + 1e-6 for start, end, _ in result.words)


def test_phonemes_lie_where_the_sound_is(engine: Any) -> None:
    """Vowels are louder than the pause between the two sentences."""
    if not engine.capabilities().timings:
        pytest.skip(f"{engine.name} has no timings")
    result = engine.speak(SpeechRequest("Mama. Papa.", VOICE))
    rate = result.sample_rate

    def level(start: float, end: float) -> float:
        return float(np.sqrt(np.mean(result.samples[int(start * rate) : int(end * rate)] ** 2)))

    vowels = [level(p.start, p.end) for p in result.phonemes if "ɑ" in p.ipa]
    (_, first_end, _), (second_start, _, _) = result.words
    assert len(vowels) >= 2
    assert second_start - first_end > 0.1
    assert min(vowels) > 10 * level(first_end + 0.04, second_start - 0.04)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_every_emotion_speaks(engine: Any, emotion: str) -> None:
    result = engine.speak(SpeechRequest("Come with me.", VOICE, "en", emotion, 1.0))
    assert np.sqrt(np.mean(result.samples**2)) > 0.005
    assert np.abs(result.samples).max() <= 1.0


def test_the_same_request_gives_the_same_sound(engine: Any) -> None:
    language = "it" if "it" in engine.capabilities().languages else "en"
    request = SpeechRequest(LINES[language], VOICE, language, "afraid", 0.8, seed=4)
    first, again = engine.speak(request), engine.speak(request)
    assert np.array_equal(first.samples, again.samples)


@pytest.mark.parametrize("text", ["", "   ", "😀🎉", "...", "\0\0", "*smiles*"])
def test_nothing_to_say_is_an_error_and_never_silence(engine: Any, text: str) -> None:
    with pytest.raises(EngineError):
        engine.speak(SpeechRequest(text, VOICE))


@pytest.mark.parametrize("text", ["a", "No", "7", "Hm.", "<b>hi</b>", "[[x]]", "ß", "l'", "😀 hi", "A\0B", "é" * 300])
def test_odd_text_still_sounds(engine: Any, text: str) -> None:
    result = engine.speak(SpeechRequest(text, VOICE))
    assert np.sqrt(np.mean(result.samples**2)) > 0.005


def test_an_unknown_language_is_named(engine: Any) -> None:
    with pytest.raises(EngineError, match="xx-klingon"):
        engine.speak(SpeechRequest("hello", VOICE, "xx-klingon"))


def test_an_engine_that_clones_asks_for_a_recording(engine: Speaking) -> None:
    if not engine.capabilities().clones:
        pytest.skip(f"{engine.name} needs none")
    with pytest.raises(EngineError, match="needs a recording of Luca's voice"):
        engine.it.speak(SpeechRequest("hello", VOICE))


def test_a_sound_of_a_direction_is_performed(engine: Speaking) -> None:
    robot = VoiceProfile("Boo", species="robot", seed=1)
    result = engine.speak(SpeechRequest("*beeps* Hello!", robot))
    assert result.params["sounds"] == ["beep"]
    alone = engine.speak(SpeechRequest("*beeps*", robot))
    assert np.sqrt(np.mean(alone.samples**2)) > 0.005
