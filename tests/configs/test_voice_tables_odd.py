"""Tables of voices written by a careless or hostile hand: one sentence each, and nothing is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.character_voices import load_character_voices
from configs.errors import UsageError
from configs.settings import Settings
from configs.tts_config import load_tts
from configs.voice_training import load_voice_training

LEVELS = zip("abcdefghi", "bcdefghij", strict=True)
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{own}: &{own} [{', '.join([f'*{before}'] * 9)}]\n" for before, own in LEVELS
)
ORDER = "order: {default: [espeak]}\n"


def _written(home: Path, name: str, content: str) -> Settings:
    (home / "configs").mkdir(parents=True, exist_ok=True)
    (home / "configs" / name).write_text(content)
    return Settings(home=home)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("characters:\n  Luca: {description: one}\n  LUCA: {description: two}\n", "'Luca' and 'LUCA' are one name"),
        ('characters: {"": {description: x}}', "is no name"),
        ('characters: {"A\\nB|C": {description: x}}', "is no name"),
        ("characters: {A: {prosody: {pitch: .nan}}}", "'pitch' must be a number from -12 to 12"),
        ("characters: {A: {prosody: {rate: 0}}}", r"'rate' must be a number from 0\.5 to 2"),
        ("characters: {A: {language: klingon!!}}", "is no language"),
        ("characters: {A: {engine: gptsovits}}", r"at characters\.A\.engine: it must be .*Did you mean 'gpt_sovits'"),
        ("characters: {A: {weights: [1, 2]}}", r"at characters\.A\.weights"),
        ('characters: !!python/object/apply:os.system ["touch ran"]', "is no YAML"),
        ("characters: &c {A: *c}\n", "is wrong at"),
        (BOMB + "characters: *j\n", "is wrong at"),
        ("x" * (5 << 20), "is too large: 5 MiB"),
    ],
)
def test_a_table_of_characters_that_cannot_be_used(tmp_path: Path, content: str, told: str) -> None:
    settings = _written(tmp_path, "character_voices.yaml", content)
    with pytest.raises(UsageError, match=told) as caught:
        load_character_voices(settings)
    assert "\n" not in caught.value.sentence
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (ORDER + "engines: {gpt_sovits: {line_seconds: .inf}}", "at most 3600"),
        (ORDER + "engines: {gpt_sovits: {line_seconds: -1}}", "greater than 0"),
        ("order: {default: [espeak], klingonese: [espeak]}", "'klingonese' is no language"),
        ("order: {default: [espeak], it: [espeak], IT: [qwen3_tts]}", "a language is there twice"),
        (BOMB + "order: *j", "is wrong at"),
    ],
)
def test_a_table_of_engines_that_cannot_be_used(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_tts(_written(tmp_path, "tts_config.yaml", content))


def test_dates_need_no_quotes_and_languages_no_case(tmp_path: Path) -> None:
    """As the examples in docs/voices.md are written."""
    consent = "{basis: written_consent, person: Nina Rossi, date: 2026-11-20}"
    settings = _written(tmp_path, "character_voices.yaml", f"characters: {{Nina: {{consent: {consent}}}}}")
    found = load_character_voices(settings).find("nina")
    assert found is not None and found[1].consent is not None and found[1].consent.date == "2026-11-20"
    _written(
        tmp_path,
        "tts_config.yaml",
        "order: {Default: [espeak], IT: [qwen3_tts]}\nengines: {gpt_sovits: {languages: [EN]}}",
    )
    table = load_tts(settings)
    assert table.preferred("it-IT") == ("qwen3_tts",) and table.engines.gpt_sovits.languages == ("en",)


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("tts_config.yaml", load_tts),
        ("character_voices.yaml", load_character_voices),
        ("voice_training.yaml", load_voice_training),
    ],
)
def test_what_stands_in_place_of_a_table_is_told(tmp_path: Path, name: str, load: Callable[[Settings], Any]) -> None:
    place = tmp_path / "configs" / name
    place.mkdir(parents=True)
    settings = Settings(home=tmp_path)
    with pytest.raises(UsageError, match="it is a folder"):
        load(settings)
    place.rmdir()
    place.symlink_to("nowhere")
    with pytest.raises(UsageError, match="a link to nowhere"):
        load(settings)
    place.unlink()
    place.symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="no plain file"):
        load(settings)
