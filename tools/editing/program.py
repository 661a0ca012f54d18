"""A timeline read for rendering: resolved sources, whole frames, gaps and transitions made explicit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from configs.errors import UsageError
from tools.editing.outline import CAPTION_GENERATOR, CAPTION_KIND, studio_data
from tools.editing.specs import Direction, Place, Spoken, TitleSpec, frame_rate

if TYPE_CHECKING:
    import opentimelineio as otio

    from backends.media.guard import SniffedFile
    from backends.media.probe import MediaInfo

MAX_CLIPS = 2000
MAX_SECONDS = 4 * 3600


@dataclass(frozen=True)
class Source:
    """A file that clips are cut from, already checked and probed."""

    path: Path
    sha256: str
    asset_id: str
    sniffed: SniffedFile = field(compare=False)
    info: MediaInfo = field(compare=False)
    matrix: str = ""
    """Colour matrix when it is tagged as another one than BT.709, as ffmpeg's scaler names it."""
    stretched: bool = False
    """True when its pixels are not square."""


@dataclass(frozen=True)
class Cut:
    """A clip (or a gap, without source) on the frame grid of the program."""

    start: int
    frames: int
    source: Source | None = None
    source_in: Fraction = Fraction(0)
    """Seconds."""
    effects: tuple[dict[str, Any], ...] = ()
    gain_db: float = 0.0
    role: str = "video"
    blend: Literal["", "dissolve", "fade", "fade_white", "wipe", "push", "whip", "zoom"] = ""
    """The transition into this clip, from `before` frames ahead of `start` to `after` frames behind it."""
    direction: Direction = "left"
    before: int = 0
    after: int = 0
    frozen: bool = False
    """One frame of the source, the one at `source_in`, for as long as the clip lasts; without sound."""
    place: Place | None = None
    """Where an overlay lies on the picture."""
    title: TitleSpec | None = None
    """A card instead of a source."""
    clip_id: str = ""
    """The clip's id on the timeline."""

    @property
    def end(self) -> int:
        return self.start + self.frames

    @property
    def speed(self) -> Fraction:
        """How many source seconds pass per second on the timeline."""
        speed = Fraction(1)
        for effect in self.effects:
            if effect["name"] == "speed":
                speed *= Fraction(effect["factor"]).limit_denominator(10_000)
        return speed

    @property
    def backwards(self) -> bool:
        return len([effect for effect in self.effects if effect["name"] == "reverse"]) % 2 == 1


@dataclass(frozen=True)
class Words:
    """A caption in frames of the program."""

    start: int
    end: int
    text: str
    style: str
    position: str
    spoken: tuple[Spoken, ...] = ()
    """When each word comes, in seconds since the caption's start."""


@dataclass(frozen=True)
class Program:
    """All that a render needs; `video` covers every frame from 0 to `frames`, gaps included."""

    name: str
    fps: Fraction
    width: int
    height: int
    frames: int
    video: tuple[Cut, ...]
    audio: tuple[Cut, ...]
    words: tuple[Words, ...]
    overlays: tuple[Cut, ...] = ()
    """Pictures over the picture, the lowest first; each with a `place`."""
    keep_loudness: bool = False
    """True for edits of a user's own clip, whose level is left as it is."""

    @property
    def seconds(self) -> float:
        return float(self.frames / self.fps)

    def sources(self) -> list[Source]:
        """Every file used, once, in order of first use."""
        every = (*self.video, *self.overlays, *self.audio)
        return list(dict.fromkeys(cut.source for cut in every if cut.source is not None))


Find = Callable[[str, str], Source]
"""Finds a clip's source from its asset id and its target URL. Raises UsageError when there is none."""


