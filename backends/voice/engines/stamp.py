"""What tells one state of an engine's files from another: a stamp, or a digest of their content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from functools import lru_cache
from pathlib import Path

GONE = "-"
_NOTED_FROM = 4 * 1024 * 1024
"""Bytes; smaller files are read as fast as a note of their digest."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


def stamp(*parts: str | Path) -> str:
    """One text of names and files; a file counts with its size and its time of change, a folder with its files'."""
    return " ".join(_of(part) if isinstance(part, Path) else part for part in parts)


def content(path: Path, notes: Path | None = None) -> str:
    """SHA-256 of a file, '-' where there is none.

    Read once while the file stays as it is (inode, size, times of change of content and of inode).

    Args:
        notes: folder in which digests of large files are kept between runs; weights of 300 MB take a third of a second.
    """
    try:
        facts = path.stat()
    except OSError:
        return GONE
    state = f"{path.absolute()}|{facts.st_ino}|{facts.st_size}|{facts.st_mtime_ns}|{facts.st_ctime_ns}"
    large = notes is not None and facts.st_size >= _NOTED_FROM
    try:
        return _digest(path, state, notes if large else None)
    except OSError:
        return GONE


@lru_cache(maxsize=512)
def _digest(path: Path, state: str, notes: Path | None) -> str:
    note = notes / f"{hashlib.sha256(state.encode()).hexdigest()[:32]}.sha256" if notes is not None else None
    if note is not None:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if _DIGEST.fullmatch(kept := note.read_text(encoding="ascii")[:65]):
                return kept
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    if note is not None:
        with contextlib.suppress(OSError):  # a full disk only costs the time again
            note.parent.mkdir(parents=True, exist_ok=True)
            draft = note.with_suffix(f".{os.getpid()}.part")
            draft.write_text(digest, encoding="ascii")
            draft.replace(note)
    return digest


def _of(path: Path) -> str:
    try:
        if path.is_dir():
            return f"{path}({','.join(sorted(_file(one) for one in path.iterdir() if one.is_file()))})"
        return f"{path}:{_file(path)}"
    except OSError:
        return f"{path}:-"


def _file(path: Path) -> str:
    facts = path.stat()
    return f"{path.name}:{facts.st_size}:{facts.st_mtime_ns}"
