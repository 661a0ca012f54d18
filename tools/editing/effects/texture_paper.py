"""Painted on paper: colours that run into each other, and the grain of what they are painted on."""

from __future__ import annotations

from pydantic import Field

from tools.editing.effects.base import Canvas, ClipEffect, effect


@effect
class Wash(ClipEffect):
    """Areas of one colour with clear borders, as a brush leaves them."""

    name = "wash"
    about = "flat areas with clear borders, as of a brush"

    strength: float = Field(0.6, ge=0, le=1)

    def picture(self, canvas: Canvas) -> list[str]:
        # At half the size: four times as fast, and a brush has no finer detail.
        wide, high = (max(2, side // 4 * 2) for side in (canvas.width, canvas.height))
        reach, tones = max(1.0, high * (0.006 + 0.012 * self.strength)), 0.06 + 0.14 * self.strength
        smooth = f"bilateral=sigmaS={reach:.2f}:sigmaR={tones:.3f}:planes=7"
        sharp = f"unsharp=lx=13:ly=13:la={0.3 + 0.5 * self.strength:.3f}"
        full = f"scale={canvas.width}:{canvas.height}:flags=bicubic"
        return [f"scale={wide}:{high}:flags=area", smooth, smooth, sharp, full]


@effect
class Paper(ClipEffect):
    """The grain of paper or canvas; it lies still while the picture moves."""

    name = "paper"
    about = "the grain of paper under the picture"

    strength: float = Field(0.5, ge=0, le=1)
    coarse: float = Field(0.5, ge=0, le=1, description="0 smooth card, 1 rough watercolour paper.")
    light: float = Field(0.0, ge=0, le=1, description="How much of the paper's white shines through the shadows.")
    seed: int = Field(0, ge=0, le=2**31 - 1)

    def picture(self, canvas: Canvas) -> list[str]:
        wide, high = canvas.width, canvas.height
        sigma = max(0.5, high * (0.0007 + 0.0022 * self.coarse))
        # A blur by sigma leaves 1 / (2 sqrt(pi) sigma) of white noise: this brings it back to the same strength.
        gain = 3.5 * sigma * (0.25 + 0.75 * self.strength)
        grain = f"noise=c0s=60:all_seed={self.seed},gblur=sigma={sigma:.3f}:planes=1"
        level = f"lutyuv=y='clip(128+(val-128)*{gain:.3f},0,255)'"
        steps = [
            f"null[sheet];color=c=0x808080:s={wide}x{high}:r=25:d=0.04,format=yuv420p,lutyuv=y=128,{grain},{level}[grain];"
            f"[sheet][grain]blend=c0_mode=softlight:c0_opacity={0.25 + 0.6 * self.strength:.3f}"
            ":c1_mode=normal:c2_mode=normal"
        ]
        if self.light:
            lift = 60 * self.light
            steps.insert(0, f"lutyuv=y='val+{lift:.1f}*(1-val/235)'")
        return steps
