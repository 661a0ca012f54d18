"""Nearest neighbours of a vector: the protocol that every index keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from configs.errors import StudioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]


class IndexDamaged(StudioError):
    """The index cannot answer any more; it has to be moved aside and filled again."""


IndexName = Literal["chroma", "numpy"]
Metadata = Mapping[str, str]
BATCH = 5000
"""Chroma 1.5 refuses more than 5461 at once."""


class VectorIndex(Protocol):
    """A cache of vectors by id; always rebuildable from the catalogue. Calls come from one thread at a time."""

    def add(self, ids: Sequence[str], vectors: Vectors, metadatas: Sequence[Metadata]) -> None:
        """Insert or replace. `vectors`: (N, D) float32, each of length 1."""

    def query(self, vector: Vectors, n: int, where: Metadata | None = None) -> list[tuple[str, float]]:
        """The `n` nearest as (id, cosine in -1..1), best first; `where`: metadata that must be equal."""

    def delete(self, ids: Sequence[str]) -> None:
        """Remove; unknown ids are no fault."""

    def count(self) -> int:
        """How many vectors it holds."""

    def clear(self) -> None:
        """Remove all."""

    def close(self) -> None:
        """Write what is not written yet and let go of the files."""


def set_aside(path: Path) -> Path:
    """Rename a damaged file or folder to '<name>.damaged-<n>' and return the new path."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return path.rename(aside)
