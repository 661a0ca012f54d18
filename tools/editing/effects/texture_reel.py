"""A reel of film in an old projector: an unsteady gate, flickering light, scratches and dust."""

from __future__ import annotations

import random
from typing import ClassVar

from pydantic import Field

from tools.editing.effects.base import Canvas, ClipEffect, Stage, effect

_SCRATCHES, _SPECKS = 3, 9


@effect
class Reel(ClipEffect):
    """An old reel, as it was projected."""

    name = "reel"
    about = "an old reel: the picture weaves and flickers, with scratches and dust"

    weave: float = Field(0.5, ge=0, le=1, description="How far the picture moves in the gate.")
    flicker: float = Field(0.5, ge=0, le=1)
    dirt: float = Field(0.5, ge=0, le=1, description="Scratches and dust.")
    seed: int = Field(0, ge=0, le=2**31 - 1)

    def picture(self, canvas: Canvas) -> list[str]:
        rng = random.Random(self.seed)
        wide, high = canvas.width, canvas.height
        turns = [rng.uniform(0, 6.28) for _ in range(6)]
        steps: list[str] = []
        room = round(high * 0.006 * self.weave)
        if room:
            x = f"{room}+{room}*(0.6*sin(8.2*t+{turns[0]:.3f})+0.4*sin(23.3*t+{turns[1]:.3f}))"
            y = f"{room}+{room}*(0.6*sin(6.1*t+{turns[2]:.3f})+0.4*sin(29.5*t+{turns[3]:.3f}))"
            steps += [
                f"crop={wide - 2 * room}:{high - 2 * room}:'{x}':'{y}':exact=1",
                f"scale={wide}:{high}:flags=bicubic",
            ]
        if self.flicker:
            light = f"{0.05 * self.flicker:.4f}*(0.6*sin(47*t+{turns[4]:.3f})+0.4*sin(81*t+{turns[5]:.3f}))"
            steps.append(f"eq=brightness='{light}':eval=frame")
        return steps + self._dirt(rng, wide, high)

    def _dirt(self, rng: random.Random, wide: int, high: int) -> list[str]:
        """Hair lines that stay for a moment, and specks that are on one frame of sixteen a second."""
        made: list[str] = []
        thin = max(1, round(wide / 1280))
        for _ in range(round(_SCRATCHES * self.dirt)):
            every, shown, since = rng.uniform(2.5, 6), rng.uniform(0.2, 0.9), rng.uniform(0, 6)
            colour = rng.choice(("white@0.22", "black@0.30", "white@0.16"))
            on = f"lt(mod(t+{since:.3f},{every:.3f}),{shown:.3f})"
            made.append(f"drawbox=x={rng.randrange(wide)}:y=0:w={thin}:h={high}:c={colour}:t=fill:enable='{on}'")
        for _ in range(round(_SPECKS * self.dirt)):
            every = rng.randrange(11, 31)
            size = max(2, round(high * rng.uniform(0.003, 0.009)))
            colour = rng.choice(("white@0.55", "black@0.65", "black@0.5"))
            on = f"eq(mod(floor(t*16+0.001)+{rng.randrange(every)},{every}),0)"
            x, y = rng.randrange(wide), rng.randrange(high)
            half, third = max(1, size // 2), size // 3
            for box in (f"x={x}:y={y}:w={size}:h={half}", f"x={x + third}:y={y - third}:w={half}:h={size}"):
                made.append(f"drawbox={box}:c={colour}:t=fill:enable='{on}'")
        return made


@effect
class Card(ClipEffect):
    """The drawn frame of an intertitle: two lines, with a square at each corner."""

    name = "card"
    about = "a drawn frame around the words of a title card"
    stage: ClassVar[Stage] = Stage.FIT

    ratio: float = Field(4 / 3, ge=0.4, le=2.4, description="Width by height of the picture that it stands in.")
    colour: str = Field("#cdb98c", pattern="^#[0-9a-fA-F]{6}$")

    def picture(self, canvas: Canvas) -> list[str]:
        high = canvas.height
        wide = min(canvas.width, round(high * self.ratio))
        short, ink = min(wide, high), f"0x{self.colour[1:]}"
        steps = []
        for away, thick, share in ((0.055, 0.006, 1.0), (0.078, 0.0025, 0.8)):
            off, line = round(short * away), max(1, round(short * thick))
            x, y = (canvas.width - wide) // 2 + off, off
            box = f"x={x}:y={y}:w={wide - 2 * off}:h={high - 2 * off}"
            steps.append(f"drawbox={box}:c={ink}@{share}:t={line}")
        off, side = round(short * 0.066), max(4, round(short * 0.036))
        left, right = (canvas.width - wide) // 2 + off, (canvas.width + wide) // 2 - off
        for x in (left, right):
            for y in (off, high - off):
                corner = f"x={x - side // 2}:y={y - side // 2}:w={side}:h={side}"
                steps += [f"drawbox={corner}:c=black:t=fill", f"drawbox={corner}:c={ink}:t={max(1, side // 8)}"]
                dot = max(2, side // 3)
                steps.append(f"drawbox=x={x - dot // 2}:y={y - dot // 2}:w={dot}:h={dot}:c={ink}:t=fill")
        return steps


@effect
class Grain(ClipEffect):
    """Grain of a film stock: soft, larger than a pixel, in the midtones more than in black and white."""

    name = "grain"
    about = "soft grain, as of a film stock"

    strength: float = Field(0.4, ge=0, le=1)
    lines: int = Field(400, ge=120, le=2160, description="How fine: grains from top to bottom.")
    seed: int = Field(0, ge=0, le=2**31 - 1)

    def picture(self, canvas: Canvas) -> list[str]:
        high = min(canvas.height, self.lines) // 2 * 2
        wide = max(2, round(high * canvas.width / canvas.height / 2) * 2)
        grain = f"noise=c0s={8 + 56 * self.strength:.0f}:c0f=t:all_seed={canvas.noise_seed(self.seed)}"
        return [
            f"split[clean][stock];[stock]scale={wide}:{high}:flags=neighbor,lutyuv=y=128:u=128:v=128,{grain},"
            f"scale={canvas.width}:{canvas.height}:flags=bilinear[grain];"
            "[clean][grain]blend=c0_mode=softlight:c1_mode=normal:c2_mode=normal"
        ]


@effect
class Miniature(ClipEffect):
    """Sharp in a band from side to side, soft above and below: as a lens sees a small set from near by."""

    name = "miniature"
    about = "a small set seen from near by: soft above and below"

    strength: float = Field(0.5, ge=0, le=1)
    sharp: float = Field(0.45, ge=0.1, le=0.9, description="Share of the picture's height that is sharp.")
    middle: float = Field(0.48, ge=0, le=1, description="Where the sharp band lies, from the top.")

    def picture(self, canvas: Canvas) -> list[str]:
        wide, high = canvas.width, canvas.height
        sigma = max(0.5, min(wide, high) * 0.009 * self.strength)
        away = f"(abs(Y/{high}-{self.middle:.4f})-{self.sharp / 2:.4f})/0.22"
        level = f"255*clip({away},0,1)"
        mask = f"nullsrc=s={wide}x{high}:r=25:d=0.04,format=yuv444p,geq=lum='{level}':cb='{level}':cr='{level}'[mask]"
        return [
            f"format=yuv444p,split[sharp][far];[far]gblur=sigma={sigma:.3f}[soft];{mask};"
            "[sharp][soft][mask]maskedmerge,format=yuv420p"
        ]


@effect
class Hold(ClipEffect):
    """Fewer drawings a second, each held until the next: on twos (12), or a hand-cranked camera (16)."""

    name = "hold"
    about = "fewer pictures a second, each held: drawn on twos, or hand-cranked"
    stage: ClassVar[Stage] = Stage.MATTE

    fps: float = Field(12.0, ge=1, le=60, description="Pictures a second that differ.")

    def picture(self, canvas: Canvas) -> list[str]:
        rate = float(canvas.fps)
        if self.fps >= rate - 1e-6:
            return []
        step = f"{canvas.fps.denominator}/{canvas.fps.numerator}"
        # By the clip's clock: whichever piece of it is drawn, the same pictures are held. The last one needs padding.
        new = f"eq(n,0)+gt(floor(t*{self.fps:.6f}+0.001),floor((t-{step})*{self.fps:.6f}+0.001))"
        again = int(rate / self.fps) + 1
        return [
            f"select='{new}'",
            f"fps={canvas.fps.numerator}/{canvas.fps.denominator}",
            f"tpad=stop={again}:stop_mode=clone",
        ]


@effect
class Pillarbox(ClipEffect):
    """Black bars at the sides: the shape of old screens."""

    name = "pillarbox"
    about = "bars at the sides, as of an old screen"
    stage: ClassVar[Stage] = Stage.MATTE

    ratio: float = Field(4 / 3, ge=0.4, le=2.4, description="Width by height of what stays to be seen.")

    def picture(self, canvas: Canvas) -> list[str]:
        bar = int((canvas.width - canvas.height * self.ratio) / 2) // 2 * 2
        if bar < 2:
            return []
        sides = (0, canvas.width - bar)
        return [f"drawbox=x={x}:y=0:w={bar}:h={canvas.height}:color=black:t=fill" for x in sides]
