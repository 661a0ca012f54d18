"""Shots as a CMX3600 edit decision list: the film, event by event, onto itself.

Source and record times run together, so an editor that conforms the list to the film gets the film again, cut into
its shots: a dissolve or wipe of a film with itself changes no picture, but the transition is there to see.
"""

from __future__ import annotations

from collections.abc import Sequence

from backends.vision.cuts.result import Transition
from backends.vision.record import FilmRecord
from tools.analysis.cutting import CutEvent, cut_events, edge_fades, one_line, reel_name, shot_line
from tools.analysis.timecode import FrameRate

MAX_EVENTS = 999
"""CMX3600 numbers its events with three digits."""
MAX_MIX = 255
"""Frames of the longest transition that CMX3600 systems take."""
KNOWN_RATES = (24, 25, 30)
_WIPES = {"left to right": "W001", "top to bottom": "W002"}
"""SMPTE ST 258 wipe codes; the way back has the same code."""
_TURNED = {"right to left": "W001", "bottom to top": "W002"}
_FAULT_COLOUR, _SCENE_COLOUR = "RED", "GREEN"


def edl_text(record: FilmRecord, start: int = 0) -> tuple[str, list[str]]:
    """The list, and what it cannot carry in one sentence each. start: the film's first frame in its own timecode."""
    rate = FrameRate.of(record.film.fps)
    events = cut_events(record, rate)
    reel, clip = reel_name(record.film.name), one_line(record.film.name, ascii_only=True, limit=120) or "film"
    lines = [
        f"TITLE: {one_line(record.film.name, ascii_only=True, limit=60) or 'film'}",
        f"FCM: {'DROP FRAME' if rate.drop else 'NON-DROP FRAME'}",
    ]
    ends = [event.mix_first for event in events[1:]] + [events[-1].last] if events else []
    for number, (event, end) in enumerate(zip(events, ends, strict=True), 1):
        lines += ["", *_event_lines(number, event, end, _Columns(rate, reel, start)), f"* FROM CLIP NAME: {clip}"]
        if event.mix:
            lines.append(f"* TO CLIP NAME: {clip}")
        lines += _remarks(record, event, rate)
    return "\n".join(lines) + "\n", _lost(record, rate, events)


class _Columns:
    """One line of an event: number, reel, channel, transition, and four times."""

    def __init__(self, rate: FrameRate, reel: str, start: int) -> None:
        self._rate, self._reel, self._start = rate, reel, start

    def line(self, number: int, how: str, length: str, first: int, last: int) -> str:
        source = [self._rate.timecode(self._start + frame) for frame in (first, last)]
        target = [self._rate.timecode(frame) for frame in (first, last)]
        return f"{number:03d}  {self._reel:<8} V     {how:<4} {length:>3} {' '.join(source + target)}"


def _event_lines(number: int, event: CutEvent, end: int, columns: _Columns) -> list[str]:
    if not event.mix or event.transition is None:
        return [columns.line(number, "C", "", event.mix_first, end)]
    return [
        columns.line(number, "C", "", event.mix_first, event.mix_first),
        columns.line(number, _code(event.transition), f"{min(event.mix, MAX_MIX):03d}", event.mix_first, end),
    ]


def _code(change: Transition) -> str:
    if change.kind != "wipe":
        return "D"
    return _WIPES.get(change.detail) or _TURNED.get(change.detail) or "W001"


def _remarks(record: FilmRecord, event: CutEvent, rate: FrameRate) -> list[str]:
    shot = event.shot
    lines = [f"* COMMENT: {one_line(shot_line(shot), ascii_only=True)}"]
    if event.transition is not None and event.transition.kind != "cut":
        words = one_line(f"{event.transition.kind} {event.transition.detail}", ascii_only=True).upper()
        lines.append(f"* COMMENT: {words}, {event.mix} FRAMES")
    for change in edge_fades(record):
        if shot.first_frame <= change.first_frame < shot.first_frame + shot.frames:
            words = one_line(f"{change.kind} {change.detail}", ascii_only=True).upper()
            lines.append(f"* COMMENT: {words}, {change.frames} FRAMES")
    if record.scenes and any(scene.first_shot == shot.index for scene in record.scenes):
        lines.append(_locator(rate.timecode(event.first), _SCENE_COLOUR, f"SCENE {shot.scene}"))
    for fault in shot.coherence.faults if shot.coherence else ():
        at = rate.frame_at(fault.seconds[0]) if fault.seconds else event.first
        name = f"{fault.kind.replace('_', ' ').upper()} {fault.strength:.1f}"
        lines.append(_locator(rate.timecode(at), _FAULT_COLOUR, name))
    return lines


def _locator(timecode: str, colour: str, name: str) -> str:
    """Avid's form of a marker in record time, which Resolve and OpenTimelineIO read too."""
    return f"* LOC: {timecode} {colour:<7} {name}"


def _lost(record: FilmRecord, rate: FrameRate, events: Sequence[CutEvent]) -> list[str]:
    kinds = [event.transition.kind for event in events if event.mix and event.transition]
    details = [event.transition.detail for event in events if event.transition and event.transition.kind == "wipe"]
    lost = ["The sound track, words and measures along time are not in an EDL; json has them"]
    if fades := kinds.count("fade"):
        lost.append(f"Fades between shots ({fades}) are written as dissolves with a remark; CMX3600 has no such event")
    if edges := len(edge_fades(record)):
        lost.append(f"Fades at the film's ends ({edges}) are remarks: the film's own frames hold them")
    if turned := sum(detail in _TURNED for detail in details):
        lost.append(f"Wipes that run backwards ({turned}): CMX3600 has one code for both ways, a remark tells which")
    if other := sum(detail not in _WIPES and detail not in _TURNED for detail in details):
        lost.append(f"Wipes of another shape ({other}) are written as W001 with a remark")
    if longer := sum(event.mix > MAX_MIX for event in events):
        lost.append(f"Transitions longer than the {MAX_MIX} frames that CMX3600 allows ({longer}) are cut short")
    if rate.nominal not in KNOWN_RATES:
        lost.append(f"CMX3600 knows 24, 25 and 30 frames per second; this list counts {rate.nominal}")
    elif rate.exact.denominator not in (1, 1001):
        lost.append(f"The film runs at {float(rate.exact):.3f} frames per second, the list counts {rate.nominal}")
    if record.film.vfr:
        lost.append("The frame rate varies: times are rounded to frames of the mean rate")
    if len(events) > MAX_EVENTS:
        lost.append(f"{len(events)} events: CMX3600 numbers {MAX_EVENTS}, some editors stop there")
    return lost
