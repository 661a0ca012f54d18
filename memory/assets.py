"""Assets in the catalogue: recorded once, never overwritten, found by any of their names."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, cast, get_args

from configs.errors import UsageError
from configs.workspace import Workspace
from memory.catalogue import Catalogue
from memory.names import name_key, nearest, whole_letters
from memory.records import Asset, AssetKind, Score

ID_PREFIX: dict[str, str] = {
    "image": "img", "audio": "aud", "video": "vid", "timeline": "tml", "subtitle": "sub", "storyboard": "brd",
    "map": "map", "lipsync": "lip", "report": "rep", "dataset": "set", "file": "fil",
}  # fmt: skip
USER_RATING = "user rating"
"""Name of the score that holds the user's 1 to 5."""
_BODY_LIMIT = 4000
_MIN_PREFIX = 4
_LONGEST_NAME = 300
_NO_SHEET = "json_extract(params, '$.sheet') IS NULL"
_NO_MASTER = "json_extract(params, '$.textless') IS NULL"


def new_asset_id(kind: AssetKind, sha256: str) -> str:
    """The id that an asset gets unless it is taken: kind prefix and digest, 'img-3f9a2c71d0'."""
    return f"{ID_PREFIX[kind]}-{sha256[:10]}"


class Assets:
    """Rows of `assets`, `lineage` and `takes`.

    What is newer was recorded later (its row number), whatever the clock said then: it may have been set back.
    """

    def __init__(self, catalogue: Catalogue, workspace: Workspace) -> None:
        self._catalogue, self._workspace = catalogue, workspace

    def add(self, asset: Asset) -> Asset:
        """Record an asset and return it as stored.

        An empty id is filled from the digest; an id that another asset has gets a suffix. The same file from the
        same step of the same thread is one asset (a resumed job may record it twice).
        """
        if asset.kind not in get_args(AssetKind):
            raise UsageError(f"There is no asset kind '{asset.kind}'", fix=f"One of: {', '.join(get_args(AssetKind))}")
        wanted = asset.id or new_asset_id(asset.kind, asset.sha256)
        with self._catalogue.writing() as db:
            final, number = wanted, 1
            while (old := one(db, final)) is not None:
                if _same_making(old, asset):
                    db.execute("UPDATE assets SET hidden = 0 WHERE id = ?", (final,))
                    return dataclasses.replace(old, hidden=False)
                number += 1
                final = f"{wanted}-{number}"
            stored = dataclasses.replace(asset, id=final, created_at=asset.created_at or time.time())
            insert(db, stored)
        return stored

    def get(self, asset_id: str) -> Asset | None:
        """The asset of exactly this id, hidden ones included."""
        with self._catalogue.reading() as db:
            return one(db, asset_id)

    def made_here(self, sha256: str, kind: str) -> Asset | None:
        """See `Memory.made_here`."""
        order = "ORDER BY hidden, rowid DESC LIMIT 1"
        found = self._query(f"WHERE sha256 = ? AND kind = ? AND tool <> '' AND engine <> '' {order}", [sha256, kind])
        return found[0] if found else None

    def many(self, ids: Sequence[str]) -> dict[str, Asset]:
        """The assets of these ids, by id; unknown ones are left out."""
        marks = ",".join("?" * len(ids))
        with self._catalogue.reading() as db:
            rows = db.execute(f"SELECT * FROM assets WHERE id IN ({marks})", list(ids)).fetchall()
            return {asset.id: asset for asset in with_parents(db, rows)}

    def newest(self, kind: str | None, thread: str | None, limit: int, include_hidden: bool) -> list[Asset]:
        """Newest first."""
        where, values = _where([kind] if kind else [], thread, include_hidden)
        return self._query(f"WHERE {where} ORDER BY rowid DESC LIMIT ?", [*values, limit])

    def all(self, page: int) -> Iterator[Asset]:
        """Every visible asset, in the order of recording."""
        last = 0
        while True:
            query = "SELECT * FROM assets WHERE hidden = 0 AND rowid > ? ORDER BY rowid LIMIT ?"
            with self._catalogue.reading() as db:
                rows = db.execute(query, (last, page)).fetchall()
                found = with_parents(db, rows)
            if not rows:
                return
            yield from found
            last = rows[-1]["rowid"]

    def find(self, ref: str, kinds: Sequence[str], thread: str) -> Asset:
        """See `Memory.find_asset`."""
        asked = whole_letters(ref).strip().strip("\"'").strip()
        if not asked:
            raise UsageError("No file was named", fix="Name an asset, an attached file, or 'last'")
        found = self._candidates(asked[:1000], kinds, thread)
        usable = [a for a in found if not a.hidden and (not kinds or a.kind in kinds)]
        if usable:
            return usable[0]
        if found and not found[0].hidden:
            raise UsageError(
                f"'{_short(asked)}' is of kind {found[0].kind}",
                f"{_or(kinds)} is needed here",
                self._suggest(asked, kinds),
            )
        if found:
            raise UsageError(f"'{_short(asked)}' was undone", "it is hidden", self._suggest(asked, kinds))
        raise UsageError(
            f"There is no file '{_short(asked)}'", "the memory knows no such asset", self._suggest(asked, kinds)
        )

    def named_exactly(self, ref: str) -> Asset | None:
        """See `Memory.named_exactly`."""
        if len(ref) > _LONGEST_NAME:
            return None
        order = "ORDER BY rowid DESC LIMIT 1"
        found = self._query(f"WHERE id = ? {order}", [ref]) or self._query(
            f"WHERE (name_key = ? OR file_key = ?) {order}", [name_key(ref)] * 2
        )
        return found[0] if found else None

    def _candidates(self, asked: str, kinds: Sequence[str], thread: str) -> list[Asset]:
        if asked.casefold() in ("last", "$last"):
            where, newest = _where(kinds, thread or None, False)
            if "image" in kinds:  # who asks for the last picture does not mean the contact sheet that followed it
                where += f" AND {_NO_SHEET}"
            if "video" in kinds or not kinds:  # nor the picture without captions that an undone cut was made from
                where += f" AND {_NO_MASTER}"
            found = self._query(f"WHERE {where} ORDER BY rowid DESC LIMIT 1", newest)
            if not found:
                what = _or(kinds) if kinds else "asset"
                raise UsageError(f"There is no {what} in this conversation yet", fix="Make or attach one first")
            return found
        # Assets of this thread come before those of others, then the newest.
        order = "ORDER BY hidden, thread <> ?, rowid DESC LIMIT 20"
        for clause, values in (
            ("id = ? COLLATE NOCASE", [asked]),
            ("path = ?", [self._relative(asked)]),
            ("(name_key = ? OR file_key = ?)", [name_key(asked)] * 2),
        ):
            if found := self._query(f"WHERE {clause} {order}", [*values, thread]):
                return found
        return self._by_prefix(asked, kinds)

    def _by_prefix(self, asked: str, kinds: Sequence[str]) -> list[Asset]:
        key = name_key(asked)
        if len(key) < _MIN_PREFIX:
            return []
        where, values = _where(kinds, None, False)
        found = self._query(
            f"WHERE {where} AND (substr(id, 1, ?) = ? OR substr(name_key, 1, ?) = ? OR substr(file_key, 1, ?) = ?)"
            " LIMIT 4",
            [*values, len(asked), asked.casefold(), len(key), key, len(key), key],
        )
        if len({a.sha256 for a in found}) > 1:
            names = ", ".join(f"{a.name} ({a.id})" for a in found[:3])
            raise UsageError(f"'{_short(asked)}' may be more than one file", names, "Name one of them in full")
        return found

    def _relative(self, asked: str) -> str:
        home = str(self._workspace.home)
        inner = asked[len(home) + 1 :] if asked.startswith(home + "/") else asked
        return str(PurePosixPath(inner.replace("\\", "/")))

    def _suggest(self, asked: str, kinds: Sequence[str]) -> str:
        where, values = _where(kinds, None, False)
        newest = self._query(f"WHERE {where} ORDER BY rowid DESC LIMIT 500", values)
        names = nearest(asked, (a.name or a.id for a in newest), 3)
        return f"Nearest: {', '.join(names)}" if names else "Make or attach one first"

    def _query(self, clause: str, values: Sequence[object]) -> list[Asset]:
        with self._catalogue.reading() as db:
            return with_parents(db, db.execute(f"SELECT * FROM assets {clause}", list(values)).fetchall())

    def in_order(self, ids: Sequence[str]) -> list[str]:
        """See `Memory.in_order`."""
        marks = ",".join("?" * len(ids))
        with self._catalogue.reading() as db:
            query = f"SELECT id FROM assets WHERE id IN ({marks}) ORDER BY rowid"
            return [str(row[0]) for row in db.execute(query, list(ids))]

    def set_hidden(self, ids: Iterable[str], hidden: bool) -> int:
        """Hide or show assets; returns how many changed."""
        with self._catalogue.writing() as db:
            return sum(
                db.execute("UPDATE assets SET hidden = ? WHERE id = ? AND hidden = ?", (hidden, i, not hidden)).rowcount
                for i in dict.fromkeys(ids)
            )

    def drop(self, ids: Iterable[str]) -> None:
        """See `Memory.drop_assets`."""
        with self._catalogue.writing() as db:
            for one_id in dict.fromkeys(ids):
                db.execute("DELETE FROM assets WHERE id = ?", (one_id,))
                db.execute("DELETE FROM lineage WHERE child = ?", (one_id,))

    def set_scores(self, asset_id: str, scores: Sequence[Score]) -> None:
        """Replace the measured scores (the user's rating is kept apart)."""
        with self._catalogue.writing() as db:
            changed = db.execute("UPDATE assets SET scores = ? WHERE id = ?", (_scores_text(scores), asset_id)).rowcount
            if not changed:
                raise UsageError(f"There is no asset '{_short(asset_id)}'")

    def rate(self, asset_id: str, rating: int) -> int | None:
        """Store 1 to 5 and return the rating before, None for none."""
        if isinstance(rating, bool) or rating not in range(1, 6):
            raise UsageError(f"{rating} is no rating", "ratings go from 1 to 5", "Give a whole number from 1 to 5")
        with self._catalogue.writing() as db:
            row = db.execute("SELECT rating FROM assets WHERE id = ?", (asset_id,)).fetchone()
            if row is None:
                raise UsageError(f"There is no asset '{_short(asset_id)}'")
            db.execute("UPDATE assets SET rating = ? WHERE id = ?", (rating, asset_id))
            return None if row[0] is None else int(row[0])

    def rename(self, asset_id: str, name: str) -> str:
        """Give an asset another name and return the one before."""
        with self._catalogue.writing() as db:
            row = db.execute("SELECT name FROM assets WHERE id = ?", (asset_id,)).fetchone()
            if row is None:
                raise UsageError(f"There is no asset '{_short(asset_id)}'")
            set_name(db, asset_id, name)
            return str(row[0])

    def children(self, asset_id: str) -> list[Asset]:
        """Assets made directly from this one, oldest first."""
        return self._query("WHERE id IN (SELECT child FROM lineage WHERE parent = ?) ORDER BY rowid", [asset_id])

    def lineage(self, asset_id: str) -> list[Asset]:
        """Everything that this asset was made from, nearest first (each once, loops end)."""
        walk = """WITH RECURSIVE up(id, depth) AS (
            SELECT parent, 1 FROM lineage WHERE child = ?
            UNION SELECT l.parent, depth + 1 FROM lineage l JOIN up ON l.child = up.id WHERE depth < 64)
            SELECT id, min(depth) AS depth FROM up GROUP BY id ORDER BY depth, id"""
        with self._catalogue.reading() as db:
            order = [str(row[0]) for row in db.execute(walk, (asset_id,))]
        known = self.many([i for i in order if i != asset_id])
        return [known[i] for i in order if i in known]


