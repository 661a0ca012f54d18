"""Where everything is in a topic parody: card, scene up to the turn, the picture held, the rest, card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from configs.errors import UsageError
from memory.records import Asset, Score
from tools.editing.parody.recipes import parody_presets
from tools.editing.parody.topic_scene import SaidLine, Scene
from tools.editing.parody.topic_scripts import TopicScript
from tools.editing.specs import CaptionSpec, ClipSpec, MarkerSpec, TitleSpec

if TYPE_CHECKING:
    import opentimelineio as otio

    from tools.editing.render import Rendered
    from tools.spec import ToolContext

CARD_SECONDS = (1.6, 2.2, 3.6)
"""Shortest, natural and longest of the cards before and after."""
STOP_SECONDS = (1.3, 1.8, 3.2)
"""The same for the picture held after the turn."""
CAPTION_TAIL = 0.35
AFTER_LINE = 0.15
"""Seconds after the turn's last word at which the scene stops."""
BLINK, SHUT = 0.4, 0.05
"""Seconds after which a blink is over; how far lids may be down in a picture that is held."""
LINE_END = 0.2
"""Seconds that the scene goes on at least after its last word."""
PARTS = ("card", "set-up", "turn", "pay-off", "call-back")


@dataclass(frozen=True)
class Filmed:
    """What was made for a scene."""

    clips: Mapping[str, Asset]
    """Per shot."""
    ambience: Asset
    air: Asset
    """The tone of a room, where the scene is not heard: under its cards and the picture that is held."""


