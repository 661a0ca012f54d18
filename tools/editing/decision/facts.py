"""What the planners know of a clip: its record, turned into spans and curves with ids that plans can name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from backends.sound.result import Sound
    from backends.vision.record import FilmRecord, Shot
    from tools.editing.decision.closer import Closer

Span = tuple[float, float]
"""Start and end, seconds of the clip."""
STEP = 0.1
"""Seconds between the samples of the curves."""
SPOKEN = frozenset({"speech", "speech+music"})
FACE_BONUS, SPEECH_BONUS = 0.15, 0.1
"""What somebody's face, or somebody speaking, adds to how lively a moment is."""
DARK_LUMA = 45.0
"""Mean brightness (0-255) below which a shot is dark; below half of the clip's own is dark too."""
PAUSE_S, FLOOR_SPREAD_DB = 0.5, 6.0
"""A pause in speech lasts so long, and its level, that of the room, changes by no more than that: quiet words do."""
STILL_SHARE = 0.3
"""A moment less lively than this share of the clip's mean is dull."""


@dataclass(frozen=True)
class Facts:
    """One clip, measured. `number` counts the clips from 1; shots are called 'c<number>s<index>'."""

    number: int
    name: str
    record: FilmRecord
    closer: Closer | None = field(default=None, compare=False)
    """Sharpness and the subject's way, where they were measured."""
    known_lines: tuple[Span, ...] = ()
    """When each line is said, where the film's own captions tell."""

    @property
    def seconds(self) -> float:
        return self.record.film.seconds

    def shot_id(self, shot: Shot) -> str:
        return f"c{self.number}s{shot.index}"

    def shot_at(self, seconds: float) -> Shot:
        """The shot on screen then."""
        for shot in self.record.shots:
            if seconds < shot.end:
                return shot
        return self.record.shots[-1]

    def clean(self, shot: Shot) -> Span:
        """The part of a shot that no transition touches."""
        rate = shot.frames / max(shot.seconds, 1e-6)
        start = shot.start + (shot.clean_first - shot.first_frame) / rate
        return start, min(shot.end, start + shot.clean_frames / rate)

    @cached_property
    def sound(self) -> Sound | None:
        return self.record.sound

    @cached_property
    def silences(self) -> tuple[Span, ...]:
        """Where nothing is heard for half a second or more; the whole clip when it has no sound."""
        if self.sound is None:
            return ((0.0, self.seconds),)
        return tuple((part.start, part.end) for part in self.sound.segments if part.label == "silence")

    @cached_property
    def pauses(self) -> tuple[Span, ...]:
        """The silences, and where between somebody's words only the room of the recording is heard."""
        if self.sound is None:
            return self.silences
        from tools.editing.moments import moments

        levels, step = np.asarray(self.sound.curve_dbfs, float), self.sound.curve_step
        found = list(self.silences)
        for moment in moments(self.record, "silence"):
            span = (moment.at, moment.at + moment.seconds)
            # The first and the last sample may hold a part of what is beside the pause.
            inside = levels[round(span[0] / step) + 1 : round(span[1] / step) - 1]
            if moment.seconds >= PAUSE_S and len(inside) and np.ptp(inside) <= FLOOR_SPREAD_DB:
                found += [(max(a, span[0]), min(b, span[1])) for a, b in self._spoken]
        return tuple(span for span in union(found) if span[1] - span[0] >= PAUSE_S - 1e-6)

    @cached_property
    def _spoken(self) -> tuple[Span, ...]:
        parts = self.sound.segments if self.sound is not None else ()
        return union((part.start, part.end) for part in parts if part.label in SPOKEN)

    @cached_property
    def speech(self) -> tuple[Span, ...]:
        """Where somebody speaks, with subtitles' lines where there are any; not the pauses in between."""
        heard = without(self._spoken, self.pauses) if self.sound is not None else ()
        return union([*heard, *self.lines])

    @cached_property
    def lines(self) -> tuple[Span, ...]:
        """Each line that is said, in order: by the film's captions, its subtitles or what was recognised."""
        words = self.sound.words if self.sound is not None else ()
        return tuple(sorted(self.known_lines or ((one.start, one.end) for one in words)))

    @property
    def beats(self) -> tuple[float, ...]:
        return self.sound.beats if self.sound is not None else ()

    @cached_property
    def black(self) -> tuple[Span, ...]:
        return _spans(self.record.quality.get("black_spans"))

    @cached_property
    def frozen(self) -> tuple[Span, ...]:
        return _spans(self.record.quality.get("frozen_spans"))

    @cached_property
    def lively(self) -> NDArray[np.float64]:
        """How much happens, every 0.1 s, 0-1: motion and loudness against this clip's own peaks, faces, speech."""
        from backends.vision.motion import MotionCurve, liveliness

        curves = self.record.curves
        curve = MotionCurve(np.asarray(curves.seconds, float), np.asarray(curves.motion, float))
        levels = None
        if self.sound is not None and self.sound.curve_dbfs:
            grid = np.arange(max(1, round(self.seconds / STEP))) * STEP
            steps = np.arange(len(self.sound.curve_dbfs)) * self.sound.curve_step
            levels = np.interp(grid, steps, self.sound.curve_dbfs)
        happens = liveliness(curve, levels, self.seconds).copy()
        for shot in self.record.shots:
            look = shot.composition
            if look is not None and any(figure.kind == "face" for figure in look.figures):
                self._add(happens, (shot.start, shot.end), FACE_BONUS)
        for span in self.speech:
            self._add(happens, span, SPEECH_BONUS)
        for span in self.black:
            happens[self._slice(span, len(happens))] = 0.0
        return np.asarray(np.clip(happens, 0.0, 1.0), np.float64)

    def _slice(self, span: Span, count: int) -> slice:
        return slice(max(0, round(span[0] / STEP)), min(count, round(span[1] / STEP)))

    def _add(self, curve: NDArray[np.float64], span: Span, value: float) -> None:
        curve[self._slice(span, len(curve))] += value

    @cached_property
    def _summed(self) -> NDArray[np.float64]:
        return np.concatenate([[0.0], np.cumsum(self.lively)]) * STEP

    def interest(self, start: float, end: float) -> float:
        """Mean of `lively` between two moments, 0-1."""
        grid = np.arange(len(self._summed)) * STEP
        first, last = np.interp((start, end), grid, self._summed)
        return float((last - first) / max(end - start, 1e-6))

    @cached_property
    def mean_interest(self) -> float:
        return max(1e-6, float(self.lively.mean()))

    @cached_property
    def dull(self) -> tuple[Span, ...]:
        """Stretches of a second or more in which next to nothing happens and nobody speaks."""
        low = self.lively < STILL_SHARE * self.mean_interest
        return without([span for span in runs(low) if span[1] - span[0] >= 1.0], self.speech, 0.5)

    @cached_property
    def dark(self) -> tuple[Shot, ...]:
        """Shots too dark to be seen well: below `DARK_LUMA`, or below half of the clip's median when that is dim."""
        lumas = [shot.luma for shot in self.record.shots if shot.luma is not None]
        if not lumas:
            return ()
        limit = min(DARK_LUMA, 0.5 * float(np.median(lumas))) if float(np.median(lumas)) < DARK_LUMA else DARK_LUMA
        return tuple(shot for shot in self.record.shots if shot.luma is not None and shot.luma < limit)

    def cuts_speech(self, moment: float, margin: float = 0.05) -> bool:
        """Whether a cut at this moment would fall into somebody's words."""
        return any(start + margin < moment < end - margin for start, end in self.speech)


