"""A timeline read for rendering: resolved sources, whole frames, gaps and transitions made explicit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast, get_args

from configs.errors import UsageError
from tools.editing.ass import stacked
from tools.editing.cut import Cut, Program, Source, Words
from tools.editing.nested import TITLE_GENERATOR, laid_over, read_place, unnested
from tools.editing.outline import CAPTION_GENERATOR, CAPTION_KIND, gain_of, is_still, plain, studio_data
from tools.editing.specs import Direction, Spoken, TitleSpec, TransitionName
from tools.editing.times import rate_of, seconds_of

if TYPE_CHECKING:
    import opentimelineio as otio

__all__ = ["MAX_CLIPS", "MAX_SECONDS", "Cut", "Find", "Program", "Source", "Words", "read_program"]

MAX_CLIPS = 5000
MAX_SECONDS = 4 * 3600
MAX_SIDE = 16384
"""Pixels; what H.264 knows at most."""
MAX_DUCK = 60
OVERLAY = "overlay"

Find = Callable[[str, str], Source]
"""Finds a clip's source from its asset id and its target URL. Raises UsageError when there is none."""


def read_program(timeline: otio.schema.Timeline, find: Find) -> Program:
    """The program of a timeline, made here or elsewhere; nested timelines become part of it.

    Raises UsageError when it has no picture, is too long, or names a source that is not there.
    """
    import opentimelineio as otio

    meta = plain(studio_data(timeline))
    tracks = unnested(timeline)
    pictures = [track for track in tracks if track.kind == otio.schema.TrackKind.Video and len(track)]
    over = [track for track in pictures if studio_data(track).get("role") == OVERLAY]
    pictures = [track for track in pictures if track not in over]
    if not pictures:
        raise UsageError(f"The timeline '{timeline.name}' has no picture", "its video tracks are empty")
    track = pictures[0] if len(pictures) == 1 else laid_over(pictures)
    if sum(sum(1 for _ in one.find_clips()) for one in tracks) > MAX_CLIPS:
        raise UsageError(f"The timeline '{timeline.name}' has more than {MAX_CLIPS} clips")
    rate = rate_of(timeline)
    video = list(_cuts(track, rate, "video", find))
    frames = video[-1].end if video else 0
    if not frames:
        raise UsageError(f"The timeline '{timeline.name}' has no picture", "it is shorter than one frame")
    if frames > MAX_SECONDS * rate:
        raise UsageError(f"The timeline '{timeline.name}' is longer than {MAX_SECONDS // 3600} hours")
    width, height = _size(meta, video)
    audio = [
        cut
        for sound in tracks
        if sound.kind == otio.schema.TrackKind.Audio
        for cut in _cuts(sound, rate, str(studio_data(sound).get("role", "audio")), find)
        if cut.source is not None and not cut.frozen
    ]
    overlays = [cut for one in over for cut in _cuts(one, rate, OVERLAY, find) if cut.source or cut.title]
    words = [word for subs in tracks if subs.kind == CAPTION_KIND for word in _words(subs, rate)]
    words.sort(key=lambda word: (word.start, word.end))
    return Program(
        name=str(timeline.name or "Untitled"),
        fps=rate,
        width=width,
        height=height,
        frames=frames,
        video=tuple(video),
        audio=tuple(cut for cut in audio if cut.start < frames),
        words=stacked(words, width, height),
        overlays=tuple(cut for cut in overlays if cut.start < frames),
        keep_loudness=meta.get("loudness") == "keep",
        ducking=tuple(_ducked(meta.get("ducking"))),
    )


def _ducked(noted: object) -> Iterator[tuple[str, float]]:
    """How far each role of sound steps back, dB; what is no such figure is passed over."""
    for role, db in noted.items() if isinstance(noted, dict) else ():
        if isinstance(db, (int, float)) and not isinstance(db, bool) and 0 <= db <= MAX_DUCK:
            yield str(role), float(db)


def _size(meta: Mapping[str, Any], video: list[Cut]) -> tuple[int, int]:
    """Even pixels: what the timeline says, else the first clip's. Raises UsageError for sizes that cannot be."""
    width, height = noted_size(meta)
    if not (width and height):
        info = next((cut.source.info for cut in video if cut.source), None)
        width, height = (info.width, info.height) if info else (1280, 720)
    return max(2, width - width % 2), max(2, height - height % 2)


def noted_size(meta: Mapping[str, Any]) -> tuple[int, int]:
    """What a timeline notes as its size, 0 where it notes nothing. Raises UsageError for sizes that cannot be."""
    width, height = meta.get("width") or 0, meta.get("height") or 0
    if not all(isinstance(side, int) and 0 <= side <= MAX_SIDE for side in (width, height)):
        size = f"{str(width)[:40]} x {str(height)[:40]} pixels"
        raise UsageError("The timeline has no usable size", f"{size}; {MAX_SIDE} a side are the most")
    return width, height


