"""A timeline laid out for changing: tracks of clips in whole frames, gaps implied, everything findable by id."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from configs.errors import UsageError
from tools.editing.change.ids import Ids
from tools.editing.change.slots import Slot
from tools.editing.effects import check_effect
from tools.editing.nested import read_place, unnested
from tools.editing.outline import CAPTION_KIND, STILL, plain, studio_data
from tools.editing.times import rate_of, seconds_of

if TYPE_CHECKING:
    import opentimelineio as otio

EDGE = 1
"""Sound is rounded up to whole frames: its ends may lie this many frames from its picture's."""
MAX_ID = 120
MOST_SPEED = 1000
PICTURE, OVERLAY, CAPTIONS = "video", "overlay", "captions"
PLAIN_ROLE = {"Video": PICTURE, "Audio": "audio", CAPTION_KIND: CAPTIONS}
BEDS = frozenset({"music", "ambience"})
"""Roles of sound that lie under the whole film and are never torn by a cut."""


@dataclass(frozen=True)
class SourceFacts:
    """What a change has to know of an asset before it puts it on a timeline."""

    asset_id: str
    path: Path
    """Relative to the workspace home."""
    name: str
    kind: str
    """'video', 'image' or 'audio'."""
    seconds: float = 0.0
    """0 for pictures."""
    has_audio: bool = False


@dataclass(eq=False)
class Lane:
    """A track; its clips in order of time."""

    track: otio.schema.Track
    role: str
    slots: list[Slot] = field(default_factory=list)
    length: int = 0
    """Frames, a gap at its end included."""

    @cached_property
    def is_sound(self) -> bool:
        return str(self.track.kind) == "Audio"

    def free(self, start: int, end: int, *, but: Slot | None = None) -> bool:
        return all(slot is but or slot.end <= start or slot.start >= end for slot in self.slots)

    def put(self, slot: Slot) -> None:
        self.slots.append(slot)
        self.slots.sort(key=lambda one: one.start)


