"""Small real media for tests: films, sounds and pictures made on the spot, the same each time."""

from __future__ import annotations

import struct
import wave
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.media.ffmpeg import encode_args, input_args, raw_frames_args, run_ffmpeg
from backends.media.guard import sniff

Rgb = NDArray[np.uint8]


def gradient(seconds: float, width: int = 320, height: int = 180, hue: Sequence[int] = (90, 140, 200)) -> Rgb:
    """A soft picture with a bright square that moves to the right, 80 pixels per second."""
    down = np.linspace(0.5, 1.0, height)[:, None, None]
    across = np.linspace(0.7, 1.0, width)[None, :, None]
    rgb = (np.asarray(hue, float)[None, None] * down * across).astype(np.uint8)
    left = int(20 + 80 * seconds) % (width - 40)
    rgb[height // 2 - 20 : height // 2 + 20, left : left + 40] = (250, 240, 200)
    return rgb


def make_wav(
    path: Path,
    seconds: float = 1.0,
    *,
    frequency: float = 440.0,
    level: float = 0.3,
    rate: int = 48_000,
    channels: int = 1,
    samples: NDArray[np.floating] | None = None,
) -> Path:
    """A 16-bit WAV: a sine, or the given (N,) samples between -1 and 1."""
    if samples is None:
        samples = level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    whole = (np.clip(samples, -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(whole[:, None], channels, axis=1).tobytes())
    return path


def make_video(
    path: Path,
    seconds: float = 2.0,
    *,
    fps: int = 24,
    width: int = 320,
    height: int = 180,
    frame: Callable[[float], Rgb] | None = None,
    sound: bool = True,
    samples: NDArray[np.floating] | None = None,
) -> Path:
    """An H.264/AAC film. frame: draws the (height, width, 3) picture at a time; sound: a 440 Hz sine or `samples`."""
    draw = frame or (lambda at: gradient(at, width, height))
    pictures = (draw(index / fps).tobytes() for index in range(round(seconds * fps)))
    args = raw_frames_args(width, height, fps)
    if sound:
        tone = make_wav(path.with_suffix(".tone.wav"), seconds, samples=samples)
        args += input_args(tone, sniff(tone))
    run_ffmpeg([*args, *encode_args(crf=18, preset="ultrafast", fps=fps), str(path)], stdin=pictures, timeout_s=60)
    path.with_suffix(".tone.wav").unlink(missing_ok=True)
    return path


def make_png(path: Path, width: int = 64, height: int = 48, colour: Sequence[int] = (200, 120, 40)) -> Path:
    """A PNG of one colour."""
    from backends.media.images import save_png

    save_png(path, np.full((height, width, 3), colour, np.uint8))
    return path


def make_png_header(path: Path, width: int, height: int) -> Path:
    """A tiny file whose PNG header promises `width` x `height` pixels: a decompression bomb's shape."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b""))
    return path