def _spans(found: object) -> tuple[Span, ...]:
    return tuple((float(first), float(last)) for first, last in found) if isinstance(found, Sequence) else ()


def runs(flags: NDArray[np.bool_], step: float = STEP) -> list[Span]:
    """Where flags sampled every `step` seconds are set, as spans."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(float(first * step), float(last * step)) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def union(spans: Iterable[Span], gap: float = 0.0) -> tuple[Span, ...]:
    """Spans in order, those that meet (or lie no further apart than `gap`) made one."""
    made: list[Span] = []
    for start, end in sorted(spans):
        if made and start <= made[-1][1] + gap:
            made[-1] = (made[-1][0], max(made[-1][1], end))
        elif end > start:
            made.append((start, end))
    return tuple(made)


def without(spans: Iterable[Span], holes: Iterable[Span], shortest: float = 0.0) -> tuple[Span, ...]:
    """What is left of the spans outside the holes, pieces shorter than `shortest` left out."""
    made: list[Span] = []
    gone = union(holes)
    for start, end in union(spans):
        cursor = start
        for first, last in gone:
            if last <= cursor or first >= end:
                continue
            made.append((cursor, first))
            cursor = last
        made.append((cursor, end))
    return tuple((start, end) for start, end in made if end - start >= max(shortest, 1e-6))


def inside(spans: Iterable[Span], whole: Span) -> tuple[Span, ...]:
    """The spans as far as they lie inside `whole`."""
    cut = ((max(start, whole[0]), min(end, whole[1])) for start, end in spans)
    return tuple((start, end) for start, end in cut if end > start)


def gaps(spans: Sequence[Span]) -> list[Span]:
    """What lies between neighbouring spans."""
    return [(one[1], other[0]) for one, other in pairwise(spans) if other[0] > one[1]]


def total(spans: Iterable[Span]) -> float:
    return sum(end - start for start, end in spans)
