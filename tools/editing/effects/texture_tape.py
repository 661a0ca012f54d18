"""Video tape: soft, with colours beside their things, lines, and a torn foot of the picture."""

from __future__ import annotations

import random

from pydantic import Field

from tools.editing.effects.base import Canvas, ClipEffect, effect

_LINES = 240
"""Lines of a tape's picture (VHS: about 240 by 333)."""
_COLUMNS = 0.30
"""Share of the picture's detail from left to right that is left at full strength."""


@effect
class Tape(ClipEffect):
    """A video cassette that was played too often."""

    name = "tape"
    about = "a worn video cassette: soft, noisy, colours out of place"

    strength: float = Field(0.6, ge=0, le=1)
    seed: int = Field(0, ge=0, le=2**31 - 1)

    def picture(self, canvas: Canvas) -> list[str]:
        wide, high, worn = canvas.width, canvas.height, self.strength
        columns = max(2, round(wide * (1 - (1 - _COLUMNS) * worn) / 2) * 2)
        lines = min(high, 2 * _LINES) // 2 * 2
        bleed, shift = max(1, round(wide * 0.008 * worn)), round(wide * 0.005 * worn)
        grain = f"noise=c0s={4 + 16 * worn:.0f}:c0f=t:c1s={3 + 18 * worn:.0f}:c1f=t:c2s={3 + 18 * worn:.0f}:c2f=t"
        steps = [
            f"scale={columns}:{lines}:flags=area",
            f"{grain}:all_seed={canvas.noise_seed(self.seed)}",
            f"scale={wide}:{high}:flags=bilinear",
            f"avgblur=sizeX={bleed}:sizeY=1:planes=6",
            f"unsharp=lx=9:ly=3:la={0.9 * worn:.3f}",
        ]
        if shift:
            steps.append(f"chromashift=cbh={shift}:crh={-shift}")
        return [*steps, _lines(wide, high, worn), *_dropouts(wide, high, worn, self.seed), _foot(wide, high, worn)]


def _dropouts(wide: int, high: int, worn: float, seed: int) -> list[str]:
    """Short bright streaks where the tape has lost its coating, on one field in many."""
    rng = random.Random(seed)
    made = []
    for _ in range(round(7 * worn)):
        every = rng.randrange(23, 61)
        tall, long = max(2, round(high / _LINES)), round(wide * rng.uniform(0.02, 0.11))
        x, y = rng.randrange(max(1, wide - long)), rng.randrange(round(high * 0.94))
        on = f"eq(mod(floor(t*30+0.001)+{rng.randrange(every)},{every}),0)"
        for start, share, light in ((x, 1.0, "white@0.55"), (x + long, 0.5, "white@0.25")):
            made.append(
                f"drawbox=x={start}:y={y}:w={max(2, round(long * share))}:h={tall}:c={light}:t=fill:enable='{on}'"
            )
    return made


def _lines(wide: int, high: int, worn: float) -> str:
    """Every other line of the tape a little darker; not where lines would be less than two pixels."""
    tall = high / _LINES / 2
    if tall < 1:
        return "null"
    dark = 255 - 46 * worn
    screen = f"geq=lum='if(mod(floor(Y/{tall:.4f}),2),255,{dark:.1f})':cb=128:cr=128"
    return (
        f"null[tape];nullsrc=s={wide}x{high}:r=25:d=0.04,format=yuv420p,{screen}[lines];"
        "[tape][lines]blend=c0_mode=multiply:c1_mode=normal:c2_mode=normal"
    )


def _foot(wide: int, high: int, worn: float) -> str:
    """Where the heads change over, the picture's last lines are torn sideways."""
    tall = max(2, round(high * 0.022 / 2) * 2)
    away = wide * 0.05 * worn
    # Smeared by scaling: avgblur was seen to give other pixels now and then on so few lines.
    few = max(2, round(wide / 13 / 2) * 2)
    smeared = f"scale={few}:{tall}:flags=area,scale={wide}:{tall}:flags=bilinear"
    return (
        f"split[tape][foot];[foot]crop={wide}:{tall}:0:{high - tall},noise=alls=70:allf=t,{smeared}"
        "[torn];"
        f"[tape][torn]overlay=x='{away:.2f}*(1+0.6*sin(t*9)+0.4*sin(t*23))':y={high - tall}"
    )
