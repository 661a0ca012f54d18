"""Levels of a track that is heard piece by piece: RMS every 10 ms, peak, clipped samples."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

STEP = 0.01
"""Seconds."""
FLOOR_DB = -120.0
FULL_SCALE = 0.999
CLIPPED_RUN = 3
"""So many neighbouring samples at full scale are clipped; a single one is only a peak."""
CURVE_STEP, CURVE_POINTS = 0.1, 6000


class LevelMeter:
    """Keeps one number per 10 ms."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)
        self._powers = array("f")
        self._peak, self._size = 0.0, 1
        self._samples = self._clipped = 0
        self._run: NDArray[np.int64] | None = None
        self.rate = self.channels = 0

    def hear(
        self, stereo: NDArray[np.float32], rate: int, native: NDArray[np.float32] | None, native_rate: int
    ) -> None:
        """stereo: (n, 2) at `rate`, which has a whole number of samples in 10 ms; native: (k, channels) as decoded."""
        own = stereo if native is None else native
        self.rate, self.channels = (native_rate or rate), own.shape[1]
        self._look_at_peaks(own)
        left, right = np.square(stereo).T
        power = (left + right) / 2  # many times faster than a mean over pairs
        if native is not None and self.channels == 1:
            power *= 2  # one channel reaches both sides at -3 dB
        power = np.concatenate([self._rest, power]) if len(self._rest) else power
        self._size = size = round(rate * STEP)
        whole = len(power) // size
        self._powers.frombytes(power[: whole * size].reshape(whole, size).mean(axis=1).astype(np.float32).tobytes())
        self._rest = power[whole * size :].copy()

    def _look_at_peaks(self, own: NDArray[np.float32]) -> None:
        if not own.size:
            return
        loud = np.abs(own)
        peak = float(loud.max())
        self._peak = max(self._peak, peak)
        self._samples += own.size
        if self._run is None or len(self._run) != own.shape[1]:
            self._run = np.zeros(own.shape[1], np.int64)
        if peak < FULL_SCALE:
            self._run[:] = 0
            return
        for channel in range(own.shape[1]):
            self._clipped += self._count_clipped(loud[:, channel] >= FULL_SCALE, channel)

    def _count_clipped(self, full: NDArray[np.bool_], channel: int) -> int:
        """Samples in runs that are long enough, with the run that the last block ended in."""
        assert self._run is not None
        edges = np.flatnonzero(np.diff(np.concatenate([[0], full.view(np.int8), [0]])))
        starts, lengths = edges[::2], edges[1::2] - edges[::2]
        carried = int(self._run[channel])
        total = lengths.copy()
        if len(starts) and starts[0] == 0:
            total[0] += carried
        # What the last block counted of the carried run already: all of it when it was long enough.
        counted = int(total[total >= CLIPPED_RUN].sum())
        if len(starts) and starts[0] == 0 and carried >= CLIPPED_RUN:
            counted -= carried
        self._run[channel] = int(total[-1]) if len(starts) and starts[-1] + lengths[-1] == len(full) else 0
        return counted

    @property
    def seconds(self) -> float:
        """How much was heard."""
        return (len(self._powers) + len(self._rest) / self._size) * STEP

    @property
    def peak_dbfs(self) -> float | None:
        """Highest sample; None for digital silence."""
        return 20 * float(np.log10(self._peak)) if self._peak > 1e-6 else None

    @property
    def clipped_share(self) -> float:
        return self._clipped / self._samples if self._samples else 0.0

    def levels(self) -> NDArray[np.float32]:
        """RMS of every 10 ms, (n,) dBFS; what is left at the end counts as one step."""
        powers = np.frombuffer(self._powers, np.float32) if self._powers else np.zeros(0, np.float32)
        if len(self._rest):
            powers = np.append(powers, self._rest.mean())
        return np.asarray(10 * np.log10(np.maximum(powers, 10 ** (FLOOR_DB / 10))), np.float32)

    def curve(self) -> tuple[float, NDArray[np.float32]]:
        """Step in seconds, and RMS per step in dBFS: 0.1 s, doubled until there are at most 6000."""
        powers = 10 ** (self.levels().astype(np.float64) / 10)
        size = round(CURVE_STEP / STEP)
        while len(powers) > size * CURVE_POINTS:
            size *= 2
        if not len(powers):
            return CURVE_STEP, np.zeros(0, np.float32)
        starts = np.arange(0, len(powers), size)
        means = np.add.reduceat(powers, starts) / np.diff(np.append(starts, len(powers)))
        return size * STEP, np.asarray(10 * np.log10(means), np.float32)
