"""Clips with planted moments, for the tests of parodies: a square that jumps, silences, beeps, cuts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from media_fixtures import make_video
from numpy.typing import NDArray

RATE = 48_000


def jumping_clip(
    path: Path, seconds: float = 6.0, *, jumps: tuple[float, ...] = (3.0,), fps: int = 24, sound: bool = True
) -> Path:
    """A textured picture that stands almost still and lurches sideways around each of `jumps`, with a beep."""
    width, height = 320, 180
    rng = np.random.default_rng(5)
    coarse = rng.integers(40, 220, (height // 6 + 1, width // 3 + 1, 3), dtype=np.uint8)
    wide = np.kron(coarse, np.ones((6, 6, 1), np.uint8))[:height]

    def offset(at: float) -> float:
        return 4 * at + sum(90 / (1 + np.exp(-(at - jump) / 0.05)) for jump in jumps)

    def draw(at: float) -> NDArray[np.uint8]:
        left = int(offset(at)) % (wide.shape[1] - width)
        frame = wide[:, left : left + width].copy()
        frame[4:20, 4:124] = 30
        # The frame's number as a bar code, so that a test can tell which one it sees.
        for bit in range(8):
            if (round(at * fps) >> bit) & 1:
                frame[4:20, 6 + bit * 14 : 18 + bit * 14] = 235
        return frame

    return make_video(
        path, seconds, fps=fps, frame=draw, sound=sound, samples=_beeps(seconds, jumps) if sound else None
    )


def frame_number(frame: NDArray[np.integer]) -> int:
    """Which frame of a `jumping_clip` this is (modulo 256)."""
    bits = [frame[6:18, 8 + bit * 14 : 16 + bit * 14].mean() > 128 for bit in range(8)]
    return sum(1 << bit for bit, on in enumerate(bits) if on)


def _beeps(seconds: float, at: tuple[float, ...]) -> NDArray[np.float64]:
    time = np.arange(round(seconds * RATE)) / RATE
    out = 0.002 * np.random.default_rng(1).standard_normal(len(time))
    for start in at:
        inside = (time >= start) & (time < start + 0.25)
        out += np.where(inside, 0.4 * np.sin(2 * np.pi * 660 * time), 0)
    return out
