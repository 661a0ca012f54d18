"""Which files and folders below a folder are models: no link leads out of it, no file is opened here."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backends.image.registry.kinds import Recognised, recognise_folder

PICKLES = frozenset({".ckpt", ".pt", ".pth", ".pkl", ".bin"})
MAX_ITEMS = 20_000
"""A model folder has hundreds; more is somebody's whole disk."""


@dataclass(frozen=True)
class Item:
    """Something that may be a model."""

    path: Path
    folder: Recognised | None = None
    """What it is, for a folder."""
    problem: str = ""
    """Why it is not looked into."""


def model_items(root: Path) -> Iterator[Item]:
    """Model folders and model files below `root` (resolved), by name; folders that begin with a dot are left out."""
    count = 0
    for place, folders, files in os.walk(root, onerror=None, followlinks=False):
        here = Path(place)
        found = recognise_folder(here)
        if found is not None:
            yield Item(here, found)
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (here / name).is_symlink() and not _inside(here / name, root):
                yield Item(here / name, problem="it is a link out of the folder, which is not followed")
        for name in sorted(files):
            if item := _item(here / name, root):
                yield item
                count += 1
                if count >= MAX_ITEMS:
                    yield Item(root, problem=f"it has more than {MAX_ITEMS} model files: the rest was not looked at")
                    return


def _item(path: Path, root: Path) -> Item | None:
    suffix = path.suffix.lower()
    if path.name.startswith(".") or (suffix != ".safetensors" and suffix not in PICKLES):
        return None
    if not path.name.isprintable():
        return Item(path, problem="its name has characters that cannot be shown: rename it")
    if path.is_symlink() and not _inside(path, root):
        return Item(path, problem="it is a link out of the folder, which is not followed")
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return Item(path, problem="it is no plain file")
    except OSError as error:
        return Item(path, problem=f"it cannot be read: {error.strerror or error}")
    if suffix in PICKLES:
        return Item(path, problem=f"{suffix} files can run code when opened: get the .safetensors version")
    return Item(path)


def _inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root)
