"""Transitions between the pieces of a cut: where they go, and how much of each source they may show."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from configs.errors import UsageError
from tools.editing import wishes as w
from tools.editing.arrangement import Arrangement, Part, picture_seconds, room_between
from tools.editing.decision import shots
from tools.editing.decision.pieces import plain

if TYPE_CHECKING:
    from tools.editing.decision.looking import Looking

TRANSITION_S = {"dissolve": 0.5, "fade": 0.8, "fade_white": 0.8, "wipe": 0.5, "push": 0.4, "whip": 0.3, "zoom": 0.4}
"""Usual lengths, seconds."""
FEWEST = 4
"""Frames of a transition; a shorter one is a cut."""
EPSILON = Fraction(1, 100)


def joined(made: Arrangement, wish: w.Transitions, known: Looking) -> Arrangement:
    """The arrangement with transitions. One piece that has cuts of its own gets them there.

    Raises UsageError when there is nothing to join, or no such neighbours.
    """
    parts = list(made.parts)
    if plain(parts) and (len(parts) == 1 or wish.shots):
        parts = [part for one in shots.units(parts, known.facts, made.rate, "shot") for part in one.made(made.rate)]
        parts = [replace(part, why=was) for part, was in zip(parts, _reasons(parts, made.parts), strict=True)]
    name = wish.kind.replace("_", " ")
    if len(parts) < 2:
        raise UsageError(
            f"There is nothing to put a {name} between",
            "the cut is one piece, and no cut was found in it",
            "Name two clips, or ask for shots to be cut out first",
        )
    at = _places(wish, len(parts))
    seconds = wish.seconds or TRANSITION_S.get(wish.kind, 0.5)
    ready = [_spared(part, known) for part in parts]
    on_beats = made.bed is not None and made.bed.alone
    if on_beats:
        ready = [_with_room(part, seconds, made.rate) for part in ready]
    hard = 0
    for number in at:
        length = _between(ready[number - 1], ready[number], seconds, made.rate) if on_beats else seconds
        hard += not length
        if length:
            ready[number] = replace(
                ready[number], transition=wish.kind, transition_seconds=length, direction=wish.direction
            )
    done = replace(made, parts=tuple(ready))
    taken = sum((part.seconds for part in ready), Fraction(0)) - done.seconds
    notes = list(made.notes)
    if taken:
        notes.append(f"the {name}s overlap what they join, as the shots go on no further: {float(taken):.2f} s shorter")
    if hard:
        notes.append(f"{hard} of {len(at)} cuts stay hard: their shots hold no picture for a {name} on the beat")
    return replace(done, notes=tuple(notes))


def _reasons(parts: list[Part], old: tuple[Part, ...]) -> list[str]:
    """Why each piece is there: as the piece that it was cut from."""
    return [
        next((o.why for o in old if o.source is p.source and o.begin <= p.begin and p.end <= o.end), p.why)
        for p in parts
    ]


def _places(wish: w.Transitions, count: int) -> list[int]:
    """Numbers (from 0) of the pieces that a transition leads into."""
    if not wish.between:
        return list(range(1, count))
    one, other = sorted(number if number > 0 else count + 1 + number for number in wish.between[:2])
    if not 1 <= one < other <= count:
        raise UsageError(
            f"There is no {max(one, other)} to put a transition at",
            f"the cut has {count} pieces",
            "Nothing was changed",
        )
    if other != one + 1:
        raise UsageError(
            f"{one} and {other} do not meet", "a transition stands between two neighbours", "Move one of them first"
        )
    return [one]


def _spared(part: Part, known: Looking) -> Part:
    """The part with how far its shot goes on in the source: beyond that a transition would flash up another shot."""
    whole = picture_seconds(part.source)
    if part.begin <= 0 and part.end >= whole:
        return part
    facts = known.facts(part)
    inside = float(part.end) - 0.5 / part.source.info.fps if part.source.info.fps else float(part.end) - 0.02
    opening, closing = facts.shot_at(float(part.begin) + 0.01), facts.shot_at(inside)
    first = facts.clean(opening)[0] if facts.clean(opening)[0] <= part.begin else float(part.begin)
    last = facts.clean(closing)[1] if facts.clean(closing)[1] >= part.end else float(part.end)
    span = (Fraction(first).limit_denominator(10_000), min(whole, Fraction(last).limit_denominator(10_000)))
    return replace(part, spare=span)


def _with_room(part: Part, seconds: float, rate: Fraction) -> Part:
    """The part moved inside its shot so that a transition has spare picture on both sides, as far as there is any."""
    if part.spare is None:
        return part
    first, last = part.spare
    half = min(Fraction(seconds) / 2, (last - first - (part.end - part.begin)) / 2)
    if half <= 0:
        return part
    begin = min(max(part.begin, first + half), last - half - (part.end - part.begin))
    moved = round((begin - part.begin) * rate) / rate
    inside = first <= part.begin + moved and part.end + moved <= last
    return replace(part, begin=part.begin + moved, end=part.end + moved) if inside else part


def _between(last: Part, following: Part, seconds: float, rate: Fraction) -> float:
    """Seconds of a transition between cuts that lie on beats: no more than there is to spare, so that nothing moves;
    0 for a cut."""
    frames = min(round(Fraction(seconds) * rate), 2 * int(Fraction(room_between(last, following)) * rate + EPSILON))
    return float(frames / rate) if frames >= FEWEST else 0.0
