"""Whether characters stay who they are: how alike their looks are over a shot, whatever encoder made them vectors."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backends.vision.frame import Frame

SAMPLE_SECONDS = 0.5
NEAR, STRIDE = 32, 12
"""Samples that each is compared with: the NEAR last ones (16 s), and as many STRIDE samples apart (over 3 min). So the
memory of a film's length is two times NEAR numbers a sample, not vectors, which may have thousands."""
_FEWEST = 3
"""Samples of a character that tell anything; one of them alone may be a bad one."""

Vector = NDArray[np.float32]
"""(D,) of length 1, as `backends.vision.identity.encoder` makes them."""


class IdentityTrack(Protocol):
    """Whoever finds the characters of a frame and encodes them."""

    def vectors(self, frame: Frame) -> Mapping[str, Vector]:
        """Character -> (D,) unit vector of how they look in `frame`; who is not seen is left out.

        Called about twice a second. A character's vectors must come from one encoder.
        """


@dataclass(frozen=True)
class Drift:
    """How far a character got from themselves within a shot."""

    value: float
    """1 - cosine similarity, over three samples in a row at least."""
    seconds: tuple[float, ...]
    """Of the samples that are least alike, worst first."""


@dataclass
class _Looks:
    frames: array[int] = field(default_factory=lambda: array("q"))
    seconds: array[float] = field(default_factory=lambda: array("d"))
    near: array[float] = field(default_factory=lambda: array("f"))
    far: array[float] = field(default_factory=lambda: array("f"))
    recent: deque[Vector] = field(default_factory=lambda: deque(maxlen=NEAR))
    sparse: deque[Vector] = field(default_factory=lambda: deque(maxlen=NEAR))


class IdentityWatch:
    """Asks `track` about twice a second."""

    def __init__(self, track: IdentityTrack) -> None:
        self._track = track
        self._next = 0.0
        self._looks: dict[str, _Looks] = {}

    def see(self, frame: Frame) -> None:
        """Look at the frame when a sample is due."""
        if frame.seconds < self._next - 1e-6:
            return
        self._next = max(self._next + SAMPLE_SECONDS, frame.seconds + SAMPLE_SECONDS / 2)
        for name, vector in self._track.vectors(frame).items():
            looks = self._looks.setdefault(name, _Looks())
            looks.near.extend(_similarities(vector, looks.recent))
            looks.far.extend(_similarities(vector, looks.sparse))
            if len(looks.frames) % STRIDE == 0:
                looks.sparse.append(vector)
            looks.recent.append(vector)
            looks.frames.append(frame.index)
            looks.seconds.append(frame.seconds)

    def drifts(self, frames: slice) -> dict[str, Drift]:
        """Per character seen often enough within these frames."""
        found = {name: _drift(looks, frames) for name, looks in self._looks.items()}
        return {name: drift for name, drift in found.items() if drift is not None}


def _similarities(vector: Vector, others: deque[Vector]) -> list[float]:
    """With each of `others`, latest first; NaN for those that are not there yet."""
    alike = [float(other @ vector) for other in reversed(others)]
    return alike + [float("nan")] * (NEAR - len(alike))


def _drift(looks: _Looks, frames: slice) -> Drift | None:
    at = np.frombuffer(looks.frames, np.int64)
    first, last = (int(v) for v in np.searchsorted(at, (frames.start, frames.stop)))
    if last - first < _FEWEST:
        return None
    seconds = np.frombuffer(looks.seconds, np.float64)[first:last]
    near = np.frombuffer(looks.near, np.float32).reshape(-1, NEAR)
    best: Drift | None = None
    for start in range(first, max(first + 1, last - NEAR // 2), NEAR // 2):
        members = np.arange(start, min(start + NEAR, last))
        best = _further(best, _from_medoid(_matrix(near, members, 1), seconds[members - first]))
    if last - first > NEAR:
        far = np.frombuffer(looks.far, np.float32).reshape(-1, NEAR)
        members = np.arange(first + (-first) % STRIDE, last, STRIDE)[:NEAR]
        best = _further(best, _from_medoid(_matrix(far, members, STRIDE), seconds[members - first]))
    return best


def _matrix(bands: NDArray[np.float32], members: NDArray[np.int64], stride: int) -> NDArray[np.float64]:
    """(n, n) similarities of samples `stride` apart, from what each had with those before it."""
    count = len(members)
    matrix = np.eye(count)
    for row in range(1, count):
        # Of the sparse ones the latest that a sample was compared with is the one `stride` before it.
        matrix[row, :row] = bands[members[row], :row][::-1]
        matrix[:row, row] = matrix[row, :row]
    return matrix


def _from_medoid(matrix: NDArray[np.float64], seconds: NDArray[np.float64]) -> Drift | None:
    """Against the sample that is most like all; single odd samples (a bad mask, a blur) do not count."""
    if len(matrix) < _FEWEST:
        return None
    alike = matrix[int(matrix.mean(axis=1).argmax())]
    padded = np.concatenate([alike[:1], alike, alike[-1:]])
    steady = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    order = np.argsort(steady)[:5]
    return Drift(float(max(0.0, 1 - steady.min())), tuple(round(float(seconds[at]), 3) for at in order))


def _further(one: Drift | None, other: Drift | None) -> Drift | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda drift: drift.value)
