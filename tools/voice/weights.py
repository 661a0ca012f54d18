"""Where trained weights lie, and which of them may be loaded: checkpoints are pickles, which run code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.spec import Studio

TRAINED = "training"
"""Below the workspace: where train_voice keeps its weights."""


def written_weights(home: Path, path: Path) -> str:
    """How memory names a file of weights: relative to the home where it lies there, so that the home can be moved."""
    found = path.resolve()
    return found.relative_to(home).as_posix() if found.is_relative_to(home) else str(found)


def kept_weights(home: Path, written: str) -> Path:
    """The file that memory names, links resolved; it need not be there.

    Older studios wrote whole paths: what lay in the training folder of a home that was moved since is looked for in
    this one's.
    """
    asked = (home / written).expanduser().resolve()
    if asked.exists() or TRAINED not in asked.parts:
        return asked
    inner = asked.parts[len(asked.parts) - 1 - asked.parts[::-1].index(TRAINED) :]
    moved = home.joinpath(*inner).resolve()
    return moved if moved.exists() and moved.is_relative_to(home / TRAINED) else asked


def usable_weights(studio: Studio, name: str, asked: Mapping[str, str], notes: list[str]) -> dict[str, str]:
    """By kind, the files that are there and lie where the studio trains or the user keeps models.

    Memory may come from elsewhere, and a wish may name any file. notes: why another is not loaded.
    """
    trusted = (studio.workspace.home / TRAINED, studio.settings.warehouse.expanduser().resolve())
    weights: dict[str, str] = {}
    for kind, written in asked.items():
        found = kept_weights(studio.workspace.home, written)
        if not any(found.is_relative_to(folder) for folder in trusted):
            notes.append(
                f"The {kind} weights of {name} are not loaded: {found} is outside of {' and '.join(map(str, trusted))}."
            )
        elif not found.is_file():
            notes.append(f"The {kind} weights of {name} are gone: {found}.")
        else:
            weights[kind] = str(found)
    return weights
