"""Made sounds as files: 16-bit stereo WAV."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 48_000


def write_pcm(path: Path, samples: NDArray[np.floating]) -> Path:
    """Write (N, 2) float samples from -1 to 1 at 48 kHz; what lies beyond is clipped. Returns the path."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples.clip(-1, 1) * 32767).round().astype("<i2").tobytes())
    return path
