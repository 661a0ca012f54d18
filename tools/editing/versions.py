"""Versions of a timeline: every change is a new asset whose parent is the version before; none is ever overwritten.

Which version is the current one needs no pointer of its own: it is the newest that is not hidden. Undo hides the
current version (in one write of the database), redo shows it again, and both keep all files. So a kill at any moment
leaves either the version before or the one after, and `undo` in the chat, which hides what was made last, means the
same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from memory.records import Asset
from tools.editing.outline import describe, studio_data
from tools.editing.timeline_file import save_timeline

if TYPE_CHECKING:
    import opentimelineio as otio

    from memory.store import Memory
    from tools.editing.change.model import AnyChange
    from tools.spec import ToolContext

EXPORTED = "exported"
"""Key of an export's params that says which timeline it was made from."""
NOTE = "version"
"""Key of an asset's params that says which version of what it is."""


@dataclass(frozen=True)
class Version:
    """A timeline and where it stands among its versions."""

    asset: Asset
    number: int
    """From 1, the timeline that was first."""
    before: str
    """Asset id of the version that it was made from; '' for the first."""
    said: tuple[str, ...]
    """What was done, one sentence per change."""


def save_version(
    ctx: ToolContext,
    old: Asset,
    timeline: otio.schema.Timeline,
    said: Sequence[str],
    changes: Sequence[AnyChange] = (),
    *,
    sources: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
) -> Asset:
    """Record a changed timeline as the version after `old`, under the same name.

    said: one sentence per change. sources: asset ids of what its clips come from, for the lineage.
    Raises StudioError when the disk or the database refuses; the version before stays the current one then.
    """
    was = version_of(old)
    number = was.number + 1
    # The number makes each version a file of its own, also when a change takes back the one before it.
    timeline.metadata["studio"] = {**studio_data(timeline), "revision": {"number": number, "after": old.id}}
    note = {"number": number, "before": old.id, "first": _note(old).get("first", old.id)}
    return ctx.save(
        save_timeline(timeline, ctx.scratch(".otio")),
        "timeline",
        f"{Path(old.name).stem}.otio",
        params={
            **(params or {}),
            NOTE: note,
            "said": list(said),
            "changes": [{"op": one.op, **one.model_dump(mode="json", exclude_defaults=True)} for one in changes],
        },
        parents=tuple(dict.fromkeys((old.id, *sources))),
        summary=describe(timeline),
    )


def version_of(asset: Asset) -> Version:
    """A timeline's place among its versions; one that was never changed is the first."""
    note = _note(asset)
    said = asset.params.get("said", ())
    return Version(asset, int(note.get("number", 1)), str(note.get("before", "")), tuple(map(str, said)))


def versions(memory: Memory, asset: Asset) -> list[Version]:
    """All versions of a timeline, undone ones included, in the order in which they were made."""
    first = memory.get_asset(str(_note(asset).get("first", asset.id))) or asset
    found, todo = {first.id: first}, [first]
    while todo:
        for child in memory.children(todo.pop().id):
            if child.kind == "timeline" and NOTE in child.params and child.id not in found:
                found[child.id] = child
                todo.append(child)
    found.setdefault(asset.id, asset)
    return [version_of(found[one]) for one in memory.in_order(list(found))]


def current(memory: Memory, asset: Asset) -> Version:
    """The version that counts: the newest that is not undone. Raises UsageError when all of them are."""
    shown = [version for version in versions(memory, asset) if not version.asset.hidden]
    if not shown:
        raise UsageError(f"Every version of '{asset.name}' was undone", fix="Redo, or name another timeline")
    return shown[-1]


def original(memory: Memory, asset: Asset) -> Asset:
    """The timeline that an export was made from, which is the one to go on with; any other timeline is its own."""
    source = memory.get_asset(str(asset.params.get(EXPORTED, "")))
    if source is None or source.kind != "timeline":
        return asset
    return current(memory, source).asset if source.hidden else source


def undo(memory: Memory, asset: Asset) -> tuple[Version, Version]:
    """Go one version back; what was undone, and what counts now. Raises UsageError at the first version."""
    now = current(memory, asset)
    if not now.before:
        raise UsageError(f"'{asset.name}' has nothing to undo", "this is its first version")
    memory.hide_assets([now.asset.id, *_films(memory, now.asset)])
    before = memory.get_asset(now.before)
    if before is not None and before.hidden:
        memory.unhide([before.id])
    return now, current(memory, asset)


def redo(memory: Memory, asset: Asset) -> Version:
    """Go one version forward again. Raises UsageError when nothing was undone here."""
    every = versions(memory, asset)
    shown = [version for version in every if not version.asset.hidden]
    at = shown[-1].asset.id if shown else ""
    undone = [version for version in every if version.asset.hidden and version.before == at]
    if not undone:
        raise UsageError(f"'{asset.name}' has nothing to redo", "nothing was undone here since its last change")
    memory.unhide([undone[-1].asset.id, *_films(memory, undone[-1].asset)])
    return undone[-1]


def gone_last(memory: Memory) -> Asset | None:
    """What counts now of the timeline whose newest version was undone; None when something newer is there to see.

    Who undoes the last version and then says 'last' means the same timeline, not the one that was made before it.
    """
    newest = memory.list_assets("timeline", limit=1, include_hidden=True)
    if not newest or not newest[0].hidden or NOTE not in newest[0].params:
        return None
    seen = memory.list_assets("video", limit=1)
    if seen and memory.in_order([seen[0].id, newest[0].id])[-1] == seen[0].id:
        return None
    shown = [version for version in versions(memory, newest[0]) if not version.asset.hidden]
    return shown[-1].asset if shown else None


def _films(memory: Memory, asset: Asset) -> list[str]:
    return [child.id for child in memory.children(asset.id) if child.kind == "video"]


def _note(asset: Asset) -> dict[str, Any]:
    note = asset.params.get(NOTE)
    return dict(note) if isinstance(note, Mapping) else {}
