"""What was done in a conversation, and how to take it back."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.errors import UsageError
from memory import entries
from memory.assets import set_name
from memory.catalogue import Catalogue
from memory.set_aside import Moved, drop, drop_empty, finish_moving, folders, move_aside, move_back, noted

CHANGE_KINDS = {"assets": "assets", "entry": "history_id", "rating": "asset_id", "name": "before", "removed": "moved"}
"""Each kind with the key that its payload needs."""
FOR_GOOD = "\x00for good"
"""The conversation of changes that nobody can undo: files to be deleted as soon as the database has agreed."""
Payload = dict[str, Any]


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
    'rating' {"asset_id": "...", "before": 3 or null}, 'name' {"asset_id": "...", "before": "..."},
    'removed' {"moved": [[from, to], ...], "assets": [ids],
    "after": n, "entry": "..."}. `after`: what the conversation remembered later than change n was part of the same
    deed, and is taken back with it. `message`: which of the agent's jobs it came of. What an undo replaced is kept in
    the payload as `undone`, so that it can be done again.
    """

    def __init__(self, catalogue: Catalogue, home: Path) -> None:
        self._catalogue, self._home = catalogue, home

    def record(self, thread: str, kind: str, payload: Mapping[str, Any]) -> int:
        """Note a change; returns its number. Raises UsageError on an unknown kind or a payload without its key."""
        if kind not in CHANGE_KINDS:
            raise UsageError(f"A change of kind '{kind}' cannot be undone", fix=f"One of: {', '.join(CHANGE_KINDS)}")
        if CHANGE_KINDS[kind] not in payload:
            raise UsageError(f"A change of kind '{kind}' needs '{CHANGE_KINDS[kind]}'", "its payload lacks it")
        with self._catalogue.writing() as db:
            # What was undone before belongs to a past that this change has left: it cannot be done again.
            db.execute(
                """UPDATE changes SET payload = json_set(payload, '$.left', 1)
                    WHERE thread = ? AND undone_at NOTNULL AND json_extract(payload, '$.left') IS NULL""",
                (thread,),
            )
            cursor = db.execute(
                "INSERT INTO changes (thread, kind, payload, created_at) VALUES (?, ?, ?, ?)",
                (thread, kind, json.dumps(dict(payload)), time.time()),
            )
            return int(cursor.lastrowid or 0)

    def of_message(self, thread: str, after: int, message: str) -> None:
        """Note that what was changed later than change `after` came of this message."""
        with self._catalogue.writing() as db:
            db.execute(
                """UPDATE changes SET payload = json_set(payload, '$.message', ?)
                    WHERE thread = ? AND id > ? AND undone_at IS NULL""",
                (message, thread, after),
            )

    def undo(self, thread: str, steps: int, *, whole: bool = False) -> list[Undone]:
        """Take back the last `steps` changes of a conversation, newest first, all or none of them.

        whole: and what else the message of the last one brought about; it is done again in one step, too.
        """
        if steps < 1:
            raise UsageError(f"{steps} steps cannot be undone", fix="Give 1 or more")
        with self._catalogue.writing() as db:
            query = "SELECT * FROM changes WHERE thread = ? AND undone_at IS NULL ORDER BY id DESC"
            done: list[Undone] = []
            rows, message, newest = db.execute(query, (thread,)).fetchall(), "", 0
            while rows:
                row, payload = rows[0], json.loads(rows[0]["payload"])
                goes_on = whole and message and payload.get("message") == message
                if len(done) >= steps and not goes_on:
                    break
                first = int(payload.get("after", row["id"] - 1))
                deed, rows = [r for r in rows if r["id"] > first], [r for r in rows if r["id"] <= first]
                undone = self._undo(db, row["kind"], deed)
                if undone.ids or not _makes_only(deed):
                    done.append(undone)
                if goes_on:
                    values = (min(one["id"] for one in deed) - 1, newest)
                    db.execute("UPDATE changes SET payload = json_set(payload, '$.after', ?) WHERE id = ?", values)
                else:
                    message, newest = payload.get("message", ""), row["id"]
            return done

    def _undo(self, db: sqlite3.Connection, kind: str, deed: Sequence[sqlite3.Row]) -> Undone:
        """One deed, its newest change first."""
        parts: list[Undone] = []
        payloads = {row["id"]: json.loads(row["payload"]) for row in deed}
        for row in deed:
            parts.append(self._take_back(db, row["kind"], payloads[row["id"]]))
            if row["kind"] == "removed" and not parts[-1].ids:
                break  # without its files, what it was part of is not brought back either
        now = time.time()
        for number, payload in payloads.items():
            values = (now, json.dumps(payload), number)
            db.execute("UPDATE changes SET undone_at = ?, payload = ? WHERE id = ?", values)
        return Undone(kind, tuple(i for part in parts for i in part.ids), " and ".join(part.text for part in parts))

    def last(self, thread: str) -> int:
        """Number of the newest change of a conversation; 0 for none."""
        with self._catalogue.reading() as db:
            row = db.execute("SELECT coalesce(max(id), 0) FROM changes WHERE thread = ?", (thread,)).fetchone()
            return int(row[0])

    def redo(self, thread: str, steps: int) -> list[Undone]:
        """Do again what was undone last in a conversation, oldest first; empty when something newer was done."""
        if steps < 1:
            raise UsageError(f"{steps} steps cannot be done again", fix="Give 1 or more")
        with self._catalogue.writing() as db:
            newest = db.execute(
                "SELECT coalesce(max(id), 0) FROM changes WHERE thread = ? AND undone_at IS NULL", (thread,)
            ).fetchone()[0]
            query = "SELECT * FROM changes WHERE thread = ? AND undone_at IS NOT NULL AND id > ? ORDER BY id"
            rows = [(row["id"], row["kind"], json.loads(row["payload"])) for row in db.execute(query, (thread, newest))]
            rows = [row for row in rows if not row[2].get("left")]
            done: list[Undone] = []
            while rows and len(done) < steps:
                last = max(
                    (i for i, _, payload in rows if payload.get("after", i - 1) < rows[0][0]), default=rows[0][0]
                )
                deed, rows = [row for row in rows if row[0] <= last], [row for row in rows if row[0] > last]
                parts = [self._do_again(db, kind, payload) for _, kind, payload in deed]
                told = [part for part in parts if part is not None]
                if not told:
                    break
                values = [(json.dumps(payload), number) for number, _, payload in deed]
                db.executemany("UPDATE changes SET undone_at = NULL, payload = ? WHERE id = ?", values)
                ids = tuple(i for part in told for i in part.ids)
                if ids or any(kind != "assets" for _, kind, _ in deed):
                    done.append(Undone(deed[-1][1], ids, " and ".join(part.text for part in told)))
            return done

    def for_good(self, entry_id: str) -> int:
        """No undo brings back what was taken away of this entry; `settle` deletes the files. How many changes."""
        with self._catalogue.writing() as db:
            query = "UPDATE changes SET thread = ? WHERE kind = 'removed' AND json_extract(payload, '$.entry') = ?"
            return db.execute(query, (FOR_GOOD, entry_id)).rowcount

    def settle(self) -> None:
        """Bring the files that were taken away, or brought back, to where the database says that they are.

        After a change was committed or failed, and at opening after a kill; inside of a transaction it does nothing.
        What the disk refuses is left for the next time.
        """
        if self._catalogue.in_transaction:
            return
        found = noted(self._home)
        with self._catalogue.reading() as db:
            query = "SELECT * FROM changes WHERE kind = 'removed'" + ("" if found else " AND thread = ?")
            rows = db.execute(query, () if found else (FOR_GOOD,)).fetchall()
        owners: dict[str, sqlite3.Row] = {}
        for row in rows:
            names = folders(json.loads(row["payload"])["moved"])
            owners |= dict.fromkeys(names, row)
            if row["thread"] == FOR_GOOD:
                self._delete(row["id"], names)
        for name, moved in found.items():
            owner = owners.get(name)
            if owner is None or owner["thread"] != FOR_GOOD:
                self._settle(name, moved, taken=owner is not None and owner["undone_at"] is None)

    def _delete(self, number: int, names: Sequence[str]) -> None:
        with contextlib.suppress(OSError, ValueError):
            for name in names:
                drop(self._home, name)
            with self._catalogue.writing() as db:
                db.execute("DELETE FROM changes WHERE id = ?", (number,))

    def _settle(self, name: str, moved: Moved, *, taken: bool) -> None:
        with contextlib.suppress(OSError, ValueError):
            finish_moving(self._home, moved, back=not taken)
            if not taken:
                drop_empty(self._home, name, moved)

    def _take_back(self, db: sqlite3.Connection, kind: str, payload: Payload) -> Undone:
        """One change; what it replaces is noted in `payload`."""
        match kind:
            case "assets":
                hidden = _hide(db, payload["assets"])
                payload["undone"] = list(hidden.ids)  # others were hidden before, and stay so
                return hidden
            case "entry":
                return _entry_back(db, payload)
            case "removed":
                return self._removed_back(db, payload)
            case "name":
                payload["undone"] = _name(db, payload["asset_id"])
                return _named(db, payload["asset_id"], payload["before"], "back")
        asset_id, before = str(payload["asset_id"]), payload.get("before")
        row = db.execute("SELECT rating FROM assets WHERE id = ?", (asset_id,)).fetchone()
        payload["undone"] = row[0] if row else None
        db.execute("UPDATE assets SET rating = ? WHERE id = ?", (before, asset_id))
        what = "took the rating away from" if before is None else f"set the rating back to {before}:"
        return Undone(kind, (asset_id,), f"{what} {_name(db, asset_id)}")

    def _do_again(self, db: sqlite3.Connection, kind: str, payload: Payload) -> Undone | None:
        """None for a change of which nobody kept what it said (undone by an older version of the studio)."""
        match kind:
            case "assets":
                return _show_again(db, payload.pop("undone", payload["assets"]))
            case "removed":
                move_aside(self._home, payload["moved"])
                hidden = _hide(db, payload["assets"])
                return dataclasses.replace(hidden, text=f"took away {len(payload['moved'])} files again")
        if "undone" not in payload:
            return None
        if kind == "entry":
            return _entry_again(db, payload)
        if kind == "name":
            return _named(db, payload["asset_id"], payload.pop("undone"), "again")
        asset_id, rating = str(payload["asset_id"]), payload.pop("undone")
        db.execute("UPDATE assets SET rating = ? WHERE id = ?", (rating, asset_id))
        return Undone(kind, (asset_id,), f"set the rating to {rating or 'none'} again: {_name(db, asset_id)}")

    def _removed_back(self, db: sqlite3.Connection, payload: Payload) -> Undone:
        if not move_back(self._home, payload["moved"]):
            return Undone("removed", (), "the files were deleted for good since, so nothing was brought back")
        shown = _show_again(db, payload["assets"])
        return dataclasses.replace(
            shown,
            ids=shown.ids or tuple(payload["assets"]) or ("",),
            text=f"brought back {len(payload['moved'])} files",
        )