class TopicPlan:
    """The lengths of all parts in frames, and what stands in them."""

    def __init__(self, scene: Scene, script: TopicScript, seconds: float) -> None:
        """seconds: length of the parody, 0 = as long as it is. Raises UsageError when the script does not fit it."""
        self.scene, self.script, self.said = scene, script, scene.said
        self.fps, self.length = scene.fps, scene.frames
        self.turn = max(line.end for line in self.said if line.line.beat == "turn")
        self.stop = min(round((self.turn + AFTER_LINE) * self.fps), self.length - 1)
        self.lengths = self._fitted(round(seconds * self.fps))
        self.total = sum(self.lengths)
        self.starts = [sum(self.lengths[:index]) / self.fps for index in range(6)]

    def _fitted(self, wanted: int) -> tuple[int, int, int, int, int]:
        """Frames of first card, scene, stop, rest, last card; silence after the last word gives way first."""
        needed = parody_presets().needed
        texts = (self.script.first, self.script.stop, self.script.last)
        spans = [
            [round(max(value, needed(text)) * self.fps) for value in span]
            for text, span in zip(texts, (CARD_SECONDS, STOP_SECONDS, CARD_SECONDS), strict=True)
        ]
        rest = self.length - self.stop
        first, stop, last = (span[1] for span in spans)
        if not wanted:
            return first, self.stop, stop, rest, last
        spare = wanted - self.stop - rest
        low, high = sum(span[0] for span in spans), sum(span[2] for span in spans)
        ends = max((line.end for line in self.said), default=0.0) + LINE_END
        least = max(1, min(rest, round(ends * self.fps) - self.stop))
        rest -= max(0, min(low - spare, rest - least))
        spare = wanted - self.stop - rest
        if not low <= spare <= high:
            fits = (self.stop + least + low) / self.fps, (self.length + high) / self.fps
            raise UsageError(
                f"This script cannot be told in {wanted / self.fps:.1f} s",
                f"it takes {fits[0]:.1f} to {fits[1]:.1f} s",
                "Ask for a length in between, or leave it out",
            )
        share = (spare - low) / max(1, high - low)
        first, stop = (round(span[0] + share * (span[2] - span[0])) for span in spans[:2])
        return first, self.stop, stop, rest, spare - first - stop

    def timeline(self, title: str, filmed: Filmed, sound: str, ctx: ToolContext) -> otio.schema.Timeline:
        """The editable cut: every shot, line and sound a clip of its own."""
        from tools.editing.parody.soundtrack import sound_clip
        from tools.editing.timeline import build_timeline

        starts, seconds = self.starts, [length / self.fps for length in self.lengths]
        video: list[ClipSpec | TitleSpec] = [
            TitleSpec(0.0, seconds[0], self.script.first),
            *self._shots(filmed, 0, self.stop, self.lengths[0]),
            self._held(filmed),
            *self._shots(filmed, self.stop, self.stop + self.lengths[3], sum(self.lengths[:3])),
            TitleSpec(starts[4], seconds[4], self.script.last),
        ]
        texts = [CaptionSpec(*self.spoken(said), said.line.say) for said in self.said]
        texts.append(CaptionSpec(starts[2], starts[3], self.script.stop, "meme", "bottom"))
        when = (("boom", 0.0), (sound, starts[2]), ("ding", starts[4]))
        sounds = [sound_clip(ctx, name, at, self.total / self.fps) for name, at in when]
        tracks = {"dialogue": list(self._lines()), "ambience": list(self._place(filmed)), "effects": sounds}
        markers = [MarkerSpec(start, name) for start, name in zip(starts, PARTS, strict=False)]
        film = ctx.settings.film
        return build_timeline(title, self.fps, film.width, film.height, video, tracks, texts, markers)

    def _shots(self, filmed: Filmed, begin: int, end: int, at: int) -> Iterator[ClipSpec]:
        """The shots between two frames of the scene, laid from frame `at` of the timeline on."""
        shots = self.scene.board.shots
        for number, (shot, (start, finish)) in enumerate(zip(shots, self.scene.spans, strict=True)):
            low, high = max(begin, round(start * self.fps)), min(end, round(finish * self.fps))
            if low >= high:
                continue
            effects: list[dict[str, Any]] = []
            if low == 0 and shot.transition == "fade":
                effects.append({"name": "fade_in", "seconds": 0.4})
            if number == len(shots) - 1 and high == self.length:
                effects.append({"name": "fade_out", "seconds": min(0.6, (high - low) / self.fps)})
            yield self._piece(filmed, number, low, (high - low), at + low - begin, shot.id, tuple(effects))

    def _held(self, filmed: Filmed) -> ClipSpec:
        spans = [round(end * self.fps) for _, end in self.scene.spans]
        number = next(number for number, end in enumerate(spans) if self.stop - 1 < end)
        last = self._open_eyed(filmed, number, self.stop - 1, spans[number])
        looks = ({"name": "freeze"}, {"name": "zoom_punch", "strength": 0.3})
        return self._piece(filmed, number, last, self.lengths[2], sum(self.lengths[:2]), "stop", looks)

    def _open_eyed(self, filmed: Filmed, number: int, last: int, end: int) -> int:
        """The frame nearest to `last`, after the turn's last word and in the same shot, in which nobody blinks."""
        from tools.film.performance import Performer

        shot, first = self.scene.board.shots[number], round(self.scene.spans[number][0] * self.fps)
        handle = float(filmed.clips[shot.id].params.get("handle_in", 0.0))
        people = [
            Performer(one.name, shot.seconds + handle, (), one.pose, "human", shot.seed % 2**31) for one in shot.actors
        ]
        low, high = round(self.turn * self.fps), min(end - 1, last + round(BLINK * self.fps))
        wide = [
            frame
            for frame in range(max(first, low), high + 1)
            if all(one.blink(handle + (frame - first) / self.fps) < SHUT for one in people)
        ]
        return min(wide, key=lambda frame: abs(frame - last), default=last)

    def _piece(
        self, filmed: Filmed, number: int, frame: int, frames: int, at: int, name: str,
        effects: tuple[dict[str, Any], ...],
    ) -> ClipSpec:  # fmt: skip
        """`frames` of a shot from frame `frame` of the scene on, at frame `at` of the timeline."""
        clip = filmed.clips[self.scene.board.shots[number].id]
        first = round(self.scene.spans[number][0] * self.fps)
        begin = float(clip.params.get("handle_in", 0.0)) + (frame - first) / self.fps
        whole = float(clip.params["frames"]) / float(clip.params["fps"])
        return ClipSpec(
            clip.id, Path(clip.path), at / self.fps, frames / self.fps, begin, name, effects=effects,
            source_seconds=whole,
        )  # fmt: skip

    def _lines(self) -> Iterator[ClipSpec]:
        for said in self.said:
            voice, name = said.voice, f"{said.line.who}: {said.line.say[:40]}"
            start = said.start + self.moved(said)
            yield ClipSpec(
                voice.audio.id, Path(voice.audio.path), start, voice.seconds, name=name, source_seconds=voice.seconds
            )

    def _place(self, filmed: Filmed) -> Iterator[ClipSpec]:
        for part in range(5):
            scene, begin = part in (1, 3), 0.0 if part == 1 else self.starts[part]
            sound = filmed.ambience if scene else filmed.air
            yield ClipSpec(
                sound.id, Path(sound.path), self.starts[part], self.lengths[part] / self.fps,
                self.stop / self.fps if part == 3 else begin, "Ambience" if scene else "Room tone",
                gain_db=0.0 if scene else parody_presets().air.gain_db,
                source_seconds=(self.length if scene else self.total) / self.fps,
            )  # fmt: skip

    def spoken(self, said: SaidLine) -> tuple[float, float]:
        """When a line is read on the timeline: while it is said and a moment longer, not over the stop or the card."""
        limit = self.starts[2] if said.start * self.fps < self.stop else self.starts[4]
        moved = self.moved(said)
        return max(0.0, said.start + moved), min(limit, said.end + moved + CAPTION_TAIL)

    def moved(self, said: SaidLine) -> float:
        """Seconds by which a line comes later in the parody than in the scene."""
        before = self.lengths[0] + (0 if said.start * self.fps < self.stop else self.lengths[2])
        return before / self.fps

    def scores(self, rendered: Rendered) -> tuple[Score, ...]:
        presets = parody_presets()
        cards = zip((self.script.first, self.script.stop, self.script.last), self.lengths[::2], strict=True)
        reading = min((frames + 1) / self.fps / presets.needed(text) for text, frames in cards)
        held = next(cut for cut in rendered.program.video if cut.frozen)
        late = abs((held.start - self.lengths[0]) / self.fps - self.turn - AFTER_LINE) * self.fps
        by, said = "the rendered timeline", f"stopped {late:.1f} frames off the turn's end"
        return (
            Score("beats_on_moments", float(late <= 2.0), "measured", by, 1.0, late <= 2.0, said),
            Score("reading_time", round(reading, 3), "measured", by, 1.0, reading >= 1.0),
            Score("funny", None, "not measured", "nobody", note="no measure of it exists; watch it"),
        )

    def beats(self, written: frozenset[str]) -> list[dict[str, Any]]:
        """The rows of the beat sheet; written: the slots whose words a language model wrote."""
        script, starts = self.script, self.starts

        def row(slot: str, beat: str, role: str, start: float, end: float, shows: str, why: str, **words: str) -> Any:
            return {
                "beat": beat,
                "role": role,
                "start": round(start, 3),
                "end": round(end, 3),
                "shows": shows,
                "stands_on": why,
                "line": words.get("line", ""),
                "voice": beat if words.get("line") else "",
                "text": words.get("text", ""),
                "sounds": [],
                "written_by": "language model" if slot in written else "library",
            }

        rows = [row("first", "card", "setup", 0.0, starts[1], "card", "a card", text=script.first)]
        for number, said in enumerate(self.said, 1):
            begin, end = said.start + self.moved(said), said.end + self.moved(said)
            why = f"line said at {said.start:.2f}-{said.end:.2f} s of the scene"
            line = said.line
            rows.append(row(f"line_{number}", line.who, line.beat, begin, end, "play", why, line=line.say))
        why = f"the turn's last word ends at {self.turn:.2f} s of the scene"
        rows.append(row("stop", "stop", "turn", starts[2], starts[3], "freeze", why, text=script.stop))
        why = "answers the first card"
        rows.append(row("last", "card", "callback", starts[4], starts[5], "card", why, text=script.last))
        return sorted(rows, key=lambda one: cast("float", one["start"]))
