"""What an effect on a clip is: checked values, and the ffmpeg filters that they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

EFFECTS: dict[str, type[ClipEffect]] = {}
"""Every effect by name; filled by `effect`."""


NEAR = 0.25
"""Seconds around the frames that are drawn, within which an effect is never left out."""


class Stage(IntEnum):
    """In which order a clip's effects are drawn; within a stage they keep the order they have on the clip."""

    FIT = 0
    """Which part of the picture is shown."""
    LOOK = 10
    """Colours."""
    CAMERA = 20
    """Zooms and shakes."""
    TEXTURE = 30
    """Grain, glow, glitches: they belong to the film stock, and do not move with the picture."""
    LIGHT = 40
    """Flashes."""
    MATTE = 50
    """Bars and frames around the picture."""
    FADE = 60


PIECE_STEP = 7919
"""A prime, so that the seeds of pieces do not meet those that users choose one after another."""


@dataclass(frozen=True)
class Canvas:
    """What an effect is drawn on: one clip, already fitted to the film's size and rate."""

    width: int
    height: int
    fps: Fraction
    frames: int
    """Of the whole clip, not of the piece that is drawn at the moment."""
    folder: Path
    """Where files that filters read (colour tables) are kept, named by their content."""
    shown: tuple[int, int] | None = None
    """First frame of the clip that is drawn and the one after the last; None = all. Effects elsewhere are left out."""

    @property
    def seconds(self) -> float:
        return float(self.frames / self.fps)

    def noise_seed(self, seed: int) -> int:
        """A seed for ffmpeg's noise in the piece that is drawn: with the same one, every piece of a long clip would
        begin with the same grain, which then is seen to repeat."""
        return (seed + PIECE_STEP * (self.shown[0] if self.shown is not None else 0)) % 2**31


class ClipEffect(BaseModel):
    """Base of all effects. Filters see the clip's own clock: `t` is 0 at the clip's first frame, whichever piece of
    the clip is drawn. The same values give the same pixels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: ClassVar[str]
    about: ClassVar[str]
    """One line for people: what it looks like and what it is good for."""
    audible: ClassVar[bool] = False
    """Whether it changes the sound too."""
    stage: ClassVar[Stage] = Stage.TEXTURE

    def picture(self, canvas: Canvas) -> list[str]:
        """Filters for the picture, made of checked numbers and generated file names only; [] when it has none.

        They take yuv420p and may give another format. One string may hold a small graph with labels of its own
        ('split[a][b];[b]gblur=sigma=9[c];[a][c]blend=...'), whose first and last filter are left open.
        """
        return []

    @classmethod
    def together(cls, effects: Sequence[Any], canvas: Canvas) -> list[str]:
        """Filters for effects that follow each other and share this method; one chain for many where that is cheaper.

        The same zoom on sixty beats is one filter with sixty pulses, not sixty filters.
        """
        return [step for each in effects for step in each.picture(canvas)]

    def sound(self, seconds: float) -> list[str]:
        """Filters for the clip's sound, whose clock starts with the clip too."""
        return []

    def facts(self) -> dict[str, Any]:
        """All that decides its pixels, tables that it looks up included: part of the key of a cached piece."""
        return self.model_dump(mode="json")


class MomentEffect(ClipEffect):
    """An effect that happens at a moment of the clip."""

    at: float = Field(0.0, ge=0, le=14_400, description="Seconds since the clip's first frame.")
    seconds: float = Field(0.0, ge=0, le=14_400, description="How long; 0 = to the clip's end.")
    strength: float = Field(0.5, ge=0, le=1, description="0 hardly seen, 1 as strong as it gets.")
    seed: int = Field(0, ge=0, le=2**31 - 1)

    def window(self, canvas: Canvas) -> tuple[float, float]:
        """Begin and end in seconds of the clip."""
        return self.at, min(canvas.seconds, self.at + self.seconds) if self.seconds else canvas.seconds

    def happens(self, canvas: Canvas) -> bool:
        """Whether anything of it falls on the frames that are drawn."""
        if canvas.shown is None:
            return True
        first, end = (float(frame / canvas.fps) for frame in canvas.shown)
        begin, finish = self.window(canvas)
        return begin < end + NEAR and finish > first - NEAR

    def enabled(self, canvas: Canvas) -> str:
        """For filters with timeline editing: ':enable=...' of the window."""
        begin, end = self.window(canvas)
        return f":enable='between(t,{begin:.6f},{end:.6f})'"


def effect(cls: type[ClipEffect]) -> type[ClipEffect]:
    """Class decorator: makes an effect known by its name."""
    if cls.name in EFFECTS:
        raise ValueError(f"two effects are called {cls.name}")
    EFFECTS[cls.name] = cls
    return cls


def added(terms: Sequence[str]) -> str:
    """The sum of expressions; paired up, because ffmpeg reads no chain of more than 100."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return f"({added(terms[:middle])}+{added(terms[middle:])})"
