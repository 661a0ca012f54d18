"""Pieces that tell something: what is said in them is whole, and each is the best of its stretch of the footage."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from tools.editing.arrangement import Part
from tools.editing.decision.facts import Facts, Span
from tools.editing.decision.pieces import FactsOf, Piece, shots_of

GRID = 0.1
"""Distance of the windows that are compared, seconds."""
LINE_CUT = 1.5
"""What it costs to begin or to end in the middle of a line, in times the clip's mean liveliness."""
WHOLE_LINE = 0.4
"""What a whole line is worth."""
ROOM = 0.12
"""Seconds before and after a line that belong to it."""
MARGIN = 0.05
"""Seconds at the ends of what is said in which a cut is not noticed."""
LONGEST_LINE = 1.8
"""A line longer than so many times the piece that is wanted is not taken in."""
NEW_SHOT = 0.3
"""What another shot than the one before is worth."""
PLACE_OR_FACE = 0.4
"""What a wide shot or a face is worth as a beginning."""
SHORTEST = 0.6
"""Seconds of a piece that can still be read."""
STEP = 3
"""Frames by which pieces get longer in turn."""
DARK = 0.5
"""What it costs to show a shot that is too dark to be seen well."""
WIDE = frozenset({"LS", "ELS"})


@dataclass(frozen=True)
class Stretch:
    """Frames [first, last) of a shot, at the film's rate."""

    part: Part
    shot: int
    first: int
    last: int
    begins: int | None = None
    """A window begins before this frame; None = anywhere."""

    @property
    def frames(self) -> int:
        return self.last - self.first


def stretches(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction) -> list[Stretch]:
    """The shots of the parts, without what a transition touches."""
    return [
        Stretch(part, index, first, last)
        for part in parts
        for index, first, last in shots_of(part, facts_of(part), rate, clean=True)
    ]


def best_of(
    open_: Sequence[Stretch],
    facts_of: FactsOf,
    rate: Fraction,
    frames: int,
    *,
    after: Piece | None = None,
    opening: bool = False,
    quiet_from: float | None = None,
) -> Piece | None:
    """The best window of about so many frames, longer only where a line needs it; None where all shots are shorter.

    after: the piece before it. opening: a place or a face is worth more. quiet_from: nothing said after that second.
    """
    best: Piece | None = None
    score = -math.inf
    for one in open_:
        facts = facts_of(one.part)
        bonus = PLACE_OR_FACE * (opening and _introduces(facts, one.shot))
        bonus -= DARK * any(shot.index == one.shot for shot in facts.dark)
        if after is not None and facts.shot_at(float(after.first / rate)).index != one.shot:
            bonus += NEW_SHOT
        for first, count in _windows(one, facts, rate, frames):
            begin, end = float(first / rate), float((first + count) / rate)
            if quiet_from is not None and end > quiet_from and _may_say(facts, begin, end):
                continue
            value = facts.interest(begin, end) / facts.mean_interest + bonus
            value += WHOLE_LINE * _whole(facts, begin, end) - LINE_CUT * _torn(facts, begin, end)
            value -= max(0, frames - count) / frames
            if value > score + 1e-9:
                best, score = Piece(one.part, first, count, _why(facts, begin, end)), value
    return best


def fitted(
    pieces: Sequence[Piece],
    open_: Sequence[Stretch],
    facts_of: FactsOf,
    rate: Fraction,
    frames: int,
    lengths: Sequence[int] = (),
) -> list[Piece] | None:
    """The pieces, in their order, made longer or shorter until they have so many frames; None where that cannot be.

    Lines stay whole as long as anything else can give. lengths: frames that each should have, about: those that lack
    most of theirs get longer first.
    """
    made = list(pieces)
    if not made:
        return None
    lack = frames - sum(piece.frames for piece in made)
    for tearing in (False, True):
        full: set[int] = set()
        while lack > 0 and len(full) < len(made):
            number = max(
                (n for n in range(len(made)) if n not in full),
                key=lambda n: ((lengths[n] if lengths else 0) - made[n].frames, -n),
            )
            before, behind = _room(made, number, open_, facts_of, rate, tearing=tearing)
            step = min(lack, STEP)
            later = min(step, behind)
            earlier = min(step - later, before)
            piece = made[number]
            made[number] = replace(piece, first=piece.first - earlier, frames=piece.frames + earlier + later)
            lack -= earlier + later
            if not earlier + later:
                full.add(number)
    for tearing in (False, True):
        while lack < 0:
            can = [n for n, one in enumerate(made) if _can_give(one, facts_of, rate, tearing=tearing)]
            if not can:
                break
            at = max(can, key=lambda n: made[n].frames)
            made[at] = replace(made[at], frames=made[at].frames - 1)
            lack += 1
    return made if lack == 0 else None


