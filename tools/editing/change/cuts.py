"""Changes of what is seen when: trim, split, insert, overwrite, ripple_delete, move, title."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from configs.errors import UsageError
from tools.editing.arrangement import BED_FADE_S
from tools.editing.change.desk import BEDS, OVERLAY, PICTURE, Desk, Lane
from tools.editing.change.making import SOURCE_SOUND, FindAsset, clips_of, title_of
from tools.editing.change.model import AddTitle, Insert, Move, NewClip, Overwrite, RippleDelete, Split, Trim
from tools.editing.change.ripple import boundary, clear, close_time, open_time, reorder, room, split, split_with_sound
from tools.editing.change.slots import Slot
from tools.editing.effects import check_effect

Pair = tuple[Lane, Slot]
"""A clip and the track it is on."""
BED_GAIN_DB = -10.0
"""Music and ambience under a clip's own sound, in which somebody may speak: softer, as it is never ducked there."""
FULL_FRAME = {"keys": [{"at": 0.0, "x": 0.5, "y": 0.5, "width": 1.0}], "blend": "normal"}


def trim(desk: Desk, change: Trim, find: FindAsset) -> str:
    """Take frames off a clip's ends, or give them back from its source."""
    lane, slot = desk.find(change.clip)
    head, tail = desk.frames(change.head), desk.frames(change.tail)
    if not head and not tail:
        raise UsageError(f"Nothing is taken off {slot.label}", "both ends are less than one frame")
    if max(head, 0) + max(tail, 0) >= slot.frames:
        raise UsageError(
            f"{slot.label} cannot lose {desk.time(max(head, 0) + max(tail, 0))}", f"it lasts {desk.time(slot.frames)}"
        )
    _check_room(desk, slot, -head, -tail, find)
    was = slot.frames
    ripple = change.ripple and lane is desk.main
    pairs = [(lane, slot), *(desk.linked(slot) if lane is desk.main else [])]
    _give_back(desk, slot, pairs, -head, -tail, ripple=ripple)
    _take_off(desk, slot, pairs, max(head, 0), max(tail, 0), ripple=ripple)
    ends = [
        f"{desk.time(abs(count))} {'off' if count > 0 else 'more at'} its {end}"
        for count, end in ((head, "beginning"), (tail, "end"))
        if count
    ]
    return f"Trimmed {slot.label}: {' and '.join(ends)}, {desk.time(was)} -> {desk.time(slot.frames)}"


def _give_back(desk: Desk, slot: Slot, pairs: Sequence[Pair], before: int, after: int, *, ripple: bool) -> None:
    """So many frames more of the source at the ends; nothing where a number is not above 0."""
    if after > 0:
        if ripple:
            open_time(desk, slot.end, after)
        for lane, each in pairs:
            _grow(desk, lane, each, 0, after, slot)
    if before > 0:
        starts = [each.start for _, each in pairs]
        if ripple:
            open_time(desk, slot.start, before)
            for (_, each), start in zip(pairs, starts, strict=True):
                each.start = start + before
        for lane, each in pairs:
            _grow(desk, lane, each, before, 0, slot)


def _take_off(desk: Desk, slot: Slot, pairs: Sequence[Pair], head: int, tail: int, *, ripple: bool) -> None:
    """So many frames less at the ends; what follows comes nearer with `ripple`, else a gap stays."""
    if ripple:
        if tail:
            close_time(desk, slot.end - tail, slot.end)
        if head:
            close_time(desk, slot.start, slot.start + head)
        return
    for _, each in pairs:
        if head < each.frames - tail:
            each.cut(head, each.frames - tail, desk.rate)


def split_clip(desk: Desk, change: Split, find: FindAsset) -> str:
    """One clip becomes two; the sound that belongs to it is split as well."""
    lane, slot = desk.find(change.clip)
    at, label = desk.frames(change.inside), slot.label
    if not 0 < at < slot.frames:
        raise UsageError(
            f"{label} cannot be split at {change.inside:.2f} s", f"it lasts {desk.time(slot.frames)} and both pieces "
            "need a frame"
        )  # fmt: skip
    left, right = split_with_sound(desk, slot, at) if lane is desk.main else split(desk, lane, slot, at)
    return f"Split {label} at {desk.time(at)} into {left.id} and {right.id}"


def insert(desk: Desk, change: Insert, find: FindAsset) -> str:
    """On the picture's track, later pictures move back; on other tracks the clip is laid in and nothing moves."""
    at = _moment(desk, change.at)
    slot, sound = clips_of(desk, change.new, at, find)
    if change.new.track == PICTURE:
        boundary(desk, at)
        if change.all_tracks:
            open_time(desk, at, slot.frames)
        else:
            later = [one for one in desk.main.slots if one.start >= at]
            for one in [*later, *(sound for shot in later for _, sound in desk.linked(shot))]:
                one.start += slot.frames
        desk.main.put(slot)
    else:
        _lay(desk, change.new, slot)
        _as_a_bed(desk, change.new, slot, find)
    if sound is not None:
        desk.put(SOURCE_SOUND, "Audio", sound)
    return f"Put {slot.label} in at {desk.time(at)} for {desk.time(slot.frames)}, on '{change.new.track}'"


