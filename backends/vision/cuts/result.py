"""Shots and the transitions between them, as they are recorded."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backends.vision.part import Part

TransitionKind = Literal["cut", "dissolve", "fade", "wipe"]
Opening = Literal["start", "cut", "dissolve", "fade", "wipe"]


class Transition(Part):
    """How one shot gives way to the next; a fade at the film's very start or end borders one shot only."""

    kind: TransitionKind
    first_frame: int = Field(description="The first frame that is not purely the old shot; of a cut the new shot's.")
    frames: int = Field(description="Frames that belong to neither shot alone; 0 for a cut.")
    start: float = Field(description="Seconds of `first_frame`.")
    end: float = Field(description="Seconds of the new shot's first pure frame; the same as `start` for a cut.")
    confidence: float = Field(ge=0, le=1)
    detail: str = Field("", description="Such as 'through black' or 'left to right'.")
    by: str = Field("", description="The test that found it.")


class ShotSpan(Part):
    """One shot; shots cover a film without gaps, with borders in the middle of a gradual transition."""

    index: int = Field(description="From 1.")
    start: float = Field(description="Seconds from the film's first frame.")
    end: float = Field(description="Seconds of the next shot's first frame, or of the film's end.")
    first_frame: int
    frames: int
    clean_first: int = Field(description="First frame that no transition touches; measures look at clean frames only.")
    clean_frames: int = Field(description="At least 1.")
    opening: Opening

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def clean(self) -> slice:
        """The clean frames, as a slice of frame numbers."""
        return slice(self.clean_first, self.clean_first + self.clean_frames)
