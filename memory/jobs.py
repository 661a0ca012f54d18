"""Work in progress: conversations, jobs with finished steps (for resuming after a kill), takes and timings."""

from __future__ import annotations

import json
import sqlite3
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from configs.errors import UsageError
from memory.catalogue import Catalogue

TIMINGS_KEPT, TIMINGS_NEEDED = 20, 3
BEGUN = "begun"
"""Key of a job's arguments with its steps that have begun and not ended."""
JOB_ENDS = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Thread:
    """One conversation."""

    id: str
    title: str
    created_at: float
    updated_at: float


@dataclass(frozen=True)
class Job:
    """One tool call of a conversation that may be resumed."""

    id: str
    thread: str
    tool: str
    args: dict[str, Any]
    status: str
    """open | done | failed | cancelled."""
    started_at: float
    finished_at: float | None = None


@dataclass(frozen=True)
class JobStep:
    """A finished step of a job; its assets need not be made again."""

    key: str
    asset_ids: tuple[str, ...]
    seconds: float
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Take:
    """One try at a shot of a film."""

    film: str
    shot: str
    number: int
    asset_id: str
    score: float | None
    kept: bool


class Jobs:
    """Rows of `threads`, `jobs`, `job_steps`, `takes` and `timings`; each write is committed by itself."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def upsert_thread(self, thread_id: str, title: str) -> Thread:
        """Record a conversation as just used; an empty title keeps the former one."""
        now = time.time()
        with self._catalogue.writing() as db:
            row = db.execute(
                """INSERT INTO threads VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
                    SET updated_at = excluded.updated_at,
                    title = CASE excluded.title WHEN '' THEN title ELSE excluded.title END RETURNING *""",
                (thread_id, " ".join(title.split())[:200], now, now),
            ).fetchall()
            return Thread(*row[0])

    def threads(self, limit: int) -> list[Thread]:
        """The last used first."""
        with self._catalogue.reading() as db:
            query = "SELECT * FROM threads ORDER BY updated_at DESC, rowid DESC LIMIT ?"
            return [Thread(*row) for row in db.execute(query, (limit,))]

    def start(self, job_id: str, thread: str, tool: str, args: Mapping[str, Any]) -> Job:
        """Open a job, or open a known one again with its finished steps."""
        with self._catalogue.writing() as db:
            row = db.execute(
                """INSERT INTO jobs VALUES (?, ?, ?, ?, 'open', ?, NULL)
                    ON CONFLICT (id) DO UPDATE SET status = 'open', finished_at = NULL RETURNING *""",
                (job_id, thread, tool, json.dumps(dict(args), default=str), time.time()),
            ).fetchall()
            return _job(row[0])

    def step_done(
        self, job_id: str, key: str, asset_ids: Sequence[str], seconds: float, data: Mapping[str, Any] | None
    ) -> None:
        """Record a finished step; recorded again, the later one counts."""
        with self._catalogue.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO job_steps VALUES (?, ?, ?, ?, ?, ?)",
                (job_id, key, json.dumps(list(asset_ids)), seconds, json.dumps(dict(data or {})), time.time()),
            )

    def step(self, job_id: str, key: str) -> JobStep | None:
        """A finished step, or None when there is none or one of its assets is gone or was undone."""
        with self._catalogue.reading() as db:
            row = db.execute("SELECT * FROM job_steps WHERE job_id = ? AND key = ?", (job_id, key)).fetchone()
            if row is None:
                return None
            ids = tuple(json.loads(row["asset_ids"]))
            marks = ",".join("?" * len(set(ids)))
            query = f"SELECT count(*) FROM assets WHERE hidden = 0 AND id IN ({marks})"
            if db.execute(query, list(set(ids))).fetchone()[0] < len(set(ids)):
                return None
            return JobStep(key, ids, row["seconds"], json.loads(row["data"]))

    def begun(self, job_id: str, key: str, last: int) -> int:
        """See `Memory.job_step_begun`."""
        with self._catalogue.writing() as db:
            row = db.execute("SELECT thread, args FROM jobs WHERE id = ?", (job_id,)).fetchone()
            if row is None:
                return last
            args = json.loads(row["args"])
            first = args.get(BEGUN, {}).get(key)
            query = (
                "SELECT count(*) FROM changes WHERE thread = ? AND id > ? AND (kind <> 'entry' OR undone_at NOTNULL)"
            )
            if first is not None and not db.execute(query, (row["thread"], first)).fetchone()[0]:
                return int(first)
            self._keep_args(db, job_id, {**args, BEGUN: {**args.get(BEGUN, {}), key: last}})
            return last

    def ended(self, job_id: str, key: str) -> None:
        """See `Memory.job_step_ended`."""
        with self._catalogue.writing() as db:
            row = db.execute("SELECT args FROM jobs WHERE id = ?", (job_id,)).fetchone()
            args = json.loads(row["args"]) if row is not None else {}
            if key in args.get(BEGUN, {}):
                self._keep_args(db, job_id, {**args, BEGUN: {k: v for k, v in args[BEGUN].items() if k != key}})

    @staticmethod
    def _keep_args(db: sqlite3.Connection, job_id: str, args: Mapping[str, Any]) -> None:
        db.execute("UPDATE jobs SET args = ? WHERE id = ?", (json.dumps(args), job_id))

    def finish(self, job_id: str, status: str) -> None:
        """End a job: done, failed or cancelled."""
        if status not in JOB_ENDS:
            raise UsageError(f"A job cannot end as '{status}'", fix=f"One of: {', '.join(JOB_ENDS)}")
        with self._catalogue.writing() as db:
            db.execute("UPDATE jobs SET status = ?, finished_at = ? WHERE id = ?", (status, time.time(), job_id))

    def open_jobs(self, thread: str | None) -> list[Job]:
        """Jobs that were started and not finished, oldest first; None = of every conversation."""
        where, values = ("AND thread = ?", [thread]) if thread is not None else ("", [])
        with self._catalogue.reading() as db:
            query = f"SELECT * FROM jobs WHERE status = 'open' {where} ORDER BY rowid"
            return [_job(row) for row in db.execute(query, values)]

    def add_take(self, film: str, shot: str, asset_id: str, score: float | None, kept: bool) -> Take:
        """Record the next try at a shot; a kept one takes the place of the former kept one."""
        with self._catalogue.writing() as db:
            where = "FROM takes WHERE film = ? AND shot = ?"
            number = 1 + int(db.execute(f"SELECT coalesce(max(number), 0) {where}", (film, shot)).fetchone()[0])
            if kept:
                db.execute("UPDATE takes SET kept = 0 WHERE film = ? AND shot = ?", (film, shot))
            values = (film, shot, number, asset_id, score, kept, time.time())
            db.execute("INSERT INTO takes VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        return Take(film, shot, number, asset_id, score, kept)

    def takes(self, film: str, shot: str | None) -> list[Take]:
        """The tries at one shot, or at all shots of a film, in order."""
        where, values = ("AND shot = ?", [film, shot]) if shot is not None else ("", [film])
        with self._catalogue.reading() as db:
            rows = db.execute(f"SELECT * FROM takes WHERE film = ? {where} ORDER BY shot, number", values)
            return [
                Take(r["film"], r["shot"], r["number"], r["asset_id"], r["score"], bool(r["kept"]))
                for r in rows.fetchall()
            ]

    def add_timing(self, tool: str, engine: str, size_key: str, seconds: float, peak_mib: float | None) -> None:
        """Record how long a call took; only the last ones are kept."""
        call = (tool, engine, size_key)
        with self._catalogue.writing() as db:
            db.execute(
                "INSERT INTO timings (tool, engine, size_key, seconds, peak_mib, at) VALUES (?, ?, ?, ?, ?, ?)",
                (*call, seconds, peak_mib, time.time()),
            )
            db.execute(
                """DELETE FROM timings WHERE tool = ? AND engine = ? AND size_key = ? AND id <= (
                    SELECT id FROM timings WHERE tool = ? AND engine = ? AND size_key = ?
                    ORDER BY id DESC LIMIT 1 OFFSET ?)""",
                (*call, *call, TIMINGS_KEPT),
            )

    def typical_seconds(self, tool: str, engine: str, size_key: str) -> float | None:
        """Median of the last 20 calls; None under 3."""
        with self._catalogue.reading() as db:
            query = (
                "SELECT seconds FROM timings WHERE tool = ? AND engine = ? AND size_key = ? ORDER BY id DESC LIMIT ?"
            )
            seen = [float(row[0]) for row in db.execute(query, (tool, engine, size_key, TIMINGS_KEPT))]
        return statistics.median(seen) if len(seen) >= TIMINGS_NEEDED else None


def _job(row: sqlite3.Row) -> Job:
    return Job(
        row["id"],
        row["thread"],
        row["tool"],
        json.loads(row["args"]),
        row["status"],
        row["started_at"],
        row["finished_at"],
    )
