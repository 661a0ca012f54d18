"""The built-in voice: speed, casts, emotions that can be told apart, robots."""

from __future__ import annotations

import sys
import threading
import time
from functools import cache

import numpy as np
import pytest
from voice_measures import Heard, hear, pitch_track

from backends.voice.emotions.prosody import emotion_named, prosody
from backends.voice.engines import espeak_library
from backends.voice.engines.espeak import EspeakEngine, espeak_voice
from backends.voice.engines.espeak_library import EspeakKnobs, open_library
from backends.voice.engines.protocol import EMOTIONS, SpeechRequest, SpeechResult, VoiceProfile
from backends.voice.profile import voice_from_description
from backends.voice.shaping.timbre import shift_formants, tilt, tremble, whisper
from configs.errors import EngineError, UsageError

SENTENCES = (
    ("Ciao, piccolo! Che cosa fai qui tutto solo?", "it"),
    ("I never thought the sea could be so blue.", "en"),
    ("Domani partiamo per la montagna con la nonna.", "it"),
    ("Where did you put the little red umbrella?", "en"),
)
ROBOT = VoiceProfile("Boo", species="robot", seed=5)
WOMAN = VoiceProfile("Anna", gender="female", seed=0)


@pytest.fixture(scope="module")
def engine() -> EspeakEngine:
    made = EspeakEngine()
    made.load()
    return made


@cache
def _heard(voice: VoiceProfile, text: str, language: str, emotion: str = "neutral", intensity: float = 1.0) -> Heard:
    speaker = EspeakEngine()
    speaker.load()
    result = speaker.speak(SpeechRequest(text, voice, language, emotion, intensity))
    return hear(result.samples, result.sample_rate)


def test_ten_seconds_take_less_than_one(engine: EspeakEngine) -> None:
    text = "The old lighthouse keeper climbs the stairs every evening. " * 4
    for voice, emotion in ((WOMAN, "neutral"), (ROBOT, "angry"), (WOMAN, "whispering")):
        began = time.perf_counter()
        result = engine.speak(SpeechRequest(text, voice, "en", emotion))
        spent = time.perf_counter() - began
        seconds = len(result.samples) / result.sample_rate
        assert seconds > 8
        assert spent < 0.1 * seconds, f"{spent:.2f} s for {seconds:.1f} s of {emotion} speech"


def test_ages_and_genders_have_their_pitch() -> None:
    cast = {
        "man": VoiceProfile("a", gender="male", seed=0),
        "woman": WOMAN,
        "boy": VoiceProfile("b", age="child", gender="male", seed=0),
    }
    text, language = SENTENCES[0]
    f0 = {who: _heard(voice, text, language).f0 for who, voice in cast.items()}
    assert 80 < f0["man"] < 150 < f0["woman"] < 230
    assert f0["boy"] > 1.15 * f0["woman"]


def test_a_child_has_higher_formants_than_an_adult_of_the_same_pitch(engine: EspeakEngine) -> None:
    """The vowel's envelope moves up, not only its pitch."""
    neutral = prosody("neutral")
    assert neutral.formants == 1.0
    said = engine.speak(SpeechRequest("aaaah", VoiceProfile("w", gender="female", seed=0)))
    small = shift_formants(said.samples, 1.2)
    assert len(small) == pytest.approx(len(said.samples) / 1.2, rel=0.001)
    assert hear(small, said.sample_rate).centroid > 1.1 * hear(said.samples, said.sample_rate).centroid


def test_a_child_speaks_no_faster_for_its_formant_shift(engine: EspeakEngine) -> None:
    text, language = SENTENCES[0]
    lengths = {
        age: _heard(VoiceProfile("x", age=age, gender="female", seed=0), text, language).seconds
        for age in ("child", "adult")
    }
    assert lengths["child"] == pytest.approx(lengths["adult"], rel=0.12)


@pytest.mark.parametrize(
    "descriptions",
    [
        {"Luca": "a boy", "Tom": "a boy", "Gianni": "a boy", "Pip": "a boy"},
        {"Anna": "a woman", "Mara": "a woman", "Olga": "a woman", "Rita": "a woman"},
    ],
)
def test_like_descriptions_still_give_voices_that_differ(descriptions: dict[str, str]) -> None:
    text, language = SENTENCES[1]
    marks = []
    for name, description in descriptions.items():
        heard = _heard(voice_from_description(name, description), text, language)
        marks.append((12 * np.log2(heard.f0), 12 * np.log2(heard.centroid), 40 * np.log2(heard.seconds)))
    apart = [float(np.linalg.norm(np.subtract(a, b))) for i, a in enumerate(marks) for b in marks[i + 1 :]]
    # A semitone of pitch, of brightness, or 1.7 % of pace is one unit; two units can be heard side by side.
    assert min(apart) > 1.5, apart
    assert float(np.median(apart)) > 2.0, apart


