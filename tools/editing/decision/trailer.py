"""A trailer: a place or a face, a title, a build-up in the film's order whose pieces get shorter, a title, a button.

What is said is kept whole and in its order, so that no answer comes before its question, and the end stays untold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from configs.errors import UsageError
from tools.editing.arrangement import Card, Part, between
from tools.editing.decision.pieces import FactsOf, Piece
from tools.editing.decision.select import best_moments
from tools.editing.decision.telling import Stretch, best_of, fitted, said, stretches

USUAL, SHORTEST_FILM = 20.0, 6.0
FOOTAGE_SHARE = 0.5
"""A trailer shows no more of the film than this."""
SPOILER_SHARE = 0.85
"""What comes after this share of the film is kept for those who see it."""
CARD_S = 1.6
HOOK_SHARE, BUTTON_SHARE = 0.16, 0.1
HOOK_UNTIL, BUTTON_FROM = 0.3, 0.5
"""Shares of the film before which it begins, and after which the button lies."""
SLOW_PIECE, QUICK_PIECE = 2.2, 0.9
SHORTEST_BUTTON, LONG_FILM = Fraction(6, 5), 8
"""Seconds that a joke or a look after the title takes at least, in trailers with so much footage."""
APART = Fraction(1)
"""Seconds beside the hook and the button that the build-up leaves out, so that it does not give them away."""


@dataclass(frozen=True)
class Cut:
    parts: tuple[Part, ...]
    cards: tuple[Card, ...]
    note: str


def trailer(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, *, seconds: float, title: str) -> Cut:
    """About `seconds` long (0 = as fits), cards included, to the frame when it was said.

    Raises UsageError when the film is too short for one.
    """
    there = float(sum(part.seconds for part in parts))
    wanted = seconds or min(USUAL, max(4.0, FOOTAGE_SHARE * there))
    # Whole frames, so that the parts add up to what was asked for.
    card = round(Fraction(min(CARD_S, wanted / 8)).limit_denominator(1000) * rate) / rate
    shown = round(Fraction(wanted).limit_denominator(10_000) * rate) / rate - 2 * card
    if there < SHORTEST_FILM or shown > Fraction(there) * Fraction(9, 10):
        raise UsageError(
            f"A trailer of {wanted:g} s cannot be cut from {there:.1f} s",
            "it needs footage to choose from",
            "Ask for a shorter one, or for the best moments",
        )
    hook, middle, button = _told(parts, facts_of, rate, round(shown * rate))
    open_ = _until(parts, SPOILER_SHARE)
    first = sum((part.seconds for part in hook), Fraction(0))
    last = first + sum((part.seconds for part in middle), Fraction(0))
    cards = (
        Card(first, float(card), title, "the title, after the hook"),
        Card(last, float(card), title, "the title again, before the button"),
    )
    shorter = (
        " that get shorter"
        if len(middle) > 1 and all(one.seconds >= other.seconds for one, other in pairwise(middle))
        else ""
    )
    count = "1 piece" if len(middle) == 1 else f"{len(middle)} pieces"
    note = (
        f"hook {float(first):.1f} s, build-up {float(last - first):.1f} s in {count}{shorter}, in "
        f"the film's order, button {float(sum(p.seconds for p in button)):.1f} s; two title cards of {float(card):.1f} "
        f"s; nothing of the last {1 - SPOILER_SHARE:.0%}"
        + (" but the button" if sum((part.seconds for part in _outside(button, open_)), Fraction(0)) else "")
    )
    return Cut((*hook, *middle, *button), cards, note)


def _told(
    parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, frames: int
) -> tuple[list[Part], list[Part], list[Part]]:
    """Hook, build-up and button, together so many frames."""
    shortest = round((SHORTEST_BUTTON if frames >= LONG_FILM * rate else Fraction(3, 4)) * rate)
    button_frames = max(shortest, round(frames * BUTTON_SHARE))
    hook_frames = max(round(rate), round(frames * HOOK_SHARE))
    hook = _one(_until(parts, HOOK_UNTIL), facts_of, rate, hook_frames, opening=True)
    late = _outside(_stretch(parts, BUTTON_FROM, SPOILER_SHARE), _beside(hook, facts_of))
    button = _one(late, facts_of, rate, button_frames) or _one(
        _outside(_stretch(parts, BUTTON_FROM, 1.0), hook), facts_of, rate, button_frames
    )
    hook, button = hook or _any(parts, facts_of, rate, hook_frames, []), button or _any(
        parts, facts_of, rate, button_frames, hook
    )  # fmt: skip
    left = frames - sum(round(part.seconds * rate) for part in (*hook, *button))
    open_ = _until(parts, SPOILER_SHARE)
    footage = _footage(open_, hook, button, left / rate, facts_of)
    middle = _build_up(footage, facts_of, rate, left, button)
    return _named(hook, "hook"), _named(middle, "build-up"), _named(button, "button")


def _one(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, frames: int, *, opening: bool = False) -> list[Part]:
    """One piece of about so many frames, a whole line where one fits; [] where no shot is that long."""
    found = best_of(stretches(parts, facts_of, rate), facts_of, rate, frames, opening=opening)
    return [found.made(rate)] if found is not None else []


def _any(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, frames: int, taken: Sequence[Part]) -> list[Part]:
    """Several pieces, where all shots are short."""
    return best_moments(_outside(parts, taken), facts_of, rate, float(frames / rate), length=9.0)


def _build_up(
    footage: Sequence[Part], facts_of: FactsOf, rate: Fraction, frames: int, button: Sequence[Part]
) -> list[Part]:
    """Pieces of a stretch of the footage each, in the film's order, every one shorter than the one before.

    What is said after the button is left out: it may be what the button asks for.
    """
    said_until = min((part.begin for part in button), default=None)
    open_ = stretches(footage, facts_of, rate)
    slow, quick = SLOW_PIECE, QUICK_PIECE
    count = max(1, round(float(frames / rate) / ((slow + quick) / 2)))
    lengths = _lengths(frames, count, rate)
    there = sum(one.frames for one in open_)
    chosen: list[Piece] = []
    for number, length in enumerate(lengths):
        begin, end = there * number // count, there * (number + 1) // count
        after = chosen[-1] if chosen else None
        slot = _slice(open_, begin, max(end, begin + length), after)
        found = best_of(slot, facts_of, rate, length, after=after, quiet_from=_second(said_until, slot, button))
        if found is not None:
            chosen.append(found)
    made = fitted(chosen, open_, facts_of, rate, frames, _lengths(frames, len(chosen), rate))
    if made is None:
        return best_moments(footage, facts_of, rate, float(frames / rate), length=(slow + quick) / 2)
    return [piece.made(rate) for piece in made]


def _lengths(frames: int, count: int, rate: Fraction) -> list[int]:
    """Frames of each piece, evenly shorter from the first to the last; their sum is `frames`."""
    steps = [SLOW_PIECE + (QUICK_PIECE - SLOW_PIECE) * (n / max(1, count - 1)) for n in range(count)]
    made, done, cursor = [], 0, 0.0
    for step in steps:
        cursor += step / sum(steps) * frames
        made.append(round(cursor) - done)
        done = round(cursor)
    return made


def _slice(open_: Sequence[Stretch], begin: int, end: int, after: Piece | None) -> list[Stretch]:
    """The footage between two of its frames, without what lies before the end of the piece before."""
    found: list[Stretch] = []
    cursor = 0
    for one in open_:
        first, last = max(begin - cursor, 0), min(end - cursor, one.frames)
        cursor += one.frames
        if last <= first:
            continue
        first, last = one.first + first, one.first + last
        if after is not None and after.part.source is one.part.source and after.last > first:
            first = after.last if one.first <= after.first else first
        if last > first:
            found.append(replace(one, first=first, last=one.last, begins=last))
    return found


def _second(said_until: Fraction | None, slot: Sequence[Stretch], button: Sequence[Part]) -> float | None:
    """From which second of the slot's clip on nothing said may be shown."""
    same = said_until is not None and any(one.part.source is button[0].source for one in slot)
    return float(said_until) if same and said_until is not None else None


