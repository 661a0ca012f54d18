"""Time put in and taken out: what moves when the picture gets longer or shorter.

The picture's track has an order; everything else hangs on times of it by where it begins. Sound that belongs to a
clip (see `Desk.linked`) is cut with it. Other sound is never torn by a change of one clip: it begins where it did, or
where its moment has moved to, and plays on.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from tools.editing.change.desk import BEDS, CAPTIONS, Desk, Lane
from tools.editing.change.slots import Slot, spoken, twin

Map = Callable[[int], int]
"""From a frame of the film before to the same moment after."""


def cut_out(desk: Desk, lane: Lane, slot: Slot, first: int, last: int) -> list[Slot]:
    """Take the clip's own frames [first, last) away, where they are; what is left of it, at its old times."""
    first, last = max(0, first), min(last, slot.frames)
    left = [(begin, end) for begin, end in ((0, first), (last, slot.frames)) if end > begin]
    lane.slots.remove(slot)
    if len(left) == 2:
        return list(split(desk, lane, slot, first, rest=last))
    for begin, end in left:
        slot.cut(begin, end, desk.rate)
        lane.put(slot)
        return [slot]
    return []


def split(desk: Desk, lane: Lane, slot: Slot, at: int, *, rest: int | None = None) -> tuple[Slot, Slot]:
    """Two clips, each with a new id, out of one that is cut at its own frame `at`; the second from `rest` on."""
    left, right, old = slot, twin(slot), slot.id
    left.own(id=desk.ids.piece(old))
    right.own(id=desk.ids.piece(old))
    whole = slot.frames
    right.cut(at if rest is None else rest, whole, desk.rate)
    left.cut(0, at, desk.rate)
    left.set_effects([effect for effect in left.effects if effect["name"] != "fade_out"])
    right.set_effects([effect for effect in right.effects if effect["name"] != "fade_in"])
    lane.slots = [one for one in lane.slots if one is not slot]
    lane.put(left)
    lane.put(right)
    return left, right


def split_with_sound(desk: Desk, slot: Slot, at: int) -> tuple[Slot, Slot]:
    """Split a clip of the picture and the sound that belongs to it."""
    for lane, sound in desk.linked(slot):
        if 0 < at < sound.frames:
            split(desk, lane, sound, at)
    return split(desk, desk.main, slot, at)


def boundary(desk: Desk, at: int) -> None:
    """Make sure that no clip of the picture runs across frame `at`."""
    for slot in list(desk.main.slots):
        if slot.start < at < slot.end:
            split_with_sound(desk, slot, at - slot.start)


def open_time(desk: Desk, at: int, frames: int) -> None:
    """Put `frames` in at frame `at`, empty; no clip of the picture may run across it (see `boundary`)."""
    end = desk.length
    for lane, slot in desk.every():
        if slot.start >= at:
            slot.start += frames
        elif lane.role in BEDS and slot.end >= end >= at:
            _lengthen(slot, frames, desk.rate)
    for lane in desk.lanes:
        lane.length += frames if lane.length >= at else 0
    desk.markers = [mark + frames if mark >= at else mark for mark in desk.markers]


def close_time(desk: Desk, begin: int, end: int, *, tear: bool = False) -> None:
    """Take the frames [begin, end) out of the film. `tear`: other sound is cut at exactly these frames as well."""
    gone = end - begin
    whole = any(slot.start == begin and slot.end <= end for slot in desk.main.slots)
    cut: set[Slot] = set()
    for slot in list(desk.main.slots):
        first, last = max(begin, slot.start) - slot.start, min(end, slot.end) - slot.start
        if first >= last:
            continue
        for lane, sound in desk.linked(slot):
            cut.update(cut_out(desk, lane, sound, first, sound.frames if last == slot.frames else last))
        cut.update(cut_out(desk, desk.main, slot, first, last))
    shift: Map = lambda frame: frame if frame <= begin else max(begin, frame - gone)  # noqa: E731
    for lane, slot in desk.every():
        if slot in cut or lane is desk.main:
            slot.start = shift(slot.start)
        elif tear and lane.role not in (*BEDS, CAPTIONS):
            pieces = [slot]
            if _meets(slot, begin, end):
                pieces = cut_out(desk, lane, slot, begin - slot.start, end - slot.start)
            for piece in pieces:
                piece.start = shift(piece.start)
        else:
            _anchor(desk, lane, slot, shift, whole=lane.is_sound and lane.role not in BEDS)
    for lane in desk.lanes:
        lane.length = shift(lane.length)
    for number in reversed(range(len(desk.markers))):
        if begin < desk.markers[number] < end or (whole and desk.markers[number] == begin):
            desk.drop_marker(number)
        else:
            desk.markers[number] = shift(desk.markers[number])


