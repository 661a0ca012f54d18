"""undo and redo of a cloned voice and of forgetting one: the character's facts and the files go together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from voice_studio import VoiceStudio, voice_studio

from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import SpeechRequest
from backends.voice.profile import voice_from_description
from backends.voice.wav import write_wav
from configs.errors import UsageError
from configs.settings import load_settings
from memory.records import Asset
from memory.set_aside import KEPT_DAYS, empty_trash
from tools.intake import attach
from tools.voice.routing import voice_source
from tools.voice.weights import written_weights

TEXT = "The morning train was late again, and nobody had seen the little boat. She laughed and closed the door."
CONSENT = "written consent of Anna Rossi, 3 October 2025"


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[VoiceStudio]:
    with voice_studio(load_settings(home=tmp_path / "home")) as made:
        made.studio.memory.remember("character", "Ada", "a woman")
        engine = EspeakEngine()
        engine.load()
        spoken = engine.speak(SpeechRequest(TEXT, voice_from_description("x", "a woman"), "en"))
        file = tmp_path / "ada.wav"
        write_wav(file, spoken.samples, spoken.sample_rate)
        attach(file, made.studio.workspace, made.studio.memory, made.studio.settings, "t")
        made.made("clone_voice", audio="ada.wav", character="Ada", text=TEXT, consent=CONSENT)
        yield made


def _source(studio: VoiceStudio) -> dict[str, object]:
    entry = studio.studio.memory.resolve_character("Ada")
    assert entry is not None
    return dict(entry.data.get("voice_source") or {})


def _recording(studio: VoiceStudio) -> tuple[Path, bool]:
    """Where the reference lies, and whether it can be found."""
    (asset,) = [a for a in _assets(studio) if a.params.get("reference")]
    return studio.file(asset), not asset.hidden


def _assets(studio: VoiceStudio) -> list:  # type: ignore[type-arg]
    return studio.studio.memory.list_assets(include_hidden=True, limit=50)


def test_a_clone_that_was_undone_comes_back(studio: VoiceStudio) -> None:
    before = _source(studio)
    assert studio.call("undo").error is None
    assert _source(studio) == {} and _recording(studio)[1] is False
    told = studio.call("redo")
    assert told.result is not None and "Ada" in told.result.summary
    assert _source(studio) == before and _recording(studio)[1] is True
    studio.call("undo")
    assert _source(studio) == {}, "what was done again is undone again"


def test_a_clone_is_not_brought_back_over_a_newer_change(studio: VoiceStudio) -> None:
    studio.call("undo")
    studio.studio.memory.remember("character", "Ada", "a woman of seventy", {"voice": {"age": "elder"}}, thread="other")
    told = studio.call("redo")
    assert told.result is not None and "changed again since" in told.result.summary
    assert _source(studio) == {}


def test_a_forgotten_voice_comes_back_with_its_files_and_goes_again(studio: VoiceStudio) -> None:
    entry = studio.studio.memory.resolve_character("Ada")
    assert entry is not None
    weights = studio.studio.workspace.home / "training" / "ada" / "weights" / "a.ckpt"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    before = {**_source(studio), "weights": {"gpt": "training/ada/weights/a.ckpt"}}
    studio.studio.memory.remember("character", "Ada", entry.text, {**entry.data, "voice_source": before})
    clip, _ = _recording(studio)
    sound = clip.read_bytes()
    told = studio.call("forget_voice", character="Ada")
    assert told.result is not None and f"for {KEPT_DAYS} days" in told.result.summary
    for _ in range(2):
        assert _source(studio) == {} and not clip.exists() and not weights.exists() and not _recording(studio)[1]
        assert studio.call("undo").error is None
        assert _source(studio) == before and clip.read_bytes() == sound and weights.read_bytes() == b"weights"
        assert _recording(studio)[1]
        assert studio.call("redo").error is None
    assert _source(studio) == {} and not clip.exists()


def test_forgotten_for_good_nothing_is_left(studio: VoiceStudio) -> None:
    clip, _ = _recording(studio)
    told = studio.call("forget_voice", character="Ada", for_good=True)
    assert told.result is not None and "deleted for good" in told.result.summary
    studio.call("undo", steps=5)
    studio.call("redo", steps=5)
    assert _source(studio) == {} and not clip.exists()
    entry = studio.studio.memory.resolve_character("Ada")
    assert entry is not None and "Rossi" not in str(studio.studio.memory.entry_history(entry.id))
    assert not list((studio.studio.workspace.home / "trash").rglob("*.wav"))
    assert not [asset for asset in _assets(studio) if asset.params.get("reference")], "a redo shows no record of it"


def test_what_was_put_away_is_forgotten_for_good_later(studio: VoiceStudio) -> None:
    home = studio.studio.workspace.home
    entry = studio.studio.memory.resolve_character("Ada")
    assert entry is not None
    studio.call("forget_voice", character="Ada")
    assert list((home / "trash").rglob("*.wav"))
    told = studio.call("forget_voice", character="Ada", for_good=True)
    assert told.error is None, told.error
    assert not list((home / "trash").rglob("*.wav"))
    assert "Rossi" not in str(studio.studio.memory.entry_history(entry.id))
    studio.call("undo", steps=5)
    assert _source(studio) == {} and not [asset for asset in _assets(studio) if asset.params.get("reference")]


def test_after_some_days_it_is_gone_and_an_undo_says_so(studio: VoiceStudio) -> None:
    home = studio.studio.workspace.home
    studio.call("forget_voice", character="Ada")
    assert empty_trash(home) == 0
    (folder,) = (home / "trash").iterdir()
    folder.rename(folder.with_name(f"{time.time_ns() - round((KEPT_DAYS + 1) * 86400e9)}-voice"))
    assert empty_trash(home) == 1
    told = studio.call("undo")
    assert told.result is not None and "deleted for good" in told.result.summary
    assert _source(studio) == {}


def test_who_has_no_cloned_voice_is_told_who_has(studio: VoiceStudio) -> None:
    studio.studio.memory.remember("character", "Bea", "a girl")
    error = studio.call("forget_voice", character="Bea").error
    assert isinstance(error, UsageError) and "Ada" in error.sentence


def test_for_good_takes_former_and_undone_recordings_trainings_and_datasets(studio: VoiceStudio) -> None:
    home, memory = studio.studio.workspace.home, studio.studio.memory
    first, _ = _recording(studio)
    studio.made("clone_voice", audio="ada.wav", character="Ada", text=TEXT, consent=CONSENT)
    again = [asset for asset in _assets(studio) if asset.params.get("reference") and studio.file(asset) != first]
    old = home / "training" / "ada_v2pro_0123abcd" / "weights" / "ada-e1.ckpt"
    other = home / "training" / "adam_v2pro_0123abcd" / "state.json"
    compared = home / "cache" / "voices" / "0123.wav"
    made, attached = home / "assets" / "set-1.zip", home / "assets" / "set-2.zip"
    for file in (old, other, compared, made, attached):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"a voice")
    for file, tool in ((made, "build_voice_dataset"), (attached, "")):
        asset = Asset(
            file.stem, "dataset", f"assets/{file.name}", file.name, "0", 7, tool=tool, params={"character": "Ada"}
        )
        memory.add_asset(asset)
    entry = memory.resolve_character("Ada")
    assert entry is not None
    memory.rename_entry(entry.id, "Nora")
    told = studio.call("forget_voice", character="Nora", for_good=True)
    assert told.result is not None and "1 training with all weights" in told.result.summary
    assert "1 dataset" in told.result.summary and "ada.wav" in told.result.summary
    gone = (first, old, compared, made, *(studio.file(asset) for asset in again))
    assert not [file for file in gone if file.exists()]
    assert other.is_file() and attached.is_file(), "another character's, and the user's own"


def test_a_clone_that_was_undone_can_be_forgotten_for_good(studio: VoiceStudio) -> None:
    clip, _ = _recording(studio)
    studio.call("undo")
    assert _source(studio) == {} and clip.is_file(), "redo brings it back"
    told = studio.call("forget_voice", character="Ada", for_good=True)
    assert told.error is None, told.error
    studio.call("redo")
    assert _source(studio) == {} and not clip.exists()
    assert not [asset for asset in _assets(studio) if asset.params.get("reference")]
    assert isinstance(studio.call("forget_voice", character="Ada", for_good=True).error, UsageError)


def test_the_weights_of_a_home_that_was_moved_are_found_and_forgotten(studio: VoiceStudio) -> None:
    home, memory = studio.studio.workspace.home, studio.studio.memory
    weights = home / "training" / "ada_here" / "weights" / "a.ckpt"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    entry = memory.resolve_character("Ada")
    assert entry is not None
    written = "/elsewhere/home/training/ada_here/weights/a.ckpt"  # as older studios wrote it
    source = {**_source(studio), "weights": {"gpt": written}}
    memory.remember("character", "Ada", entry.text, {**entry.data, "voice_source": source})
    notes: list[str] = []
    found = voice_source(studio.studio, "Ada", notes)
    assert found is not None and found.weights == {"gpt": str(weights)} and notes == []
    assert written_weights(home, weights) == "training/ada_here/weights/a.ckpt"
    studio.call("forget_voice", character="Ada")
    assert not weights.exists()
