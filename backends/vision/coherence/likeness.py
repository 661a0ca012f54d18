"""SSIM of frames with those before brought to them, cheaply, and the texture that it needs anyway."""

from __future__ import annotations

import numpy as np

from backends.vision.coherence.pairs import Pairs
from backends.vision.coherence.stacks import Map, halved

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def structure(pairs: Pairs) -> tuple[Map, Map]:
    """SSIM (Wang et al. 2004) in squares of 2x2 cells without overlap, and the variance of luma in those.

    Returns (N, 2 R, 2 C), of R x C blocks, and its mean over blocks (N, R, C); both of the picture at half its size.
    """
    a, b, a2, b2, ab = pairs.moments
    var_a, var_b, both = a2 - a * a, b2 - b * b, ab - a * b
    ssim = (2 * a * b + _C1) * (2 * both + _C2) / ((a * a + b * b + _C1) * (var_a + var_b + _C2))
    return np.asarray(ssim, np.float32), halved(var_a)
