"""Choosing moments: the best ones of some seconds, and cutting down to a length, to the frame."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from configs.errors import UsageError
from tools.editing.arrangement import Part
from tools.editing.decision.facts import Facts
from tools.editing.decision.pieces import FactsOf, Piece, room, shots_of

MOMENT = 2.5
"""Seconds that one of several moments lasts, about."""
SHORTEST = 0.8
"""A moment shorter than this is not taken in (unless less was asked for)."""
GRID = 0.1
"""Distance of the windows that are compared, seconds."""
SPEECH_CUT = 0.3
"""What it costs a window to begin or end inside of speech, in interest (0-1)."""
WEAK = 0.75
"""A shot less lively than this share of its clip may be left out as a whole to save time."""
SAME_SHOT = 0.25
"""What a second moment of the same shot costs."""


def window(
    piece: tuple[Part, int, int], frames: int, facts: Facts, rate: Fraction, *, calm: bool = False
) -> tuple[int, float]:
    """Where (first frame) the best window of so many frames lies between two frames of a part, and its interest."""
    _, first, last = piece
    step = max(1, round(GRID * rate))
    starts = sorted({*range(first, last - frames + 1, step), last - frames})
    best, score = first, -9.0
    for start in starts:
        begin, end = float(start / rate), float((start + frames) / rate)
        value = facts.interest(begin, end) * (-1 if calm else 1)
        value -= SPEECH_CUT * (facts.cuts_speech(begin) + facts.cuts_speech(end))
        if value > score + 1e-9:
            best, score = start, value
    return best, facts.interest(float(best / rate), float((best + frames) / rate))


def best_moments(
    parts: Sequence[Part],
    facts_of: FactsOf,
    rate: Fraction,
    seconds: float,
    *,
    length: float = MOMENT,
    calm: bool = False,
    shots: dict[str, float] | None = None,
) -> list[Part]:
    """Several moments, together exactly `seconds` (whole frames), in the order in which they happen.

    Each lies inside one shot, none begins or ends in the middle of speech where that can be helped. shots: ids of
    the shots to choose from with what each is worth besides (0-1); None = all.
    Raises UsageError when the clips are shorter than that.
    """
    wanted = round(Fraction(seconds).limit_denominator(10_000) * rate)
    open_ = _open(parts, facts_of, rate, shots)
    there = sum(last - first for _, first, last, _ in open_)
    if wanted < 1 or wanted > there:
        raise UsageError(
            f"{seconds:g} s cannot be chosen from {float(there / rate):.2f} s",
            "that is all there is to choose from" if shots is None else "that is how long the shots that fit last",
            "Ask for less; nothing was changed",
        )
    count = max(1 if seconds < 2 * SHORTEST else 2, round(seconds / length))
    chosen = _greedy(open_, facts_of, rate, wanted, max(1, wanted // count), calm=calm, worth=shots or {})
    return [piece.made(rate) for piece in exactly(chosen, open_, wanted, facts_of, rate)]


Open = tuple[Part, int, int, str]
"""A part, the first and end frame of a shot in it, and the shot's id."""


def _open(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, shots: dict[str, float] | None) -> list[Open]:
    found: list[Open] = []
    for part in parts:
        facts = facts_of(part)
        ids = {shot.index: facts.shot_id(shot) for shot in facts.record.shots}
        for clean in (True, False):
            here = [
                (part, first, last, ids[index])
                for index, first, last in shots_of(part, facts, rate, clean=clean)
                if shots is None or ids[index] in shots
            ]
            if here and (shots is not None or sum(one[2] - one[1] for one in here) > 0):
                break
        found += here
    return found


