"""Changes of how clips look and meet: transition, effect, grade, crop, reframe, reverse."""

from __future__ import annotations

from typing import Any

from configs.errors import UsageError
from tools.editing.change.desk import CAPTIONS, Desk, Lane
from tools.editing.change.making import FindAsset
from tools.editing.change.model import AddEffect, Crop, Reframe, ReverseClip, SetGrade, SetTransition
from tools.editing.change.slots import Slot
from tools.editing.effects import check_effect
from tools.editing.effects.base import EFFECTS
from tools.editing.outline import studio_data

TIMED = {"speed": "retime", "ramp": "retime", "reverse": "reverse"}
"""Effects that change the time of a clip have changes of their own."""
OPENING = ("dissolve", "fade", "fade_white")
"""Transitions that a film can begin with: out of black."""


def transition(desk: Desk, change: SetTransition, find: FindAsset) -> str:
    """The transition into a clip, half of it before the cut and half behind; 'cut' takes it away."""
    slot = desk.on_picture(change.clip, "a transition")
    number = desk.main.slots.index(slot)
    opening = number == 0 and slot.start == 0
    if change.kind == "cut":
        faded = opening and any(effect["name"] == "fade_in" for effect in slot.effects)
        if slot.transition is None and not faded:
            raise UsageError(f"{slot.label} already begins with a cut")
        slot.transition, slot.before, slot.after = None, 0, 0
        if faded:
            slot.set_effects([effect for effect in slot.effects if effect["name"] != "fade_in"])
        return f"{slot.label} now begins with a cut"
    frames = desk.frames(change.seconds)
    if frames < 1:
        raise UsageError(f"A transition of {change.seconds:g} s cannot be seen", "it is less than one frame")
    if opening:
        return _fade_in(desk, slot, change, frames)
    last = desk.main.slots[number - 1] if number else None
    if last is None or last.end != slot.start:
        raise UsageError(f"Nothing comes right before {slot.label}", "a transition joins two clips that meet")
    following = desk.main.slots[number + 1] if number + 1 < len(desk.main.slots) else None
    leaves = following.before if following is not None else 0
    before, after = frames // 2, frames - frames // 2
    free = last.frames - last.after, slot.frames - leaves
    if before > free[0] or after > free[1]:
        most = min(2 * free[0] + 1, 2 * free[1])
        raise UsageError(
            f"A transition of {desk.time(frames)} into {slot.label} does not fit",
            f"the clips that it joins leave it {desk.time(max(0, most))}",
        )
    import opentimelineio as otio

    kinds = otio.schema.TransitionTypes
    slot.transition = otio.schema.Transition(
        name=change.kind,
        transition_type=kinds.SMPTE_Dissolve if change.kind == "dissolve" else kinds.Custom,
        metadata={"studio": {"kind": change.kind, "direction": change.direction}},
    )
    slot.before, slot.after = before, after
    return f"{slot.label} now begins with a {change.kind.replace('_', ' ')} of {desk.time(frames)}"


def effect(desk: Desk, change: AddEffect, find: FindAsset) -> str:
    """Put an effect on a clip, after those it has, or in place of one of the same name; what is heard of it (a fade)
    goes on the sound that belongs to the clip, too."""
    name = str(change.effect.get("name", ""))
    if name in TIMED:
        raise UsageError(f"'{name}' changes a clip's time", fix=f"Use the change '{TIMED[name]}'")
    made = check_effect(change.effect)
    lane, slot = _drawn(desk, change.clip, f"The effect '{name}'")
    if lane.is_sound and not EFFECTS[name].audible:
        raise UsageError(
            f"'{name}' cannot be heard", f"{slot.label} is a {lane.role} clip", "Name a clip of the picture"
        )
    heard = [sound for _, sound in desk.linked(slot)] if lane is desk.main and EFFECTS[name].audible else []
    for each in (slot, *heard):
        there = each.effects
        if change.replace or each in heard:
            there = [one for one in there if one["name"] != name]
        each.set_effects([*there, made])
    return f"Put {name.replace('_', ' ')} on {slot.label}{_values(made)}"


def grade(desk: Desk, change: SetGrade, find: FindAsset) -> str:
    """One look for a clip, in place of the one it has; '' takes it away."""
    _, slot = _seen(desk, change.clip, "A grade")
    others = [one for one in slot.effects if one["name"] != "grade"]
    if not change.look:
        if len(others) == len(slot.effects):
            raise UsageError(f"{slot.label} has no grade")
        slot.set_effects(others)
        return f"Took the grade off {slot.label}"
    wanted: dict[str, Any] = {"name": "grade", "look": change.look}
    if change.strength < 1:
        wanted["strength"] = change.strength
    slot.set_effects([*others, check_effect(wanted)])
    share = f" at {change.strength:.0%}" if change.strength < 1 else ""
    return f"Graded {slot.label} as {change.look.replace('_', ' ')}{share}"