def _makes_only(deed: Sequence[sqlite3.Row]) -> bool:
    """A deed that only made files: when they are hidden already (made twice, undone once) it is no step of an undo."""
    return all(row["kind"] == "assets" for row in deed)


def _entry_back(db: sqlite3.Connection, payload: Payload) -> Undone:
    number = int(payload["history_id"])
    row = db.execute("SELECT entry_id FROM entry_history WHERE id = ?", (number,)).fetchone()
    current = entries.one(db, str(row[0])) if row else None
    restored = entries.restore(db, number)
    if restored is None:
        return Undone("entry", (), "left an entry as it is: it was changed again since")
    now = entries.one(db, restored[0])
    payload["undone"] = dataclasses.asdict(current) if current is not None else None
    payload["entry_id"], payload["since"] = restored[0], now.updated_at if now is not None else None
    return Undone("entry", (restored[0],), restored[1])


def _entry_again(db: sqlite3.Connection, payload: Payload) -> Undone:
    kept, since = payload.pop("undone"), payload.pop("since", None)
    current = entries.one(db, str(payload["entry_id"]))
    if (current.updated_at if current is not None else None) != since:
        return Undone("entry", (), "left an entry as it is: it was changed again since")
    if kept is None:
        payload["history_id"] = entries.remove(db, str(payload["entry_id"]), current)
        return Undone("entry", (str(payload["entry_id"]),), "forgot an entry again")
    entry = entries.from_json(json.dumps(kept))
    payload["history_id"] = entries.put(db, entry, current)
    what = "remembered" if current is None else "changed"
    return Undone("entry", (entry.id,), f"{what} {entry.kind} {entry.name} again")


