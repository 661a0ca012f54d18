"""Whether people find a shot by their own words among described films, and how fast among fifty thousand shots."""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from configs.workspace import Workspace
from evals.footage.shots import described, record_of
from memory.embedder import Embedder, HashEmbedder, shared_embedder
from memory.records import Asset
from memory.store import Memory

if TYPE_CHECKING:
    from memory.index import Vectors

FIRST = 3
_WANTED = {"recall_at_3": 0.9}
_PAGE = 100
"""Shots of a film of the speed test."""


def run(shots: int = 50_000, queries: int = 40) -> dict[str, Any]:
    """Found by words and meaning, by letters (no sentence encoder), and by words alone; then times at `shots` shots.

    Keys: finding {encoder name: {recall_at_1, recall_at_3, tuned, held_out, english, italian, missed [queries]}}, speed
    {put_film_ms, search_ms, search_p95_ms, search_cpu_ms (mean, all threads), words_ms, other_records_before_ms,
    other_records_after_ms, machine_load (waiting programs per core: above 1 the times tell more of them)}, passed.
    `held_out`: recall at 3 of the queries that were written after the search was tuned; `tuned`: of the others.
    """
    packaged = shared_embedder("auto")
    finding = {packaged.name: recall(packaged), "letters": recall(HashEmbedder()), "words only": recall(None)}
    best = finding[packaged.name]
    return {
        "finding": finding,
        "speed": speed(shots, queries) if shots else {},
        "passed": {name: best[name] >= mark for name, mark in _WANTED.items()},
    }


def recall(embedder: Embedder | None) -> dict[str, Any]:
    """How often a wanted shot is the first, or among the first three; None as embedder: full text alone."""
    table = described()
    ranks = {}
    with tempfile.TemporaryDirectory() as folder, _memory(folder, embedder or HashEmbedder()) as memory:
        fill(memory)
        memory.index_pending()
        for query in table["queries"]:
            hits = memory.search(query["ask"], kinds=("shot",), limit=FIRST, semantic=embedder is not None)
            found = [f"{hit.name}#{hit.shot.number}" for hit in hits if hit.shot]
            ranks[query["ask"]] = next((at for at, name in enumerate(found, 1) if name in query["want"]), 0)
    italian = {query["ask"] for query in table["queries"] if query.get("language") == "it"}
    later = {query["ask"] for query in table["queries"] if query.get("held_out")}
    return {
        "recall_at_1": _share(rank == 1 for rank in ranks.values()),
        "recall_at_3": _share(rank > 0 for rank in ranks.values()),
        "tuned": _share(rank > 0 for ask, rank in ranks.items() if ask not in later),
        "held_out": _share(rank > 0 for ask, rank in ranks.items() if ask in later),
        "english": _share(rank > 0 for ask, rank in ranks.items() if ask not in italian),
        "italian": _share(rank > 0 for ask, rank in ranks.items() if ask in italian),
        "missed": [ask for ask, rank in ranks.items() if not rank],
    }


def fill(memory: Memory) -> None:
    """Take the described films and characters into a memory, as an analysis would."""
    from tools.analysis.database import film_shot

    table = described()
    for name, looks in table["characters"].items():
        memory.remember("character", name, looks)
    for number, (name, shots) in enumerate(table["films"].items()):
        film = memory.add_asset(Asset(f"vid-{number}", "video", f"assets/{name}", name, f"{number:064x}", 1))
        record = record_of(name, shots)
        memory.put_shots(film.id, [film_shot(shot, record, film.id, memory) for shot in record.shots])


class _QueriesOnly:
    """Real vectors for single queries, random ones for batches of records: embedding fifty thousand takes minutes."""

    name, is_semantic, cosine_floor = "benchmark", True, -1.0

    def __init__(self, real: Embedder) -> None:
        self._real, self._width = real, int(real.encode(["warm up"]).shape[1])

    def encode(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        if len(texts) == 1:
            return self._real.encode(texts)
        rows = np.stack([np.random.default_rng(zlib.crc32(t.encode())).standard_normal(self._width) for t in texts])
        made: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return made


def speed(shots: int, queries: int) -> dict[str, float]:
    """Median times in ms of writing a film's hundred shots and of searching, beside a thousand other records."""
    from dataclasses import replace

    from tools.analysis.database import film_shot

    table, pick = described(), random.Random(5)
    asked = [query["ask"] for query in table["queries"]]
    with tempfile.TemporaryDirectory() as folder, _memory(folder, _QueriesOnly(shared_embedder("auto"))) as memory:
        for name, looks in table["characters"].items():
            memory.remember("character", name, looks)
        for number in range(1000):
            memory.remember("note", f"note {number}", pick.choice(asked))
        memory.index_pending()
        texts = [pick.choice(asked) for _ in range(queries)]
        memory.search(texts[0])
        before = _times(lambda text: memory.search(text, shots=False), texts)
        samples = [film_shot(shot, record, "x", memory) for name, facts in table["films"].items()
                   for record in [record_of(name, facts)] for shot in record.shots]  # fmt: skip
        written = []
        for number in range(-(-shots // _PAGE)):
            name = f"film {number}.mp4"
            film = memory.add_asset(Asset(f"vid-{number}", "video", f"assets/{name}", name, f"{number:064x}", 1)).id
            made = [replace(pick.choice(samples), film=film, number=n + 1) for n in range(_PAGE)]
            made = [replace(one, text=f"{one.text} {pick.choice(samples).text}"[:300]) for one in made]
            written += _times(lambda _, film=film, made=made: memory.put_shots(film, made), [""])
        memory.index_pending()
        memory.search(texts[0])
        used = time.process_time()
        found = _times(lambda text: memory.search(text, kinds=("shot",)), texts)
        used = (time.process_time() - used) * 1000 / len(texts)
        return {
            "shots": float(memory.status().shots),
            "put_film_ms": _median(written),
            "search_ms": _median(found),
            "search_cpu_ms": round(used, 2),
            "search_p95_ms": round(sorted(found)[int(0.95 * len(found))], 2),
            "words_ms": _median(_times(lambda text: memory.search(text, kinds=("shot",), semantic=False), texts)),
            "other_records_before_ms": _median(before),
            "other_records_after_ms": _median(_times(lambda text: memory.search(text, shots=False), texts)),
            "machine_load": round(os.getloadavg()[0] / (os.cpu_count() or 1), 2),
        }


def _memory(folder: str, embedder: Embedder) -> Memory:
    return Memory.open(Workspace.open(folder), index="numpy", embedder=embedder)


def _times(call: Any, texts: Sequence[str]) -> list[float]:
    taken = []
    for text in texts:
        start = time.perf_counter()
        call(text)
        taken.append((time.perf_counter() - start) * 1000)
    return taken


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 2)


def _share(hits: Any) -> float:
    values = list(hits)
    return round(sum(values) / len(values), 3) if values else 0.0