def _footage(
    open_: Sequence[Part], hook: list[Part], button: list[Part], wanted: Fraction, facts_of: FactsOf
) -> list[Part]:
    """What the build-up is chosen from: between hook and button and not beside them, where that is enough."""
    since = _since(open_, hook)
    between_them = _outside(_before(since, button), [*_beside(hook, facts_of), *_beside(button, facts_of)])
    if sum(part.seconds for part in between_them) >= 1.5 * wanted:
        return between_them
    for gone, times in (([*_beside(hook, facts_of), *_beside(button, facts_of)], 2.0), ([*hook, *button], 1.5)):
        found = _outside(since, gone)
        if sum(part.seconds for part in found) >= times * wanted:
            return found
    return _outside(open_, [*hook, *button])


def _before(parts: Sequence[Part], button: Sequence[Part]) -> list[Part]:
    """What comes before the button in the film."""
    first = button[0]
    for number, part in enumerate(parts):
        if part.source is first.source and part.begin <= first.begin < part.end:
            rest = [replace(part, end=first.begin)] if part.begin < first.begin else []
            return [*parts[:number], *rest]
    return list(parts)


def _since(parts: Sequence[Part], hook: Sequence[Part]) -> list[Part]:
    """What comes after the hook in the film."""
    last = hook[-1]
    for number, part in enumerate(parts):
        if part.source is last.source and part.begin < last.end <= part.end:
            rest = [replace(part, begin=last.end)] if last.end < part.end else []
            return [*rest, *parts[number + 1 :]]
    return list(parts)


def _beside(parts: Sequence[Part], facts_of: FactsOf) -> list[Part]:
    """The parts with what lies beside them; a line that would be torn there is left out with it."""
    made = []
    for part in parts:
        begin, end = float(part.begin - APART), float(part.end + APART)
        for first, last in said(facts_of(part)):
            begin = first if first < begin < last < float(part.begin) else begin
            end = last if float(part.end) < first < end < last else end
        made.append(
            replace(part, begin=Fraction(begin).limit_denominator(10_000), end=Fraction(end).limit_denominator(10_000))
        )
    return made


def _named(parts: Sequence[Part], role: str) -> list[Part]:
    return [replace(part, why=f"{role}: {part.why}") for part in parts]


def _until(parts: Sequence[Part], share: float) -> list[Part]:
    return _stretch(parts, 0.0, share)


def _stretch(parts: Sequence[Part], begin: float, end: float) -> list[Part]:
    whole = sum((part.seconds for part in parts), Fraction(0))
    first, last = (Fraction(share).limit_denominator(1000) for share in (begin, end))
    return between(parts, whole * first, whole * last)


def _outside(parts: Sequence[Part], taken: Sequence[Part]) -> list[Part]:
    """The parts without what is shown already."""
    left = list(parts)
    for gone in taken:
        pieces: list[Part] = []
        for part in left:
            if part.source is not gone.source or gone.end <= part.begin or gone.begin >= part.end:
                pieces.append(part)
                continue
            if gone.begin > part.begin:
                pieces.append(replace(part, end=gone.begin))
            if gone.end < part.end:
                pieces.append(replace(part, begin=gone.end))
        left = pieces
    return left
