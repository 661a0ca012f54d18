"""The tables of voice engines and of characters' voices: what is packaged is right, and faults are told by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.character_voices import emotion_names, has_own_voices, load_character_voices
from configs.errors import UsageError
from configs.settings import Settings, load_settings
from configs.tts_config import load_tts

ORDER = "order: {default: [espeak]}\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    return tmp_path


def settings_with(home: Path, name: str, text: str) -> Settings:
    (home / "configs" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_settings(home=home)


def test_the_packaged_tables_are_right(home: Path) -> None:
    settings = load_settings(home=home)
    table, voices = load_tts(settings), load_character_voices(settings)
    assert table.preferred("it-IT") == ("qwen3_tts", "espeak") and table.preferred("en")[0] == "gpt_sovits"
    assert "it" not in table.engines.gpt_sovits.languages and "it" in table.engines.qwen3_tts.languages
    assert set(voices.characters) == {"Luca", "Alberto", "Giulia"} and not has_own_voices(settings)
    assert all(voice.recipe is not None and voice.voice.fields() for voice in voices.characters.values())
    assert all(set(v.recipe.emotions) <= set(emotion_names()) for v in voices.characters.values() if v.recipe)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("engines: {gpt_sovit: {}}\n" + ORDER, r"engines\.gpt_sovit: there is no such key\. Did you mean 'gpt_sovits'"),
        ("engines: {gpt_sovits: {line_second: 3}}\n" + ORDER, "Did you mean 'line_seconds'"),
        ("engines: {gpt_sovits: {version: v2pro}}\n" + ORDER, "Did you mean 'v2Pro'"),
        ("engines: {gpt_sovits: {sample_rate: 16000}}\n" + ORDER, "sample_rate"),
        ("engines: {gpt_sovits: {shared_here: /mnt}}\n" + ORDER, "give both or none"),
        ("engines: {gpt_sovits: {sampling: {temprature: 1}}}\n" + ORDER, "Did you mean 'temperature'"),
        ("order: {it: [espeak]}\n", "'order' lacks 'default'"),
        ("order: {default: [espek]}\n", "Did you mean 'espeak'"),
        ("engines: {}\n", "order"),
        ("order: {default: [espeak]}\norder: {default: [espeak]}\n", "'order' is there twice"),
        (": : :", "no YAML"),
        ("", "empty"),
    ],
)
def test_faults_in_the_table_of_engines_are_told_by_name(home: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_tts(settings_with(home, "tts_config", text))


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{refrences: {}}", "Did you mean 'references'"),
        ("{engine: gpt-sovits}", "gpt_sovits"),
        ("{voice: {age: kid}}", "voice.age"),
        ("{voice: {pitch: 40}}", "voice.pitch: it must be a number from -12 to 12"),
        ("{voice: {pitch: .nan}}", "voice.pitch"),
        ("{prosody: {pich: 1}}", "there is no prosody 'pich'; did you mean 'pitch'"),
        ("{licence: mine, references: {hapy: {path: a.wav}}}", "there is no emotion 'hapy'; did you mean 'happy'"),
        ("{licence: mine, references: {happy: {path: ''}}}", "happy.path"),
        ("{references: {happy: {path: a.wav}}}", "neither a licence nor a consent"),
        ("{weights: {sovits: a.pth}}", "weights and no references"),
        ("{consent: {basis: said_so}}", "basis"),
        ("{recipe: {recordings: x, emotions: [glad]}}", "there is no emotion 'glad'"),
    ],
)
def test_faults_in_the_table_of_voices_are_told_by_name(home: Path, entry: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_character_voices(settings_with(home, "character_voices", f"characters:\n  Nina: {entry}\n"))


def test_an_empty_table_of_characters_is_fine(home: Path) -> None:
    settings = settings_with(home, "character_voices", "characters:\n")
    assert load_character_voices(settings).find("Luca") is None and has_own_voices(settings)


def test_a_changed_table_is_read_again(home: Path) -> None:
    settings = settings_with(home, "tts_config", ORDER)
    assert load_tts(settings).preferred("en") == ("espeak",)
    settings = settings_with(home, "tts_config", "order: {default: [qwen3_tts, espeak]}\n")
    assert load_tts(settings).preferred("en") == ("qwen3_tts", "espeak")
