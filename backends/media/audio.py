"""Sound as arrays, from any file that has sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.media.guard import damaged, open_container, sniff
from configs.errors import UsageError

LAYOUTS = {1: "mono", 2: "stereo"}


def read_audio(path: Path, rate: int) -> NDArray[np.float32]:
    """The first sound track as (N,) float32 mono at `rate` Hz, about -1..1; surround is mixed down.

    Raises UsageError when the file has no sound or is damaged.
    """
    mixed: NDArray[np.float32] = _read(path, rate, None).mean(axis=1)
    return mixed


def read_samples(path: Path, rate: int, channels: int = 2) -> NDArray[np.float32]:
    """The first sound track as (N, channels) float32 at `rate` Hz, mixed as ffmpeg delivers it (mono to stereo: -3 dB
    each; loud surround may exceed 1).

    Sample 0 is the file's time 0: a track that starts later begins with silence.
    """
    return _read(path, rate, channels)


def _read(path: Path, rate: int, channels: int | None) -> NDArray[np.float32]:
    """(N, channels); None: one channel stays one, more become stereo."""
    import av

    found = sniff(path)
    if found.kind not in ("audio", "video"):
        raise UsageError(f"'{path.name}' has no sound", f"it is {found.mime}")
    with open_container(path, found.format) as container:
        track = next(iter(container.streams.audio), None)
        if track is None:
            raise UsageError(f"'{path.name}' has no sound", fix="Attach a file with a sound track")
        # Never the resampler's own stereo-to-mono: it keeps the power, so equal channels would exceed 1.
        channels = channels or min(2, track.channels)
        resampler = av.AudioResampler(format="fltp", layout=LAYOUTS[channels], rate=rate)
        parts: list[NDArray[Any]] = []
        silence: int | None = None
        try:
            for frame in container.decode(track):
                if silence is None:
                    late = float((frame.time or 0.0) - (container.start_time or 0) / av.time_base)
                    silence = round(max(0.0, late) * rate)
                    parts.append(np.zeros((channels, silence), np.float32))
                # Gaps and overlaps in the file's own times would make the resampler refuse the frame.
                frame.pts = None
                parts += [part.to_ndarray() for part in resampler.resample(frame)]
            parts += [part.to_ndarray() for part in resampler.resample(None)]
        except (av.FFmpegError, ValueError) as error:
            raise damaged(path) from error
    if not parts:
        raise damaged(path, "its sound track is empty")
    return np.ascontiguousarray(np.concatenate(parts, axis=1).T, dtype=np.float32)
