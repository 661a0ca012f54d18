"""What was done in a conversation, and how to take it back."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from configs.errors import UsageError
from memory.catalogue import Catalogue
from memory.entries import restore

CHANGE_KINDS = {"assets": "assets", "entry": "history_id", "rating": "asset_id"}
"""Each kind with the key that its payload needs."""


@dataclass(frozen=True)
class Undone:
    """One change that was taken back."""

    kind: str
    ids: tuple[str, ...]
    """Asset or entry ids; empty when nothing could be taken back."""
    text: str
    """For the user, e.g. 'hid 2 assets: Luca waving, greeting'."""


class Changes:
    """Rows of `changes`.

    Payloads: 'assets' {"assets": [ids], "tool": "...", "after": n}, 'entry' {"history_id": n},
    'rating' {"asset_id": "...", "before": 3 or null}. `after`: what the conversation remembered later than change n was
    part of the same deed, and is taken back with it.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def record(self, thread: str, kind: str, payload: Mapping[str, Any]) -> int:
        """Note a change; returns its number. Raises UsageError on an unknown kind or a payload without its key."""
        if kind not in CHANGE_KINDS:
            raise UsageError(f"A change of kind '{kind}' cannot be undone", fix=f"One of: {', '.join(CHANGE_KINDS)}")
        if CHANGE_KINDS[kind] not in payload:
            raise UsageError(f"A change of kind '{kind}' needs '{CHANGE_KINDS[kind]}'", "its payload lacks it")
        with self._catalogue.writing() as db:
            cursor = db.execute(
                "INSERT INTO changes (thread, kind, payload, created_at) VALUES (?, ?, ?, ?)",
                (thread, kind, json.dumps(dict(payload)), time.time()),
            )
            return int(cursor.lastrowid or 0)

    def undo(self, thread: str, steps: int) -> list[Undone]:
        """Take back the last `steps` changes of a conversation, newest first, all or none of them."""
        if steps < 1:
            raise UsageError(f"{steps} steps cannot be undone", fix="Give 1 or more")
        with self._catalogue.writing() as db:
            query = "SELECT * FROM changes WHERE thread = ? AND undone_at IS NULL ORDER BY id DESC"
            done: list[Undone] = []
            rows = db.execute(query, (thread,)).fetchall()
            while rows and len(done) < steps:
                row, payload = rows[0], json.loads(rows[0]["payload"])
                first = int(payload.get("after", row["id"] - 1))
                deed, rows = [r for r in rows if r["id"] > first], [r for r in rows if r["id"] <= first]
                parts = [_take_back(db, one["kind"], json.loads(one["payload"])) for one in deed]
                ids = tuple(i for part in parts for i in part.ids)
                done.append(Undone(row["kind"], ids, " and ".join(part.text for part in parts)))
                now = [(time.time(), one["id"]) for one in deed]
                db.executemany("UPDATE changes SET undone_at = ? WHERE id = ?", now)
            return done

    def last(self, thread: str) -> int:
        """Number of the newest change of a conversation; 0 for none."""
        with self._catalogue.reading() as db:
            row = db.execute("SELECT coalesce(max(id), 0) FROM changes WHERE thread = ?", (thread,)).fetchone()
            return int(row[0])

    def redo(self, thread: str, steps: int) -> list[Undone]:
        """Bring back what was undone last in a conversation, newest undone first; empty when something newer was done.

        Only hidden files come back: what an entry or a rating said before the undo is not kept twice.
        """
        if steps < 1:
            raise UsageError(f"{steps} steps cannot be done again", fix="Give 1 or more")
        with self._catalogue.writing() as db:
            newest = db.execute(
                "SELECT coalesce(max(id), 0) FROM changes WHERE thread = ? AND undone_at IS NULL", (thread,)
            ).fetchone()[0]
            query = "SELECT * FROM changes WHERE thread = ? AND undone_at IS NOT NULL AND id > ? ORDER BY id LIMIT ?"
            done: list[Undone] = []
            for row in db.execute(query, (thread, newest, min(steps, 10_000))).fetchall():
                if row["kind"] != "assets":
                    break
                done.append(_show_again(db, json.loads(row["payload"])["assets"]))
                db.execute("UPDATE changes SET undone_at = NULL WHERE id = ?", (row["id"],))
            return done


def _show_again(db: sqlite3.Connection, ids: Sequence[str]) -> Undone:
    shown = tuple(
        i for i in ids if db.execute("UPDATE assets SET hidden = 0 WHERE id = ? AND hidden = 1", (i,)).rowcount
    )
    if not shown:
        return Undone("assets", (), "nothing was hidden any more")
    names = [_name(db, i) for i in shown[:4]] + (["..."] if len(shown) > 4 else [])
    return Undone("assets", shown, f"brought back {len(shown)} asset{'s' * (len(shown) > 1)}: {', '.join(names)}")


def _take_back(db: sqlite3.Connection, kind: str, payload: dict[str, Any]) -> Undone:
    if kind == "assets":
        return _hide(db, payload["assets"])
    if kind == "entry":
        restored = restore(db, int(payload["history_id"]))
        if restored is None:
            return Undone(kind, (), "left an entry as it is: it was changed again since")
        return Undone(kind, (restored[0],), restored[1])
    asset_id, before = str(payload["asset_id"]), payload.get("before")
    db.execute("UPDATE assets SET rating = ? WHERE id = ?", (before, asset_id))
    what = "took the rating away" if before is None else f"set the rating back to {before}"
    return Undone(
        kind, (asset_id,), f"{what} from {_name(db, asset_id)}" if before is None else f"{what}: {_name(db, asset_id)}"
    )


def _hide(db: sqlite3.Connection, ids: Sequence[str]) -> Undone:
    hidden = tuple(
        i for i in ids if db.execute("UPDATE assets SET hidden = 1 WHERE id = ? AND hidden = 0", (i,)).rowcount
    )
    names = [_name(db, i) for i in hidden[:4]] + (["..."] if len(hidden) > 4 else [])
    if not hidden:
        return Undone("assets", (), "nothing left to hide")
    return Undone("assets", hidden, f"hid {len(hidden)} asset{'s' * (len(hidden) > 1)}: {', '.join(names)}")


def _name(db: sqlite3.Connection, asset_id: str) -> str:
    row = db.execute("SELECT name FROM assets WHERE id = ?", (asset_id,)).fetchone()
    return str(row[0]) if row and row[0] else asset_id
