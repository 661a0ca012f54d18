"""What must not be seen: a part of the picture in coarse blocks, following what it hides."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from tools.editing.effects.base import Canvas, MomentEffect, Stage, effect


@effect
class Mosaic(MomentEffect):
    """Blocks over a face, or over anything that moves along keys."""

    name = "mosaic"
    about = "blocks over a face or a place, following it"
    stage: ClassVar[Stage] = Stage.LOOK

    keys: tuple[tuple[float, float, float], ...] = Field(
        min_length=1,
        max_length=2000,
        description="(seconds since the clip's first frame, x, y): its middle as shares of the picture.",
    )
    width: float = Field(gt=0.01, le=1, description="As a share of the picture's width.")
    height: float = Field(gt=0.01, le=1, description="As a share of the picture's height.")

    @field_validator("keys")
    @classmethod
    def _in_order(cls, keys: tuple[tuple[float, float, float], ...]) -> tuple[tuple[float, float, float], ...]:
        times = [key[0] for key in keys]
        if times != sorted(times):
            raise ValueError("the times of the keys go backwards")
        if not all(-1 <= share <= 2 for key in keys for share in key[1:]):
            raise ValueError("a key lies far outside the picture")
        return keys

    def picture(self, canvas: Canvas) -> list[str]:
        from tools.editing.drawing.curve import curve

        wide, high = (max(4, round(share * side / 2) * 2) for share, side in
                      ((self.width, canvas.width), (self.height, canvas.height)))  # fmt: skip
        wide, high = min(wide, canvas.width), min(high, canvas.height)
        begin, end = self.window(canvas)
        if canvas.shown is not None:
            begin, end = (float(frame / canvas.fps) for frame in canvas.shown)
        places = []
        for axis, side, size in ((1, canvas.width, wide), (2, canvas.height, high)):
            middle = curve([(key[0], key[axis]) for key in self.keys], "t", (begin, end))
            places.append(f"2*trunc(clip({side}*({middle})-{size / 2:.1f},0,{side - size})/2)")
        block = max(2, round(min(wide, high) * (0.08 + 0.12 * self.strength)))
        return [
            f"split[seen][hidden];[hidden]crop={wide}:{high}:'{places[0]}':'{places[1]}',"
            f"pixelize=w={block}:h={block}[blocks];"
            f"[seen][blocks]overlay=x='{places[0]}':y='{places[1]}':eof_action=pass{self.enabled(canvas)}"
        ]
