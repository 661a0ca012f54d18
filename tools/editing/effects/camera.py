"""Zooms and shakes: the picture enlarged a little and looked at through a window that moves."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from tools.editing.effects.base import Canvas, MomentEffect, Stage, added, effect

RISE_SECONDS = 0.08
"""How long a punch takes to get to its size: two frames at 24 per second."""
SHAKE_HERTZ = (6.0, 9.5)
"""Handheld cameras shake at 1-5 Hz; what is hit, faster."""


class CameraEffect(MomentEffect):
    """Base: how much the picture grows, and where to it moves, as expressions of `t`.

    All camera effects of a clip become one scale and one crop, so that sixty punches cost as much as one.
    """

    stage: ClassVar[Stage] = Stage.CAMERA

    @property
    def slow(self) -> bool:
        """Whether its way is so slow that a jump of one pixel would be seen."""
        return False

    def motions(self, canvas: Canvas) -> list[tuple[str, str, str]]:
        """(growth, x, y): growth of the size, 0 = none; x and y move the window right and down, in frame widths and
        heights, and stay within 0 and the growth.
        """
        raise NotImplementedError

    def picture(self, canvas: Canvas) -> list[str]:
        return self.together([self], canvas)

    @classmethod
    def together(cls, effects: Sequence[CameraEffect], canvas: Canvas) -> list[str]:
        parts = [part for each in effects for part in each.motions(canvas)]
        grow, right, down = (added([part[at] for part in parts]) for at in range(3))
        wide, high = canvas.width, canvas.height
        if any(each.slow for each in effects):
            return [_between_pixels(grow, right, down, canvas)]
        return [
            f"scale=w='2*trunc({wide}*(1+{grow})/2)':h='2*trunc({high}*(1+{grow})/2)':eval=frame:flags=bicubic",
            f"crop={wide}:{high}:x='{wide}*({right})':y='{high}*({down})'",
            "setsar=1",
        ]


def _between_pixels(grow: str, right: str, down: str, canvas: Canvas) -> str:
    """The same window at places between the pixels, for three times the work.

    Scaled and cropped, size and place go in steps of two pixels: measured on a push over a still picture, its middle
    trembles by 1 pixel from frame to frame and by 2 at most.
    """
    first = canvas.shown[0] if canvas.shown is not None else 0
    # The filter has no clock, it counts the frames that it gave: the clip's own time is told by them.
    now = f"((on{first - 1:+d})*{canvas.fps.denominator}/{canvas.fps.numerator})"
    grow, right, down = (re.sub(r"\bt\b", now, part) for part in (grow, right, down))
    left, top = f"W*({right})/(1+{grow})", f"H*({down})/(1+{grow})"
    other, low = f"W*(1+{right})/(1+{grow})", f"H*(1+{down})/(1+{grow})"
    corners = ((left, top), (other, top), (left, low), (other, low))
    places = ":".join(f"x{n}='{x}':y{n}='{y}'" for n, (x, y) in enumerate(corners))
    return f"perspective={places}:interpolation=cubic:eval=frame"


class Focused(CameraEffect):
    """Base of zooms: what they fly to."""

    focus: tuple[float, float] = Field((0.5, 0.5), description="x, y as shares of the picture: where to it flies.")

    @field_validator("focus")
    @classmethod
    def _inside(cls, focus: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= share <= 1 for share in focus):
            raise ValueError("the focus lies outside the picture")
        return focus

    def flight(self, grow: str) -> list[tuple[str, str, str]]:
        # The window that shows the focus at the same place in the frame lies at its share of the growth.
        return [(grow, f"{grow}*{self.focus[0]:.4f}", f"{grow}*{self.focus[1]:.4f}")]


def eased(share: str) -> str:
    """0 to 1 as an expression, half as fast at both ends: a camera is not pushed off nor stopped by a wall."""
    held = f"clip({share},0,1)"
    return f"(0.5*{held}+0.5*{held}*{held}*(3-2*{held}))"


@effect
class ZoomPunch(Focused):
    """Jumps at something: in two frames, then back, or staying there."""

    name = "zoom_punch"
    about = "a quick zoom onto something, on a beat or a punch line"

    seconds: float = Field(0.35, ge=0, le=14_400, description="How long; 0 = to the clip's end.")
    shape: Literal["pulse", "hold"] = Field("pulse", description="pulse: springs back; hold: stays until it ends.")

    def motions(self, canvas: Canvas) -> list[tuple[str, str, str]]:
        begin, end = self.window(canvas)
        size, length = 0.03 + 0.33 * self.strength, max(end - begin, 1e-3)
        up = min(RISE_SECONDS, length / 3)
        inside = f"between(t,{begin:.4f},{end:.4f})"
        rise = f"min(1,(t-{begin:.4f}+0.02)/{up:.4f})"
        # It falls from where it has got to: falling from the start, it would reach half of its size only.
        fall = f"*pow(1-max(0,t-{begin + up:.4f})/{length - up:.4f},2)" if self.shape == "pulse" else ""
        return self.flight(f"({size:.4f}*{inside}*{rise}{fall})")

    @property
    def slow(self) -> bool:
        return self.shape == "hold"


@effect
class SlowZoom(Focused):
    """Moves in slowly, without a jerk at its ends."""

    name = "slow_zoom"
    about = "a slow push towards something, for tension"

    moves: float = Field(1.0, gt=0, le=1, description="Share of its time in which it moves; then it stays there.")

    @property
    def slow(self) -> bool:
        return True

    def motions(self, canvas: Canvas) -> list[tuple[str, str, str]]:
        begin, end = self.window(canvas)
        size, length = 0.05 + 0.35 * self.strength, max(end - begin, 1e-3)
        way = eased(f"(t-{begin:.4f})/{length * self.moves:.4f}")
        return self.flight(f"({size:.4f}*between(t,{begin:.4f},{end:.4f})*{way})")


@effect
class Shake(CameraEffect):
    """The camera is hit, or trembles."""

    name = "shake"
    about = "a camera shake, for hits, explosions and rage"

    seconds: float = Field(0.6, ge=0, le=14_400, description="How long; 0 = to the clip's end.")

    def motions(self, canvas: Canvas) -> list[tuple[str, str, str]]:
        begin, end = self.window(canvas)
        room = 0.012 + 0.07 * self.strength
        calm = min(0.5, max(end - begin, 1e-3))
        force = f"between(t,{begin:.4f},{end:.4f})*min(1,({end:.4f}-t)/{calm:.4f})"
        rng = random.Random(self.seed)
        across, along = (self._wobble(rng) for _ in range(2))
        grow = f"({room:.4f}*{force})"
        return [(grow, f"{grow}*(0.5+0.5*({across}))", f"{grow}*(0.5+0.5*({along}))")]

    def _wobble(self, rng: random.Random) -> str:
        """Two sines that never fall into step; within -1 and 1."""
        slow, fast = rng.uniform(*SHAKE_HERTZ), rng.uniform(SHAKE_HERTZ[1], 2 * SHAKE_HERTZ[1])
        phases = [rng.uniform(0, 2 * math.pi) for _ in range(2)]
        return (
            f"0.65*sin({2 * math.pi * slow:.4f}*t+{phases[0]:.4f})+0.35*sin({2 * math.pi * fast:.4f}*t+{phases[1]:.4f})"
        )
