"""Frames that are shown to the sink of cuts without a file between: what it finds in them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from backends.media.probe import MediaInfo
from backends.vision.cuts.sink import CutSink
from backends.vision.frame import Frame

Rgb = NDArray[np.uint8]


def seen(frames: Iterable[Rgb], fps: float = 24.0, **settings: float) -> CutSink:
    """A sink that has seen the frames, (H, W, 3) uint8 each."""
    sink = CutSink(MediaInfo("video", "mov,mp4", fps=fps), **settings)
    before: Frame | None = None
    for index, rgb in enumerate(frames):
        frame = Frame(index, index / fps, rgb, before)
        sink.see(frame)
        before = frame
    return sink


def kinds(sink: CutSink) -> list[tuple[str, int, int]]:
    """(kind, first frame, frames) of all that was found."""
    return [(found.kind, found.first_frame, found.frames) for found in sink.transitions()]
