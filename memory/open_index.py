"""Which index a setting names, opened."""

from __future__ import annotations

import zlib
from pathlib import Path

from memory.index import IndexName, VectorIndex


def open_index(name: IndexName, folder: Path, model: str, lane: str = "records") -> tuple[VectorIndex, str]:
    """The index below `folder` for vectors of `model`, and a warning ('' for none).

    A damaged one is moved aside; the returned one is then empty and has to be filled again. Each lane has a folder of
    its own: one that is moved aside takes no other with it.
    """
    space = f"{lane}-{zlib.crc32(model.encode()):08x}"
    place = folder / (f"index-{name}" if lane == "records" else f"index-{name}-{lane}")
    if name == "numpy":
        from memory.index_numpy import open_numpy  # numpy is not loaded before the first search by meaning

        return open_numpy(place, space)
    from memory.index_chroma import open_chroma

    return open_chroma(place, space)
