"""The index without Chroma: one matrix, compared in full (7 ms for 20,000 x 384 on one core)."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from memory.index import Metadata, set_aside

if TYPE_CHECKING:
    from memory.index import Vectors


class NumpyIndex:
    """Rows in memory, kept in one .npz file between runs."""

    def __init__(self, file: Path) -> None:
        """Raises ValueError, KeyError, OSError or BadZipFile when the file is damaged."""
        self._file = file
        self._ids: list[str] = []
        self._meta: list[dict[str, str]] = []
        self._rows: Vectors = np.zeros((0, 0), np.float32)
        self._used, self._changed = 0, False
        if file.exists():
            with np.load(file, allow_pickle=False) as data:
                self._ids = [str(i) for i in data["ids"]]
                self._meta = json.loads(str(data["meta"]))
                self._rows = data["rows"].astype(np.float32)
            self._used = len(self._ids)
            if self._rows.shape[0] != self._used or len(self._meta) != self._used:
                raise ValueError("its parts differ in length")
        self._at = {i: n for n, i in enumerate(self._ids)}

    def add(self, ids: Sequence[str], vectors: Vectors, metadatas: Sequence[Metadata]) -> None:
        if not ids:
            return
        self._touch()
        self._reserve(self._used + len(ids), vectors.shape[1])
        for name, vector, meta in zip(ids, vectors, metadatas, strict=True):
            row = self._at.get(name)
            if row is None:
                row = self._at[name] = self._used
                self._ids.append(name)
                self._meta.append({})
                self._used += 1
            self._rows[row] = vector
            self._meta[row] = dict(meta)

    def query(self, vector: Vectors, n: int, where: Metadata | None = None) -> list[tuple[str, float]]:
        if not self._used or n < 1:
            return []
        # einsum and not @: BLAS threads fight with those of torch, which doubled the time of the next encoding.
        scores = np.einsum("ij,j->i", self._rows[: self._used], np.asarray(vector, np.float32).reshape(-1))
        picked = np.arange(self._used)
        if where:
            fits = [all(meta.get(k) == v for k, v in where.items()) for meta in self._meta]
            picked = picked[np.array(fits, bool)]
        if len(picked) > n:
            picked = picked[np.argpartition(-scores[picked], n)[:n]]
        return [(self._ids[i], float(scores[i])) for i in picked[np.argsort(-scores[picked], kind="stable")]]

    def delete(self, ids: Sequence[str]) -> None:
        for name in ids:
            row = self._at.pop(name, None)
            if row is None:
                continue
            self._touch()
            last = self._used - 1
            if row != last:
                moved = self._ids[last]
                self._rows[row], self._ids[row], self._meta[row] = self._rows[last], moved, self._meta[last]
                self._at[moved] = row
            self._ids.pop()
            self._meta.pop()
            self._used = last

    def count(self) -> int:
        return self._used

    def clear(self) -> None:
        self._touch()
        self._ids, self._meta, self._at, self._used = [], [], {}, 0
        self._rows = np.zeros((0, 0), np.float32)

    def close(self) -> None:
        if not self._changed:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(".tmp")
        with temporary.open("wb") as out:
            np.savez(
                out, ids=np.array(self._ids, dtype=np.str_), meta=json.dumps(self._meta), rows=self._rows[: self._used]
            )
        temporary.replace(self._file)
        self._changed = False

    def _touch(self) -> None:
        """A run that ends without close() must not leave an outdated file: without one it is filled anew."""
        if not self._changed:
            self._file.unlink(missing_ok=True)
            self._changed = True

    def _reserve(self, rows: int, width: int) -> None:
        if self._used and self._rows.shape[1] != width:
            raise ValueError(f"vectors of {width} figures do not fit an index of {self._rows.shape[1]}")
        if rows > self._rows.shape[0] or self._rows.shape[1] != width:
            grown = np.zeros((max(rows, 2 * self._used, 64), width), np.float32)
            grown[: self._used] = self._rows[: self._used] if self._used else 0
            self._rows = grown


def open_numpy(folder: Path, space: str) -> tuple[NumpyIndex, str]:
    """The index of this name below `folder`, and a warning when a damaged file was moved aside."""
    file = folder / f"{space}.npz"
    try:
        return NumpyIndex(file), ""
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        aside = set_aside(file)
        return NumpyIndex(file), f"The search index was damaged ({error}); it is kept as {aside.name} and built anew"