def read_program(timeline: otio.schema.Timeline, find: Find) -> Program:
    """The program of a timeline, made here or elsewhere.

    Raises UsageError when it has no picture, is too long, nests stacks, or names a source that is not there.
    """
    import opentimelineio as otio

    meta = studio_data(timeline)
    tracks = [track for track in timeline.tracks if isinstance(track, otio.schema.Track)]
    pictures = [track for track in tracks if track.kind == otio.schema.TrackKind.Video and len(track)]
    if not pictures:
        raise UsageError(f"The timeline '{timeline.name}' has no picture", "its video tracks are empty")
    track = pictures[0] if len(pictures) == 1 else otio.algorithms.flatten_stack(pictures)
    if sum(1 for _ in timeline.find_clips()) > MAX_CLIPS:
        raise UsageError(f"The timeline '{timeline.name}' has more than {MAX_CLIPS} clips")
    clips = list(track.find_clips())
    first = next((clip for clip in clips if isinstance(clip.media_reference, otio.schema.ExternalReference)), None)
    rate = Fraction(str(meta["fps"])) if "fps" in meta else frame_rate(timeline.duration().rate)
    video = list(_cuts(track, rate, "video", find))
    width, height = int(meta.get("width", 0)), int(meta.get("height", 0))
    if not (width and height):
        info = next(cut.source.info for cut in video if cut.source) if first is not None else None
        width, height = (info.width, info.height) if info else (1280, 720)
    audio = [
        cut
        for sound in tracks
        if sound.kind == otio.schema.TrackKind.Audio
        for cut in _cuts(sound, rate, str(studio_data(sound).get("role", "audio")), find)
        if cut.source is not None
    ]
    frames = video[-1].end
    if frames > MAX_SECONDS * rate:
        raise UsageError(f"The timeline '{timeline.name}' is longer than {MAX_SECONDS // 3600} hours")
    words = [word for subs in tracks if subs.kind == CAPTION_KIND for word in _words(subs, rate)]
    return Program(
        name=str(timeline.name or "Untitled"),
        fps=rate,
        width=max(2, width - width % 2),
        height=max(2, height - height % 2),
        frames=frames,
        video=tuple(video),
        audio=tuple(cut for cut in audio if cut.start < frames),
        words=tuple(sorted(words, key=lambda word: (word.start, word.end))),
        keep_loudness=meta.get("loudness") == "keep",
    )


def _cuts(track: otio.schema.Track, rate: Fraction, role: str, find: Find) -> Iterator[Cut]:
    import opentimelineio as otio

    from tools.editing.effects import read_effects

    cursor, pending = 0, None
    clock = Fraction(0)
    for item in track:
        if isinstance(item, otio.schema.Transition):
            pending = item
            continue
        if not isinstance(item, (otio.schema.Clip, otio.schema.Gap)):
            raise UsageError(
                f"The track '{track.name}' holds a {type(item).__name__}", "nested timelines cannot be rendered yet"
            )
        span = item.trimmed_range()
        # Cumulative, so that a track cut at another rate does not drift from the frame grid.
        clock += _seconds(span.duration)
        frames = round(clock * rate) - cursor
        if frames < 1:
            continue
        cut = Cut(cursor, frames, role=role)
        if isinstance(item, otio.schema.Clip) and item.enabled:
            cut = _clip(item, cut, find, read_effects(item))
        if pending is not None and cursor:
            blend = studio_data(pending).get("kind", "dissolve")
            cut = replace(
                cut,
                blend=blend if blend in ("dissolve", "fade") else "dissolve",
                before=round(_seconds(pending.in_offset) * rate),
                after=round(_seconds(pending.out_offset) * rate),
            )
        pending = None
        yield cut
        cursor += frames


def _clip(clip: otio.schema.Clip, cut: Cut, find: Find, effects: tuple[dict[str, Any], ...]) -> Cut:
    import opentimelineio as otio

    media = clip.media_reference
    if not isinstance(media, otio.schema.ExternalReference):
        raise UsageError(
            f"The clip '{clip.name}' names no file", "its source is missing from the timeline", "Relink it"
        )
    own = studio_data(clip)
    begin = _seconds(clip.trimmed_range().start_time)
    if media.available_range is not None and not own:
        # Editors write source times on the camera's timecode; the file itself begins at zero.
        begin -= _seconds(media.available_range.start_time)
    gain = own.get("gain_db", 0.0)
    return replace(
        cut,
        source=find(str(own.get("asset", "")), str(media.target_url)),
        source_in=begin,
        effects=effects,
        gain_db=float(gain) if isinstance(gain, (int, float)) else 0.0,
    )


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
        start, length = _seconds(span.start_time), _seconds(span.duration)
        parameters = cast("dict[str, Any]", dict(media.parameters))
        yield Words(
            round(start * rate),
            round((start + length) * rate),
            str(parameters.get("text", "")),
            str(parameters.get("style", "subtitle")),
            str(parameters.get("position", "bottom")),
        )


def _seconds(time: otio.opentime.RationalTime) -> Fraction:
    """Exact seconds: NTSC rates are stored as decimals, but mean thousandths of 1001."""
    return Fraction(time.value).limit_denominator(1_000_000) / frame_rate(time.rate)
