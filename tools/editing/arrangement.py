"""The pieces of clips that a cut is made of, in the order in which they play, before they are a timeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.editing.effects import check_effect
from tools.editing.outline import studio_data
from tools.editing.program import Source
from tools.editing.specs import CaptionSpec, ClipSpec, Direction, TransitionName
from tools.editing.timeline import build_timeline

if TYPE_CHECKING:
    import opentimelineio as otio


BED_FADE_S = 1.5
"""Fade of music that would sound on beyond the cut, at most a quarter of what is heard of it."""


@dataclass(frozen=True)
class Part:
    """A stretch of a source as it is played."""

    source: Source
    path: str
    """Relative to the workspace."""
    name: str
    begin: Fraction
    end: Fraction
    """Seconds in the source."""
    speed: Fraction = Fraction(1)
    backwards: bool = False
    looks: tuple[str, ...] = ()
    gain_db: float = 0.0
    muted: bool = False
    more: tuple[dict[str, Any], ...] = ()
    """Further effects, as `ClipSpec.effects` has them."""
    transition: TransitionName = "cut"
    """Into this part, from the one before."""
    direction: Direction = "left"
    transition_seconds: float = 0.0
    why: str = ""
    """Why this stretch was chosen, with what was measured; '' where the user named it."""
    spare: tuple[Fraction, Fraction] | None = None
    """From when to when in the source the same shot goes on, for transitions; None = all of the source."""

    @property
    def seconds(self) -> Fraction:
        return (self.end - self.begin) / self.speed

    def cut(self, at: Fraction) -> tuple[Part, Part]:
        """Both sides of a moment, in seconds since this part began to play."""
        if self.backwards:
            middle = self.end - at * self.speed
            return replace(self, begin=middle), replace(self, end=middle, transition="cut", transition_seconds=0.0)
        middle = self.begin + at * self.speed
        return replace(self, end=middle), replace(self, begin=middle, transition="cut", transition_seconds=0.0)

    def effects(self) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        if self.speed != 1:
            made.append(check_effect({"name": "speed", "factor": float(self.speed)}))
        if self.backwards:
            made.append({"name": "reverse"})
        made += [check_effect({"name": "grade", "look": look}) for look in self.looks]
        return made + [check_effect(effect) for effect in self.more]


@dataclass(frozen=True)
class Bed:
    """Sound of its own under the whole cut, in place of the parts' or below it."""

    source: Source
    path: str
    name: str
    begin: Fraction = Fraction(0)
    gain_db: float = 0.0
    alone: bool = True
    """Whether the parts' own sound is left out."""


@dataclass(frozen=True)
class Hold:
    """A frame of the cut that stands still: the one at `at` seconds, for `seconds`."""

    at: Fraction
    seconds: float
    why: str = ""


@dataclass(frozen=True)
class Card:
    """A title card put in at `at` seconds of the cut."""

    at: Fraction
    seconds: float
    text: str
    why: str = ""


@dataclass(frozen=True)
class Shape:
    """Another shape of the picture, cut around the subject."""

    width: int
    height: int
    focus: Callable[[Part], Sequence[tuple[float, float, float]]]
    """(seconds inside the part, x, y) of the subject, as shares of the picture."""


