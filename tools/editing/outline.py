"""What a timeline holds, as facts for callers and as one line for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import opentimelineio as otio

STILL = 1 / 1000
"""Other programs write a still as a speed of 0; slower than this nothing moves in any film."""
CAPTION_KIND = "Subtitle"
CAPTION_GENERATOR = "studio.caption"


def outline(timeline: otio.schema.Timeline) -> dict[str, Any]:
    """JSON-ready facts: name, seconds, fps, size, and for each track its clips with ids, assets, times, effects."""
    import opentimelineio as otio

    meta = studio_data(timeline)
    tracks = []
    for track in timeline.tracks:
        clips = []
        joins = {after: item for item, after in pairwise(track) if isinstance(item, otio.schema.Transition)}
        for clip in track.find_clips():
            span = _span(clip)
            own, media = studio_data(clip), clip.media_reference
            fact: dict[str, Any] = {"id": _text(own, "id"), "name": clip.name, "asset": _text(own, "asset")}
            if span is not None:
                fact["start"] = round(span.start_time.to_seconds(), 4)
                fact["seconds"] = round(span.duration.to_seconds(), 4)
            if isinstance(media, otio.schema.ExternalReference):
                fact["source"] = media.target_url
                fact["source_in"] = round(clip.trimmed_range().start_time.to_seconds(), 4)
            elif isinstance(media, otio.schema.GeneratorReference):
                fact["text"] = str(media.parameters.get("text", ""))
            if effects := effects_of(clip):
                fact["effects"] = effects
            if len(takes := clip.media_references()) > 1:
                fact["takes"] = [str(key) for key in takes]
                fact["take"] = str(clip.active_media_reference_key)
            if is_still(clip):
                fact["frozen"] = True
            if gain := gain_of(clip):
                fact["gain_db"] = gain
            if clip in joins:
                join = joins[clip]
                fact["transition"] = str(studio_data(join).get("kind", "dissolve"))
                fact["transition_seconds"] = round((join.in_offset + join.out_offset).to_seconds(), 4)
            clips.append(fact)
        changes = sum(isinstance(item, otio.schema.Transition) for item in track)
        role = str(studio_data(track).get("role", track.kind.lower()))
        tracks.append({"name": track.name, "kind": track.kind, "role": role, "clips": clips, "transitions": changes})
    return {
        "name": timeline.name,
        "seconds": round(_seconds(timeline), 4),
        "fps": _rate(meta),
        "width": meta["width"] if isinstance(meta.get("width"), int) else 0,
        "height": meta["height"] if isinstance(meta.get("height"), int) else 0,
        "tracks": tracks,
        "markers": [marker.name for marker in timeline.tracks.markers],
    }


def _span(clip: otio.schema.Clip) -> otio.opentime.TimeRange | None:
    """Where a clip lies on its track; None where the track shows nothing of it."""
    try:
        return clip.trimmed_range_in_parent()
    except ValueError:
        return None


def _rate(meta: Mapping[str, Any]) -> str:
    """The noted rate where it is one, else ''."""
    try:
        rate = Fraction(_text(meta, "fps"))
    except (ValueError, ZeroDivisionError):
        return ""
    return str(meta["fps"]) if 0 < rate < 1000 else ""


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _seconds(timeline: otio.schema.Timeline) -> float:
    """How long the film is: as long as its picture, whatever sound goes on longer."""
    tracks = [track for track in timeline.tracks if len(track)]
    shown = [track for track in tracks if track.kind == "Video" and studio_data(track).get("role") != "overlay"]
    return max((float(track.duration().to_seconds()) for track in shown or tracks), default=0.0)


def describe(timeline: otio.schema.Timeline) -> str:
    """One line: 'Luca: 15.0 s, 1280x720 at 24 fps, 4 video clips (2 transitions), 2 dialogue clips, 3 captions'."""
    facts = outline(timeline)
    counts: dict[str, list[int]] = {}
    for track in facts["tracks"]:
        label = "caption" if track["kind"] == CAPTION_KIND else track["role"]
        seen = counts.setdefault(label, [0, 0])
        seen[0] += len(track["clips"])
        seen[1] += track["transitions"]
    parts = []
    for label, (clips, changes) in counts.items():
        unit = "caption" if label == "caption" else f"{label} clip"
        text = f"{clips} {unit}{'' if clips == 1 else 's'}"
        parts.append(f"{text} ({changes} transition{'' if changes == 1 else 's'})" if changes else text)
    size = f", {facts['width']}x{facts['height']}" if facts["width"] else ""
    rate = f" at {float(Fraction(facts['fps'])):g} fps" if facts["fps"] else ""
    return f"{facts['name'] or 'Untitled'}: {facts['seconds']:.1f} s{size}{rate}, {', '.join(parts) or 'empty'}"


def studio_data(thing: Any) -> dict[str, Any]:
    """What the studio noted on a timeline, track or clip; {} on things made elsewhere."""
    data = thing.metadata.get("studio")
    return dict(data) if isinstance(data, Mapping) else {}


def gain_of(clip: Any) -> float:
    """A clip's gain in dB; 0 where none is noted, or something that is no gain."""
    gain = studio_data(clip).get("gain_db", 0.0)
    usable = isinstance(gain, (int, float)) and not isinstance(gain, bool) and -200 <= gain <= 200
    return float(gain) if usable else 0.0


def plain(value: Any) -> Any:
    """Metadata as plain dictionaries and lists: OpenTimelineIO hands out its own."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def is_still(clip: otio.schema.Clip) -> bool:
    """Whether a clip shows one picture for as long as it lasts, whoever wrote it."""
    import opentimelineio as otio

    warps = (effect for effect in clip.effects if isinstance(effect, otio.schema.LinearTimeWarp))
    return any(isinstance(warp, otio.schema.FreezeFrame) or abs(float(warp.time_scalar)) < STILL for warp in warps)


def effects_of(clip: otio.schema.Clip) -> list[dict[str, Any]]:
    """A clip's effects as `ClipSpec.effects` has them; unknown ones keep their name as 'foreign'.

    The one place where speeds of other programs are understood: 0 is a still (`is_still`), below 0 is backwards.
    """
    import opentimelineio as otio

    found: list[dict[str, Any]] = []
    for effect in clip.effects:
        if isinstance(effect, otio.schema.LinearTimeWarp):
            speed = float(effect.time_scalar)
            if isinstance(effect, otio.schema.FreezeFrame) or abs(speed) < STILL:
                continue  # no speed, but one frame for as long as the clip lasts
            if speed != -1:
                found.append({"name": "speed", "factor": abs(speed)})
            if speed < 0:
                found.append({"name": "reverse"})  # as other programs write it
        elif str(effect.effect_name).startswith("studio.") and effect.effect_name != "studio.foreign":
            values = {**plain(studio_data(effect)), "name": str(effect.effect_name).removeprefix("studio.")}
            found.append({"name": values.pop("name"), **values})
        else:
            found.append({"name": "foreign", "effect": str(effect.effect_name or effect.name)})
    return found
