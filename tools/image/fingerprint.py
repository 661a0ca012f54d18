"""Which engine and which weights make pictures now, so that the same picture can be told from another one."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.controlnet_config import load_controlnets
from configs.errors import EngineError, StudioError
from configs.image_tables import ImageTable, model_path, table_file
from configs.sdxl_config import load_sdxl_config

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
            from backends.image.sdxl.result import engine_version

            return engine_version()
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
    return file_hash(path, studio)


def making_of(studio: Studio | ToolContext) -> dict[str, Any]:
    """All beside the wish that decides pictures now, JSON-ready: engine, version, hashes of models, tables, settings.

    LoRAs are not in it: which of them are used depends on the wish. Raises UsageError for a wrong table.
    """
    settings = studio.settings
    engine = settings.image.resolved_engine()
    asked = settings.image.model_dump(mode="json", exclude={"sdxl_path", "sdxl_config", "tables_dir", "engine"})
    found: dict[str, Any] = {
        "engine": engine,
        "version": image_engine_version(engine),
        "settings": asked,
        "rounds": settings.budget.rounds,
    }
    if engine != "sdxl":
        return found
    names: tuple[ImageTable, ...] = ("sdxl_config", "lora_registry", "controlnet_config", "character_presets")
    tables = {name: hashlib.sha256(table_file(settings, name).read_bytes()).hexdigest() for name in names}
    vision = settings.vision.model_dump(mode="json")
    return {**found, "model": model_sha256(studio), "tables": tables, "beside": _beside(studio), "vision": vision}


def file_hash(path: Path, studio: Studio | ToolContext) -> str:
    """Hash of a model's file or folder, '' when it is not there."""
    if path.is_file():
        return _cached(path, studio.workspace.cache / CACHE)
    if not path.is_dir():
        return ""
    whole = hashlib.sha256()
    for one in sorted(one for one in path.rglob("*") if one.suffix in WEIGHTS and one.is_file()):
        whole.update(f"{one.relative_to(path).as_posix()}\n{_cached(one, studio.workspace.cache / CACHE)}\n".encode())
    return whole.hexdigest()


def _beside(studio: Studio | ToolContext) -> dict[str, str]:
    """Path in a table -> hash, for every file there is besides the model and the LoRAs."""
    sdxl, nets = load_sdxl_config(studio.settings), load_controlnets(studio.settings)
    paths = [
        sdxl.vae,
        sdxl.ip_adapter.path,
        sdxl.ip_adapter.image_encoder,
        nets.union.path,
        *(one.lora for one in sdxl.few_step.values()),
    ]
    paths += [net.path for net in nets.nets.values()]
    hashes = {path: file_hash(model_path(studio.settings, path), studio) for path in paths if path}
    return {path: digest for path, digest in hashes.items() if digest}


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
