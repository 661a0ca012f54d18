"""What drawing a film costs before it is drawn: from the length, the pixels and the frames of what goes into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from configs.errors import StudioError

if TYPE_CHECKING:
    from memory.records import Asset
    from tools.spec import Studio

UNKNOWN = 250.0
"""Million pixels of what is not there yet (the result of an earlier step): 10 seconds of 1280x720 at 27 fps."""
TITLE_SECONDS = 3.0
"""A still picture among clips stands about so long."""


def seconds_to_draw(refs: str | Sequence[str], studio: Studio, *, fixed: float, per_million: float) -> float:
    """Seconds for all frames of these videos, pictures or timelines: fixed + per_million x million pixels.

    The factors are measured with two threads of one core: add_captions took 0.8 s for 8 and 2.9 s for 122 million.
    """
    names = [refs] if isinstance(refs, str) else refs
    return round(fixed + per_million * sum(_million_pixels(name, studio) for name in names), 1)


def _million_pixels(name: str, studio: Studio) -> float:
    try:
        asset = studio.memory.find_asset(name, ("video", "timeline", "image"))
        return _of_timeline(asset, studio) if asset.kind == "timeline" else _of_media(asset, studio)
    except (StudioError, OSError):
        return UNKNOWN


def _of_media(asset: Asset, studio: Studio) -> float:
    from backends.media.probe import probe

    info = probe(studio.workspace.inside(asset.path))
    frames = info.seconds * (info.fps or 25.0) if asset.kind == "video" else TITLE_SECONDS * 25
    return info.width * info.height * frames / 1e6


def _of_timeline(asset: Asset, studio: Studio) -> float:
    from fractions import Fraction

    from tools.editing.outline import studio_data
    from tools.editing.timeline_file import load_timeline

    timeline = load_timeline(studio.workspace.inside(asset.path))
    data = studio_data(timeline)
    try:
        width, height, fps = int(data["width"]), int(data["height"]), float(Fraction(str(data["fps"])))
        return width * height * fps * float(timeline.duration().to_seconds()) / 1e6
    except (KeyError, ValueError, TypeError, ZeroDivisionError):  # made elsewhere
        return UNKNOWN
