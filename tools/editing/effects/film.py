"""What film, signal and too many re-uploads do to a picture: grain, glitches, deep-frying."""

from __future__ import annotations

import random
from collections.abc import Sequence

from pydantic import Field

from tools.editing.effects.base import Canvas, MomentEffect, added, effect

SLICES = 5
"""Strips of the picture that a glitch moves."""
STEP_SECONDS = 0.075
"""A glitch looks the same for this long: two frames, so that it is seen."""


@effect
class FilmGrain(MomentEffect):
    """The grain of fast film."""

    name = "film_grain"
    about = "grain, as of fast film"

    def picture(self, canvas: Canvas) -> list[str]:
        luma, chroma = 5 + 23 * self.strength, 1 + 7 * self.strength
        return [
            f"noise=c0s={luma:.0f}:c0f=t:c1s={chroma:.0f}:c1f=t:c2s={chroma:.0f}:c2f=t:all_seed={canvas.noise_seed(self.seed)}"
            f"{self.enabled(canvas)}"
        ]


@effect
class Glitch(MomentEffect):
    """A disturbed signal: colours come apart, strips of the picture jump sideways."""

    name = "glitch"
    about = "a disturbed signal: colours come apart and strips jump"

    seconds: float = Field(0.45, ge=0, le=14_400, description="How long; 0 = to the clip's end.")

    def picture(self, canvas: Canvas) -> list[str]:
        return self.together([self], canvas)

    def steps(self, canvas: Canvas) -> list[tuple[float, float, random.Random]]:
        """Begin and end of each of its looks, and where that takes its chances from."""
        begin, end = self.window(canvas)
        count = max(1, min(400, round((end - begin) / STEP_SECONDS)))
        edges = [begin + (end - begin) * step / count for step in range(count + 1)]
        # Shy of the next look by less than a frame: two never add up.
        return [(edges[n], edges[n + 1] - 1e-4, random.Random(f"{self.seed} {self.at:.4f} {n}")) for n in range(count)]

    @classmethod
    def together(cls, effects: Sequence[Glitch], canvas: Canvas) -> list[str]:
        wide, high = canvas.width, canvas.height
        apart: list[str] = []
        places: list[list[tuple[str, str, str]]] = [[] for _ in range(SLICES)]
        for each in effects:
            force = 0.08 + 0.92 * each.strength
            for begin, end, rng in each.steps(canvas):
                inside = f"between(t,{begin:.4f},{end:.4f})"
                blue, red = (round(rng.choice((-1, 1)) * rng.uniform(0.3, 1) * 0.03 * force * wide) for _ in range(2))
                edge = f":edge=wrap:enable='{inside}'"
                apart.append(f"chromashift=cbh={max(-255, min(255, blue))}:crh={max(-255, min(255, red))}{edge}")
                for place in places:
                    if rng.random() < 0.35 + 0.5 * force:
                        shift = rng.choice((-1, 1)) * rng.uniform(0.02, 0.16) * force
                        place.append((inside, f"{rng.uniform(0, 0.93):.4f}", f"{shift:.4f}"))
        return [*apart, *_strips(places, wide, high)]


def _strips(places: Sequence[Sequence[tuple[str, str, str]]], wide: int, high: int) -> list[str]:
    """A small graph: strips are copied out of the picture and laid over it, moved."""
    used = [place for place in places if place]
    if not used:
        return []
    steps = [f"split={len(used) + 1}[whole]" + "".join(f"[take{n}]" for n in range(len(used)))]
    below = "whole"
    for n, place in enumerate(used):
        tall = max(2, round(high * (0.025 + 0.02 * n)) // 2 * 2)
        y = added([f"{inside}*{top}" for inside, top, _ in place])
        x = added([f"{inside}*{shift}" for inside, _, shift in place])
        on = added([inside for inside, _, _ in place])
        last = n == len(used) - 1
        steps.append(f"[take{n}]crop={wide}:{tall}:0:'2*trunc({high}*({y})/2)'[strip{n}]")
        steps.append(
            f"[{below}][strip{n}]overlay=x='{wide}*({x})':y='2*trunc({high}*({y})/2)':eof_action=pass:enable='{on}'"
            + ("" if last else f"[over{n}]")
        )
        below = f"over{n}"
    return [";".join(steps)]


@effect
class DeepFry(MomentEffect):
    """As if it had been saved a hundred times: blocky, oversharp, burnt colours."""

    name = "deep_fry"
    about = "burnt colours, blocks and noise, as of a meme saved a hundred times"

    def picture(self, canvas: Canvas) -> list[str]:
        on, force = self.enabled(canvas), 0.1 + 0.9 * self.strength
        block = max(2, round(canvas.height / 270 * (0.5 + force)))
        return [
            f"pixelize=w={block}:h={block}{on}",
            f"eq=contrast={1 + 0.8 * force:.3f}:saturation={1 + 2 * force:.3f}:brightness={0.06 * force:.3f}"
            f":gamma_r={1 + 0.35 * force:.3f}:gamma_b={1 - 0.25 * force:.3f}{on}",
            f"unsharp=7:7:{3 * force:.3f}{on}",
            f"noise=alls={5 + 25 * force:.0f}:allf=t:all_seed={canvas.noise_seed(self.seed)}{on}",
        ]
