"""Hybrid search: words (FTS5, BM25) and meaning (vectors), joined by reciprocal rank fusion."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

from memory.assets import Assets
from memory.catalogue import Catalogue
from memory.dense import DenseSearch
from memory.entries import Entries
from memory.lanes import SHOT, SHOTS, Lane, Scope
from memory.names import tokens
from memory.records import Hit
from memory.shots import Shots
from memory.tuning import search_tuning, words

QUERY_CHARACTERS, QUERY_WORDS = 2000, 24
"""A longer query is cut: what comes later in it hardly changes the ranking, and costs time."""
SHOT_WORDS = 12
ALL, ALL_BUT_ONE, SOME = 0.0, 1.0, 2.0
"""How much of a query a record has, as a rank."""
Ranking = dict[str, float]
"""Ids, best first, with what a place among them is worth (0-1)."""
_LEAST = 0.05
"""What a place is worth at least: it counts where nothing better is found."""
_STEM = 4
"""Letters that a word is not shortened below."""
RANKED = 2000
"""Of words that more records have, only the newest are ranked: so common a word tells little, and ranking is slow."""
_WORDS = """SELECT t.ref, best.score FROM {text} t JOIN (
        SELECT rowid AS row, bm25({text}, {weights}) AS score FROM {text}
        WHERE {text} MATCH ? ORDER BY rowid DESC LIMIT ?
    ) best ON t.rowid = best.row ORDER BY best.score LIMIT ?"""
_DAY = 86_400.0


@dataclass(frozen=True)
class _Candidate:
    ref: str
    kind: str
    is_asset: bool
    score: float
    created_at: float
    same: tuple[str, ...]
    """Kind, name and text, or a shot's film by content and its place in it: two alike in them are shown once."""


class Search:
    """Reads the catalogue's full text and the indexes of meanings."""

    def __init__(
        self,
        catalogue: Catalogue,
        assets: Assets,
        entries: Entries,
        shots: Shots,
        dense: Mapping[Lane, DenseSearch],
    ) -> None:
        self._catalogue, self._assets, self._entries, self._shots = catalogue, assets, entries, shots
        self._dense = dense
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
                by_meaning = self._by_meaning(text, tuning.candidates, scope)
            finally:
                words_found = by_words.result()
            ranked = [words_found, by_meaning]
        return self._load(self._order(fuse(ranked, tuning.rrf_k), scope.lanes)[:limit])

    def _by_meaning(self, text: str, n: int, scope: Scope) -> Ranking:
        """The closest of all lanes: cosines of one encoder compare across them.

        What is only a guess is worth least: below the encoder's floor, where only shots are asked for; and shots that
        merely share letters with the query.
        """
        ready = [(lane, self._dense[lane]) for lane in scope.lanes if self._dense[lane].is_ready()]
        if not ready:
            return {}
        embedder = ready[0][1].embedder
        vector = embedder.encode([text])[0]
        floor = search_tuning().shot_cosine_floor if scope.lanes == (SHOTS,) else 1.0
        found = [
            (cosine, ref, cosine >= embedder.cosine_floor and (embedder.is_semantic or lane is not SHOTS))
            for lane, dense in ready
            for ref, cosine in dense.nearest(vector, n, scope.inside(lane), floor)
        ]
        found.sort(key=lambda hit: -hit[0])
        return {ref: 1.0 if sure else _LEAST for _, ref, sure in found[:n]}

    def _by_words(self, text: str, n: int, scope: Scope) -> Ranking:
        """Best by BM25: first what has all the words, then what lacks some of them.

        A shot that has few of them is worth less, down to nearly nothing at half of the words: one common word says
        little of a shot, and must not outdo its meaning.
        """
        found = sorted(hit for lane in scope.lanes for hit in self._in_lane(text, n, lane, scope.inside(lane)))
        worth = {ref: max(_LEAST, 1 - 2 * (rank - SOME)) if rank > SOME else 1.0 for rank, _, ref in reversed(found)}
        return {ref: worth[ref] for ref in list(dict.fromkeys(ref for _, _, ref in found))[:n]}

    def _in_lane(self, text: str, n: int, lane: Lane, scope: Scope) -> list[tuple[float, float, str]]:
        """(ALL, ALL_BUT_ONE or SOME of the words, of a shot SOME + the share that it lacks; BM25 score, id)."""
        found: dict[str, tuple[float, float, str]] = {}
        query = _WORDS.format(text=lane.text, weights=lane.weights)
        matches = shot_expressions(text) if lane is SHOTS else match_expressions(text, scope.kinds)
        with self._catalogue.reading() as db:
            for rank, match in zip(
                (ALL, SOME) if len(matches) == 2 else (ALL, ALL_BUT_ONE, SOME), matches, strict=False
            ):
                rows = db.execute(query, (match, RANKED, n if scope.thread is None else 4 * n)).fetchall()
                lacks = _lacks(db, text, [row[0] for row in rows]) if rank == SOME and lane is SHOTS else {}
                for ref, score in rows:
                    found.setdefault(ref, (rank + lacks.get(ref, 0.0), score, ref))
                if len(found) >= n:
                    break
            if scope.thread is not None and found:
                where, values = scope.where()
                inside = f"SELECT id FROM {lane.view} WHERE id IN ({','.join('?' * len(found))}) AND {where}"
                allowed = {row[0] for row in db.execute(inside, [*found, *values])}
                return [hit for ref, hit in found.items() if ref in allowed]
        return list(found.values())

    def _order(self, fused: dict[str, float], lanes: Sequence[Lane]) -> list[_Candidate]:
        """Relevance in 0..1, a little for what is new and for what the user liked; twins are dropped."""
        tuning, now = search_tuning(), time.time()
        best = 2 / (tuning.rrf_k + 1)
        refs = list(fused)
        query = f"SELECT * FROM {{}} WHERE id IN ({','.join('?' * len(refs))})"
        with self._catalogue.reading() as db:
            rows = [row for lane in lanes for row in db.execute(query.format(lane.view), refs)]
        found = []
        for row in rows:
            age = max(0.0, now - row["created_at"]) / _DAY
            score = fused[row["id"]] / best + tuning.recency_weight * 0.5 ** (age / tuning.recency_half_life_days)
            if row["rating"] is not None:
                score += tuning.rating_weight * (row["rating"] - 3) / 2
            if row["kind"] == SHOT:
                same: tuple[str, ...] = (SHOT, row["sha256"], f"{row['start']:.2f}")
            else:
                same = (row["kind"], row["name"], row["body"])
            found.append(_Candidate(row["id"], row["kind"], bool(row["is_asset"]), score, row["created_at"], same))
        # A difference in the last digits is no difference: then the newer one comes first.
        found.sort(key=lambda c: (-round(c.score, 6), -c.created_at, c.ref))
        first: dict[tuple[str, ...], _Candidate] = {}
        for candidate in found:
            first.setdefault(candidate.same, candidate)
        return list(first.values())

    def _load(self, chosen: Sequence[_Candidate]) -> list[Hit]:
        assets = self._assets.many([c.ref for c in chosen if c.is_asset and c.kind != SHOT])
        entries = self._entries.many([c.ref for c in chosen if not c.is_asset])
        shots = self._shots.many([c.ref for c in chosen if c.kind == SHOT])
        hits = []
        for c in chosen:
            if shot := shots.get(c.ref):
                hits.append(Hit(shot.id, SHOT, shot.film_name, shot.text, c.score, shot=shot))
            elif asset := assets.get(c.ref):
                hits.append(Hit(asset.id, asset.kind, asset.name, asset.summary or c.same[2], c.score, asset=asset))
            elif entry := entries.get(c.ref):
                hits.append(Hit(entry.id, entry.kind, entry.name, entry.text, c.score, entry=entry))
        return hits


