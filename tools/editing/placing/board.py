"""A timeline that effects are put on: changed step by step, with times of the film as it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from tools.editing.change.apply import apply
from tools.editing.change.model import (
    AddCaption,
    AddEffect,
    AddOverlay,
    AnyChange,
    Freeze,
    Insert,
    NewClip,
    Retime,
    ReverseClip,
    Split,
)
from tools.editing.outline import outline

if TYPE_CHECKING:
    import opentimelineio as otio

    from tools.editing.change.apply import FindAsset

EDGE = 1e-3
LEFT_SECONDS = 0.25
"""A shorter rest of a clip is seen as a fault."""
TIMED = {"speed", "ramp", "reverse"}


@dataclass(frozen=True)
class Shown:
    """A clip of the picture's track."""

    id: str
    asset: str
    start: float
    seconds: float
    source_in: float
    effects: tuple[str, ...] = ()
    """Names."""

    @property
    def end(self) -> float:
        return self.start + self.seconds


@dataclass
class Board:
    """The timeline and what was moved in it.

    Times that come in are of the film as it was; `now` gives where they are since stretches of time were put in.
    """

    timeline: otio.schema.Timeline
    find: FindAsset
    fps: float
    said: list[str] = field(default_factory=list)
    _shifts: list[tuple[float, float]] = field(default_factory=list)
    _waiting: list[AnyChange] = field(default_factory=list)
    """Changes that move no clip: they are applied together."""
    _clips: list[Shown] | None = None

    @property
    def seconds(self) -> float:
        return max((clip.end for clip in self.clips()), default=0.0)

    def change(self, *changes: AnyChange) -> None:
        """Apply changes. Raises UsageError when one does not fit; nothing is changed then."""
        waiting, self._waiting = self._waiting, []
        if not waiting and not changes:
            return
        made = apply(self.timeline, [*waiting, *changes], self.find)
        self.timeline, self._clips = made.timeline, None
        self.said += made.said

    def settle(self) -> None:
        """Apply what is waiting. Raises as `change`."""
        self.change()

    def now(self, at: float) -> float:
        """Where a moment of the film is by now; a moment at which time was put in lies before it."""
        return at + sum(seconds for moment, seconds in self._shifts if moment < at - EDGE)

    def longer(self, at: float, before: float) -> None:
        """Remember that the film became longer at a moment of it; `before`: its length before that."""
        self._shifts.append((at, self.seconds - before))

    def clips(self) -> list[Shown]:
        """The picture's track, in order of time."""
        if self._clips is None:
            self._clips = self._read()
        return self._clips

    def _read(self) -> list[Shown]:
        tracks = [track for track in outline(self.timeline)["tracks"] if track["kind"] == "Video"]
        main = next((track for track in tracks if track["role"] != "overlay"), None)
        return [
            Shown(
                str(clip["id"]),
                str(clip["asset"]),
                float(clip.get("start", 0.0)),
                float(clip.get("seconds", 0.0)),
                float(clip.get("source_in", 0.0)),
                tuple(str(effect["name"]) for effect in clip.get("effects", ())),
            )
            for clip in (main["clips"] if main else ())
        ]

    def clip_at(self, at: float) -> Shown:
        """The clip that is seen at a time as it is now. Raises UsageError in a gap."""
        found = [clip for clip in self.clips() if clip.start - EDGE <= at < clip.end - EDGE]
        if not found:
            raise UsageError(f"There is no picture at {at:.2f} s of the timeline", fix="Give another time")
        return found[-1]

    def effect(self, effect: dict[str, Any], at: float, seconds: float, why: str) -> None:
        """An effect that begins at a moment of the film and lasts `seconds` (0 = its own length, within its clip)."""
        begin = self.now(at)
        if not seconds:
            clip = self.clip_at(begin)
            self._waiting.append(
                AddEffect(clip=clip.id, effect={**effect, "at": max(0.0, begin - clip.start)}, rationale=why)
            )
            return
        end = begin + seconds
        for clip in self.clips():
            first, last = max(begin, clip.start), min(end, clip.end)
            if last - first < 0.5 / self.fps:
                continue
            own = {**effect, "at": max(0.0, first - clip.start), "seconds": last - first}
            self._waiting.append(AddEffect(clip=clip.id, effect=own, rationale=why))

    def longest(self, effect: dict[str, Any], why: str) -> Shown:
        """An effect on the whole of the longest clip; that clip."""
        clip = max(self.clips(), key=lambda one: (one.seconds, -one.start))
        self._waiting.append(AddEffect(clip=clip.id, effect=effect, rationale=why))
        return clip

    def everywhere(self, effect: dict[str, Any], why: str) -> None:
        """An effect on all clips, from their beginning to their end."""
        for clip in self.clips():
            self._waiting.append(AddEffect(clip=clip.id, effect=effect, rationale=why))

    def caption(self, text: str, start: float, seconds: float, style: Any, why: str) -> None:
        """start: a time as it is now."""
        end = min(start + seconds, self.seconds)
        self._waiting.append(AddCaption(start=start, end=end, text=text, style=style, rationale=why))

    def overlay(
        self, asset: str, at: float, seconds: float, keys: list[dict[str, float]], why: str, source_start: float = 0.0
    ) -> None:
        """at: a time as it is now."""
        new = NewClip(asset=asset, seconds=seconds, track="overlay", source_start=source_start)
        self._waiting.append(AddOverlay(at=at, new=new, keys=keys, rationale=why))

    def tear(self, at: float, why: str) -> None:
        """Cut the sound and the captions at a time as it is now, so that what is put in there stops them.

        A voice that went on over a held picture would be out of step with the mouth ever after. Sound that belongs to
        a clip of the picture is cut with it anyway.
        """
        own = {(clip.asset, round(clip.start, 3), round(clip.end, 3)) for clip in self.clips()}
        cuts = []
        for track in outline(self.timeline)["tracks"]:
            if track["kind"] == "Video":
                continue
            for clip in track["clips"]:
                start, end = float(clip.get("start", 0.0)), float(clip.get("start", 0.0)) + float(clip["seconds"])
                linked = (str(clip["asset"]), round(start, 3), round(end, 3)) in own
                if not linked and start + 0.5 / self.fps < at < end - 0.5 / self.fps:
                    cuts.append(Split(clip=str(clip["id"]), inside=at - start, rationale=why))
        if cuts:
            self.change(*cuts)

    def freeze(self, at: float, seconds: float, why: str) -> Shown:
        """Hold the frame at a moment of the film; the clip that holds it."""
        begin, before = self.now(at), self.seconds
        self.tear(begin, why)
        clip = self.clip_at(begin)
        self.change(Freeze(clip=clip.id, inside=max(0.0, begin - clip.start), seconds=seconds, rationale=why))
        self.longer(at, before)
        return self.clip_at(begin + 0.5 * seconds)

    def stutter(self, at: float, piece: float, times: int, film: str, why: str) -> float:
        """Repeat the `piece` seconds before a moment (behind it, at a clip's beginning); how long each is.

        film: the asset whose time `at` is of.
        """
        begin, before = self.now(at), self.seconds
        clip = self._again(self.clip_at(begin), film, "a stutter")
        first = begin - piece if begin - piece >= clip.start - EDGE else begin
        piece = min(piece, clip.end - first)
        self.tear(max(begin, first), why)
        source = self._source(clip, film, first, at - begin)
        new = NewClip(asset=film, source_start=source, seconds=piece)
        self.change(*(Insert(at=max(begin, first), new=new, rationale=why) for _ in range(times)))
        self.longer(at, before)
        return piece

    def boomerang(self, at: float, seconds: float, film: str, why: str) -> tuple[float, float]:
        """A stretch around a moment is played, played backwards, and played again; its begin and end.

        film: the asset whose time `at` is of.
        """
        middle, before = self.now(at), self.seconds
        clip = self._again(self.clip_at(middle), film, "a reverse")
        first, last = self._around(clip, middle, seconds)
        self.tear(last, why)
        source = self._source(clip, film, first, at - middle)
        new = NewClip(asset=film, source_start=source, seconds=last - first)
        self.change(*(Insert(at=last, new=new, rationale=why) for _ in range(2)))
        self.change(ReverseClip(clip=self.clip_at(last + 0.5 / self.fps).id, rationale=why))
        self.longer(at, before)
        return first, last

    def shown_again(self, film: str) -> dict[str, tuple[float, float]]:
        """The sounds that came with stretches of the film itself, by their ids: begin and end in the film."""
        tracks = [track for track in outline(self.timeline)["tracks"] if track["kind"] == "Audio"]
        found = [clip for track in tracks for clip in track["clips"] if str(clip["asset"]) == film]
        spans = [(float(clip["source_in"]), float(clip["seconds"])) for clip in found]
        return {str(clip["id"]): (at, at + length) for clip, (at, length) in zip(found, spans, strict=True)}

    def _again(self, clip: Shown, film: str, what: str) -> Shown:
        """The clip whose picture is shown again: of the film itself where it is one of several tracks and clips, so
        that music, voices, looks and captions come again too."""
        return self._plain(clip, what) if clip.asset == film else clip

    def _source(self, clip: Shown, film: str, first: float, earlier: float) -> float:
        """Where in the film a time as it is now lies. earlier: what is to be added to come to times as they were."""
        if clip.asset == film:
            return max(0.0, clip.source_in + first - clip.start)
        return max(0.0, first + earlier)

    def ramp(self, at: float, seconds: float, slowest: float, why: str) -> tuple[float, float]:
        """Slow down towards a moment and speed up again behind it; the stretch's begin and end."""
        middle, before = self.now(at), self.seconds
        clip = self._plain(self.clip_at(middle), "a speed ramp")
        first, last = self._around(clip, middle, seconds)
        if last - first < 8 / self.fps:
            raise UsageError("The shot is too short for a speed ramp", f"it lasts {clip.seconds:.2f} s")
        # Near a clip's end both slopes still need room.
        middle = min(max(middle, first + (last - first) / 4), last - (last - first) / 4)
        for edge in (last, middle, first):
            shown = self.clip_at(edge - 0.5 / self.fps) if edge > clip.start + EDGE else None
            if shown is not None and shown.start + EDGE < edge < shown.end - EDGE:
                self.change(Split(clip=shown.id, inside=edge - shown.start, rationale=why))
        leaving = self.clip_at(middle + 0.5 / self.fps)
        self.change(Retime(clip=leaving.id, factor=slowest, factor_end=1.0, rationale=why))
        coming = self.clip_at(middle - 0.5 / self.fps)
        self.change(Retime(clip=coming.id, factor=1.0, factor_end=slowest, rationale=why))
        self.longer(at, before)
        return first, last

    def _around(self, clip: Shown, middle: float, seconds: float) -> tuple[float, float]:
        """A stretch of a clip around a moment; what little would be left at the clip's ends belongs to it."""
        # On whole frames: else the picture would skip or repeat one where the stretch is played again.
        first, last = (round((middle + side * seconds / 2) * self.fps) / self.fps for side in (-1, 1))
        return (
            clip.start if first < clip.start + LEFT_SECONDS else first,
            clip.end if last > clip.end - LEFT_SECONDS else last,
        )

    def _plain(self, clip: Shown, what: str) -> Shown:
        timed = sorted(TIMED & set(clip.effects))
        if timed or not clip.asset:
            cause = f"the clip there has {timed[0]} already" if timed else "the picture there is no film"
            raise UsageError(f"{what[0].upper()}{what[1:]} cannot be put at {clip.start:.2f} s", cause)
        return clip
