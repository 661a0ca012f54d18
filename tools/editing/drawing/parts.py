"""What one ffmpeg call draws: pieces of clips, what lies over them, and captions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tools.editing.cut import Cut, Words
from tools.editing.specs import Direction

TAGS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"


@dataclass(frozen=True)
class Piece:
    """Frames of a clip from its own frame `first` on (negative or past its end inside a transition)."""

    cut: Cut
    first: int


@dataclass(frozen=True)
class Layer:
    """A piece of an overlay that lies over a segment from its frame `at` on, for `frames`."""

    piece: Piece
    at: int
    frames: int


@dataclass(frozen=True)
class Segment:
    """What one ffmpeg call draws: one piece, or two that are mixed."""

    start: int
    frames: int
    pieces: tuple[Piece, ...]
    blend: str = ""
    direction: Direction = "left"
    layers: tuple[Layer, ...] = ()
    """The lowest first."""
    words: tuple[Words, ...] = ()
    """Captions in frames of the segment; one that began earlier begins below 0."""


@dataclass(frozen=True)
class Frame:
    """What all segments of one render have in common."""

    width: int
    height: int
    fps: Fraction

    @property
    def rate(self) -> str:
        return f"{self.fps.numerator}/{self.fps.denominator}"

    def seconds(self, frames: int) -> str:
        """So many frames as ffmpeg reads a duration."""
        return f"{float(frames / self.fps):.6f}"


@dataclass(frozen=True)
class Script:
    """Texts that one `ass` filter draws, on a clock that runs `ahead` frames before the picture's own."""

    words: tuple[Words, ...]
    ahead: int = 0


Text = tuple[Script, Path]
"""Texts and the ASS file that holds them."""


@dataclass(frozen=True)
class Files:
    """Generated files that the filters of a segment read."""

    tables: Path
    """Folder of colour tables."""
    fonts: Path
    """Folder of caption fonts."""
    scripts: tuple[Path, ...] = ()
    """ASS files, one for each of `scripts_of(segment)`."""


def shifted(filters: list[str], frames: int, frame: Frame) -> list[str]:
    """`filters` on a clock that is `frames` ahead of the picture's."""
    if not frames or not filters:
        return filters
    shift = frame.seconds(frames)
    return [f"setpts=PTS+({shift})/TB", *filters, f"setpts=PTS-({shift})/TB"]
