"""Sound as arrays, from any file that has sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.media.container import damaged, decoded, open_container, sound_stream
from backends.media.guard import sniff
from configs.errors import UsageError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

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


def sound_blocks(path: Path, rate: int, seconds: float) -> Iterator[NDArray[np.float32]]:
    """As `read_audio`, in blocks of about so many seconds: little memory at any length."""
    parts: list[NDArray[np.float32]] = []
    count = 0
    for part in _parts(path, rate, None):
        parts.append(part.mean(axis=0))
        count += part.shape[1]
        if count >= seconds * rate:
            yield np.concatenate(parts)
            parts, count = [], 0
    if count:
        yield np.concatenate(parts)


def sound_levels(path: Path, hop: float, rate: int = 16_000) -> NDArray[np.float64]:
    """RMS of the first sound track in steps of `hop` seconds, (M,) dBFS, -120 at least; little memory at any length."""
    size = max(1, round(hop * rate))
    levels: list[NDArray[np.float64]] = []
    rest = np.zeros(0, np.float32)
    for part in _parts(path, rate, None):
        block = np.concatenate([rest, part.mean(axis=0)])
        whole = len(block) // size * size
        levels.append((block[:whole].reshape(-1, size).astype(np.float64) ** 2).mean(axis=1))
        rest = block[whole:]
    if len(rest):
        levels.append(np.asarray([float((rest.astype(np.float64) ** 2).mean())]))
    power: NDArray[np.float64] = np.concatenate(levels)
    return 10 * np.log10(np.maximum(power, 1e-12))


def _read(path: Path, rate: int, channels: int | None) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.concatenate(list(_parts(path, rate, channels)), axis=1).T)


def _parts(path: Path, rate: int, channels: int | None) -> Iterator[NDArray[np.float32]]:
    """The track in pieces of (channels, n) float32; channels None: one channel stays one, more become stereo."""
    import av

    found = sniff(path)
    if found.kind not in ("audio", "video"):
        raise UsageError(f"'{path.name}' has no sound", f"it is {found.mime}")
    with open_container(path, found.format) as container:
        track = sound_stream(container)
        if track is None:
            raise UsageError(f"'{path.name}' has no sound", fix="Attach a file with a sound track")
        # Never the resampler's own stereo-to-mono: it keeps the power, so equal channels would exceed 1.
        channels = channels or min(2, track.channels)
        resampler = av.AudioResampler(format="fltp", layout=LAYOUTS[channels], rate=rate)
        started = False
        try:
            for frame in (frame for packet in container.demux(track) for frame in decoded(packet)):
                if not started:
                    late = float((frame.time or 0.0) - (container.start_time or 0) / av.time_base)
                    yield np.zeros((channels, round(max(0.0, late) * rate)), np.float32)
                    started = True
                # Gaps and overlaps in the file's own times would make the resampler refuse the frame.
                frame.pts = None
                for part in resampler.resample(frame):
                    yield _floats(part)
            if not started:
                raise damaged(path, "its sound track is empty")
            for part in resampler.resample(None):
                yield _floats(part)
        except (av.FFmpegError, ValueError) as error:
            raise damaged(path) from error


def _floats(part: AudioFrame) -> NDArray[np.float32]:
    samples: NDArray[Any] = part.to_ndarray()
    return samples.astype(np.float32, copy=False)
