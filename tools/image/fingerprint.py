"""Which engine and which weights make pictures now, so that the same picture can be told from another one."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import EngineError, StudioError

if TYPE_CHECKING:
    from tools.spec import Studio, ToolContext

WEIGHTS = (".safetensors", ".json", ".txt")
"""What decides a diffusers folder's pixels: weights, configs, tokenizers."""
CACHE = "model-hashes.json"
"""Below the workspace's cache: hashing 7 GB takes seconds, and each command is a process of its own."""


def image_engine_version(engine: str) -> str:
    """As the engine itself tells it in its results, without loading it; '' when its packages are not installed."""
    try:
        if engine == "preview":
            from backends.image.preview import LOOK_VERSION

            return f"{LOOK_VERSION}+mitsuba{version('mitsuba')}"
        if engine == "sdxl":
            return f"diffusers {version('diffusers')}, torch {version('torch')}"
    except PackageNotFoundError:
        return ""
    return ""


def model_sha256(studio: Studio | ToolContext) -> str:
    """Hash of the SDXL weights that are set, 64 hex digits; '' when none are there.

    One file: its own hash, as galleries know it. A folder: the hash over the names and hashes of what is in it.
    """
    path = Path(studio.settings.image.sdxl_path).expanduser()
    if not studio.settings.image.sdxl_path or not path.exists():
        return ""
    if path.is_file():
        return _cached(path, studio.workspace.cache / CACHE)
    files = sorted(one for one in path.rglob("*") if one.suffix in WEIGHTS and one.is_file())
    whole = hashlib.sha256()
    for one in files:
        whole.update(f"{one.relative_to(path).as_posix()}\n{_cached(one, studio.workspace.cache / CACHE)}\n".encode())
    return whole.hexdigest()


def _cached(path: Path, cache: Path) -> str:
    """The file's hash, kept between processes until its size or time of change differs. Raises EngineError."""
    from backends.image.registry.hashing import file_sha256

    try:
        seen = path.stat()
    except OSError as error:
        raise EngineError(f"'{path.name}' cannot be read", error.strerror or str(error), "Correct its path") from error
    key, state = str(path.resolve()), [seen.st_size, seen.st_mtime_ns]
    known = _read(cache)
    row = known.get(key)
    if isinstance(row, list) and len(row) == 3 and row[:2] == state and isinstance(row[2], str):
        return row[2]
    digest = file_sha256(path)
    _write(cache, {**_read(cache), key: [*state, digest]})
    return digest


def _read(cache: Path) -> dict[str, object]:
    try:
        found = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(cache: Path, rows: dict[str, object]) -> None:
    """A cache that cannot be written costs time only."""
    half = cache.with_suffix(".part")
    try:
        half.write_text(json.dumps(rows), encoding="utf-8")
        half.replace(cache)
    except (OSError, StudioError):
        half.unlink(missing_ok=True)
