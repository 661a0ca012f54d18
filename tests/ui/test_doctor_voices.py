"""The doctor on voices: engines that clone, tables, files of cloned voices that are gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from cloning_installs import install_gpt_sovits, install_qwen3_tts, recording
from voice_training import installed

from backends.voice.speakers.recogniser import FILES
from configs.settings import Settings, load_settings
from configs.workspace import Workspace
from memory.store import Memory
from ui.commands.doctor import examine
from ui.commands.doctor_voices import voice_findings
from ui.commands.finding import Finding


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", warehouse=tmp_path / "warehouse", brain="offline")


def _findings(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in voice_findings(settings)}


def test_a_bare_machine_has_the_built_in_voices_alone(settings: Settings) -> None:
    found = _findings(settings)
    assert found["voice tables"].found == "the packaged ones"
    assert not found["GPT-SoVITS"].ok and not found["GPT-SoVITS"].needed and "docs/voices.md" in found["GPT-SoVITS"].fix
    assert "there is no Python at" in found["Qwen3-TTS"].found and "Italian" in found["Qwen3-TTS"].gives
    assert found["cloned voices"].found == "none yet; Luca, Alberto, Giulia have a stand-in and a recipe to train"
    assert not (settings.home / "studio.db").exists()


def test_installed_engines_are_found(settings: Settings) -> None:
    install_gpt_sovits(settings.warehouse)
    install_qwen3_tts(settings.warehouse)
    found = _findings(settings)
    assert found["GPT-SoVITS"].ok and found["Qwen3-TTS"].ok
    assert not found["voice training"].ok and "1-get-text.py" in found["voice training"].found, "only the server's part"


def test_an_installation_that_can_train_is_found(settings: Settings) -> None:
    assert "is not installed" in _findings(settings)["voice training"].found
    installed(settings.warehouse)
    assert _findings(settings)["voice training"].ok


def test_a_server_elsewhere_is_asked(settings: Settings) -> None:
    voice = settings.voice.model_copy(update={"gpt_sovits_url": "http://127.0.0.1:9"})
    found = _findings(settings.model_copy(update={"voice": voice}))["GPT-SoVITS"]
    assert not found.ok and "no server answers at http://127.0.0.1:9" in found.found


def test_a_wrong_table_is_told_with_its_place(settings: Settings) -> None:
    (settings.home / "configs").mkdir(parents=True)
    (settings.home / "configs" / "character_voices.yaml").write_text("characters: {Nina: {langage: it}}\n")
    (found,) = voice_findings(settings)
    assert not found.ok and found.needed and "Nina.langage" in found.found and "'language'" in found.found


def test_files_of_cloned_voices_that_are_gone_are_named(settings: Settings, tmp_path: Path) -> None:
    recording(tmp_path / "nina.wav")
    (settings.home / "configs").mkdir(parents=True)
    (settings.home / "configs" / "character_voices.yaml").write_text(
        f"characters: {{Nina: {{licence: my own, references: {{neutral: {{path: {tmp_path / 'nina.wav'}}}}}}}}}\n"
    )
    assert _findings(settings)["cloned voices"].found == "Nina"
    with Memory.open(Workspace.open(settings.home), index="numpy", embedder="letters") as memory:
        voice = {"references": {}, "weights": {"sovits": "/nowhere/pino.pth"}}
        memory.remember("character", "Pino", "a baker", {"voice_source": voice})
    found = _findings(settings)["cloned voices"]
    assert not found.ok and found.found == "missing files: Pino: /nowhere/pino.pth"


def test_the_whole_doctor_lists_them_after_the_built_in_voice(settings: Settings) -> None:
    names = [finding.name for finding in examine(settings)]
    at = names.index("espeakng_loader")
    assert names[at + 1 : at + 7] == [
        "voice tables", "GPT-SoVITS", "Qwen3-TTS", "voice training", "speech recogniser", "cloned voices"
    ]  # fmt: skip
    assert names.index("picture tables") == names.index("SDXL weights") + 1


def test_a_recogniser_on_the_gpu_is_told_with_its_memory(settings: Settings) -> None:
    pytest.importorskip("faster_whisper")
    assert "has no weights here" in _findings(settings)["speech recogniser"].found
    folder = settings.warehouse / settings.voice.recogniser
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_bytes(b"x" * (5 << 20))
    assert _findings(settings)["speech recogniser"].found.endswith("on the CPU")
    voice = settings.voice.model_copy(update={"recogniser_device": "cuda"})
    found = _findings(settings.model_copy(update={"voice": voice}))["speech recogniser"]
    assert found.ok and "about 6 MiB that engines do not know of" in found.found
