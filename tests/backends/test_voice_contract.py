"""What every VoiceEngine promises; a new engine joins by one line in ENGINES."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from backends.gpu.engine import Engine
from backends.voice.engine import EMOTIONS, SpeechRequest, VoiceProfile
from backends.voice.espeak import EspeakEngine
from configs.errors import EngineError

ENGINES: dict[str, Callable[[], Any]] = {"espeak": EspeakEngine}
LINES = {
    "en": "Good morning, little robot. Where are you going?",
    "it": "Buongiorno, piccolo robot. Dove stai andando?",
}
VOICE = VoiceProfile("Luca", age="child", gender="male", seed=3)


@pytest.fixture(params=sorted(ENGINES))
def cold(request: pytest.FixtureRequest) -> Any:
    return ENGINES[request.param]()


@pytest.fixture
def engine(cold: Any) -> Iterator[Any]:
    cold.load()
    yield cold
    cold.unload()


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
    request = SpeechRequest(LINES["it"], VOICE, "it", "afraid", 0.8, seed=4)
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