def test_emotions_move_pitch_pace_and_voicing_as_people_do() -> None:
    text, language = SENTENCES[1]
    heard = {emotion: _heard(WOMAN, text, language, emotion) for emotion in EMOTIONS}
    plain = heard["neutral"]
    assert heard["happy"].f0 > 1.15 * plain.f0
    assert heard["sad"].f0 < 0.87 * plain.f0 and heard["sad"].seconds > 1.15 * plain.seconds
    assert heard["angry"].centroid > 1.25 * plain.centroid and heard["angry"].seconds < 0.93 * plain.seconds
    assert heard["afraid"].f0 > 1.2 * plain.f0 and heard["afraid"].seconds < 0.9 * plain.seconds
    assert heard["surprised"].f0 > 1.3 * plain.f0
    assert heard["tender"].centroid < 0.85 * plain.centroid
    assert heard["whispering"].voiced < 0.15 < plain.voiced


def test_emotions_can_be_told_apart_by_ear_alone() -> None:
    """Leave one sentence out: the nearest emotion of the others is right in at least 70 % (chance 10 %)."""
    marks = np.array(
        [[_marks(_heard(WOMAN, *line, emotion, 0.7)) for line in SENTENCES] for emotion in EMOTIONS]
    )  # (emotions, sentences, marks)
    change = marks - marks[:1]
    change /= change.std(axis=(0, 1)) + 1e-9
    right = 0
    for left_out in range(len(SENTENCES)):
        centres = np.delete(change, left_out, axis=1).mean(axis=1)
        for index in range(len(EMOTIONS)):
            right += int(np.argmin(((centres - change[index, left_out]) ** 2).sum(axis=1)) == index)
    assert right / (len(EMOTIONS) * len(SENTENCES)) >= 0.7


def _marks(heard: Heard) -> tuple[float, ...]:
    return (
        12 * np.log2(max(heard.f0, 60)),
        heard.f0_spread,
        heard.voiced,
        np.log2(heard.centroid),
        np.log(heard.seconds),
    )


def test_intensity_is_a_scale() -> None:
    text, language = SENTENCES[1]
    steps = [_heard(WOMAN, text, language, "happy", intensity).f0 for intensity in (0.0, 0.5, 1.0)]
    assert steps == sorted(steps) and steps[2] > 1.04 * steps[1] > 1.04**2 * steps[0]
    assert prosody("angry", 0.0) == prosody("neutral", 1.0).__class__(tremor_hz=6.0, rough_hz=55)


def test_a_robot_sounds_unlike_a_human(engine: EspeakEngine) -> None:
    human = engine.speak(SpeechRequest(SENTENCES[1][0], VoiceProfile("Boo", seed=5)))
    robot = engine.speak(SpeechRequest(SENTENCES[1][0], ROBOT))
    assert hear(robot.samples, robot.sample_rate).voiced < 0.9 * hear(human.samples, human.sample_rate).voiced


@pytest.mark.parametrize(
    ("text", "count"), [("beep boop", 2), ("Bip!", 1), ("Beep... beep, beep!", 3), ("beeeeep-boop", 2)]
)
def test_a_robots_sound_words_are_tones_and_not_speech(engine: EspeakEngine, text: str, count: int) -> None:
    result = engine.speak(SpeechRequest(text, ROBOT))
    assert result.params["sounds"] and len(result.words) == count
    assert [p.ipa for p in result.phonemes].count("b") == count
    track, voiced = pitch_track(result.samples, result.sample_rate, high=2500, dip=0.3)
    assert voiced > 0.8
    # Pure tones above any speaking voice.
    assert float(np.median(track)) > 450


def test_a_beep_follows_the_mood(engine: EspeakEngine) -> None:
    def track(emotion: str) -> np.ndarray:
        result = engine.speak(SpeechRequest("boop boop boop", ROBOT, "en", emotion, 1.0))
        return pitch_track(result.samples, result.sample_rate, high=2500, dip=0.3)[0]

    def glide(emotion: str) -> float:
        pitches = track(emotion)
        third = len(pitches) // 3
        return float(12 * np.log2(np.median(pitches[-third:]) / np.median(pitches[:third])))

    pitch = {emotion: float(np.median(track(emotion))) for emotion in ("sad", "neutral", "happy", "surprised")}
    assert list(pitch.values()) == sorted(pitch.values())
    assert pitch["surprised"] > 1.25 * pitch["neutral"] > 1.4 * pitch["sad"]
    assert glide("surprised") > 5
    assert abs(glide("neutral")) < 2
    assert glide("sad") < -3


def test_speech_and_beeps_mix_in_one_line(engine: EspeakEngine) -> None:
    result = engine.speak(SpeechRequest("Hello Luca, beep!", ROBOT))
    assert [word for _, _, word in result.words] == ["Hello", "Luca", "beep"]
    assert result.params["sounds"] == ["beep"]