def _windows(one: Stretch, facts: Facts, rate: Fraction, frames: int) -> Iterator[tuple[int, int]]:
    """(first frame, frames): windows of the length that is wanted, and around each line."""
    count = min(frames, one.frames)
    if count < min(frames, round(SHORTEST * rate)):
        return
    step = max(1, round(GRID * rate))
    latest = max(one.first, min(one.last - count, (one.begins or one.last) - 1))
    for first in sorted({*range(one.first, latest + 1, step), latest}):
        yield first, count
    for start, end in facts.lines:
        first, last = math.floor((start - ROOM) * rate), math.ceil((end + ROOM) * rate)
        if last - first > LONGEST_LINE * frames or first < one.first - 2 or last > one.last + 2:
            continue
        if one.begins is not None and first >= one.begins:
            continue
        first, last = max(first, one.first), min(last, one.last)
        length = min(max(last - first, count), one.frames)
        yield max(one.first, min(first, one.last - length)), length


def _introduces(facts: Facts, index: int) -> bool:
    look = next(shot.composition for shot in facts.record.shots if shot.index == index)
    if look is None:
        return False
    return look.scale in WIDE or any(figure.kind == "face" for figure in look.figures)


def _may_say(facts: Facts, begin: float, end: float) -> bool:
    """Whether somebody speaks then, or may: in sound without known lines voices can be taken for something else."""
    if not facts.lines and facts.sound is not None:
        return not any(first <= begin and end <= last for first, last in facts.silences)
    return any(first < end and begin < last for first, last in said(facts))


def said(facts: Facts) -> tuple[Span, ...]:
    """What is kept whole: the lines where they are known, else the stretches in which speech is heard."""
    return facts.lines or facts.speech


def _whole(facts: Facts, begin: float, end: float) -> bool:
    return any(begin <= first and last <= end for first, last in facts.lines)


def _torn(facts: Facts, begin: float, end: float) -> int:
    return sum(first + MARGIN < at < last - MARGIN for at in (begin, end) for first, last in said(facts))


def _room(
    made: Sequence[Piece], number: int, open_: Sequence[Stretch], facts_of: FactsOf, rate: Fraction, *, tearing: bool
) -> tuple[int, int]:
    """Frames by which a piece can begin earlier and end later in its shot, without its neighbours and others' lines."""
    piece = made[number]
    home = [one for one in open_ if one.part is piece.part or one.part.source is piece.part.source]
    around = next((one for one in home if one.first <= piece.first and piece.last <= one.last), None)
    if around is None:
        return 0, 0
    others = [one for n, one in enumerate(made) if n != number and one.part.source is piece.part.source]
    low = max([around.first, *(one.last for one in others if one.last <= piece.first)])
    high = min([around.last, *(one.first for one in others if one.first >= piece.last)])
    if not tearing:
        facts = facts_of(piece.part)
        for first, last in said(facts):
            begin, end = math.floor(first * rate), math.ceil(last * rate)
            if begin >= piece.last:
                high = min(high, max(piece.last, begin))
            if end <= piece.first:
                low = max(low, min(piece.first, end))
    return max(0, piece.first - low), max(0, high - piece.last)


def _can_give(piece: Piece, facts_of: FactsOf, rate: Fraction, *, tearing: bool) -> bool:
    """Whether a piece can lose its last frame."""
    if piece.frames <= round(SHORTEST * rate):
        return False
    if tearing:
        return True
    end = float((piece.last - 1) / rate)
    return not any(first < end < last for first, last in said(facts_of(piece.part)))


def _why(facts: Facts, begin: float, end: float) -> str:
    shot = facts.shot_at((begin + end) / 2)
    said = f"{facts.shot_id(shot)}: {facts.interest(begin, end) / facts.mean_interest:.1f} times as lively as the clip"
    said += " is on the whole"
    if shot.motion is not None:
        said += f", moves {shot.motion:.2f} widths/s"
    if shot.composition is not None and any(figure.kind == "face" for figure in shot.composition.figures):
        said += ", a face"
    return said + (", a whole line" if _whole(facts, begin, end) else "")
