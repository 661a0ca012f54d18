"""Model folders on this machine: where they are, whether they are complete, and which version they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from configs.settings import Settings

_SAMPLE = 1 << 20
"""Bytes read at the start, the middle and the end of a weights file for its fingerprint."""


def model_folder(settings: Settings, path: str) -> Path | None:
    """A vision setting's folder, below the warehouse unless absolute; None when the setting is empty."""
    if not path.strip():
        return None
    found = Path(path).expanduser()
    return found if found.is_absolute() else settings.warehouse.expanduser() / found


def fingerprint(files: Sequence[Path]) -> str:
    """12 hex digits that change with the files' content: of their sizes and of three MiB of each.

    Whole files would take seconds per gigabyte at every start.
    """
    digest = hashlib.sha256()
    for file in sorted(files):
        facts = file.stat()
        digest.update(f"{file.name}:{_sampled(str(file), facts.st_size, facts.st_mtime_ns)}".encode())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=64)
def _sampled(path: str, size: int, _changed_ns: int) -> str:
    digest = hashlib.sha256(str(size).encode())
    with Path(path).open("rb") as file:
        for at in sorted({0, max(0, size // 2 - _SAMPLE // 2), max(0, size - _SAMPLE)}):
            file.seek(at)
            digest.update(file.read(_SAMPLE))
    return digest.hexdigest()
