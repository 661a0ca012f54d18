"""`studio timeline show|diff|change|undo|redo`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import StudioError, UsageError
from configs.workspace import Workspace
from ui.opening import settings_for
from ui.options import file_named

if TYPE_CHECKING:
    import opentimelineio as otio

    from memory.records import Asset
    from memory.store import Memory
    from tools.editing.versions import Version

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Names and captions may hold terminal commands, or turn the line around."""
MAX_CHANGES_BYTES = 4 * 2**20


def run_show(which: str, as_json: bool, home: Path | None) -> int:
    """Print a timeline, and where it stands among its versions."""
    from tools.editing.outline import outline
    from tools.editing.telling import tell
    from tools.editing.versions import current, version_of, versions

    with _opened(home) as (workspace, memory):
        timeline, asset = _read(which, workspace, memory)
        shape: dict[str, Any] = outline(timeline)
        lines: list[str] = []
        if asset is not None:
            every = versions(memory, asset)
            this, now = version_of(asset), current(memory, asset) if not asset.hidden else None
            shape |= {"id": asset.id, "version": this.number, "said": list(this.said)}
            shape["versions"] = [_row(one, now) for one in every]
            # Undone ones lie beside those that were made instead of them, with the same numbers.
            last, gone = max(one.number for one in every), sum(one.asset.hidden for one in every)
            undone = " (undone)" if asset.hidden else f" ({gone} undone)" if gone else ""
            lines.append(f"{asset.name}  {asset.id}, version {this.number} of {last}{undone}")
            lines += [f"  changed: {text}" for text in this.said]
        if as_json:
            print(json.dumps(shape, ensure_ascii=False))
            return 0
        _print([*lines, *tell(timeline)])
    return 0


def run_diff(which: str, other: str, as_json: bool, home: Path | None) -> int:
    """Print what is different between two timelines, or between one and the version before it."""
    from tools.editing.change.diff import differences
    from tools.editing.timeline_file import load_timeline
    from tools.editing.versions import version_of

    with _opened(home) as (workspace, memory):
        timeline, asset = _read(which, workspace, memory)
        if other:
            old, new, names = timeline, _read(other, workspace, memory)[0], (which, other)
        else:
            before = version_of(asset).before if asset is not None else ""
            parent = memory.get_asset(before) if before else None
            if asset is None or parent is None:
                raise UsageError(
                    f"'{which}' has no version before it", fix="Name the timeline that it shall be compared with"
                )
            old, new, names = load_timeline(_file(parent, workspace)), timeline, (parent.id, asset.id)
        found = differences(old, new)
    if as_json:
        rows = [{"what": each.what, "clip": each.clip, "text": each.text} for each in found]
        print(json.dumps({"from": names[0], "to": names[1], "differences": rows}, ensure_ascii=False))
        return 0
    _print([f"{each.text}." for each in found] or ["Nothing is different."])
    return 0


def run_change(which: str, changes: str, render: str, as_json: bool, home: Path | None, thread: str) -> int:
    """Run change_timeline through the executor; its exit code."""
    from ui.commands.tools import run_tool

    if render not in ("no", "preview", "full"):
        raise UsageError(f"'{render}' is no way to render", fix="Use no, preview or full")
    wanted, file = _changes(changes), file_named(which)
    attach: list[Path] = []
    with _opened(home) as (workspace, memory):
        if file is None or workspace.home in file.resolve().parents:
            asset = _asset(file.resolve().relative_to(workspace.home).as_posix() if file else which, memory)
            ref = asset.id
        else:
            ref, attach = file.name, [file]
    args = {"timeline": ref, "changes": wanted, "render": render}
    return run_tool("change_timeline", json.dumps(args), as_json, home, thread, attach)


def run_undo(which: str, as_json: bool, home: Path | None) -> int:
    """Hide the current version; print which one counts now."""
    from tools.editing.versions import undo

    with _opened(home) as (workspace, memory):
        gone, now = undo(memory, _asset(which, memory))
        what = " ".join(gone.said) or "its last change"
        _tell_version(now, workspace, f"Undone: {what}", as_json)
    return 0


