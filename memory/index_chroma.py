"""The index in an embedded Chroma: no server (its HTTP server has CVE-2026-45829), no own embeddings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.index import BATCH, IndexDamaged, Metadata, set_aside

if TYPE_CHECKING:
    from memory.index import Vectors

_EFFORT = {"space": "cosine", "ef_construction": 100, "ef_search": 100}
"""HNSW: the defaults miss neighbours beyond the first 100 looked at when 50 to 200 are asked for."""


class ChromaIndex:
    """One collection of a PersistentClient. The folder must have no other user: two writers damage it silently."""

    def __init__(self, folder: Path, space: str) -> None:
        """Raises IndexDamaged when the folder is damaged."""
        import chromadb
        from chromadb.config import Settings

        folder.mkdir(parents=True, exist_ok=True)
        settings = Settings(anonymized_telemetry=False, allow_reset=False, is_persistent=True)
        self._space = space
        with _guarded():
            self._client: Any = chromadb.PersistentClient(path=str(folder), settings=settings)
            self._open()
            self.count()

    def _open(self) -> None:
        # Without embedding_function=None Chroma downloads a model of its own.
        self._collection: Any = self._client.get_or_create_collection(
            self._space, embedding_function=None, configuration={"hnsw": _EFFORT}
        )

    def add(self, ids: Sequence[str], vectors: Vectors, metadatas: Sequence[Metadata]) -> None:
        with _guarded():
            for start in range(0, len(ids), BATCH):
                part = slice(start, start + BATCH)
                metas = [dict(meta) or None for meta in metadatas[part]]
                self._collection.upsert(ids=list(ids[part]), embeddings=vectors[part], metadatas=metas)

    def query(self, vector: Vectors, n: int, where: Metadata | None = None) -> list[tuple[str, float]]:
        if n < 1:
            return []
        conditions = [{key: value} for key, value in (where or {}).items()]
        with _guarded():
            found = self._collection.query(
                query_embeddings=[vector.reshape(-1)],
                n_results=n,
                where={"$and": conditions} if len(conditions) > 1 else (conditions[0] if conditions else None),
                include=["distances"],
            )
        return [(i, 1.0 - float(d)) for i, d in zip(found["ids"][0], found["distances"][0], strict=True)]

    def delete(self, ids: Sequence[str]) -> None:
        with _guarded():
            for start in range(0, len(ids), BATCH):
                self._collection.delete(ids=list(ids[start : start + BATCH]))

    def count(self) -> int:
        with _guarded():
            return int(self._collection.count())

    def clear(self) -> None:
        with _guarded():
            self._client.delete_collection(self._space)
            self._open()

    def close(self) -> None:
        with contextlib.suppress(IndexDamaged), _guarded():
            self._client.close()


@contextlib.contextmanager
def _guarded() -> Iterator[None]:
    """Chroma's Rust core raises no common base and panics as a BaseException; whatever it is, the folder is a cache."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit, IndexDamaged):
        raise
    except BaseException as error:
        why = " ".join(str(error).split())[:160] or type(error).__name__
        raise IndexDamaged("The search index cannot be used", why, "Run 'studio memory rebuild'") from error


def open_chroma(folder: Path, space: str) -> tuple[ChromaIndex, str]:
    """The collection below `folder`, and a warning when a damaged folder was moved aside."""
    try:
        return ChromaIndex(folder, space), ""
    except IndexDamaged as error:
        _forget_client(folder)
        aside = set_aside(folder)
        warning = f"The search index was damaged ({error.cause}); it is kept as {aside.name} and built anew"
        return ChromaIndex(folder, space), warning


def _forget_client(folder: Path) -> None:
    """Chroma 1.5 keeps a system whose start failed, and would hand out the broken one again for the same path."""
    from chromadb.api.shared_system_client import SharedSystemClient

    SharedSystemClient._identifier_to_system.pop(str(folder), None)
    SharedSystemClient._identifier_to_refcount.pop(str(folder), None)
