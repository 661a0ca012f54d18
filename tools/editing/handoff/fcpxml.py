"""Final Cut Pro's XML (FCPXML 1.8, which Resolve reads too), written here.

The installed OpenTimelineIO adapter writes neither transitions nor speeds, and starts a program to measure sources.
After Apple's "FCPXML Reference" (developer.apple.com/documentation/professional_video_applications/fcpxml_reference)
and its DTD of version 1.8: times are rational seconds on the frame grid; `offset` is in the clock of what a clip lies
in, and `start` in its own, which a `timeMap` stretches. A picture is a `video` of a format without a rate, as Final
Cut writes it itself; a film of another rate says that it is not to be slowed down to the sequence's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from tools.editing.change.desk import OVERLAY, PICTURE, Desk, Lane
from tools.editing.change.slots import Slot
from tools.editing.handoff.carries import Carries, lost_in
from tools.editing.handoff.written import Written, clean
from tools.editing.outline import gain_of, studio_data
from tools.editing.specs import frame_rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.editing.program import Source

FCPXML = Carries(
    speed=True, ramp=True, reverse=True, freeze=True, gain=True, markers=True, overlays=True, size=True
)  # fmt: skip
CROSS_DISSOLVE = "FxPlug:4731E73A-8DAC-4113-9A30-AE85B1761265"
RAMP_POINTS = 16
QUIETEST_DB = -96.0
"""Final Cut's lower end."""
TIMELESS = "FFVideoFormatRateUndefined"
"""Final Cut's name for the format of pictures."""
RATES = {
    Fraction(rate * thousand, 1001 if thousand == 1000 else 1): name
    for rate, thousand, name in (
        (24, 1000, "23.98"), (24, 1, "24"), (25, 1, "25"), (30, 1000, "29.97"), (30, 1, "30"), (48, 1000, "47.95"),
        (48, 1, "48"), (50, 1, "50"), (60, 1000, "59.94"), (60, 1, "60"),
    )
}  # fmt: skip
"""The rates that Final Cut knows, by the names that it has for them."""
ROLES = {"dialogue": "dialogue", "music": "music", "ambience": "effects", "effects": "effects", "sfx": "effects"}
"""Final Cut's roles of sound for the studio's."""
Element = ElementTree.Element