@pytest.mark.parametrize("species", ["cat", "dog", "bird", "seagull", "monster", "ghost", "mouse", "alien", "octopus"])
def test_every_species_speaks_and_keeps_its_times(engine: EspeakEngine, species: str) -> None:
    result = engine.speak(SpeechRequest(SENTENCES[1][0], VoiceProfile("x", species=species)))
    assert np.sqrt(np.mean(result.samples**2)) > 0.005
    assert result.phonemes[-1].end == pytest.approx(len(result.samples) / result.sample_rate, abs=0.1)


def test_a_monster_is_lower_than_a_bird() -> None:
    text, language = SENTENCES[1]
    lows = {
        s: _heard(VoiceProfile("x", gender="female", species=s, seed=0), text, language).f0 for s in ("monster", "bird")
    }
    assert lows["bird"] > 1.8 * lows["monster"]


def test_many_threads_do_not_mix_their_lines() -> None:
    engine = EspeakEngine()
    engine.load()
    wanted = {language: engine.speak(SpeechRequest(text, WOMAN, language)) for text, language in SENTENCES[:2]}
    wrong: list[str] = []

    def work(text: str, language: str) -> None:
        for _ in range(10):
            result: SpeechResult = engine.speak(SpeechRequest(text, WOMAN, language))
            if result.phonemes != wanted[language].phonemes or not np.array_equal(
                result.samples, wanted[language].samples
            ):
                wrong.append(language)

    threads = [threading.Thread(target=work, args=line) for line in SENTENCES[:2] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_without_the_offline_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, espeak_library.PACKAGE, None)
    monkeypatch.setattr(espeak_library, "_opened", None)
    with pytest.raises(EngineError, match=r"animation-ai-studio\[offline\]"):
        EspeakEngine().load()


@pytest.mark.parametrize(("wanted", "offered"), [("italianx", "it"), ("frenc", "fr")])
def test_an_unknown_language_offers_the_nearest(engine: EspeakEngine, wanted: str, offered: str) -> None:
    with pytest.raises(EngineError) as caught:
        engine.speak(SpeechRequest("ciao", WOMAN, wanted))
    assert f"'{offered}" in caught.value.fix


def test_every_language_that_is_offered_speaks(engine: EspeakEngine) -> None:
    silent = []
    for language in sorted(engine.capabilities().languages):
        try:
            engine.speak(SpeechRequest("a 1 2 3", WOMAN, language))
        except EngineError as error:
            silent.append(f"{language}: {error}")
    assert not silent
    assert len(engine.capabilities().languages) > 80


@pytest.mark.parametrize(
    ("word", "emotion"),
    [("happily", "happy"), ("Scared", "afraid"), ("spaventata", "afraid"), ("", "neutral"),
     ("sussurrando", "whispering"), ("FURIOUS", "angry"), ("felici", "happy"),
     ("triste", "sad"), ("lovingly", "tender")],
)  # fmt: skip
def test_emotions_go_by_many_names(word: str, emotion: str) -> None:
    assert emotion_named(word) == emotion


def test_an_unknown_emotion_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="'happy'"):
        emotion_named("hapy")


def test_treatments_do_what_they_are_named_for() -> None:
    rate = 22050
    at = np.arange(rate) / rate
    tone = (0.3 * np.sin(2 * np.pi * 200 * at) + 0.1 * np.sin(2 * np.pi * 4000 * at)).astype(np.float32)

    def level(samples: np.ndarray, hertz: float) -> float:
        spectrum = np.abs(np.fft.rfft(samples)) / len(samples)
        return float(20 * np.log10(spectrum[int(hertz)] + 1e-12))

    bright = tilt(tone, rate, 6.0)
    assert level(bright, 4000) - level(tone, 4000) == pytest.approx(6, abs=0.5)
    assert level(bright, 200) - level(tone, 200) == pytest.approx(0, abs=0.3)
    saw = np.array(sum(np.sin(2 * np.pi * 150 * k * at) / k for k in range(1, 20)) * 0.2, dtype=np.float32)
    assert pitch_track(saw, rate)[1] > 0.95
    assert pitch_track(whisper(saw, rate, 1.0, 1), rate)[1] < 0.1
    shaken = pitch_track(tremble(saw, rate, 5, 60), rate)[0]
    assert 15 < 1200 * np.std(np.log2(shaken)) < 60


def test_breathy_variants_sound_the_same_in_the_next_second() -> None:
    """eSpeak seeds its noise with the time of day when it is initialised."""
    library = open_library()
    knobs = EspeakKnobs(voice=f"{espeak_voice('en')}+f3")
    first = library.synthesise("Good morning", knobs).samples
    time.sleep(1.05)
    assert np.array_equal(library.synthesise("Good morning", knobs).samples, first)
