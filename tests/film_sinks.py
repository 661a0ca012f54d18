"""What tests of the pass over a film look and listen with, and a way to make films that are odd."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.media.ffmpeg import ffmpeg_path
from backends.vision.frame import Frame, SoundBlock


class Looker:
    """Keeps the times and the pictures of a short film."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.durations: list[float] = []
        self.pictures: list[NDArray[np.uint8]] = []

    def see(self, frame: Frame) -> None:
        self.seconds.append(frame.seconds)
        self.durations.append(frame.duration)
        self.pictures.append(frame.rgb)


class Listener:
    """Keeps the sound of a short film."""

    def __init__(self) -> None:
        self.blocks: list[SoundBlock] = []

    def hear(self, block: SoundBlock) -> None:
        self.blocks.append(block)

    @property
    def stereo(self) -> NDArray[np.float32]:
        return np.concatenate([block.stereo for block in self.blocks])

    @property
    def mono(self) -> NDArray[np.float32]:
        return np.concatenate([block.mono for block in self.blocks])

    @property
    def native(self) -> NDArray[np.float32]:
        return np.concatenate([block.native for block in self.blocks if block.native is not None])


def make(path: Path, *args: str) -> Path:
    """A file that ffmpeg makes of `args`, which may name its own test sources."""
    done = subprocess.run(
        [ffmpeg_path(), "-v", "error", "-nostdin", "-y", *args, str(path)], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]
    return path


def moving(seconds: float = 2.0, size: str = "320x180", rate: str = "24") -> tuple[str, ...]:
    """ffmpeg's moving test picture, as input arguments."""
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}")


def tone(seconds: float = 2.0, rate: int = 48_000) -> tuple[str, ...]:
    """A soft 440 Hz sine, as input arguments."""
    return ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate={rate}:duration={seconds}")
