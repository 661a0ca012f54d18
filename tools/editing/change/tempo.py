"""Changes of speed: retime and freeze."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from configs.errors import UsageError
from tools.editing.change.desk import Desk
from tools.editing.change.making import FindAsset
from tools.editing.change.model import Freeze, Retime
from tools.editing.change.ripple import open_time, split_with_sound, stretch_time
from tools.editing.change.slots import Slot, twin
from tools.editing.effects import check_effect

SPEEDS = ("speed", "ramp")


def retime(desk: Desk, change: Retime, find: FindAsset) -> str:
    """Play all that a clip shows at another speed (1 = as it was filmed), or from one speed into another."""
    lane, slot = desk.find(change.clip)
    if slot.frozen or not slot.media:
        raise UsageError(f"{slot.label} has no speed", "it does not move")
    pairs = [slot, *(sound for _, sound in desk.linked(slot))] if lane is desk.main else [slot]
    effect: dict[str, Any] | None = None
    if change.factor_end is not None and change.factor_end != change.factor:
        effect = check_effect({"name": "ramp", "factor": change.factor, "factor_end": change.factor_end})
    elif change.factor != 1:
        effect = check_effect({"name": "speed", "factor": change.factor})
    mean = Fraction(change.factor if effect is None or effect["name"] == "speed" else (
        change.factor + effect["factor_end"]) / 2).limit_denominator(10_000)  # fmt: skip
    start, was = slot.start, slot.frames
    eaten = slot.eaten(was)
    frames = max(1, int(eaten / mean))  # never more than the source holds
    for each in pairs:
        others = [one for one in each.effects if one["name"] not in SPEEDS]
        each.set_effects([*([effect] if effect else []), *_scaled(others, Fraction(frames, was))])
    if lane is desk.main:
        stretch_time(desk, start, start + was, frames, but=pairs)
    elif frames > was and not lane.free(slot.start, slot.start + frames, but=slot):
        raise UsageError(f"{slot.label} cannot grow where it is", f"the track '{lane.track.name}' is taken there")
    for each in pairs:
        each.frames = frames
    how = f"{change.factor:g}x" if effect is None or effect["name"] == "speed" else (
        f"{change.factor:g}x to {change.factor_end:g}x")  # fmt: skip
    return f"Retimed {slot.label} to {how}, {desk.time(was)} -> {desk.time(frames)}"


def freeze(desk: Desk, change: Freeze, find: FindAsset) -> str:
    """Hold one frame; its clip goes on afterwards."""
    import opentimelineio as otio

    slot = desk.on_picture(change.clip, "a freeze")
    if slot.frozen or not slot.media:
        raise UsageError(f"{slot.label} cannot be frozen", "it does not move")
    at, frames, label = desk.frames(change.inside), desk.frames(change.seconds), slot.label
    if at > slot.frames:
        raise UsageError(
            f"{label} cannot be frozen at {change.inside:.2f} s", f"it lasts {desk.time(slot.frames)}"
        )  # fmt: skip
    if frames < 1:
        raise UsageError(f"A freeze of {change.seconds:g} s cannot be seen", "it is less than one frame")
    shown = min(at, slot.frames - 1)
    held = twin(slot)
    held.own(id=desk.ids.piece(slot.id))
    held.source = _source_of(slot, shown)
    held.set_effects([one for one in slot.effects if one["name"] not in (*SPEEDS, "reverse", "fade_in", "fade_out")])
    held.clip.effects.append(otio.schema.FreezeFrame(name="freeze"))
    held.clip.name = f"{slot.clip.name} (still)"
    start = slot.start + at
    if 0 < at < slot.frames:
        split_with_sound(desk, slot, at)
    if at == 0:
        held.transition, held.before, held.after = slot.transition, slot.before, slot.after
        slot.transition, slot.before, slot.after = None, 0, 0
    open_time(desk, start, frames)
    held.start, held.frames = start, frames
    desk.main.put(held)
    return f"Held {label} at {desk.time(at)} for {desk.time(frames)} ({held.id})"


def _source_of(slot: Slot, frame: int) -> Fraction:
    """Where in the source the clip's own frame lies."""
    if slot.backwards:
        return slot.source + slot.eaten(slot.frames) - slot.eaten(frame) - Fraction(slot.speeds()[0])
    return slot.source + slot.eaten(frame)


def _scaled(effects: list[dict[str, Any]], share: Fraction) -> list[dict[str, Any]]:
    """Moments of effects move with what they happen to; their lengths stay, within the clip."""
    return [
        {**one, "at": float(one["at"]) * float(share)} if isinstance(one.get("at"), (int, float)) else one
        for one in effects
    ]
