"""Light: flashes, glow, and the dark corners of old lenses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from tools.editing.effects.base import Canvas, MomentEffect, Stage, added, effect

BARS = (0.07, 0.15)
"""A bar's height at half strength: no less and no more of the picture's."""
GLOW_SHARE = 4
"""Glow is blurred at this fraction of the size: a sixteenth of the work, and nothing to be seen of it."""


@effect
class Flash(MomentEffect):
    """White (or black) for a moment, and back."""

    name = "flash"
    about = "a flash of light on a hit or a cut"
    stage: ClassVar[Stage] = Stage.LIGHT

    seconds: float = Field(0.25, ge=0, le=14_400, description="How long; 0 = to the clip's end.")
    colour: Literal["white", "black"] = "white"

    def picture(self, canvas: Canvas) -> list[str]:
        return self.together([self], canvas)

    def light(self, canvas: Canvas) -> str:
        """How much is added to the brightness, an expression of `t`, -1 to 1."""
        begin, end = self.window(canvas)
        size = (0.12 + 0.88 * self.strength) * (1 if self.colour == "white" else -1)
        length = max(end - begin, 1e-3)
        return f"{size:.4f}*between(t,{begin:.4f},{end:.4f})*pow(max(0,1-(t-{begin:.4f})/{length:.4f}),1.5)"

    @classmethod
    def together(cls, effects: Sequence[Flash], canvas: Canvas) -> list[str]:
        light = added([each.light(canvas) for each in effects])
        return [f"eq=brightness='clip({light},-1,1)':saturation='max(0,1-abs({light}))':eval=frame"]


@effect
class Glow(MomentEffect):
    """Bright parts shine over their edges."""

    name = "glow"
    about = "bright parts bloom, for dreams and magic"

    def picture(self, canvas: Canvas) -> list[str]:
        small = [max(2, side // GLOW_SHARE // 2 * 2) for side in (canvas.width, canvas.height)]
        sigma = max(0.5, 0.022 * (0.6 + self.strength) * canvas.height / GLOW_SHARE)
        mixed = 0.3 + 0.6 * self.strength
        # Only what is brighter than mid grey, and only luma: screened chroma would turn pink.
        bright = "lutyuv=y='clip((val-96)*1.5,0,255)'"
        return [
            f"split[lit][dark];[dark]scale={small[0]}:{small[1]}:flags=area,{bright},gblur=sigma={sigma:.3f},"
            f"scale={canvas.width}:{canvas.height}:flags=bilinear[shine];"
            f"[lit][shine]blend=c0_mode=screen:c0_opacity={mixed:.3f}:c1_mode=normal:c2_mode=normal"
            f"{self.enabled(canvas)}"
        ]


@effect
class Blur(MomentEffect):
    """Out of focus."""

    name = "blur"
    about = "out of focus, for memories and hangovers"

    def picture(self, canvas: Canvas) -> list[str]:
        return [f"gblur=sigma={canvas.height * (0.003 + 0.02 * self.strength):.2f}{self.enabled(canvas)}"]


@effect
class Vignette(MomentEffect):
    """Dark corners."""

    name = "vignette"
    about = "dark corners that hold the eye in the middle"

    def picture(self, canvas: Canvas) -> list[str]:
        return [f"vignette=angle={0.3 + 0.6 * self.strength:.4f}{self.enabled(canvas)}"]


@effect
class Letterbox(MomentEffect):
    """Black bars above and below: the shape of a cinema screen. Of an upright picture no slit is left."""

    name = "letterbox"
    about = "cinema bars above and below"
    stage: ClassVar[Stage] = Stage.MATTE

    ratio: float = Field(2.39, ge=1, le=4, description="Width by height of what stays to be seen, at half strength.")

    def picture(self, canvas: Canvas) -> list[str]:
        least, most = (share * canvas.height for share in BARS)
        usual = min(max((canvas.height - canvas.width / self.ratio) / 2, least), most)
        bar = max(2, round(usual * (0.6 + 0.8 * self.strength)) // 2 * 2)
        low = canvas.height - bar
        return [
            f"drawbox=x=0:y={y}:w={canvas.width}:h={bar}:color=black:t=fill{self.enabled(canvas)}" for y in (0, low)
        ]
