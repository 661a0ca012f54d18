"""Frames of a film as arrays, one at a time, upright and in order; memory does not grow with the film's length."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from backends.media.clock import FrameClock
from backends.media.guard import damaged, film_stream, open_container, sniff
from backends.media.scaling import Rgb, Scaler
from configs.errors import UsageError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_ROUNDING_SECONDS = 1e-4
"""Container times are rounded to their time base; a frame this little after a sample still belongs to it."""
_LAST_FRAME_SECONDS = 0.5
"""How long a frame is at least on screen when no other follows."""
_SEEK_SECONDS = 2.0
"""A later time closer than this is reached by decoding on, since a seek goes back to a key frame."""


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
    with _opened(path) as (container, stream, scaler):
        for seconds, frame in _decode(path, container, stream, start):
            if end is not None and seconds >= end - _ROUNDING_SECONDS:
                break
            if fps is None:
                if seconds >= start - _ROUNDING_SECONDS:
                    yield seconds, _picture(scaler, frame, width)
                continue
            while last is not None and start + wanted / fps < seconds - _ROUNDING_SECONDS:
                yield start + wanted / fps, _picture(scaler, last[1], width)
                wanted += 1
            last = (seconds, frame)
        if fps is not None and last is not None:
            shown_until = last[0] + (last[1].duration or 1) * float(last[1].time_base or 0)
            stop = shown_until if end is None else min(end, shown_until)
            while start + wanted / fps < stop - _ROUNDING_SECONDS:
                yield start + wanted / fps, _picture(scaler, last[1], width)
                wanted += 1


def frame_at(path: Path, t: float, *, width: int | None = None) -> Rgb:
    """The frame on screen at `t` seconds, (H, W, 3) uint8 RGB. Raises UsageError when the film is shorter."""
    return next(frames_at(path, [t], width=width))


def frames_at(path: Path, times: Sequence[float], *, width: int | None = None) -> Iterator[Rgb]:
    """The frames on screen at `times` (rising, seconds), (H, W, 3) uint8 RGB each; the film is opened once for all.

    Raises UsageError when the film is shorter than one of the times, ValueError when they do not rise.
    """
    if any(later < earlier for earlier, later in pairwise(times)):
        raise ValueError("times must rise")
    with _opened(path) as (container, stream, scaler):
        frames: Generator[tuple[float, VideoFrame], None, None] | None = None
        shown: tuple[float, VideoFrame] | None = None
        coming: tuple[float, VideoFrame] | None = None
        for t in times:
            reached = coming[0] if coming else shown[0] if shown else 0.0
            if frames is None or t > reached + _SEEK_SECONDS:
                if frames is not None:
                    frames.close()
                frames = _decode(path, container, stream, t)
                shown, coming = None, next(frames, None)
            while coming is not None and (shown is None or coming[0] <= t + _ROUNDING_SECONDS):
                shown, coming = coming, next(frames, None)
            if shown is None or t < 0 or (coming is None and t > _shown_until(*shown)):
                raise UsageError(f"'{path.name}' has no frame at {t:.2f} s", "it is shorter than that")
            yield _picture(scaler, shown[1], width)


def _shown_until(seconds: float, frame: VideoFrame) -> float:
    return seconds + max(_LAST_FRAME_SECONDS, (frame.duration or 0) * float(frame.time_base or 0))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream, Scaler]]:
    found = sniff(path)
    if found.kind != "video":
        raise UsageError(f"'{path.name}' is not a film", f"it is {found.mime}")
    with open_container(path, found.format) as container:
        stream = film_stream(container)
        if stream is None:
            raise damaged(path)
        stream.thread_type = "AUTO"
        yield container, stream, Scaler(stream.sample_aspect_ratio)


def _decode(
    path: Path, container: InputContainer, stream: VideoStream, start: float
) -> Generator[tuple[float, VideoFrame], None, None]:
    """Decoded frames with their seconds, from the last key frame before `start` on."""
    import av

    step = 1 / float(stream.average_rate or stream.guessed_rate or 25)
    clock = FrameClock(stream.time_base or Fraction(0), stream.start_time or 0, step)
    try:
        if start > 0 and stream.time_base:
            container.seek(int(start / stream.time_base) + (stream.start_time or 0), stream=stream)
        for frame in container.decode(stream):
            yield clock.at(frame.pts), frame
    except av.FFmpegError as error:
        raise damaged(path) from error


def _picture(scaler: Scaler, frame: VideoFrame, width: int | None) -> Rgb:
    return scaler.whole(frame) if width is None else scaler.wide(frame, width)
