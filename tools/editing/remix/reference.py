"""What a picture or a film gives as a reference: its colours and, of a film, how long its shots last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.editing.remix.distance import pixels

if TYPE_CHECKING:
    from backends.vision.record import FilmRecord
    from memory.records import Asset
    from tools.spec import ToolContext

LOOKED_AT = 16
"""Pictures of a film that its colours are taken from."""
_WIDTH = 320


@dataclass(frozen=True)
class Reference:
    """A picture or a film whose look is taken."""

    name: str
    pixels: NDArray[np.float64]
    """(N, 3) sRGB 0-1."""
    shot_seconds: float = 0.0
    """Median of its shots; 0 for pictures."""
    contrast: float = 0.0
    """Standard deviation of its lightness, CIELAB."""


def read_reference(asset: Asset, ctx: ToolContext) -> Reference:
    """The look of a picture or a film. Raises UsageError when it is neither or damaged, Cancelled when stopped."""
    from backends.media.cielab import lab_of
    from backends.media.images import load_image
    from tools.editing.seen import seen

    if asset.kind == "video":
        record = seen(asset, ctx, "shots")
        found = pixels(pictures(ctx.path(asset), keyframes(record)))
        shot_seconds = typical_shot(record)
    else:
        found, shot_seconds = pixels([load_image(ctx.path(asset))]), 0.0
    return Reference(asset.name, found, shot_seconds, float(lab_of(found)[:, 0].std()))


def keyframes(record: FilmRecord, most: int = LOOKED_AT) -> list[float]:
    """Seconds of the frames that show a film's shots best; of long shots several, of many shots an even choice."""
    times: list[float] = []
    for shot in record.shots:
        span = shot.end - shot.start
        times += [shot.keyframe] if span < 4 else [shot.start + span * share for share in (0.2, 0.5, 0.8)]
    last = max(0.0, record.film.seconds - 0.1)
    times = sorted({round(min(max(0.0, at), last), 3) for at in times})
    if len(times) > most:
        times = [times[index] for index in np.linspace(0, len(times) - 1, most).round().astype(int)]
    return times


def evenly(seconds: float, count: int = LOOKED_AT) -> list[float]:
    """Times spread evenly over a film."""
    return [round(seconds * (number + 0.5) / count, 3) for number in range(count)]


def pictures(path: Path, times: list[float]) -> list[NDArray[np.uint8]]:
    """The film's frames at these times, (H, W, 3) uint8 each, small."""
    from backends.media.frames import frames_at

    return list(frames_at(path, times, width=_WIDTH))


def typical_shot(record: FilmRecord) -> float:
    """The median length of a film's shots, seconds."""
    return float(median(shot.end - shot.start for shot in record.shots)) if record.shots else 0.0
