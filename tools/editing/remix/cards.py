"""Words in a style: intertitles of a silent film, boxes of a comic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.editing.change.model import AddCaption, AddTitle, AnyChange, RippleDelete
from tools.editing.outline import CAPTION_KIND, studio_data
from tools.editing.remix.presets import Captions

if TYPE_CHECKING:
    import opentimelineio as otio

    from backends.vision.record import FilmRecord

GROUND = "#0d0b08"
_AFTER = 0.7
"""Seconds that somebody is seen to speak before the card comes."""
_READING = (1.6, 0.3, 7.0)
"""Seconds to find a card, to read each word of it, and at most."""
_APART, _LONGEST = 0.8, 90
"""Lines closer than this become one card, up to so many letters."""
_MOST = 60


@dataclass(frozen=True)
class Line:
    """Something said, in seconds of the timeline."""

    start: float
    end: float
    text: str
    clip: str = ""
    """The caption that shows it now."""


def lines_of(timeline: otio.schema.Timeline, record: FilmRecord | None) -> list[Line]:
    """What is said: the timeline's captions, else the words that were found in the film."""
    found: list[Line] = []
    for track in timeline.tracks:
        if track.kind != CAPTION_KIND:
            continue
        for clip in track.find_clips():
            span, media = clip.trimmed_range_in_parent(), clip.media_reference
            text = str(dict(getattr(media, "parameters", {})).get("text", "")).strip()
            if span is not None and text:
                start = span.start_time.to_seconds()
                found.append(
                    Line(start, start + span.duration.to_seconds(), text, str(studio_data(clip).get("id", "")))
                )
    if not found and record is not None and record.sound is not None:
        found = [Line(word.start, word.end, word.text.strip()) for word in record.sound.words if word.text.strip()]
    return sorted(found, key=lambda line: line.start)[:_MOST]


def changes_for(lines: Sequence[Line], captions: Captions) -> list[AnyChange]:
    """What turns the lines into cards or boxes; those of cards come last first, so that their times stay right."""
    if captions == "keep" or not lines:
        return []
    gone: list[AnyChange] = [
        RippleDelete(clip=line.clip, rationale="its words come in the style's own way") for line in lines if line.clip
    ]
    if captions == "boxes":
        boxes = [
            AddCaption(
                start=line.start, end=line.end, text=line.text[:400], style="comic", position="top",
                rationale="what is said stands in a box",
            )
            for line in lines
        ]  # fmt: skip
        return [*gone, *boxes]
    cards = [
        AddTitle(
            at=min(line.start + _AFTER, max(line.start, line.end - 0.2)), seconds=_seconds(line.text),
            text=line.text[:400], style="silent", ground=GROUND, rationale="what is said is read",
        )
        for line in reversed(_joined(lines))
    ]  # fmt: skip
    return [*gone, *cards]


def _joined(lines: Sequence[Line]) -> list[Line]:
    made: list[Line] = []
    for line in lines:
        if made and line.start - made[-1].end < _APART and len(made[-1].text) + len(line.text) < _LONGEST:
            last = made.pop()
            made.append(Line(last.start, line.end, f"{last.text} {line.text}"))
        else:
            made.append(line)
    return made


def _seconds(text: str) -> float:
    find, word, most = _READING
    return round(min(most, find + word * len(text.split())), 2)
