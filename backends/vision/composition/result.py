"""How a picture is composed, as it is recorded."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backends.vision.part import Part

Scale = Literal["ECU", "CU", "MCU", "MS", "MLS", "LS", "ELS", "unknown"]


class Colour(Part):
    name: str
    hex: str
    share: float


class Figure(Part):
    """Somebody in the picture."""

    kind: Literal["face", "figure"]
    box: tuple[float, float, float, float] = Field(description="x0, y0, x1, y1 as shares of width and height.")
    character: str = Field("", description="A known character, when an encoder is sure.")
    similarity: float | None = None
    by: str = Field("", description="What found it.")
    shown: float | None = Field(
        None, description="Share of the body below the chin that is in the picture (0-1), where it is known."
    )


class Composition(Part):
    """Means over a shot's sampled clean frames, or of one picture; shares are 0-1."""

    scale: Scale = "unknown"
    scale_reason: str = Field("", description="What it was measured on, or why it is unknown.")
    scale_confidence: float = 0.0
    subject: tuple[float, float] = Field((0.5, 0.5), description="Centre of what draws the eye, shares of the frame.")
    thirds: float = Field(0.0, description="How near the subject is to a point of thirds: 1 on it, 0 at most far.")
    symmetry: float = Field(0.0, description="Correlation with the mirrored picture, 0-1.")
    balance: float = Field(0.0, description="-1: all weight left, 1: all right.")
    headroom: float | None = Field(None, description="Empty share above the topmost head; None without a figure.")
    negative_space: float = 0.0
    lines: float = Field(0.0, description="Strength of straight lines, 0-1.")
    vanishing: tuple[float, float] | None = Field(None, description="Where leading lines meet, shares of the frame.")
    layers: int = Field(1, description="Depth layers told apart: 1 flat to 3 fore-, middle- and background.")
    layers_confidence: float = Field(0.0, description="0-1; low where nothing in the picture tells of depth.")
    luma: float = Field(0.0, description="Mean, 0-255.")
    key: Literal["low", "normal", "high"] = "normal"
    contrast: float = Field(0.0, description="Standard deviation of luma, 0-128.")
    saturation: float = Field(0.0, description="Mean of HSV saturation, 0-1.")
    colours: tuple[Colour, ...] = ()
    figures: tuple[Figure, ...] = ()
