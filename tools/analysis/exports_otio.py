"""Shots as an OpenTimelineIO timeline: one track of the film's clips, with transitions, markers and all facts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from backends.vision.cuts.result import Transition
from backends.vision.record import FilmRecord
from tools.analysis.cutting import CutEvent, cut_events, edge_fades
from tools.analysis.timecode import FrameRate

if TYPE_CHECKING:
    import opentimelineio as otio

STUDIO = "studio"
"""The namespace of our metadata."""


def shot_timeline(record: FilmRecord, start: int = 0, media: str = "") -> tuple[otio.schema.Timeline, list[str]]:
    """The timeline, and what other editors will not see of it. start: the first frame in the film's own timecode.

    media: the name of the film's file, beside which the timeline is meant to lie; '' is the film's own name.
    """
    import opentimelineio as otio

    rate = FrameRate.of(record.film.fps)
    events = cut_events(record, rate)
    maker = _Maker(float(rate.exact), start, record, media or record.film.name)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    for before, event in pairwise([None, *events]):
        if event is None:
            continue
        if before is not None and event.transition is not None and event.mix:
            track.append(maker.transition(event, event.transition))
        track.append(maker.clip(event))
    facts = record.model_dump(mode="json", exclude={"shots", "curves"}, exclude_none=True)
    timeline = otio.schema.Timeline(record.film.name, metadata={STUDIO: {"film_record": _thinned(facts)}})
    timeline.tracks.append(track)
    return timeline, _lost(record, events)


class _Maker:
    """Makes the parts of a track in the film's own frames."""

    def __init__(self, fps: float, start: int, record: FilmRecord, media: str) -> None:
        self._fps, self._start, self._record, self._media = fps, start, record, media
        self._scene_heads = {scene.first_shot for scene in record.scenes}

    def clip(self, event: CutEvent) -> otio.schema.Clip:
        import opentimelineio as otio

        shot = event.shot
        clip = otio.schema.Clip(
            name=f"Shot {shot.index}",
            media_reference=otio.schema.ExternalReference(quote(self._media), self._range(0, self._film_frames())),
            source_range=self._range(event.first, event.last - event.first),
            metadata={STUDIO: {"shot": shot.model_dump(mode="json", exclude_none=True)}},
        )
        if shot.index in self._scene_heads:
            clip.markers.append(self._marker(f"Scene {shot.scene}", event.first, "GREEN", {"scene": shot.scene}))
        for fault in shot.coherence.faults if shot.coherence else ():
            at = round((fault.seconds[0] - shot.start) * self._fps) if fault.seconds else 0
            at = event.first + min(max(at, 0), event.last - event.first - 1)
            name = f"{fault.kind.replace('_', ' ')} ({fault.strength:.1f} times its mark)"
            clip.markers.append(self._marker(name, at, "RED", {"fault": fault.model_dump(mode="json")}))
        return clip

    def transition(self, event: CutEvent, change: Transition) -> otio.schema.Transition:
        import opentimelineio as otio

        types = otio.schema.TransitionTypes
        return otio.schema.Transition(
            name=f"{change.kind} {change.detail}".strip(),
            transition_type=types.SMPTE_Dissolve if change.kind == "dissolve" else types.Custom,
            in_offset=otio.opentime.RationalTime(event.first - event.mix_first, self._fps),
            out_offset=otio.opentime.RationalTime(event.mix_last - event.first, self._fps),
            metadata={STUDIO: {"transition": change.model_dump(mode="json")}},
        )

    def _marker(self, name: str, frame: int, colour: str, facts: dict[str, Any]) -> otio.schema.Marker:
        import opentimelineio as otio

        return otio.schema.Marker(name, self._range(frame, 1), colour, metadata={STUDIO: facts})

    def _range(self, frame: int, frames: int) -> otio.opentime.TimeRange:
        import opentimelineio as otio

        return otio.opentime.TimeRange(
            otio.opentime.RationalTime(self._start + frame, self._fps), otio.opentime.RationalTime(frames, self._fps)
        )

    def _film_frames(self) -> int:
        shots = self._record.shots
        last = (shots[-1].first_frame + shots[-1].frames) if shots else 0
        timed = round(self._record.film.seconds * self._fps) if self._record.film.vfr else 0
        return max(self._record.film.frames, last, timed)


def _thinned(facts: dict[str, Any]) -> dict[str, Any]:
    """Without what is one value per moment: timelines are read whole by every editor."""
    if sound := facts.get("sound"):
        facts["sound"] = {name: value for name, value in sound.items() if name not in ("curve_dbfs", "onsets")}
    return facts


def _lost(record: FilmRecord, events: Sequence[CutEvent]) -> list[str]:
    lost = ["The curves of motion, brightness and loudness are left out; json has them"]
    named = {
        kind: sum(bool(event.mix and event.transition and event.transition.kind == kind) for event in events)
        for kind in ("fade", "wipe")
    }
    if told := " and ".join(f"{kind}s ({count})" for kind, count in named.items() if count):
        lost.append(
            f"{told.capitalize()} are custom transitions, which other editors may show as dissolves or leave out"
        )
    if edges := len(edge_fades(record)):
        lost.append(f"Fades at the film's ends ({edges}) are in the metadata only: the film's own frames hold them")
    lost.append("What was measured of a shot is in the metadata 'studio', which other editors keep but do not show")
    if record.film.vfr:
        lost.append("The frame rate varies: times are rounded to frames of the mean rate")
    return lost
