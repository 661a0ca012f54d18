"""Search by meaning: records are embedded in batches, their vectors kept in SQLite; the index is a cache of them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memory.catalogue import Catalogue
from memory.embedder import TEXT_LIMIT, Embedder
from memory.index import BATCH, IndexDamaged, IndexName, VectorIndex
from memory.lanes import Lane, Scope
from memory.open_index import open_index
from memory.tuning import search_tuning

if TYPE_CHECKING:
    from memory.index import Vectors

EMBED_BATCH = 256


class DenseSearch:
    """One lane's meanings. Opens the index and the embedder only when there is something to compare."""

    def __init__(self, catalogue: Catalogue, folder: Path, index: IndexName, embedder: Embedder, lane: Lane) -> None:
        self._catalogue, self._folder, self._name = catalogue, folder, index
        self.embedder, self._lane = embedder, lane
        self._index: VectorIndex | None = None
        self._lock = threading.RLock()
        self.warnings: list[str] = []

    def is_ready(self) -> bool:
        """Whether there is anything to compare; then what was added lately is embedded, and the index is open."""
        with self._lock:
            if not self.is_used():
                return False
            self._opened()
            self.index_pending(search_tuning().embed_per_search)
            return True

    def nearest(self, vector: Vectors, n: int, scope: Scope, floor: float = 1.0) -> list[tuple[str, float]]:
        """The `n` closest records in meaning as (id, cosine), best first.

        Those below the embedder's floor, or below `floor` where that is lower, are left out.
        """
        with self._lock:
            found = self._exact(vector, n, scope)
            if found is None:
                found = self._approximate(vector, n, scope)
        least = min(floor, self.embedder.cosine_floor)
        return [(ref, cosine) for ref, cosine in found if cosine >= least][:n]

    def index_pending(self, limit: int | None = None) -> int:
        """Embed what was added or changed since (newest first) and return how many; None = all of it."""
        done = 0
        with self._lock:
            while limit is None or done < limit:
                size = EMBED_BATCH if limit is None else min(EMBED_BATCH, limit - done)
                with self._catalogue.reading() as db:
                    query = f"SELECT ref FROM {self._lane.pending} ORDER BY number DESC LIMIT ?"
                    refs = [str(row[0]) for row in db.execute(query, (size,))]
                    if not refs:
                        break
                    marks = ",".join("?" * len(refs))
                    inside = f"SELECT id, name, body FROM {self._lane.view} WHERE id IN ({marks})"
                    texts = {r["id"]: self._embedded(r["name"], r["body"]) for r in db.execute(inside, refs)}
                self._store(list(texts), list(texts.values()), [ref for ref in refs if ref not in texts])
                done += len(refs)
        return done

    def rebuild(self) -> int:
        """Fill the index anew from the catalogue; other models' vectors are made again. Returns how many it holds."""
        with self._lock:
            with self._catalogue.writing() as db:
                self._mark_outdated(db)
                lane = self._lane
                db.execute(f"DELETE FROM {lane.vectors} WHERE ref NOT IN (SELECT id FROM {lane.view})")
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

    def is_used(self) -> bool:
        """Whether its lane holds anything, or did."""
        with self._catalogue.reading() as db:
            lane = self._lane
            query = f"SELECT EXISTS (SELECT 1 FROM {lane.vectors}) OR EXISTS (SELECT 1 FROM {lane.view})"
            return bool(db.execute(query).fetchone()[0])

    def _opened(self) -> VectorIndex:
        if self._index is None:
            self._index, warning = open_index(self._name, self._folder, self.embedder.name, self._lane.name)
            if warning:
                self.warnings.append(warning)
            with self._catalogue.writing() as db:
                self._mark_outdated(db)
                query = f"SELECT count(*) FROM {self._lane.vectors} WHERE model = ?"
                stored = db.execute(query, (self.embedder.name,)).fetchone()[0]
            if self._index.count() != stored:
                self._index.clear()
                self._fill()
        return self._index

    def _mark_outdated(self, db: sqlite3.Connection) -> None:
        lane = self._lane
        db.execute(
            f"INSERT OR IGNORE INTO {lane.pending} (ref) SELECT ref FROM {lane.vectors} WHERE model <> ?",
            (self.embedder.name,),
        )
        db.execute(
            f"""INSERT OR IGNORE INTO {lane.pending} (ref)
                SELECT id FROM {lane.view} WHERE id NOT IN (SELECT ref FROM {lane.vectors})"""
        )

    def _fill(self) -> None:
        assert self._index is not None
        query = f"SELECT ref, vector FROM {self._lane.vectors} WHERE model = ? AND ref > ? ORDER BY ref LIMIT ?"
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
                db.executemany(f"INSERT OR REPLACE INTO {self._lane.vectors} VALUES (?, ?, ?)", rows)
            db.executemany(f"DELETE FROM {self._lane.vectors} WHERE ref = ?", [(i,) for i in gone])
            db.executemany(f"DELETE FROM {self._lane.pending} WHERE ref = ?", [(i,) for i in (*ids, *gone)])

    def _exact(self, vector: Vectors, n: int, scope: Scope) -> list[tuple[str, float]] | None:
        """Compare every vector in a narrow scope; None when it is not narrow (the index is faster then)."""
        most = search_tuning().exact_below
        if scope.is_open:
            return None
        where, values = scope.where()
        query = f"""SELECT v.ref, v.vector FROM {self._lane.view} r CROSS JOIN {self._lane.vectors} v ON v.ref = r.id
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
        query = f"SELECT id FROM {self._lane.view} WHERE id IN ({','.join('?' * len(ids))}) AND {where}"
        with self._catalogue.reading() as db:
            allowed = {row[0] for row in db.execute(query, [*ids, *values])}
        return [hit for hit in found if hit[0] in allowed]

    def _embedded(self, name: str, body: str) -> str:
        """What stands for a record when its meaning is compared."""
        text = body.removesuffix("[]")
        return (f"{name}. {text}" if self._lane.by_name else text)[:TEXT_LIMIT]


def _cosines(blobs: Sequence[bytes], vector: Vectors) -> Vectors:
    import numpy as np

    scores: Vectors = np.einsum("ij,j->i", _matrix(blobs), vector)
    return scores


def _matrix(blobs: Sequence[bytes]) -> Vectors:
    import numpy as np

    joined: Vectors = np.frombuffer(b"".join(blobs), np.float32).reshape(len(blobs), -1)
    return joined
