"""Where two pieces meet: whether the cut is there at its very frame, and frames of another shot that strayed in.

Looked at on the small pictures of both sides: how much each picture differs from the one before, in levels of 0-255.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tools.editing.drawing.parts import Segment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pictures = NDArray[np.uint8]

STANDS_OUT, LEAST_CHANGE = 4.0, 2.0
"""A cut at its frame changes the picture so many times as much as anything beside it, and by so many levels."""
MOST_STRAY = 5
"""Frames of another shot at the end of a piece that nobody meant: at 24 a second, more of them can be read."""
STRAY_CHANGE, STRAY_STANDS_OUT = 12.0, 8.0
MIXED_LEAST, MIXED_ORDER = 0.75, 0.95
"""How far the share of the new picture has to rise in a dissolve, and how steadily (correlation of ranks)."""
QUIET = frozenset({"grade", "cube", "speed", "ramp", "reverse", "crop", "reframe", "turn", "flip", "slow_zoom"})
"""Effects that change no picture from one frame to the next."""


@dataclass(frozen=True)
class Stray:
    """Frames of another shot at one end of a clip."""

    clip_id: str
    end: Literal["first", "last"]
    frames: int
    at: int
    """Frame of the film at which they begin."""


def changes(pictures: Pictures) -> NDArray[np.float64]:
    """(N - 1,) mean change of levels from each of (N, H, W, 3) pictures to the next."""
    import numpy as np

    levels = pictures.astype(np.int16)
    return np.asarray(np.abs(np.diff(levels, axis=0)).mean(axis=(1, 2, 3)), np.float64)


def cut_there(old: Pictures, new: Pictures) -> bool:
    """Whether the picture changes from the last old one to the first new one as nowhere around it.

    One other change as large is allowed: of frames that strayed in.
    """
    import numpy as np

    found = changes(np.concatenate([old, new]))
    seam = len(old) - 1
    beside = np.sort(np.delete(found, seam))[:-1]
    return bool(found[seam] >= max(LEAST_CHANGE, STANDS_OUT * beside.max(initial=0.0)))


def mixed(old: Pictures, middle: Pictures, new: Pictures) -> bool:
    """Whether the middle pictures lead steadily from the last old one to the first new one, as a dissolve does."""
    import numpy as np

    one, other = (np.asarray(rgb, np.float64).ravel() for rgb in (old[-1], new[0]))
    way = other - one
    size = float(way @ way)
    if len(middle) < 3 or size / way.size < LEAST_CHANGE**2:
        return False
    shares = np.array([float((np.asarray(rgb, np.float64).ravel() - one) @ way) / size for rgb in middle])
    if shares[-1] - shares[0] < MIXED_LEAST * (1 - 2 / (len(shares) + 1)):
        return False
    ranks = shares.argsort().argsort()
    return float(np.corrcoef(np.arange(len(shares)), ranks)[0, 1]) >= MIXED_ORDER


def strays(one: Segment, old: Pictures, two: Segment, new: Pictures) -> list[Stray]:
    """Frames of another shot right before or after a hard cut between two segments."""
    found = []
    if _plain(one) and (count := _alone(old[::-1])):
        found.append(Stray(one.pieces[0].cut.clip_id, "last", count, one.start + one.frames - count))
    if _plain(two) and (count := _alone(new)):
        found.append(Stray(two.pieces[0].cut.clip_id, "first", count, two.start))
    return found


def _plain(segment: Segment) -> bool:
    """Whether only the source itself can make the picture change at once."""
    cut = segment.pieces[0].cut
    moving = cut.source is not None and cut.source.info.kind == "video" and not cut.frozen
    still = not segment.layers and all(word.start <= 0 and word.end >= segment.frames for word in segment.words)
    return moving and still and all(effect["name"] in QUIET for effect in cut.effects)


def _alone(pictures: Pictures) -> int:
    """How many pictures at the beginning belong to another shot than the rest; 0 when none do."""
    import numpy as np

    found = changes(pictures)
    if len(found) < 2 * MOST_STRAY:
        return 0
    at = int(found.argmax())
    beside = float(np.delete(found, at).max())
    if at >= MOST_STRAY or found[at] < max(STRAY_CHANGE, STRAY_STANDS_OUT * beside):
        return 0
    return at + 1