def crop(desk: Desk, change: Crop, find: FindAsset) -> str:
    """Show a part of the picture only; the whole picture (0, 0, 1, 1) takes the crop away."""
    _, slot = _seen(desk, change.clip, "A crop")
    if change.x + change.width > 1 + 1e-9 or change.y + change.height > 1 + 1e-9:
        raise UsageError(f"The crop of {slot.label} reaches outside its picture", "x + width and y + height end at 1")
    others = [one for one in slot.effects if one["name"] != "crop"]
    if (change.x, change.y, change.width, change.height) == (0, 0, 1, 1):
        slot.set_effects(others)
        return f"{slot.label} shows its whole picture"
    box = {"x": change.x, "y": change.y, "width": change.width, "height": change.height}
    slot.set_effects([*others, check_effect({"name": "crop", **box})])
    return f"Cropped {slot.label} to {change.width:.0%} x {change.height:.0%} of its picture"


def reframe(desk: Desk, change: Reframe, find: FindAsset) -> str:
    """Another shape for the film; clips with a focus are cropped around it as it moves."""
    width, height = change.width - change.width % 2, change.height - change.height % 2
    for clip_id, path in change.focus.items():
        slot = desk.on_picture(clip_id, "a focus")
        keys = [[round(at, 4), x, y] for at, x, y in sorted(path)]
        if not keys or any(not (0 <= x <= 1 and 0 <= y <= 1 and at >= 0) for at, x, y in keys):
            raise UsageError(
                f"The focus of {slot.label} is no path", "it needs (seconds, x, y) with shares from 0 to 1"
            )
        others = [one for one in slot.effects if one["name"] != "reframe"]
        slot.set_effects([*others, check_effect({"name": "reframe", "keys": keys})])
    desk.timeline.metadata["studio"] = {**studio_data(desk.timeline), "width": width, "height": height}
    follows = f", {len(change.focus)} clips follow their subject" if change.focus else ""
    return f"Gave the film the shape {width}x{height}{follows}"


def reverse(desk: Desk, change: ReverseClip, find: FindAsset) -> str:
    """Backwards, or forwards again; its sound as well."""
    lane, slot = desk.find(change.clip)
    if slot.frozen or not slot.media:
        raise UsageError(f"{slot.label} cannot be reversed", "it does not move")
    for _, each in [(lane, slot), *(desk.linked(slot) if lane is desk.main else [])]:
        others = [one for one in each.effects if one["name"] != "reverse"]
        each.set_effects(others if each.backwards else [*others, {"name": "reverse"}])
    return f"{slot.label} now plays {'backwards' if slot.backwards else 'forwards'}"


def _drawn(desk: Desk, clip_id: str, what: str) -> tuple[Lane, Slot]:
    """A clip that is no caption. Raises UsageError for captions, which have styles."""
    lane, slot = desk.find(clip_id)
    if lane.role == CAPTIONS:
        raise UsageError(f"{what} is not for captions", f"{slot.label} is one", "Give it another style")
    return lane, slot


def _seen(desk: Desk, clip_id: str, what: str) -> tuple[Lane, Slot]:
    """A clip of pictures. Raises UsageError for captions and sound."""
    lane, slot = _drawn(desk, clip_id, what)
    if lane.is_sound:
        raise UsageError(f"{what} is for pictures", f"{slot.label} is a {lane.role} clip")
    return lane, slot


def _fade_in(desk: Desk, slot: Slot, change: SetTransition, frames: int) -> str:
    if change.kind not in OPENING:
        raise UsageError(f"The film cannot begin with a {change.kind}", "nothing comes before it", "Use 'fade'")
    if frames > slot.frames:
        raise UsageError(f"A fade of {desk.time(frames)} does not fit", f"{slot.label} lasts {desk.time(slot.frames)}")
    others = [effect for effect in slot.effects if effect["name"] != "fade_in"]
    slot.set_effects([*others, check_effect({"name": "fade_in", "seconds": change.seconds})])
    return f"{slot.label} now fades in over {desk.time(frames)}"


def _values(made: dict[str, Any]) -> str:
    shown = [f"{key.replace('_', ' ')} {value:g}" for key, value in made.items()
             if isinstance(value, (int, float)) and not isinstance(value, bool)]  # fmt: skip
    return f" ({', '.join(shown[:4])})" if shown else ""
