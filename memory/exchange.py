"""Export and import as JSON lines, with the files beside them if wanted: for backups and for another machine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from configs.errors import StudioError, UsageError
from memory import assets as asset_rows
from memory import entries as entry_rows
from memory import shots as shot_rows
from memory.assets import USER_RATING
from memory.records import Asset, Entry, FilmShot
from memory.store import Memory

FORMAT, VERSION = "animation-ai-studio-memory", 2
"""Version 2 added shots; files of version 1 are read as before."""
OnConflict = Literal["refuse", "keep", "replace"]
_PAGE = 500
_LINE_LIMIT = 1_000_000


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["header", "asset", "entry", "shot"]
    format: str = ""
    version: int = 0
    asset: Asset | None = None
    entry: Entry | None = None
    shot: FilmShot | None = None


_LINES = TypeAdapter(_Line)


@dataclass(frozen=True)
class Exchanged:
    """What an export or import did."""

    assets: int
    entries: int
    files: int = 0
    """Files copied."""
    kept: int = 0
    """Records that were here already and stayed as they were."""
    shots: int = 0

    def __str__(self) -> str:
        return str(self.assets + self.entries + self.shots)


def export_memory(memory: Memory, target: Path, *, files: bool = False) -> Exchanged:
    """Write entries, visible assets and their shots to `target` (.jsonl); with `files`, copies to '<target>.files/'.

    Written under a temporary name first. Raises UsageError when the target exists, StudioError when the disk refuses.
    """
    if target.exists():
        raise UsageError(f"{target} exists already", "an export overwrites nothing", "Choose another name")
    counts = {"asset": 0, "entry": 0, "file": 0, "shot": 0}
    temporary = target.with_name(f"{target.name}.part")
    try:
        with temporary.open("w", encoding="utf-8") as out:
            for line in _lines(memory):
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
                counts[line["type"]] = counts.get(line["type"], 0) + 1
                if files and line["type"] == "asset":
                    counts["file"] += _copy_out(memory, line["asset"], _files_of(target))
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StudioError(
            f"{target} cannot be written", error.strerror or str(error), "Choose another place, or free some space"
        ) from error
    return Exchanged(counts["asset"], counts["entry"], counts["file"], shots=counts["shot"])


def import_memory(memory: Memory, source: Path, *, on_conflict: OnConflict = "refuse") -> Exchanged:
    """Take in what `export_memory` wrote, with its ids; all of it or nothing.

    A record that is here already with other contents is a conflict: 'refuse' stops with its name, 'keep' leaves the
    one that is here, 'replace' takes the imported one (of entries the old one goes to the history). A film's shots are
    one record in this.
    Raises UsageError on a wrong line, a conflict, or a path outside the workspace.
    """
    copied: list[Path] = []
    counts = {"asset": 0, "entry": 0, "kept": 0, "shot": 0}
    films: dict[str, list[FilmShot]] = {}
    try:
        with memory.transaction() as db:
            for number, line in _read(source):
                if line.shot is not None:
                    films.setdefault(line.shot.film, []).append(line.shot)
                new = line.asset or line.entry
                if new is None:
                    continue
                old: Asset | Entry | None
                if line.asset is not None:
                    _check_path(memory, db, line.asset, number)
                    old = asset_rows.one(db, new.id)
                else:
                    old = entry_rows.one(db, new.id)
                if old is not None and (old == new or on_conflict == "keep"):
                    counts["kept"] += 1
                    continue
                if old is not None and on_conflict == "refuse":
                    raise _conflict(f"'{old.name}' ({old.id}) is")
                if line.asset is not None:
                    copied += _copy_in(source, line.asset, memory.workspace.inside(line.asset.path))
                    _put_asset(db, line.asset)
                elif line.entry is not None:
                    _put_entry(db, line.entry, old if isinstance(old, Entry) else None)
                counts[line.type] += 1
            for film, shots in films.items():
                taken = _put_shots(db, film, shots, on_conflict)
                counts["shot"] += taken
                counts["kept"] += not taken
    except BaseException:
        for path in copied:
            path.unlink(missing_ok=True)
        raise
    return Exchanged(counts["asset"], counts["entry"], len(copied), counts["kept"], counts["shot"])


def _conflict(what: str) -> UsageError:
    return UsageError(
        f"{what} here already with other contents",
        "an import overwrites nothing by itself",
        "Repeat with 'keep' or 'replace'",
    )


def _put_shots(db: sqlite3.Connection, film: str, shots: list[FilmShot], on_conflict: OnConflict) -> int:
    """All shots of a film, or none where those that are here stay; returns how many were taken."""
    old = shot_rows.of_film(db, film)
    if old and (on_conflict == "keep" or [replace(one, film_name="") for one in old] == shots):
        return 0
    if old and on_conflict == "refuse":
        raise _conflict(f"The shots of '{old[0].film_name}' ({film}) are")
    shot_rows.put(db, film, shots)
    return len(shots)


def _put_asset(db: sqlite3.Connection, asset: Asset) -> None:
    old = asset_rows.one(db, asset.id)
    shots = shot_rows.of_film(db, asset.id) if old is not None and old.sha256 == asset.sha256 else []
    row = db.execute("SELECT rowid FROM assets WHERE id = ?", (asset.id,)).fetchone()
    db.execute("DELETE FROM assets WHERE id = ?", (asset.id,))
    db.execute("DELETE FROM lineage WHERE child = ?", (asset.id,))
    asset_rows.insert(db, asset, _rating(asset), None if row is None else row[0])
    if shots:  # went with the former row, though the film is the same
        shot_rows.put(db, asset.id, shots)


def _put_entry(db: sqlite3.Connection, entry: Entry, old: Entry | None) -> None:
    entry_rows.check(entry.kind, entry.name, entry.text)
    try:
        entry_rows.put(db, entry, old)
    except sqlite3.IntegrityError as error:
        raise UsageError(
            f"Another {entry.kind} is called '{entry.name}' here", "its id differs", "Forget one of the two first"
        ) from error


def _lines(memory: Memory) -> Iterator[dict[str, Any]]:
    yield {"type": "header", "format": FORMAT, "version": VERSION}
    for entry in memory.list_entries():
        yield {"type": "entry", "entry": dataclasses.asdict(entry)}
    for asset in memory.all_assets(_PAGE):
        yield {"type": "asset", "asset": dataclasses.asdict(asset)}
    for shot in memory.all_shots():
        yield {"type": "shot", "shot": dataclasses.asdict(replace(shot, film_name=""))}


def _read(source: Path) -> Iterator[tuple[int, _Line]]:
    try:
        with source.open(encoding="utf-8") as lines:
            for number, text in enumerate(iter(lambda: lines.readline(_LINE_LIMIT + 1), ""), start=1):
                if len(text) > _LINE_LIMIT:
                    raise UsageError(
                        f"Line {number} of {source.name} is too long", fix="It is no export of this studio"
                    )
                if not text.strip():
                    continue
                line = _LINES.validate_json(text)
                if number == 1 and (line.type, line.format) != ("header", FORMAT):
                    raise UsageError(f"{source.name} is no export of this studio", fix="Choose the .jsonl file of one")
                if line.version > VERSION:
                    raise UsageError(f"{source.name} is from a newer studio", fix="Update this one")
                yield number, line
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{source.name} cannot be imported",
            f"line {number}: {where} {first['msg']}".replace("  ", " "),
            "Export it again",
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{source.name} cannot be imported", "it is no text file", "Choose the .jsonl file") from error
    except OSError as error:
        raise UsageError(f"{source} cannot be read", error.strerror or str(error), "Check its name") from error


def _check_path(memory: Memory, db: sqlite3.Connection, asset: Asset, number: int) -> None:
    """Below assets/ only; and two assets never share a file, so an import cannot claim the file of another one."""
    path = PurePosixPath(asset.path)
    if path.is_absolute() or ".." in path.parts or path.parts[:1] != (memory.workspace.assets.name,):
        raise UsageError(f"Line {number}: the path '{asset.path[:80]}' does not lie below assets/")
    row = db.execute("SELECT id FROM assets WHERE path = ? AND id <> ?", (asset.path, asset.id)).fetchone()
    if row is not None:
        raise UsageError(
            f"Line {number}: the file {asset.path} belongs to {row[0]} already", fix="Import into an empty workspace"
        )


def _rating(asset: Asset) -> int | None:
    given = [score.value for score in asset.scores if score.name == USER_RATING and score.value is not None]
    return int(given[0]) if given and 1 <= given[0] <= 5 else None


def _files_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.files")


def _copy_out(memory: Memory, asset: dict[str, Any], folder: Path) -> int:
    file = memory.workspace.inside(asset["path"])
    if not file.is_file():
        return 0
    place = folder / asset["path"]
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(file, place)
    return 1


def _copy_in(source: Path, asset: Asset, target: Path) -> list[Path]:
    """Copy the asset's file beside the export into the workspace; a file that is there already is never touched."""
    file = _files_of(source) / asset.path
    if target.exists() or not file.is_file() or file.is_symlink():
        return []
    if hashlib.sha256(file.read_bytes()).hexdigest() != asset.sha256:
        raise UsageError(f"The file of '{asset.name}' ({asset.id}) is not the exported one", "its digest differs")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.part")
    shutil.copy2(file, temporary)
    temporary.replace(target)
    return [target]
