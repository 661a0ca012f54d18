"""What is rendered: six panned pictures, music and captions; and a long film with little in it."""

from __future__ import annotations

import resource
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends.media.ffmpeg import encode_args, raw_frames_args, run_ffmpeg

CLIPS = 6
DISSOLVE = 1.0
FPS = 24
RATE = 48_000
DETAIL = (6, 24, 96)
"""Pixels of the noise's grains: about the detail of a photograph."""


@dataclass(frozen=True)
class Job:
    """The cut: clips of equal length, each mixed into the next over a second."""

    seconds: int
    width: int
    height: int

    @property
    def clip_seconds(self) -> float:
        return (self.seconds + DISSOLVE * (CLIPS - 1)) / CLIPS

    @property
    def step(self) -> float:
        """From the beginning of a clip to that of the next."""
        return self.clip_seconds - DISSOLVE

    def captions(self, changed: bool = False) -> list[tuple[float, float, str]]:
        """One in each clip, three fifths of its step long."""
        texts = [f"Caption number {n + 1}: what is seen here" for n in range(CLIPS)]
        if changed:
            texts[2] = "Another caption in the middle"
        return [(n * self.step + 1.2, n * self.step + 1.2 + 0.6 * self.step, text) for n, text in enumerate(texts)]

    @property
    def preset(self) -> tuple[int, str]:
        """x264's crf and preset, as the studio's."""
        return 20, "veryfast"


def cpu_seconds() -> float:
    """CPU seconds of this process and of all that it has waited for."""
    every = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in every)


def make_material(folder: Path, job: Job) -> None:
    """clip0.mp4 ... clip5.mp4 and music.wav."""
    for number in range(CLIPS):
        frames = pan(number, round((job.clip_seconds + 1) * FPS), job.width, job.height)
        args = [*raw_frames_args(job.width, job.height, FPS), *encode_args(18, "veryfast", FPS), "-an"]
        run_ffmpeg([*args, "-f", "mp4", str(folder / f"clip{number}.mp4")], stdin=frames)
    music(folder / "music.wav", job.seconds + 2)


def pan(seed: int, count: int, width: int, height: int) -> Any:
    """Frames of a detailed picture that the camera moves over."""
    import cv2

    rng = np.random.default_rng(seed)
    size = (width + 4 * count, height + 2 * count)
    picture = np.zeros((size[1], size[0], 3), np.float32)
    for grain in DETAIL:
        noise = rng.random((size[1] // grain + 2, size[0] // grain + 2, 3)).astype(np.float32)
        picture += cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    picture += rng.random(3).astype(np.float32) * 2
    pixels = (picture / 5 * 255).clip(0, 255).astype(np.uint8)
    for n in range(count):
        yield np.ascontiguousarray(pixels[2 * n : 2 * n + height, 4 * n : 4 * n + width]).tobytes()


def music(path: Path, seconds: float) -> Path:
    """Chords that come and go."""
    at = np.arange(int(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * pitch * at) for pitch in (220.0, 277.2, 329.6))
    loud = (tones * 0.1 * (0.6 + 0.4 * np.sin(2 * np.pi * at / 2)) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.repeat(loud, 2).tobytes())
    return path


def long_film(path: Path, seconds: float) -> Path:
    """A small film with a clock of colours in it, made once and repeated without encoding it again."""
    piece = path.with_name("piece.mp4")
    pattern = "testsrc2=s=320x180:r=24:d=60"
    run_ffmpeg(["-f", "lavfi", "-i", pattern, "-f", "lavfi", "-i", "sine=330:d=60", *encode_args(30, "ultrafast", FPS),
                "-g", "48", "-shortest", "-f", "mp4", str(piece)])  # fmt: skip
    repeats = str(round(seconds / 60) - 1)
    run_ffmpeg(["-stream_loop", repeats, "-f", "mov", "-i", str(piece), "-c", "copy", "-f", "mp4", str(path)])
    return path