def write_fcpxml(desk: Desk, source_of: Callable[[Slot], Source]) -> Written:
    """One project: pictures on the spine, overlays above and sound below, joined to the pictures under their start."""
    writer = _Writer(desk, source_of)
    root = Element("fcpxml", version="1.8")
    root.append(writer.resources)
    name = clean(desk.timeline.name) or "Untitled"
    event = ElementTree.SubElement(ElementTree.SubElement(root, "library"), "event", name=name)
    project = ElementTree.SubElement(event, "project", name=name)
    sequence = ElementTree.SubElement(
        project, "sequence", format="r1", duration=writer.time(desk.length), tcStart="0s", tcFormat="NDF"
    )  # fmt: skip
    sequence.append(writer.spine())
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    lost = lost_in(desk, FCPXML)
    if desk.rate not in RATES:
        lost.append(f"{float(desk.rate):g} frames per second: Final Cut Pro has no such rate, other programs may")
    return Written(f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{text}\n', lost)


@dataclass
class _Shot:
    """Something on the spine, and the clock that what lies on it is joined to."""

    element: Element
    start: int
    end: int
    clock: Fraction
    """Its own time at its first frame, in frames."""
    markers: list[Element] = field(default_factory=list)


class _Writer:
    def __init__(self, desk: Desk, source_of: Callable[[Slot], Source]) -> None:
        self._desk, self._source_of = desk, source_of
        self.resources = Element("resources")
        data = studio_data(desk.timeline)
        shape = ElementTree.SubElement(self.resources, "format", id="r1", frameDuration=self.time(1))
        for name in ("width", "height"):
            if data.get(name):
                shape.set(name, str(data[name]))
        self._sounds: dict[Slot, list[Slot]] = {}
        self._assets: dict[Path, str] = {}
        self._formats: dict[tuple[int, int, Fraction], str] = {}
        self._dissolve = ""

    def time(self, frames: Fraction | int) -> str:
        seconds = Fraction(frames) / self._desk.rate
        if not seconds:
            return "0s"
        rate = self._desk.rate
        if Fraction(frames).denominator == 1:  # on the frame grid, so that it is seen to be
            return f"{int(frames) * rate.denominator}/{rate.numerator}s"
        return f"{seconds.numerator}/{seconds.denominator}s"

    def spine(self) -> Element:
        spine, desk = Element("spine"), self._desk
        self._sounds = {slot: [sound for _, sound in desk.linked(slot)] for slot in desk.main.slots if slot.media}
        linked = {id(sound) for sounds in self._sounds.values() for sound in sounds}
        shots: list[_Shot] = []
        cursor = 0
        for slot in [slot for slot in desk.main.slots if slot.media]:
            if slot.start > cursor:
                shots.append(self._gap(cursor, slot.start))
                spine.append(shots[-1].element)
            elif slot.transition is not None and shots:
                spine.append(self._transition(slot))
            shots.append(self._shot(slot))
            spine.append(shots[-1].element)
            cursor = slot.end
        if cursor < desk.length:
            shots.append(self._gap(cursor, desk.length))
            spine.append(shots[-1].element)
        lanes = self._lanes()
        for lane in lanes:
            for slot in lane.slots:
                if id(slot) not in linked and slot.start < desk.length:
                    self._join(slot, lane, _number(lane, lanes), shots)
        for marker, at in zip(desk.timeline.tracks.markers, desk.markers, strict=True):
            shot = _under(shots, at)
            spot = Element("marker", start=self.time(shot.clock + at - shot.start), duration=self.time(1))
            spot.set("value", clean(marker.name) or "marker")
            if marker.comment:
                spot.set("note", clean(marker.comment))
            shot.markers.append(spot)
        for shot in shots:
            shot.element.extend(shot.markers)
        return spine

    def _lanes(self) -> list[Lane]:
        lanes = [lane for lane in self._desk.lanes if lane is not self._desk.main and lane.slots]
        return [lane for lane in lanes if lane.is_sound or lane.role in (OVERLAY, PICTURE)]

    def _gap(self, begin: int, end: int) -> _Shot:
        made = Element(
            "gap", name="Gap", offset=self.time(begin), start="0s", duration=self.time(end - begin)
        )  # fmt: skip
        return _Shot(made, begin, end, Fraction(0))

    def _shot(self, slot: Slot) -> _Shot:
        sounds = self._sounds[slot]
        made, clock = self._clip(slot, "all" if sounds else "video")
        made.set("offset", self.time(slot.start))
        if sounds:
            self._volume(made, sounds[0])
        return _Shot(made, slot.start, slot.end, clock)

    def _join(self, slot: Slot, lane: Lane, number: int, shots: list[_Shot]) -> None:
        shot = _under(shots, slot.start)
        made, _ = self._clip(slot, "audio" if lane.is_sound else "video")
        made.set("lane", str(number))
        made.set("offset", self.time(shot.clock + slot.start - shot.start))
        if lane.is_sound:
            if role := ROLES.get(lane.role):
                made.set("audioRole", role)
            self._volume(made, slot)
        shot.element.append(made)

    def _clip(self, slot: Slot, enabled: str) -> tuple[Element, Fraction]:
        """The clip and its own clock at its first frame, in frames."""
        source = self._source_of(slot)
        name = clean(slot.clip.name) or source.path.stem
        if source.info.kind == "image":
            made = Element("video", ref=self._asset(source), name=name)
            made.set("start", "0s")
            made.set("duration", self.time(slot.frames))
            return made, Fraction(0)
        made = Element("asset-clip", ref=self._asset(source), name=name)
        rate = self._rate(source)
        if rate != self._desk.rate:
            # Without it a film of 25 frames per second is slowed down to a sequence's 24.
            conform = ElementTree.SubElement(made, "conform-rate", scaleEnabled="0")
            if rate in RATES:
                conform.set("srcFrameRate", RATES[rate])
        first, last = slot.speeds()
        clock = slot.source
        if slot.frozen or slot.backwards or first != last or first != 1:
            # Retimed, its clock starts at 0 here, and the map says which moment of the source is seen when.
            clock = Fraction(0)
            points = ElementTree.SubElement(made, "timeMap")
            for frame, value in self._points(slot):
                ElementTree.SubElement(
                    points, "timept", time=self.time(frame), value=self.time(value), interp="linear"
                )  # fmt: skip
        made.set("start", self.time(clock))
        made.set("duration", self.time(slot.frames))
        if enabled != "all" and source.info.kind == "video" and source.info.has_audio:
            made.set("srcEnable", enabled)
        return made, clock

    def _points(self, slot: Slot) -> list[tuple[int, Fraction]]:
        """(frame of the clip, frame of the source), where the speed changes."""
        if slot.frozen:
            return [(0, slot.source), (slot.frames, slot.source)]
        first, last = slot.speeds()
        count = 1 if first == last else min(RAMP_POINTS, slot.frames)
        frames = [slot.frames * number // count for number in range(count + 1)]
        whole = slot.eaten(slot.frames)
        return [
            (frame, slot.source + (whole - slot.eaten(frame) if slot.backwards else slot.eaten(frame)))
            for frame in frames
        ]  # fmt: skip

    def _volume(self, made: Element, sound: Slot) -> None:
        gain = gain_of(sound.clip)
        if gain:
            volume = Element("adjust-volume", amount=f"{max(QUIETEST_DB, gain):g}dB")
            made.insert(sum(made.find(name) is not None for name in ("conform-rate", "timeMap")), volume)

    def _transition(self, slot: Slot) -> Element:
        if not self._dissolve:
            self._dissolve = f"r{len(self.resources) + 1}"
            ElementTree.SubElement(
                self.resources, "effect", id=self._dissolve, name="Cross Dissolve", uid=CROSS_DISSOLVE
            )
        made = Element(
            "transition",
            name="Cross Dissolve",
            offset=self.time(slot.start - slot.before),
            duration=self.time(slot.before + slot.after),
        )
        ElementTree.SubElement(made, "filter-video", ref=self._dissolve, name="Cross Dissolve")
        return made

    def _asset(self, source: Source) -> str:
        """The resource of a file, made once."""
        if source.path in self._assets:
            return self._assets[source.path]
        info = source.info
        shape = self._format(source) if info.kind != "audio" else ""
        identity = self._assets[source.path] = f"r{len(self.resources) + 1}"
        made = ElementTree.SubElement(
            self.resources, "asset", id=identity, name=clean(source.path.name), src=source.path.as_uri(), start="0s"
        )
        frames = int(Fraction(info.seconds).limit_denominator(1_000_000) * self._desk.rate)
        made.set("duration", "0s" if info.kind == "image" else self.time(frames))
        if info.kind != "audio":
            made.set("hasVideo", "1")
            made.set("format", shape)
        if info.has_audio:
            made.set("hasAudio", "1")
            made.set("audioSources", "1")
            made.set("audioChannels", str(info.channels or 2))
            made.set("audioRate", str(info.sample_rate or 48000))
        return identity

    def _rate(self, source: Source) -> Fraction:
        """A film's own rate; the sequence's for sounds, and where frames are not evenly spaced."""
        info = source.info
        even = info.kind == "video" and not info.vfr and 1 <= info.fps <= 240
        return frame_rate(info.fps) if even else self._desk.rate

    def _format(self, source: Source) -> str:
        """The resource that says how large a source's pictures are and how often they change."""
        info = source.info
        rate = Fraction(0) if info.kind == "image" else self._rate(source)
        data = studio_data(self._desk.timeline)
        if (info.width, info.height, rate) == (data.get("width"), data.get("height"), self._desk.rate):
            return "r1"
        key = info.width, info.height, rate
        if key not in self._formats:
            made = Element("format", id=f"r{len(self.resources) + 1}", width=str(info.width), height=str(info.height))
            if rate:
                made.set("frameDuration", f"{rate.denominator}/{rate.numerator}s")
            else:
                made.set("name", TIMELESS)
            self.resources.append(made)
            self._formats[key] = str(made.get("id"))
        return self._formats[key]


def _number(lane: Lane, lanes: list[Lane]) -> int:
    """Pictures lie on lanes 1, 2, ... above the spine, sound on -1, -2, ... below."""
    same = [one for one in lanes if one.is_sound == lane.is_sound]
    place = same.index(lane) + 1
    return -place if lane.is_sound else place


def _under(shots: list[_Shot], frame: int) -> _Shot:
    return next((shot for shot in shots if shot.start <= frame < shot.end), shots[-1])