@dataclass(frozen=True)
class Arrangement:
    """What the operations have made of the clips."""

    parts: tuple[Part, ...]
    rate: Fraction
    width: int
    height: int
    fade_in: float = 0.0
    fade_out: float = 0.0
    captions: tuple[CaptionSpec, ...] = ()
    bed: Bed | None = None
    holds: tuple[Hold, ...] = ()
    cards: tuple[Card, ...] = ()
    shape: Shape | None = None
    notes: tuple[str, ...] = ()
    """What was decided for the whole, in sentences with figures."""

    @property
    def seconds(self) -> Fraction:
        """How long the parts play, without what holds and cards add."""
        return sum((part.seconds - self._overlap(at) for at, part in enumerate(self.parts)), Fraction(0))

    def _overlap(self, at: int) -> Fraction:
        """How far a part begins before the one before it has ended: only where a source holds nothing beyond its end,
        so that no picture has to stand still for the transition."""
        part = self.parts[at]
        if at == 0 or part.transition == "cut":
            return Fraction(0)
        last, half = self.parts[at - 1], part.transition_seconds / 2
        room = room_between(last, part)
        if room >= half:
            return Fraction(0)
        shortest = min(last.seconds, part.seconds)
        frames = min(round(Fraction(part.transition_seconds) * self.rate), int(shortest * self.rate) - 2)
        return max(0, frames) / self.rate

    def starts(self) -> list[Fraction]:
        """When each part begins on the timeline, seconds."""
        found, cursor = [], Fraction(0)
        for at, part in enumerate(self.parts):
            cursor -= self._overlap(at)
            found.append(cursor)
            cursor += part.seconds
        return found

    def timeline(self, name: str) -> otio.schema.Timeline:
        """The arrangement as a timeline that keeps the sources' loudness; each clip says why it is there."""
        video: list[ClipSpec] = []
        sound: list[ClipSpec] = []
        for number, (part, start) in enumerate(zip(self.parts, self.starts(), strict=True)):
            effects = part.effects()
            if self.fade_in and number == 0:
                effects.append({"name": "fade_in", "seconds": min(self.fade_in, float(part.seconds))})
            if self.fade_out and number == len(self.parts) - 1:
                effects.append({"name": "fade_out", "seconds": min(self.fade_out, float(part.seconds))})
            if self.shape is not None:
                effects.append(check_effect({"name": "reframe", "keys": self.shape.focus(part) or [(0.0, 0.5, 0.5)]}))
            clip = self._clip(part, start, tuple(effects))
            video.append(clip)
            if part.source.info.has_audio and not part.muted and not (self.bed and self.bed.alone):
                sound.append(clip)
        audio = {"source": sound} if sound else {}
        if self.bed is not None:
            audio["music"] = [self._under(self.bed)]
        width, height = (self.shape.width, self.shape.height) if self.shape else (self.width, self.height)
        made = build_timeline(name, float(self.rate), width, height, video, audio, self.captions)
        made.metadata["studio"]["loudness"] = "keep"
        if self.notes:
            made.metadata["studio"]["notes"] = list(self.notes)
        for clip, part in zip(made.tracks[0].find_clips(), self.parts, strict=True):
            if part.why:
                clip.metadata["studio"] = {**studio_data(clip), "why": part.why}
        return made

    def _clip(self, part: Part, start: Fraction, effects: tuple[dict[str, Any], ...]) -> ClipSpec:
        return ClipSpec(
            part.source.asset_id,
            Path(part.path),
            float(start),
            float(part.seconds),
            float(part.begin),
            part.name,
            part.gain_db,
            part.transition,
            part.direction,
            part.transition_seconds,
            effects,
            part.source.info.seconds,
        )

    def _under(self, bed: Bed) -> ClipSpec:
        length = min(float(self.seconds), bed.source.info.seconds - float(bed.begin))
        effects: list[dict[str, Any]] = []
        goes_on = float(bed.begin) + length < bed.source.info.seconds - 0.1
        if fade := self.fade_out or (BED_FADE_S if goes_on else 0.0):
            effects.append({"name": "fade_out", "seconds": min(fade, length if self.fade_out else length / 4)})
        return ClipSpec(
            bed.source.asset_id,
            Path(bed.path),
            0.0,
            length,
            float(bed.begin),
            bed.name,
            bed.gain_db,
            effects=tuple(effects),
            source_seconds=bed.source.info.seconds,
        )


def room_between(last: Part, following: Part) -> float:
    """Seconds on each side of the cut between two parts that a transition can show without taking from them."""
    return min(_after(last), _before(following))


def _after(part: Part) -> float:
    """Seconds on the timeline that the source holds beyond the part's last frame."""
    first, last = part.spare or (Fraction(0), picture_seconds(part.source))
    left = part.begin - first if part.backwards else last - part.end
    return max(0.0, float(left / part.speed))


def _before(part: Part) -> float:
    first, last = part.spare or (Fraction(0), picture_seconds(part.source))
    left = last - part.end if part.backwards else part.begin - first
    return max(0.0, float(left / part.speed))


def picture_seconds(source: Source) -> Fraction:
    """How long a source's picture lasts; its sound may go on longer."""
    info = source.info
    if info.frames and info.fps:
        return info.frames / Fraction(info.fps).limit_denominator(1001)
    return Fraction(info.seconds).limit_denominator(1_000_000)


def between(parts: Sequence[Part], begin: Fraction, end: Fraction) -> list[Part]:
    """The parts, and pieces of parts, that play from `begin` to `end`."""
    found: list[Part] = []
    cursor = Fraction(0)
    for part in parts:
        piece, start = part, cursor
        cursor += part.seconds
        if end <= start or begin >= cursor:
            continue
        if end < cursor:
            piece = piece.cut(end - start)[0]
        if begin > start:
            piece = piece.cut(begin - start)[1]
        found.append(piece)
    return found
