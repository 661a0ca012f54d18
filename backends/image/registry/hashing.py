"""Hashes of model files: gigabytes, so that each file is read once as long as it stays the same."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from configs.errors import EngineError

CHUNK = 4 * 2**20

_known: dict[str, tuple[tuple[int, int], str]] = {}
_lock = threading.Lock()


def file_sha256(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """Hash of a file as 64 hex digits, kept in this process until its size or time of change differs.

    Args:
        on_bytes: called with the number of bytes after each piece; an exception of it stops the work.

    Raises EngineError when the file cannot be read, or is written to meanwhile.
    """
    try:
        with path.open("rb") as handle:
            before = _state(handle.fileno())
            with _lock:
                known = _known.get(str(path.absolute()))
            if known is not None and known[0] == before:
                if on_bytes:
                    on_bytes(before[0])
                return known[1]
            digest = hashlib.sha256()
            while piece := handle.read(CHUNK):
                digest.update(piece)
                if on_bytes:
                    on_bytes(len(piece))
            after = _state(handle.fileno())
    except OSError as error:
        raise EngineError(f"'{path.name}' cannot be read", error.strerror or str(error), "Correct its path") from error
    if before != after:
        raise EngineError(f"'{path.name}' changed while it was read", "is it still downloading?", "Try again later")
    with _lock:
        _known[str(path.absolute())] = (before, digest.hexdigest())
    return digest.hexdigest()


def _state(descriptor: int) -> tuple[int, int]:
    seen = os.fstat(descriptor)
    return seen.st_size, seen.st_mtime_ns
