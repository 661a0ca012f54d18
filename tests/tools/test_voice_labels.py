"""What is written inside sounds and films with synthetic voices, and what is listed of a voice's consent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from voice_studio import VoiceStudio, voice_studio

from backends.media.ffmpeg import run_ffmpeg
from backends.voice.wav import VoiceOrigin, origin_of, read_origin
from configs.settings import load_settings
from memory.records import Asset
from tools.editing.specs import ClipSpec
from tools.editing.timeline import build_timeline, save_timeline
from tools.intake import attach
from tools.voice.consent import Recording, agreed
from tools.voice.labels import film_comment, line_tags, voices_tags
from ui.commands.memory import list_all


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    home = tmp_path_factory.mktemp("labels")
    with voice_studio(load_settings(home=home, memory={"index": "numpy", "embedder": "letters"})) as made:
        memory = made.studio.memory
        consent = agreed(
            memory, "Anna", None, [Recording("ab" * 32, "anna.wav")], "my own voice", "", today="2026-05-03"
        )
        memory.remember("character", "Anna", "a woman", {"voice_source": {"consent": consent.to_data()}})
        yield made


def _film(studio: VoiceStudio, sound: Asset) -> Asset:
    """The sound under two seconds of grey."""
    grey = studio.studio.workspace.tmp / "grey.mp4"
    run_ffmpeg(["-f", "lavfi", "-i", "color=c=gray:s=64x48:r=12:d=2", str(grey)])
    picture = attach(grey, studio.studio.workspace, studio.studio.memory, studio.studio.settings, "t")
    clips = [ClipSpec(picture.id, Path(picture.path), 0.0, 2.0, source_seconds=2.0)]
    seconds = float(sound.params["duration"])
    heard = {"dialogue": [ClipSpec(sound.id, Path(sound.path), 0.0, min(2.0, seconds), source_seconds=seconds)]}
    file = save_timeline(build_timeline("Talk", 12, 64, 48, clips, heard), studio.studio.workspace.scratch(".otio"))
    timeline = attach(file, studio.studio.workspace, studio.studio.memory, studio.studio.settings, "t")
    return studio.made("render_timeline", timeline=timeline.id)[1]


def test_lines_mixes_and_films_say_that_their_voices_are_made(studio: VoiceStudio) -> None:
    lines = [{"character": "Luca", "text": "Good morning."}, {"character": "Boo", "text": "*beeps*"}]
    outcome, mix = studio.made("speak_dialogue", lines=lines)
    line = next(asset for asset in outcome.assets if asset.params.get("character") == "Luca")
    assert read_origin(studio.file(line)) == VoiceOrigin("espeak", "Luca")
    assert read_origin(studio.file(mix)) == VoiceOrigin("espeak", "Luca, Boo")
    film = _film(studio, mix)
    assert origin_of(film_comment(studio.file(film))) == VoiceOrigin("espeak", "Luca, Boo")
    # a film cut from that film keeps it
    assert voices_tags([studio.file(film)]) == voices_tags([studio.file(mix)])


def test_a_cloned_voice_names_its_consent_and_a_built_in_one_has_none(studio: VoiceStudio) -> None:
    cloned, built_in = (line_tags(studio.studio.memory, engine, "anna") for engine in ("gpt_sovits", "espeak"))
    assert "consent=con-" in cloned["comment"] and "consent" not in built_in["comment"]


def test_without_synthetic_voices_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film")
    assert voices_tags([tmp_path / "film.mp4", tmp_path / "gone.wav"]) == {}


def test_the_memory_lists_who_agreed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("STUDIO_MEMORY__INDEX", "numpy")
    monkeypatch.setenv("STUDIO_MEMORY__EMBEDDER", "letters")
    with voice_studio(load_settings(home=tmp_path)) as made:
        memory = made.studio.memory
        consent = agreed(memory, "Anna", None, [Recording("cd" * 32, "a.wav")], "written consent of Anna Rossi", "")
        memory.remember("character", "Anna", "a woman", {"voice_source": {"consent": consent.to_data()}})
        memory.remember("character", "Boo", "a robot")
    list_all(tmp_path, "character", False)
    shown = capsys.readouterr().out
    assert shown.count("voice: ") == 1 and "voice: written consent of Anna Rossi" in shown
    list_all(tmp_path, "character", True)
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["items"]}
    assert "Anna Rossi" in rows["Anna"]["voice"] and "voice" not in rows["Boo"]
