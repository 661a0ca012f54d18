"""How fast the memory writes and finds among many records."""

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
from memory.embedder import Embedder, shared_embedder
from memory.index import IndexName
from memory.records import Asset
from memory.store import Memory

if TYPE_CHECKING:
    from memory.index import Vectors

_LIMITS_MS = {"search_p95_ms": 30.0, "write_p50_ms": 5.0}
_WHO = [
    "luca",
    "boo",
    "mia",
    "nonna",
    "robot",
    "fox",
    "pirate",
    "astronaut",
    "teacher",
    "dragon",
    "princess",
    "dog",
    "cat",
    "wizard",
    "knight",
    "sofia",
    "marco",
]
_WHERE = [
    "beach",
    "forest",
    "piazza",
    "street",
    "room",
    "space",
    "castle",
    "kitchen",
    "school",
    "harbour",
    "mountain",
    "river",
    "garden",
    "rooftop",
]
_DOES = [
    "waves",
    "runs",
    "laughs",
    "finds",
    "hides",
    "sings",
    "jumps",
    "sleeps",
    "builds",
    "paints",
    "flies",
    "dances",
    "reads",
    "cries",
    "whispers",
]
_WHEN = ["sunset", "night", "morning", "noon", "dusk", "rain", "snow", "fog", "spring", "summer", "autumn", "winter"]


class _QueriesOnly:
    """Real vectors for single queries, random ones for batches of records: indexing 20,000 real texts takes minutes."""

    name, is_semantic, cosine_floor = "benchmark", True, -1.0

    def __init__(self, real: Embedder) -> None:
        self._real, self.width = real, int(real.encode(["warm up"]).shape[1])

    def encode(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        if len(texts) == 1:
            return self._real.encode(texts)
        rows = np.stack([np.random.default_rng(zlib.crc32(t.encode())).standard_normal(self.width) for t in texts])
        normalised: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return normalised


def run(records: int = 20_000, index: IndexName = "chroma", queries: int = 60) -> dict[str, Any]:
    """Fill a new memory with `records`, then search it. Times in ms (one core does the work), figures per call.

    Keys: records, index, embedder, write_p50_ms, write_p95_ms, index_seconds, open_ms, encode_p50_ms, search_p50_ms,
    search_p95_ms, search_cpu_ms (mean, all threads), filtered_p50_ms, words_only_p50_ms, passed {limit name: bool},
    machine_load (waiting programs per core: above 1 the times tell more of the neighbours than of the search).
    """
    pick = random.Random(7)
    embedder = _QueriesOnly(shared_embedder("auto"))
    with tempfile.TemporaryDirectory() as folder:
        space = Workspace.open(folder)
        with Memory.open(space, index=index, embedder=embedder) as memory:
            writes = [_timed(lambda n=n: memory.add_asset(_asset(n, pick))) for n in range(records)]
            start = time.perf_counter()
            memory.index_pending()
            index_seconds = time.perf_counter() - start
        start = time.perf_counter()
        with Memory.open(space, index=index, embedder=embedder) as memory:
            opening = (time.perf_counter() - start) * 1000
            texts = [_sentence(pick) for _ in range(queries)]
            memory.search(texts[0])
            encode = [_timed(lambda t=t: embedder.encode([t])) for t in texts]
            used = time.process_time()
            plain = [_timed(lambda t=t: memory.search(t)) for t in texts]
            used = (time.process_time() - used) * 1000 / queries
            filtered = [_timed(lambda t=t: memory.search(t, kinds=("audio",))) for t in texts]
            words = [_timed(lambda t=t: memory.search(t, semantic=False)) for t in texts]
        figures: dict[str, Any] = {
            "records": records,
            "index": index,
            "embedder": shared_embedder("auto").name,
            "write_p50_ms": statistics.median(writes),
            "write_p95_ms": _high(writes),
            "index_seconds": index_seconds,
            "open_ms": opening,
            "encode_p50_ms": statistics.median(encode),
            "search_p50_ms": statistics.median(plain),
            "search_p95_ms": _high(plain),
            "search_cpu_ms": used,
            "filtered_p50_ms": statistics.median(filtered),
            "words_only_p50_ms": statistics.median(words),
            "machine_load": os.getloadavg()[0] / (os.cpu_count() or 1),
        }
    figures = {k: round(v, 3) if isinstance(v, float) else v for k, v in figures.items()}
    figures["passed"] = {name: figures[name] <= limit for name, limit in _LIMITS_MS.items()}
    return figures


def _timed(call: Any) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def _high(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def _sentence(pick: random.Random) -> str:
    who, does, where, when = (pick.choice(words) for words in (_WHO, _DOES, _WHERE, _WHEN))
    return f"a {who} {does} in the {where} at {when}"


def _asset(number: int, pick: random.Random) -> Asset:
    text = f"{_sentence(pick)}, {_sentence(pick)}, take {number}"
    return Asset(
        id=f"bench-{number}",
        kind="audio" if number % 10 == 0 else "image",
        path=f"assets/{number}.png",
        name=text[:40],
        sha256=f"{number:064x}",
        bytes=1000,
        engine="preview",
        params={"prompt": text},
        summary=text,
        created_at=1_700_000_000 + number,
    )
