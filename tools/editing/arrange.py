"""Operations applied to clips: a list of source parts, changed step by step, then written as a timeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from configs.errors import UsageError
from tools.editing import wishes as w
from tools.editing.arrangement import Arrangement, Part, between, picture_seconds
from tools.editing.lexicon import lexicon
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
from tools.editing.specs import CaptionSpec, frame_rate

if TYPE_CHECKING:
    from tools.editing.decision.looking import Looking

USUAL_FPS = 25.0
MOST_FPS = 60.0
MOST_PIXELS = 4096
"""Longest side of a rendered film."""

MOST_TRIES = 6
"""To find the pieces that are as long as was asked for when transitions overlap them."""

Lively = Callable[[Source, float], tuple[float, float]]
"""Finds (start, end) in seconds of a source's liveliest stretch of that length."""


def arrange(
    sources: Sequence[tuple[Source, str, str]],
    operations: Sequence[Operation],
    lively: Lively,
    known: Looking | None = None,
) -> Arrangement:
    """Apply operations to clips, given as (source, workspace path, name), joined in their order.

    known: measures the clips for wishes that need it. The first clip gives size and rate.
    Raises UsageError when an operation reaches outside the clip, or nothing is left; nothing has been written then.
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
    done = apply_all(made, operations, lively, known)
    return _as_asked(made, operations, done, lively, known)


def _as_asked(
    made: Arrangement, operations: Sequence[Operation], done: Arrangement, lively: Lively, known: Looking | None
) -> Arrangement:
    """What was done, chosen anew a little longer where transitions have taken something of the length asked for."""
    asked = next((one.seconds for one in operations if isinstance(one, (w.Best, w.Target, w.Montage))), 0.0)
    if not asked or not any(isinstance(one, w.Transitions) for one in operations):
        return done
    wanted, longer = round(Fraction(asked).limit_denominator(10_000) * made.rate) / made.rate, asked
    tried = [done]
    for _ in range(MOST_TRIES):
        lack = wanted - tried[-1].seconds
        if not lack:
            return tried[-1]
        longer += float(lack)
        again = [
            replace(one, seconds=longer) if isinstance(one, (w.Best, w.Target, w.Montage)) else one
            for one in operations
        ]
        try:
            tried.append(apply_all(made, again, lively, known))
        except UsageError:  # the footage is not that long
            break
    # Pieces that are chosen anew may overlap more or less than those before: then the last one gives what is too much.
    over = min((one for one in tried if one.seconds > wanted), key=lambda one: one.seconds, default=None)
    if over is None:
        return max(tried, key=lambda one: one.seconds)
    *rest, last = over.parts
    end = last.end - (over.seconds - wanted) * last.speed
    return replace(over, parts=(*rest, replace(last, end=end))) if end > last.begin else done


def apply_all(
    made: Arrangement, operations: Sequence[Operation], lively: Lively, known: Looking | None = None
) -> Arrangement:
    """Operations, in their order, on what is arranged already. Raises UsageError as `arrange` does."""
    kept = [operation.span for operation in operations if isinstance(operation, Keep)]
    removed = [operation.span for operation in operations if isinstance(operation, Remove)]
    if kept or removed:
        made = _choose(made, kept, removed)
    for operation in operations:
        made = _apply(made, operation, lively, known)
        if made.seconds > MAX_SECONDS or len(made.parts) > MAX_CLIPS:
            raise UsageError(
                "The result would be too long", f"{MAX_SECONDS // 3600} hours and {MAX_CLIPS} clips are the limit"
            )
    return made


def _choose(made: Arrangement, kept: list[Span], removed: list[Span]) -> Arrangement:
    """Keep spans (all in times of the whole clip, in the order named), then take the removed ones out of them."""
    holes = [_snap(span, made) for span in removed]
    parts: list[Part] = []
    for begin, end in [_snap(span, made) for span in kept] or [(Fraction(0), made.seconds)]:
        cursor = begin
        for first, last in sorted(holes):
            if last <= cursor or first >= end:
                continue
            parts += between(made.parts, cursor, first)
            cursor = max(cursor, last)
        parts += between(made.parts, cursor, end)
    if not parts:
        raise UsageError("Nothing would be left of the clip", "everything is cut out", "Nothing was changed")
    return replace(made, parts=tuple(parts))


def _apply(made: Arrangement, operation: Operation, lively: Lively, known: Looking | None) -> Arrangement:
    match operation:
        case Highlight(seconds=seconds, mood="calm"):
            return _calmest(made, seconds, known)
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
    if known is None:
        raise UsageError(f"There is no edit '{type(operation).__name__}'")
    from tools.editing.decision.plan import fulfil

    return fulfil(made, operation, known, lexicon().data["themes"])


def _calmest(made: Arrangement, seconds: float, known: Looking | None) -> Arrangement:
    from tools.editing.decision.pieces import Piece, room
    from tools.editing.decision.select import window

    if known is None:
        raise UsageError("The calmest part cannot be looked for here")
    frames = max(1, round(Fraction(seconds).limit_denominator(10_000) * made.rate))
    found = []
    for part in made.parts:
        facts, (first, last) = known.facts(part), room(part, made.rate)
        if last - first < frames:
            Span(0.0, seconds).resolve(float(part.seconds))
        start, value = window((part, first, last), min(frames, last - first), facts, made.rate, calm=True)
        why = (
            f"the calmest {seconds:g} s: {value / facts.mean_interest:.2f} times as lively as the clip is on the whole"
        )
        found.append(Piece(part, start, min(frames, last - first), why).made(made.rate))
    return replace(made, parts=tuple(found))


def _change(made: Arrangement, span: Span | None, change: Callable[[Part], Part], *, turn: bool = False) -> Arrangement:
    """Change the parts inside a span; `turn` also plays them in the opposite order."""
    begin, end = (Fraction(0), made.seconds) if span is None else _snap(span, made)
    inside = [change(part) for part in between(made.parts, begin, end)]
    if turn:
        inside.reverse()
    before, after = between(made.parts, Fraction(0), begin), between(made.parts, end, made.seconds)
    return replace(made, parts=(*before, *inside, *after))


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
