"""Characters, styles, places, notes and preferences: one per kind and name, with a history of what was superseded."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

from configs.errors import UsageError
from memory.catalogue import Catalogue
from memory.names import name_key, shown_name, shown_text
from memory.records import Entry

ID_PREFIX = {"character": "chr", "style": "sty", "place": "plc", "note": "nte", "preference": "prf", "film": "flm"}
DERIVED = ("look", "voice")
"""Facts of a character that other modules work out from its text."""
FORMER = "former_names"
"""Fact of an entry that was renamed: the names it had, under which older files know it."""
_NAME_LIMIT, _TEXT_LIMIT = 200, 20_000


class Entries:
    """Rows of `entries` and `entry_history`."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def remember(
        self,
        kind: str,
        name: str,
        text: str,
        data: Mapping[str, Any] | None,
        aliases: Sequence[str],
        source: str,
    ) -> tuple[Entry, int | None]:
        """Insert or update by kind and name; returns the entry and its history row (None: nothing changed)."""
        kind, name, text = kind.strip().casefold(), " ".join(shown_name(name, len(name)).split()), shown_text(text)
        check(kind, name, text)
        key = name_key(name)
        with self._catalogue.writing() as db:
            row = db.execute("SELECT * FROM entries WHERE kind = ? AND name_key = ?", (kind, key)).fetchone()
            old = record(row) if row else None
            entry = _merged(old, kind, key, name, text, data, aliases, source)
            if old is None and one(db, entry.id) is not None:  # who had this name before goes by another now
                entry = dataclasses.replace(entry, id=entry_id(kind, f"{key}:{time.time_ns()}"))
            if old is not None and dataclasses.replace(entry, updated_at=old.updated_at) == old:
                return old, None
            history = put(db, entry, old)
        return entry, history

    def rename(self, entry_id: str, name: str) -> tuple[Entry, int | None]:
        """Another name for an entry; the old one becomes an alias and is kept as FORMER among its facts.

        Returns the entry and its history row (None: it has this name). Raises UsageError when there is no such entry,
        or when another of its kind has the name.
        """
        name = " ".join(shown_name(name, len(name)).split())
        with self._catalogue.writing() as db:
            old = one(db, entry_id)
            if old is None:
                raise UsageError(f"There is no entry '{entry_id[:40]}'", fix="Name something that is remembered")
            check(old.kind, name, old.text)
            if old.name == name:
                return old, None
            key = name_key(name)
            rows = db.execute("SELECT * FROM entries WHERE kind = ? AND id != ?", (old.kind, entry_id))
            if other := next(
                (e for e in map(record, rows) if key in (name_key(e.name), *map(name_key, e.aliases))), None
            ):
                raise UsageError(
                    f"'{name}' is the name of {old.kind} {other.name} already",
                    fix="Choose another, or rename that first",
                )
            former = [one_name for one_name in old.data.get(FORMER, []) if name_key(one_name) != key]
            shown = tuple(alias for alias in (*old.aliases, old.name) if name_key(alias) != key)
            text = re.sub(rf"(?<!\w){re.escape(old.name)}(?!\w)", lambda _: name, old.text)
            entry = dataclasses.replace(
                old, name=name, text=text, aliases=tuple({name_key(a): a for a in shown}.values()),
                data={**old.data, FORMER: [*former, old.name]}, updated_at=time.time(),
            )  # fmt: skip
            return entry, put(db, entry, old)

    def get(self, entry_id: str) -> Entry | None:
        with self._catalogue.reading() as db:
            return one(db, entry_id)

    def many(self, ids: Sequence[str]) -> dict[str, Entry]:
        """The entries of these ids, by id; unknown ones are left out."""
        query = f"SELECT * FROM entries WHERE id IN ({','.join('?' * len(ids))})"
        with self._catalogue.reading() as db:
            return {row["id"]: record(row) for row in db.execute(query, list(ids))}

    def all(self, kind: str | None) -> list[Entry]:
        """By kind, then name."""
        where, values = ("WHERE kind = ?", [kind.strip().casefold()]) if kind else ("", [])
        with self._catalogue.reading() as db:
            return [record(r) for r in db.execute(f"SELECT * FROM entries {where} ORDER BY kind, name_key", values)]

    def forget(self, entry_id: str) -> tuple[Entry, int] | None:
        """Remove an entry (its history stays); returns it with its history row, None when there was none."""
        with self._catalogue.writing() as db:
            entry = one(db, entry_id)
            return (entry, remove(db, entry_id, entry)) if entry is not None else None

    def history(self, entry_id: str) -> list[Entry]:
        """What was superseded, newest first."""
        query = "SELECT snapshot FROM entry_history WHERE entry_id = ? AND snapshot IS NOT NULL ORDER BY id DESC"
        with self._catalogue.reading() as db:
            return [from_json(row[0]) for row in db.execute(query, (entry_id,))]


def put(db: sqlite3.Connection, entry: Entry, old: Entry | None) -> int:
    """Write an entry over `old` and keep `old` in the history; returns the history row."""
    db.execute(
        """INSERT INTO entries (id, kind, name, name_key, text, data, aliases, source, created_at, updated_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_key = excluded.name_key, text = excluded.text,
            data = excluded.data, aliases = excluded.aliases, source = excluded.source,
            updated_at = excluded.updated_at""",
        (
            entry.id, entry.kind, entry.name, name_key(entry.name), entry.text, json.dumps(entry.data),
            json.dumps(entry.aliases, ensure_ascii=False), entry.source, entry.created_at, entry.updated_at,
        ),
    )  # fmt: skip
    return _keep(db, entry.id, old)


