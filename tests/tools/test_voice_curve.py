"""Lines whose feeling changes while they are spoken, through the real voice, measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import parselmouth
import pytest
from numpy.typing import NDArray
from voice_studio import VoiceStudio, voice_studio

from backends.voice.alignment.align import align
from backends.voice.emotions.feeling import read_emotion
from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import SpeechRequest, SpeechResult, VoiceCapabilities, VoiceProfile
from backends.voice.measures.loudness import integrated_lufs
from configs.errors import UsageError
from configs.settings import load_settings
from tools.voice.line import SpokenLine, synthesise_line
from tools.voice.line_curve import speak_curve

WOMAN = VoiceProfile("Giulia", gender="female", seed=1)
TEXTS = {
    "en": "I thought you would never come back, but now you are here. And everything is going to be fine!",
    "it": "Pensavo che non saresti mai tornato, ma adesso sei qui. E tutto andrà bene, vedrai!",
}


class Plain:
    """The offline voice as an engine that knows no prosody."""

    name, kind = "plain", "voice"

    def __init__(self, inner: EspeakEngine) -> None:
        self.inner, self.texts = inner, list[str]()

    def capabilities(self) -> VoiceCapabilities:
        return replace(self.inner.capabilities(), emotion=frozenset())

    def speak(self, request: SpeechRequest) -> SpeechResult:
        self.texts.append(request.text)
        return self.inner.speak(replace(request, emotion="neutral", prosody=None))


@pytest.fixture(scope="module")
def espeak() -> EspeakEngine:
    engine = EspeakEngine()
    engine.load()
    return engine


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    home = tmp_path_factory.mktemp("voice")
    with voice_studio(load_settings(home=home, memory={"index": "numpy", "embedder": "letters"})) as made:
        made.studio.memory.remember("character", "Giulia", "a woman with a red scarf")
        yield made


def _pitches(samples: NDArray[np.float32], rate: int, parts: int) -> list[float]:
    """Median pitch of each part of the line, semitones re 100 Hz."""
    found = parselmouth.Sound(samples.astype(np.float64), rate).to_pitch_ac(0.01, 75, pitch_ceiling=500)
    f0 = found.selected_array["frequency"]
    return [float(np.median(12 * np.log2(part[part > 0] / 100))) for part in np.array_split(f0, parts)]


def _line(engine: Any, text: str, emotion: str, **more: Any) -> SpokenLine:
    return synthesise_line(engine, text, WOMAN, emotion=emotion, intensity=1.0, **more)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("language", ["en", "it"])
def test_the_voice_rises_from_sad_to_happy_and_sinks_back(espeak: EspeakEngine, language: str, plain: bool) -> None:
    engine = Plain(espeak) if plain else espeak
    up = _line(engine, TEXTS[language], "from sad to happy", language=language)
    down = _line(engine, TEXTS[language], "da felice a triste", language=language)
    rising, sinking = (_pitches(line.samples, line.sample_rate, 3) for line in (up, down))
    assert rising[2] - rising[0] > 2.5 and sinking[0] - sinking[2] > 2.5
    assert up.request.emotion == "sad -> happy" and up.params()["emotion"] == "sad -> happy"
    for line in (up, down):
        assert all(score.passed is not False for score in line.scores), line.scores
        assert not line.warnings


def test_times_ascend_and_fit_the_sound(espeak: EspeakEngine) -> None:
    line = _line(espeak, TEXTS["en"], "from sad to happy")
    assert [word.lower() for *_, word in line.words] == [word.strip(".,!").lower() for word in TEXTS["en"].split()]
    for times in ([(a, b) for a, b, _ in line.words], [(p.start, p.end) for p in line.phonemes]):
        assert all(start < end for start, end in times)
        assert all(before[1] <= after[0] + 0.001 for before, after in pairwise(times))
        assert times[-1][1] <= line.duration + 1e-6
    # Each word has its sound where it is said to be, after the joins too.
    for start, end, word in line.words:
        part = line.samples[int(start * line.sample_rate) : int(end * line.sample_rate)]
        assert np.sqrt(np.mean(part**2)) > 0.01, word


@pytest.mark.parametrize("emotion", ["from sad to happy", "sarcastic", "angry"])
@pytest.mark.parametrize("plain", [False, True])
def test_an_aligner_that_only_hears_the_sound_finds_the_words_there(
    espeak: EspeakEngine, emotion: str, plain: bool
) -> None:
    line = _line(Plain(espeak) if plain else espeak, TEXTS["en"], emotion)
    heard = align(line.samples, line.sample_rate, TEXTS["en"], "en").words
    assert len(heard) == len(line.words)
    apart = [abs(found[0] - told[0]) for found, told in zip(heard, line.words, strict=True)]
    assert np.median(apart) < 0.02 and np.quantile(apart, 0.9) < 0.06


def test_joins_are_smoother_than_speech(espeak: EspeakEngine) -> None:
    """Spectral flux and steps at the joins against those of the phrases themselves, and against a hard cut."""
    request = SpeechRequest("I thought you would never come home and now you are here with me", WOMAN)
    made, _ = speak_curve(espeak, request, read_emotion("sad -> angry -> happy"), None)
    joins = [phrase["start"] for phrase in made.params["phrases"]][1:]
    assert len(joins) >= 3
    flux = _flux(made.samples, made.sample_rate)
    speech = np.quantile(flux, 0.9)
    for join in joins:
        # Up to 20 ms after the join: then the next phrase's first sound may set in.
        at = int(join / 0.01)
        assert np.max(flux[at - 2 : at]) < speech
        near = made.samples[int((join - 0.01) * made.sample_rate) : int((join + 0.012) * made.sample_rate)]
        assert np.max(np.abs(np.diff(near))) < 0.25 * np.max(np.abs(np.diff(made.samples)))
    middle = int(made.words[3][0] * 0.5 * made.sample_rate + made.words[3][1] * 0.5 * made.sample_rate)
    hard = np.concatenate([made.samples[:middle], np.zeros(2000, np.float32), made.samples[middle:]])
    assert np.max(_flux(hard, made.sample_rate)[int(middle / made.sample_rate / 0.01) - 2 :][:6]) > speech


def _flux(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Rise of the spectrum's magnitude from frame to frame of 10 ms."""
    hop = rate // 100
    frames = np.lib.stride_tricks.sliding_window_view(samples, 2 * hop)[::hop] * np.hanning(2 * hop)
    spectrum = np.abs(np.fft.rfft(frames))
    return np.maximum(0.0, np.diff(spectrum, axis=0)).sum(axis=1)


