"""One pass over a film that feeds any number of measures of its picture and its sound, so that it is decoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.media.frames import read_frames
from backends.media.guard import damaged, open_container, sniff
from backends.media.probe import MediaInfo, probe
from backends.vision.frame import MONO_RATE, STEREO_RATE, Frame, FrameSink, SoundBlock, SoundSink
from backends.vision.thresholds import thresholds

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

__all__ = ["FrameSink", "listen", "watch"]


def watch(
    path: Path,
    sinks: Sequence[FrameSink],
    sounds: Sequence[SoundSink] = (),
    *,
    info: MediaInfo | None = None,
    cancel: Callable[[], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> int:
    """Show every frame of the film, made small, to all `sinks`, and let all `sounds` hear it; how many frames it had.

    cancel: called with every frame; what it raises ends the pass. on_progress: called with the seconds seen.
    Raises UsageError when the file is not a film or is damaged.
    """
    info = info or probe(path)
    width = min(thresholds().motion.width, info.width)
    count = 0
    before: Frame | None = None
    for seconds, rgb in read_frames(path, width=width):
        if cancel is not None:
            cancel()
        frame = Frame(count, seconds, rgb, before)
        for sink in sinks:
            sink.see(frame)
        before = frame
        count += 1
        if on_progress is not None and count % 24 == 0:
            on_progress(seconds)
    if sounds and info.has_audio:
        listen(path, sounds, cancel=cancel)
    return count


def listen(
    path: Path,
    sounds: Sequence[SoundSink],
    *,
    cancel: Callable[[], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> float:
    """Let all `sounds` hear the first sound track of a sound or a film; its length in seconds.

    Raises UsageError when it has none or is damaged.
    """
    heard = 0.0
    for block in _blocks(path):
        if cancel is not None:
            cancel()
        for sound in sounds:
            sound.hear(block)
        heard = block.seconds + len(block.stereo) / STEREO_RATE
        if on_progress is not None:
            on_progress(heard)
    return heard


def _blocks(path: Path) -> Iterator[SoundBlock]:
    import av

    found = sniff(path)
    with open_container(path, found.format) as container:
        track = next(iter(container.streams.audio), None)
        if track is None:
            raise damaged(path, "it has no sound")
        wide = av.AudioResampler(format="fltp", layout="stereo", rate=STEREO_RATE)
        narrow = av.AudioResampler(format="fltp", layout="mono", rate=MONO_RATE)
        seen = 0
        try:
            for frame in chain(container.decode(track), (None,)):
                if frame is not None:
                    frame.pts = None
                stereo = _joined(wide.resample(frame), 2)
                mono = _joined(narrow.resample(frame), 1)
                yield SoundBlock(seen / STEREO_RATE, stereo.T, mono[0])
                seen += stereo.shape[1]
        except (av.FFmpegError, ValueError) as error:
            raise damaged(path) from error


def _joined(parts: Sequence[AudioFrame], channels: int) -> NDArray[np.float32]:
    arrays: list[NDArray[Any]] = [part.to_ndarray() for part in parts]
    return np.concatenate(arrays, axis=1).astype(np.float32) if arrays else np.zeros((channels, 0), np.float32)