def overwrite(desk: Desk, change: Overwrite, find: FindAsset) -> str:
    """What the new clip covers is gone; nothing moves."""
    at = _moment(desk, change.at)
    slot, sound = clips_of(desk, change.new, at, find)
    if change.new.track == PICTURE:
        clear(desk, desk.main, at, slot.end)
        desk.main.put(slot)
    else:
        for lane in [one for one in desk.lanes if one.role == change.new.track]:
            clear(desk, lane, at, slot.end)
        _lay(desk, change.new, slot)
    if sound is not None:
        desk.put(SOURCE_SOUND, "Audio", sound)
    return f"Put {slot.label} over {desk.time(at)} to {desk.time(slot.end)} on '{change.new.track}'"


def ripple_delete(desk: Desk, change: RippleDelete, find: FindAsset) -> str:
    """A clip of the picture, or a stretch of time, goes and the gap closes; other clips are taken away as they are."""
    if change.clip:
        lane, slot = desk.find(change.clip)
        if lane is not desk.main:
            lane.slots.remove(slot)
            return f"Took {slot.label} away from '{lane.track.name}'; everything else stays at its time"
        label, lost = slot.label, desk.time(slot.frames)
        _keep_some(desk, slot.start, slot.end)
        ends = _ends(desk)
        close_time(desk, slot.start, slot.end)
        _hand_fades_on(desk, ends)
        return f"Took {label} away and closed the gap, {lost} less"
    begin, end = desk.frames(change.start), desk.frames(change.end)
    if begin >= end:
        raise UsageError(
            f"Nothing lies between {change.start:.2f} s and {change.end:.2f} s",
            fix="Name a clip, or a start and an end",
        )
    if end > desk.length:
        raise UsageError(f"The film ends at {desk.time(desk.length)}", f"{change.end:.2f} s lies behind it")
    _keep_some(desk, begin, end)
    ends = _ends(desk)
    close_time(desk, begin, end, tear=True)
    _hand_fades_on(desk, ends)
    return f"Took {desk.time(begin)} to {desk.time(end)} out of all tracks, {desk.time(end - begin)} less"


def move(desk: Desk, change: Move, find: FindAsset) -> str:
    """Another place in the picture's order, with all that hangs on the clip; or another time on other tracks."""
    lane, slot = desk.find(change.clip)
    asked = [name for name in ("before", "after") if getattr(change, name)] + ["to"] * (change.to is not None)
    if len(asked) != 1:
        raise UsageError(f"Where {slot.label} shall go is not clear", fix="Give one of 'before', 'after' and 'to'")
    other = desk.find(getattr(change, asked[0]))[1] if asked[0] != "to" else None
    if lane is desk.main:
        return _move_picture(desk, slot, other, after=asked[0] == "after")
    if other is not None:
        to = other.end if asked[0] == "after" else other.start - slot.frames
    else:
        to = desk.frames(change.to or 0.0)
    if to < 0 or to >= desk.length:
        raise UsageError(f"{slot.label} would lie outside the film", f"it would begin at {desk.time(to)}")
    was, slot.start = slot.start, to
    return f"Moved {slot.label} from {desk.time(was)} to {desk.time(to)}"


def title(desk: Desk, change: AddTitle, find: FindAsset) -> str:
    """A card of its own; what follows moves back."""
    at, frames = _moment(desk, change.at), max(1, desk.frames(change.seconds))
    boundary(desk, at)
    slot = title_of(desk, at, frames, change.text, change.style, change.ground)
    open_time(desk, at, frames)
    desk.main.put(slot)
    return f"Put the title {slot.label} in at {desk.time(at)} for {desk.time(frames)}"


def _move_picture(desk: Desk, slot: Slot, other: Slot | None, *, after: bool) -> str:
    if other is None:
        raise UsageError(
            f"{slot.label} is a clip of the picture", "its track has an order, no times", "Use 'before' or 'after'"
        )
    if other is slot or other not in desk.main.slots:
        raise UsageError(f"{slot.label} cannot be moved next to {other.label}", "it is no other clip of the picture")
    to = other.end if after else other.start
    if to in (slot.start, slot.end):
        raise UsageError(f"{slot.label} is already {'after' if after else 'before'} {other.label}")
    ends = _ends(desk)
    reorder(desk, slot.start, slot.end, to)
    _hand_fades_on(desk, ends)
    return f"Moved {slot.label} {'after' if after else 'before'} {other.label}"


