"""Peaks and quiet runs of measured curves, against the curve's own spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]
_MAD = 1.4826
"""Median absolute deviation to standard deviation of normal noise."""


@dataclass(frozen=True)
class Peak:
    """A maximum of a curve: its sample, and how far it stands out of what lies beside it."""

    sample: int
    height: float
    prominence: float


def spread(values: Curve) -> float:
    """Standard deviation that outliers do not move (1.4826 * median absolute deviation)."""
    return float(_MAD * np.median(np.abs(values - np.median(values)))) if len(values) else 0.0


def smooth(values: Curve, samples: float) -> Curve:
    """Gaussian of `samples` standard deviation; ends are mirrored."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(values, samples, mode="nearest"), np.float64) if len(values) > 1 else values


def peaks(values: Curve, *, prominence: float, least: float, apart: int) -> list[Peak]:
    """Maxima of at least `least` that stand out by `prominence`, no two closer than `apart` samples (the higher one
    is kept); a maximum at the curve's ends counts too.
    """
    from scipy.signal import find_peaks

    if len(values) < 2:
        return []
    low = float(values.min())
    padded = np.concatenate(([low], values, [low]))
    at, facts = find_peaks(padded, height=least, prominence=prominence, distance=max(1, apart))
    return [
        Peak(int(sample) - 1, float(height), float(rise))
        for sample, height, rise in zip(at, facts["peak_heights"], facts["prominences"], strict=True)
    ]


def runs(low: Sequence[bool] | NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Stretches of True as (first, end) samples."""
    flags = np.concatenate(([False], np.asarray(low, bool), [False])).astype(np.int8)
    edges = np.flatnonzero(np.diff(flags))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        yield int(first), int(end)


def ranks(values: Sequence[float]) -> list[float]:
    """Strengths 0-1: 1 the largest, 0.5 a single one; equal values share one rank."""
    from scipy.stats import rankdata

    if len(values) < 2:
        return [0.5] * len(values)
    return [float(rank) for rank in (rankdata(values) - 0.5) / len(values)]
