"""One pass over a film that feeds any number of measures, so that it is decoded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backends.media.frames import read_frames
from backends.media.probe import MediaInfo, probe
from backends.vision.thresholds import thresholds


class FrameSink(Protocol):
    """Something that looks at every frame once, in order."""

    def see(self, index: int, seconds: float, rgb: NDArray[np.uint8]) -> None:
        """index: 0, 1, 2...; seconds from the film's start; rgb: (H, W, 3) uint8, `motion.width` wide."""


def watch(
    path: Path,
    sinks: Sequence[FrameSink],
    *,
    info: MediaInfo | None = None,
    cancel: Callable[[], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> int:
    """Show every frame of the film, made small, to all `sinks`; how many there were.

    cancel: called with every frame; what it raises ends the pass. on_progress: called with the seconds seen.
    Raises UsageError when the file is not a film or is damaged.
    """
    info = info or probe(path)
    width = min(thresholds().motion.width, info.width)
    count = 0
    for seconds, rgb in read_frames(path, width=width):
        if cancel is not None:
            cancel()
        for sink in sinks:
            sink.see(count, seconds, rgb)
        count += 1
        if on_progress is not None and count % 24 == 0:
            on_progress(seconds)
    return count
