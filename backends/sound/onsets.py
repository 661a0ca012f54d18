"""Onsets: where something begins to sound (Bello et al. 2005; peaks picked as Boeck and Widmer 2013 do)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.sound.beats import EARLY
from backends.sound.ear import FRAME

ABOVE = 1.2
"""How far an onset stands above the tenth of a second around it, in mean strengths of the seconds around it."""
NEIGHBOURHOOD, AROUND, APART = 0.1, 3.0, 0.06
"""Seconds."""
MOST = 6000


def find_onsets(strength: NDArray[np.float32], levels: NDArray[np.float32], quiet_dbfs: float) -> tuple[float, ...]:
    """Seconds of the onsets, the strongest `MOST` of them. levels: dBFS every 10 ms; quieter ones do not count."""
    from scipy.ndimage import gaussian_filter1d, maximum_filter1d, uniform_filter1d

    if not strength.any():
        return ()
    curve = gaussian_filter1d(strength.astype(np.float32), 1.0)
    around = uniform_filter1d(curve, round(2 * NEIGHBOURHOOD / FRAME) + 1, mode="nearest")
    scale = np.maximum(uniform_filter1d(curve, round(AROUND / FRAME), mode="nearest"), 1e-9)
    tops = (curve == maximum_filter1d(curve, round(APART / FRAME) + 1)) & (curve > around + ABOVE * scale)
    loud = np.full(len(curve), -120.0, np.float32)
    count = min(len(curve), len(levels))
    # An onset is heard in what follows it.
    loud[:count] = maximum_filter1d(levels[:count], 7)
    frames = np.flatnonzero(tops & (loud > quiet_dbfs))
    if len(frames) > MOST:
        frames = np.sort(frames[np.argsort(curve[frames])[-MOST:]])
    return tuple(float(frame * FRAME + EARLY) for frame in frames)
