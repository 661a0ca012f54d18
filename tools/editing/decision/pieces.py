"""Whole frames of parts: how planners cut what is there into the pieces that they keep."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from tools.editing.arrangement import Part
from tools.editing.decision.facts import Facts, Span, inside, without

FactsOf = Callable[[Part], Facts]


@dataclass(frozen=True)
class Piece:
    """Whole frames of a part: `first` is the frame of the source (at the film's rate) that it begins with."""

    part: Part
    first: int
    frames: int
    why: str = ""

    @property
    def last(self) -> int:
        return self.first + self.frames

    def seconds(self, rate: Fraction) -> Span:
        return float(self.first / rate), float(self.last / rate)

    def made(self, rate: Fraction) -> Part:
        """The piece as a part of its own."""
        return replace(
            self.part,
            begin=self.first / rate,
            end=self.last / rate,
            why=self.why or self.part.why,
            transition="cut",
            transition_seconds=0.0,
        )


def room(part: Part, rate: Fraction) -> tuple[int, int]:
    """First frame and end frame of a part at the film's rate."""
    return math.ceil(part.begin * rate - Fraction(1, 1000)), math.floor(part.end * rate + Fraction(1, 1000))


def plain(parts: Sequence[Part]) -> bool:
    """Whether all parts play forwards at their own speed, as planners that measure the source need them."""
    return all(part.speed == 1 and not part.backwards for part in parts)


def shots_of(part: Part, facts: Facts, rate: Fraction, *, clean: bool = False) -> list[tuple[int, int, int]]:
    """(index of the shot, first frame, end frame) of each shot as far as it lies in the part."""
    first, last = room(part, rate)
    found = []
    for shot in facts.record.shots:
        start, end = facts.clean(shot) if clean else (shot.start, shot.end)
        begin, stop = max(first, round(start * rate)), min(last, round(end * rate))
        if stop > begin:
            found.append((shot.index, begin, stop))
    return found


def kept_frames(
    part: Part, keep: Iterable[Span], rate: Fraction, why: Callable[[Span], str], *, outward: bool = True
) -> list[Piece]:
    """The spans of the source as whole frames of the part; `outward` rounds so that nothing kept loses a frame."""
    first, last = room(part, rate)
    made: list[Piece] = []
    for start, end in inside(keep, (float(first / rate), float(last / rate))):
        begin = math.floor(start * rate + 1e-6) if outward else round(start * rate)
        stop = math.ceil(end * rate - 1e-6) if outward else round(end * rate)
        begin, stop = max(first, begin), min(last, stop)
        if made and begin <= made[-1].last:
            made[-1] = replace(made[-1], frames=stop - made[-1].first)
        elif stop > begin:
            made.append(Piece(part, begin, stop - begin, why((start, end))))
    return made


def left_of(part: Part, holes: Iterable[Span], rate: Fraction, shortest: float = 0.0) -> tuple[Span, ...]:
    """What is left of a part outside the holes, seconds of its source."""
    return without([(float(part.begin), float(part.end))], holes, shortest)
