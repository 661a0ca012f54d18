"""Small pictures of what went into the encoder, kept beside each piece: what a finished render is checked against.

All frames of transitions, the first and last ones of every other piece, and every sixth in between. Taken from the
filter graph that draws the piece, they cost about a millisecond each and no second decoding.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tools.editing.drawing.parts import Frame, Segment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH = 128
LEAST_HEIGHT = 32
EDGE = 12
"""Frames at both ends of a piece, enough around a cut to find it."""
EVERY = 6


def seen_file(piece: Path) -> Path:
    """Where the small pictures of an encoded piece lie."""
    return piece.with_suffix(".seen")


def seen_size(frame: Frame) -> tuple[int, int]:
    """Pixels of the small pictures."""
    return WIDTH, max(LEAST_HEIGHT, round(WIDTH * frame.height / frame.width / 2) * 2)


def seen_numbers(segment: Segment) -> list[int]:
    """Which frames of a segment are kept."""
    if segment.blend:
        return list(range(segment.frames))
    last = segment.frames - EDGE
    return [n for n in range(segment.frames) if n < EDGE or n >= last or n % EVERY == 0]


def seen_chain(segment: Segment, frame: Frame) -> str:
    """The chain from a copy of the finished picture [copy] to the small pictures [seen]."""
    width, height = seen_size(frame)
    chosen = ""
    if not segment.blend:
        chosen = f"select='lt(n,{EDGE})+gte(n,{segment.frames - EDGE})+not(mod(n,{EVERY}))',"
    return f"[copy]{chosen}scale={width}:{height}:flags=area:in_color_matrix=bt709,format=rgb24[seen]"


def seen_args(segment: Segment, target: Path) -> list[str]:
    """The second output of a piece's ffmpeg call."""
    count = str(len(seen_numbers(segment)))
    return ["-map", "[seen]", "-fps_mode", "passthrough", "-frames:v", count, "-f", "rawvideo", str(target)]


def whole(small: Path, segment: Segment, frame: Frame) -> bool:
    """Whether all the small pictures of a segment are in a file: then all its frames were drawn."""
    width, height = seen_size(frame)
    return small.exists() and small.stat().st_size == len(seen_numbers(segment)) * width * height * 3


def read_seen(piece: Path, segment: Segment, frame: Frame) -> tuple[list[int], NDArray[np.uint8]]:
    """Frame numbers in the segment, and (N, H, W, 3) RGB; fewer where the file was cut short."""
    import numpy as np

    width, height = seen_size(frame)
    raw = np.frombuffer(seen_file(piece).read_bytes(), np.uint8)
    each = width * height * 3
    pictures = raw[: len(raw) // each * each].reshape(-1, height, width, 3)
    numbers = seen_numbers(segment)[: len(pictures)]
    return numbers, pictures[: len(numbers)]
