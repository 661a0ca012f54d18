"""clone_voice through the real executor, memory, eSpeak, Praat and ffmpeg; recordings are eSpeak's, as uploads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from voice_studio import VoiceStudio, voice_studio

from backends.media.ffmpeg import run_ffmpeg
from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import SpeechRequest
from backends.voice.profile import voice_from_description
from backends.voice.shaping.fit import facts_of
from backends.voice.wav import read_tags, read_wav, resample, write_wav
from configs.errors import QuestionOpen, UsageError
from configs.settings import load_settings
from memory.records import Asset
from tools.intake import attach

TEXT = "The morning train was late again, and nobody had seen the little boat. She laughed and closed the door."
OTHER = "We found the letter under a stone. The old clock had stopped at noon, and the windows were open."
OWN = "it is my own voice"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    home = tmp_path_factory.mktemp("clone")
    with voice_studio(load_settings(home=home, memory={"index": "numpy", "embedder": "letters"})) as made:
        made.studio.memory.remember("character", "Luca", "a boy with curly brown hair")
        yield made


@pytest.fixture(scope="module")
def voices() -> dict[str, tuple[NDArray[np.float32], int]]:
    """Two people: a deep man's and a woman's voice, without any tag."""
    engine = EspeakEngine()
    engine.load()
    made = {}
    for name, description, text, pitch in (("man", "a man", TEXT, -4.0), ("woman", "a woman", OTHER, 3.0)):
        voice = replace(voice_from_description(name, description), pitch=pitch)
        result = engine.speak(SpeechRequest(text, voice, "en"))
        made[name] = (result.samples, result.sample_rate)
    return made


def _upload(studio: VoiceStudio, samples: NDArray[np.float32], rate: int, name: str, folder: Path) -> Asset:
    file = folder / name
    write_wav(file, samples, rate)
    return attach(file, studio.studio.workspace, studio.studio.memory, studio.studio.settings, "t")


@pytest.fixture(scope="module")
def man(studio: VoiceStudio, voices, tmp_path_factory: pytest.TempPathFactory) -> Asset:  # type: ignore[no-untyped-def]
    return _upload(studio, *voices["man"], "man.wav", tmp_path_factory.mktemp("up"))


def _source(studio: VoiceStudio, name: str) -> dict:  # type: ignore[type-arg]
    entry = studio.studio.memory.resolve_character(name)
    assert entry is not None
    return dict(entry.data["voice_source"])


def test_without_consent_the_user_is_asked_and_nothing_is_kept(studio: VoiceStudio, man: Asset) -> None:
    before = len(studio.studio.memory.list_assets(limit=500))
    outcome = studio.call("clone_voice", audio=man.id, character="Luca")
    assert isinstance(outcome.error, QuestionOpen) and outcome.error.exit_code == 3
    assert "Whose voice is it" in outcome.error.sentence
    assert len(studio.studio.memory.list_assets(limit=500)) == before
    entry = studio.studio.memory.resolve_character("Luca")
    assert entry is not None and "voice_source" not in entry.data


def test_a_recording_becomes_the_characters_voice(studio: VoiceStudio, man: Asset) -> None:
    outcome, reference = studio.made("clone_voice", audio="man.wav", character="luca", text=TEXT, consent=OWN)
    assert outcome.result is not None
    source = _source(studio, "Luca")
    kept = source["references"]["neutral"]
    assert kept["asset"] == reference.id and kept["language"] == "en" and kept["text"]
    assert source["consent"]["person"] == "" and source["consent"]["recordings"] == [man.sha256]
    samples, rate = read_wav(studio.file(reference))
    assert 3.0 <= len(samples) / rate <= 10.0 and reference.parents == (man.id,)
    loud = np.abs(samples) > 0.02
    assert np.flatnonzero(loud)[0] / rate < 0.25 and (len(samples) - np.flatnonzero(loud)[-1]) / rate < 0.35
    assert f"consent {source['consent']['id']}" in read_tags(studio.file(reference))["comment"]
    assert "not a cloned voice" in outcome.result.summary, "without a cloning engine that is said"
    assert "the user's own voice" in outcome.result.summary


def test_only_the_words_inside_the_stretch_are_kept(studio: VoiceStudio, man: Asset) -> None:
    studio.made("clone_voice", audio=man.id, character="Ada", text=f"{TEXT}", consent=OWN)
    samples_s = next(a for a in studio.studio.memory.list_assets("audio") if a.params.get("reference")).params
    words = _source(studio, "Ada")["references"]["neutral"]["text"]
    assert words in TEXT
    rate = len(words) / (samples_s["end"] - samples_s["start"])
    assert 8 < rate < 25, "letters a second of the kept words fit the stretch"


def test_the_stand_in_has_the_recordings_pitch(studio: VoiceStudio, man: Asset) -> None:
    studio.made("clone_voice", audio=man.id, character="Bruno", consent=OWN)
    recorded = facts_of(*read_wav(studio.file(man)))
    _, line = studio.made("speak", text="Bring me the blue umbrella, please.", character="Bruno", language="en")
    spoken = facts_of(*read_wav(studio.file(line)))
    assert abs(12 * np.log2(spoken.pitch_hz / recorded.pitch_hz)) < 3.0
    entry = studio.studio.memory.resolve_character("Bruno")
    assert entry is not None and entry.data["voice"]["gender"] == "male" and entry.data["voice"]["fixed"] is True


def test_further_emotions_are_added_and_undone(studio: VoiceStudio, man: Asset) -> None:
    studio.made("clone_voice", audio=man.id, character="Carla", consent=OWN)
    neutral = _source(studio, "Carla")["references"]["neutral"]
    studio.made("clone_voice", audio=man.id, character="Carla", emotion="happily")
    source = _source(studio, "Carla")
    assert set(source["references"]) == {"neutral", "happy"} and source["references"]["neutral"] == neutral
    studio.call("undo")
    assert set(_source(studio, "Carla")["references"]) == {"neutral"}


def test_another_persons_voice_takes_the_place_of_the_first(studio: VoiceStudio, man: Asset, voices, tmp_path) -> None:  # type: ignore[no-untyped-def]
    woman = _upload(studio, *voices["woman"], "woman.wav", tmp_path)
    studio.made("clone_voice", audio=man.id, character="Dino", consent=OWN)
    studio.made("clone_voice", audio=man.id, character="Dino", emotion="sad")
    outcome, _ = studio.made(
        "clone_voice", audio=woman.id, character="Dino", consent="written consent of Anna Rossi, 3 May 2026"
    )
    source = _source(studio, "Dino")
    assert set(source["references"]) == {"neutral"} and source["consent"]["person"] == "Anna Rossi"
    assert outcome.result is not None and any("former voice" in text for text in outcome.result.warnings)


def test_of_two_voices_the_one_who_speaks_most_is_taken(studio: VoiceStudio, voices, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The other says too little to be refused, and is louder and cleaner."""
    man, rate = voices["man"]
    woman = resample(*voices["woman"], rate)[: round(3.4 * rate)]
    noise = np.random.default_rng(1).normal(0, 0.004, len(man)).astype(np.float32)
    pause = np.zeros(round(0.7 * rate), np.float32)
    said = np.concatenate([man + noise, pause, woman, pause, man + noise, pause, man + noise])
    both = _upload(studio, said, rate, "both.wav", tmp_path)
    outcome, reference = studio.made("clone_voice", audio=both.id, character="Pino", consent=OWN)
    assert outcome.result is not None
    hers = (len(man) / rate + 0.7, (len(man) + len(woman)) / rate + 0.7)
    assert reference.params["end"] < hers[0] + 0.3 or reference.params["start"] > hers[1] - 0.3
    told = next(text for text in outcome.result.warnings if "More than one voice" in text)
    assert "Left out: " in told and "cut the recording" in told, told