class Desk:
    """A copy of a timeline on which changes are made; `write` gives the changed timeline."""

    def __init__(self, timeline: otio.schema.Timeline) -> None:
        """Nested timelines are laid out flat. Raises UsageError where that cannot be, and without any picture."""
        import opentimelineio as otio

        self.timeline: otio.schema.Timeline = timeline.clone()
        self.timeline.tracks[:] = [track if track.parent() is None else track.clone() for track in unnested(timeline)]
        if (part := timeline.tracks.source_range) is not None:
            self.timeline.tracks.source_range = None
            for marker in self.timeline.tracks.markers:
                at, length = marker.marked_range.start_time - part.start_time, marker.marked_range.duration
                marker.marked_range = otio.opentime.TimeRange(at, length)
        meta = studio_data(timeline)
        self.rate = rate_of(timeline)
        self.notes: list[str] = []
        """What a change brought with it, said after it."""
        named = [str(name) for clip in timeline.find_clips() if (name := studio_data(clip).get("id"))]
        used = plain(meta.get("ids"))
        known = used if isinstance(used, dict) else {}
        self.ids = Ids(named, {key: number for key, number in known.items() if isinstance(number, int)})
        self._seen: set[str] = set()
        self.lanes = [self._lane(track, n) for n, track in enumerate(self.timeline.tracks, 1)]
        self.markers = [max(0, self._frame(marker.marked_range.start_time)) for marker in self.timeline.tracks.markers]
        self._otio = otio
        if not any(lane.role == PICTURE and lane.slots for lane in self.lanes):
            raise UsageError(f"The timeline '{timeline.name}' has no picture", "its video tracks are empty")

    @property
    def main(self) -> Lane:
        """The picture's track: the one whose order is the film's. All other tracks hang on its times."""
        return next(lane for lane in self.lanes if lane.role == PICTURE and lane.slots)

    @property
    def length(self) -> int:
        """The film's frames, black at its end included."""
        return max((lane.length for lane in self.lanes if lane.role == PICTURE and lane.slots), default=0)

    def frames(self, seconds: float) -> int:
        return round(Fraction(seconds) * self.rate)

    def time(self, frames: int | Fraction) -> str:
        seconds = float(Fraction(frames) / self.rate)
        return f"{seconds:.2f} s" if abs(seconds) < 1e6 else f"{seconds:g} s"

    def every(self) -> Iterator[tuple[Lane, Slot]]:
        for lane in self.lanes:
            for slot in list(lane.slots):
                yield lane, slot

    def find(self, clip_id: str) -> tuple[Lane, Slot]:
        """The clip of this id with its track. Raises UsageError naming the nearest ids, or what became of it."""
        there = {slot.id: (lane, slot) for lane, slot in self.every()}
        if clip_id in there:
            return there[clip_id]
        pieces = [one for one in there if one.startswith(f"{clip_id}.")]
        if pieces and clip_id:
            raise UsageError(f"There is no clip '{clip_id[:60]}' any more", f"it was split into {', '.join(pieces)}")
        near = difflib.get_close_matches(clip_id, there, n=3)
        raise UsageError(
            f"There is no clip '{clip_id[:60]}' on the timeline",
            fix=f"Nearest: {', '.join(near)}" if near else f"Its clips are {', '.join(list(there)[:8])}",
        )

    def on_picture(self, clip_id: str, what: str) -> Slot:
        """A clip of the picture's track. Raises UsageError for clips of other tracks."""
        lane, slot = self.find(clip_id)
        if lane is not self.main:
            raise UsageError(f"{slot.label} is a {lane.role} clip", f"{what} is for clips of the picture's track")
        return slot

    def linked(self, slot: Slot) -> list[tuple[Lane, Slot]]:
        """The sound that belongs to a clip of the picture: of the same source, at the same time."""
        if not slot.media:
            return []
        # Times first: a film of a thousand shots asks this for each of them.
        near = [
            (lane, one)
            for lane in self.lanes
            if lane.is_sound
            for one in lane.slots
            if abs(one.start - slot.start) <= EDGE and abs(one.end - slot.end) <= EDGE and one.media == slot.media
        ]
        speed = slot.speeds()[0] if near else 0
        return [
            (lane, one)
            for lane, one in near
            if abs(one.source - slot.source - (one.start - slot.start) * speed) <= speed / 2
        ]

    def put(self, role: str, kind: str, slot: Slot) -> Lane:
        """Put a clip on a track of this role that is free there, on a new one if need be."""
        lane = next(
            (one for one in self.lanes if one.role == role and str(one.track.kind) == kind
             and one.free(slot.start, slot.end)), None,
        )  # fmt: skip
        if lane is None:
            lane = self._new_lane(role, kind)
        lane.put(slot)
        return lane

    def settle(self) -> None:
        """Make it hold together after a change: nothing overlaps, transitions join neighbours and fit them.

        Raises UsageError when no picture is left.
        """
        for lane in self.lanes:
            lane.slots.sort(key=lambda slot: slot.start)
            lane.length = max([lane.length, *(slot.end for slot in lane.slots[-1:])])
        if not any(lane.role == PICTURE and lane.slots for lane in self.lanes):
            raise UsageError("Nothing would be left of the picture", "every clip is taken away")
        main = self.main
        for lane in list(self.lanes):
            kept: list[Slot] = []
            for slot in lane.slots:
                if kept and slot.start < kept[-1].end:
                    if lane is main:
                        raise UsageError(f"{kept[-1].label} and {slot.label} would overlap")
                    lane.slots = [one for one in lane.slots if one is not slot]
                    slot.transition, slot.before, slot.after = None, 0, 0
                    self.put(lane.role, str(lane.track.kind), slot)
                else:
                    kept.append(slot)
        for lane in self.lanes:
            _fit_transitions(lane, self)

    def write(self) -> otio.schema.Timeline:
        """The timeline as it is now; tracks that nothing was done to are as they were."""
        otio = self._otio
        for lane in self.lanes:
            lane.track[:] = []
            cursor = 0
            for slot in lane.slots:
                if slot.start > cursor:
                    lane.track.append(otio.schema.Gap(source_range=self.span(0, slot.start - cursor)))
                if slot.transition is not None:
                    slot.transition.in_offset = self.moment(slot.before)
                    slot.transition.out_offset = self.moment(slot.after)
                    lane.track.append(slot.transition)
                slot.clip.source_range = self.span(slot.source, slot.frames)
                lane.track.append(slot.clip)
                cursor = slot.end
            if lane.role == PICTURE and lane.length > cursor:
                lane.track.append(otio.schema.Gap(source_range=self.span(0, lane.length - cursor)))
        self.timeline.tracks[:] = [lane.track for lane in self.lanes if len(lane.track) or lane.role == PICTURE]
        for marker, at in zip(list(self.timeline.tracks.markers), self.markers, strict=True):
            marker.marked_range = self.span(at, round(marker.marked_range.duration.rescaled_to(self._float).value))
        meta = {**studio_data(self.timeline), "fps": str(self.rate)}
        if used := self.ids.retire(slot.id for _, slot in self.every()):
            meta["ids"] = dict(sorted(used.items()))
        self.timeline.metadata["studio"] = meta
        return self.timeline

    def drop_marker(self, index: int) -> None:
        del self.markers[index]
        del self.timeline.tracks.markers[index]

    @property
    def _float(self) -> float:
        return float(self.rate)

    def _new_lane(self, role: str, kind: str) -> Lane:
        otio = self._otio
        same = [lane for lane in self.lanes if lane.role == role]
        track = otio.schema.Track(name=role if not same else f"{role} {len(same) + 1}", kind=kind)
        track.metadata["studio"] = {"role": role}
        lane = Lane(track, role)
        order = ["Video", "Audio", CAPTION_KIND]
        rank = order.index(kind) if kind in order else len(order)
        at = next((n for n, one in enumerate(self.lanes) if _rank(one, order) > rank), len(self.lanes))
        self.lanes.insert(at, lane)
        return lane

    def _lane(self, track: otio.schema.Track, number: int) -> Lane:
        import opentimelineio as otio

        role = " ".join(str(studio_data(track).get("role") or "").split())[:60]
        role = role or PLAIN_ROLE.get(str(track.kind), str(track.kind).lower())
        lane = Lane(track, role)
        clock, cursor, pending = Fraction(0), 0, None
        for item in list(track):
            if isinstance(item, otio.schema.Transition):
                pending = item
                continue
            if not isinstance(item, (otio.schema.Clip, otio.schema.Gap)):
                cause = f"its track '{track.name}' holds a {type(item).__name__}"
                raise UsageError("A timeline inside a timeline cannot be changed", cause, "Flatten it in its editor")
            span = item.trimmed_range()
            clock += seconds_of(span.duration)
            end = round(clock * self.rate)
            if isinstance(item, otio.schema.Clip) and end > cursor:
                slot = Slot(item, cursor, end - cursor, seconds_of(span.start_time) * self.rate)
                _check(slot)
                self._name(slot, number, len(lane.slots) + 1)
                if pending is not None and cursor:
                    slot.transition = pending
                    slot.before = max(0, self._frame(pending.in_offset))
                    slot.after = max(0, self._frame(pending.out_offset))
                lane.slots.append(slot)
            pending, cursor = None, end
        lane.length = cursor
        return lane

    def _name(self, slot: Slot, track: int, number: int) -> None:
        """Give a clip from elsewhere its id, and count its source from the file's beginning as the studio does."""
        clip_id = slot.id if len(slot.id) <= MAX_ID and slot.id.isprintable() else ""
        if clip_id and clip_id not in self._seen:
            self._seen.add(clip_id)
            return
        if not studio_data(slot.clip):
            available = getattr(slot.clip.media_reference, "available_range", None)
            if available is not None and available.start_time.value:
                # Editors write times of the camera's clock; the file itself begins at zero.
                slot.source -= seconds_of(available.start_time) * self.rate
                slot.clip.media_reference.available_range = self.span(
                    0, int(seconds_of(available.duration) * self.rate + Fraction(1, 1000))
                )
        slot.own(id=self.ids.new(clip_id or f"clip-t{track}c{number}"))
        self._seen.add(slot.id)

    def _frame(self, time: otio.opentime.RationalTime) -> int:
        return round(seconds_of(time) * self.rate)

    def moment(self, frames: Fraction | int) -> otio.opentime.RationalTime:
        """A frame of the film as OpenTimelineIO's time."""
        return self._otio.opentime.RationalTime(float(frames), self._float)

    def span(self, start: Fraction | int, frames: int) -> otio.opentime.TimeRange:
        """Frames from `start` on, as OpenTimelineIO's range."""
        import opentimelineio as otio

        return otio.opentime.TimeRange(
            otio.opentime.RationalTime(float(start), self._float), otio.opentime.RationalTime(frames, self._float)
        )


