"""Facts of the studio's assets, as changes ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tools.editing.change.desk import SourceFacts
from tools.editing.change.making import FindAsset
from tools.editing.sources import SourceFinder

if TYPE_CHECKING:
    from tools.spec import ToolContext


def facts_finder(ctx: ToolContext, finder: SourceFinder | None = None) -> FindAsset:
    """Looks assets up by id, name or path, opens and probes them once (`finder.assets` has them afterwards).

    What it returns raises UsageError for an asset that is not there, damaged, or no picture and no sound.
    """
    opened = finder or SourceFinder(ctx)

    def find(ref: str) -> SourceFacts:
        asset = ctx.asset(ref, "video", "image", "audio")
        info = opened.open(asset).info
        seconds = info.seconds
        if info.kind == "video" and info.frames and info.fps:
            seconds = info.frames / info.fps  # its sound may go on longer
        return SourceFacts(
            asset.id,
            Path(asset.path),
            asset.name,
            info.kind,
            0.0 if info.kind == "image" else seconds,
            info.has_audio,
        )

    return find