def test_a_recording_is_listened_to_once(studio: VoiceStudio, voices, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Speech, clipping and who speaks come from one pass; a long recording's second voice is found in it, too."""
    from backends.vision import watch
    from backends.voice.speakers import activity

    listened, networks = [], []
    listen, probability = watch.listen, activity.speech_probability
    monkeypatch.setattr(watch, "listen", lambda path, *a, **k: listened.append(path) or listen(path, *a, **k))

    def counted(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        networks.append(len(samples) / rate)
        return probability(samples, rate)

    monkeypatch.setattr(activity, "speech_probability", counted)
    monkeypatch.setattr("backends.voice.speakers.track.speech_probability", counted)
    (man, rate), (woman, _) = voices["man"], voices["woman"]
    both = np.concatenate([np.tile(man, 2), woman[: 3 * rate]]).astype(np.float32)
    mixed = _upload(studio, both, rate, "once.wav", tmp_path)
    outcome, _ = studio.made("clone_voice", audio=mixed.id, character="Dora", consent=OWN)
    assert len(listened) == 1
    assert [round(seconds, 1) for seconds in networks if seconds > 9.9] == [round(len(both) / rate, 1)]
    assert outcome.result is not None
    assert any("More than one voice is heard" in warning for warning in outcome.result.warnings)


def test_the_studios_own_lines_need_no_consent(studio: VoiceStudio) -> None:
    _, line = studio.made("speak", text=TEXT, character="Luca", language="en")
    studio.made("clone_voice", audio=line.id, character="Emma")
    assert _source(studio, "Emma")["consent"]["basis"] == "synthetic_voice"


def test_stereo_eight_kilohertz_and_films_are_taken(studio: VoiceStudio, man: Asset, voices, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    film = tmp_path / "interview.mp4"
    picture = ["-f", "lavfi", "-i", "color=c=gray:s=64x48:r=5:d=9"]
    sound = ["-f", "wav", "-i", str(studio.file(man)), "-map", "0:v", "-map", "1:a", "-ac", "2", "-shortest", str(film)]
    run_ffmpeg([*picture, *sound])
    attached = attach(film, studio.studio.workspace, studio.studio.memory, studio.studio.settings, "t")
    outcome, reference = studio.made("clone_voice", audio=attached.id, character="Fabio", consent=OWN)
    assert outcome.result is not None and any("2 channels" in text for text in outcome.result.warnings)
    assert read_wav(studio.file(reference))[1] >= 16000
    samples, rate = voices["man"]
    telephone = _upload(studio, resample(samples, rate, 8000), 8000, "telephone.wav", tmp_path)
    outcome, _ = studio.made("clone_voice", audio=telephone.id, character="Fabio", consent=OWN)
    assert outcome.result is not None and any("8 kHz" in text for text in outcome.result.warnings)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda man, woman, rate: man[: 2 * rate], "too short to clone"),
        (lambda man, woman, rate: man * 0.0005, "is silent"),
        (lambda man, woman, rate: np.clip(man * 40, -1, 1), "is clipped"),
        (lambda man, woman, rate: np.concatenate([man[: 6 * rate], woman[: 6 * rate]]), "Two voices"),
        (lambda man, woman, rate: np.zeros(5 * rate, np.float32), "is silent"),
        (lambda man, woman, rate: np.sin(np.arange(5 * rate) / 9).astype(np.float32) * 0.3, "no speech is heard"),
    ],
)
def test_bad_recordings_are_refused_in_one_sentence(studio: VoiceStudio, voices, tmp_path, make, words: str) -> None:  # type: ignore[no-untyped-def]
    man, rate = voices["man"]
    samples = make(man, resample(*voices["woman"], rate), rate).astype(np.float32)
    bad = _upload(studio, samples, rate, "bad.wav", tmp_path)
    outcome = studio.call("clone_voice", audio=bad.id, character="Gino", consent=OWN)
    assert isinstance(outcome.error, UsageError) and words in outcome.error.sentence
    assert studio.studio.memory.resolve_character("Gino") is None