def run_redo(which: str, as_json: bool, home: Path | None) -> int:
    """Show the version again that was undone last."""
    from tools.editing.versions import redo

    with _opened(home) as (workspace, memory):
        now = redo(memory, _asset(which, memory))
        _tell_version(now, workspace, f"Done again: {' '.join(now.said)}", as_json)
    return 0


@contextmanager
def _opened(home: Path | None) -> Iterator[tuple[Workspace, Memory]]:
    from memory.store import Memory
    from tools.embedding import studio_embedder

    settings = settings_for(home)
    workspace = Workspace.open(settings.home)
    with Memory.open(
        workspace, index=settings.memory.index, embedder=studio_embedder(settings.memory.embedder)
    ) as memory:
        yield workspace, memory


def _read(which: str, workspace: Workspace, memory: Memory) -> tuple[otio.schema.Timeline, Asset | None]:
    """A timeline by its file or by its asset. Raises UsageError when there is none."""
    from tools.editing.change.desk import named
    from tools.editing.timeline_file import load_timeline

    file = file_named(which)
    if file is not None and workspace.home not in file.resolve().parents:
        return named(load_timeline(file)), None
    try:
        asset = _asset(file.resolve().relative_to(workspace.home).as_posix() if file else which, memory)
    except UsageError:
        if file is None:
            raise
        return named(load_timeline(file)), None  # lies in the studio's folder, but is no asset
    return named(load_timeline(_file(asset, workspace))), asset


def _asset(ref: str, memory: Memory) -> Asset:
    """A timeline, or the one that a film was made from; one that was undone is found by its id."""
    from tools.editing.versions import gone_last, original

    if ref.strip().casefold() == "last" and (before := gone_last(memory)):
        return before
    try:
        asset = memory.find_asset(ref, ("timeline", "video"))
    except StudioError:
        known = memory.get_asset(ref.strip())
        if known is None:
            raise
        asset = known
    if asset.kind == "timeline":
        return original(memory, asset)
    cut = next((one for one in memory.parents(asset.id) if one.kind == "timeline"), None)
    if cut is None:
        raise UsageError(f"'{asset.name}' has no timeline", "it was not cut here")
    return original(memory, cut)


def _file(asset: Asset, workspace: Workspace) -> Path:
    path = workspace.inside(asset.path)
    if not path.is_file():
        raise UsageError(f"The file of '{asset.name}' is gone", f"{asset.path} was removed")
    return path


def _changes(text: str) -> list[Any]:
    """The list of changes from a JSON text, a file, or standard input."""
    if text == "-":
        text = sys.stdin.read(MAX_CHANGES_BYTES + 1)
    elif not text.lstrip().startswith(("[", "{")):
        file = file_named(text)
        if file is None:
            raise UsageError(f"'{text[:80]}' is no list of changes", "it is no JSON and no file", "Give '[{...}]'")
        with file.open(encoding="utf-8", errors="replace") as handle:
            text = handle.read(MAX_CHANGES_BYTES + 1)
    if len(text) > MAX_CHANGES_BYTES:
        raise UsageError("The list of changes is too long", f"{MAX_CHANGES_BYTES // 2**20} MiB are the limit")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            "The changes are no JSON", str(error)[:120], 'Give a list: \'[{"op": "trim", ...}]\''
        ) from error
    return found if isinstance(found, list) else [found]


def _row(version: Version, now: Version | None) -> dict[str, Any]:
    asset = version.asset
    return {
        "id": asset.id,
        "number": version.number,
        "after": version.before,
        "said": list(version.said),
        "undone": asset.hidden,
        "current": now is not None and asset.id == now.asset.id,
    }


def _tell_version(now: Version, workspace: Workspace, text: str, as_json: bool) -> None:
    if as_json:
        row = {**_row(now, now), "path": str(workspace.home / now.asset.path), "text": text}
        print(json.dumps(row, ensure_ascii=False))
        return
    _print([text, f"{now.asset.name} is at version {now.number} now  {now.asset.id}", f"  {now.asset.summary}"])


def _print(lines: list[str]) -> None:
    for line in lines:
        print(_CONTROL.sub("", line))
