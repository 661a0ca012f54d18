"""Hybrid search: words (FTS5, BM25) and meaning (vectors), joined by reciprocal rank fusion."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from memory.assets import Assets
from memory.catalogue import Catalogue
from memory.dense import DenseSearch, Scope
from memory.entries import Entries
from memory.names import tokens
from memory.records import Hit
from memory.tuning import search_tuning, words

QUERY_CHARACTERS, QUERY_WORDS = 2000, 24
"""A longer query is cut: what comes later in it hardly changes the ranking, and costs time."""
RANKED = 2000
"""Of words that more records have, only the newest are ranked: so common a word tells little, and ranking is slow."""
_WORDS = """SELECT t.ref FROM record_text t JOIN (
        SELECT rowid AS row, bm25(record_text, 0.0, 1.0, 4.0, 1.0) AS score FROM record_text
        WHERE record_text MATCH ? ORDER BY rowid DESC LIMIT ?
    ) best ON t.rowid = best.row ORDER BY best.score LIMIT ?"""
_DAY = 86_400.0


@dataclass(frozen=True)
class _Candidate:
    ref: str
    is_asset: bool
    score: float
    created_at: float
    same: tuple[str, str, str]
    """Kind, name and text: two records alike in them are shown once."""


class Search:
    """Reads the catalogue's full text and the index of meanings."""

    def __init__(self, catalogue: Catalogue, assets: Assets, entries: Entries, dense: DenseSearch) -> None:
        self._catalogue, self._assets, self._entries, self._dense = catalogue, assets, entries, dense
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="memory-words")

    def close(self) -> None:
        """End the helper threads."""
        self._pool.shutdown()

    def search(self, query: str, scope: Scope, limit: int, semantic: bool) -> list[Hit]:
        """See `Memory.search`."""
        text = " ".join(query[:QUERY_CHARACTERS].split())
        if not text or limit < 1:
            return []
        tuning = search_tuning()
        if not semantic:
            ranked = [self._by_words(text, tuning.candidates, scope)]
        else:
            # Both leave the interpreter lock while they work, so together they take as long as the slower one.
            by_words = self._pool.submit(self._by_words, text, tuning.candidates, scope)
            try:
                by_meaning = self._dense.nearest(text, tuning.candidates, scope)
            finally:
                words_found = by_words.result()
            ranked = [words_found, by_meaning]
        return self._load(self._order(fuse(ranked, tuning.rrf_k))[:limit])

    def _by_words(self, text: str, n: int, scope: Scope) -> list[str]:
        """Best by BM25: first what has all the words, then what has any of them."""
        found: list[str] = []
        with self._catalogue.reading() as db:
            for match in match_expressions(text, scope.kinds):
                rows = db.execute(_WORDS, (match, RANKED, n if scope.thread is None else 4 * n))
                found += [str(row[0]) for row in rows]
                if len(found) >= n:
                    break
            found = list(dict.fromkeys(found))
            if scope.thread is not None and found:
                where, values = scope.where()
                inside = f"SELECT id FROM records WHERE id IN ({','.join('?' * len(found))}) AND {where}"
                allowed = {row[0] for row in db.execute(inside, [*found, *values])}
                found = [ref for ref in found if ref in allowed]
        return found[:n]

    def _order(self, fused: dict[str, float]) -> list[_Candidate]:
        """Relevance in 0..1, a little for what is new and for what the user liked; twins are dropped."""
        tuning, now = search_tuning(), time.time()
        best = 2 / (tuning.rrf_k + 1)
        refs = list(fused)
        query = f"SELECT * FROM records WHERE id IN ({','.join('?' * len(refs))})"
        with self._catalogue.reading() as db:
            rows = db.execute(query, refs).fetchall()
        found = []
        for row in rows:
            age = max(0.0, now - row["created_at"]) / _DAY
            score = fused[row["id"]] / best + tuning.recency_weight * 0.5 ** (age / tuning.recency_half_life_days)
            if row["rating"] is not None:
                score += tuning.rating_weight * (row["rating"] - 3) / 2
            same = (row["kind"], row["name"], row["body"])
            found.append(_Candidate(row["id"], bool(row["is_asset"]), score, row["created_at"], same))
        # A difference in the last digits is no difference: then the newer one comes first.
        found.sort(key=lambda c: (-round(c.score, 6), -c.created_at, c.ref))
        first: dict[tuple[str, str, str], _Candidate] = {}
        for candidate in found:
            first.setdefault(candidate.same, candidate)
        return list(first.values())

    def _load(self, chosen: Sequence[_Candidate]) -> list[Hit]:
        assets = self._assets.many([c.ref for c in chosen if c.is_asset])
        entries = self._entries.many([c.ref for c in chosen if not c.is_asset])
        hits = []
        for c in chosen:
            if asset := assets.get(c.ref):
                hits.append(Hit(asset.id, asset.kind, asset.name, asset.summary or c.same[2], c.score, asset=asset))
            elif entry := entries.get(c.ref):
                hits.append(Hit(entry.id, entry.kind, entry.name, entry.text, c.score, entry=entry))
        return hits


def match_expressions(text: str, kinds: Sequence[str] = ()) -> list[str]:
    """FTS5 expressions for all and for any of the words; every word is quoted, so no operator of FTS5 gets through."""
    found = list(dict.fromkeys(tokens(text)))
    telling = [word for word in found if word not in words().stopwords] or found
    quoted = [_quoted(word) for word in telling[:QUERY_WORDS]]
    if not quoted:
        return []
    of_kind = f"({' OR '.join(f'kind : {_quoted(kind)}' for kind in kinds)}) AND " if kinds else ""
    joined = [" AND ".join(quoted), " OR ".join(quoted)][: len(quoted)]
    return [f"{of_kind}({part})" for part in joined]


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def fuse(rankings: Iterable[Sequence[str]], k: int) -> dict[str, float]:
    """Reciprocal rank fusion: the sum of 1 / (k + rank) over the rankings (Cormack et al. 2009)."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, ref in enumerate(ranking, start=1):
            scores[ref] = scores.get(ref, 0.0) + 1 / (k + rank)
    return scores
