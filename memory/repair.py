"""After damage: full text from the rows, and a new file from what can still be read of a broken one."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.workspace import Workspace
from memory.catalogue import Catalogue
from memory.migrations.v0002_search import CREATE_TEXT, FILL_TEXT, RANK_TEXT
from memory.migrations.v0003_shots import CREATE_SHOT_TEXT, FILL_SHOT_TEXT
from memory.ownership import Ownership

TABLES = (
    "assets", "lineage", "takes", "entries", "entry_history", "threads", "jobs", "job_steps",
    "timings", "changes", "vectors", "shots", "shot_vectors",
)  # fmt: skip


@dataclass(frozen=True)
class RepairReport:
    """What became of a damaged memory."""

    moved_to: Path
    """The untouched damaged file."""
    saved: dict[str, int]
    """Rows read back, by table."""
    unlisted_files: int
    """Files below assets/ that no saved row names; they stay where they are."""


def rebuild_text(catalogue: Catalogue) -> None:
    """Make the full text anew from assets, entries and shots."""
    with catalogue.writing() as db:
        for table in ("record_text", "shot_text"):
            db.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in (CREATE_TEXT, RANK_TEXT, FILL_TEXT, CREATE_SHOT_TEXT, FILL_SHOT_TEXT):
            db.execute(statement)


def repair(workspace: Workspace) -> RepairReport:
    """See `Memory.repair`. A file that is in order is moved and copied all the same."""
    ownership = Ownership(workspace.home)
    try:
        moved = _move_aside(workspace.database)
        catalogue = Catalogue(workspace.database)
        try:
            saved = _salvage(moved, catalogue)
            with catalogue.reading() as db:
                known = {row[0] for row in db.execute("SELECT path FROM assets")}
        finally:
            catalogue.close()
        files = (f for f in workspace.assets.rglob("*") if f.is_file())
        unlisted = sum(f.relative_to(workspace.home).as_posix() not in known for f in files)
        return RepairReport(moved, saved, unlisted)
    finally:
        ownership.release()


def _move_aside(database: Path) -> Path:
    date = time.strftime("%Y%m%d-%H%M%S")
    target, number = database.with_name(f"{database.name}.damaged-{date}"), 1
    while target.exists():
        number += 1
        target = database.with_name(f"{database.name}.damaged-{date}-{number}")
    # The write-ahead log holds commits that are not in the file yet, so it has to go along under the same name.
    for suffix in ("-wal", "", "-shm"):
        part = database.with_name(database.name + suffix)
        if part.exists():
            part.rename(target.with_name(target.name + suffix))
    return target


def _salvage(source: Path, catalogue: Catalogue) -> dict[str, int]:
    saved = dict.fromkeys(TABLES, 0)
    if not source.exists():
        return saved
    with contextlib.closing(sqlite3.connect(source, isolation_level=None)) as old, catalogue.writing() as db:
        old.row_factory = sqlite3.Row
        # Text that is no longer UTF-8 is read with marks in place of the lost letters.
        old.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for table in TABLES:
            columns = [str(row[1]) for row in db.execute(f"PRAGMA table_info({table})")]
            for row in _readable_rows(old, table):
                common = [c for c in columns if c in row.keys()]  # noqa: SIM118  (a Row iterates over values)
                marks = ",".join("?" * len(common))
                query = f"INSERT OR IGNORE INTO {table} ({','.join(common)}) VALUES ({marks})"
                with contextlib.suppress(sqlite3.IntegrityError):
                    saved[table] += db.execute(query, [row[c] for c in common]).rowcount
    return saved


def _readable_rows(old: sqlite3.Connection, table: str) -> Iterator[sqlite3.Row]:
    """From the front to the first damaged page, then from the back, so that one bad page costs its own rows only."""
    for order in ("", "ORDER BY rowid DESC", "ORDER BY 1 DESC"):
        cursor = None
        try:
            cursor = old.execute(f"SELECT * FROM {table} NOT INDEXED {order}")
            yield from cursor
            return
        except sqlite3.DatabaseError:
            continue
