"""Lines that were spoken before: kept by what they are, so that the same line is read in place of spoken again.

The key is a digest of all that shapes the sound: the words, the voice, the engine, its version and options, what is in
the files of a cloned voice, emotion, loudness, and the studio's own voice code and tables. All of it is known without
loading the engine, so a kept line needs none. The samples are kept as they were made
(float32), so that a line from the cache gives the same file to the byte. Below `<home>/cache/lines`, bounded; what was
not used for longest goes first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import io
import json
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from backends.voice.emotions.prosody import Prosody
from backends.voice.engines.protocol import Phoneme, Reference, SpeechRequest, VoiceEngine, VoiceProfile, VoiceSource
from backends.voice.engines.stamp import content
from configs.dialogue import dialogue_config
from configs.settings import CONFIG_DIR, PROMPT_DIR
from configs.workspace import Workspace
from memory.records import Score
from tools.voice.judges import NOBODY, Judges
from tools.voice.line import SpokenLine, synthesise_line

FOLDER = "lines"
MIB = 1024 * 1024
_CODE = Path(__file__).parents[2]
_PACKAGES = {"espeak": "espeakng-loader"}
"""Engines whose version is a package's; others tell theirs as `version`, or by the files of the voice."""


class LineCache:
    """Spoken lines on disk. Safe beside other processes: files are written whole and may vanish at any time."""

    def __init__(self, folder: Path, max_mib: float | None = None) -> None:
        self.folder = folder
        self._most = (dialogue_config()["line_cache"]["max_mib"] if max_mib is None else max_mib) * MIB
        self.notes = folder.with_name(f"{folder.name}-digests")
        """Digests of large files of voices."""
        self.hits = self.misses = 0

    @classmethod
    def of(cls, workspace: Workspace) -> LineCache:
        return cls(workspace.cache / FOLDER)

    def has(self, key: str) -> bool:
        """Whether there is a line of this key; `get` may still find it damaged."""
        return (self.folder / f"{key}.npz").is_file()

    def get(self, key: str) -> SpokenLine | None:
        """The line of this key, or None. A damaged file counts as none and is removed."""
        file = self.folder / f"{key}.npz"
        try:
            raw = file.read_bytes()
        except OSError:
            return None
        try:
            with np.load(io.BytesIO(raw), allow_pickle=False) as kept:
                line = _line(json.loads(bytes(kept["facts"])), kept["samples"])
        except Exception:  # what zipfile and numpy raise for bytes that are no archive is not documented, and much
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(file)  # used just now
        return line

    def put(self, key: str, line: SpokenLine) -> None:
        """Keep a line; a full disk or a line that cannot be written down is no error, it is only not kept."""
        try:
            facts = json.dumps(_facts(line)).encode()
        except (TypeError, ValueError):
            return
        buffer = io.BytesIO()
        np.savez(buffer, samples=line.samples.astype(np.float32), facts=np.frombuffer(facts, np.uint8))
        draft = self.folder / f"{key}.{os.getpid()}-{threading.get_ident()}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(buffer.getvalue())
            draft.replace(self.folder / f"{key}.npz")
            self._drop_oldest()
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget every line, and the digests of voices."""
        for folder in (self.folder, self.notes):
            shutil.rmtree(folder, ignore_errors=True)

    def _drop_oldest(self) -> None:
        files = [(entry.stat().st_mtime_ns, entry.stat().st_size, entry.path) for entry in os.scandir(self.folder)]
        over = sum(size for _, size, _ in files) - self._most
        for _, size, path in sorted(files):
            if over <= 0:
                return
            Path(path).unlink(missing_ok=True)
            over -= size


def spoken_line(
    kept: LineCache,
    engine: VoiceEngine,
    text: str,
    voice: VoiceProfile,
    *,
    judges: Judges = NOBODY,
    options: Mapping[str, Any] | None = None,
    on_try: Callable[[int, int], None] | None = None,
    **how: Any,
) -> SpokenLine:
    """`synthesise_line`, or the same line from the cache, with what its gates said of it.

    Args:
        judges: who measures the line besides the gates; their names are part of the key.
        options: of the engine, as far as they shape the sound; part of the key only.
        how: the other arguments of `synthesise_line`; all of them are part of the key.

    Raises:
        What `synthesise_line` raises.
    """
    key = line_key(engine, text, voice, how, judges=judges, options=options, notes=kept.notes)
    if (found := kept_line(kept, key)) is not None:
        return found
    line = synthesise_line(engine, text, voice, judges=judges, on_try=on_try, **how)
    kept.put(key, line)
    return line


def kept_line(kept: LineCache, key: str) -> SpokenLine | None:
    """The line of this key, counted as a hit or a miss."""
    found = kept.get(key)
    kept.hits += found is not None
    kept.misses += found is None
    return dataclasses.replace(found, seconds=0.0) if found is not None else None  # nothing was synthesised this time


def line_key(
    engine: VoiceEngine,
    text: str,
    voice: VoiceProfile,
    how: Mapping[str, Any],
    *,
    judges: Judges = NOBODY,
    options: Mapping[str, Any] | None = None,
    notes: Path | None = None,
) -> str:
    """The identity of a spoken line, 64 hex digits.

    Args:
        engine: a cold one will do.
        how, judges, options: as `spoken_line` gets them.
        notes: where digests of weights are kept.
    """
    source = how.get("source")
    parts = {
        "engine": engine.name,
        "version": _version(engine),
        "options": _plain(options or {}),
        "text": text,
        "voice": dataclasses.asdict(voice),
        "how": {name: _plain(value) for name, value in how.items() if name != "source"},
        "source": _voice_of(source, notes) if isinstance(source, VoiceSource) else None,
        "judges": list(judges.names),
        "made_by": _recipe(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _version(engine: VoiceEngine) -> str:
    package = _PACKAGES.get(engine.name)
    if package is None:
        return str(getattr(engine, "version", ""))
    return _package_version(package)


@cache
def _package_version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


@cache
def _recipe() -> str:
    """Digest of the code and tables that shape a line."""
    digest = hashlib.sha256()
    files = [*(_CODE / "backends" / "voice").glob("*.py"), *(_CODE / "tools" / "voice").glob("line*.py")]
    files += [_CODE / "tools" / "voice" / "gates.py", _CODE / "tools" / "voice" / "judges.py"]
    files += [CONFIG_DIR / "voices.yaml", CONFIG_DIR / "emotions.yaml", *(PROMPT_DIR / "voice").glob("*.yaml")]
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _voice_of(source: VoiceSource, notes: Path | None) -> dict[str, Any]:
    """A cloned voice by what is in its files: trained again under the same name it is another voice, and the same files
    elsewhere are the same voice."""
    return {
        "engine": source.engine,
        "weights": {kind: content(Path(path), notes) for kind, path in source.weights.items()},
        "references": {
            emotion: [content(Path(one.path), notes), one.text, one.language]
            for emotion, one in source.references.items()
        },
        "prosody": dict(source.prosody),
    }


def _plain(value: Any) -> Any:
    """JSON-ready, the same for equal values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)


