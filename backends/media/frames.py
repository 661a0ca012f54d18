"""Frames of a film as arrays, one at a time, upright and in order; memory does not grow with the film's length."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.media.guard import damaged, film_stream, open_container, sniff
from configs.errors import UsageError

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Rgb = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
_ROUNDING_SECONDS = 1e-4
"""Container times are rounded to their time base; a frame this little after a sample still belongs to it."""


def read_frames(
    path: Path, *, start: float = 0.0, end: float | None = None, fps: float | None = None, width: int | None = None
) -> Iterator[tuple[float, Rgb]]:
    """Frames between `start` and `end` (seconds from the film's first frame), as (seconds, (H, W, 3) uint8 RGB).

    fps: None gives every frame at its own time; a number samples the film at start + k / fps, each time with the
        frame that is on screen then. width: scale to this width (even height, same proportions).
    Raises UsageError when the file is not a film or is damaged.
    """
    if fps is not None and fps <= 0:
        raise ValueError("fps must be positive")
    last: tuple[float, VideoFrame] | None = None
    wanted = 0
    for seconds, frame in _decode(path, start):
        if end is not None and seconds >= end - _ROUNDING_SECONDS:
            break
        if fps is None:
            if seconds >= start - _ROUNDING_SECONDS:
                yield seconds, _picture(frame, width)
            continue
        while last is not None and start + wanted / fps < seconds - _ROUNDING_SECONDS:
            yield start + wanted / fps, _picture(last[1], width)
            wanted += 1
        last = (seconds, frame)
    if fps is not None and last is not None:
        shown_until = last[0] + (last[1].duration or 1) * float(last[1].time_base or 0)
        stop = shown_until if end is None else min(end, shown_until)
        while start + wanted / fps < stop - _ROUNDING_SECONDS:
            yield start + wanted / fps, _picture(last[1], width)
            wanted += 1


def frame_at(path: Path, t: float, *, width: int | None = None) -> Rgb:
    """The frame on screen at `t` seconds, (H, W, 3) uint8 RGB. Raises UsageError when the film is shorter."""
    found: VideoFrame | None = None
    with closing(_decode(path, t)) as frames:
        for seconds, frame in frames:
            if found is not None and seconds > t + _ROUNDING_SECONDS:
                break
            found, shown_until = frame, seconds + max(0.5, (frame.duration or 0) * float(frame.time_base or 0))
    if found is None or t < 0 or t > shown_until:
        raise UsageError(f"'{path.name}' has no frame at {t:.2f} s", "it is shorter than that")
    return _picture(found, width)


def _decode(path: Path, start: float) -> Generator[tuple[float, VideoFrame], None, None]:
    """Decoded frames with their seconds, from the last key frame before `start` on."""
    import av

    found = sniff(path)
    if found.kind != "video":
        raise UsageError(f"'{path.name}' is not a film", f"it is {found.mime}")
    with open_container(path, found.format) as container:
        stream = film_stream(container)
        if stream is None:
            raise damaged(path)
        stream.thread_type = "AUTO"
        try:
            if start > 0 and stream.time_base:
                container.seek(int(start / stream.time_base) + (stream.start_time or 0), stream=stream)
            yield from _timed(container.decode(stream), stream)
        except av.FFmpegError as error:
            raise damaged(path) from error


def _timed(frames: Iterator[VideoFrame], stream: VideoStream) -> Iterator[tuple[float, VideoFrame]]:
    base, origin = float(stream.time_base or 0), stream.start_time or 0
    step = 1 / float(stream.average_rate or stream.guessed_rate or 25)
    seconds = -step
    for frame in frames:
        seconds = (frame.pts - origin) * base if frame.pts is not None and base else seconds + step
        yield seconds, frame


def _picture(frame: VideoFrame, width: int | None) -> Rgb:
    turns = round(frame.rotation / 90) % 4
    if width is None:
        rgb: NDArray[Any] = frame.to_ndarray(format="rgb24")
    else:
        stored_width, stored_height = frame.width, frame.height
        shown_width, shown_height = (stored_height, stored_width) if turns % 2 else (stored_width, stored_height)
        height = max(2, 2 * round(shown_height * width / shown_width / 2))
        size = (height, width) if turns % 2 else (width, height)
        rgb = frame.reformat(width=size[0], height=size[1], format="rgb24", interpolation="AREA").to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, turns) if turns else rgb, dtype=np.uint8)
