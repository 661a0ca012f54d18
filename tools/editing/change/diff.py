"""What is different between two versions of a timeline, in words."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.editing.change.desk import CAPTIONS, Desk, Lane
from tools.editing.change.slots import Slot
from tools.editing.outline import gain_of, plain, studio_data

if TYPE_CHECKING:
    import opentimelineio as otio


@dataclass(frozen=True)
class Difference:
    """One thing that is different."""

    what: str
    """added, removed, split, moved, trimmed, retimed, transition, effects, sound, place, caption, marker, film."""
    clip: str
    """Its id; '' for markers and for the whole film."""
    text: str


@dataclass(frozen=True)
class _Item:
    lane: Lane
    slot: Slot
    anchor: tuple[str, int] | None
    """On tracks that hang on the picture: the clip under its beginning, and how far into it it begins."""


def differences(old: otio.schema.Timeline, new: otio.schema.Timeline) -> list[Difference]:
    """From old to new: length and shape, then clips in their new order, then what is gone, then markers.

    Clips are recognised by their ids. What only moved along with the picture is not listed.
    """
    one, two = Desk(old), Desk(new)
    before, after = _items(one), _items(two)
    found = [*_film(one, two)]
    pieces = {clip_id: _pieces(clip_id, before, after) for clip_id in before if clip_id not in after}
    grown = {piece for made in pieces.values() for piece in made}
    for clip_id, made in pieces.items():
        if made:
            text = f"{before[clip_id].slot.label} was split into {', '.join(made)}"
            found.append(Difference("split", clip_id, text))
    moved = _reordered(one.main.slots, two.main.slots)
    for clip_id, item in after.items():
        if clip_id in before:
            found += _changed(one, two, before[clip_id], item, clip_id in moved)
        elif clip_id not in grown:
            at, length = two.time(item.slot.start), two.time(item.slot.frames)
            word = "Caption" if item.lane.role == CAPTIONS else "Clip"
            text = f"{word} {item.slot.label} was added on '{item.lane.track.name}' at {at} for {length}"
            found.append(Difference("added", clip_id, text))
    for clip_id, made in pieces.items():
        if not made:
            item = before[clip_id]
            word = "Caption" if item.lane.role == CAPTIONS else "Clip"
            text = f"{word} {item.slot.label} was taken away from '{item.lane.track.name}'"
            found.append(Difference("removed", clip_id, text))
    found += _markers(old, new, one, two)
    return found


def _items(desk: Desk) -> dict[str, _Item]:
    main, shots = desk.main, desk.main.slots
    starts = [shot.start for shot in shots]
    made = {}
    for lane, slot in desk.every():
        below = shots[max(0, bisect_right(starts, slot.start) - 1)]
        under = below.start <= slot.start < below.end
        anchor = (below.id, slot.start - below.start) if under and lane is not main else None
        made[slot.id] = _Item(lane, slot, anchor)
    return made


def _pieces(clip_id: str, before: dict[str, _Item], after: dict[str, _Item]) -> list[str]:
    """Ids that a clip was split into; pieces of pieces bear the name of the first clip."""
    base = clip_id.rpartition(".")[0] if clip_id.rpartition(".")[2].isdigit() and "." in clip_id else clip_id
    source = before[clip_id].slot
    return [
        other for other, item in after.items()
        if other not in before and other.startswith(f"{base}.") and item.slot.media == source.media
        and source.source <= item.slot.source <= source.source + source.eaten(source.frames)
    ]  # fmt: skip


def _film(one: Desk, two: Desk) -> Iterator[Difference]:
    if one.time(one.length) != two.time(two.length):
        yield Difference("film", "", f"The film lasts {two.time(two.length)} instead of {one.time(one.length)}")
    old, new = plain(studio_data(one.timeline)), plain(studio_data(two.timeline))
    shapes = [f"{data.get('width')}x{data.get('height')}" for data in (old, new)]
    if shapes[0] != shapes[1]:
        yield Difference("film", "", f"The film's shape is {shapes[1]} instead of {shapes[0]}")
    if one.rate != two.rate:
        yield Difference("film", "", f"The film runs at {float(two.rate):g} fps instead of {float(one.rate):g}")
    depths = _depths(old), _depths(new)
    for role in sorted({*depths[0], *depths[1]}):
        if depths[0].get(role) != depths[1].get(role):
            how = f"steps back by {depths[1][role]:g} dB" if role in depths[1] else "steps back as usual"
            yield Difference("film", "", f"'{role}' {how} under speech")


def _depths(data: dict[str, Any]) -> dict[str, float]:
    """By how many dB each role steps back, as noted; junk from elsewhere is passed over."""
    noted = data.get("ducking")
    return {role: db for role, db in noted.items() if isinstance(db, int | float)} if isinstance(noted, dict) else {}


def _reordered(old: list[Slot], new: list[Slot]) -> set[str]:
    """The fewest clips that were moved: those outside of the longest run that kept its order."""
    place = {slot.id: number for number, slot in enumerate(old)}
    common = [slot.id for slot in new if slot.id in place]
    runs: list[list[str]] = []
    for clip_id in common:
        best = max((run for run in runs if place[run[-1]] < place[clip_id]), key=len, default=[])
        runs.append([*best, clip_id])
    kept = max(runs, key=len, default=[])
    return set(common) - set(kept)


def _changed(one: Desk, two: Desk, before: _Item, after: _Item, moved: bool) -> Iterator[Difference]:
    old, new = before.slot, after.slot
    label, clip_id = new.label, new.id
    words = after.lane.role == CAPTIONS
    if moved:
        yield Difference("moved", clip_id, f"{label} was moved to {two.time(new.start)}")
    elif after.lane is not two.main and before.anchor != after.anchor and one.time(old.start) != two.time(new.start):
        known = after.anchor is not None and before.anchor is not None and after.anchor[0] == before.anchor[0]
        if known or words:
            yield Difference(
                "caption" if words else "moved",
                clip_id,
                f"{label} begins at {two.time(new.start)} instead of {one.time(old.start)}",
            )
    speeds = old.speeds() != new.speeds()
    if speeds:
        yield Difference("retimed", clip_id, f"{label} plays at {_speed(new)} instead of {_speed(old)}")
    elif (old.frames, old.source) != (new.frames, new.source):
        what = f"{two.time(new.frames)} instead of {one.time(old.frames)}"
        where = f", from {two.time(new.source)} of its source" if old.source != new.source and new.media else ""
        yield Difference("caption" if words else "trimmed", clip_id, f"{label} lasts {what}{where}")
    yield from _looks(one, two, old, new)
    mine, theirs = plain(studio_data(old.clip)), plain(studio_data(new.clip))
    if gain_of(old.clip) != gain_of(new.clip):
        yield Difference("sound", clip_id, f"{label} plays at {_gain(new)} instead of {_gain(old)}")
    if mine.get("place") != theirs.get("place"):
        yield Difference("place", clip_id, f"{label} lies elsewhere on the picture")


def _looks(one: Desk, two: Desk, old: Slot, new: Slot) -> Iterator[Difference]:
    joins = _join(one, old), _join(two, new)
    if joins[0] != joins[1]:
        yield Difference("transition", new.id, f"{new.label} begins with {joins[1]} instead of {joins[0]}")
    effects = [
        [each for each in slot.effects if each["name"] not in ("speed", "ramp")] for slot in (old, new)
    ]  # fmt: skip
    gone = [each for each in effects[0] if each not in effects[1]]
    come = [each for each in effects[1] if each not in effects[0]]
    if gone or come:
        parts = [f"has {_named(come)}"] if come else []
        parts += [f"{'not' if come else 'has no longer'} {_named(gone)}"] if gone else []
        yield Difference("effects", new.id, f"{new.label} {', '.join(parts)}")
    texts = [plain(getattr(slot.clip.media_reference, "parameters", None) or {}) for slot in (old, new)]
    if texts[0] != texts[1]:
        words = " ".join(str(texts[1].get("text", "")).split())[:80]
        said = f"says '{words}'" if texts[0].get("text") != texts[1].get("text") else ""
        yield Difference("caption", new.id, f"{old.label} {said or 'is set differently'}")


def _join(desk: Desk, slot: Slot) -> str:
    if slot.transition is None:
        return "a cut"
    kind = str(studio_data(slot.transition).get("kind", "dissolve")).replace("_", " ")
    return f"a {kind} of {desk.time(slot.before + slot.after)}"


def _named(effects: list[dict[str, Any]]) -> str:
    return " and ".join(str(each.get("look") or each["name"]).replace("_", " ") for each in effects)


def _speed(slot: Slot) -> str:
    first, last = slot.speeds()
    return f"{float(first):g}x" if first == last else f"{float(first):g}x to {float(last):g}x"


def _gain(slot: Slot) -> str:
    gain = gain_of(slot.clip)
    return "silence" if gain <= -120 else f"{gain:+.1f} dB"


def _markers(old: otio.schema.Timeline, new: otio.schema.Timeline, one: Desk, two: Desk) -> Iterator[Difference]:
    names = [
        {str(marker.name): at for marker, at in zip(line.tracks.markers, desk.markers, strict=True)}
        for line, desk in ((old, one), (new, two))
    ]
    for name, at in names[1].items():
        if name not in names[0]:
            yield Difference("marker", "", f"The marker '{name[:60]}' was set at {two.time(at)}")
    for name in names[0]:
        if name not in names[1]:
            yield Difference("marker", "", f"The marker '{name[:60]}' is gone")
