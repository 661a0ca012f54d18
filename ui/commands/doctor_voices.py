"""What `studio doctor` says of voices: tables, engines that clone, and whose cloned voice is whole."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backends.engines import make_engine
from backends.gpu.engine import Checked
from backends.vision.identity.local_files import model_folder
from backends.voice.speakers.recogniser import find_recogniser
from backends.voice.training.steps import check_installed
from configs.character_voices import CharacterVoices, has_own_voices, load_character_voices
from configs.errors import StudioError
from configs.image_tables import model_path
from configs.settings import Settings
from configs.tts_config import load_tts
from configs.voice_training import Version, load_voice_training
from tools.voice.weights import kept_weights
from ui.commands.finding import Finding

CLONING = {
    "gpt_sovits": ("GPT-SoVITS", "cloned and trained voices in English, Chinese, Japanese and Korean (MIT)"),
    "qwen3_tts": ("Qwen3-TTS", "cloned voices in Italian and nine more languages (Apache-2.0)"),
}
USUAL: Version = "v2ProPlus"
"""What is trained where no version is asked for."""
INSTALL = "docs/voices.md tells how to install it; without it the built-in voice speaks, and says so"


def voice_findings(settings: Settings) -> list[Finding]:
    """One finding on the tables, one per engine that clones, one on the characters."""
    gives = "which engine speaks for whom"
    try:
        load_tts(settings)
        voices = load_character_voices(settings)
    except StudioError as error:
        return [Finding("voice tables", False, True, error.sentence, gives, error.fix)]
    where = "character_voices.yaml of your own" if has_own_voices(settings) else "the packaged ones"
    return [
        Finding("voice tables", True, True, where, gives),
        *(_engine(settings, name) for name in CLONING),
        _training(settings),
        _recogniser(settings),
        _characters(settings, voices),
    ]


def _engine(settings: Settings, name: str) -> Finding:
    title, gives = CLONING[name]
    needed = settings.voice.engine == name
    try:
        engine = make_engine(name, settings, settings.home.expanduser() / "cache")
        if name == "gpt_sovits" and settings.voice.gpt_sovits_url:
            engine.probe()
            return Finding(title, True, needed, f"answers at {settings.voice.gpt_sovits_url}", gives)
        if isinstance(engine, Checked):
            engine.check_startable()
    except StudioError as error:
        return Finding(title, False, needed, error.sentence, gives, INSTALL)
    return Finding(title, True, needed, f"installed below {settings.warehouse.expanduser()}", gives)


def _recogniser(settings: Settings) -> Finding:
    """Where it is, and the memory that nobody counts."""
    from tools.voice.judges import recogniser_mib

    gives = "words of recordings, and whether a cloned line says what it should"
    found, why = find_recogniser(settings)
    if found is None:
        fix = f"Put a faster-whisper model into {model_folder(settings, settings.voice.recogniser)}"
        return Finding("speech recogniser", False, False, why, gives, fix if settings.voice.recogniser else "")
    mib = recogniser_mib(settings)
    where = f"on the GPU, about {mib} MiB that engines do not know of" if mib else "on the CPU"
    return Finding("speech recogniser", True, False, f"{found.name}, {where}", gives)


def _training(settings: Settings) -> Finding:
    """Whether train_voice finds all that the usual version needs."""
    gives, fix = "voices trained on your own recordings", "docs/cloning.md tells how to install it"
    try:
        table = load_voice_training(settings)
        check_installed(table.root(settings), table.gpt_sovits, USUAL)
    except StudioError as error:
        return Finding("voice training", False, False, error.sentence, gives, fix)
    return Finding("voice training", True, False, f"GPT-SoVITS {USUAL} in {table.root(settings)}", gives)


def _characters(settings: Settings, voices: CharacterVoices) -> Finding:
    """Cloned voices, and the files of theirs that are gone."""
    cloned: set[str] = set()
    gone: list[str] = []
    for name, path in (*_table_files(settings, voices), *_remembered_files(settings)):
        cloned.add(name)
        if not path.is_file():
            gone.append(f"{name}: {path}")
    recipes = [name for name, voice in voices.characters.items() if voice.recipe and name not in cloned]
    stand_ins = f"; {', '.join(recipes)} have a stand-in and a recipe to train" if recipes else ""
    gives = "voices of characters; everybody else's is made from the description"
    if gone:
        fix = "Put the files back, or clone the voice anew"
        return Finding("cloned voices", False, False, f"missing files: {'; '.join(gone[:5])}", gives, fix)
    found = f"{', '.join(sorted(cloned)) or 'none yet'}{stand_ins}"
    return Finding("cloned voices", True, False, found, gives)


def _table_files(settings: Settings, voices: CharacterVoices) -> Iterator[tuple[str, Path]]:
    for name, voice in voices.characters.items():
        paths = [one.path for one in voice.references.values()] + [voice.weights.gpt, voice.weights.sovits]
        yield from ((name, model_path(settings, path)) for path in paths if path)


def _remembered_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """From the database, read only: the doctor makes no memory."""
    home = settings.home.expanduser()
    if not (home / "studio.db").is_file():
        return
    try:
        with sqlite3.connect(f"file:{home / 'studio.db'}?mode=ro", uri=True, timeout=2) as database:
            rows = database.execute("SELECT name, data FROM entries WHERE kind = 'character'").fetchall()
            paths = dict(database.execute("SELECT id, path FROM assets WHERE kind = 'audio'").fetchall())
    except sqlite3.DatabaseError:
        return  # the finding on the memory says so
    for name, data in rows:
        source = _mapping(_mapping(_json(data)).get("voice_source"))
        for reference in _mapping(source.get("references")).values():
            asset = str(_mapping(reference).get("asset", ""))
            yield str(name), home / str(paths.get(asset, f"assets/{asset}"))
        for weights in _mapping(source.get("weights")).values():
            yield str(name), kept_weights(home, str(weights))


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
