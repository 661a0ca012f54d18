"""Errors that are taken back by the next frame: texture that is drawn anew each time (boil), light that jitters.

What a redrawn picture adds to frame t it takes away again in frame t + 1: along a followed surface the warping errors
of two pairs in a row have opposite signs. Errors of the flow, light that passes and things that move do not.
"""

from __future__ import annotations

import numpy as np

from backends.vision.coherence.cells import Map, Pair, blocks_of, median

REGIONS = (4, 6)
"""Rows and columns of regions whose brightness is watched."""
_GRAIN_SHARE = 1 / 80
"""Of the squared error of single pixels that white or nearly white noise leaves in cells of 4x4: an error has twice the
noise's variance and a cell a sixteenth of it, and twice that for grain of more than a pixel."""
_LEAST_BLOCKS = 8


class BoilWatch:
    """Remembers the error of the pair before."""

    def __init__(self) -> None:
        self._before: Map | None = None

    def see(self, pair: Pair) -> float:
        """RMS of the redrawn texture, levels: the median over blocks that can be followed, grain taken off.

        What a whole block has in common is light, not texture, and left out. 0 for the first pair.
        """
        import cv2

        share = blocks_of(pair.seen)
        light = blocks_of(pair.error_cells * pair.seen) / np.maximum(share, 0.25)
        smooth = cv2.resize(light, pair.shape[::-1], interpolation=cv2.INTER_LINEAR)
        texture = np.asarray((pair.error_cells - smooth) * pair.seen, np.float32)
        before, self._before = self._before, texture
        usable = share > 0.5
        if before is None or before.shape != texture.shape or int(usable.sum()) < _LEAST_BLOCKS:
            return 0.0
        taken_back = blocks_of(-texture * pair.taken(before, pair.back)) / np.maximum(share, 0.25)
        grain = blocks_of(pair.square_cells) * np.float32(_GRAIN_SHARE)
        return float(np.sqrt(max(0.0, median((taken_back - grain)[usable]))))


def light_of_regions(pair: Pair) -> Map:
    """REGIONS: by how many levels each region's followed surfaces grew lighter, of their own accord and as one.

    The mean of the signed root, squared again, counts what is spread evenly and hardly what a small part does alone: a
    mouth that opens is no light. Where cells disagree (something moved, the flow failed) it is shrunk towards 0.
    """
    import cv2

    rows, columns = REGIONS

    def mean(cells: Map) -> Map:
        return np.asarray(cv2.resize(cells, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)

    share = mean(pair.seen)
    root = np.sqrt(np.abs(pair.error_cells)) * pair.seen
    size = mean(root) / np.maximum(share, 0.2)
    signed = mean(np.copysign(root, pair.error_cells)) / np.maximum(share, 0.2)
    agreed = np.clip(2 * np.abs(signed) / np.maximum(size, 1e-3) - 1, 0, 1)
    return np.asarray(signed * np.abs(signed) * agreed * (share > 0.2), np.float32)
