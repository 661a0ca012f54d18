"""Time, colour and fades: the effects that most cuts are made with."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from tools.editing.effects.base import Canvas, ClipEffect, Stage, effect
from tools.editing.presets import editing_presets


class Timed(ClipEffect):
    """Changes when a frame is seen, not how: the renderer reads its source differently, and no filter draws it."""

    audible: ClassVar[bool] = True
    stage: ClassVar[Stage] = Stage.FIT


def _possible(factor: float) -> float:
    span = editing_presets().speed
    if not span.slowest <= factor <= span.fastest:
        raise ValueError(f"a speed of {factor:g} cannot be made; {span.slowest:g} to {span.fastest:g} can")
    return factor


@effect
class Speed(Timed):
    """The whole clip faster or slower, voices at their own pitch."""

    name = "speed"
    about = "faster or slower, all of it"

    factor: float = Field(description="2 = twice as fast.")
    _checked = field_validator("factor")(_possible)


@effect
class Ramp(Timed):
    """From one speed to another, evenly in timeline time."""

    name = "ramp"
    about = "slides from one speed into another"

    factor: float = Field(description="Speed at the clip's first frame.")
    factor_end: float = Field(description="Speed at its last.")
    _checked = field_validator("factor", "factor_end")(_possible)


@effect
class Reverse(Timed):
    """The clip from its end to its beginning."""

    name = "reverse"
    about = "plays backwards"


@effect
class Grade(ClipEffect):
    """A grade of `configs/editing.yaml`."""

    name = "grade"
    about = "colours and contrast of a look"
    stage = Stage.LOOK

    look: str = Field(max_length=40)
    strength: float = Field(1.0, ge=0, le=1, description="Share of the graded picture in the result.")

    @field_validator("look")
    @classmethod
    def _known(cls, look: str) -> str:
        grades = editing_presets().grades
        if look not in grades:
            raise ValueError(f"there is no grade '{look}'; use one of {', '.join(grades)}")
        return look

    def picture(self, canvas: Canvas) -> list[str]:
        steps = self.steps()
        if self.strength >= 1:
            return steps
        if self.strength == 0:
            return []
        graded = ",".join([*steps, "format=yuv420p"])
        mixed = f"blend=all_mode=normal:all_opacity={self.strength:.4f}"
        return [f"split[plain][ungraded];[ungraded]{graded}[graded];[graded][plain]{mixed}"]

    def steps(self) -> list[str]:
        """The grade at full strength."""
        made: list[str] = []
        for step in editing_presets().grades[self.look]:
            for name, values in step.items():
                options = ":".join(f"{key}={value:g}" for key, value in values.items())
                made.append(f"{name}={options}" if options else name)
        return made

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "steps": editing_presets().grades[self.look]}


class Fade(ClipEffect):
    """Base of both fades, of picture and sound."""

    audible: ClassVar[bool] = True
    stage: ClassVar[Stage] = Stage.FADE

    seconds: float = Field(gt=0, le=60)

    def span(self, seconds: float) -> tuple[str, float, float]:
        """'in' or 'out', begin and length in seconds of a clip of that length; never longer than it."""
        raise NotImplementedError

    def picture(self, canvas: Canvas) -> list[str]:
        kind, begin, length = self.span(canvas.seconds)
        # A transition shows frames from before the clip's beginning, and to ffmpeg's fade a time below 0 is a late one.
        ahead = max(0.0, -canvas.shown[0] / float(canvas.fps)) if canvas.shown is not None else 0.0
        if not ahead:
            return [f"fade=t={kind}:st={begin:.6f}:d={length:.6f}"]
        fade = f"fade=t={kind}:st={begin + ahead:.6f}:d={length:.6f}"
        return [f"setpts=PTS+{ahead:.6f}/TB", fade, f"setpts=PTS-{ahead:.6f}/TB"]

    def sound(self, seconds: float) -> list[str]:
        kind, begin, length = self.span(seconds)
        return [f"afade=t={kind}:st={begin:.6f}:d={length:.6f}"]


@effect
class FadeIn(Fade):
    """Out of black and silence."""

    name = "fade_in"
    about = "fades in from black"

    def span(self, seconds: float) -> tuple[str, float, float]:
        return "in", 0.0, min(self.seconds, seconds)


@effect
class FadeOut(Fade):
    """Into black and silence."""

    name = "fade_out"
    about = "fades out to black"

    def span(self, seconds: float) -> tuple[str, float, float]:
        length = min(self.seconds, seconds)
        return "out", seconds - length, length
