"""A render that is not as it should be goes back once: what is drawn again, and why the rest is not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tools.editing.cut import Program, Words
from tools.editing.material import Fault, cause_of

if TYPE_CHECKING:
    from memory.records import Score
    from tools.editing.gates import Render, Verdict

SMALLER = 0.8
"""A caption that is not whole in the frame is set again at this share of its size."""
SHARES: tuple[tuple[str, Fault], ...] = (("black_share", "black"), ("frozen_share", "frozen"))


@dataclass(frozen=True)
class Again:
    """What is made a second time."""

    pieces: frozenset[int]
    """Numbers of segments that are drawn again."""
    words: frozenset[Words]
    """Captions that are set smaller."""
    reasons: tuple[str, ...]
    """Why, in a few words each."""
    tried: frozenset[str]
    """Names of the scores that were outside their marks because of these."""
    causes: Mapping[str, str]
    """By the name of a score that is outside its mark: what else explains it."""

    def __bool__(self) -> bool:
        return bool(self.pieces or self.words)


def sent_back(verdict: Verdict, made: Render, fresh: Collection[int], check: Callable[[], None]) -> Again:
    """What of a render is made again.

    Pieces that are not as drawn always are. Black, still and lost cuts only where this render drew them (what was kept
    has been looked at before) and their sources are not so themselves.
    """
    program, looks = made.program, made.looks
    failed = {score.name for score in verdict.scores if score.passed is False}
    # Nobody minds a user's own clip that is black; but it has to be the clip that is.
    over = {one.name for one in verdict.scores if (one.value or 0) > (one.threshold or 0)}
    pieces = set(verdict.broken)
    reasons: list[str] = []
    tried: set[str] = set()
    causes: dict[str, str] = {}
    if pieces:
        reasons.append(f"{_pieces(pieces)} not as drawn")
    elif "frames" in failed:
        pieces = set(range(len(made.pieces)))
        reasons.append(f"{verdict.scores[0].value:g} frames came out, the timeline has {program.frames}")
    for name, fault in SHARES:
        if name not in over:
            continue
        stretches = looks.pieces.black if fault == "black" else looks.pieces.frozen
        cause = cause_of(fault, stretches, made.segments, made.frame, check)
        again = cause.again & set(fresh)
        causes[name] = f"{cause.said}: its effects make it so" if cause.again and cause.said else cause.said
        if again - pieces:
            reasons.append(f"{_pieces(again)} {fault} where the source is not")
            pieces |= again
            tried.add(name)
    if "cuts_found" in failed and (unseen := set(looks.pieces.unseen) & set(fresh) - pieces):
        reasons.append(f"cuts were not seen at {', '.join(f'{at:.2f} s' for at in looks.pieces.missed[:3])}")
        pieces |= unseen
        tried.add("cuts_found")
    words: frozenset[Words] = frozenset()
    if "captions_in_frame" in failed and looks.captions is not None:
        words = frozenset(word for word in looks.captions.lost if word.scale == 1)
        if words:
            tried.add("captions_in_frame")
            reasons.append(f"{len(words)} caption{'s were' if len(words) > 1 else ' was'} not whole in the frame")
    return Again(frozenset(pieces), words, tuple(reasons), frozenset(tried), causes)


def smaller(program: Program, words: Collection[Words]) -> Program:
    """The program with these captions set smaller."""
    return replace(program, words=tuple(replace(one, scale=SMALLER) if one in words else one for one in program.words))


def explained(scores: Iterable[Score], back: Again) -> tuple[Score, ...]:
    """The scores with what explains those that are still outside their marks."""
    made = []
    for score in scores:
        if score.passed or (score.passed is None and score.name not in back.tried):
            made.append(score)
            continue
        twice = "the same on a second try" if score.name in back.tried else ""
        parts = [score.note, back.causes.get(score.name, ""), twice]
        made.append(replace(score, note="; ".join(part for part in parts if part)))
    return tuple(made)


def _pieces(numbers: Collection[int]) -> str:
    count = len(numbers)
    return f"{count} of its pieces {'was' if count == 1 else 'were'}"
