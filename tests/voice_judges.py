"""Judges of the tests: a speaker encoder of eight bands and a recogniser that hears what it is told."""

from __future__ import annotations

import numpy as np


class Bands:
    """A speaker encoder of the test: energy in eight bands, centred, as a unit vector."""

    name = "bands"
    window_s = 1.0

    def embed(self, samples: np.ndarray, rate: int) -> np.ndarray:
        power = np.abs(np.fft.rfft(samples)) ** 2
        bands = np.array([np.log(part.mean() + 1e-12) for part in np.array_split(power[: len(power) // 2], 8)])
        # All voices fall with frequency alike: what is left of a straight line tells them apart.
        places = np.arange(len(bands))
        bands -= np.polyval(np.polyfit(places, bands, 1), places)
        return np.asarray(bands / np.linalg.norm(bands), np.float32)

    def embed_windows(self, samples: np.ndarray, rate: int, starts: object, seconds: float) -> np.ndarray:
        raise NotImplementedError


class Hears:
    name = "hears"

    def __init__(self, text: str) -> None:
        self.text = text

    def write_samples(self, samples: np.ndarray, rate: int, language: str = "") -> str:
        return self.text
