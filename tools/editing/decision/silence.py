"""Taking out what nobody misses: silences, black, frozen and blurred picture, stretches in which nothing happens."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial

from configs.errors import UsageError
from tools.editing.arrangement import Part
from tools.editing.decision.facts import Facts, Span, inside, total, union, without
from tools.editing.decision.pieces import FactsOf, Piece, kept_frames, left_of

HANDLE = 0.15
"""Seconds of a silence that stay beside what is heard: consonants begin and end below the level of silence."""
BREATH = 0.25
"""Seconds of a pause that stay at each end when talk is tightened: without a breath between them sentences fall over
each other."""
TALK = 0.4
"""A clip of which this share is speech is talk: there a pause is dead air, though whoever speaks never sits still."""
SHORTEST_HOLE = 0.2
"""Less than this is not worth a cut."""
SHORTEST_PIECE = 0.25


def drop_silences(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction) -> tuple[list[Part], str]:
    """The parts without their silences, and what was done in words. Raises UsageError when there is none to drop."""
    made: list[Piece] = []
    holes: list[Span] = []
    for part in parts:
        facts = facts_of(part)
        if facts.sound is None:
            raise UsageError(
                f"'{facts.name}' has no sound, so it has no silences to remove", "it would be gone as a whole"
            )
        if facts.sound.peak_dbfs is None:
            raise UsageError(f"'{facts.name}' is silent throughout", "removing the silence would leave nothing of it")
        quiet = shrunk(facts.pauses, HANDLE, facts.seconds)
        found = [hole for hole in quiet if _inside(hole, part)]
        holes += found
        made += kept_frames(part, left_of(part, found, rate, SHORTEST_PIECE), rate, partial(_heard, facts=facts))
    if not holes:
        raise UsageError("No silence of half a second or more is heard", "so there is nothing to remove")
    longest = max(end - start for start, end in holes)
    note = (
        f"{len(holes)} {'silence' if len(holes) == 1 else 'silences'} taken out, {total(holes):.1f} s in all, the "
        f"longest {longest:.1f} s; {HANDLE:g} s are left beside what is heard"
    )
    return [piece.made(rate) for piece in made], note


def tighten(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, *, boring: bool) -> tuple[list[Part], str]:
    """Without dead air: silent stretches in which nothing moves, black, frozen and blurred picture.

    With `boring` also stretches of a second or more in which next to nothing happens. What is spoken stays whole.
    Of talk also its pauses go, but for a breath. Raises UsageError when nothing of that is there, or nothing would be
    left.
    """
    made: list[Piece] = []
    told: dict[str, float] = {}
    for part in parts:
        facts = facts_of(part)
        gone = dead(facts, boring=boring)
        holes = [hole for spans in gone.values() for hole in spans if _inside(hole, part)]
        for name, spans in gone.items():
            here = [hole for hole in spans if _inside(hole, part)]
            if here:
                told[name] = told.get(name, 0.0) + total(union(here))
        made += kept_frames(part, left_of(part, holes, rate, SHORTEST_PIECE), rate, partial(_alive, facts=facts))
    if not told:
        raise UsageError(
            "Nothing in it is dead: no silence without movement, no black, frozen or blurred part was found",
            "so nothing was cut",
            "Say how long it should be, or which part to take out",
        )
    if not made:
        raise UsageError("Nothing would be left of the clip", f"all of it is {' or '.join(told)}")
    return [piece.made(rate) for piece in made], "taken out: " + ", ".join(f"{s:.1f} s {n}" for n, s in told.items())


def dead(facts: Facts, *, boring: bool) -> dict[str, tuple[Span, ...]]:
    """What can go, by reason; none of it touches speech (with a handle beside it)."""
    spoken = [(start - HANDLE, end + HANDLE) for start, end in facts.speech]
    quiet = shrunk(facts.pauses, HANDLE, facts.seconds) if facts.sound is not None else ()
    still = union([*facts.frozen, *facts.dull])
    found = {
        "black": facts.black,
        "frozen": facts.frozen,
        "blurred": facts.closer.blurred() if facts.closer is not None else (),
        "dead air": tuple(span for hole in quiet for span in _both(hole, still)),
        "pauses": tuple(span for span in _idle(facts) if not any(_both(span, still))),
        "without anything happening": facts.dull if boring else (),
    }
    return {name: without(spans, spoken, SHORTEST_HOLE) for name, spans in found.items() if spans}


def _idle(facts: Facts) -> tuple[Span, ...]:
    """Pauses of a talk that show nothing either: livelier than the clip on the whole, they are part of it."""
    if facts.sound is None or total(facts.speech) < TALK * facts.seconds:
        return ()
    calm = [span for span in facts.pauses if facts.interest(*span) <= facts.mean_interest]
    return shrunk(calm, BREATH, facts.seconds)


def shrunk(spans: Sequence[Span], handle: float, whole: float) -> tuple[Span, ...]:
    """Spans made smaller at both ends, but not at the clip's own ends; those too short afterwards are left out."""
    made = []
    for start, end in spans:
        first, last = start + handle * (start > handle), end - handle * (end < whole - handle)
        if last - first >= SHORTEST_HOLE:
            made.append((first, last))
    return tuple(made)


def _both(span: Span, others: Sequence[Span]) -> list[Span]:
    met = [(max(span[0], start), min(span[1], end)) for start, end in others]
    return [(start, end) for start, end in met if end - start >= SHORTEST_HOLE]


def _inside(hole: Span, part: Part) -> bool:
    return min(hole[1], float(part.end)) - max(hole[0], float(part.begin)) >= SHORTEST_HOLE


def _heard(span: Span, facts: Facts) -> str:
    spoken = sum(max(0.0, min(end, span[1]) - max(start, span[0])) for start, end in facts.speech)
    return f"{span[1] - span[0]:.1f} s with sound" + (f", {spoken:.1f} s of it speech" if spoken > 0.2 else "")


def _alive(span: Span, facts: Facts) -> str:
    if total(inside(facts.speech, span)) > 0.5 * (span[1] - span[0]):
        return _heard(span, facts)
    share = facts.interest(*span) / facts.mean_interest
    return f"something happens: {share:.1f} times as lively as the clip is on the whole"
