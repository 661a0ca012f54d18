"""Operations applied to clips: a list of source parts, changed step by step, then written as a timeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from tools.editing.effects import check_effect
from tools.editing.operations import (
    Caption,
    FadeIn,
    FadeOut,
    Grade,
    Highlight,
    Join,
    Keep,
    Loop,
    Mute,
    Operation,
    Remove,
    Reverse,
    Span,
    Speed,
    Volume,
)
from tools.editing.program import MAX_CLIPS, MAX_SECONDS, Source
from tools.editing.specs import CaptionSpec, ClipSpec, frame_rate
from tools.editing.timeline import build_timeline

if TYPE_CHECKING:
    import opentimelineio as otio

USUAL_FPS = 25.0
MOST_FPS = 60.0
MOST_PIXELS = 4096
"""Longest side of a rendered film."""

Lively = Callable[[Source, float], tuple[float, float]]
"""Finds (start, end) in seconds of a source's liveliest stretch of that length."""


@dataclass(frozen=True)
class Part:
    """A stretch of a source as it is played."""

    source: Source
    path: str
    """Relative to the workspace."""
    name: str
    begin: Fraction
    end: Fraction
    """Seconds in the source."""
    speed: Fraction = Fraction(1)
    backwards: bool = False
    looks: tuple[str, ...] = ()
    gain_db: float = 0.0
    muted: bool = False

    @property
    def seconds(self) -> Fraction:
        return (self.end - self.begin) / self.speed

    def cut(self, at: Fraction) -> tuple[Part, Part]:
        """Both sides of a moment, in seconds since this part began to play."""
        if self.backwards:
            middle = self.end - at * self.speed
            return replace(self, begin=middle), replace(self, end=middle)
        middle = self.begin + at * self.speed
        return replace(self, end=middle), replace(self, begin=middle)

    def effects(self) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        if self.speed != 1:
            made.append(check_effect({"name": "speed", "factor": float(self.speed)}))
        if self.backwards:
            made.append({"name": "reverse"})
        return made + [check_effect({"name": "grade", "look": look}) for look in self.looks]


@dataclass(frozen=True)
class Arrangement:
    """What the operations have made of the clips."""

    parts: tuple[Part, ...]
    rate: Fraction
    width: int
    height: int
    fade_in: float = 0.0
    fade_out: float = 0.0
    captions: tuple[CaptionSpec, ...] = ()

    @property
    def seconds(self) -> Fraction:
        return sum((part.seconds for part in self.parts), Fraction(0))

    def timeline(self, name: str) -> otio.schema.Timeline:
        """The arrangement as a timeline that keeps the sources' loudness."""
        video: list[ClipSpec] = []
        sound: list[ClipSpec] = []
        start = Fraction(0)
        for number, part in enumerate(self.parts):
            effects = part.effects()
            if self.fade_in and number == 0:
                effects.append({"name": "fade_in", "seconds": min(self.fade_in, float(part.seconds))})
            if self.fade_out and number == len(self.parts) - 1:
                effects.append({"name": "fade_out", "seconds": min(self.fade_out, float(part.seconds))})
            clip = ClipSpec(
                part.source.asset_id,
                Path(part.path),
                float(start),
                float(part.seconds),
                float(part.begin),
                part.name,
                part.gain_db,
                effects=tuple(effects),
                source_seconds=part.source.info.seconds,
            )
            video.append(clip)
            if part.source.info.has_audio and not part.muted:
                sound.append(clip)
            start += part.seconds
        audio = {"source": sound} if sound else {}
        made = build_timeline(name, float(self.rate), self.width, self.height, video, audio, self.captions)
        made.metadata["studio"]["loudness"] = "keep"
        return made


