"""A cheap mark of model files: enough to tell one model from another without reading gigabytes."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PLACES = 64
"""In every file, evenly spread, beside its beginning."""
PIECE = 64 * 1024
"""Bytes that are read at each."""


def file_state(path: Path) -> tuple[int, int]:
    """Size and time of change: another state is another file. (0, 0) when there is none."""
    try:
        seen = path.stat()
    except OSError:
        return 0, 0
    return seen.st_size, seen.st_mtime_ns


def fingerprint(path: Path) -> str:
    """64 hex digits of a .safetensors file, or of all those in a folder; kept while sizes and times stay the same.

    SHA-256 over each file's name below the folder, its size, its first piece (the header begins there) and PLACES
    further pieces of PIECE bytes: two fine-tunes have the same header and size, so that a part of the weights is read
    too. Not the file's own SHA-256. '' when nothing can be read.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*.safetensors"))
    try:
        states = [(file, file.stat()) for file in files]
        return _digest(path, tuple((file, seen.st_size, seen.st_mtime_ns) for file, seen in states))
    except OSError:
        return ""


@lru_cache(maxsize=64)
def _digest(path: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for file, size, _ in files:
        name = file.name if file == path else file.relative_to(path).as_posix()
        digest.update(f"{name}\0{size}\0".encode())
        with file.open("rb") as handle:
            for i in range(PLACES + 1):
                handle.seek(max(size - PIECE, 0) * i // PLACES)
                digest.update(handle.read(PIECE))
    return digest.hexdigest() if files else ""


def pixels_sha256(pixels: NDArray[Any]) -> str:
    """64 hex digits of an array's values: SHA-256 over its shape, type and bytes in C order."""
    array = np.ascontiguousarray(pixels)
    return hashlib.sha256(f"{array.shape}{array.dtype.str}".encode() + array.tobytes()).hexdigest()
