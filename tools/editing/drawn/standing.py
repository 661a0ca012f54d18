"""Where a speech bubble stands: beside who speaks, over nobody's face, with a tail that crosses no eyes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tools.editing.decision.known import Face
    from tools.editing.moments import Box

Pixels = tuple[float, float, float, float]
"""Left, top, right and bottom."""
Point = tuple[float, float]
MARGIN = 0.03
"""Share of the frame's width around it."""
PLACES = (33, 19)
"""Across and down, of which the best is taken."""
TAIL = 5.0
"""Letters that a tail is long at most."""
GAP = 0.27
"""Widths of the face from the middle of the mouth to where the tail ends."""
HAIR = 0.45
"""Heights of a face that are hair above it."""
MIDDLE = (0.5, 0.6)
"""Where a mouth is taken to be when nobody is known."""
FREE = 2.5
"""A place that costs less is beside the mouth and over nobody: no narrower text is tried."""


@dataclass(frozen=True)
class Standing:
    """The frame as a bubble sees it; all in pixels."""

    width: int
    height: int
    letters: float
    """Their height."""
    mouth: Point
    gap: float
    own: tuple[Pixels, ...]
    """The face of who speaks."""
    others: tuple[Pixels, ...]
    eyes: tuple[Pixels, ...]
    """Of all."""
    away: tuple[Pixels, ...]
    """What else is better left free: captions."""

    @classmethod
    def of(
        cls, width: int, height: int, letters: float, face: Face | None, others: Sequence[Face], away: Sequence[Box]
    ) -> Standing:
        def pixels(box: Box) -> Pixels:
            return box[0] * width, box[1] * height, box[2] * width, box[3] * height

        mouth = face.mouth if face is not None else MIDDLE
        wide = (face.box[2] - face.box[0]) * width if face is not None else 0.0
        everybody = [*others, *([face] if face is not None else [])]
        return cls(
            width, height, letters, (mouth[0] * width, mouth[1] * height), max(GAP * wide, 0.3 * letters),
            (pixels(face.box),) if face is not None else (), tuple(pixels(one.box) for one in others),
            tuple(_grown(pixels(one.eyes), 0.12) for one in everybody if one.eyes is not None),
            tuple(pixels(box) for box in away),
        )  # fmt: skip

    def best(self, body: tuple[float, float]) -> tuple[float, Pixels, Point]:
        """What the best place for a body of this width and height costs, the place, and the tip of its tail."""
        margin = MARGIN * self.width
        found = []
        for x in np.linspace(margin, max(margin, self.width - margin - body[0]), PLACES[0]):
            for y in np.linspace(margin, max(margin, self.height - margin - body[1]), PLACES[1]):
                box = (float(x), float(y), float(x) + body[0], float(y) + body[1])
                found.append((self._cost(box), box))
        cost, box = min(found)
        return cost, box, self.tip(box)

    def tip(self, box: Pixels) -> Point:
        """Where the tail ends: on the way to the mouth, beside it, not further than it may be long, in the frame."""
        border = self._border(box)
        way = math.dist(self.mouth, border)
        if way < self.gap + 0.4 * self.letters:
            # The mouth lies under the bubble or at its edge: the tail shows where from.
            side = -1.0 if 2 * self.mouth[1] < box[1] + box[3] else 1.0
            x, y = border[0], (box[1] if side < 0 else box[3]) + side * 0.8 * self.letters
        else:
            reach = min(way - self.gap, TAIL * self.letters) / way
            x = border[0] + (self.mouth[0] - border[0]) * reach
            y = border[1] + (self.mouth[1] - border[1]) * reach
        return min(max(x, 0.02 * self.width), 0.98 * self.width), min(max(y, 0.02 * self.height), 0.98 * self.height)

    def _border(self, box: Pixels) -> Point:
        return min(max(self.mouth[0], box[0]), box[2]), min(max(self.mouth[1], box[1]), box[3])

    def _cost(self, box: Pixels) -> float:
        """0 is beside the mouth and over nothing; covering a face or crossing eyes costs more than any way."""
        tall = float(self.height)
        way = math.dist(self.mouth, self._border(box))
        cost = 4.0 * way / tall + 0.5 * box[1] / tall
        cost += 8.0 * max(0.0, way - self.gap - TAIL * self.letters) / tall
        cost += 3.0 if box[1] + box[3] > 2 * self.mouth[1] + self.letters else 0.0
        cost += sum(15.0 + 40.0 * _share(box, face) for face in self.own if _meet(box, face))
        cost += sum(15.0 + 25.0 * _share(box, face) for face in self.others if _meet(box, face))
        cost += sum(4.0 * _share(box, _hair(face)) for face in (*self.own, *self.others))
        cost += sum(40.0 for eyes in self.eyes if _meet(box, eyes))
        cost += sum(4.0 + 6.0 * _share(box, free) for free in self.away if _meet(box, free))
        tail = self._tail(box)
        cost += sum(25.0 for eyes in self.eyes if any(_holds(eyes, point) for point in tail))
        cost += sum(15.0 for face in self.others if any(_holds(face, point) for point in tail))
        return cost + (2.0 if way < self.gap + 0.6 * self.letters else 0.0)

    def _tail(self, box: Pixels) -> list[Point]:
        """Points of the tail outside the body, as wide as it is drawn."""
        root, tip = root_of(box, self.tip(box)), self.tip(box)
        way = math.atan2(tip[1] - root[1], tip[0] - root[0])
        points = []
        for share in np.linspace(0.0, 1.0, 13):
            wide = WIDE * self.letters * (1 - float(share))
            for side in (-wide, 0.0, wide):
                x = root[0] + (tip[0] - root[0]) * float(share) + math.cos(way + math.pi / 2) * side
                y = root[1] + (tip[1] - root[1]) * float(share) + math.sin(way + math.pi / 2) * side
                points.append((x, y))
        return points


WIDE = 0.6
"""Letters from a tail's middle to its side, where it leaves the body."""


def root_of(box: Pixels, tip: Point) -> Point:
    """Where the middle of the tail begins, inside the body: nearest to its tip."""
    (left, top, right, low) = box
    round_x, round_y = min(0.3 * (right - left), 0.5 * (low - top)), 0.35 * (low - top)
    return (
        min(max(tip[0], left + round_x), right - round_x),
        min(max(tip[1], top + round_y), low - round_y),
    )


def _hair(face: Pixels) -> Pixels:
    return face[0], face[1] - HAIR * (face[3] - face[1]), face[2], face[1]


def _grown(box: Pixels, share: float) -> Pixels:
    wide, high = share * (box[2] - box[0]), share * (box[3] - box[1])
    return box[0] - wide, box[1] - high, box[2] + wide, box[3] + high


def _meet(one: Pixels, other: Pixels) -> bool:
    return one[0] < other[2] and one[2] > other[0] and one[1] < other[3] and one[3] > other[1]


def _share(one: Pixels, other: Pixels) -> float:
    """Of the smaller of both, what lies in the other."""
    wide = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    high = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    least = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return wide * high / least if least > 0 else 0.0


def _holds(box: Pixels, point: Point) -> bool:
    return box[0] < point[0] < box[2] and box[1] < point[1] < box[3]
