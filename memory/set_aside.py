"""Files that were taken away and may come back: they lie in `<home>/trash` for some days, then they are deleted."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

FOLDER = "trash"
KEPT_DAYS = 7

Moved = Sequence[Sequence[str]]
"""(from, to) pairs, both relative to the home."""


def set_aside(home: Path, paths: Iterable[Path], name: str) -> list[list[str]]:
    """Move files and folders of `home` into a new folder of the trash; where each came from and lies.

    Raises OSError; what was moved by then is moved back.
    """
    folder = home / FOLDER / f"{time.time_ns()}-{name}"
    moved = [
        [path.relative_to(home).as_posix(), f"{FOLDER}/{folder.name}/{number}/{path.name}"]
        for number, path in enumerate(paths)
    ]
    move_aside(home, moved)
    return moved


def move_aside(home: Path, moved: Moved) -> None:
    """Likewise for pairs that are known; what is not there is passed over. Raises OSError, with all moved back."""
    done: list[Sequence[str]] = []
    try:
        for pair in moved:
            source, target = (_inside(home, one) for one in pair)
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(source, target)
                done.append(pair)
    except OSError:
        move_back(home, done)
        raise


def move_back(home: Path, moved: Moved) -> bool:
    """Everything where it came from; False, with nothing moved, when a part was deleted since."""
    pairs = [tuple(_inside(home, one) for one in pair) for pair in moved]
    if not all(kept.exists() for _, kept in pairs):
        return False
    for source, kept in pairs:
        source.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(kept, source)
        with contextlib.suppress(OSError):
            kept.parent.rmdir()
            kept.parent.parent.rmdir()
    return True


def empty_trash(home: Path, days: float = KEPT_DAYS) -> int:
    """Delete for good what was set aside longer ago; how many folders."""
    gone = 0
    with contextlib.suppress(OSError):
        for folder in (home / FOLDER).iterdir():
            began, _, _ = folder.name.partition("-")
            if began.isdigit() and time.time() - int(began) / 1e9 >= days * 86400 and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)
                gone += 1
    return gone


def _inside(home: Path, path: str) -> Path:
    """Raises ValueError for a pair of the database that leads elsewhere."""
    found = home / path
    if not found.resolve().is_relative_to(home.resolve()):
        raise ValueError(f"{path} lies outside of {home}")
    return found