def remove(db: sqlite3.Connection, entry_id: str, old: Entry | None) -> int:
    """Take an entry away and keep `old` in the history; returns the history row."""
    db.execute("DELETE FROM entries WHERE id = ?", (entry_id,))
    return _keep(db, entry_id, old)


def scrub(db: sqlite3.Connection, entry_id: str, fact: str) -> None:
    """Take a fact out of all that was kept of an entry's past: its history, and what an undo replaced."""
    where = "json_extract(snapshot, ?) IS NOT NULL"
    at = f"$.data.{fact}"
    db.execute(
        f"UPDATE entry_history SET snapshot = json_remove(snapshot, ?) WHERE entry_id = ? AND {where}",
        (at, entry_id, at),
    )
    db.execute(
        "UPDATE changes SET payload = json_remove(payload, ?) WHERE json_extract(payload, '$.undone.id') = ?",
        (f"$.undone.data.{fact}", entry_id),
    )


def restore(db: sqlite3.Connection, history_id: int) -> tuple[str, str] | None:
    """Bring an entry back to what a history row keeps; returns (entry id, what happened).

    None when the entry was changed again afterwards by something else: then it is left as it is.
    """
    row = db.execute("SELECT entry_id, snapshot FROM entry_history WHERE id = ?", (history_id,)).fetchone()
    if row is None:
        return None
    entry_id = str(row["entry_id"])
    if db.execute("SELECT 1 FROM entry_history WHERE entry_id = ? AND id > ?", (entry_id, history_id)).fetchone():
        return None
    # The row is taken away: the entry is again as before the change, and so is its history.
    db.execute("DELETE FROM entry_history WHERE id = ?", (history_id,))
    current = one(db, entry_id)
    if row["snapshot"] is None:
        db.execute("DELETE FROM entries WHERE id = ?", (entry_id,))
        return entry_id, f"forgot {current.kind} {current.name}" if current else "forgot an entry"
    old = from_json(row["snapshot"])
    kept = put(db, old, None)
    db.execute("DELETE FROM entry_history WHERE id = ?", (kept,))
    return entry_id, f"brought back {old.kind} {old.name} as it was before"


def one(db: sqlite3.Connection, entry_id: str) -> Entry | None:
    """The entry of this id as the given connection sees it."""
    row = db.execute("SELECT * FROM entries WHERE id = ?", (entry_id,)).fetchone()
    return record(row) if row else None


def record(row: sqlite3.Row) -> Entry:
    """A row as a record."""
    return Entry(
        id=row["id"], kind=row["kind"], name=row["name"], text=row["text"], data=json.loads(row["data"]),
        aliases=tuple(json.loads(row["aliases"])), source=row["source"], created_at=row["created_at"],
        updated_at=row["updated_at"],
    )  # fmt: skip


def from_json(text: str) -> Entry:
    """An entry as the history keeps it."""
    value = json.loads(text)
    return Entry(**{**value, "aliases": tuple(value["aliases"])})


def entry_id(kind: str, key: str) -> str:
    """The same on every machine, so that an import recognises what is already known."""
    return f"{ID_PREFIX[kind]}-{hashlib.sha256(f'{kind}:{key}'.encode()).hexdigest()[:10]}"


def _keep(db: sqlite3.Connection, entry: str, old: Entry | None) -> int:
    snapshot = None if old is None else json.dumps(dataclasses.asdict(old), ensure_ascii=False)
    cursor = db.execute(
        "INSERT INTO entry_history (entry_id, snapshot, replaced_at) VALUES (?, ?, ?)", (entry, snapshot, time.time())
    )
    return int(cursor.lastrowid or 0)


def _merged(
    old: Entry | None,
    kind: str,
    key: str,
    name: str,
    text: str,
    data: Mapping[str, Any] | None,
    aliases: Sequence[str],
    source: str,
) -> Entry:
    now = time.time()
    cleaned = [" ".join(shown_name(alias).split())[:_NAME_LIMIT] for alias in aliases]
    known = old.aliases if old else ()
    joined = {name_key(a): a for a in (*known, *cleaned) if a and name_key(a) != key}
    return Entry(
        id=old.id if old else entry_id(kind, key),
        kind=kind,
        name=name,
        text=text,
        data=_facts(old, text, data),
        aliases=tuple(joined.values()),
        source=source,
        created_at=old.created_at if old else now,
        updated_at=now,
    )


def _facts(old: Entry | None, text: str, data: Mapping[str, Any] | None) -> dict[str, Any]:
    if data is not None:
        return json.loads(json.dumps(dict(data)))  # type: ignore[no-any-return]
    if old is None or old.text == text:
        return dict(old.data) if old else {}
    # What was worked out from the former text is stale; what somebody fixed (a cloned voice) stays.
    return {k: v for k, v in old.data.items() if k not in DERIVED or (isinstance(v, dict) and v.get("fixed"))}


def check(kind: str, name: str, text: str) -> None:
    """Raises UsageError on an unknown kind, an empty name, or too long a text."""
    if kind not in ID_PREFIX:
        raise UsageError(
            f"'{kind[:40]}' cannot be remembered", "it is no known kind", f"One of: {', '.join(ID_PREFIX)}"
        )
    if not name:
        raise UsageError(f"The {kind} has no name", fix="Give it one")
    if len(name) > _NAME_LIMIT:
        raise UsageError(f"The name has {len(name)} characters", f"{_NAME_LIMIT} are the most", "Shorten it")
    if len(text) > _TEXT_LIMIT:
        raise UsageError(f"The text has {len(text)} characters", f"{_TEXT_LIMIT} are the most", "Shorten it")
