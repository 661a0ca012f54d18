"""What changes are made to: a timeline, the one a film was rendered from, or a new one of a clip that was never cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memory.records import Asset
from tools.editing.arrange import arrange
from tools.editing.export import timeline_of
from tools.editing.outline import describe
from tools.editing.sources import SourceFinder, cut_of
from tools.editing.timeline_file import load_timeline, save_timeline

if TYPE_CHECKING:
    import opentimelineio as otio

    from tools.editing.program import Source
    from tools.spec import ToolContext


@dataclass(frozen=True)
class Base:
    """A timeline that is about to be changed."""

    timeline: otio.schema.Timeline
    name: str
    """Of the timeline or the clip, as it was named."""
    asset: Asset | None = None
    """None of a clip that has no timeline yet."""
    clip: Asset | None = None

    @property
    def new(self) -> bool:
        return self.asset is None

    def recorded(self, ctx: ToolContext) -> Asset:
        """The timeline as the version before the change; of a clip it is recorded now, as its first."""
        if self.asset is not None:
            return self.asset
        assert self.clip is not None
        return ctx.save(
            save_timeline(self.timeline, ctx.scratch(".otio")),
            "timeline",
            f"{self.timeline.name}.otio",
            params={"operations": []},
            parents=(self.clip.id,),
            summary=describe(self.timeline),
        )


def base_of(asset: Asset, ctx: ToolContext) -> Base:
    """What a change of an asset is made to. Raises UsageError for a damaged timeline or clip; nothing is written."""
    if asset.kind == "video" and cut_of(asset, ctx) is None:
        source = SourceFinder(ctx).open(asset)
        stem = Path(asset.name).stem
        whole = arrange([(source, asset.path, stem)], [], _no_analysis)
        return Base(whole.timeline(f"{stem}-edit"), asset.name, clip=asset)
    found = timeline_of(asset, ctx)
    return Base(load_timeline(ctx.path(found)), found.name, found)


def _no_analysis(source: Source, seconds: float) -> tuple[float, float]:
    raise AssertionError("a whole clip is laid out, and no part of it is chosen")