def _facts(line: SpokenLine) -> dict[str, Any]:
    """Everything of a line but its samples. Raises TypeError for what JSON cannot hold."""
    facts = {field.name: getattr(line, field.name) for field in dataclasses.fields(line) if field.name != "samples"}
    return {name: _written(value) for name, value in facts.items()}


def _written(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _written(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _written(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(one) for one in value]
    if isinstance(value, (np.floating, np.integer)):
        return value.item()
    return value


def _line(facts: dict[str, Any], samples: Any) -> SpokenLine:
    """Raises TypeError or KeyError when the facts are of another version of the studio."""
    built: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    built["phonemes"] = tuple(Phoneme(**one) for one in facts["phonemes"])
    built["words"] = tuple((start, end, word) for start, end, word in facts["words"])
    built["scores"] = tuple(Score(**one) for one in facts["scores"])
    # what is a list in JSON is a tuple in a frozen dataclass
    asked: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in facts["request"].items()
    }
    asked["voice"] = VoiceProfile(**asked["voice"])
    if asked.get("source") is not None:
        source = asked["source"]
        references = {name: Reference(**one) for name, one in source["references"].items()}
        asked["source"] = VoiceSource(**{**source, "references": references})
    if asked.get("prosody") is not None:
        asked["prosody"] = Prosody(**asked["prosody"])
    built["request"] = SpeechRequest(**asked)
    return SpokenLine(samples=samples, **built)
