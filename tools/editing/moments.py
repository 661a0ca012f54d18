"""Moments of a film where something happens: what effects, jokes and cuts are placed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backends.vision.record import FilmRecord

MomentKind = Literal[
    "beat", "onset", "loud", "silence", "motion_peak", "stillness", "cut", "face", "word", "reaction", "repetition"
]


@dataclass(frozen=True)
class Moment:
    """One of them, in seconds of the film."""

    kind: MomentKind
    at: float
    seconds: float = 0.0
    """How long it lasts; 0 for an instant."""
    strength: float = 0.5
    """0-1, against the others of its kind in this film."""
    shot: int = 0
    """Index of the shot, from 1; 0 when it is not known."""
    where: tuple[float, float, float, float] | None = None
    """x0, y0, x1, y1 as shares of the picture: the face, or what moves."""
    note: str = ""
    """Why, in words with figures: 'motion 0.82 widths/s, 3.1 times the median'."""


def moments(record: FilmRecord, *kinds: MomentKind) -> list[Moment]:
    """The film's moments of these kinds (all without any), in order of time.

    A reaction is a face in a closer shot right after something happened; a repetition is a shot that looks like an
    earlier one. What was not measured gives no moments.
    """
    raise NotImplementedError