def stretch_time(desk: Desk, begin: int, end: int, frames: int, *, but: list[Slot]) -> None:
    """The frames [begin, end) of the film become `frames`: what hangs on them keeps its moment; `but` stay."""

    def move(frame: int) -> int:
        if frame <= begin:
            return frame
        if frame >= end:
            return frame + frames - (end - begin)
        return begin + round((frame - begin) * frames / (end - begin))

    for lane, slot in desk.every():
        if slot in but:
            continue
        if lane is desk.main:
            slot.start = move(slot.start)
            continue
        finish = move(slot.end)
        bed = lane.role in BEDS
        slot.start = move(slot.start)
        if lane.role == CAPTIONS:
            _resize_words(slot, max(1, finish - slot.start))
        elif bed and finish < slot.end:
            slot.cut(0, max(1, finish - slot.start), desk.rate)
        elif bed:
            _lengthen(slot, finish - slot.end, desk.rate)
    for lane in desk.lanes:
        lane.length = move(lane.length)
    desk.markers = [move(mark) for mark in desk.markers]


def reorder(desk: Desk, begin: int, end: int, to: int) -> None:
    """Move the frames [begin, end) so that they come before frame `to`; what begins in them goes along."""
    size = end - begin

    def move(frame: int) -> int:
        if begin <= frame < end:
            return frame + (to - end if to >= end else to - begin)
        if end <= frame < to:
            return frame - size
        if to <= frame < begin:
            return frame + size
        return frame

    for lane, slot in desk.every():
        if lane.role not in BEDS:
            slot.start = move(slot.start)
    desk.markers = [move(mark) for mark in desk.markers]


def clear(desk: Desk, lane: Lane, begin: int, end: int) -> None:
    """Empty the frames [begin, end) of a track, and of the sound that belongs to its pictures; nothing moves."""
    for slot in list(lane.slots):
        if not _meets(slot, begin, end):
            continue
        first, last = begin - slot.start, end - slot.start
        for other, sound in desk.linked(slot) if lane is desk.main else []:
            cut_out(desk, other, sound, first, sound.frames if last >= slot.frames else last)
        for piece in cut_out(desk, lane, slot, first, last):
            if piece.start >= end:
                piece.transition, piece.before, piece.after = None, 0, 0


def room(slot: Slot, rate: Fraction) -> int:
    """Frames that its source is known to hold behind those it plays."""
    available = getattr(slot.clip.media_reference, "available_range", None)
    _, last = slot.speeds()
    if available is None or not last:
        return 0
    whole = round(available.duration.to_seconds() * float(rate))
    return max(0, int((whole - slot.source - slot.eaten(slot.frames)) / last))


def _anchor(desk: Desk, lane: Lane, slot: Slot, shift: Map, *, whole: bool) -> None:
    """What hangs on the picture is gone when all its time is; otherwise moved, and shortened unless `whole`."""
    start, end = shift(slot.start), shift(slot.end)
    if end <= start:
        lane.slots.remove(slot)
        desk.notes.append(f"{slot.label} on '{lane.track.name}' lay in it and is gone")
        return
    if not whole and end - start < slot.frames:
        if lane.role == CAPTIONS:
            _resize_words(slot, end - start)
        else:
            slot.cut(0, end - start, desk.rate)
    slot.start = start


def _resize_words(slot: Slot, frames: int) -> None:
    """Another length for a caption; its words are spread over it."""
    if words := spoken(slot.clip):
        share = frames / slot.frames
        slot.clip.media_reference.parameters["words"] = [[a * share, b * share, text] for a, b, text in words]
    slot.frames = frames


def _lengthen(slot: Slot, frames: int, rate: Fraction) -> None:
    slot.frames += min(frames, room(slot, rate))


def _meets(slot: Slot, begin: int, end: int) -> bool:
    return slot.start < end and slot.end > begin
