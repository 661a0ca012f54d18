"""Files that a film is made with, held back until the film is: a render that is stopped or fails records nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from memory.records import Asset, AssetKind
from tools.publish import asset_id, asset_path, sha256_of
from tools.spec import ToolContext, ToolOutcome

if TYPE_CHECKING:
    import opentimelineio as otio

    from tools.editing.render import Rendered


class HeldContext:
    """A tool's context in which what is saved can be used at once, and is recorded by `record` alone.

    A held file has the id and the path that it will have, so timelines may name it.
    """

    def __init__(self, ctx: ToolContext) -> None:
        self._ctx = ctx
        self.settings, self.workspace, self.memory = ctx.settings, ctx.workspace, ctx.memory
        self.engines, self.cancel, self.thread, self.step = ctx.engines, ctx.cancel, ctx.thread, ctx.step
        self._held: dict[str, tuple[Asset, Path, dict[str, Any]]] = {}

    def progress(self, done: float, total: float, note: str = "") -> None:
        self._ctx.progress(done, total, note)

    def engine(self, kind: str) -> Any:
        return self._ctx.engine(kind)

    def asset(self, ref: str, *kinds: AssetKind) -> Asset:
        held = self._held.get(ref)
        if held is None:
            return self._ctx.asset(ref, *kinds)
        if kinds and held[0].kind not in kinds:
            raise UsageError(f"'{held[0].name}' is of kind {held[0].kind}", f"{' or '.join(kinds)} is needed here")
        return held[0]

    def path(self, asset: Asset) -> Path:
        held = self._held.get(asset.id)
        return held[1] if held is not None else self._ctx.path(asset)

    def scratch(self, suffix: str) -> Path:
        return self._ctx.scratch(suffix)

    def save(self, file: Path, kind: AssetKind, name: str, **record: Any) -> Asset:
        """Hold a finished scratch file back; see `ToolContext.save` for what may be noted of it."""
        digest = sha256_of(file)
        identity = asset_id(kind, digest, self.thread, self.step)
        if identity not in self._held:
            path = asset_path(self.workspace, identity, kind, name, file).relative_to(self.workspace.home).as_posix()
            params = dict(record.get("params") or {})
            engine = str(record.get("engine", ""))
            parents = tuple(record.get("parents", ()))
            size = file.stat().st_size
            asset = Asset(identity, kind, path, name, digest, size, engine, params=params, parents=parents)
            self._held[identity] = asset, file, record
        return self._held[identity][0]

    def held(self) -> tuple[Asset, ...]:
        """What has been saved and is not recorded yet."""
        return tuple(asset for asset, _, _ in self._held.values())

    def call(self, tool: str, args: Mapping[str, Any], *, key: str = "", title: str = "") -> ToolOutcome:
        return self._ctx.call(tool, args, key=key, title=title)

    def engine_states(self) -> list[dict[str, Any]]:
        return self._ctx.engine_states()

    def warn(self, text: str) -> None:
        self._ctx.warn(text)

    def record(self, rendered: Rendered, timeline: otio.schema.Timeline) -> Rendered:
        """Record the held files that a finished film uses, in the timeline and the render as they are then called."""
        kept: dict[str, Asset] = {}
        for source in rendered.sources:
            held = self._held.pop(source.id, None)
            if held is not None:
                asset, file, record = held
                kept[source.id] = self._ctx.save(file, asset.kind, asset.name, **record)
        renamed = {old: new for old, new in kept.items() if new.id != old}
        if renamed:
            _rename(timeline, renamed)
        return replace(rendered, sources=tuple(kept.get(source.id, source) for source in rendered.sources))


def _rename(timeline: otio.schema.Timeline, renamed: Mapping[str, Asset]) -> None:
    """Name other assets in every clip: an id may have been taken by a hidden asset meanwhile."""
    from tools.editing.outline import studio_data

    for clip in timeline.find_clips():
        asset = renamed.get(str(studio_data(clip).get("asset", "")))
        if asset is not None:
            clip.media_reference.target_url, clip.media_reference.name = asset.path, asset.id
            clip.metadata["studio"] = {**studio_data(clip), "asset": asset.id}
