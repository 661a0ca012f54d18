"""Sound files: mono, 16 bit PCM out; anything that libsndfile reads in."""

from __future__ import annotations

import contextlib
import os
import tempfile
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.errors import StudioError, UsageError

MAX_SECONDS = 4 * 3600
"""Longer files are refused before they are decoded."""


def write_wav(path: Path, samples: NDArray[np.float32], sample_rate: int) -> None:
    """Write (N,) float samples as 16 bit PCM: a temporary file beside `path`, then a rename.

    Raises StudioError when the disk is full or the folder cannot be written.
    """
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=".wav", dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        soundfile.write(draft, np.clip(samples, -1.0, 1.0), sample_rate, subtype="PCM_16", format="WAV")
        draft.replace(path)
    except (OSError, soundfile.SoundFileError) as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise StudioError(f"The sound {path.name} could not be written", str(error), "Free some disk space") from error


def read_wav(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples (N,) mono float32 in -1..1 and the sample rate in Hz.

    Reads WAV, FLAC, OGG and MP3. Raises UsageError when it is no sound file, is empty or is too long.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as sound:
            if sound.frames > MAX_SECONDS * sound.samplerate:
                raise UsageError(f"{path.name} is too long", f"more than {MAX_SECONDS // 3600} hours", "Cut it first")
            samples = sound.read(dtype="float32", always_2d=True)
            rate = int(sound.samplerate)
    except (OSError, soundfile.SoundFileError) as error:
        raise UsageError(
            f"{path.name} is not a sound file that can be read", fix="Give a WAV, FLAC, OGG or MP3 file"
        ) from error
    if not len(samples):
        raise UsageError(f"{path.name} holds no sound", "it has no samples", "Give a file that plays")
    return np.ascontiguousarray(samples.mean(axis=1), dtype=np.float32), rate


def resample(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """(N,) samples from `rate` to `wanted` Hz with a polyphase filter."""
    from scipy import signal

    if rate == wanted or not len(samples):
        return samples
    shared = gcd(rate, wanted)
    return np.asarray(signal.resample_poly(samples, wanted // shared, rate // shared), dtype=np.float32)