def _greedy(
    open_: list[Open], facts_of: FactsOf, rate: Fraction, wanted: int, each: int, *, calm: bool, worth: dict[str, float]
) -> list[tuple[int, Piece]]:
    """(index into `open_`, piece): the best windows first, a further one of the same shot for less."""
    queue: list[tuple[float, int, int, int, int]] = []
    free: dict[int, list[tuple[int, int]]] = {}

    def offer(at: int, first: int, last: int, penalty: float) -> None:
        part, _, _, shot = open_[at]
        frames = min(each, last - first)
        if frames < min(each, round(SHORTEST * rate)):
            return
        facts = facts_of(part)
        start, value = window((part, first, last), frames, facts, rate, calm=calm)
        score = (-value if calm else value / facts.mean_interest / 4) + worth.get(shot, 0.0) - penalty
        heapq.heappush(queue, (-score, at, start, frames, len(free.get(at, ()))))

    for at, (_, first, last, _) in enumerate(open_):
        offer(at, first, last, 0.0)
    chosen: list[tuple[int, Piece]] = []
    got = 0
    while queue and got < wanted:
        _, at, start, frames, seen = heapq.heappop(queue)
        taken = free.setdefault(at, [])
        if len(taken) != seen:
            continue
        frames = min(frames, wanted - got) if wanted - got >= round(SHORTEST * rate) or not chosen else 0
        if frames < 1:
            break
        part, first, last, _ = open_[at]
        chosen.append((at, Piece(part, start, frames, _why(facts_of(part), start, frames, rate, calm=calm))))
        got += frames
        taken.append((start, start + frames))
        edges = [first, *(edge for span in sorted(taken) for edge in span), last]
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            offer(at, begin, end, SAME_SHOT * len(taken))
    return chosen


def exactly(
    chosen: list[tuple[int, Piece]], open_: list[Open], wanted: int, facts_of: FactsOf, rate: Fraction
) -> list[Piece]:
    """The chosen pieces in order, made longer inside their shots (or shorter) until they have `wanted` frames.

    What the shots of the chosen ones cannot give comes from the liveliest shots that were left out: moments as long as
    the others, never a few frames that only flash up.
    """
    order = sorted(chosen, key=lambda item: (item[0], item[1].first))
    lack = wanted - sum(piece.frames for _, piece in order)
    for number, (at, piece) in enumerate(order):
        if lack <= 0:
            break
        _, first, last, _ = open_[at]
        lower = max([first, *(other.last for there, other in order if there == at and other.first < piece.first)])
        upper = min([last, *(other.first for there, other in order if there == at and other.first > piece.first)])
        after = min(lack, upper - piece.last)
        before = min(lack - after, piece.first - lower)
        order[number] = (at, replace(piece, first=piece.first - before, frames=piece.frames + before + after))
        lack -= before + after
    shortest = min(round(SHORTEST * rate), wanted)
    spare = _spare({at for at, _ in order}, open_, facts_of, rate, shortest)
    while lack > 0 and spare:
        at = spare.pop(0)
        part, first, last, _ = open_[at]
        frames = min(last - first, max(lack, shortest))
        start, _ = window((part, first, last), frames, facts_of(part), rate)
        why = _why(facts_of(part), start, frames, rate) + ", needed for the length"
        order.append((at, Piece(part, start, frames, why)))
        lack -= frames
    order.sort(key=lambda item: (item[0], item[1].first))
    made: list[tuple[int, Piece]] = []
    for (at, _), piece in zip(order, _given_back(order, -lack, facts_of, rate), strict=True):
        # Two shots that follow each other in the clip are two pieces still: each has its reason, and its cut.
        if made and made[-1][0] == at and made[-1][1].last == piece.first:
            made[-1] = (at, replace(made[-1][1], frames=made[-1][1].frames + piece.frames))
        else:
            made.append((at, piece))
    return [piece for _, piece in made]


def _spare(used: set[int], open_: list[Open], facts_of: FactsOf, rate: Fraction, shortest: int) -> list[int]:
    """Shots that were left out: those long enough to be seen first, and of them the liveliest."""

    def rank(at: int) -> tuple[bool, float]:
        part, first, last, _ = open_[at]
        return last - first < shortest, -facts_of(part).interest(float(first / rate), float(last / rate))

    return sorted((at for at in range(len(open_)) if at not in used), key=rank)


def _given_back(order: list[tuple[int, Piece]], frames: int, facts_of: FactsOf, rate: Fraction) -> list[Piece]:
    """The pieces without so many frames, one after the other taken from the end of whichever is the longest."""
    pieces = [piece for _, piece in order]
    if frames <= 0:
        return pieces
    lengths = [piece.frames for piece in pieces]
    for _ in range(frames):
        lengths[lengths.index(max(lengths))] -= 1
    made = []
    for piece, length in zip(pieces, lengths, strict=True):
        start = piece.first
        if length < piece.frames:
            start, _ = window((piece.part, piece.first, piece.last), length, facts_of(piece.part), rate)
        made.append(replace(piece, first=start, frames=length))
    return made