def _cuts(track: otio.schema.Track, rate: Fraction, role: str, find: Find) -> Iterator[Cut]:
    import opentimelineio as otio

    cursor, pending = 0, None
    clock = Fraction(0)
    for item in track:
        if isinstance(item, otio.schema.Transition):
            pending = item
            continue
        if not isinstance(item, (otio.schema.Clip, otio.schema.Gap)):
            raise UsageError(f"The track '{track.name}' holds a {type(item).__name__}", "it cannot be rendered")
        span = item.trimmed_range()
        # Cumulative, so that a track cut at another rate does not drift from the frame grid.
        clock += seconds_of(span.duration)
        frames = round(clock * rate) - cursor
        if frames < 1:
            continue
        cut = Cut(cursor, frames, role=role)
        if isinstance(item, otio.schema.Clip) and item.enabled:
            cut = _clip(item, cut, find)
        if pending is not None and cursor:
            cut = _blended(cut, pending, rate)
        pending = None
        yield cut
        cursor += frames


def _blended(cut: Cut, transition: otio.schema.Transition, rate: Fraction) -> Cut:
    own = studio_data(transition)
    kind, direction = str(own.get("kind", "dissolve")), str(own.get("direction", "left"))
    return replace(
        cut,
        blend=cast("Any", kind if kind in get_args(TransitionName) and kind != "cut" else "dissolve"),
        direction=cast("Any", direction if direction in get_args(Direction) else "left"),
        before=max(0, round(seconds_of(transition.in_offset) * rate)),
        after=max(0, round(seconds_of(transition.out_offset) * rate)),
    )


def _clip(clip: otio.schema.Clip, cut: Cut, find: Find) -> Cut:
    import opentimelineio as otio

    from tools.editing.effects import read_effects

    media, own = clip.media_reference, plain(studio_data(clip))
    cut = replace(
        cut,
        effects=read_effects(clip),
        gain_db=gain_of(clip),
        frozen=is_still(clip),
        place=read_place(own.get("place"), str(clip.name)) if cut.role == OVERLAY else None,
        clip_id=str(own.get("id", "")),
    )
    if isinstance(media, otio.schema.GeneratorReference) and media.generator_kind == TITLE_GENERATOR:
        return replace(cut, title=_title(clip, media))
    if not isinstance(media, otio.schema.ExternalReference):
        raise UsageError(
            f"The clip '{clip.name}' names no file", "its source is missing from the timeline", "Relink it"
        )
    begin = seconds_of(clip.trimmed_range().start_time)
    if media.available_range is not None and not own:
        # Editors write source times on the camera's timecode; the file itself begins at zero.
        begin -= seconds_of(media.available_range.start_time)
    return replace(cut, source=find(str(own.get("asset", "")), str(media.target_url)), source_in=begin)


def _title(clip: otio.schema.Clip, media: otio.schema.GeneratorReference) -> TitleSpec:
    own = plain(dict(cast("Mapping[str, Any]", media.parameters)))
    ground = str(own.get("ground", "#000000"))
    if len(ground) != 7 or ground[0] != "#" or not all(letter in "0123456789abcdefABCDEF" for letter in ground[1:]):
        raise UsageError(f"The title '{clip.name}' has no usable colour", f"'{ground[:20]}' is not like #101820")
    length = float(seconds_of(clip.trimmed_range().duration))
    return TitleSpec(0.0, length, str(own.get("text", "")), cast("Any", str(own.get("style", "title"))), ground)


def _words(track: otio.schema.Track, rate: Fraction) -> Iterator[Words]:
    import opentimelineio as otio

    for clip in track.find_clips():
        media, span = clip.media_reference, clip.trimmed_range_in_parent()
        if (
            not isinstance(media, otio.schema.GeneratorReference)
            or media.generator_kind != CAPTION_GENERATOR
            or span is None
        ):
            continue
        start, length = seconds_of(span.start_time), seconds_of(span.duration)
        parameters = plain(dict(cast("Mapping[str, Any]", media.parameters)))
        yield Words(
            round(start * rate),
            round((start + length) * rate),
            str(parameters.get("text", "")),
            str(parameters.get("style", "subtitle")),
            str(parameters.get("position", "bottom")),
            tuple(_spoken(parameters.get("words"))),
        )


def _spoken(words: object) -> Iterator[Spoken]:
    """[[start, end, text], ...]; what is no such row is passed over, since the words then share the time."""
    for row in words if isinstance(words, list) else ():
        match row:
            case [int() | float() as start, int() | float() as end, str() as text] if 0 <= start <= end:
                yield Spoken(float(start), float(end), text)
