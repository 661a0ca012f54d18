"""Effects on a clip: checked when a timeline is read, and turned into ffmpeg filters made of numbers only."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from tools.editing.outline import effects_of
from tools.editing.presets import editing_presets

if TYPE_CHECKING:
    import opentimelineio as otio

NAMES = ("speed", "reverse", "grade", "fade_in", "fade_out")


def check_effect(effect: dict[str, Any]) -> dict[str, Any]:
    """The effect with checked values. Raises UsageError for an unknown name or a value out of range."""
    name = effect.get("name")
    if name == "speed":
        span = editing_presets().speed
        factor = _number(effect, "factor")
        if not span.slowest <= factor <= span.fastest:
            raise UsageError(f"A speed of {factor:g} cannot be made", f"{span.slowest:g} to {span.fastest:g} can")
        return {"name": "speed", "factor": factor}
    if name == "grade":
        grades = editing_presets().grades
        look = str(effect.get("look", ""))
        if look not in grades:
            raise UsageError(f"There is no grade '{look[:40]}'", fix=f"Use one of {', '.join(grades)}")
        return {"name": "grade", "look": look}
    if name in ("fade_in", "fade_out"):
        seconds = _number(effect, "seconds")
        if not 0 < seconds <= 60:
            raise UsageError(f"A fade of {seconds:g} s cannot be made", "0 to 60 s can")
        return {"name": name, "seconds": seconds}
    if name == "reverse":
        return {"name": "reverse"}
    raise UsageError(f"There is no effect '{str(name)[:40]}'", fix=f"Use one of {', '.join(NAMES)}")


def read_effects(clip: otio.schema.Clip) -> tuple[dict[str, Any], ...]:
    """A clip's effects, checked; those that other programs put there are left out (see `foreign_effects`)."""
    return tuple(check_effect(effect) for effect in effects_of(clip) if effect["name"] != "foreign")


def foreign_effects(timeline: otio.schema.Timeline) -> list[str]:
    """Names of effects in the timeline that cannot be rendered here."""
    names = (e["effect"] for clip in timeline.find_clips() for e in effects_of(clip) if e["name"] == "foreign")
    return sorted(set(names))


def grade_filters(effects: tuple[dict[str, Any], ...]) -> list[str]:
    """The clip's grades as filters, in their order."""
    made: list[str] = []
    for effect in effects:
        if effect["name"] != "grade":
            continue
        for step in editing_presets().grades[effect["look"]]:
            for name, values in step.items():
                options = ":".join(f"{key}={value:g}" for key, value in values.items())
                made.append(f"{name}={options}" if options else name)
    return made


def fades(effects: tuple[dict[str, Any], ...], seconds: float) -> list[tuple[str, float, float]]:
    """The clip's fades as ('in' | 'out', begin, length) in seconds of the clip, never longer than it."""
    made: list[tuple[str, float, float]] = []
    for effect in effects:
        if effect["name"] == "fade_in":
            made.append(("in", 0.0, min(effect["seconds"], seconds)))
        elif effect["name"] == "fade_out":
            length = min(effect["seconds"], seconds)
            made.append(("out", seconds - length, length))
    return made


def tempo_filters(speed: Fraction) -> list[str]:
    """`speed` without a change of pitch. Not `atempo`: measured, it drifts by 0.12 s per half second of silence."""
    return [f"rubberband=tempo={float(speed):.6f}"] if speed != 1 else []


def _number(effect: dict[str, Any], key: str) -> float:
    value = effect.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UsageError(f"The effect '{effect.get('name')}' needs a number as '{key}'")
    return float(value)
