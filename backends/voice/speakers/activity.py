"""Where somebody speaks: Silero's voice activity network from faster-whisper's package, or energy where it is not."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.wav import resample

RATE = 16_000
FRAME_S = 512 / RATE
"""Seconds per probability."""
_ON, _OFF = 0.5, 0.35
"""Speech begins above, ends below (silero-vad's own defaults)."""
_SHORTEST_S, _PAUSE_S, _PAD_S = 0.1, 0.1, 0.03
_BLOCK_S = 300
_ENERGY_OVER_FLOOR_DB, _ENERGY_LOWEST_DB = 12.0, -55.0

Samples = NDArray[np.float32]


def activity_method() -> tuple[str, str]:
    """What tells speech from other sound here, and why it is not the better one ('' when it is)."""
    if _silero_is_here():
        return "Silero VAD v6", ""
    return "energy", "faster-whisper's voice activity network is not installed, so any loud sound counts as speech"


def speech_probability(samples: Samples, rate: int) -> NDArray[np.float32]:
    """(N,) samples to the probability of speech in each frame of FRAME_S seconds, (ceil(N / frame),) float32."""
    mono = resample(np.asarray(samples, np.float32), rate, RATE)
    if not len(mono):
        return np.zeros(0, np.float32)
    size = round(FRAME_S * RATE)
    padded = np.pad(mono, (0, -len(mono) % size))
    if not _silero_is_here():
        return _by_energy(padded.reshape(-1, size))
    step = round(_BLOCK_S / FRAME_S) * size
    model, lock = _silero()
    with lock:
        parts = [model(padded[at : at + step].copy()).reshape(-1) for at in range(0, len(padded), step)]
    return np.asarray(np.concatenate(parts), np.float32)


def speech_spans(samples: Samples, rate: int) -> tuple[tuple[float, float], ...]:
    """(start, end) seconds of every stretch of speech in (N,) mono samples, in order, pauses over 0.1 s left out."""
    return spans_of(speech_probability(samples, rate), len(samples) / rate)


def spans_of(probability: NDArray[np.float32], seconds: float) -> tuple[tuple[float, float], ...]:
    """The stretches of speech in frames of probabilities; short pauses are bridged, clicks are dropped."""
    raw: list[list[float]] = []
    begin: int | None = None
    for at, value in enumerate([*probability.tolist(), 0.0]):
        if begin is None and value >= _ON:
            begin = at
        elif begin is not None and value < _OFF:
            raw.append([begin * FRAME_S, at * FRAME_S])
            begin = None
    joined: list[list[float]] = []
    for start, end in raw:
        if joined and start - joined[-1][1] < _PAUSE_S:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    kept = [(start, end) for start, end in joined if end - start >= _SHORTEST_S]
    return tuple((max(0.0, start - _PAD_S), min(seconds, end + _PAD_S)) for start, end in kept)


def _silero_is_here() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("faster_whisper", "onnxruntime"))


@lru_cache(maxsize=1)
def _silero() -> tuple[Any, Lock]:
    from faster_whisper.vad import get_vad_model

    return get_vad_model(), Lock()


def _by_energy(frames: Samples) -> NDArray[np.float32]:
    """1 where a frame is well above the quiet tenth of the sound, 0 elsewhere."""
    level = 10 * np.log10((frames.astype(np.float64) ** 2).mean(axis=1) + 1e-12)
    over = min(float(np.percentile(level, 10)) + _ENERGY_OVER_FLOOR_DB, float(level.max()) - 6.0)
    return np.asarray(level > max(over, _ENERGY_LOWEST_DB), np.float32)
