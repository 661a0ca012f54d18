"""Loudness of a track that is heard piece by piece: ITU-R BS.1770-4, and the loudness range of EBU Tech 3342."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
HOP = RATE // 10
"""Samples of the 100 ms that gating blocks move by."""
BLOCK_HOPS, SHORT_TERM_HOPS = 4, 30
"""400 ms (momentary, gating) and 3 s (short-term), in hops."""
ABSOLUTE_GATE, RELATIVE_GATE, RANGE_GATE = -70.0, -10.0, -20.0
"""LUFS, and LU below the level of what passed the absolute gate."""
RANGE_PERCENTILES = (10, 95)
_OFFSET = -0.691
_K_WEIGHTING = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585),
    (1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621),
)
"""The head's shelf and the high pass as second-order sections at 48 kHz (BS.1770-4, tables 1 and 2)."""


class LoudnessMeter:
    """Keeps one number per 100 ms of a stereo track at 48 kHz."""

    def __init__(self) -> None:
        self._state = np.zeros((len(_K_WEIGHTING), 2, 2))
        self._rest = np.zeros((0, 2))
        self._powers = array("f")

    def hear(self, stereo: NDArray[np.float32]) -> None:
        """The next samples, (n, 2)."""
        from scipy.signal import sosfilt

        if not len(stereo):
            return
        heard, self._state = sosfilt(_K_WEIGHTING, stereo.astype(np.float64), axis=0, zi=self._state)
        heard = np.concatenate([self._rest, heard]) if len(self._rest) else heard
        whole = len(heard) // HOP
        powers = (heard[: whole * HOP].reshape(whole, HOP * 2) ** 2).sum(axis=1) / HOP
        self._powers.frombytes(powers.astype(np.float32).tobytes())
        self._rest = heard[whole * HOP :].copy()

    def integrated(self, start: float = 0.0, end: float = np.inf) -> float | None:
        """Gated loudness in LUFS between two times in seconds; None for silence and for less than one block."""
        return _gated_level(_blocks(self._between(start, end), BLOCK_HOPS), RELATIVE_GATE)

    def range(self) -> float | None:
        """Loudness range in LU; None for silence and for less than three seconds."""
        blocks = _blocks(self._between(0.0, np.inf), SHORT_TERM_HOPS)
        level = _gated_level(blocks, None)
        if level is None:
            return None
        loud = _lufs(blocks)
        low, high = np.percentile(loud[(loud > ABSOLUTE_GATE) & (loud > level + RANGE_GATE)], RANGE_PERCENTILES)
        return float(high - low)

    def _between(self, start: float, end: float) -> NDArray[np.float64]:
        first, last = round(max(0.0, start) * 10), round(min(end * 10, len(self._powers)))
        return np.frombuffer(self._powers, np.float32)[first:last].astype(np.float64) if self._powers else np.zeros(0)


def _blocks(powers: NDArray[np.float64], hops: int) -> NDArray[np.float64]:
    """Mean power of each run of `hops`."""
    if len(powers) < hops:
        return np.zeros(0)
    total = np.concatenate([[0.0], np.cumsum(powers)])
    return np.asarray(np.maximum((total[hops:] - total[:-hops]) / hops, 0.0))


def _lufs(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    return _OFFSET + 10 * np.log10(np.maximum(powers, 1e-15))


def _gated_level(blocks: NDArray[np.float64], relative: float | None) -> float | None:
    """Level of the blocks above both gates, LUFS; without `relative`, above the absolute one only."""
    loud = blocks[_lufs(blocks) > ABSOLUTE_GATE]
    if not len(loud):
        return None
    level = float(_lufs(loud.mean(keepdims=True))[0])
    if relative is None:
        return level
    return float(_lufs(loud[_lufs(loud) > level + relative].mean(keepdims=True))[0])