def insert(db: sqlite3.Connection, asset: Asset, rating: int | None = None, row: int | None = None) -> None:
    """Write a complete row and its lineage. row: its number, None = after all others."""
    db.execute(
        """INSERT INTO assets (rowid, id, kind, path, name, name_key, file_key, sha256, bytes, engine, engine_version,
            tool, params, seed, scores, thread, step_key, summary, body, rating, created_at, hidden)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            row, asset.id, asset.kind, asset.path, asset.name,
            name_key(asset.name), name_key(PurePosixPath(asset.path).name),
            asset.sha256, asset.bytes, asset.engine, asset.engine_version, asset.tool, json.dumps(asset.params),
            None if asset.seed is None else str(asset.seed), _scores_text(asset.scores), asset.thread, asset.step_key,
            asset.summary, _body(asset), rating, asset.created_at, asset.hidden,
        ),
    )  # fmt: skip
    db.executemany(
        "INSERT OR IGNORE INTO lineage VALUES (?, ?, ?)", [(asset.id, p, i) for i, p in enumerate(asset.parents)]
    )


def set_name(db: sqlite3.Connection, asset_id: str, name: str) -> None:
    """Another name, under which it is found from now on."""
    db.execute("UPDATE assets SET name = ?, name_key = ? WHERE id = ?", (name, name_key(name), asset_id))


def one(db: sqlite3.Connection, asset_id: str) -> Asset | None:
    """The asset of this id as the given connection sees it."""
    rows = db.execute("SELECT * FROM assets WHERE id = ?", (asset_id,)).fetchall()
    return with_parents(db, rows)[0] if rows else None


def with_parents(db: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> list[Asset]:
    """Rows as records, their parents filled in with one query."""
    ids = [row["id"] for row in rows]
    parents: dict[str, list[str]] = {}
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        query = f"SELECT child, parent FROM lineage WHERE child IN ({','.join('?' * len(part))}) ORDER BY position"
        for child, parent in db.execute(query, part):
            parents.setdefault(child, []).append(parent)
    return [_record(row, tuple(parents.get(row["id"], ()))) for row in rows]


def _record(row: sqlite3.Row, parents: tuple[str, ...]) -> Asset:
    scores = [Score(**score) for score in json.loads(row["scores"])]
    if row["rating"] is not None:
        scores.append(Score(USER_RATING, float(row["rating"]), "judged", "user"))
    return Asset(
        id=row["id"], kind=cast(AssetKind, row["kind"]), path=row["path"], name=row["name"], sha256=row["sha256"],
        bytes=row["bytes"], engine=row["engine"], engine_version=row["engine_version"], tool=row["tool"],
        params=json.loads(row["params"]), seed=None if row["seed"] is None else int(row["seed"]), parents=parents,
        scores=tuple(scores), thread=row["thread"], step_key=row["step_key"], summary=row["summary"],
        created_at=row["created_at"], hidden=bool(row["hidden"]),
    )  # fmt: skip


def _scores_text(scores: Iterable[Score]) -> str:
    return json.dumps([dataclasses.asdict(s) for s in scores if s.name != USER_RATING])


def _body(asset: Asset) -> str:
    """What full text and meaning search read: the summary and every text among the parameters."""
    parts = [asset.summary, *_texts(asset.params), asset.tool.replace("_", " "), asset.engine]
    parts.append(Path(asset.path).stem.replace("-", " "))
    return " ".join(dict.fromkeys(part.strip() for part in parts if part.strip()))[:_BODY_LIMIT]


def _texts(value: Any, depth: int = 0) -> list[str]:
    if isinstance(value, str):
        return [value[:1000]]
    if depth >= 4 or not isinstance(value, dict | list | tuple):
        return []
    # a recipe repeats the prompt and is hashes otherwise, which would only dilute what is searched
    inner = [item for key, item in value.items() if key != "recipe"] if isinstance(value, dict) else value
    return [text for item in inner for text in _texts(item, depth + 1)]


def _same_making(old: Asset, new: Asset) -> bool:
    keys = ("sha256", "kind", "thread", "tool", "step_key", "params", "seed", "name")
    return all(json.dumps(getattr(old, k), default=str) == json.dumps(getattr(new, k), default=str) for k in keys)


def _where(kinds: Sequence[str | None], thread: str | None, include_hidden: bool) -> tuple[str, list[object]]:
    parts: list[str] = ["1 = 1" if include_hidden else "hidden = 0"]
    values: list[object] = []
    if kinds:
        parts.append(f"kind IN ({','.join('?' * len(kinds))})")
        values += kinds
    if thread is not None:
        parts.append("thread = ?")
        values.append(thread)
    return " AND ".join(parts), values


def _or(kinds: Sequence[str]) -> str:
    return " or ".join(kinds)


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