def _show_again(db: sqlite3.Connection, ids: Sequence[str]) -> Undone:
    shown = tuple(
        i for i in ids if db.execute("UPDATE assets SET hidden = 0 WHERE id = ? AND hidden = 1", (i,)).rowcount
    )
    if not shown:
        return Undone("assets", (), "nothing was hidden any more")
    names = [_name(db, i) for i in shown[:4]] + (["..."] if len(shown) > 4 else [])
    return Undone("assets", shown, f"brought back {len(shown)} asset{'s' * (len(shown) > 1)}: {', '.join(names)}")


def _hide(db: sqlite3.Connection, ids: Sequence[str]) -> Undone:
    hidden = tuple(
        i for i in ids if db.execute("UPDATE assets SET hidden = 1 WHERE id = ? AND hidden = 0", (i,)).rowcount
    )
    names = [_name(db, i) for i in hidden[:4]] + (["..."] if len(hidden) > 4 else [])
    if not hidden:
        return Undone("assets", (), "nothing left to hide")
    return Undone("assets", hidden, f"hid {len(hidden)} asset{'s' * (len(hidden) > 1)}: {', '.join(names)}")


def _named(db: sqlite3.Connection, asset_id: str, name: str, how: str) -> Undone:
    text = f"named '{_name(db, asset_id)}' '{name}' {how}"
    set_name(db, asset_id, name)
    return Undone("name", (asset_id,), text)


def _name(db: sqlite3.Connection, asset_id: str) -> str:
    row = db.execute("SELECT name FROM assets WHERE id = ?", (asset_id,)).fetchone()
    return str(row[0]) if row and row[0] else asset_id
