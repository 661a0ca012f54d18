"""EDL and FCP7 XML: a timeline cut down to what the format carries, written by OpenTimelineIO's adapter, read back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from configs.errors import UsageError
from memory.names import shown_name
from tools.editing.change.desk import OVERLAY, PICTURE, Desk, Lane
from tools.editing.change.slots import Slot
from tools.editing.handoff.carries import Carries, lost_in
from tools.editing.outline import studio_data

if TYPE_CHECKING:
    import opentimelineio as otio

EDL = Carries(speed=True, freeze=True, sound_tracks=0)
FCP7 = Carries(markers=True, overlays=True, size=True)
EVENT = re.compile(r"(?P<head>\d+\s+(?P<reel>\S+)\s+V\s+(?P<kind>[CD]).*?)" + r"\s(\d\d:\d\d:\d\d[:;]\d\d)" * 4)
SPEED = re.compile(r"M2 .*?\s(?P<fps>-?[\d.]+)\s+(?P<at>\d\d:\d\d:\d\d[:;]\d\d)")
MOST_EVENTS = 999
"""A CMX 3600 numbers its events with three digits."""
REEL_LETTERS = 8
"""What every reader of CMX 3600 takes (the adapter cuts longer names)."""

FileOf = Callable[[Slot], tuple[Path, int]]
"""A clip's file and its whole length in frames of the film (0 for pictures)."""


@dataclass(frozen=True)
class Written:
    """A timeline in another editor's format."""

    text: str
    lost: list[str]


def write_edl(desk: Desk, file_of: FileOf) -> Written:
    """CMX 3600: the picture's track, with dissolves, constant speeds and stills.

    Raises UsageError when the film's rate has no timecode, or it cannot be written.
    """
    import opentimelineio as otio

    rate = _timecode_rate(desk)
    film = _cut_down(desk, EDL, file_of, reels=True)
    text = _mended(_adapted(film, "cmx_3600", desk, rate=rate), rate)
    title, _, events = text.partition("\n")
    counted = "DROP FRAME" if ";" in otio.opentime.to_timecode(desk.moment(0)) else "NON-DROP FRAME"
    lost = lost_in(desk, EDL)
    if (count := sum(slot.media != "" for slot in desk.main.slots)) > MOST_EVENTS:
        lost.append(f"{count} clips: the format counts to {MOST_EVENTS}, and some programs read no further")
    return Written(f"{title}\nFCM: {counted}\n{events}", lost)


def write_fcp7(desk: Desk, file_of: FileOf) -> Written:
    """Final Cut Pro 7's XML, which Premiere and Resolve read: all tracks, dissolves, markers, the film's size."""
    import opentimelineio as otio

    _timecode_rate(desk)
    film = _cut_down(desk, FCP7, file_of)
    data = studio_data(desk.timeline)
    if data.get("width"):
        size = {"width": str(data["width"]), "height": str(data["height"])}
        film.metadata["fcp_xml"] = {"media": {"video": {"format": {"samplecharacteristics": size}}}}
    for marker, at in zip(desk.timeline.tracks.markers, desk.markers, strict=True):
        spot = otio.opentime.TimeRange(desk.moment(at), desk.moment(0))
        film.tracks.markers.append(otio.schema.Marker(name=clean(marker.name), marked_range=spot))
    return Written(_finished(_adapted(film, "fcp_xml", desk), desk), lost_in(desk, FCP7))


def _finished(text: str, desk: Desk) -> str:
    """The adapter's XML with what Apple's "Final Cut Pro XML Interchange Format" wants and it leaves out: the document
    type, which track of a file is heard, one rate for each clip, and what markers say.
    """
    root = ElementTree.fromstring(text)
    for clip in root.iter("clipitem"):
        for again in clip.findall("rate")[1:]:
            clip.remove(again)
    for clip in root.iterfind(".//sequence/media/audio/track/clipitem"):
        heard = ElementTree.SubElement(clip, "sourcetrack")
        ElementTree.SubElement(heard, "mediatype").text = "audio"
        ElementTree.SubElement(heard, "trackindex").text = "1"
    for spot, marker in zip(root.iterfind(".//sequence/marker"), desk.timeline.tracks.markers, strict=False):
        if comment := clean(str(marker.comment)):
            ElementTree.SubElement(spot, "comment").text = comment
        for end in spot.iterfind("out"):
            end.text = "-1"  # it is a moment
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n{body}\n'


def _mended(text: str, rate: float) -> str:
    """The adapter's EDL, as CMX 3600 has it: speeds name the reel, not the clip, and dissolved clips that are retimed
    say how much of their source they play."""
    from opentimelineio import opentime

    lines = text.split("\n")
    at, event = 0, None
    for number, line in enumerate(lines):
        if found := EVENT.fullmatch(line.rstrip()):
            at, event = number, found
        elif event is not None and (speed := SPEED.fullmatch(line.rstrip())):
            at_source = speed["at"].replace(";", ":")  # a semicolon is read there by hardly any program
            lines[number] = f"M2   {event['reel']:<8}       {float(speed['fps']):05.1f}                {at_source}"
            if event["kind"] == "D" and float(speed["fps"]):
                begin, _, start, end = (opentime.from_timecode(code, rate) for code in event.groups()[3:])
                frames = round((end - start).value * float(speed["fps"]) / rate)
                finish = opentime.RationalTime(begin.value + frames, rate)
                codes = (event.group(4), opentime.to_timecode(finish, rate), event.group(6), event.group(7))
                lines[at] = f"{event['head']} {' '.join(codes)}"
    return "\n".join(lines)


