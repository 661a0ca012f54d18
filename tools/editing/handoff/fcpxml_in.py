"""FCPXML read: spine, storylines, clips joined to others, transitions, speeds and ramps, stills, volumes, markers.

The installed OpenTimelineIO adapter loses transitions and speeds, and takes 29.97 frames per second for 29.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from configs.errors import UsageError
from tools.editing.handoff.fcpxml import RATES

if TYPE_CHECKING:
    import opentimelineio as otio

Element = ElementTree.Element
CLIPS = ("asset-clip", "clip", "video", "audio")
UNREAD = {
    "ref-clip": "compound clip", "sync-clip": "synchronised clip", "mc-clip": "multicam clip",
    "title": "title",
}  # fmt: skip
SLOWEST, FASTEST = Fraction(1, 100), Fraction(100)
"""Speeds that a clip here can have."""
HALF = Fraction(1, 2)
SOURCE = "source"
"""Key of the track of sound that belongs to the pictures of the spine."""


@dataclass
class _Placed:
    clip: otio.schema.Clip
    start: int
    frames: int


@dataclass
class _Film:
    """What has been read so far: clips by track, transitions and markers by frame."""

    tracks: dict[str, list[_Placed]] = field(default_factory=dict)
    joins: list[tuple[int, int]] = field(default_factory=list)
    """(first frame, frames) on the spine."""
    markers: list[tuple[int, str, str]] = field(default_factory=list)
    """(frame, name, note)."""
    notes: list[str] = field(default_factory=list)
    end: int = 0
    """Frames of the spine, black at its end included."""


def read_fcpxml(root: Element) -> tuple[otio.schema.Timeline, list[str]]:
    """The first project's timeline, and what of it could not be read, one sentence each.

    Raises UsageError when there is no sequence, or its rate is not given.
    """
    return _Reader(root).read()


class _Reader:
    def __init__(self, root: Element) -> None:
        found = root.find(".//project/sequence")
        sequence = found if found is not None else root.find(".//sequence")
        if sequence is None or sequence.find("spine") is None:
            raise UsageError("The FCPXML holds no timeline", "there is no project with a sequence in it")
        self._sequence = sequence
        project = root.find(".//project")
        self._name = str(project.get("name", "") if project is not None else "") or "Imported"
        self._resources = {str(one.get("id")): one for one in root.iterfind("./resources/*")}
        shape = self._resources.get(str(sequence.get("format")))
        duration = _time(shape.get("frameDuration")) if shape is not None else Fraction(0)
        if not duration:
            raise UsageError(
                "The FCPXML does not say its frame rate", "its sequence has no format with a frameDuration"
            )
        self._rate = 1 / duration
        self._size = (shape.get("width"), shape.get("height")) if shape is not None else (None, None)
        self._film = _Film()

    def read(self) -> tuple[otio.schema.Timeline, list[str]]:
        import opentimelineio as otio

        spine = self._sequence.find("spine")
        assert spine is not None
        self._storyline(spine, Fraction(0), _time(self._sequence.get("tcStart")), "0")
        timeline = otio.schema.Timeline(name=self._name)
        order = sorted(self._film.tracks, key=lambda key: (key != "0", key == SOURCE, key.startswith("-"), key))
        for key in order:
            timeline.tracks.append(self._track(key))
        for at, name, note in self._film.markers:
            timeline.tracks.markers.append(otio.schema.Marker(name=name, marked_range=self._span(at, 0), comment=note))
        own = {"fps": str(self._rate)}
        if all(value and value.isdigit() for value in self._size):
            timeline.metadata["studio"] = {**own, "width": int(str(self._size[0])), "height": int(str(self._size[1]))}
        else:
            timeline.metadata["studio"] = own
        counts = {note: self._film.notes.count(note) for note in self._film.notes}
        return timeline, [f"{note} ({count} times)" if count > 1 else note for note, count in counts.items()]

    def _storyline(self, spine: Element, begin: Fraction, clock: Fraction, lane: str) -> None:
        """Items one after another; `begin` is where `clock` lies on the timeline, seconds."""
        cursor = begin
        for each in spine:
            item = _chosen(each)
            length = self._length(item)
            start = begin + _time(each.get("offset")) - clock if each.get("offset") else cursor
            if item.tag == "transition":
                if lane == "0":
                    self._film.joins.append((self._frame(start), self._frame(start + length) - self._frame(start)))
                else:
                    self._film.notes.append("transition of a storyline above or below: left out")
                continue
            self._item(item, start, length, lane)
            cursor = start + length
            if lane == "0":
                self._film.end = max(self._film.end, self._frame(cursor))

    def _length(self, item: Element) -> Fraction:
        """Seconds of an item; one that does not say plays all of its file."""
        if item.get("duration") or item.tag != "asset-clip":
            return _time(item.get("duration"))
        asset = self._resources.get(str(item.get("ref")))
        return _time(asset.get("duration")) / self._conformed(item) if asset is not None else Fraction(0)

    def _item(self, item: Element, start: Fraction, length: Fraction, lane: str) -> None:
        if item.tag in UNREAD:
            self._film.notes.append(f"{UNREAD[item.tag]}: black for as long")
        elif item.tag in CLIPS and length > 0:
            self._clip(item, start, length, lane)
        elif item.tag not in ("gap", *CLIPS):
            return
        own = _time(item.get("start"))
        for child in item:
            if child.tag in ("marker", "chapter-marker"):
                at = self._frame(start + (_time(child.get("start")) - own) / self._conformed(item))
                self._film.markers.append((at, str(child.get("value", "")), str(child.get("note", ""))))
            elif child.get("lane"):
                begin = start + _time(child.get("offset")) - own
                if child.tag == "spine":
                    self._storyline(child, begin, Fraction(0), str(child.get("lane")))
                else:
                    self._item(_chosen(child), begin, self._length(_chosen(child)), str(child.get("lane")))

    def _clip(self, item: Element, start: Fraction, length: Fraction, lane: str) -> None:
        import opentimelineio as otio

        holder = item if item.get("ref") else next((one for one in item.iter() if one.get("ref") in self._resources
                                                    and one.tag in ("video", "audio")), None)  # fmt: skip
        asset = self._resources.get(str(holder.get("ref"))) if holder is not None else None
        if asset is None or asset.tag != "asset":
            self._film.notes.append("clip without a source: black for as long")
            return
        zero = _time(asset.get("start"))
        first, frames = self._frame(start), self._frame(start + length) - self._frame(start)
        if frames < 1:
            return
        begin = _time(item.get("start") or asset.get("start")) - zero
        effects, mapped = self._speed(item, length)
        begin = mapped - zero if mapped is not None else begin
        whole = round(_time(asset.get("duration")) * self._rate)
        rep = asset.find("media-rep")
        url = str(asset.get("src") or (rep.get("src") if rep is not None else "") or "")
        enabled = item.get("enabled", "1") != "0"
        silent = str(asset.get("hasAudio", "0")) != "1" or item.get("srcEnable", "all") == "video"
        deaf = asset.get("hasVideo", "0") != "1" and asset.get("hasAudio") == "1"
        sound = item.tag == "audio" or item.get("srcEnable") == "audio" or deaf
        for key in [lane] + [SOURCE] * (lane == "0" and not silent and not sound):
            heard = key == SOURCE or sound
            media = otio.schema.ExternalReference(
                target_url=url, available_range=self._span(0, whole) if whole else None
            )  # fmt: skip
            clip = otio.schema.Clip(
                name=str(item.get("name") or asset.get("name") or ""),
                media_reference=media,
                source_range=self._span(begin * self._rate, frames),
                effects=[effect.clone() for effect in effects],
            )
            clip.enabled = enabled
            if heard and (gain := _decibels(item)):
                clip.metadata["fcpx_gain_db"] = gain
            track = SOURCE if key == SOURCE else f"{'-' if sound else ''}{key.lstrip('-')}" if key != "0" else key
            self._film.tracks.setdefault(track, []).append(_Placed(clip, first, frames))

    def _conformed(self, item: Element) -> Fraction:
        """How much faster a clip plays because its source is made to run at the sequence's rate."""
        rate = item.find("conform-rate")
        name = "" if rate is None or rate.get("scaleEnabled", "1") == "0" else rate.get("srcFrameRate", "")
        own = next((one for one, called in RATES.items() if called == name), self._rate)
        return self._rate / own

    def _speed(self, item: Element, length: Fraction) -> tuple[list[otio.schema.Effect], Fraction | None]:
        """The effects that a clip's time map stands for, and the first moment of the source that is seen.

        The map is of the clip's own clock, and usually of all of its file: the clip shows what lies from `start` on.
        """
        import opentimelineio as otio

        conformed = self._conformed(item)
        marks = [(_time(one.get("time")), _time(one.get("value"))) for one in item.iterfind("timeMap/timept")]
        if len(marks) < 2 or marks[-1][0] <= marks[0][0]:
            plain = otio.schema.LinearTimeWarp(name="speed", time_scalar=float(conformed))
            return ([] if conformed == 1 else [plain]), None
        begin = _time(item.get("start"))
        end = begin + length
        inside = [(at, value) for at, value in marks if begin < at < end]
        shown = [(begin, _mapped(marks, begin)), *inside, (end, _mapped(marks, end))]
        slope = conformed * (shown[-1][1] - shown[0][1]) / length
        if ramp := self._ramp(shown):
            own = {"factor": float(ramp[0] * conformed), "factor_end": float(ramp[1] * conformed)}
            return [otio.schema.Effect(name="ramp", effect_name="studio.ramp", metadata={"studio": own})], shown[0][1]
        if any(abs(_mapped([shown[0], shown[-1]], at) - value) * self._rate > HALF for at, value in inside):
            self._film.notes.append("changing speed: read as its mean")
        low = min(shown[0][1], shown[-1][1])
        if not slope:
            return [otio.schema.FreezeFrame()], low
        effects: list[otio.schema.Effect] = []
        if abs(slope) != 1:
            effects.append(otio.schema.LinearTimeWarp(name="speed", time_scalar=float(abs(slope))))
        if slope < 0:
            effects.append(otio.schema.Effect(name="reverse", effect_name="studio.reverse", metadata={"studio": {}}))
        return effects, low

    def _ramp(self, marks: list[tuple[Fraction, Fraction]]) -> tuple[Fraction, Fraction] | None:
        """The speeds of a ramp's two ends, where the map is one to half a frame: s(t) = a t + (b - a) t^2 / 2T."""
        whole = marks[-1][0] - marks[0][0]
        middle = next((mark for mark in marks[1:-1] if abs(mark[0] - marks[0][0] - whole / 2) <= whole / 4), None)
        if middle is None:
            return None
        at, seen = (middle[0] - marks[0][0]) / whole, middle[1] - marks[0][1]
        gone = marks[-1][1] - marks[0][1]
        bend = (gone * at - seen) / (at - at * at)  # half of (b - a) T
        first, last = (gone - bend) / whole, (gone + bend) / whole
        if abs(bend) * self._rate < HALF or min(first, last) < SLOWEST or max(first, last) > FASTEST:
            return None

        def there(time: Fraction) -> Fraction:
            part = (time - marks[0][0]) / whole
            return marks[0][1] + (gone - bend) * part + bend * part * part

        exact = all(abs(there(time) - value) <= HALF / self._rate for time, value in marks)
        return (first, last) if exact else None

    def _track(self, key: str) -> otio.schema.Track:
        import opentimelineio as otio

        sound = key == SOURCE or key.startswith("-")
        track = otio.schema.Track(name="Video" if key == "0" else key, kind="Audio" if sound else "Video")
        if key == SOURCE:
            track.metadata["studio"] = {"role": SOURCE}
        cursor = 0
        for placed in sorted(self._film.tracks[key], key=lambda one: one.start):
            if placed.start < cursor:
                self._film.notes.append("clip that lies over another of its lane: left out")
                continue
            if placed.start > cursor:
                track.append(otio.schema.Gap(source_range=self._span(0, placed.start - cursor)))
            elif key == "0" and cursor and (join := self._join(cursor)):
                track.append(join)
            track.append(placed.clip)
            cursor = placed.start + placed.frames
        if key == "0" and self._film.end > cursor:
            track.append(otio.schema.Gap(source_range=self._span(0, self._film.end - cursor)))
        return track

    def _join(self, cut: int) -> otio.schema.Transition | None:
        import opentimelineio as otio

        found = next(((at, frames) for at, frames in self._film.joins if at <= cut <= at + frames and frames), None)
        if found is None:
            return None
        kinds = otio.schema.TransitionTypes
        return otio.schema.Transition(
            name="dissolve",
            transition_type=kinds.SMPTE_Dissolve,
            in_offset=otio.opentime.RationalTime(cut - found[0], float(self._rate)),
            out_offset=otio.opentime.RationalTime(found[0] + found[1] - cut, float(self._rate)),
        )

    def _frame(self, seconds: Fraction) -> int:
        return round(seconds * self._rate)

    def _span(self, start: Fraction | int, frames: int) -> otio.opentime.TimeRange:
        import opentimelineio as otio

        time = otio.opentime.RationalTime
        return otio.opentime.TimeRange(time(float(start), float(self._rate)), time(frames, float(self._rate)))


