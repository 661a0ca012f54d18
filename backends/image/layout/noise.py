"""Repeatable smooth noise for skies and surfaces."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.geometry import F32

SIZE = 512
"""Cells of one tile, per side."""


@cache
def tile(seed: int, slope: float, low: float = 1.0, high: float = 256.0) -> F32:
    """(SIZE, SIZE) periodic noise, mean 0.5, standard deviation 0.16, clipped to 0..1.

    Its amplitude falls with frequency as f^-slope between `low` and `high` waves per tile.
    """
    rng = np.random.default_rng(seed)
    fx = np.fft.fftfreq(SIZE)[None, :] * SIZE
    fy = np.fft.fftfreq(SIZE)[:, None] * SIZE
    f = np.hypot(fx, fy)
    gain = np.where((f >= low) & (f <= high), np.maximum(f, 1.0) ** -slope, 0.0)
    spectrum = np.fft.fft2(rng.standard_normal((SIZE, SIZE))) * gain
    field = np.fft.ifft2(spectrum).real
    return np.asarray(np.clip(0.5 + 0.16 * field / field.std(), 0.0, 1.0), np.float32)


def sample(field: F32, u: NDArray[np.floating], v: NDArray[np.floating]) -> F32:
    """Bilinear look-up; u, v in tiles (1.0 = one whole tile), wrapped."""
    x = np.asarray(u, np.float32) * SIZE
    y = np.asarray(v, np.float32) * SIZE
    x0, y0 = np.floor(x), np.floor(y)
    fx, fy = x - x0, y - y0
    i, j = x0.astype(np.int32) & (SIZE - 1), y0.astype(np.int32) & (SIZE - 1)
    i1, j1 = (i + 1) & (SIZE - 1), (j + 1) & (SIZE - 1)
    flat = field.ravel()
    top = flat[j * SIZE + i] * (1 - fx) + flat[j * SIZE + i1] * fx
    bottom = flat[j1 * SIZE + i] * (1 - fx) + flat[j1 * SIZE + i1] * fx
    return np.asarray(top * (1 - fy) + bottom * fy, np.float32)


def smoothstep(low: float, high: float, x: NDArray[np.floating] | float) -> F32:
    """0 below `low`, 1 above `high`, an S between (low > high runs the other way)."""
    t = np.clip((np.asarray(x, np.float32) - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
