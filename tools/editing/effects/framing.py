"""Which part of a source's picture is shown: a fixed part, or a window that follows its subject."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from tools.editing.effects.base import ClipEffect, Stage, effect

LEAST_SHARE = 0.02
"""A smaller part of a picture shows single pixels."""


class Framing(ClipEffect):
    """Base of both: the renderer cuts the part out before it fits the picture to the film, so no filter is given."""

    stage: ClassVar[Stage] = Stage.FIT


@effect
class Crop(Framing):
    """A part of the picture, enlarged to fill the frame; all four values are shares of the picture."""

    name = "crop"
    about = "shows only a part of the picture"

    x: float = Field(ge=0, lt=1, description="Left edge.")
    y: float = Field(ge=0, lt=1, description="Upper edge.")
    width: float = Field(ge=LEAST_SHARE, le=1)
    height: float = Field(ge=LEAST_SHARE, le=1)

    @model_validator(mode="after")
    def _inside(self) -> Crop:
        if self.x + self.width > 1 + 1e-6 or self.y + self.height > 1 + 1e-6:
            raise ValueError("the part reaches outside the picture")
        return self


@effect
class Reframe(Framing):
    """As much of the picture as the film's shape allows, around a subject that may move."""

    name = "reframe"
    about = "fills another shape of frame, following the subject"

    keys: tuple[tuple[float, float, float], ...] = Field(
        ((0.0, 0.5, 0.5),),
        min_length=1,
        max_length=2000,
        description="(seconds since the clip's first frame, x, y): the subject's middle as shares of the picture.",
    )

    @field_validator("keys")
    @classmethod
    def _in_order(cls, keys: tuple[tuple[float, float, float], ...]) -> tuple[tuple[float, float, float], ...]:
        times = [at for at, _, _ in keys]
        if times != sorted(times):
            raise ValueError("the times of the focus go backwards")
        if not all(0 <= share <= 1 for _, x, y in keys for share in (x, y)):
            raise ValueError("the focus lies outside the picture")
        return keys