def _ends(desk: Desk) -> list[tuple[str, Slot, list[Slot]]]:
    """The names of the fades that a film begins and ends with, the clips that have them, and their sound."""
    slots = desk.main.slots
    ends = [("fade_in", slots[0])] * (slots[0].start == 0) + [("fade_out", slots[-1])]
    return [(name, slot, [sound for _, sound in desk.linked(slot)]) for name, slot in ends]


def _hand_fades_on(desk: Desk, ends: list[tuple[str, Slot, list[Slot]]]) -> None:
    """The fade that the film began or ended with stays there when another picture is first or last now."""
    desk.main.slots.sort(key=lambda one: one.start)
    for name, old, sounds in ends:
        new = desk.main.slots[0 if name == "fade_in" else -1]
        fade = next((effect for effect in old.effects if effect["name"] == name), None)
        if new is old or fade is None or (name == "fade_in" and new.start):
            continue
        for each in (old, *sounds):
            each.set_effects([effect for effect in each.effects if effect["name"] != name])
        heard = [sound for _, sound in desk.linked(new)] if sounds else []
        for each in (new, *heard):
            others = [effect for effect in each.effects if effect["name"] != name]
            seconds = min(float(fade["seconds"]), float(each.frames / desk.rate))
            each.set_effects([*others, {**fade, "seconds": seconds}])
        desk.notes.append(f"the film's {name.replace('_', ' ')} is on {new.label} now")


def _moment(desk: Desk, seconds: float) -> int:
    at = desk.frames(seconds)
    if at > desk.length:
        raise UsageError(f"{seconds:.2f} s lies behind the film's end", f"it lasts {desk.time(desk.length)}")
    return at


def _lay(desk: Desk, new: NewClip, slot: Slot) -> None:
    if new.track == OVERLAY:
        slot.own(place=FULL_FRAME)
    desk.put(new.track, "Video" if new.track == OVERLAY else "Audio", slot)


def _as_a_bed(desk: Desk, new: NewClip, slot: Slot, find: FindAsset) -> None:
    """Music or ambience that is laid under the film as it is: out of the way of what is heard, and with an ending."""
    if new.track not in BEDS:
        return
    source = [one for lane in desk.lanes if lane.role == SOURCE_SOUND for one in lane.slots]
    if any(one.start < slot.end and slot.start < one.end for one in source):
        slot.own(gain_db=BED_GAIN_DB)
        desk.notes.append(f"{-BED_GAIN_DB:g} dB softer, under the clip's own sound")
    heard = float(slot.frames / desk.rate)
    if not new.seconds and find(new.asset).seconds - new.source_start > heard + 0.1:
        fade = round(min(BED_FADE_S, heard / 4), 3)
        slot.set_effects([check_effect({"name": "fade_out", "seconds": fade})])
        desk.notes.append(f"it fades out over {fade:g} s, as it is longer than the film")


def _keep_some(desk: Desk, begin: int, end: int) -> None:
    if not any(slot.start < begin or slot.end > end for slot in desk.main.slots):
        raise UsageError("Nothing would be left of the picture", "every clip would be taken away")


def _check_room(desk: Desk, slot: Slot, head: int, tail: int, find: FindAsset) -> None:
    """Whether the source holds so many frames more at both ends (below 1: nothing is asked of it)."""
    if slot.frozen or not slot.media or max(head, tail) < 1:
        return
    if slot.backwards:
        head, tail = tail, head
    first, last = slot.speeds()
    if first != last:
        raise UsageError(f"{slot.label} cannot grow", "its speed is a ramp", "Retime it to one speed first")
    spare = math.floor(slot.source / first)
    if head > spare:
        raise UsageError(
            f"{slot.label} cannot begin earlier by {desk.time(head)}", f"its source has {desk.time(spare)}"
        )
    if tail < 1:
        return
    spare = room(slot, desk.rate)
    if getattr(slot.clip.media_reference, "available_range", None) is None:
        facts = find(slot.media)
        if facts.kind == "image":
            return
        spare = max(0, int((Fraction(facts.seconds) * desk.rate - slot.source - slot.eaten(slot.frames)) / last))
    if tail > spare:
        raise UsageError(f"{slot.label} cannot end later by {desk.time(tail)}", f"its source has {desk.time(spare)}")


def _grow(desk: Desk, lane: Lane, slot: Slot, head: int, tail: int, shown: Slot) -> None:
    """Longer by frames of its source, into room that is there. Raises UsageError when it is not."""
    start, end = slot.start - head, slot.end + tail
    if start < 0 or not lane.free(start, end, but=slot):
        raise UsageError(f"{shown.label} cannot grow where it is", f"the track '{lane.track.name}' is taken there")
    first, _ = slot.speeds()
    if slot.backwards:
        slot.source -= tail * first
    else:
        slot.source -= head * first
    slot.start, slot.frames = start, end - start
