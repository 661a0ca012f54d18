"""Drawn with a pen: ink along edges, and shadows in printed dots."""

from __future__ import annotations

import math

from pydantic import Field

from tools.editing.effects.base import Canvas, ClipEffect, effect
from tools.editing.effects.texture_paper import shorter

_KEEP_COLOURS = "c1_mode=normal:c2_mode=normal"
_HUE_EDGES = 1.5
"""How much an edge of colours counts against one of light; they have half the pixels and are softer."""
_SMALLEST_DOT = 5.0
"""Pixels from dot to dot; finer screens beat with the grid of pixels and show as chain mail."""


@effect
class Ink(ClipEffect):
    """Dark lines along the edges of things."""

    name = "ink"
    about = "ink lines along edges, as in comics and drawings"

    strength: float = Field(0.6, ge=0, le=1, description="How dark.")
    width: float = Field(0.5, ge=0, le=1, description="How broad.")
    threshold: float = Field(0.3, ge=0, le=1, description="Fainter edges get no line.")

    def picture(self, canvas: Canvas) -> list[str]:
        sigma = max(0.5, (0.0006 + 0.0022 * self.width) * shorter(canvas))
        # Blurred edges are flatter: the gain gives them back what the blur took.
        gain = 2.6 * sigma
        floor = 255 * self.threshold
        edges = f"lutyuv=y='255-clip((val-{floor:.1f})*2.2,0,255)':u=128:v=128,format=yuv420p"
        more = f"lutyuv=y='clip(val*{_HUE_EDGES},0,255)'"
        # A face before a wall that is as light has an edge in its colours alone.
        return [
            f"split[drawn][lines];[lines]format=yuv444p,gblur=sigma={sigma:.3f},sobel=scale={gain:.3f},split=3[l][u][v];"
            f"[u]shuffleplanes=1:1:2,{more}[blue];[v]shuffleplanes=2:1:2,{more}[red];"
            f"[l][blue]blend=c0_mode=lighten:{_KEEP_COLOURS}[both];[both][red]blend=c0_mode=lighten:{_KEEP_COLOURS},{edges}[pen];"
            f"[drawn][pen]blend=c0_mode=multiply:c0_opacity={self.strength:.3f}:{_KEEP_COLOURS}"
        ]


@effect
class Pencil(ClipEffect):
    """Only what a soft pencil would draw: grey along edges and in rough places, the paper's white elsewhere."""

    name = "pencil"
    about = "a pencil drawing on white paper"

    strength: float = Field(1.0, ge=0, le=1, description="How much of the picture gives way to the drawing.")
    softness: float = Field(0.4, ge=0, le=1, description="How far the strokes spread.")
    pressure: float = Field(0.5, ge=0, le=1, description="How dark the lines are.")
    hatching: float = Field(0.0, ge=0, le=1, description="How dark shadows are hatched.")
    seed: int = Field(0, ge=0, le=2**31 - 1)

    def picture(self, canvas: Canvas) -> list[str]:
        sigma = max(0.8, shorter(canvas) * (0.002 + 0.012 * self.softness))
        stroke = max(2.0, shorter(canvas) * 0.013)
        streaks = (
            f"lutyuv=y=128,noise=c0s=100:all_seed={self.seed},"
            f"dblur=angle=135:radius={stroke:.2f}:planes=1,"
            f"lutyuv=y='clip(140+(val-128)*{0.55 * stroke**0.5 + 1.5:.3f},0,255)'"
        )
        hatched = f"lutyuv=y='255-(255-val)*{0.75 * self.hatching:.3f}'"
        # Dodged by its own blurred negative, what is even becomes white and what differs from around it stays grey.
        return [
            f"split=5[under][grey][around][tone][grain];[around]negate=components=y,gblur=sigma={sigma:.3f}:planes=1[light];"
            f"[grey][light]blend=c0_mode=dodge:{_KEEP_COLOURS},lutyuv=y='pow(val/255,{self._dark:.2f})*235'[strokes];"
            f"[grain]{streaks}[streaks];"
            f"[tone][streaks]blend=c0_mode=hardmix:{_KEEP_COLOURS},"
            f"gblur=sigma={max(0.4, shorter(canvas) / 1200):.3f}:planes=1,{hatched}[hatch];"
            f"[strokes][hatch]blend=c0_mode=multiply:{_KEEP_COLOURS}[drawing];"
            f"[drawing][under]blend=all_mode=normal:all_opacity={self.strength:.3f}"
        ]

    @property
    def _dark(self) -> float:
        """Exponent of the lines' lightness."""
        return 2.2 + 5.0 * self.pressure


@effect
class Halftone(ClipEffect):
    """Shadows and half-tones in dots of a turned screen, the darker the larger."""

    name = "halftone"
    about = "printed dots in the shadows, as in old comics"

    strength: float = Field(0.5, ge=0, le=1, description="How dark the dots are.")
    rows: int = Field(110, ge=30, le=400, description="Dots along the shorter side, where there are pixels for them.")
    tones: int = Field(0, ge=0, le=12, description="Dots of as few sizes, none and black among them; 0 = of all.")
    white: float = Field(1.0, ge=0.3, le=1, description="With few tones: what is as light as this is left white.")
    paper: float = Field(0.0, ge=0, le=1, description="How far its own tones and colours give way to white paper.")

    def picture(self, canvas: Canvas) -> list[str]:
        wide, high = canvas.width, canvas.height
        turn = 2 * math.pi * min(self.rows / shorter(canvas), 1 / _SMALLEST_DOT) / math.sqrt(2)
        dots = f"lum='180+37*(cos((X+Y)*{turn:.6f})+cos((X-Y)*{turn:.6f}))':cb=128:cr=128"
        soft = max(0.4, shorter(canvas) / 1600)
        few = ""
        if self.tones >= 2:
            step = 219 / (self.tones - 1)
            level = f"round((val-16)/{step * self.white:.4f})"
            few = f"lutyuv=y='16+clip({level},0,{self.tones - 1})*{step:.4f}',"
        left = 1 - self.paper
        colours = ":".join(f"{plane}='128+(val-128)*{left:.4f}'" for plane in "uv")
        white = f"lutyuv=y='val+(235-val)*{self.paper:.4f}':{colours}," if self.paper else ""
        return [
            f"split[under][tones];[under]{white}null[flat];[tones]{few}null[few];"
            f"nullsrc=s={wide}x{high}:r=25:d=0.04,format=yuv420p,geq={dots}[screen];"
            f"[few][screen]blend=c0_mode=hardmix:{_KEEP_COLOURS},gblur=sigma={soft:.3f}:planes=1[dots];"
            f"[flat][dots]blend=c0_mode=multiply:c0_opacity={self.strength:.3f}:{_KEEP_COLOURS}"
        ]
