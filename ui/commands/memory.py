"""`studio memory ...`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.workspace import Workspace
from ui.opening import settings_for

if TYPE_CHECKING:
    from memory.records import Entry, Hit
    from memory.store import Memory


@contextmanager
def _memory(home: Path | None) -> Iterator[Memory]:
    from memory.store import Memory
    from tools.embedding import studio_embedder

    settings = settings_for(home)
    encoder = studio_embedder(settings.memory.embedder)
    memory = Memory.open(Workspace.open(settings.home), index=settings.memory.index, embedder=encoder)
    try:
        yield memory
    finally:
        memory.close()


def add(home: Path | None, kind: str, name: str, text: str, as_json: bool) -> None:
    """Remember an entry."""
    with _memory(home) as memory:
        entry = memory.remember(kind, name, text)
    print(
        json.dumps({"id": entry.id, "kind": entry.kind, "name": entry.name}) if as_json else f"Remembered {entry.name}."
    )


def search(home: Path | None, query: str, limit: int, as_json: bool) -> None:
    """Print the best hits."""
    with _memory(home) as memory:
        hits = memory.search(query, limit=limit)
        warnings = memory.warnings()
    if as_json:
        print(json.dumps({"hits": [_row(hit) for hit in hits]}, ensure_ascii=False))
        return
    for hit in hits:
        where = f"{hit.name} {hit.shot.timecode}" if hit.shot else hit.name
        print(f"{hit.kind:<10} {where}: {hit.text[:120]}")
    if not hits:
        print("Nothing found.")
    for warning in warnings:
        print(f"note: {warning}")


def _row(hit: Hit) -> dict[str, Any]:
    row = {"id": hit.id, "kind": hit.kind, "name": hit.name, "text": hit.text, "score": round(hit.score, 5)}
    if shot := hit.shot:
        row |= {"film": shot.film, "shot": shot.number, "start": shot.start, "end": shot.end, "timecode": shot.timecode,
                "thumbnail": shot.thumbnail}  # fmt: skip
    return row


def list_all(home: Path | None, kind: str, as_json: bool) -> None:
    """Print entries and assets."""
    with _memory(home) as memory:
        entries = memory.list_entries(kind or None)
        assets = memory.list_assets(kind=kind or None, limit=200)  # type: ignore[arg-type]
    rows = [{"id": e.id, "kind": e.kind, "name": e.name, "text": e.text, **_voice(e)} for e in entries]
    rows += [{"id": a.id, "kind": a.kind, "name": a.name, "text": a.path} for a in assets]
    if as_json:
        print(json.dumps({"items": rows}, ensure_ascii=False))
        return
    for row in rows:
        print(f"{row['kind']:<10} {row['id']:<16} {row['name']}: {row['text'][:100]}")
        if "voice" in row:
            print(f"{'':<27} {row['voice']}")
    if not rows:
        print("Nothing is remembered yet.")


def _voice(entry: Entry) -> dict[str, str]:
    """Whose voice a character has, and who agreed; {} for one without a cloned voice."""
    from tools.voice.consent import consent_line

    line = consent_line(entry.data)
    return {"voice": line} if line else {}


def export(home: Path | None, file: Path) -> None:
    """Write a JSON-lines export."""
    from memory.exchange import export_memory

    with _memory(home) as memory:
        count = export_memory(memory, file)
    print(f"Wrote {count} records to {file}.")


def import_(home: Path | None, file: Path) -> None:
    """Read a JSON-lines export."""
    from memory.exchange import import_memory

    with _memory(home) as memory:
        count = import_memory(memory, file)
    print(f"Read {count} records from {file}.")


def rebuild(home: Path | None) -> None:
    """Make the index again."""
    with _memory(home) as memory:
        count = memory.rebuild()
    print(f"The index holds {count} records again.")


def repair(home: Path | None) -> None:
    """Salvage a damaged database."""
    from memory.store import Memory

    report = Memory.repair(Workspace.open(settings_for(home).home))
    rows = ", ".join(f"{count} {table}" for table, count in report.saved.items() if count) or "nothing"
    print(f"Saved {rows}. The damaged file is {report.moved_to}.")
    if report.unlisted_files:
        print(f"{report.unlisted_files} files under assets/ are in no record any more; they stay where they are.")
