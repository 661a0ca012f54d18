"""SSIM of a frame with the one before brought to it, cheaply, and the texture that it needs anyway."""

from __future__ import annotations

import numpy as np

from backends.vision.coherence.cells import BLOCK, Map, Pair

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def structure(pair: Pair) -> tuple[Map, Map]:
    """SSIM (Wang et al. 2004) in squares of 2x2 cells without overlap, and the variance of luma in blocks.

    Returns (h / 2, w / 2) and (rows, columns) of blocks.
    """
    rows, columns = pair.shape[0] // BLOCK, pair.shape[1] // BLOCK
    a, b, a2, b2, ab = (_squares(moment[: rows * BLOCK, : columns * BLOCK]) for moment in pair.moments)
    var_a, var_b, both = a2 - a * a, b2 - b * b, ab - a * b
    ssim = (2 * a * b + _C1) * (2 * both + _C2) / ((a * a + b * b + _C1) * (var_a + var_b + _C2))
    return np.asarray(ssim, np.float32), _squares(np.asarray(var_a, np.float32))


def _squares(cells: Map) -> Map:
    """Means over 2x2."""
    return np.asarray((cells[::2, ::2] + cells[1::2, ::2] + cells[::2, 1::2] + cells[1::2, 1::2]) / 4, np.float32)
