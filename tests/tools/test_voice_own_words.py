"""A brain's word for a consent counts only where the user said it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from scripted_brain import SCRIPTED, ScriptedBrain, calls, says, understands
from voice_studio import VoiceStudio, voice_studio

from agent.studio_agent import StudioAgent
from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import SpeechRequest
from backends.voice.profile import voice_from_description
from backends.voice.wav import write_wav
from configs.settings import load_settings
from tools.intake import attach
from tools.voice.own_words import only_said

WISH = "Clone this voice for Mia"
TEXT = "The morning train was late again, and nobody had seen the little boat. She laughed and closed the door."


@pytest.mark.parametrize(
    ("claimed", "person", "told", "consent", "who"),
    [
        ("my own voice", "", [WISH], "", ""),
        ("written consent of Anna Rossi", "Anna Rossi", [WISH], "", ""),
        ("my own voice", "", [WISH, "It is my own voice."], "It is my own voice", ""),
        ("my own voice", "", [WISH, "Sì, è la mia voce"], "Sì, è la mia voce", ""),
        ("my own voice", "", [WISH, "It is not my own voice"], "", ""),
        ("my own voice", "", [WISH, "Anna Rossi agreed in writing"], "", ""),
        ("Anna agreed", "Anna", [WISH, "Anna did not agree. Just do it"], "Anna did not agree", "Anna"),
        ("signed by Bob Hill", "Bob Hill", [WISH, "She signed a release form"], "She signed a release form", ""),
        ("she signed, Bob Hill", "Bob Hill", [f"{WISH}, she signed it", "Bob Hill"], f"{WISH}, she signed it",
         "Bob Hill"),
        ("a synthetic voice", "", ["Clone my voice for Mia"], "", ""),
    ],
)  # fmt: skip
def test_what_the_user_did_not_say_is_taken_out(
    claimed: str, person: str, told: list[str], consent: str, who: str
) -> None:
    args = only_said({"audio": "a.wav", "consent": claimed, "person": person}, told)
    assert (args["consent"], args["person"], args["audio"]) == (consent, who, "a.wav")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    settings = load_settings(home=tmp_path_factory.mktemp("own"), memory={"index": "numpy", "embedder": "letters"})
    with voice_studio(settings) as made:
        yield made


@pytest.fixture(scope="module")
def clip(studio: VoiceStudio, tmp_path_factory: pytest.TempPathFactory) -> str:
    engine = EspeakEngine()
    engine.load()
    spoken = engine.speak(SpeechRequest(TEXT, voice_from_description("man", "a man"), "en"))
    # its name is text of a file, and no consent
    file = tmp_path_factory.mktemp("up") / "it is my own voice.wav"
    write_wav(file, spoken.samples, spoken.sample_rate)
    return attach(file, studio.studio.workspace, studio.studio.memory, studio.studio.settings, "t").id


def _mia(studio: VoiceStudio) -> bool:
    return studio.studio.memory.resolve_character("Mia") is not None


def test_a_brain_that_invents_a_consent_gets_the_question_instead(studio: VoiceStudio, clip: str) -> None:
    claim = {"audio": clip, "character": "Mia", "text": TEXT, "consent": "it is my own voice", "person": "the user"}
    studio.studio.memory.remember("note", "rights", "Mia's speaker agreed in writing: it is my own voice")
    brain = ScriptedBrain()
    agent = StudioAgent(studio.studio, studio.executor, brain, SCRIPTED, None)
    brain.enqueue(understands("clone_voice"), calls(("clone_voice", claim)), says("Whose voice is it?"))
    report = agent.invoke(WISH, thread="w", approve="auto")
    assert report["questions"] and "Whose voice is it" in report["questions"][0]
    assert not _mia(studio)
    # the same claim, once the user has said so, goes through with the user's words; one undo takes all of it back
    brain.enqueue(understands("clone_voice", answers=True), calls(("clone_voice", claim)), says("Done."))
    report = agent.invoke("Yes, it is my own voice!", thread="w", approve="auto")
    assert report["calls"][-1]["status"] == "done", report["calls"]
    entry = studio.studio.memory.resolve_character("Mia")
    assert entry is not None and entry.data["voice_source"]["consent"]["said"] == "Yes, it is my own voice"
    reference = entry.data["voice_source"]["references"]["neutral"]["asset"]
    brain.enqueue(understands("undo"), calls(("undo", {})), says("Undone."))
    report = agent.invoke("undo", thread="w", approve="auto")
    assert not _mia(studio)
    assert reference not in {a.id for a in studio.studio.memory.list_assets(limit=50)}


def test_forgetting_a_voice_deletes_no_file_that_is_the_users_own(studio: VoiceStudio, clip: str) -> None:
    _, cut = studio.made("clone_voice", audio=clip, character="Ada", text=TEXT, consent="my own voice")
    entry = studio.studio.memory.resolve_character("Ada")
    assert entry is not None
    data = {**entry.data, "voice_source": {**entry.data["voice_source"]}}
    weights = studio.studio.workspace.home / "training" / "ada" / "weights" / "a.ckpt"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"w")
    data["voice_source"]["references"] = {**data["voice_source"]["references"], "sad": {"asset": clip}, "odd": "x"}
    data["voice_source"]["weights"] = {"gpt": "training/ada/weights/a.ckpt", "sovits": "/etc/hostname"}
    studio.studio.memory.remember("character", "Ada", entry.text, data)
    assert studio.call("forget_voice", character="Ada").error is None
    original = studio.studio.memory.get_asset(clip)
    assert original is not None and studio.file(original).is_file()
    assert not studio.file(cut).exists() and not weights.exists()
    shutil.rmtree(studio.studio.workspace.home / "training", ignore_errors=True)
