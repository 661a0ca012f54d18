"""Who speaks in a file: told apart by voice, named where a character's recordings say so, or as the studio spoke it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from voice_studio import VoiceStudio, voice_studio

from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import SpeechRequest
from backends.voice.profile import voice_from_description
from backends.voice.speakers.likeness import ge2e_weights
from backends.voice.wav import write_wav
from configs.settings import load_settings
from tools.intake import attach

MAN = "The morning train was late again, and nobody on the platform had seen the little boat go out to sea."
WOMAN = "We found the letter under a stone. The old clock had stopped at noon, and the windows were open."


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[VoiceStudio]:
    with voice_studio(load_settings(home=tmp_path / "home")) as made:
        yield made


@pytest.mark.skipif(ge2e_weights() is None, reason="no speaker encoder is installed")
def test_voices_are_told_apart_and_a_known_one_is_named(studio: VoiceStudio, tmp_path: Path) -> None:
    engine = EspeakEngine()
    engine.load()
    man, woman = (
        engine.speak(SpeechRequest(text, voice_from_description(who, who), "en"))
        for text, who in ((MAN, "a man"), (WOMAN, "a woman"))
    )
    rate, pause = man.sample_rate, np.zeros(man.sample_rate // 2, np.float32)
    own = studio.studio.workspace
    for name, samples in (
        ("both.wav", np.concatenate([man.samples, pause, woman.samples, pause, man.samples])),
        ("anna.wav", woman.samples),
    ):
        write_wav(tmp_path / name, samples, rate)
        attach(tmp_path / name, own, studio.studio.memory, studio.studio.settings, "t")
    studio.made("clone_voice", audio="anna.wav", character="Anna", text=WOMAN, consent="a synthetic voice")
    outcome = studio.call("analyze_audio", audio="both.wav", speakers=True)
    assert outcome.result is not None, outcome.error
    first, second = outcome.result.data["speakers"]
    assert (first["name"], second["name"]) == ("speaker 1", "Anna") and second["known_by"].startswith("like Anna's")
    border = (len(man.samples) + len(pause) / 2) / rate
    again = (len(man.samples) + len(pause) * 1.5 + len(woman.samples)) / rate
    assert all(border - 0.3 < start and end < again + 0.3 for start, end in second["spans"])
    assert outcome.result.summary.startswith("2 voices speak: speaker 1 ")
    assert outcome.result.measurements["speakers"] == 2
    plain = studio.call("analyze_audio", audio="both.wav")
    assert plain.result is not None and "speakers" not in plain.result.data


def test_of_its_own_dialogues_the_studio_knows_who_speaks(studio: VoiceStudio) -> None:
    _, mix = studio.made("speak_dialogue", lines=["Luca: Are you there?", "Mia: I am here.", "Luca: Good."])
    outcome = studio.call("analyze_audio", audio=mix.id, speakers=True)
    assert outcome.result is not None, outcome.error
    rows = {row["character"]: row for row in mix.params["lines"]}
    told = {one["name"]: one for one in outcome.result.data["speakers"]}
    assert set(told) == {"Luca", "Mia"} and len(told["Luca"]["spans"]) == 2
    assert told["Mia"]["spans"][0] == pytest.approx([rows["Mia"]["start"], rows["Mia"]["end"]], abs=0.01)
    assert not any("told apart" in warning for warning in outcome.result.warnings)