def _lacks(db: sqlite3.Connection, text: str, refs: Sequence[str]) -> dict[str, float]:
    """The share of the query's words (0-1) that each of these shots lacks; endings do not count."""
    marks = ",".join("?" * len(refs))
    query = f"""SELECT s.id, a.name || ' ' || s.text || ' ' || s.context || ' ' || s.terms
        FROM shots s JOIN assets a ON a.id = s.film WHERE s.id IN ({marks})"""
    asked = [word[: max(_STEM, len(word) - 2)] for word in _telling_of_shots(text)]
    found = {}
    for ref, body in db.execute(query, list(refs)):
        own = tokens(body)
        missing = sum(not any(word.startswith(stem) for word in own) for stem in asked)
        found[str(ref)] = missing / max(1, len(asked))
    return found


def match_expressions(text: str, kinds: Sequence[str] = ()) -> list[str]:
    """FTS5 expressions for all and for any of the words; every word is quoted, so no operator of FTS5 gets through."""
    quoted = [_quoted(word) for word in _telling(text, words().stopwords)]
    if not quoted:
        return []
    of_kind = f"({' OR '.join(f'kind : {_quoted(kind)}' for kind in kinds)}) AND " if kinds else ""
    joined = [" AND ".join(quoted), " OR ".join(quoted)][: len(quoted)]
    return [f"{of_kind}({part})" for part in joined]


def shot_expressions(text: str) -> list[str]:
    """As `match_expressions`; between all and any of the words come all but one, as people remember shots roughly.

    Words that any shot could be called by ('the scene where') tell nothing and are left out.
    """
    found = _telling_of_shots(text)[:SHOT_WORDS]
    quoted = [_quoted(word) for word in found]
    if len(quoted) < 2:
        return quoted
    most = [] if len(quoted) == 2 else [
        " OR ".join(f"({' AND '.join(quoted[:gap] + quoted[gap + 1 :])})" for gap in range(len(quoted)))
    ]  # fmt: skip
    return [" AND ".join(quoted), *most, " OR ".join(quoted)]


def _telling(text: str, stopwords: frozenset[str]) -> list[str]:
    found = list(dict.fromkeys(tokens(text)))
    return ([word for word in found if word not in stopwords] or found)[:QUERY_WORDS]


def _telling_of_shots(text: str) -> list[str]:
    """As `_telling`, of words that not any shot could be called by; the direction of a move ('tilt up') tells."""
    known, said = words(), tokens(text)
    moved = {way for move, way in pairwise(said) if move in known.moves and way in known.directions}
    return _telling(text, (known.stopwords | known.shot_stopwords) - moved)


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def fuse(rankings: Iterable[Ranking], k: int) -> dict[str, float]:
    """Reciprocal rank fusion: the sum of worth / (k + rank) over the rankings (Cormack et al. 2009, worth 1)."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, (ref, worth) in enumerate(ranking.items(), start=1):
            scores[ref] = scores.get(ref, 0.0) + worth / (k + rank)
    return scores
