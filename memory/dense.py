"""Search by meaning: records are embedded in batches, their vectors kept in SQLite; the index is a cache of them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memory.catalogue import Catalogue
from memory.embedder import TEXT_LIMIT, Embedder
from memory.index import BATCH, IndexDamaged, IndexName, VectorIndex, open_index
from memory.tuning import search_tuning

if TYPE_CHECKING:
    from memory.index import Vectors

EMBED_BATCH = 256


@dataclass(frozen=True)
class Scope:
    """Which records may be found: of some kinds, and assets of one conversation (entries belong to all)."""

    kinds: tuple[str, ...] = ()
    thread: str | None = None

    @property
    def is_open(self) -> bool:
        return not self.kinds and self.thread is None

    def where(self) -> tuple[str, list[str]]:
        """A condition on the view `records` and its values."""
        parts, values = ["1 = 1"], list(self.kinds)
        if self.kinds:
            parts.append(f"kind IN ({','.join('?' * len(self.kinds))})")
        if self.thread is not None:
            parts.append("(is_asset = 0 OR thread = ?)")
            values.append(self.thread)
        return " AND ".join(parts), values


class DenseSearch:
    """Opens the index and the embedder only when there is something to compare."""

    def __init__(self, catalogue: Catalogue, folder: Path, index: IndexName, embedder: Embedder) -> None:
        self._catalogue, self._folder, self._name = catalogue, folder, index
        self.embedder = embedder
        self._index: VectorIndex | None = None
        self._lock = threading.RLock()
        self.warnings: list[str] = []

    def nearest(self, text: str, n: int, scope: Scope) -> list[str]:
        """Ids of the `n` closest records in meaning, best first; those under the embedder's floor are left out."""
        with self._lock:
            if not self._anything():
                return []
            self._opened()
            self.index_pending(search_tuning().embed_per_search)
            vector = self.embedder.encode([text])[0]
            found = self._exact(vector, n, scope)
            if found is None:
                found = self._approximate(vector, n, scope)
        return [ref for ref, cosine in found if cosine >= self.embedder.cosine_floor][:n]

    def index_pending(self, limit: int | None = None) -> int:
        """Embed what was added or changed since (newest first) and return how many; None = all of it."""
        done = 0
        with self._lock:
            while limit is None or done < limit:
                size = EMBED_BATCH if limit is None else min(EMBED_BATCH, limit - done)
                with self._catalogue.reading() as db:
                    query = "SELECT ref FROM pending ORDER BY number DESC LIMIT ?"
                    refs = [str(row[0]) for row in db.execute(query, (size,))]
                    if not refs:
                        break
                    inside = f"SELECT id, name, body FROM records WHERE id IN ({','.join('?' * len(refs))})"
                    texts = {r["id"]: embedded_text(r["name"], r["body"]) for r in db.execute(inside, refs)}
                self._store(list(texts), list(texts.values()), [ref for ref in refs if ref not in texts])
                done += len(refs)
        return done

    def rebuild(self) -> int:
        """Fill the index anew from the catalogue; other models' vectors are made again. Returns how many it holds."""
        with self._lock:
            with self._catalogue.writing() as db:
                self._mark_outdated(db)
                db.execute("DELETE FROM vectors WHERE ref NOT IN (SELECT id FROM records)")
            self._opened().clear()
            self._fill()
            self.index_pending()
            return self._opened().count()

    def close(self) -> None:
        with self._lock:
            if self._index is not None:
                self._index.close()
                self._index = None

    def take_warnings(self) -> list[str]:
        """What the user should know, each told once."""
        with self._lock:
            told, self.warnings = self.warnings, []
        return told

    def _anything(self) -> bool:
        with self._catalogue.reading() as db:
            query = "SELECT EXISTS (SELECT 1 FROM vectors) OR EXISTS (SELECT 1 FROM records)"
            return bool(db.execute(query).fetchone()[0])

    def _opened(self) -> VectorIndex:
        if self._index is None:
            self._index, warning = open_index(self._name, self._folder, self.embedder.name)
            if warning:
                self.warnings.append(warning)
            with self._catalogue.writing() as db:
                self._mark_outdated(db)
                stored = db.execute("SELECT count(*) FROM vectors WHERE model = ?", (self.embedder.name,)).fetchone()[0]
            if self._index.count() != stored:
                self._index.clear()
                self._fill()
        return self._index

    def _mark_outdated(self, db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT OR IGNORE INTO pending (ref) SELECT ref FROM vectors WHERE model <> ?", (self.embedder.name,)
        )
        db.execute(
            "INSERT OR IGNORE INTO pending (ref) SELECT id FROM records WHERE id NOT IN (SELECT ref FROM vectors)",
        )

    def _fill(self) -> None:
        assert self._index is not None
        query = "SELECT ref, vector FROM vectors WHERE model = ? AND ref > ? ORDER BY ref LIMIT ?"
        last = ""
        while True:
            with self._catalogue.reading() as db:
                rows = db.execute(query, (self.embedder.name, last, BATCH)).fetchall()
            if not rows:
                return
            ids = [str(row["ref"]) for row in rows]
            self._index.add(ids, _matrix([row["vector"] for row in rows]), [{} for _ in ids])
            last = ids[-1]

    def _store(self, ids: Sequence[str], texts: Sequence[str], gone: Sequence[str]) -> None:
        """Index first, then the catalogue: a kill in between leaves them pending, and adding again replaces."""
        vectors = self.embedder.encode(texts) if ids else None
        index = self._opened()
        if vectors is not None:
            index.add(ids, vectors, [{} for _ in ids])
        index.delete(gone)
        with self._catalogue.writing() as db:
            if vectors is not None:
                rows = [(i, self.embedder.name, v.tobytes()) for i, v in zip(ids, vectors, strict=True)]
                db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            db.executemany("DELETE FROM vectors WHERE ref = ?", [(i,) for i in gone])
            db.executemany("DELETE FROM pending WHERE ref = ?", [(i,) for i in (*ids, *gone)])

    def _exact(self, vector: Vectors, n: int, scope: Scope) -> list[tuple[str, float]] | None:
        """Compare every vector in a narrow scope; None when it is not narrow (the index is faster then)."""
        most = search_tuning().exact_below
        if scope.is_open:
            return None
        where, values = scope.where()
        query = f"""SELECT v.ref, v.vector FROM records r CROSS JOIN vectors v ON v.ref = r.id
            WHERE v.model = ? AND {where} LIMIT ?"""
        with self._catalogue.reading() as db:
            rows = db.execute(query, (self.embedder.name, *values, most + 1)).fetchall()
        if len(rows) > most:
            return None
        if not rows:
            return []
        scores = _cosines([row["vector"] for row in rows], vector)
        return [(str(rows[i]["ref"]), float(scores[i])) for i in (-scores).argsort(kind="stable")[:n]]

    def _approximate(self, vector: Vectors, n: int, scope: Scope) -> list[tuple[str, float]]:
        wanted = n if scope.is_open else 4 * n
        try:
            found = self._opened().query(vector, wanted)
        except IndexDamaged as error:
            self.warnings.append(error.sentence)
            self._index = None
            found = self._opened().query(vector, wanted)
        if scope.is_open or not found:
            return found
        where, values = scope.where()
        ids = [ref for ref, _ in found]
        query = f"SELECT id FROM records WHERE id IN ({','.join('?' * len(ids))}) AND {where}"
        with self._catalogue.reading() as db:
            allowed = {row[0] for row in db.execute(query, [*ids, *values])}
        return [hit for hit in found if hit[0] in allowed]


def embedded_text(name: str, body: str) -> str:
    """What stands for a record when its meaning is compared."""
    return f"{name}. {body.removesuffix('[]')}"[:TEXT_LIMIT]


def _cosines(blobs: Sequence[bytes], vector: Vectors) -> Vectors:
    import numpy as np

    scores: Vectors = np.einsum("ij,j->i", _matrix(blobs), vector)
    return scores


def _matrix(blobs: Sequence[bytes]) -> Vectors:
    import numpy as np

    joined: Vectors = np.frombuffer(b"".join(blobs), np.float32).reshape(len(blobs), -1)
    return joined
