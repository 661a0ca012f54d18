"""Files that were taken away and may come back: they lie in `<home>/trash` for some days, then they are deleted.

A folder of the trash has a note of what it is to hold, written before the first file moves: after a kill in the middle,
`Changes.settle` brings the files to where the database says that they are.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

FOLDER = "trash"
KEPT_DAYS = 7
NOTE = "moved.json"

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
        for folder in folders(moved):
            note = _inside(home, f"{FOLDER}/{folder}/{NOTE}")
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(json.dumps([list(pair) for pair in moved if pair[1].split("/")[1] == folder]))
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
    """Everything where it came from; False, with nothing moved, when a part was deleted since.

    The folders stay with their notes until the database knows of it: see `drop_empty`.
    """
    pairs = [tuple(_inside(home, one) for one in pair) for pair in moved]
    if not all(kept.exists() for _, kept in pairs):
        return False
    for source, kept in pairs:
        source.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(kept, source)
        with contextlib.suppress(OSError):
            kept.parent.rmdir()
    return True


def folders(moved: Moved) -> list[str]:
    """The names of the folders of the trash that these pairs lead to."""
    return list(dict.fromkeys(kept.split("/")[1] for _, kept in moved))


def noted(home: Path) -> dict[str, Moved]:
    """What the folders of the trash are to hold, by their names; those whose note cannot be read are left out."""
    found: dict[str, Moved] = {}
    for note in (home / FOLDER).glob(f"*/{NOTE}"):
        with contextlib.suppress(OSError, ValueError):
            pairs = [(str(source), str(kept)) for source, kept in json.loads(note.read_text())]
            if all(kept.startswith(f"{FOLDER}/{note.parent.name}/") for _, kept in pairs):
                found[note.parent.name] = pairs
    return found


def finish_moving(home: Path, moved: Moved, *, back: bool) -> None:
    """Move what a killed process left: what is there already stays. Raises OSError."""
    for pair in moved:
        source, kept = (_inside(home, one) for one in pair)
        here, there = (kept, source) if back else (source, kept)
        if here.exists() and not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(here, there)


def drop_empty(home: Path, name: str, moved: Moved) -> None:
    """Delete a folder of the trash that holds nothing any more."""
    if not any(_inside(home, kept).exists() for _, kept in moved):
        drop(home, name)


def drop(home: Path, name: str) -> None:
    """Delete a folder of the trash with all that is in it. Raises OSError."""
    folder = _inside(home, f"{FOLDER}/{name}")
    if folder.exists():
        shutil.rmtree(folder)


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
