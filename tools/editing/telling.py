"""A timeline in words, line by line, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tools.editing.outline import describe, outline

if TYPE_CHECKING:
    import opentimelineio as otio


def tell(timeline: otio.schema.Timeline) -> Iterator[str]:
    """What it is, then each track with its clips: when, id, what, and how it differs from a plain clip; markers."""
    facts = outline(timeline)
    yield describe(timeline)
    for track in facts["tracks"]:
        if not track["clips"]:
            continue
        yield ""
        yield f"{track['name'] or track['role']}"
        width = max(len(clip["id"]) for clip in track["clips"])
        for clip in track["clips"]:
            yield f"  {_span(clip)}  {clip['id']:<{width}}  {_clip(clip)}".rstrip()
    if timeline.tracks.markers:
        yield ""
        yield "markers"
        for marker in timeline.tracks.markers:
            note = f"  {marker.comment}" if marker.comment else ""
            yield f"  {clock(marker.marked_range.start_time.to_seconds())}  {marker.name}{note}"


def clock(seconds: float) -> str:
    """'1:02.50': minutes, seconds and hundredths."""
    hundredths = max(0, round(seconds * 100))
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes}:{rest / 100:05.2f}"


def effect_in_words(effect: dict[str, Any]) -> str:
    """'2x', 'sepia at 50%', 'fade in 0.5 s', 'crop', an effect of another program by its name."""
    try:
        return _in_words(effect)
    except (KeyError, TypeError, ValueError):
        return str(effect.get("name"))  # values that the studio did not write


def _in_words(effect: dict[str, Any]) -> str:
    name = str(effect["name"])
    if name == "speed":
        return f"{effect['factor']:g}x"
    if name == "ramp":
        return f"{effect['factor']:g}x to {effect['factor_end']:g}x"
    if name == "foreign":
        return f"effect '{str(effect.get('effect'))[:40]}' of another program"
    if name == "grade":
        strength = effect.get("strength", 1)
        look = str(effect.get("look", "")).replace("_", " ")
        return look if strength == 1 else f"{look} at {strength:.0%}"
    seconds = f" {effect['seconds']:g} s" if name.startswith("fade_") and "seconds" in effect else ""
    return f"{name.replace('_', ' ')}{seconds}"


def _span(clip: dict[str, Any]) -> str:
    start = float(clip.get("start", 0.0))
    return f"{clock(start):>8} - {clock(start + float(clip.get('seconds', 0.0))):>8}"


def _clip(clip: dict[str, Any]) -> str:
    words = f'"{clip.get("text", "")!s}"'.replace("\n", " / ")
    what = words if "text" in clip else str(clip["name"] or clip.get("source", ""))
    more = []
    if "source_in" in clip and not clip.get("frozen"):
        more.append(f"from {clip['source_in']:.2f} s")
    if clip.get("frozen"):
        more.append(f"still at {clip['source_in']:.2f} s")
    if "transition" in clip:
        more.append(f"{clip['transition'].replace('_', ' ')} {clip['transition_seconds']:g} s")
    if takes := clip.get("takes"):
        others = ", ".join(str(take)[:40] for take in takes if take != clip["take"])
        more.append(f"take '{str(clip['take'])[:40]}' of {len(takes)} (also {others[:120]})")
    more += [effect_in_words(effect) for effect in clip.get("effects", ())]
    if gain := clip.get("gain_db"):
        more.append("muted" if gain <= -120 else f"{gain:+g} dB")
    return f"{what}  {', '.join(more)}" if more else what
