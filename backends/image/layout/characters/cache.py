"""Keeps built meshes: in the process (bounded) and, where a folder is given, as .npz files named by content hash."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from backends.image.layout.characters import surface
from backends.image.layout.characters.surface import Mesh

Meshes = dict[str, Mesh]

_LIMIT = 192
_memory: OrderedDict[str, Meshes] = OrderedDict()
_lock = threading.Lock()


@lru_cache(maxsize=1)
def _source_digest() -> str:
    # Meshes are only as good as the code and tables that made them.
    digest = hashlib.sha256()
    folder = files(__package__)
    for item in sorted(folder.iterdir(), key=lambda f: f.name):
        if item.name.endswith((".py", ".yaml")):
            digest.update(item.name.encode())
            digest.update(item.read_bytes())
    return digest.hexdigest()


def clear() -> None:
    """Forgets what this process keeps; files stay."""
    with _lock:
        _memory.clear()


def cached(kind: str, key: object, make: Callable[[], Meshes], cache_dir: Path | None) -> Meshes:
    """The meshes of `kind` for `key`, built by `make` only when neither memory nor `cache_dir` has them.

    Args:
        kind: First part of the file's name, such as 'hair'.
        key: Anything whose `repr` tells apart all inputs of `make`.
        make: Builds the meshes.
        cache_dir: Folder for .npz files (made if absent); None: this process only.
    """
    text = f"{_source_digest()}|{surface.QUALITY}|{kind}|{key!r}"
    name = f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    with _lock:
        if name in _memory:
            _memory.move_to_end(name)
            return _memory[name]
    path = None if cache_dir is None else cache_dir / f"{name}.npz"
    meshes = _load(path) if path is not None else None
    if meshes is None:
        meshes = make()
        if path is not None:
            _save(path, meshes)
    for mesh in meshes.values():
        for array in (mesh.vertices, mesh.faces, mesh.normals):
            array.flags.writeable = False
    with _lock:
        _memory[name] = meshes
        while len(_memory) > _LIMIT:
            _memory.popitem(last=False)
    return meshes


def _load(path: Path) -> Meshes | None:
    try:
        with np.load(path, allow_pickle=False) as data:
            names = dict.fromkeys(key.rsplit(".", 1)[0] for key in data.files)
            return {n: Mesh(data[f"{n}.v"], data[f"{n}.f"], data[f"{n}.n"]) for n in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        # Absent or damaged: it is built again and replaced.
        return None


def _save(path: Path, meshes: Meshes) -> None:
    arrays: dict[str, Any] = {}
    for name, mesh in meshes.items():
        arrays[f"{name}.v"], arrays[f"{name}.f"], arrays[f"{name}.n"] = mesh.vertices, mesh.faces, mesh.normals
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    except OSError:
        # A cache that cannot be written costs time, not the picture.
        return
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, **arrays)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