def arrange(sources: Sequence[tuple[Source, str, str]], operations: Sequence[Operation], lively: Lively) -> Arrangement:
    """Apply operations to clips, given as (source, workspace path, name), joined in their order.

    The first clip gives size and rate. Raises UsageError when an operation reaches outside the clip, or nothing is
    left; nothing has been written then.
    """
    info = sources[0][0].info
    rate = frame_rate(min(info.fps, MOST_FPS) if info.fps >= 1 else USUAL_FPS)
    scale = min(1.0, MOST_PIXELS / max(info.width, info.height))
    made = Arrangement(
        tuple(Part(source, path, name, Fraction(0), picture_seconds(source)) for source, path, name in sources),
        rate,
        max(2, int(info.width * scale) // 2 * 2),
        max(2, int(info.height * scale) // 2 * 2),
    )
    kept = [operation.span for operation in operations if isinstance(operation, Keep)]
    removed = [operation.span for operation in operations if isinstance(operation, Remove)]
    if kept or removed:
        made = _choose(made, kept, removed)
    for operation in operations:
        made = _apply(made, operation, lively)
        if made.seconds > MAX_SECONDS or len(made.parts) > MAX_CLIPS:
            raise UsageError(
                "The result would be too long", f"{MAX_SECONDS // 3600} hours and {MAX_CLIPS} clips are the limit"
            )
    return made


def picture_seconds(source: Source) -> Fraction:
    """How long a source's picture lasts; its sound may go on longer."""
    info = source.info
    if info.frames and info.fps:
        return info.frames / Fraction(info.fps).limit_denominator(1001)
    return Fraction(info.seconds).limit_denominator(1_000_000)


def _choose(made: Arrangement, kept: list[Span], removed: list[Span]) -> Arrangement:
    """Keep spans (all in times of the whole clip, in the order named), then take the removed ones out of them."""
    holes = [_snap(span, made) for span in removed]
    parts: list[Part] = []
    for begin, end in [_snap(span, made) for span in kept] or [(Fraction(0), made.seconds)]:
        cursor = begin
        for first, last in sorted(holes):
            if last <= cursor or first >= end:
                continue
            parts += _between(made.parts, cursor, first)
            cursor = max(cursor, last)
        parts += _between(made.parts, cursor, end)
    if not parts:
        raise UsageError("Nothing would be left of the clip", "everything is cut out", "Nothing was changed")
    return replace(made, parts=tuple(parts))


def _apply(made: Arrangement, operation: Operation, lively: Lively) -> Arrangement:
    match operation:
        case Highlight(seconds=seconds):
            return replace(made, parts=tuple(_liveliest(part, seconds, made.rate, lively) for part in made.parts))
        case Grade(look=look, span=span):
            return _change(made, span, lambda part: replace(part, looks=(*part.looks, look)))
        case Speed(factor=factor, span=span):
            exact = Fraction(factor).limit_denominator(1000)
            return _change(made, span, lambda part: replace(part, speed=part.speed * exact))
        case Volume(db=db, span=span):
            return _change(made, span, lambda part: replace(part, gain_db=part.gain_db + db))
        case Mute(span=span):
            return _change(made, span, lambda part: replace(part, muted=True))
        case Reverse(span=span):
            return _change(made, span, lambda part: replace(part, backwards=not part.backwards), turn=True)
        case Loop(times=times):
            if not 1 <= times <= 100:
                raise UsageError(f"{times} times in a row cannot be made", "1 to 100 can")
            return replace(made, parts=made.parts * times)
        case FadeIn(seconds=seconds):
            return replace(made, fade_in=_fade(seconds, made))
        case FadeOut(seconds=seconds):
            return replace(made, fade_out=_fade(seconds, made))
        case Caption(text=text, position=position, style=style, span=span):
            begin, end = (Fraction(0), made.seconds) if span is None else _snap(span, made)
            words = CaptionSpec(float(begin), float(end), text, style, position)
            return replace(made, captions=(*made.captions, words))
        case Keep() | Remove() | Join():
            return made
    raise UsageError(f"There is no edit '{type(operation).__name__}'")


def _change(made: Arrangement, span: Span | None, change: Callable[[Part], Part], *, turn: bool = False) -> Arrangement:
    """Change the parts inside a span; `turn` also plays them in the opposite order."""
    begin, end = (Fraction(0), made.seconds) if span is None else _snap(span, made)
    inside = [change(part) for part in _between(made.parts, begin, end)]
    if turn:
        inside.reverse()
    before, after = _between(made.parts, Fraction(0), begin), _between(made.parts, end, made.seconds)
    return replace(made, parts=(*before, *inside, *after))


def _between(parts: Sequence[Part], begin: Fraction, end: Fraction) -> list[Part]:
    """The parts, and pieces of parts, that play from `begin` to `end`."""
    found: list[Part] = []
    cursor = Fraction(0)
    for part in parts:
        piece, start = part, cursor
        cursor += part.seconds
        if end <= start or begin >= cursor:
            continue
        if end < cursor:
            piece = piece.cut(end - start)[0]
        if begin > start:
            piece = piece.cut(begin - start)[1]
        found.append(piece)
    return found


def _snap(span: Span, made: Arrangement) -> tuple[Fraction, Fraction]:
    """A span of the arrangement on its frame grid, at least one frame long; its very end stays the very end."""
    begin, end = span.resolve(float(made.seconds))
    first = round(Fraction(begin) * made.rate)
    last = max(first + 1, round(Fraction(end) * made.rate))
    if end >= float(made.seconds) - 1e-6 or last / made.rate > made.seconds:
        return min(Fraction(first) / made.rate, made.seconds - 1 / made.rate), made.seconds
    return Fraction(first) / made.rate, Fraction(last) / made.rate


def _liveliest(part: Part, seconds: float, rate: Fraction, lively: Lively) -> Part:
    """The part's liveliest stretch: whole frames, and as many of them as the seconds asked for."""
    whole = picture_seconds(part.source)
    Span(0.0, seconds).resolve(float(whole))
    begin, _ = lively(part.source, min(seconds, float(whole)))
    length = min(whole, max(Fraction(1), Fraction(round(Fraction(seconds) * rate))) / rate)
    start = min(Fraction(round(Fraction(begin) * rate)) / rate, whole - length)
    return replace(part, begin=max(Fraction(0), start), end=max(Fraction(0), start) + length)


def _fade(seconds: float, made: Arrangement) -> float:
    if not 0 < seconds <= float(made.seconds):
        raise UsageError(f"A fade of {seconds:g} s does not fit", f"the clip then lasts {float(made.seconds):.2f} s")
    return seconds
