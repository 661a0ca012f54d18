"""What the camera does, as it is recorded."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backends.vision.part import Part

Move = Literal[
    "static", "pan", "tilt", "zoom", "push", "zoom_or_push", "roll", "tracking", "handheld", "mixed", "unknown"
]


class CameraSegment(Part):
    """A stretch of one move."""

    start: float
    end: float
    move: Move
    direction: str = Field("", description="left, right, up, down, in, out, clockwise, counter-clockwise, or ''.")
    speed: float = Field(
        description="Pan, tilt, tracking: frame widths or heights per second; zoom, push: scale - 1 per second; "
        "roll: turns per second; else 0."
    )
    also: str = Field("", description="A weaker move at the same time, such as 'tilt up'.")
    confidence: float = Field(ge=0, le=1)


class CameraWork(CameraSegment):
    """The move of a whole shot with its stretches: the longest one, or 'mixed' when none makes up most of it."""

    shake: float = Field(0.0, description="RMS of the unsteady part of the motion, frame widths per frame.")
    motion: float = Field(0.0, description="Mean length of the optical flow, frame widths per second.")
    segments: tuple[CameraSegment, ...] = ()
    reason: str = Field("", description="Why it is 'unknown' or doubtful.")
