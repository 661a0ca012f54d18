"""What all speaker encoders share: their protocol, vectors, and a clip as the mean of its windows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from configs.errors import UsageError

ENCODER_RATE = 16_000
"""Hz; every encoder here hears this rate."""
SHORTEST_S = 0.4
"""A clip with less sound than this says nothing about who speaks."""

Samples = NDArray[np.float32]
Vectors = NDArray[np.float32]


class SpeakerEncoder(Protocol):
    """A network that turns speech into a unit vector of who says it."""

    name: str
    """Told beside every figure that comes of it."""
    window_s: float
    """Seconds of speech that it is made for."""

    def embed(self, samples: Samples, rate: int) -> Vectors:
        """samples: (N,) mono float32 in -1..1 at `rate` Hz; the unit vector (D,) float32 of the voice in it.

        Raises UsageError when there is too little sound, EngineError when the weights cannot be used.
        """

    def embed_windows(self, samples: Samples, rate: int, starts: Sequence[float], seconds: float) -> Vectors:
        """Unit vectors (len(starts), D) of the pieces of `seconds` that begin at `starts` (seconds), many at a time.

        A silent piece has a vector of zeros.
        """


def cosine(a: Vectors, b: Vectors) -> float:
    """Of two unit vectors of one encoder."""
    return float(np.dot(a, b))


def centroid(vectors: Vectors) -> Vectors:
    """(N, D) unit vectors' mean, as a unit vector."""
    mean = vectors.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)


class WindowedEncoder(ABC):
    """What encoders share: the whole clip is the mean over its windows; a subclass embeds windows."""

    name = ""
    window_s = 1.6
    _hop_s = 0.8

    def embed(self, samples: Samples, rate: int) -> Vectors:
        """See `SpeakerEncoder.embed`."""
        seconds = len(samples) / rate
        if seconds < SHORTEST_S:
            raise UsageError(
                "The clip is too short to tell who speaks", f"it has {seconds:.1f} s", f"Give {SHORTEST_S} s or more"
            )
        last = max(0.0, seconds - self.window_s)
        starts = [*np.arange(0.0, last, self._hop_s).tolist(), last]
        vectors = self.embed_windows(samples, rate, starts, min(self.window_s, seconds))
        heard = vectors[np.linalg.norm(vectors, axis=1) > 0.5]
        if not len(heard):
            raise UsageError("Nobody speaks in the clip", "it is silent", "Give a clip with a voice")
        return centroid(heard)

    @abstractmethod
    def embed_windows(self, samples: Samples, rate: int, starts: Sequence[float], seconds: float) -> Vectors:
        """See `SpeakerEncoder.embed_windows`."""
