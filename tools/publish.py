"""The one way a file becomes an asset: moved into place and recorded, or neither."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from slugify import slugify

from configs.errors import StudioError
from configs.workspace import Workspace
from memory.names import shown_name
from memory.records import Asset, AssetKind, Score

if TYPE_CHECKING:
    from memory.store import Memory

PREFIX: dict[str, str] = {
    "image": "img",
    "audio": "aud",
    "video": "vid",
    "timeline": "tml",
    "subtitle": "sub",
    "storyboard": "brd",
    "map": "map",
    "lipsync": "lip",
    "report": "rep",
    "dataset": "set",
    "file": "fil",
}

ID_LETTERS = 14
"""Of an asset's id, with which its file's name begins."""
BEING_PUT = ".being-put"
"""Ending of an empty file of the temporary folder: the asset's file that is called so is not recorded yet."""
_PUTTING = Lock()
"""Held from moving a file to recording it: two runs of one step have one target. One process owns a home."""


def asset_id(kind: AssetKind, digest: str, thread: str, step: str) -> str:
    """The id of a file made in a step: it follows from its content, so that the step made again gives the same."""
    own = hashlib.sha256(f"{kind}|{digest}|{thread}|{step}".encode()).hexdigest()[:10]
    return f"{PREFIX[kind]}-{own}"


def asset_path(workspace: Workspace, identity: str, kind: AssetKind, name: str, file: Path) -> Path:
    """Where the file of an asset lies."""
    stem = slugify(Path(name).stem, max_length=48) or kind
    return workspace.assets / f"{identity}-{stem}{file.suffix.lower()}"


def publish(
    workspace: Workspace,
    memory: Memory,
    file: Path,
    kind: AssetKind,
    name: str,
    *,
    engine: str,
    engine_version: str,
    tool: str,
    params: Mapping[str, Any],
    seed: int | None,
    parents: tuple[str, ...],
    scores: tuple[Score, ...],
    thread: str,
    step: str,
    summary: str,
) -> Asset:
    """Move `file` into assets/ and record it.

    The id follows from content, thread and step, so that a step made again after a kill gives the same id.
    Raises StudioError when the disk or the database refuses; then nothing has changed.
    """
    name, digest = shown_name(name), sha256_of(file)
    identity = asset_id(kind, digest, thread, step)
    known = memory.get_asset(identity)
    if known is not None and not known.hidden and _is_whole(workspace.home / known.path, digest):
        file.unlink(missing_ok=True)
        return known
    target = asset_path(workspace, identity, kind, name, file)
    asset = Asset(
        id=identity,
        kind=kind,
        path=target.relative_to(workspace.home).as_posix(),
        name=name,
        sha256=digest,
        bytes=file.stat().st_size,
        engine=engine,
        engine_version=engine_version,
        tool=tool,
        params=dict(params),
        seed=seed,
        parents=parents,
        scores=scores,
        thread=thread,
        step_key=step,
        summary=summary,
        created_at=time.time(),
    )
    with _PUTTING:
        note = workspace.tmp / f"{target.name}{BEING_PUT}"
        try:
            return _put(memory, file, target, asset, note)
        finally:
            with suppress(OSError):
                note.unlink(missing_ok=True)


def remove_unrecorded(workspace: Workspace, memory: Memory) -> None:
    """Delete the file that a studio was putting in place when it was killed, if it came to no record."""
    for note in workspace.tmp.glob(f"*{BEING_PUT}"):
        name = note.name.removesuffix(BEING_PUT)
        if memory.get_asset(name[:ID_LETTERS]) is None:
            (workspace.assets / name).unlink(missing_ok=True)


def _put(memory: Memory, file: Path, target: Path, asset: Asset, note: Path) -> Asset:
    """Move and record. What cannot be recorded goes again, unless a record (one undone, too) has its file there."""
    owned = memory.get_asset(asset.id) is not None
    try:
        with file.open("rb+") as handle:
            os.fsync(handle.fileno())
        note.touch()
        file.replace(target)
    except OSError as error:
        raise StudioError(
            f"'{asset.name}' could not be stored",
            error.strerror or str(error),
            "Free space in the studio's folder, or check its permissions",
        ) from error
    try:
        return memory.add_asset(asset)
    except StudioError:
        if not owned:
            target.unlink(missing_ok=True)
        raise


def _is_whole(file: Path, digest: str) -> bool:
    """A file that was removed or damaged since is put in place again."""
    return file.is_file() and sha256_of(file) == digest


def sha256_of(file: Path) -> str:
    """Hex digest of a file's content, read in constant memory."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
