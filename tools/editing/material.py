"""Whether a source is itself black or still where a film is: read anew, by another reader than the renderer's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from backends.vision.thresholds import thresholds
from configs.errors import StudioError
from tools.editing.drawing.parts import Frame, Piece, Segment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Fault = Literal["black", "frozen"]
LOOKS = 5
"""Pictures of a stretch that are looked at."""
WIDTH = 128
SLOW = 0.25
"""Slower than this, every picture is held so long that it counts as still."""
DARKENING = frozenset({"fade_in", "fade_out"})


@dataclass(frozen=True)
class Cause:
    """Why a stretch of the film is black or still."""

    again: frozenset[int]
    """Numbers of the segments whose sources are not so: they are drawn once more."""
    said: str
    """In a few words, '' when the plan says so."""


def cause_of(
    fault: Fault,
    stretches: Sequence[tuple[int, int]],
    segments: Sequence[Segment],
    frame: Frame,
    check: Callable[[], None],
) -> Cause:
    """What makes these frames (first, behind the last) of the film black or still.

    A gap, a title, a picture and a still frame are meant so. A film is read where it lies in the stretch.
    """
    again: set[int] = set()
    so: list[str] = []
    made: list[str] = []
    for number, segment in enumerate(segments):
        for first, last in stretches:
            begin, end = max(first, segment.start), min(last, segment.start + segment.frames)
            if end - begin < min(LOOKS, segment.frames):
                continue
            check()
            for piece in segment.pieces:
                name = _name(piece)
                if not name or _meant(fault, piece):
                    continue
                offset = piece.first + begin - segment.start
                if _so_itself(fault, piece, offset, end - begin, frame):
                    so.append(name)
                else:
                    made.append(name)
                    again.add(number)
    names = ", ".join(dict.fromkeys(f"'{name}'" for name in so[:3]))
    said = f"so is {names} there" if so and not made else ""
    if made:
        others = ", ".join(dict.fromkeys(f"'{name}'" for name in made[:3]))
        said = f"{others} {'is' if len(set(made)) == 1 else 'are'} not so there"
    return Cause(frozenset(again), said)


def _name(piece: Piece) -> str:
    return piece.cut.source.path.name if piece.cut.source is not None else ""


def _meant(fault: Fault, piece: Piece) -> bool:
    cut = piece.cut
    if fault == "black":
        return any(effect["name"] in DARKENING for effect in cut.effects)
    still = cut.frozen or cut.speed < SLOW
    return still or (cut.source is not None and cut.source.info.kind == "image")


def _so_itself(fault: Fault, piece: Piece, first: int, frames: int, frame: Frame) -> bool:
    """Whether the source looks so in these frames of the clip; also where it cannot be read by the other reader."""
    from backends.media.frames import frames_at
    from backends.media.images import load_image

    source = piece.cut.source
    assert source is not None
    try:
        if source.info.kind == "image":
            return _black(load_image(source.path))
        pictures = list(frames_at(source.path, _times(piece, first, frames, frame), width=WIDTH))
    except StudioError:
        return True
    if fault == "black":
        return all(_black(rgb) for rgb in pictures)
    return not _moves(pictures)


def _times(piece: Piece, first: int, frames: int, frame: Frame) -> list[float]:
    """Seconds of the source, rising, of some frames of the clip."""
    cut, fps = piece.cut, frame.fps
    clock = cut.clock(fps)
    if cut.backwards:
        clock, first = clock.turned(), cut.frames - first - frames
    source = cut.source
    assert source is not None
    most = max(0.0, source.info.seconds - 2 / (source.info.fps or 25))
    count = min(LOOKS, max(2, frames))
    found = []
    for number in range(count):
        at = (first + Fraction((frames - 1) * number, max(1, count - 1))) / fps
        when = cut.source_in + clock.passed(at) if not cut.frozen else cut.source_in
        found.append(min(most, max(0.0, float(when))))
    return sorted(found)


def _black(rgb: NDArray[np.uint8]) -> bool:
    import cv2
    import numpy as np

    table = thresholds().black
    grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    return bool((grey <= table.luma).mean() >= table.frame_share)


def _moves(pictures: Sequence[NDArray[np.uint8]]) -> bool:
    """Whether anything changes between any two of the pictures."""
    import cv2
    import numpy as np

    from tools.editing.inspection import BLOCKS

    greys = [cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY) for rgb in pictures]
    changes = (cv2.resize(cv2.absdiff(one, greys[0]), BLOCKS, interpolation=cv2.INTER_AREA).max() for one in greys[1:])
    return max((float(change) for change in changes), default=0.0) >= thresholds().frozen.block_change
