"""The SQLite file that is the truth: connections, transactions, and errors told in one sentence."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from configs.errors import StudioError
from memory.migrations.runner import migrate

CHECKED_MIB = 64
"""Files up to this size are checked at every opening (about 1 ms per MiB); larger ones after an unclean end only."""
REPAIR_HINT = "Run 'studio memory repair': it keeps the file as studio.db.damaged-<date> and saves what can be read"


class Catalogue:
    """One writer at a time, readers beside it (WAL). Safe to use from many threads."""

    def __init__(self, path: Path, *, check: bool = True) -> None:
        """Open or create the file and bring it to the newest version.

        `check` asks for a check of the whole file even when it is large.
        Raises StudioError when it is damaged, not a database, too new, or cannot be written.
        """
        self.path = path
        self._write_lock = threading.RLock()
        self._writing = 0
        """The thread that has a transaction open; 0 for none."""
        self._pool_lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        if path.exists() and path.stat().st_size == 0 and _has_files(path.parent / "assets"):
            raise damaged(path, "the file is empty although there are assets")
        with translated(path):
            self._writer = self._connect()
            try:
                if check or path.stat().st_size <= CHECKED_MIB * 2**20:
                    self._quick_check()
                self.migrated = migrate(self._writer)
            except BaseException:
                self._writer.close()
                raise

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=10.0, isolation_level=None, check_same_thread=False)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode = WAL")
            # NORMAL: in WAL mode a killed process loses nothing and the file is never torn; only a power cut
            # may take back the last commits. FULL would cost an fsync (5-20 ms on a disk) for every small write.
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA secure_delete = ON")  # what is forgotten is not to be read in the file's free pages
            db.execute("PRAGMA cache_size = -16000")
            db.execute("PRAGMA temp_store = MEMORY")
        except BaseException:
            db.close()
            raise
        return db

    def _quick_check(self) -> None:
        found = [str(row[0]) for row in self._writer.execute("PRAGMA quick_check(1)")]
        if found != ["ok"]:
            raise damaged(self.path, " ".join(found[0].split()) if found else "the check gave no answer")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end, wholly taken back on any error. Raises StudioError."""
        with self._write_lock, translated(self.path):
            self._require_open()
            if self._writer.in_transaction:
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            self._writing = threading.get_ident()
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            finally:
                self._writing = 0

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for queries; sees everything that was committed before. Raises StudioError.

        Inside a transaction of the same thread it sees what that has written so far.
        """
        with translated(self.path):
            self._require_open()
            if self.in_transaction:
                yield self._writer
                return
            with self._pool_lock:
                db = self._idle.pop() if self._idle else None
            db = db or self._connect()
            try:
                yield db
            finally:
                with self._pool_lock:
                    if self._closed:
                        db.close()
                    else:
                        self._idle.append(db)

    @property
    def in_transaction(self) -> bool:
        """Whether this thread has one open."""
        return self._writing == threading.get_ident()

    def _require_open(self) -> None:
        if self._closed:
            raise StudioError("The studio's memory is closed", "it was used after close()", "Open it again")

    def close(self) -> None:
        """Close all connections; the write-ahead log is folded into the file."""
        with self._write_lock, self._pool_lock:
            if self._closed:
                return
            self._closed = True
            for db in self._idle:
                db.close()
            self._idle.clear()
            self._writer.close()


def damaged(path: Path, why: str) -> StudioError:
    """The error for a file that cannot be trusted."""
    return StudioError(f"The studio's memory {path} is damaged", why, REPAIR_HINT)


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(item.is_file() for item in folder.rglob("*"))


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into a StudioError with cause and fix."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        raise explain(error, path) from error
    except PermissionError as error:
        raise StudioError(
            f"The studio's memory {path} cannot be written", error.strerror or str(error), "Check its permissions"
        ) from error


def explain(error: sqlite3.DatabaseError, path: Path) -> StudioError:
    """One sentence each: what failed, why, what to do."""
    text = str(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CORRUPT_VTAB:
        return StudioError("The full-text index of the studio's memory is damaged", text, "Run 'studio memory rebuild'")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return damaged(path, text)
    if code == sqlite3.SQLITE_FULL:
        return StudioError(
            "Nothing was changed in the studio's memory", "the disk is full", "Free some space, then repeat"
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StudioError(
            "Nothing was changed in the studio's memory",
            f"{path} cannot be written ({text})",
            "Check the permissions of the folder, or choose another with --home",
        )
    if code == sqlite3.SQLITE_IOERR:
        return StudioError(
            "Nothing was changed in the studio's memory",
            f"the disk gave an error ({text})",
            "Check the disk and its free space, then repeat",
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StudioError("The studio's memory is busy", f"another program holds {path}", "Close it, then repeat")
    return StudioError("The studio's memory failed", text, "Repeat; if it stays, run 'studio memory rebuild'")
