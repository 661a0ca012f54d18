"""A film's frames as small pictures, each with the time at which it is on screen and how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from backends.media.clock import FrameClock, origin_of
from backends.media.notes import Damage, damage_notes, hole_notes, picture_notes, time_notes
from backends.media.scaling import Rgb, Scaler

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_HOLE_SECONDS, _HOLE_FRAMES = 5.0, 20
"""How long one picture stands, in seconds and in times of the one before, for pictures to be missing after it."""
_UNKNOWN_RATE = 25


@dataclass(frozen=True)
class Shown:
    """One picture of the film."""

    seconds: float
    """From the film's first frame."""
    duration: float
    """Seconds until the next one."""
    rgb: Rgb


class PictureTrack:
    """Gives out each picture when the next one's time is known."""

    def __init__(self, film: VideoStream, longest_side: int) -> None:
        """longest_side: of the pictures, pixels."""
        self._base = film.time_base or Fraction(0)
        self._step = 1 / float(film.average_rate or film.guessed_rate or _UNKNOWN_RATE)
        self._start = film.start_time
        self._clock: FrameClock | None = None
        self._scaler = Scaler(film.sample_aspect_ratio)
        self._longest_side = longest_side
        self._size = (film.width, film.height)
        self._waiting: tuple[float, Rgb] | None = None
        self._last_duration = 0.0
        self._damage = Damage()
        self._usual = self._step
        """Seconds from one picture to the next, when there last was no hole."""
        self._holes: list[tuple[float, float]] = []
        """Length and begin of stretches without pictures, seconds."""
        self.count = 0
        """Frames so far."""
        self.seconds = 0.0
        """Until when the frames so far are on screen, as far as is known."""

    def take(self, frame: VideoFrame) -> Iterator[Shown]:
        """The picture before this frame, if there is one."""
        if self._clock is None:
            units = self._step / float(self._base) if self._base else 0.0
            self._clock = FrameClock(self._base, origin_of(self._start, frame.pts, units), self._step)
        seconds = self._clock.at(frame.pts, frame.dts)
        if frame.is_corrupt:
            self._damage.add(seconds)
        before, self._waiting = self._waiting, (seconds, self._scaler.small(frame, self._longest_side))
        self._last_duration = (frame.duration or 0) * float(self._base) or self._step
        self._size = (frame.width, frame.height)
        self.count += 1
        self.seconds = seconds + self._last_duration
        if before is not None:
            self._look_for_hole(before[0], seconds)
            yield Shown(before[0], seconds - before[0], before[1])

    def _look_for_hole(self, last: float, seconds: float) -> None:
        if seconds - last >= max(_HOLE_SECONDS, _HOLE_FRAMES * self._usual):
            self._holes.append((seconds - last, last))
        elif seconds > last:
            self._usual = seconds - last

    def finish(self) -> Iterator[Shown]:
        """The last picture; the file alone knows how long it stays."""
        if self._waiting is not None:
            seconds, rgb = self._waiting
            self._waiting = None
            yield Shown(seconds, self._last_duration, rgb)

    def notes(self) -> list[str]:
        """What was odd about the pictures."""
        scaler, clock = self._scaler, self._clock
        return [
            *picture_notes(
                size=self._size,
                frames=self.count,
                hdr=scaler.hdr,
                interlaced=scaler.interlaced,
                transparent=scaler.transparent,
            ),
            *(time_notes(clock.missing, clock.backwards) if clock is not None else []),
            *hole_notes(self._holes if len(self._holes) <= self.count // 8 else []),  # else they are slides
            *damage_notes("frame", "frames", "came out damaged", self._damage),
        ]
