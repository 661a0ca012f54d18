"""Effects as a timeline holds them: checked, and turned into ffmpeg filters."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from configs.errors import UsageError
from tools.editing.effects.base import EFFECTS, Canvas, ClipEffect, MomentEffect
from tools.editing.effects.basic import Fade, Grade
from tools.editing.outline import effects_of

if TYPE_CHECKING:
    import opentimelineio as otio

Effects = Sequence[dict[str, Any]]
"""Effects of one clip as `ClipSpec.effects` and `Cut.effects` have them: {'name': ..., and its values}."""


def make_effect(effect: dict[str, Any]) -> ClipEffect:
    """The effect as an object. Raises UsageError for an unknown name, naming the nearest, or a value out of range."""
    name = effect.get("name")
    kind = EFFECTS.get(name) if isinstance(name, str) else None
    if name is None:
        raise UsageError("The effect has no 'name'", fix=f"Use one of {', '.join(EFFECTS)}")
    if kind is None:
        near = difflib.get_close_matches(str(name), EFFECTS, n=1)
        fix = f"Did you mean '{near[0]}'?" if near else f"Use one of {', '.join(EFFECTS)}"
        raise UsageError(f"There is no effect '{str(name)[:40]}'", fix=fix)
    values = {key: value for key, value in effect.items() if key != "name"}
    try:
        # Through JSON: lists may stand for tuples there, but neither 'true' nor '3' for a number.
        return kind.model_validate_json(json.dumps(values, default=_plain), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])[:60]
        why = str(first["msg"]).removeprefix("Value error, ")[:200]
        raise UsageError(f"The effect '{kind.name}' cannot be made", f"{field}: {why}" if field else why) from None
    except (TypeError, ValueError) as error:
        raise UsageError(f"The effect '{kind.name}' cannot be made", "its values are no plain data") from error


def check_effect(effect: dict[str, Any]) -> dict[str, Any]:
    """The effect with checked values; those that are as usual are left out. Raises as `make_effect`."""
    made = make_effect(effect)
    return {"name": made.name, **made.model_dump(mode="json", exclude_defaults=True)}


def read_effects(clip: otio.schema.Clip) -> tuple[dict[str, Any], ...]:
    """A clip's effects, checked; those that other programs put there are left out (see `foreign_effects`)."""
    return tuple(check_effect(effect) for effect in effects_of(clip) if effect["name"] != "foreign")


def foreign_effects(timeline: otio.schema.Timeline) -> list[str]:
    """Names of effects in the timeline that cannot be rendered here."""
    names = (e["effect"] for clip in timeline.find_clips() for e in effects_of(clip) if e["name"] == "foreign")
    return sorted(set(names))


def picture_filters(effects: Effects, canvas: Canvas) -> list[str]:
    """All filters that a clip's effects put on its picture, grades and fades included, in the order they are drawn.

    They go between `setpts` to the clip's own clock (0 at its first frame) and back, after the picture was fitted to
    the canvas as yuv420p; join them with ','. Speed, ramp and reverse are the renderer's and give none.
    """
    made = sorted((make_effect(effect) for effect in effects), key=lambda each: each.stage)
    made = [each for each in made if not isinstance(each, MomentEffect) or each.happens(canvas)]
    return [step for group in _alike(made) for step in type(group[0]).together(group, canvas)]


def sound_filters(effects: Effects, seconds: float) -> list[str]:
    """The same for the sound of a clip that lasts `seconds` on the timeline: fades (do not add `fades` again) and
    whatever else is heard, but not speed, ramp and reverse.
    """
    return [step for effect in effects for step in make_effect(effect).sound(seconds)]


def effect_facts(effects: Effects) -> list[Any]:
    """All that decides what the effects look like, as JSON: for the key of a cached piece."""
    return [[made.name, made.facts()] for made in map(make_effect, effects)]


def grade_filters(effects: Effects) -> list[str]:
    """The clip's grades at full strength as filters, in their order."""
    grades = (make_effect(effect) for effect in effects if effect["name"] == "grade")
    return [step for grade in grades if isinstance(grade, Grade) for step in grade.steps()]


def fades(effects: Effects, seconds: float) -> list[tuple[str, float, float]]:
    """The clip's fades as ('in' | 'out', begin, length) in seconds of the clip, never longer than it."""
    made = (make_effect(effect) for effect in effects if str(effect["name"]).startswith("fade_"))
    return [fade.span(seconds) for fade in made if isinstance(fade, Fade)]


def tempo_filters(speed: Fraction) -> list[str]:
    """`speed` without a change of pitch. Not `atempo`: measured, it drifts by 0.12 s per half second of silence."""
    return [f"rubberband=tempo={float(speed):.6f}"] if speed != 1 else []


def _plain(value: object) -> Any:
    """What OTIO keeps lists and dictionaries in, as lists and dictionaries."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"a {type(value).__name__} is no plain data")


def _alike(effects: Iterable[ClipEffect]) -> Iterable[list[ClipEffect]]:
    """Neighbours whose classes share one `together`."""

    def shared(each: ClipEffect) -> int:
        return id(cast("Callable[..., Any]", getattr(type(each).together, "__func__")))  # noqa: B009

    return (list(group) for _, group in groupby(effects, key=shared))
