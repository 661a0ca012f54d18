"""Painted on paper: colours that run into each other, and the grain of what they are painted on."""

from __future__ import annotations

import math

from pydantic import Field

from tools.editing.effects.base import Canvas, ClipEffect, effect


def shorter(canvas: Canvas) -> int:
    """The shorter side in pixels, by which dots, lines and strokes are measured: as fine on upright films."""
    return min(canvas.width, canvas.height)


@effect
class Wash(ClipEffect):
    """Areas of one colour with clear borders, as a brush leaves them."""

    name = "wash"
    about = "flat areas with clear borders, as of a brush"

    strength: float = Field(0.6, ge=0, le=1)

    def picture(self, canvas: Canvas) -> list[str]:
        # At half the size: four times as fast, and a brush has no finer detail.
        wide, high = (max(2, side // 4 * 2) for side in (canvas.width, canvas.height))
        reach, tones = max(1.0, shorter(canvas) / 2 * (0.006 + 0.012 * self.strength)), 0.06 + 0.14 * self.strength
        smooth = f"bilateral=sigmaS={reach:.2f}:sigmaR={tones:.3f}:planes=7"
        sharp = f"unsharp=lx=13:ly=13:la={0.3 + 0.5 * self.strength:.3f}"
        full = f"scale={canvas.width}:{canvas.height}:flags=bicubic"
        return [f"scale={wide}:{high}:flags=area", smooth, smooth, sharp, full]


@effect
class Brush(ClipEffect):
    """Strokes of a brush: what is smaller than a stroke is painted over, and the bristles leave ridges.

    Opened and closed by the shape of a stroke (mathematical morphology: Serra 1982), so that edges stay where they are.
    """

    name = "brush"
    about = "painted in strokes of a brush, as with oil colours"

    strength: float = Field(0.7, ge=0, le=1, description="How deep the bristles' ridges are.")
    width: float = Field(0.5, ge=0, le=1, description="How large the strokes are.")
    seed: int = Field(0, ge=0, le=2**31 - 1)

    def picture(self, canvas: Canvas) -> list[str]:
        wide, high = (max(2, round(side * 0.75 / 2) * 2) for side in (canvas.width, canvas.height))
        reach = max(2.0, 0.75 * shorter(canvas) * (0.006 + 0.0065 * self.width))
        size = 2 * math.ceil(reach) + 1
        middle, thick = size // 2, max(0.75, 0.17 * reach)
        inside = (
            f"255*lte(abs((X-{middle})*0.8+(Y-{middle})*0.6),{thick:.3f})*lte(hypot(X-{middle},Y-{middle}),{reach:.3f})"
        )
        bristles = (
            f"lutyuv=y=128:u=128:v=128,noise=c0s=90:c0f=t:all_seed={canvas.noise_seed(self.seed)},"
            "gblur=sigma=1:planes=1,lutyuv=y='clip(128+(val-128)*2.2,0,255)'"
        )
        relief = "convolution=0m='-1 -1 0 -1 0 1 0 1 1':0rdiv=0.5:0bias=128"
        keep = "c1_mode=normal:c2_mode=normal"
        return [
            f"format=yuv444p,scale={wide}:{high}:flags=area,split[plain][hairs];[hairs]{bristles}[bristles];"
            f"[plain][bristles]blend=c0_mode=softlight:c0_opacity={0.15 + 0.45 * self.strength:.3f}:{keep}[wet];"
            f"nullsrc=s={size}x{size}:r=25:d=0.04,format=yuv444p,geq=lum='{inside}':cb='{inside}':cr='{inside}',"
            "split[stroke][again];[wet][stroke]morpho=mode=open[opened];[opened][again]morpho=mode=close,"
            f"split[painted][ridges];[ridges]{relief}[relief];"
            f"[painted][relief]blend=c0_mode=overlay:c0_opacity={0.7 * self.strength:.3f}:{keep},"
            f"scale={canvas.width}:{canvas.height}:flags=bicubic,format=yuv420p"
        ]


@effect
class Paper(ClipEffect):
    """The grain of paper or canvas; it lies still while the picture moves."""

    name = "paper"
    about = "the grain of paper under the picture"

    strength: float = Field(0.5, ge=0, le=1)
    coarse: float = Field(0.5, ge=0, le=1, description="0 smooth card, 1 rough watercolour paper.")
    edge: float = Field(0.0, ge=0, le=1, description="How broad a border is left unpainted, with uneven edges.")
    light: float = Field(0.0, ge=0, le=1, description="How much of the paper's white shines through the shadows.")
    seed: int = Field(0, ge=0, le=2**31 - 1)

    def picture(self, canvas: Canvas) -> list[str]:
        wide, high = canvas.width, canvas.height
        sigma = max(0.5, shorter(canvas) * (0.0007 + 0.0022 * self.coarse))
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
        if self.edge:
            steps.insert(len(steps) - 1, self._border(wide, high, shorter(canvas)))
        return steps

    def _border(self, wide: int, high: int, short: int) -> str:
        """White where the brush did not come, as a mask of one frame."""
        reach, uneven = short * 0.07 * self.edge, max(1.0, short * 0.02)
        inside = f"min(min(X,{wide}-1-X),min(Y,{high}-1-Y))"
        # The blur leaves little of the noise: 2 sqrt(pi) sigma brings it back to tens of levels.
        rough = f"(lum(X,Y)-128)*{1.3 * uneven * reach / 128:.4f}"
        level = f"lum='255*clip(({reach:.2f}+{rough}-{inside})/{max(1.0, short * 0.012):.3f},0,1)'"
        mask = (
            f"color=c=0x808080:s={wide}x{high}:r=25:d=0.04,format=yuv444p,lutyuv=y=128,"
            f"noise=c0s=90:all_seed={self.seed + 5},gblur=sigma={uneven:.3f}:planes=1,geq={level}:cb=128:cr=128,"
            "split=3[m1][m2][m3];[m1]extractplanes=y[y1];[m2]extractplanes=y[y2];[m3]extractplanes=y[y3];"
            "[y1][y2][y3]mergeplanes=0x001020:yuv444p,format=yuv444p[mask]"
        )
        return (
            f"format=yuv444p,split[painted][bare];[bare]lutyuv=y=233:u=127:v=129[white];{mask};"
            "[painted][white][mask]maskedmerge,format=yuv420p"
        )
