"""Onsets: where something begins to sound (Bello et al. 2005; peaks picked as Boeck and Widmer 2013 do)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.sound.beats import EARLY
from backends.sound.ear import FRAME

ABOVE, NEIGHBOURHOOD, APART = 0.12, 0.1, 0.06
"""Share of the frame's own size that must begin anew on top of the mean around it; seconds; seconds."""
MOST = 6000


def find_onsets(strength: NDArray[np.float32], levels: NDArray[np.float32], quiet_dbfs: float) -> tuple[float, ...]:
    """Seconds of the onsets, the strongest `MOST` of them. levels: dBFS every 10 ms; quieter ones do not count."""
    from scipy.ndimage import maximum_filter1d, uniform_filter1d

    if not strength.any():
        return ()
    curve = strength.astype(np.float64)
    around = uniform_filter1d(curve, round(2 * NEIGHBOURHOOD / FRAME) + 1, mode="nearest")
    scale = np.maximum(uniform_filter1d(curve, round(3.0 / FRAME), mode="nearest"), 1e-9)
    tops = (curve == maximum_filter1d(curve, round(APART / FRAME) + 1)) & (curve > around + scale)
    loud = np.full(len(curve), -120.0)
    count = min(len(curve), len(levels))
    # An onset is heard in what follows it.
    loud[:count] = maximum_filter1d(levels[:count].astype(np.float64), 7)
    frames = np.flatnonzero(tops & (loud > quiet_dbfs))
    if len(frames) > MOST:
        frames = np.sort(frames[np.argsort(curve[frames])[-MOST:]])
    return tuple(float(frame * FRAME + EARLY) for frame in frames)
