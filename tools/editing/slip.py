"""Clips slipped by a few frames, so that none begins or ends with frames of another shot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tools.editing.outline import effects_of, studio_data
from tools.editing.seams import Stray

if TYPE_CHECKING:
    import opentimelineio as otio


def slipped(timeline: otio.schema.Timeline, strays: Sequence[Stray]) -> otio.schema.Timeline | None:
    """A copy in which the clips with strays begin so many frames later (or earlier) in their sources.

    Only clips whose stretch was chosen by what was measured: what the user named stays. Their sound goes with them, and
    all stay as long as they are. None when no clip can be slipped.
    """
    made = timeline.deepcopy()
    moved = 0
    for stray in strays:
        clip = next((one for one in made.find_clips() if studio_data(one).get("id") == stray.clip_id), None)
        if clip is not None and studio_data(clip).get("why"):
            moved += _slip(made, clip, stray.frames if stray.end == "first" else -stray.frames)
    return made if moved else None


def _slip(timeline: otio.schema.Timeline, clip: otio.schema.Clip, frames: int) -> bool:
    """Whether a clip, and the sound that was cut with it, could be moved in its source by these frames of the film."""
    pace = 1.0
    for effect in effects_of(clip):
        if effect["name"] in ("ramp", "reverse"):
            return False
        pace *= float(effect["factor"]) if effect["name"] == "speed" else 1.0
    together = [other for other in timeline.find_clips() if _stretch(other) == _stretch(clip)]
    spans = [_moved(one, frames * pace, pace) for one in together]
    if any(span is None for span in spans):
        return False
    for one, span in zip(together, spans, strict=True):
        one.source_range = span
    return True


def _moved(clip: otio.schema.Clip, frames: float, pace: float) -> otio.opentime.TimeRange | None:
    """The clip's range in its source, moved; None where the source has not so much."""
    import opentimelineio as otio

    span, there = clip.source_range, clip.media_reference.available_range
    if span is None or there is None:
        return None
    rate = span.start_time.rate
    begin = span.start_time.value + frames
    first, last = (at.rescaled_to(rate).value for at in (there.start_time, there.end_time_exclusive()))
    if begin < first or begin + span.duration.value * pace > last:
        return None
    return otio.opentime.TimeRange(otio.opentime.RationalTime(begin, rate), span.duration)


def _stretch(clip: otio.schema.Clip) -> tuple[Any, ...]:
    """What is equal for a picture and the sound that was cut with it."""
    span = clip.trimmed_range_in_parent()
    own, source = studio_data(clip).get("asset"), clip.source_range
    if span is None or source is None or not own:
        return (id(clip),)
    times = (span.start_time, span.duration, source.start_time)
    return (str(own), *(round(at.to_seconds(), 4) for at in times))
