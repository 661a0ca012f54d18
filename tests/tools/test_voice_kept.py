"""list_voices and change_voice: which voice a character has, and how it is changed for good."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from voice_studio import VoiceStudio, voice_studio

from backends.voice.emotions.feeling import emotion_text
from backends.voice.engines.protocol import EMOTIONS
from backends.voice.measures.figures import pitch_facts
from backends.voice.wav import read_wav
from configs.errors import UsageError
from configs.settings import load_settings
from tools.spec import SUMMARY_LIMIT
from tools.voice.list_voices import HOW_TO_WRITE


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[VoiceStudio]:
    with voice_studio(load_settings(home=tmp_path / "home")) as made:
        yield made


def summary(studio: VoiceStudio, tool: str, **args: object) -> str:
    outcome = studio.call(tool, **args)
    assert outcome.error is None and outcome.result is not None
    return outcome.result.summary


def voice(studio: VoiceStudio, name: str) -> dict[str, object]:
    entry = studio.studio.memory.resolve_character(name)
    assert entry is not None
    return dict(entry.data["voice"])


def test_steps_add_up_and_the_character_is_known_afterwards(studio: VoiceStudio) -> None:
    told = summary(studio, "change_voice", character="Mia", pitch=-3)
    assert told == "Mia's voice from now on: 3 semitones lower than before."
    first = voice(studio, "Mia")["pitch"]
    told = summary(studio, "change_voice", character="mia", pitch=-3, rate=0.8)
    assert told == "Mia's voice from now on: 3 semitones lower than before; 20% slower than before."
    assert voice(studio, "Mia")["pitch"] == pytest.approx(float(str(first)) - 3)
    assert voice(studio, "Mia")["gender"] == "female"  # told by the name, not lost with the new description


def test_a_change_that_changes_nothing_says_so(studio: VoiceStudio) -> None:
    assert isinstance(studio.call("change_voice", character="Mia").error, UsageError)
    summary(studio, "change_voice", character="Mia", pitch=12)
    error = studio.call("change_voice", character="Mia", pitch=12).error
    assert isinstance(error, UsageError) and "at the end" in error.sentence


def test_a_deeper_voice_is_heard_and_an_accent_leaves_italian_alone(studio: VoiceStudio) -> None:
    line = {"character": "Mia", "text": "Hello everybody, I like the old garage."}
    before, high = studio.made("speak", **line)
    summary(studio, "change_voice", character="Mia", pitch=-6, language="en-gb")
    after, low = studio.made("speak", **line)
    italian, _ = studio.made("speak", character="Mia", text="Ciao a tutti, come state questa sera?")
    spoken = [outcome.result.data["language"] for outcome in (before, after, italian) if outcome.result is not None]
    assert spoken == ["en", "en-gb", "it"]
    heard = [pitch_facts(*read_wav(studio.studio.workspace.home / asset.path)) for asset in (high, low)]
    assert heard[0] is not None and heard[1] is not None
    assert heard[1].median_hz is not None and heard[0].median_hz is not None
    assert heard[1].median_hz < heard[0].median_hz * 0.85


def test_the_list_tells_voices_and_engines(studio: VoiceStudio) -> None:
    studio.studio.memory.remember("character", "Zed", "a rusty old robot")
    told = summary(studio, "list_voices")
    assert "Zed: built-in voice, robot (elder)" in told and "Engines: espeak ready; gpt_sovits, qwen3_tts not" in told
    assert "Engine gpt_sovits: not ready. 'gpt_sovits' is not installed" in summary(studio, "list_voices", details=True)
    assert summary(studio, "list_voices", character="zed").startswith("Zed: built-in voice")


def test_only_the_lines_of_one_character(studio: VoiceStudio) -> None:
    script = "Luca: One.\nBoo: Two.\nLuca: Three."
    assert "2 lines by Luca" in summary(studio, "speak_dialogue", script=script, only="luca")
    error = studio.call("speak_dialogue", script=script, only="Nina").error
    assert isinstance(error, UsageError) and "Luca, Boo" in error.sentence


def test_the_emotions_are_told_and_can_be_written_as_told(studio: VoiceStudio) -> None:
    told = summary(studio, "list_voices", about="emotions")
    assert all(f"- {emotion}: " in told for emotion in EMOTIONS) and len(told.encode()) <= SUMMARY_LIMIT
    for written in re.findall(r"'([^']+)'", HOW_TO_WRITE):
        assert emotion_text(written), written


def test_an_engine_that_is_not_there_is_not_set(studio: VoiceStudio) -> None:
    studio.studio.memory.remember("character", "Mia", "a girl")
    error = studio.call("change_voice", character="Mia", engine="Qwen3-TTS").error
    assert isinstance(error, UsageError) and "qwen3_tts cannot speak for Mia" in error.sentence
    assert isinstance(studio.call("change_voice", character="Mia", engine="elevenlabs").error, UsageError)
    entry = studio.studio.memory.resolve_character("Mia")
    assert entry is not None and "voice_engine" not in entry.data
