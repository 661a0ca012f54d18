"""An arrangement as a finished timeline: still frames and title cards put in, every cut with its reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from tools.editing.arrangement import Arrangement, Card, Hold
from tools.editing.change.model import AddTitle, AnyChange, Freeze
from tools.editing.outline import studio_data

if TYPE_CHECKING:
    import opentimelineio as otio

    from tools.editing.change.apply import SourceFacts

TOLD = 40
"""Cuts that are told with their reasons in the facts of an edit; the timeline keeps all."""


SHOT = re.compile(r"'?\bc(?P<clip>\d{1,3})(?:s| (?P<unit>scene) )(?P<number>\d{1,5})\b'?")
"""How planners call shots and scenes."""


def named(text: str, clips: Sequence[str]) -> str:
    """Shots as people call them: 'c1s3' is 'shot 3', of several clips 'shot 3 of holiday.mp4'."""

    def said(match: re.Match[str]) -> str:
        clip = int(match["clip"])
        where = f" of {clips[clip - 1]}" if len(clips) > 1 and 1 <= clip <= len(clips) else ""
        return f"{match['unit'] or 'shot'} {match['number']}{where}"

    return SHOT.sub(said, text)


def all_named(made: Arrangement, clips: Sequence[str]) -> Arrangement:
    """The arrangement with shots so called in all its reasons."""
    return replace(
        made,
        parts=tuple(replace(one, why=named(one.why, clips)) for one in made.parts),
        holds=tuple(replace(one, why=named(one.why, clips)) for one in made.holds),
        cards=tuple(replace(one, why=named(one.why, clips)) for one in made.cards),
        notes=tuple(named(note, clips) for note in made.notes),
    )


def finished(made: Arrangement, name: str) -> otio.schema.Timeline:
    """The timeline with its holds and cards. Raises UsageError when one does not fit."""
    timeline = made.timeline(name)
    changes = [_change(item, timeline, made) for item in _latest_first(made)]
    if changes:
        from tools.editing.change.apply import apply

        timeline = apply(timeline, changes, _no_asset).timeline
    return timeline


def _latest_first(made: Arrangement) -> list[Hold | Card]:
    """What is put in, from the end on, so that times before it stay as they are; at one time the still frame is put in
    last, so that it touches the frame that it holds."""
    return sorted([*made.cards, *made.holds], key=lambda item: (item.at, isinstance(item, Hold)), reverse=True)


def _change(item: Hold | Card, timeline: otio.schema.Timeline, made: Arrangement) -> AnyChange:
    if isinstance(item, Card):
        return AddTitle(at=float(item.at), seconds=item.seconds, text=item.text, rationale=item.why)
    clips = list(timeline.tracks[0].find_clips())
    starts = made.starts()
    number = max(n for n, start in enumerate(starts) if start <= item.at)
    inside = item.at - starts[number]
    clip = str(studio_data(clips[number]).get("id", ""))
    return Freeze(clip=clip, inside=float(inside), seconds=item.seconds, rationale=item.why)


def _no_asset(ref: str) -> SourceFacts:
    raise UsageError(f"Nothing is put in from '{ref}' here")


def cuts_of(timeline: otio.schema.Timeline) -> list[dict[str, Any]]:
    """Every clip of the picture: id, name, start and length on the timeline, start in its source, why it is there."""
    found: list[dict[str, Any]] = []
    for clip in timeline.tracks[0].find_clips():
        own, span = studio_data(clip), clip.trimmed_range_in_parent()
        fact: dict[str, Any] = {"id": own.get("id", ""), "name": clip.name}
        if span is not None:
            fact["start"] = round(span.start_time.to_seconds(), 3)
            fact["seconds"] = round(span.duration.to_seconds(), 3)
        fact["source_in"] = round(clip.trimmed_range().start_time.to_seconds(), 3)
        if own.get("why"):
            fact["why"] = str(own["why"])
        found.append(fact)
    return found


def explained(cuts: list[dict[str, Any]], most: int = 3) -> str:
    """The reasons of the first cuts as one sentence; '' when the user named all parts."""
    told = [f"{cut['source_in']:.1f} s: {cut['why']}" for cut in cuts if cut.get("why")]
    if not told:
        return ""
    rest = f"; and {len(told) - most} more" if len(told) > most else ""
    return f"Cuts, by time in the clip: {'; '.join(told[:most])}{rest}"