def _why(facts: Facts, start: int, frames: int, rate: Fraction, *, calm: bool = False) -> str:
    begin, end = float(start / rate), float((start + frames) / rate)
    shot = facts.shot_at((begin + end) / 2)
    share = facts.interest(begin, end) / facts.mean_interest
    said = f"{facts.shot_id(shot)}: {share:.1f} times as lively as the clip is on the whole"
    if shot.motion is not None:
        said += f", moves {shot.motion:.2f} widths/s"
    if shot.composition is not None and any(figure.kind == "face" for figure in shot.composition.figures):
        said += ", a face"
    return said + (", the calmest there is" if calm else "")


def cut_down(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction, seconds: float) -> list[Part]:
    """The parts cut down to exactly `seconds`: whole shots that tell least go first, then the dullest ends of others.

    Raises UsageError when they are shorter than that already.
    """
    wanted = round(Fraction(seconds).limit_denominator(10_000) * rate)
    pieces = _by_shot(parts, facts_of, rate)
    there = sum(piece.frames for piece in pieces)
    if wanted > there or wanted < 1:
        raise UsageError(
            f"The result cannot be {seconds:g} s long", f"there are {float(there / rate):.2f} s of picture",
            f"Ask for less, or 'slow it down to {seconds:g} seconds', a loop or a freeze frame; nothing was changed",
        )  # fmt: skip
    shortest = min(round(SHORTEST * rate), wanted)
    values = {
        # What would only flash up tells little, however lively.
        id(piece): min(1.0, piece.frames / shortest)
        * facts_of(piece.part).interest(*piece.seconds(rate))
        / facts_of(piece.part).mean_interest
        for piece in pieces
    }
    while len(pieces) > 1:
        # What must go at least stays at least when every shot left is as short as it may be.
        weakest = min(pieces, key=lambda piece: values[id(piece)])
        rest = sum(piece.frames for piece in pieces) - weakest.frames
        floor = sum(min(piece.frames, shortest) for piece in pieces)
        if floor <= wanted and (rest < wanted or values[id(weakest)] > WEAK):
            break
        if rest < wanted:  # all of them are needed, each a little shorter: a rest of the weakest would only flash up
            shortest = max(1, wanted // len(pieces))
            break
        pieces.remove(weakest)
    return [piece.made(rate) for piece in _trimmed(pieces, facts_of, rate, wanted, shortest)]


def _by_shot(parts: Sequence[Part], facts_of: FactsOf, rate: Fraction) -> list[Piece]:
    made: list[Piece] = []
    for part in parts:
        found = shots_of(part, facts_of(part), rate)
        first, last = room(part, rate)
        # Rounding must lose no frame at the ends and between the shots.
        edges = [first, *(begin for _, begin, _ in found[1:]), last]
        made += [Piece(part, begin, end - begin) for begin, end in pairwise(edges) if end > begin]
    return made


def _trimmed(pieces: list[Piece], facts_of: FactsOf, rate: Fraction, wanted: int, shortest: int) -> list[Piece]:
    """Each piece cut to its liveliest window; the length that has to go is shared by how much each can give."""
    excess = sum(piece.frames for piece in pieces) - wanted
    give = [max(0, piece.frames - shortest) for piece in pieces]
    made: list[Piece] = []
    left, able = excess, sum(give)
    for piece, can in zip(pieces, give, strict=True):
        off = min(can, -(-left * can // able)) if able else 0
        left, able = left - off, able - can
        frames = piece.frames - off
        start, _ = window((piece.part, piece.first, piece.last), frames, facts_of(piece.part), rate)
        made.append(Piece(piece.part, start, frames, _why(facts_of(piece.part), start, frames, rate)))
    if left:  # every shot is as short as it may be: the last one gives the rest
        made[-1] = replace(made[-1], frames=max(1, made[-1].frames - left))
    return made
