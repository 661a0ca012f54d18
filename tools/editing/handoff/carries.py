"""What a format carries of a timeline, and what is lost in it, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.editing.change.desk import BEDS, CAPTIONS, OVERLAY, PICTURE, Desk
from tools.editing.change.slots import Slot
from tools.editing.outline import gain_of, plain, studio_data

NAMED = 3
"""So many clips are named in a sentence; the rest is counted."""
OWN_TIME = ("speed", "ramp", "reverse")


@dataclass(frozen=True)
class Carries:
    """What of a timeline another editor reads from this format."""

    transitions: frozenset[str] = frozenset({"dissolve"})
    """Those that arrive as they are; others are written as dissolves of the same length."""
    speed: bool = False
    ramp: bool = False
    reverse: bool = False
    freeze: bool = False
    gain: bool = False
    markers: bool = False
    overlays: bool = False
    """As further tracks of pictures, without their places."""
    sound_tracks: int = 1000
    """The most of them; further ones are left out."""
    size: bool = False


def lost_in(desk: Desk, carries: Carries) -> list[str]:
    """One sentence per kind of thing that the format does not carry; [] when all of it arrives."""
    return list(_lost(desk, carries))


def _lost(desk: Desk, carries: Carries) -> Iterator[str]:
    yield from _transitions(desk, carries)
    yield from _times(desk, carries)
    yield from _other_tracks(desk, carries)
    yield from _effects(desk)
    markers = len(desk.markers)
    if markers and not carries.markers:
        yield f"{markers} marker{'s' * (markers > 1)}: lost"
    if not carries.size and studio_data(desk.timeline).get("width"):
        data = studio_data(desk.timeline)
        yield f"the film's size, {data['width']}x{data['height']}: not written; set it in the other editor"


def _transitions(desk: Desk, carries: Carries) -> Iterator[str]:
    joined = [slot for slot in desk.main.slots if slot.transition is not None]
    # What is black elsewhere is no clip there, so nothing can be mixed with it.
    cards = {slot.end for slot in desk.main.slots if not slot.media}
    black = [slot for slot in joined if not slot.media or slot.start in cards]
    joined = [slot for slot in joined if slot not in black]
    if black:
        yield f"{_count(black, 'transition')} into or out of a title card: written as cuts ({_names(black)})"
    kinds: dict[str, list[Slot]] = {}
    for slot in joined:
        kinds.setdefault(transition_kind(slot), []).append(slot)
    for kind, slots in kinds.items():
        if kind not in carries.transitions:
            how = "written as a dissolve of the same length" if carries.transitions else "written as cuts"
            yield f"{_count(slots, kind.replace('_', ' '))}: {how} ({_names(slots)})"
    early = [slot for slot in joined if slot.media and slot.before > round(slot.source)]
    if early:
        most = max(slot.before - round(slot.source) for slot in early)
        later = f"up to {most} frame{'s' * (most > 1)} later, as the source has none before"
        yield f"the beginning of {_count(early, 'clip')} under a dissolve: {later} ({_names(early)})"


def _times(desk: Desk, carries: Carries) -> Iterator[str]:
    """How clips play, and what has no time of its own."""
    main = desk.main.slots
    for name, carried in (("speed", carries.speed), ("ramp", carries.ramp), ("reverse", carries.reverse)):
        slots = [slot for slot in main if any(each["name"] == name for each in slot.effects)]
        if slots and not carried:
            what = {"speed": "speed", "ramp": "speed ramp", "reverse": "backwards play"}[name]
            yield f"{what} of {_count(slots, 'clip')}: lost; what plays lasts as long as it should ({_names(slots)})"
    frozen = [slot for slot in main if slot.frozen]
    if frozen and not carries.freeze:
        yield f"{_count(frozen, 'still')}: moving in the other editor, for as long ({_names(frozen)})"
    titles = [slot for slot in main if not slot.media]
    if titles:
        yield f"{_count(titles, 'title card')}: black for as long ({_names(titles)})"


def _effects(desk: Desk) -> Iterator[str]:
    effects: dict[str, list[Slot]] = {}
    # A picture and its sound fade together: that is one clip to people.
    linked = {id(sound) for shot in desk.main.slots for _, sound in desk.linked(shot)}
    for _, slot in desk.every():
        for each in slot.effects if id(slot) not in linked else ():
            if each["name"] not in OWN_TIME:
                name = each.get("look") or each.get("effect") or each["name"]
                effects.setdefault(str(name).replace("_", " "), []).append(slot)
    for name, slots in effects.items():
        yield f"{name[:60]} on {_count(slots, 'clip')}: lost ({_names(slots)})"


def _other_tracks(desk: Desk, carries: Carries) -> Iterator[str]:
    overlays = [slot for lane in desk.lanes if lane.role == OVERLAY for slot in lane.slots]
    if overlays:
        how = "written on a further track, without place and blend" if carries.overlays else "lost"
        yield f"{_count(overlays, 'overlay')}: {how} ({_names(overlays)})"
    captions = [slot for lane in desk.lanes if lane.role == CAPTIONS for slot in lane.slots]
    if captions:
        yield f"{_count(captions, 'caption')}: not written; export srt or vtt too"
    sounds = [lane for lane in desk.lanes if lane.is_sound and lane.slots]
    if left := sounds[carries.sound_tracks :]:
        names = ", ".join(f"'{lane.track.name}'" for lane in left)
        most = f", {carries.sound_tracks} are the most" if carries.sound_tracks else ", the format has pictures only"
        yield f"{len(left)} of {len(sounds)} tracks of sound: left out{most} ({names})"
        sounds = sounds[: carries.sound_tracks]
    gains = [slot for lane in sounds for slot in lane.slots if gain_of(slot.clip)]
    if gains and not carries.gain:
        yield f"gain of {_count(gains, 'clip')}: lost ({_names(gains)})"
    ducked = plain(studio_data(desk.timeline)).get("ducking") or any(lane.role in BEDS for lane in sounds)
    if ducked and any(lane.role == "dialogue" for lane in sounds):
        yield "music stepping back under speech: lost; mix it in the other editor"
    upper = [lane for lane in desk.lanes if lane.role == PICTURE and lane.slots and lane is not desk.main]
    if upper and not carries.overlays:
        yield f"{len(upper)} upper track{'s' * (len(upper) > 1)} of pictures: lost"


def transition_kind(slot: Slot) -> str:
    """'dissolve' for transitions of other editors."""
    return str(studio_data(slot.transition).get("kind", "dissolve")) if slot.transition is not None else "cut"


def _count(slots: list[Slot], what: str) -> str:
    return f"{len(slots)} {what}" if len(slots) == 1 else f"{len(slots)} {what}{'es' if what.endswith('sh') else 's'}"


def _names(slots: list[Slot]) -> str:
    names = list(dict.fromkeys(str(slot.clip.name or slot.id).replace("\n", " ")[:40] for slot in slots))
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
