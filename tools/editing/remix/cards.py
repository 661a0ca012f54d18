"""Words in a style: what is said in a film, and the intertitles of a silent one."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tools.editing.change.model import AddTitle, AnyChange, RippleDelete
from tools.editing.outline import CAPTION_KIND, studio_data
from tools.editing.textless import SAID

if TYPE_CHECKING:
    import opentimelineio as otio

    from backends.vision.record import FilmRecord

GROUND = "#0d0b08"
_AFTER = 0.7
"""Seconds that somebody is seen to speak before the card comes."""
_FIND, _LETTERS = 1.2, 15.0
"""Seconds to find a text, and letters that are read a second (subtitles: 17 at most; cards are read more slowly)."""
_APART, _LONGEST = 0.8, 110
"""Lines of one speaker in one shot that are closer than this become one card, up to so many letters; longer ones
become several."""
_LINE = 24
"""Letters of a card's line."""
_MOST = 60


@dataclass(frozen=True)
class Line:
    """Something said, in seconds of the timeline."""

    start: float
    end: float
    text: str
    clip: str = ""
    """The caption that shows it now."""
    who: str = ""
    """Who says it; '' when that is not known."""
    until: float = 0.0
    """When the shot in which it is said ends; 0 = not known."""


def lines_of(timeline: otio.schema.Timeline, record: FilmRecord | None) -> list[Line]:
    """What is said: the timeline's captions, else the words that were found in the film. Titles and memes stay."""
    found: list[Line] = []
    for track in timeline.tracks:
        if track.kind != CAPTION_KIND:
            continue
        for clip in track.find_clips():
            span, media = clip.trimmed_range_in_parent(), clip.media_reference
            parameters = dict(getattr(media, "parameters", {}))
            text = str(parameters.get("text", "")).strip()
            if span is not None and text and str(parameters.get("style", "subtitle")) in SAID:
                start = span.start_time.to_seconds()
                found.append(
                    Line(start, start + span.duration.to_seconds(), text, str(studio_data(clip).get("id", "")))
                )
    if not found and record is not None and record.sound is not None:
        found = [Line(word.start, word.end, word.text.strip()) for word in record.sound.words if word.text.strip()]
    return [_placed(line, timeline) for line in sorted(found, key=lambda line: line.start)[:_MOST]]


def _placed(line: Line, timeline: otio.schema.Timeline) -> Line:
    """The line with who says it, by the sound of a voice at its time, and with the end of its shot."""
    who = ""
    for track in timeline.audio_tracks():
        if studio_data(track).get("role") != "dialogue":
            continue
        for clip in track.find_clips():
            span = clip.trimmed_range_in_parent()
            name, colon, _ = clip.name.partition(": ")
            begin = span.start_time.to_seconds()
            if colon and begin < line.end - 0.05 and begin + span.duration.to_seconds() > line.start + 0.05:
                who = who or name.strip()
    shown = next(iter(timeline.video_tracks()), None)
    ends = [] if shown is None else [child.range_in_parent().end_time_exclusive().to_seconds() for child in shown]
    return replace(line, who=who, until=next((end for end in ends if end > line.start + 1e-3), 0.0))


def without_captions(lines: Sequence[Line]) -> list[AnyChange]:
    """Take the captions away whose words come in the style's own way."""
    why = "its words come in the style's own way"
    return [RippleDelete(clip=line.clip, rationale=why) for line in lines if line.clip]


def cards_for(lines: Sequence[Line]) -> list[AnyChange]:
    """What turns the lines into cards; the last one comes first, so that the times of the others stay right."""
    cards: list[AnyChange] = []
    for line in reversed(_joined(lines)):
        at = min(line.start + _AFTER, max(line.start, line.end - 0.2))
        for text in reversed(_parts(line.text)):
            cards.append(
                AddTitle(
                    at=at, seconds=reading_seconds(text), text=_quoted(text), style="silent", ground=GROUND,
                    rationale="what is said is read",
                )
            )  # fmt: skip
    return cards


def reading_seconds(text: str) -> float:
    """How long a text has to stand to be found and read."""
    return round(_FIND + len(text) / _LETTERS, 2)


def _joined(lines: Sequence[Line]) -> list[Line]:
    made: list[Line] = []
    for line in lines:
        last = made[-1] if made else None
        same = last is not None and last.who == line.who and last.until == line.until
        if last is not None and same and line.start - last.end < _APART and len(last.text + line.text) < _LONGEST:
            made[-1] = replace(last, end=line.end, text=f"{last.text} {line.text}")
        else:
            made.append(line)
    return made


def _parts(text: str) -> list[str]:
    """A long speech as several cards: by its sentences, a long sentence by its words, in even parts."""
    said = " ".join(text.split())
    count = -(-len(said) // _LONGEST)
    pieces = re.findall(r"[^.!?…]+[.!?…]*[”\"']?\s*", said) if count > 1 else [said]
    if any(len(piece) > _LONGEST for piece in pieces):
        pieces = [f"{word} " for word in said.split()]
    most = max(len(said) / count, max(map(len, pieces), default=0)) * 1.15
    made: list[str] = []
    for piece in pieces:
        if made and len(made[-1]) + len(piece) <= most:
            made[-1] += piece
        else:
            made.append(piece)
    return [part.strip()[:400] for part in made if part.strip()]


def _quoted(text: str) -> str:
    """In quotation marks, and in lines of about the same length that leave the card's frame free."""
    quoted = text if text[:1] in "\"“«„'‘" or len(text) > 380 else f"“{text}”"
    count = -(-len(quoted) // _LINE)
    return "\n".join(textwrap.wrap(quoted, -(-len(quoted) // count) + 3, break_long_words=False))