def test_what_is_no_recording_is_refused(studio: VoiceStudio, tmp_path: Path) -> None:
    outcome = studio.call("clone_voice", audio="nowhere.wav", character="Luca", consent=OWN)
    assert isinstance(outcome.error, UsageError)
    silent = tmp_path / "silent.mp4"
    run_ffmpeg(["-f", "lavfi", "-i", "color=c=gray:s=64x48:r=5:d=4", str(silent)])
    attached = attach(silent, studio.studio.workspace, studio.studio.memory, studio.studio.settings, "t")
    outcome = studio.call("clone_voice", audio=attached.id, character="Luca", consent=OWN)
    assert isinstance(outcome.error, UsageError) and "has no sound" in outcome.error.sentence


def test_a_character_of_the_voice_table_need_not_be_remembered_before(studio: VoiceStudio, man: Asset) -> None:
    assert studio.studio.memory.resolve_character("Alberto") is None
    studio.made("clone_voice", audio=man.id, character="alberto", consent=OWN)
    entry = studio.studio.memory.resolve_character("Alberto")
    assert entry is not None and entry.name == "Alberto" and "plan" in entry.text


def test_no_emotion_of_that_name(studio: VoiceStudio, man: Asset) -> None:
    outcome = studio.call("clone_voice", audio=man.id, character="Luca", emotion="purple", consent=OWN)
    assert isinstance(outcome.error, UsageError) and "emotion" in outcome.error.sentence
