"""Which engine speaks, and that every fallback is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cloning_installs import recording, weights

from configs.errors import UsageError
from configs.settings import Settings
from configs.workspace import Workspace
from memory.store import Memory
from tools.spec import Studio
from tools.voice.routing import Route, engine_named, likely_language, route, voice_source


@pytest.fixture
def studio(settings: Settings, workspace: Workspace) -> Iterator[Studio]:
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        yield Studio(settings, workspace, memory)


def test_without_cloned_voices_espeak_is_the_default_and_no_fallback(studio: Studio) -> None:
    studio.memory.remember("character", "Luca", "a curious boy", {})
    assert route(studio, "Luca", "it", "happy").engine == "espeak"
    assert route(studio, "", "en", "neutral").notes == ()


def test_italian_asked_of_gpt_sovits_goes_elsewhere_and_says_so(studio: Studio) -> None:
    found = route(studio, "", "it", "neutral", engine="gpt_sovits")
    assert found.engine == "espeak" and found.source is None
    assert found.notes == ("gpt_sovits does not speak the language 'it'.", "espeak speaks instead.")


@pytest.mark.parametrize(
    ("wanted", "text", "language"),
    [("", "Dove andiamo oggi?", "it"), ("Italian", "hello", "it"), ("it-IT", "", "it"), ("klingon", "nuqneH", "")],
)
def test_the_language_is_known_before_an_engine_is_chosen(
    studio: Studio, wanted: str, text: str, language: str
) -> None:
    assert likely_language(studio, "", wanted, text) == language


def own_table(studio: Studio, text: str) -> None:
    folder = studio.workspace.home / "configs"
    folder.mkdir(exist_ok=True)
    (folder / "character_voices.yaml").write_text(text, encoding="utf-8")


def test_a_voice_of_the_table_is_used_where_memory_has_none(studio: Studio, tmp_path: Path) -> None:
    recording(tmp_path / "nina.wav")
    weights(tmp_path / "nina.pth", "nina")
    own_table(
        studio,
        f"""
characters:
  Nina:
    licence: my own recording
    language: it
    references: {{neutral: {{path: {tmp_path}/nina.wav, text: Good morning, language: EN}}, sad: {{path: gone.wav}}}}
    weights: {{sovits: {tmp_path}/nina.pth, gpt: {tmp_path}/gone.ckpt}}
    prosody: {{pitch: -1}}
""",
    )
    notes: list[str] = []
    voice = voice_source(studio, "nina", notes)
    assert voice is not None and set(voice.references) == {"neutral"} and voice.references["neutral"].language == "en"
    assert set(voice.weights) == {"sovits"} and voice.prosody == {"pitch": -1}
    assert [note.split(":")[0] for note in notes] == [
        "The sad recording of Nina is not there", "The gpt weights of Nina are not there"
    ]  # fmt: skip
    assert likely_language(studio, "Nina", "", "hello there") == "it"
    found = route(studio, "Nina", "it", "neutral")
    assert found.engine == "espeak" and "qwen3_tts cannot be started here" in found.notes[2]
    assert any("'qwen3_tts' is not installed" in one for one in found.details)


def test_the_engine_of_the_settings_is_asked_first(settings: Settings, studio: Studio) -> None:
    voice = settings.voice.model_copy(update={"engine": "gpt_sovits"})
    chosen = replace(studio, settings=settings.model_copy(update={"voice": voice}))
    assert (
        route(chosen, "", "en", "neutral").notes[0] == "gpt_sovits needs a recording of the voice, and there is none."
    )


@pytest.mark.parametrize("data", [{"voice_source": []}, {"voice_source": {"references": 3, "weights": "x"}}, {}])
def test_what_memory_holds_may_be_anything(studio: Studio, data: dict[str, Any]) -> None:
    studio.memory.remember("character", "Odd", "a fisherman", data)
    assert route(studio, "Odd", "en", "neutral") == Route("espeak", None)


@pytest.mark.parametrize(
    ("name", "engine"),
    [("", ""), ("auto", ""), ("GPT-SoVITS", "gpt_sovits"), ("Qwen", "qwen3_tts"), ("Qwen3-TTS 0.6B", "qwen3_tts"),
     ("eSpeak NG", "espeak")],
)  # fmt: skip
def test_engines_have_the_names_that_people_give_them(name: str, engine: str) -> None:
    assert engine_named(name) == engine


def test_an_unknown_engine_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'gpt_sovits'"):
        engine_named("gpt_sovit2")
