"""Mouth shapes from a sound's loudness and brightness alone, also while it is read piece by piece."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.voice.lips.visemes import REST, MouthCue, cues_of_shapes, viseme_rules

Samples = NDArray[np.float32]
_SILENT_DB = -90.0


class EnergyMouth:
    """Louder is wider, hissing is teeth, dark is rounded. Holds two numbers per window, however long the sound is."""

    def __init__(self, sample_rate: int) -> None:
        self._how = viseme_rules()["energy"]
        self._rate = sample_rate
        self._size = max(1, int(self._how["window_s"] * sample_rate))
        self._hertz = np.fft.rfftfreq(self._size, 1 / sample_rate)
        self._levels: list[NDArray[np.float32]] = []
        self._centres: list[NDArray[np.float32]] = []
        self._rest = np.zeros(0, np.float32)
        self._count = 0

    @property
    def seconds(self) -> float:
        return self._count / self._rate

    def take(self, samples: Samples) -> None:
        """The next (N,) samples, mono, -1..1."""
        self._count += len(samples)
        joined = np.concatenate([self._rest, samples])
        whole = len(joined) // self._size * self._size
        self._measure(joined[:whole])
        self._rest = joined[whole:]

    def cues(self) -> tuple[MouthCue, ...]:
        """Cues over all that was taken; () when that is nothing. To be called once, at the end."""
        if not self._count:
            return ()
        if len(self._rest):
            self._measure(np.pad(self._rest, (0, self._size - len(self._rest))))
        level, centre = np.concatenate(self._levels), np.concatenate(self._centres)
        if level.max() < _SILENT_DB:
            return (MouthCue(0.0, self.seconds, REST),)
        shapes = [self._shape(loud, bright) for loud, bright in zip(level - level.max(), centre, strict=True)]
        return cues_of_shapes(shapes, float(self._how["window_s"]), self.seconds)

    def _measure(self, samples: Samples) -> None:
        frames = samples.astype(np.float64).reshape(-1, self._size)
        power = np.abs(np.fft.rfft(frames * np.hanning(self._size), axis=1)) ** 2
        self._levels.append((10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)).astype(np.float32))
        self._centres.append(((power @ self._hertz) / (power.sum(axis=1) + 1e-12)).astype(np.float32))

    def _shape(self, loud: float, bright: float) -> str:
        how = self._how
        if loud < how["rest_db"]:
            return REST
        if bright > how["hiss_hz"] or loud < how["B_db"]:
            return "B"
        if bright < how["round_hz"]:
            return "F" if loud < how["C_db"] else "E"
        return "C" if loud < how["C_db"] else "D"


def cues_from_energy(samples: Samples, sample_rate: int) -> tuple[MouthCue, ...]:
    """Mouth cues of (N,) samples, mono, -1..1; see `EnergyMouth`."""
    mouth = EnergyMouth(sample_rate)
    mouth.take(np.asarray(samples, np.float32))
    return mouth.cues()
