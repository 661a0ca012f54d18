"""Shots of films: written for a whole film at once, gone from searches while their film is hidden."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from configs.errors import UsageError
from memory.catalogue import Catalogue
from memory.records import FilmShot

TEXT_LIMIT, CONTEXT_LIMIT, DATA_LIMIT = 2_000, 6_000, 20_000
"""Characters of a text, of what is searched besides it, and of the figures as JSON."""
THUMBNAIL_FOLDERS = ("cache", "assets")
_COLUMNS = (
    "id", "film", "number", "start", '"end"', "text", "text_by", "context", "terms", "data", "thumbnail", "keyframe",
)  # fmt: skip
_SELECT = "SELECT s.*, a.name AS film_name FROM shots s JOIN assets a ON a.id = s.film"


class Shots:
    """Rows of `shots`."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def put(self, film: str, shots: Sequence[FilmShot]) -> int:
        """See `Memory.put_shots`."""
        with self._catalogue.writing() as db:
            put(db, film, shots)
        return len(shots)

    def of_film(self, film: str) -> list[FilmShot]:
        """In order; [] for a film without shots, also for one that is hidden."""
        with self._catalogue.reading() as db:
            return of_film(db, film)

    def many(self, ids: Sequence[str]) -> dict[str, FilmShot]:
        """The shots of these ids, by id; unknown ones and those of hidden films are left out."""
        query = f"{_SELECT} WHERE a.hidden = 0 AND s.id IN ({','.join('?' * len(ids))})"
        with self._catalogue.reading() as db:
            return {row["id"]: _record(row) for row in db.execute(query, list(ids))}

    def all(self) -> Iterator[FilmShot]:
        """Every shot of every visible film, film by film, read a film at a time."""
        with self._catalogue.reading() as db:
            query = "SELECT DISTINCT film FROM shots WHERE film IN (SELECT id FROM assets WHERE hidden = 0)"
            films = [str(row[0]) for row in db.execute(query)]
        for film in films:
            yield from self.of_film(film)


def put(db: sqlite3.Connection, film: str, shots: Sequence[FilmShot]) -> None:
    """Write `shots` in place of what the film had; what did not change keeps its vector.

    Raises UsageError for a film that is not there and for a shot that cannot be.
    """
    if db.execute("SELECT 1 FROM assets WHERE id = ?", (film,)).fetchone() is None:
        raise UsageError(f"There is no film '{film[:80]}'", "its shots cannot be kept without it")
    numbers = [shot.number for shot in shots]
    if len(set(numbers)) != len(numbers):
        raise UsageError("Two shots of the film have the same number")
    rows = [_row(film, shot) for shot in shots]
    kept = set(numbers)
    gone = [(film, row[0]) for row in db.execute("SELECT number FROM shots WHERE film = ?", (film,))
            if row[0] not in kept]  # fmt: skip
    db.executemany("DELETE FROM shots WHERE film = ? AND number = ?", gone)
    changed = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[3:])
    db.executemany(
        f"""INSERT INTO shots ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" * len(_COLUMNS))})
            ON CONFLICT (film, number) DO UPDATE SET {changed}""",
        rows,
    )


def of_film(db: sqlite3.Connection, film: str) -> list[FilmShot]:
    """A visible film's shots as the given connection sees them."""
    query = f"{_SELECT} WHERE s.film = ? AND a.hidden = 0 ORDER BY s.number"
    return [_record(row) for row in db.execute(query, (film,))]


def _row(film: str, shot: FilmShot) -> tuple[Any, ...]:
    """Checked values in the order of _COLUMNS."""
    where = f"Shot {shot.number} cannot be kept"
    times = (shot.start, shot.end, shot.keyframe)
    if shot.film != film:
        raise UsageError(where, f"it belongs to '{shot.film[:80]}'")
    if isinstance(shot.number, bool) or shot.number < 1 or not all(math.isfinite(at) and at >= 0 for at in times):
        raise UsageError(where, "its number or its times are none")
    if shot.end < shot.start:
        raise UsageError(where, "it ends before it begins")
    if len(shot.text) > TEXT_LIMIT or len(shot.context) + len(shot.terms) > CONTEXT_LIMIT:
        raise UsageError(where, "its text is too long")
    try:
        data = json.dumps(shot.data, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(where, f"its figures are no JSON ({str(error)[:80]})") from error
    if len(data) > DATA_LIMIT:
        raise UsageError(where, "it has too many figures")
    return (
        f"{film}#{shot.number}", film, shot.number, float(shot.start), float(shot.end), shot.text, shot.text_by,
        shot.context, shot.terms, data, _inside(shot.thumbnail, where), float(shot.keyframe),
    )  # fmt: skip


def _inside(thumbnail: str, where: str) -> str:
    path = PurePosixPath(thumbnail)
    if thumbnail and (path.is_absolute() or ".." in path.parts or path.parts[0] not in THUMBNAIL_FOLDERS):
        raise UsageError(where, f"its picture '{thumbnail[:80]}' does not lie below {' or '.join(THUMBNAIL_FOLDERS)}")
    return thumbnail


def _record(row: sqlite3.Row) -> FilmShot:
    return FilmShot(
        film=row["film"], number=row["number"], start=row["start"], end=row["end"], text=row["text"],
        text_by=row["text_by"], context=row["context"], terms=row["terms"], data=json.loads(row["data"]),
        thumbnail=row["thumbnail"], keyframe=row["keyframe"], film_name=row["film_name"],
    )  # fmt: skip
