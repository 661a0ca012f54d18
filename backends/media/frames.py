"""Frames of a film as arrays, one at a time, upright and in order; memory does not grow with the film's length."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from backends.media.clock import FrameClock, origin_of
from backends.media.container import (
    TORN_BY_THREADS,
    MediaLimits,
    damaged,
    decoded,
    film_stream,
    open_container,
    refuse_more_pixels,
)
from backends.media.guard import OpenMedia, open_media
from backends.media.scaling import Rgb, Scaler
from backends.media.seeking import BLIND, seek_blindly
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
    What is broken in the middle of the film is passed over.
    Raises UsageError when the file is not a film or cannot be read on.
    """
    if fps is not None and fps <= 0:
        raise ValueError("fps must be positive")
    last: tuple[float, VideoFrame] | None = None
    wanted = 0
    with _opened(path) as film:
        for seconds, frame in film.frames(start):
            if end is not None and seconds >= end - _ROUNDING_SECONDS:
                break
            if fps is None:
                if seconds >= start - _ROUNDING_SECONDS:
                    yield seconds, film.picture(frame, width)
                continue
            while last is not None and start + wanted / fps < seconds - _ROUNDING_SECONDS:
                yield start + wanted / fps, film.picture(last[1], width)
                wanted += 1
            last = (seconds, frame)
        if fps is not None and last is not None:
            shown_until = last[0] + (last[1].duration or 1) * float(last[1].time_base or 0)
            stop = shown_until if end is None else min(end, shown_until)
            while start + wanted / fps < stop - _ROUNDING_SECONDS:
                yield start + wanted / fps, film.picture(last[1], width)
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
    with _opened(path) as film:
        frames: Generator[tuple[float, VideoFrame], None, None] | None = None
        shown: tuple[float, VideoFrame] | None = None
        coming: tuple[float, VideoFrame] | None = None
        for t in times:
            reached = coming[0] if coming else shown[0] if shown else 0.0
            if frames is None or t > reached + _SEEK_SECONDS:
                if frames is not None:
                    frames.close()
                frames = film.frames(t)
                shown, coming = None, next(frames, None)
            while coming is not None and (shown is None or coming[0] <= t + _ROUNDING_SECONDS):
                shown, coming = coming, next(frames, None)
            if shown is None or t < 0 or (coming is None and t > _shown_until(*shown)):
                raise UsageError(f"'{path.name}' has no frame at {t:.2f} s", "it is shorter than that")
            yield film.picture(shown[1], width)


def _shown_until(seconds: float, frame: VideoFrame) -> float:
    return seconds + max(_LAST_FRAME_SECONDS, (frame.duration or 0) * float(frame.time_base or 0))


@dataclass(frozen=True)
class _Film:
    """A film that is open."""

    path: Path
    demuxer: str
    container: InputContainer
    stream: VideoStream
    first_pts: int | None
    scaler: Scaler

    def frames(self, start: float) -> Generator[tuple[float, VideoFrame], None, None]:
        """Decoded frames with their seconds, from the last key frame before `start` on."""
        import av

        base = self.stream.time_base or Fraction(0)
        step = 1 / float(self.stream.average_rate or self.stream.guessed_rate or 25)
        origin = origin_of(self.stream.start_time, self.first_pts, step / float(base) if base else 0.0) or 0
        clock = FrameClock(base, origin, step)
        try:
            if start > 0 and base:
                pts = int(start / base) + origin
                if self.demuxer in BLIND:
                    seek_blindly(self.container, self.stream, pts)
                else:
                    self.container.seek(pts, stream=self.stream)
            for packet in self.container.demux(self.stream):
                for frame in decoded(packet):
                    if isinstance(frame, av.VideoFrame):
                        yield clock.at(frame.pts, frame.dts), frame
        except av.FFmpegError as error:
            raise damaged(self.path) from error

    def picture(self, frame: VideoFrame, width: int | None) -> Rgb:
        return self.scaler.whole(frame) if width is None else self.scaler.wide(frame, width)


@contextmanager
def _opened(path: Path) -> Iterator[_Film]:
    with open_media(path) as media:
        found = media.found if isinstance(media, OpenMedia) else media
        if not isinstance(media, OpenMedia) or media.film is None:
            raise UsageError(f"'{path.name}' is not a film", f"it is {found.mime}")
        first = media.first.pts
    with open_container(path, found.format) as container:
        stream = film_stream(container)
        if stream is None:
            raise damaged(path)
        if stream.codec_context.name != TORN_BY_THREADS:
            stream.thread_type = "AUTO"
        refuse_more_pixels(stream, MediaLimits().max_pixels)
        yield _Film(path, found.format, container, stream, first, Scaler(stream.sample_aspect_ratio))
