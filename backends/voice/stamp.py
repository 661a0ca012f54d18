"""What tells one state of an engine's files from another without reading them."""

from __future__ import annotations

from pathlib import Path


def stamp(*parts: str | Path) -> str:
    """One text of names and files; a file counts with its size and its time of change, a folder with its files'."""
    return " ".join(_of(part) if isinstance(part, Path) else part for part in parts)


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
