"""Recordings that cloning engines take a voice from: checked, made mono, and named by their content."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.voice.engines.protocol import Reference
from backends.voice.measures.loudness import rms_dbfs
from backends.voice.wav import read_wav
from configs.errors import EngineError, StudioError

LEAST_S, MOST_S = 3.0, 10.0
"""GPT-SoVITS refuses recordings outside of this (`TTS.py`, `_set_prompt_semantic`); others clone best inside of it."""
SILENT_DBFS = -50.0
"""RMS below this holds no voice."""
LEAST_RATE = 8000
FIX = "Give a clear recording of one voice, 3 to 10 s long, or clone the voice anew"


@dataclass(frozen=True)
class PreparedReference:
    """A recording as engines get it."""

    path: Path
    """Mono, 16 bit, at its own sample rate; the name tells the content, as servers cache recordings by path."""
    text: str
    language: str
    seconds: float


def prepare_reference(reference: Reference, folder: Path) -> PreparedReference:
    """`reference` checked and copied into `folder`.

    Raises EngineError in one sentence when it is gone, is no sound, is too short, too long, silent or too coarse.
    """
    source = Path(reference.path)
    try:
        changed = source.stat()
    except OSError as error:
        raise EngineError(
            f"The recording {source.name} of the voice is gone", error.strerror or str(error), FIX
        ) from error
    path, seconds = _copied(source, changed.st_mtime_ns, changed.st_size, folder)
    if not path.is_file():  # somebody emptied the folder
        _copied.cache_clear()
        path, seconds = _copied(source, changed.st_mtime_ns, changed.st_size, folder)
    return PreparedReference(path, reference.text.strip(), reference.language.strip().lower(), seconds)


@lru_cache(maxsize=256)
def _copied(source: Path, changed: int, size: int, folder: Path) -> tuple[Path, float]:
    try:
        samples, rate = read_wav(source)
    except StudioError as error:
        raise EngineError(f"The recording {source.name} cannot serve as a voice", error.problem, FIX) from error
    _check(source.name, samples, rate)
    pcm = np.round(np.clip(samples, -1.0, 1.0) * 32767).astype("<i2")
    digest = hashlib.sha256(str(rate).encode() + pcm.tobytes()).hexdigest()[:24]
    path = folder / f"{digest}.wav"
    if not path.is_file():
        _write(path, pcm, rate)
    return path, len(samples) / rate


def _check(name: str, samples: NDArray[np.float32], rate: int) -> None:
    seconds = len(samples) / rate
    problem = f"The recording {name} cannot serve as a voice"
    if seconds < LEAST_S or seconds > MOST_S:
        which = "short" if seconds < LEAST_S else "long"
        raise EngineError(problem, f"it lasts {seconds:.1f} s, too {which}", FIX)
    if (level := rms_dbfs(samples)) < SILENT_DBFS:
        raise EngineError(problem, f"it is silent ({level:.0f} dBFS)", FIX)
    if rate < LEAST_RATE:
        raise EngineError(problem, f"it has only {rate} samples per second", FIX)


def _write(path: Path, pcm: NDArray[np.int16], rate: int) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(suffix=".wav", dir=path.parent)
    os.close(handle)
    soundfile.write(draft, pcm, rate, subtype="PCM_16", format="WAV")
    Path(draft).replace(path)
