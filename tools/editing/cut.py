"""What a render is made of: sources, cuts on the frame grid, captions, and the program that holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tools.editing.specs import Direction, Place, Spoken, TitleSpec

if TYPE_CHECKING:
    from backends.media.guard import SniffedFile
    from backends.media.probe import MediaInfo

MAX_FACTOR = 10_000
"""Speeds are kept as fractions with denominators up to this."""


@dataclass(frozen=True)
class Source:
    """A file that clips are cut from, already checked and probed."""

    path: Path
    sha256: str
    asset_id: str
    sniffed: SniffedFile = field(compare=False)
    info: MediaInfo = field(compare=False)
    matrix: str = ""
    """Colour matrix when it is another one than BT.709, as ffmpeg's scaler names it; 'rgb' when there is none."""
    stretched: bool = False
    """True when its pixels are not square."""
    hdr: int = 0
    """A key of `backends.media.hdr.TRANSFERS` when its range is high."""
    interlaced: bool = False
    picture_zero: Fraction = Fraction(0)
    """The film's time 0, in seconds from the container's beginning, from which ffmpeg counts."""
    sound_zero: Fraction = Fraction(0)
    """The same for its sound: they differ in files that store no showing times."""


@dataclass(frozen=True)
class Clock:
    """How a clip's source passes: from speed `first` at its first moment to `last` at its last, evenly in between."""

    first: Fraction
    last: Fraction
    seconds: Fraction
    """Of the clip on the timeline. Before it, the first speed goes on; after it, the last."""

    def passed(self, at: Fraction) -> Fraction:
        """Seconds of source between the clip's first moment and `at`, seconds of the clip; below 0 before it."""
        inside = min(max(at, Fraction(0)), self.seconds)
        slope = (self.last - self.first) / (2 * self.seconds)
        before, after = min(at, Fraction(0)), max(Fraction(0), at - self.seconds)
        return before * self.first + inside * self.first + inside * inside * slope + after * self.last

    @property
    def steady(self) -> bool:
        return self.first == self.last

    def turned(self) -> Clock:
        """The same backwards."""
        return Clock(self.last, self.first, self.seconds)


@dataclass(frozen=True)
class Cut:
    """A clip (or a gap, without source) on the frame grid of the program."""

    start: int
    frames: int
    source: Source | None = None
    source_in: Fraction = Fraction(0)
    """Seconds."""
    effects: tuple[dict[str, Any], ...] = ()
    gain_db: float = 0.0
    role: str = "video"
    blend: Literal["", "dissolve", "fade", "fade_white", "wipe", "push", "whip", "zoom"] = ""
    """The transition into this clip, from `before` frames ahead of `start` to `after` frames behind it."""
    direction: Direction = "left"
    before: int = 0
    after: int = 0
    frozen: bool = False
    """One frame of the source, the one at `source_in`, for as long as the clip lasts; without sound."""
    place: Place | None = None
    """Where an overlay lies on the picture."""
    title: TitleSpec | None = None
    """A card instead of a source."""
    clip_id: str = ""
    """The clip's id on the timeline."""

    @property
    def end(self) -> int:
        return self.start + self.frames

    @property
    def speed(self) -> Fraction:
        """How many source seconds pass per second on the timeline; of a ramp, on average."""
        first, last = self.speeds
        return (first + last) / 2

    @property
    def speeds(self) -> tuple[Fraction, Fraction]:
        """Speed at the clip's first and at its last moment."""
        first = last = Fraction(1)
        for effect in self.effects:
            if effect["name"] in ("speed", "ramp"):
                begin = Fraction(effect["factor"]).limit_denominator(MAX_FACTOR)
                first *= begin
                last *= Fraction(effect.get("factor_end", effect["factor"])).limit_denominator(MAX_FACTOR)
        return first, last

    def clock(self, fps: Fraction) -> Clock:
        return Clock(*self.speeds, self.frames / fps)

    @property
    def backwards(self) -> bool:
        return len([effect for effect in self.effects if effect["name"] == "reverse"]) % 2 == 1


@dataclass(frozen=True)
class Words:
    """A caption in frames of the program."""

    start: int
    end: int
    text: str
    style: str
    position: str
    spoken: tuple[Spoken, ...] = ()
    """When each word comes, in seconds since the caption's start."""
    lifted: float = 0.0
    """By how much of the frame's height it stands higher than its style says, to leave room for what is below it."""
    scale: float = 1.0
    """Share of the size that fits its style."""


@dataclass(frozen=True)
class Program:
    """All that a render needs; `video` covers every frame from 0 to `frames`, gaps included."""

    name: str
    fps: Fraction
    width: int
    height: int
    frames: int
    video: tuple[Cut, ...]
    audio: tuple[Cut, ...]
    words: tuple[Words, ...]
    overlays: tuple[Cut, ...] = ()
    """Pictures over the picture, the lowest first; each with a `place`."""
    keep_loudness: bool = False
    """True for edits of a user's own clip, whose level is left as it is."""
    ducking: tuple[tuple[str, float], ...] = ()
    """(role, dB): how far a role's sound steps back under speech, where the timeline says so itself."""

    @property
    def seconds(self) -> float:
        return float(self.frames / self.fps)

    def sources(self) -> list[Source]:
        """Every file used, once, in order of first use."""
        every = (*self.video, *self.overlays, *self.audio)
        return list(dict.fromkeys(cut.source for cut in every if cut.source is not None))