def test_a_blend_lies_between_and_its_loudness_too(espeak: EspeakEngine) -> None:
    text = "They put the boxes in the kitchen this morning."
    sad, both, happy = (_line(espeak, text, one) for one in ("sad", "sad 0.5 + happy 0.5", "happy"))
    pitches = [_pitches(line.samples, line.sample_rate, 1)[0] for line in (sad, both, happy)]
    assert pitches[0] + 1.5 < pitches[1] < pitches[2] - 1.5
    levels = [integrated_lufs(line.samples, line.sample_rate) for line in (sad, both, happy)]
    assert levels[0] < levels[1] < levels[2]


def test_one_word_cannot_change_and_says_so(espeak: EspeakEngine) -> None:
    line = _line(espeak, "Hello!", "from sad to happy")
    assert line.warnings == ("'Hello!' is too short to change from sad to happy, so it is all happy.",)
    assert np.array_equal(line.samples, _line(espeak, "Hello!", "happy").samples)


def test_too_few_phrases_for_every_stage_are_told(espeak: EspeakEngine) -> None:
    line = _line(espeak, "Hi there, you!", "sad -> angry -> happy -> tender")
    assert line.warnings == ("2 phrases are too few to hear every stage of sad to angry to happy to tender.",)


def test_shares_that_do_not_add_up_are_told(espeak: EspeakEngine) -> None:
    line = _line(espeak, "We go to the beach.", "happy 0.9 + afraid 0.9")
    assert "add up to 1.8" in line.warnings[0]


def test_sounds_are_performed_within_a_curve(espeak: EspeakEngine) -> None:
    robot = VoiceProfile("Boo", species="robot", seed=5)
    line = synthesise_line(espeak, "*beeps* Where am I? Oh, you are here!", robot, emotion="from afraid to happy")
    assert line.engine_params["sounds"] and line.duration > 1.5
    assert all(score.passed is not False for score in line.scores)


def test_it_stops_between_phrases(espeak: EspeakEngine) -> None:
    engine = Plain(espeak)

    def stop(number: int, tries: int) -> None:
        if len(engine.texts) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _line(engine, TEXTS["en"], "sad -> happy", on_try=stop)
    assert len(engine.texts) == 2


def test_the_same_curve_twice_is_the_same_sound(espeak: EspeakEngine) -> None:
    once, twice = (_line(espeak, TEXTS["it"], "afraid -> tender", language="it") for _ in range(2))
    assert np.array_equal(once.samples, twice.samples) and once.words == twice.words


def test_speak_takes_blends_and_curves(studio: VoiceStudio) -> None:
    _, blended = studio.made("speak", text="Ciao a tutti!", character="Giulia", emotion="felice 0.6, spaventato 0.4")
    assert blended.params["emotion"] == "happy 0.6 + afraid 0.4"
    outcome, curved = studio.made("speak", text=TEXTS["it"], character="Giulia", emotion="da triste a felice")
    assert curved.params["emotion"] == "sad -> happy" and len(curved.params["engine_params"]["phrases"]) >= 3
    assert not (outcome.result.warnings if outcome.result else ("none",))
    _, short = studio.made("speak", text="Ciao!", character="Giulia", emotion="da triste a felice")
    assert short.params["duration"] > 0.2


@pytest.mark.parametrize(
    ("emotion", "said"),
    [
        ("from hapy to sad", "Did you mean 'happy'"),
        ("happy -2", "The share of 'happy' is -2"),
        ("from sad to", "lacks an end"),
        ("happy 1, sad", "Nothing is left"),
    ],
)
def test_wrong_emotions_are_one_clear_sentence(studio: VoiceStudio, emotion: str, said: str) -> None:
    outcome = studio.call("speak", text="Ciao!", emotion=emotion)
    assert outcome.status == "failed" and isinstance(outcome.error, UsageError)
    assert said in outcome.error.sentence and "\n" not in outcome.error.sentence
