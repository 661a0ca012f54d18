"""SMPTE timecode of a film's frames, drop-frame where clock time needs it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_NTSC_TOLERANCE = 5e-4
"""A rate this near (relative) to n * 1000 / 1001 is one of NTSC's: 23.976, 23.98, 29.97, 59.94."""
_NTSC = (24, 30, 48, 60, 120)
_CODE = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;.])(\d{2,3})")


@dataclass(frozen=True)
class FrameRate:
    """How frames are counted: `nominal` frames in a second of timecode, at `exact` frames per second of the clock."""

    exact: Fraction
    nominal: int
    drop: bool
    """Timecode skips numbers (SMPTE ST 12-1), so that it stays with the clock: 29.97 and 59.94 fps."""

    @classmethod
    def of(cls, fps: float) -> FrameRate:
        """The rate that a container means by `fps`; 25 where it says nothing."""
        if not fps > 0:
            return cls(Fraction(25), 25, False)
        for nominal in _NTSC:
            exact = Fraction(nominal * 1000, 1001)
            if abs(fps / float(exact) - 1) < _NTSC_TOLERANCE:
                return cls(exact, nominal, nominal % 30 == 0)
        whole = max(1, round(fps))
        exact = Fraction(whole) if abs(fps - whole) < 1e-3 * whole else Fraction(fps).limit_denominator(1001)
        return cls(exact, whole, False)

    def frame_at(self, seconds: float) -> int:
        """The number of the frame that begins nearest to a time."""
        return max(0, round(seconds * self.exact))

    def timecode(self, frame: int) -> str:
        """hh:mm:ss:ff of a frame from 0; 'hh:mm:ss;ff' where numbers are dropped. 24 hours wrap, as on tape."""
        number = frame
        if self.drop:
            dropped = self.nominal // 15  # 2 of 30, 4 of 60, each minute but every tenth
            ten_minutes = self.nominal * 600 - 9 * dropped
            tens, rest = divmod(frame, ten_minutes)
            minutes = max(0, rest - dropped) // (self.nominal * 60 - dropped)
            number += dropped * (9 * tens + minutes)
        seconds, frames = divmod(number, self.nominal)
        minutes, second = divmod(seconds, 60)
        hours, minute = divmod(minutes, 60)
        mark = ";" if self.drop else ":"
        return f"{hours % 24:02d}:{minute:02d}:{second:02d}{mark}{frames:0{2 if self.nominal <= 100 else 3}d}"

    def frame_of(self, code: str) -> int:
        """The frame that a timecode names. Raises ValueError when it is none, or one that is dropped."""
        found = _CODE.fullmatch(code.strip())
        if found is None:
            raise ValueError(f"{code!r} is no timecode")
        hours, minutes, seconds, frames = (int(found[group]) for group in (1, 2, 3, 5))
        total_minutes = 60 * hours + minutes
        dropped = self.nominal // 15 if self.drop else 0
        if minutes > 59 or seconds > 59 or frames >= self.nominal:
            raise ValueError(f"{code!r} is no timecode at {self.nominal} frames a second")
        if frames < dropped and seconds == 0 and minutes % 10:
            raise ValueError(f"{code!r} is a number that drop-frame timecode skips")
        counted = (total_minutes * 60 + seconds) * self.nominal + frames
        return counted - dropped * (total_minutes - total_minutes // 10)


def caption_clock(seconds: float, point: str = ",") -> str:
    """'01:02:03,456', as SubRip writes it; WebVTT has a point in place of the comma."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{point}{rest % 1000:03d}"


def clock(seconds: float, digits: int = 1) -> str:
    """'0:07.3', '12:04.0' or '1:02:03.5'. digits: behind the point."""
    scale = 10**digits
    minutes, rest = divmod(max(0, round(seconds * scale)), 60 * scale)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest / scale:0{3 + digits}.{digits}f}" if digits else f"{rest:02d}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"