def named(timeline: otio.schema.Timeline) -> otio.schema.Timeline:
    """A copy in which every clip has an id and every time is in whole frames; for timelines from elsewhere."""
    desk = Desk(timeline)
    desk.settle()
    return desk.write()


def relative(path: Path) -> str:
    """A source's file as the timeline names it. Raises UsageError when it lies outside the workspace."""
    target = PurePosixPath(path.as_posix())
    if target.is_absolute() or ".." in target.parts:
        raise UsageError(f"The file {path.name} lies outside the workspace")
    return str(target)


def _check(slot: Slot) -> None:
    """Stills and backwards play of other programs (see `effects_of`) are written as the studio does.

    Raises UsageError for speeds, effects and places that cannot be.
    """
    import opentimelineio as otio

    for number, effect in enumerate(slot.clip.effects):
        if not isinstance(effect, otio.schema.LinearTimeWarp) or isinstance(effect, otio.schema.FreezeFrame):
            continue
        speed = float(effect.time_scalar)
        if not math.isfinite(speed) or abs(speed) > MOST_SPEED:
            raise UsageError(f"{slot.label} has no usable speed", f"{speed:g}")
        if abs(speed) < STILL:
            slot.clip.effects[number] = otio.schema.FreezeFrame(name="freeze")
    if any(isinstance(effect, otio.schema.LinearTimeWarp) and effect.time_scalar < 0 for effect in slot.clip.effects):
        slot.set_effects(slot.effects)
    for each in slot.effects:
        if each["name"] == "speed":
            factor = each.get("factor")
            if not isinstance(factor, (int, float)) or not 0 < factor <= MOST_SPEED:
                raise UsageError(f"{slot.label} has no usable speed", f"'{str(factor)[:40]}'")
        elif each["name"] != "foreign":
            check_effect(each)
    if place := studio_data(slot.clip).get("place"):
        read_place(plain(place), str(slot.clip.name))
    first, last = slot.speeds()
    if not slot.frozen and slot.media and min(first, last) <= 0:
        raise UsageError(f"{slot.label} has no usable speed", "its ramp stands still")


