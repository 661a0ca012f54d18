"""Nested timelines laid out flat, and where an overlay lies, read from a timeline's metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast, get_args

from configs.errors import UsageError
from tools.editing.specs import BlendName, Key, Place

if TYPE_CHECKING:
    import opentimelineio as otio

TOUCH = 1e-4
"""Seconds: less than a hundredth of any frame."""
TITLE_GENERATOR = "studio.title"
MAX_DEPTH = 16
MAX_KEYS = 2000


def unnested(timeline: otio.schema.Timeline) -> list[otio.schema.Track]:
    """The timeline's tracks; stacks and tracks inside of them are replaced by what they show and play.

    The pictures of a nested timeline take its place, its sounds and captions lie on tracks of their own; where the
    film shows a part of all its tracks only (`tracks.source_range`), they are cut to it. Raises
    UsageError where a nested timeline is retimed or cut through a transition.
    """
    import opentimelineio as otio

    top = [_shown(track) for track in timeline.tracks if isinstance(track, otio.schema.Track)]
    if len(top) < len(timeline.tracks):
        loose = [item for item in timeline.tracks if not isinstance(item, otio.schema.Track)]
        top += [track for item in loose for track in _tracks_of(item, 0)]
    if any(isinstance(item, otio.core.Composition) for track in top for item in track):
        top = [flat for track in top for flat in _flat(track, 0)]
    return [_trimmed(track, timeline.tracks) for track in top]


def _flat(track: otio.schema.Track, depth: int) -> list[otio.schema.Track]:
    """The track without nested timelines, then the tracks that they add."""
    import opentimelineio as otio

    if depth > MAX_DEPTH:
        raise UsageError("The timeline is nested too deeply", f"more than {MAX_DEPTH} levels")
    made = _like(track)
    more: list[otio.schema.Track] = []
    for item in track:
        if not isinstance(item, otio.core.Composition):
            made.append(item.clone())
            continue
        before = made.duration() if len(made) else otio.opentime.RationalTime(0, item.duration().rate)
        whole = item.trimmed_range().duration
        same: list[otio.schema.Track] = []
        for inner in _tracks_of(item, depth):
            (same if inner.kind == track.kind else more).append(
                inner if inner.kind == track.kind else _delayed(inner, before)
            )
        if track.kind == otio.schema.TrackKind.Video or len(same) <= 1:
            for child in _one(same, whole):
                made.append(child)
        else:
            made.append(_gap(whole))
            more += [_delayed(inner, before) for inner in same]
    return [made, *more]


def _tracks_of(item: Any, depth: int) -> list[otio.schema.Track]:
    """The tracks inside a nested stack or track, cut to the part of it that is used."""
    import opentimelineio as otio

    if any(isinstance(effect, otio.schema.TimeEffect) for effect in item.effects):
        raise UsageError(f"The nested timeline '{item.name}' is retimed", "only its clips can be", "Retime its clips")
    made = []
    for child in [item] if isinstance(item, otio.schema.Track) else item:
        track = child
        if not isinstance(child, otio.schema.Track):
            track = otio.schema.Track(kind=otio.schema.TrackKind.Video)
            track.append(child.clone())
        made += [_trimmed(flat, item) for flat in _flat(track, depth + 1)]
    return made


def _shown(track: otio.schema.Track) -> otio.schema.Track:
    """The part of a track of the film itself that its `source_range` leaves; the track where it has none."""
    if track.source_range is None:
        return track
    whole = track.clone()
    whole.source_range = None
    made = _trimmed(whole, track)
    made.source_range = None
    return made


def _trimmed(track: otio.schema.Track, item: Any) -> otio.schema.Track:
    import opentimelineio as otio

    if item.source_range is None:
        return track
    try:
        return otio.algorithms.track_trimmed_to_range(track, item.trimmed_range())
    except otio.exceptions.CannotTrimTransitionsError as error:
        raise UsageError(
            f"The nested timeline '{item.name}' is cut through a transition", "it cannot be rendered so"
        ) from error
    except (otio.exceptions.OTIOError, ValueError) as error:
        raise UsageError(f"The part that is shown of '{item.name}' cannot be", str(error)[:120]) from error


def _one(tracks: list[otio.schema.Track], whole: otio.opentime.RationalTime) -> list[Any]:
    """What the tracks show together, exactly `whole` long."""

    tracks = [track for track in tracks if len(track)]
    if not tracks:
        return [_gap(whole)]
    track = tracks[0] if len(tracks) == 1 else laid_over(tracks)
    children = [child.clone() for child in track]
    rest = whole - track.duration()
    return [*children, _gap(rest)] if rest.value > 0 else children


def laid_over(tracks: list[otio.schema.Track]) -> otio.schema.Track:
    """What is seen of picture tracks, the last on top, as one track.

    Where a clip above begins or ends during a transition below, that is a cut: no track can hold half of one.
    Raises UsageError when the tracks cannot be laid over each other.
    """
    import opentimelineio as otio

    above: list[float] = []
    seen: list[otio.schema.Track] = []
    try:
        for track in reversed(tracks):
            laid, own = track.clone(), []
            for item, span in list(laid.range_of_all_children().items()):
                begin, end = span.start_time.to_seconds(), span.end_time_exclusive().to_seconds()
                if isinstance(item, otio.schema.Clip):
                    own += [begin, end]
                elif isinstance(item, otio.schema.Transition) and any(
                    begin - TOUCH <= edge <= end + TOUCH for edge in above
                ):
                    laid.remove(item)
            above += own
            seen.insert(0, laid)
        return otio.algorithms.flatten_stack(seen)
    except (otio.exceptions.OTIOError, ValueError) as error:
        name = str(tracks[-1].name)[:60]
        raise UsageError(f"The track of pictures '{name}' cannot be laid over others", str(error)[:120]) from error


def _delayed(track: otio.schema.Track, by: otio.opentime.RationalTime) -> otio.schema.Track:
    made = _like(track)
    if by.value > 0:
        made.append(_gap(by))
    made.extend([child.clone() for child in track])
    return made


def _like(track: otio.schema.Track) -> otio.schema.Track:
    import opentimelineio as otio

    made = otio.schema.Track(name=track.name, kind=track.kind)
    if "studio" in track.metadata:
        made.metadata["studio"] = track.metadata["studio"]
    return made


def _gap(length: otio.opentime.RationalTime) -> otio.schema.Gap:
    import opentimelineio as otio

    return otio.schema.Gap(source_range=otio.opentime.TimeRange(otio.opentime.RationalTime(0, length.rate), length))


def read_place(data: object, name: str) -> Place:
    """Where an overlay lies; the middle of the frame at half its width without a place.

    Raises UsageError for keys that are out of order or no usable numbers.
    """
    keys = data.get("keys") if isinstance(data, Mapping) else None
    if not keys:
        return Place((Key(0.0, 0.5, 0.5, 0.5),))
    problem = f"The overlay '{name[:40]}' has no usable place"
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise UsageError(problem, f"it needs a list of at most {MAX_KEYS} keys")
    known = {field.name for field in fields(Key)}
    made = []
    for key in keys:
        if not isinstance(key, Mapping) or not set(key) <= known or not {"at", "x", "y", "width"} <= set(key):
            raise UsageError(problem, f"a key has {', '.join(sorted(known))}")
        if not all(_number(value) for value in key.values()):
            raise UsageError(problem, "one of its figures is no number")
        made.append(Key(**{field: float(value) for field, value in key.items()}))
    if [key.at for key in made] != sorted(key.at for key in made):
        raise UsageError(problem, "its keys are not in order of time")
    if not all(0 < key.width <= 8 and 0 <= key.height <= 8 and 0 <= key.opacity <= 1 for key in made):
        raise UsageError(problem, "sizes lie between 0 and 8 frames, opacities between 0 and 1")
    if not all(abs(key.x) <= 16 and abs(key.y) <= 16 and abs(key.degrees) <= 36_000 for key in made):
        raise UsageError(problem, "it is too far away")
    blend = str(cast("Mapping[str, Any]", data).get("blend", "normal"))
    return Place(tuple(made), cast("BlendName", blend if blend in get_args(BlendName) else "normal"))


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
