"""WAV files as servers send them, those whose header was written before the length was known included."""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray

from configs.errors import EngineError

LONGEST = 1 << 30
"""Bytes; a header that tells more was written before the length was known (0x7fffffff, 0xffffffff and the like)."""


def decode_wav(content: bytes) -> tuple[NDArray[np.float32], int]:
    """Samples (N,) mono float32 in -1..1 and the sample rate in Hz.

    A streamed file says 0 frames, or as many as there can be: the sound is what follows the header.
    Raises EngineError when it is no WAV file, breaks off before the length that it tells, or holds no numbers.
    """
    import soundfile

    try:
        samples, rate = soundfile.read(io.BytesIO(_mended(content)), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, struct.error, RuntimeError) as error:
        raise EngineError(
            "The voice server's answer is no sound", f"{len(content)} bytes that are no WAV file", "Try again"
        ) from error
    if not np.isfinite(samples).all():
        raise EngineError("The voice server's answer is no sound", "its samples are no numbers (NaN)", "Try again")
    return np.ascontiguousarray(samples.mean(axis=1), dtype=np.float32), int(rate)


def _mended(content: bytes) -> bytes:
    """The file with the lengths that it really has."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return content
    at = 12
    while at + 8 <= len(content):
        name, size = content[at : at + 4], struct.unpack_from("<I", content, at + 4)[0]
        if name == b"data":
            there = len(content) - at - 8
            if size and size <= there:
                return content
            if there < size < LONGEST:
                raise EngineError(
                    "The voice server's answer is no sound", f"it breaks off after {there} of {size} bytes", "Try again"
                )
            head = content[:4] + struct.pack("<I", len(content) - 8) + content[8 : at + 4]
            return head + struct.pack("<I", there) + content[at + 8 :]
        at += 8 + size + size % 2
    return content
