"""Errors that are taken back by the next frame: texture that is drawn anew each time (boil), light that jitters.

What a redrawn picture adds to frame t it takes away again in frame t + 1: along a followed surface the warping errors
of two pairs in a row have opposite signs. Errors of the flow, light that passes and things that move do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.vision.coherence.pairs import Pairs
from backends.vision.coherence.stacks import Map, linear_to, means_to, quantile, taken

REGIONS = (4, 6)
"""Rows and columns of regions whose brightness is watched."""
_GRAIN_SHARE = 1 / 60
"""Of the squared error of pixels (of half the small picture's size) that white or nearly white noise leaves in cells
of 2x2: an error has twice the noise's variance and a cell a quarter of it, but grain of more than a pixel is smoothed
less by halving than it is by cells."""
_LEAST_BLOCKS = 8
_LEAST_SHARE = 0.25


class BoilWatch:
    """Remembers the error of the pair before."""

    def __init__(self) -> None:
        self._before: Map | None = None

    def see(self, pairs: Pairs) -> NDArray[np.float64]:
        """(N,) RMS of the redrawn texture, levels: the median over blocks that can be followed, grain taken off.

        What a whole block has in common is light, not texture, and left out. 0 for the first pair.
        """
        of, share = pairs.grid, pairs.blocks.seen
        light = pairs.blocks.light / np.maximum(share, _LEAST_SHARE)
        smooth = linear_to(of.rows, of.blocks[0]) @ light @ linear_to(of.columns, of.blocks[1]).T
        texture = (pairs.error - smooth) * pairs.seen
        first = self._before if self._before is not None else np.zeros_like(texture[0])
        before = np.concatenate([first[None], texture[:-1]])
        known = (share > 0.5).reshape(len(pairs), -1)
        enough = known.sum(axis=1) >= _LEAST_BLOCKS
        enough[0] &= self._before is not None
        self._before = texture[-1].copy()
        back = pairs.blocks_of(-texture * taken(before, *pairs.there)) / np.maximum(share, _LEAST_SHARE)
        power = back - pairs.blocks.square * np.float32(_GRAIN_SHARE)
        middle = np.nan_to_num(quantile(power.reshape(len(pairs), -1), known, 0.5))
        return np.where(enough, np.sqrt(np.maximum(0, middle)), 0.0)


def light_of_regions(pairs: Pairs) -> Map:
    """(N, *REGIONS): by how many levels each region's followed surfaces grew lighter, of their own accord and as one.

    The mean of the signed root, squared again, counts what is spread evenly and hardly what a small part does alone: a
    mouth that opens is no light. Where cells disagree (something moved, the flow failed) it is shrunk towards 0.
    """
    down, across = means_to(pairs.grid.rows, REGIONS[0]), means_to(pairs.grid.columns, REGIONS[1]).T
    root = np.sqrt(np.abs(pairs.error)) * pairs.seen
    share, size, signed = down @ (np.stack([pairs.seen, root, np.copysign(root, pairs.error)]) @ across)
    size, signed = size / np.maximum(share, 0.2), signed / np.maximum(share, 0.2)
    agreed = np.clip(2 * np.abs(signed) / np.maximum(size, 1e-3) - 1, 0, 1)
    return np.asarray(signed * np.abs(signed) * agreed * (share > 0.2), np.float32)
