"""Bring a catalogue file to the newest version, one committed step per version."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from configs.errors import StudioError
from memory.migrations import v0001_catalogue, v0002_search, v0003_shots

Migration = Sequence[str]
MIGRATIONS: tuple[Migration, ...] = (
    v0001_catalogue.STATEMENTS,
    v0002_search.STATEMENTS,
    v0003_shots.STATEMENTS,
)


def version_of(db: sqlite3.Connection) -> int:
    """The file's schema version; 0 for a new file."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> tuple[int, int]:
    """Apply what is missing and return (version before, version after).

    A step and its version number are one transaction, so a kill leaves either the old or the new version.
    Raises StudioError when a newer studio wrote the file.
    """
    before = version_of(db)
    newest = len(migrations)
    if before > newest:
        raise StudioError(
            "The studio's memory cannot be opened",
            f"a newer version of the studio wrote it (schema {before}, this one knows {newest})",
            "Update the studio, or choose another folder with --home",
        )
    if before >= 2 and not _is_final(db):
        _apply(db, v0002_search.AGAIN, before)
    for version in range(before + 1, newest + 1):
        _apply(db, migrations[version - 1], version)
    return before, newest


def _apply(db: sqlite3.Connection, statements: Migration, version: int) -> None:
    """All of the statements and the version's number, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {version}")
        db.execute("COMMIT")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _is_final(db: sqlite3.Connection) -> bool:
    """Whether version 2 has its final form: the first one did not number what is still to be embedded."""
    columns = [str(row[1]) for row in db.execute("PRAGMA table_info(pending)")]
    return not columns or "number" in columns