def _rank(lane: Lane, order: list[str]) -> int:
    kind = str(lane.track.kind)
    return order.index(kind) if kind in order else len(order)


def _fit_transitions(lane: Lane, desk: Desk) -> None:
    """Shorten transitions to the clips that they join; those with nothing to join are gone."""
    was = {slot: (slot.before, slot.after) for slot in lane.slots if slot.transition is not None}
    for last, slot in zip([None, *lane.slots], lane.slots, strict=False):
        if slot.transition is not None and (last is None or last.end != slot.start):
            slot.transition, slot.before, slot.after = None, 0, 0
            desk.notes.append(f"the transition into {slot.label} is gone, as nothing comes right before it")
            del was[slot]
    for slot, following in zip_longest(lane.slots, lane.slots[1:]):
        leaves = following.before if following is not None else 0
        slot.after = min(slot.after, max(slot.frames // 2, slot.frames - leaves))
        if following is not None:
            following.before = min(leaves, slot.frames - slot.after)
    for slot, reach in was.items():
        if reach != (slot.before, slot.after):
            if slot.before + slot.after < 1:
                slot.transition = None
            left = f"shortened to {desk.time(slot.before + slot.after)}" if slot.transition is not None else "gone"
            desk.notes.append(f"the transition into {slot.label} is {left}, as the clips are too short")