def _time(text: str | None) -> Fraction:
    """'1001/30000s', '5s' or nothing, in seconds. Raises UsageError for anything else."""
    if not text:
        return Fraction(0)
    try:
        value = Fraction(text.strip().removesuffix("s").strip())
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError("The FCPXML is damaged", f"'{text[:40]}' is no time") from error
    if abs(value) > 10**7:
        raise UsageError("The FCPXML is damaged", f"'{text[:40]}' is no usable time")
    return value


def _chosen(item: Element) -> Element:
    """Of an audition the pick, which is its first clip."""
    return item[0] if item.tag == "audition" and len(item) else item


def _mapped(marks: list[tuple[Fraction, Fraction]], at: Fraction) -> Fraction:
    """The moment of the source at `at` of a map's clock, in straight lines between its points and beyond them."""
    after = next((number for number, mark in enumerate(marks) if mark[0] >= at), len(marks) - 1)
    (begin, low), (end, high) = marks[max(0, after - 1)], marks[max(1, after)]
    return low if end == begin else low + (high - low) * (at - begin) / (end - begin)


def _decibels(item: Element) -> float:
    volume = item.find("adjust-volume")
    text = str(volume.get("amount", "")) if volume is not None else ""
    try:
        return max(-120.0, min(24.0, float(text.removesuffix("dB")))) if text else 0.0
    except ValueError:
        return 0.0