def clean(name: object) -> str:
    """A name in one line: a line break would begin a new event of an EDL."""
    return shown_name(name)


def _timecode_rate(desk: Desk) -> float:
    import opentimelineio as otio

    rate = float(desk.rate)
    if not otio.opentime.RationalTime.is_smpte_timecode_rate(rate):
        raise UsageError(f"A film of {rate:g} fps has no timecode", fix="Export it as otio or fcpxml")
    return rate


def _cut_down(desk: Desk, carries: Carries, file_of: FileOf, *, reels: bool = False) -> otio.schema.Timeline:
    import opentimelineio as otio

    film = otio.schema.Timeline(name=clean(desk.timeline.name) or "Untitled", global_start_time=desk.moment(0))
    pictures = [desk.main]
    if carries.overlays:
        pictures += [
            lane for lane in desk.lanes if lane.role in (PICTURE, OVERLAY) and lane is not desk.main and lane.slots
        ]
    sounds = [lane for lane in desk.lanes if lane.is_sound and lane.slots][: carries.sound_tracks]
    used: dict[str, str] = {}
    for lane in [*pictures, *sounds]:
        track = otio.schema.Track(name="V" if reels else clean(lane.track.name), kind=lane.track.kind)
        for item in _items(desk, lane, carries, file_of, used if reels else None):
            track.append(item)
        film.tracks.append(track)
    return film


def _items(
    desk: Desk, lane: Lane, carries: Carries, file_of: FileOf, reels: dict[str, str] | None
) -> Sequence[otio.core.Composable]:
    import opentimelineio as otio

    made: list[otio.core.Composable] = []
    cursor = 0
    last: Slot | None = None
    for slot in lane.slots:
        if not slot.media:
            continue  # a title card: black
        if slot.start > cursor:
            made.append(_black(desk, slot.start - cursor, spelled=reels is not None))
        joins = slot.transition is not None and last is not None and last.end == slot.start
        if joins and carries.transitions:
            made.append(
                otio.schema.Transition(
                    name="dissolve",
                    transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
                    in_offset=desk.moment(slot.before),
                    out_offset=desk.moment(slot.after),
                )
            )
        made.append(_clip(desk, slot, carries, file_of, reels))
        cursor, last = slot.end, slot
    if lane is desk.main and cursor < desk.length:
        made.append(_black(desk, desk.length - cursor, spelled=reels is not None))
    return made


def _black(desk: Desk, frames: int, *, spelled: bool) -> otio.core.Item:
    """A gap; in an EDL an event of its own, as a list that begins later is taken to begin there."""
    import opentimelineio as otio

    if not spelled:
        return otio.schema.Gap(source_range=desk.span(0, frames))
    clip = otio.schema.Clip(
        name="black", media_reference=otio.schema.MissingReference(), source_range=desk.span(0, frames)
    )
    clip.metadata["cmx_3600"] = {"reel": "BL"}
    return clip


def _clip(desk: Desk, slot: Slot, carries: Carries, file_of: FileOf, reels: dict[str, str] | None) -> otio.schema.Clip:
    import opentimelineio as otio

    path, whole = file_of(slot)
    first, last = slot.speeds()
    begin = round(slot.source)
    if reels is not None and slot.transition is not None and not slot.frozen and first == last:
        # The adapter lets the clip begin earlier by as many frames of its source as the dissolve has of the film.
        begin += slot.before - round(slot.before * first)
    if reels is not None and slot.transition is not None:
        begin = max(begin, slot.before)
    media = otio.schema.ExternalReference(
        target_url=path.as_uri(), available_range=desk.span(0, max(whole, begin + slot.frames))
    )
    media.name = clean(path.name)
    clip = otio.schema.Clip(
        name=clean(slot.clip.name) or path.stem, media_reference=media, source_range=desk.span(begin, slot.frames)
    )
    if slot.frozen and carries.freeze:
        clip.effects.append(otio.schema.FreezeFrame())
    elif carries.speed and first == last != 1:
        clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=float(first)))
    # Without an id, the FCP7 adapter takes a picture and its sound, which look alike, for one and the same.
    clip.metadata["studio"] = {"id": slot.id}
    if reels is not None:
        clip.metadata["cmx_3600"] = {"reel": _reel(path, reels)}
    return clip


def _reel(path: Path, used: dict[str, str]) -> str:
    """A reel name of its own for each file: letters and digits of its name, numbered where two would be the same."""
    key = str(path)
    if key not in used:
        plain = re.sub(r"[^A-Za-z0-9]", "", path.stem).upper() or "REEL"
        name, number = plain[:REEL_LETTERS], 1
        while name in used.values():
            number += 1
            name = f"{plain[: REEL_LETTERS - len(str(number))]}{number}"
        used[key] = name
    return used[key]


def _adapted(film: otio.schema.Timeline, adapter: str, desk: Desk, **options: float) -> str:
    import opentimelineio as otio

    try:
        return str(otio.adapters.write_to_string(film, adapter_name=adapter, **options))
    except (otio.exceptions.OTIOError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise UsageError(
            f"'{desk.timeline.name}' cannot be written in this format", str(error)[:160], "Export it as otio"
        ) from error
