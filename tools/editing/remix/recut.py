"""Another pace: which part of each shot stays, so that shots last about as long as the style's or the reference's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from backends.vision.record import FilmRecord, Shot

_KEEPS = 0.4
"""Power to which shots keep their length against each other: 1 as they were, 0 all the same."""
_SLOWEST = 0.8
"""A shot that is too short may be slowed down so much."""
_ROOM = 0.15
"""Seconds of air around what is said."""
_LEAST = 0.4
_SEEN = 0.1
"""Seconds by which a shot has to change for it to matter."""
_KEPT = 0.4
"""A shot keeps at least this share of itself, however fast the pace."""


MUSIC = ("music", "speech+music")


@dataclass(frozen=True)
class Stretch:
    """A part of the film that stays."""

    start: float
    end: float
    speed: float = 1.0
    why: str = ""

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / self.speed


def recut(record: FilmRecord, target: float) -> list[Stretch]:
    """The stretches of a film whose shots then last about `target` seconds, in order.

    Long shots keep their liveliest part, never less than what is said in it; short ones are slowed down a little where
    nothing is heard. Shots keep a part of how they differ, so that the rhythm stays.
    """
    usual = median(shot.end - shot.start for shot in record.shots)
    made = []
    for shot in record.shots:
        length = shot.end - shot.start
        wanted = max(_LEAST, _KEPT * length, target * (length / max(usual, 1e-6)) ** _KEEPS)
        made.append(_shortened(shot, wanted, record) if wanted < length else _stretched(shot, wanted, record))
    return made


def untouched(stretches: Sequence[Stretch], record: FilmRecord) -> bool:
    """Whether every shot is as it was, but for a little that nobody would see."""
    lengths = [shot.end - shot.start for shot in record.shots]
    return all(abs(one.seconds - length) < _SEEN for one, length in zip(stretches, lengths, strict=True))


def _stretched(shot: Shot, wanted: float, record: FilmRecord) -> Stretch:
    length = shot.end - shot.start
    speed = max(_SLOWEST, length / wanted)
    if speed > 0.98 or _spoken(shot, record) or _music(shot, record):
        return Stretch(shot.start, shot.end, 1.0, f"shot {shot.index} stays as it is, {length:.1f} s")
    return Stretch(
        shot.start, shot.end, round(speed, 3), f"shot {shot.index} at {speed:.0%}, it was only {length:.1f} s"
    )


def _shortened(shot: Shot, wanted: float, record: FilmRecord) -> Stretch:
    begin, end = _liveliest(shot, wanted, record)
    for first, last in _spoken(shot, record):
        if first < end and last > begin:
            begin, end = min(begin, first - _ROOM), max(end, last + _ROOM)
    begin, end = max(shot.start, begin), min(shot.end, end)
    kept, length = end - begin, shot.end - shot.start
    return Stretch(begin, end, 1.0, f"shot {shot.index}: its liveliest {kept:.1f} of {length:.1f} s")


def _liveliest(shot: Shot, wanted: float, record: FilmRecord) -> tuple[float, float]:
    """Where the most moves within a shot; its middle where nothing was measured."""
    times, motion = np.array(record.curves.seconds), np.array(record.curves.motion)
    inside = (times >= shot.start) & (times < shot.end) if len(times) == len(motion) else np.zeros(0, bool)
    middle = (shot.start + shot.end - wanted) / 2
    if inside.sum() < 4:
        return middle, middle + wanted
    at, moved = times[inside], motion[inside]
    starts = at[at + wanted <= shot.end + 1e-6]
    if not len(starts):
        return middle, middle + wanted
    sums = [float(moved[(at >= start) & (at < start + wanted)].sum()) for start in starts]
    best = float(starts[int(np.argmax(sums))])
    return best, best + wanted


def _music(shot: Shot, record: FilmRecord) -> bool:
    parts = record.sound.segments if record.sound is not None else ()
    return any(part.label in MUSIC and part.start < shot.end and part.end > shot.start for part in parts)


def _spoken(shot: Shot, record: FilmRecord) -> list[tuple[float, float]]:
    """When somebody speaks in a shot: by its words, else by the kinds of its sound."""
    if record.sound is None:
        return []
    lines = [(line.start, line.end) for line in record.sound.words]
    if not lines:
        lines = [(part.start, part.end) for part in record.sound.segments if part.label in ("speech", "speech+music")]
    return [
        (max(first, shot.start), min(last, shot.end)) for first, last in lines if first < shot.end and last > shot.start
    ]
