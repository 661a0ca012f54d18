"""The picture turned and mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from tools.editing.effects.base import Canvas, ClipEffect, Stage, effect


def turned_first(effects: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The turns and mirrorings up to the last quarter turn: these are made before a picture is fitted to the film, so
    that nothing of it is lost to bars."""
    last = max(
        (n for n, each in enumerate(effects) if each["name"] == "turn" and each["degrees"] in (90, 270)), default=-1
    )
    return [each for each in effects[: last + 1] if each["name"] in ("turn", "flip")]


def turn_filters(effects: Sequence[dict[str, Any]]) -> tuple[list[str], bool]:
    """Their filters in order, and whether the picture lies across then."""
    steps: list[str] = []
    quarters = 0
    for each in effects:
        if each["name"] == "flip":
            steps.append("hflip" if each.get("axis", "horizontal") == "horizontal" else "vflip")
        elif each["degrees"] == 180:
            steps += ["hflip", "vflip"]
        else:
            steps.append(f"transpose={1 if each['degrees'] == 90 else 2}")
            quarters += 1
    return steps, quarters % 2 == 1


@effect
class Turn(ClipEffect):
    """The picture turned clockwise; after a quarter turn it fills a film of the other shape."""

    name = "turn"
    about = "turns the picture by a quarter, half or three quarters"
    stage: ClassVar[Stage] = Stage.FIT

    degrees: Literal[90, 180, 270] = Field(description="Clockwise.")

    def picture(self, canvas: Canvas) -> list[str]:
        if self.degrees == 180:
            return ["hflip", "vflip"]
        way = 1 if self.degrees == 90 else 2
        # Of a card or an overlay; a clip's picture is turned before it is fitted. Fitted to the film it has bars; what
        # is between them gets the film's shape when it lies on its side.
        wide, high = canvas.width, canvas.height
        if wide < high:
            shown = max(2, round(wide * wide / high) // 2 * 2)
            crop = f"crop={wide}:{shown}"
        else:
            shown = max(2, round(high * high / wide) // 2 * 2)
            crop = f"crop={shown}:{high}"
        return [crop, f"transpose={way}", f"scale={wide}:{high}:flags=bicubic", "setsar=1"]


@effect
class Flip(ClipEffect):
    """The picture mirrored."""

    name = "flip"
    about = "mirrors the picture, left and right or top and bottom"
    stage: ClassVar[Stage] = Stage.FIT

    axis: Literal["horizontal", "vertical"] = Field("horizontal", description="horizontal swaps left and right.")

    def picture(self, canvas: Canvas) -> list[str]:
        return ["hflip" if self.axis == "horizontal" else "vflip"]
