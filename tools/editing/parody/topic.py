"""Parodies of a topic: a short script acted by layout characters, then cut, stopped and answered by sounds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from configs.errors import UsageError
from memory.records import Asset
from tools.editing.parody.recipes import parody_presets, tone_of
from tools.editing.parody.sheet import HONEST, sheet_page
from tools.editing.parody.topic_scripts import (
    TopicLine,
    TopicScript,
    choose_structure,
    fill_script,
    story_of,
    topic_structures,
)
from tools.spec import SUMMARY_LIMIT, ToolContext, ToolResult

if TYPE_CHECKING:
    from tools.editing.parody.make_parody import MakeParodyArgs
    from tools.editing.render import Rendered

CARD_SECONDS = (1.6, 2.2, 3.6)
"""Shortest, natural and longest of the cards before and after."""
STOP_SECONDS = (1.3, 1.8, 3.2)
"""The same for the picture held after the turn."""
FILM_SECONDS = 15.0
CAPTION_TAIL = 0.35
AFTER_LINE = 0.15
"""Seconds after the turn's last word at which the film stops."""


@dataclass(frozen=True)
class SaidLine:
    """A line of the film and when it is said, seconds of the film."""

    line: TopicLine
    start: float
    end: float


def make_topic_parody(args: MakeParodyArgs, ctx: ToolContext) -> ToolResult:
    """Film a script about the topic with layout characters, then cut it like any clip."""
    from tools.editing.parody.make_parody import STAGES, language_of
    from tools.editing.render import render

    language = language_of(args, ctx)
    name, why = choose_structure(tone_of(args.tone), args.recipe, args.seed)
    script = fill_script(getattr(topic_structures()[name], language), args.topic)
    extra = 2 * CARD_SECONDS[1] + STOP_SECONDS[1]
    wanted = max(4.0, args.seconds - extra) if args.seconds else FILM_SECONDS
    ctx.progress(0, STAGES, "filming the script")
    story = story_of(script, language)
    call = {"story": story, "seconds": round(wanted, 2), "captions": False, "music": False, "seed": args.seed}
    made = ctx.call("make_film", call, key="film", title=f"Parody of {args.topic[:40]}")
    film, cut = made.assets[0], made.assets[1]
    ctx.progress(3, STAGES, "laying out the beats")
    said = said_lines(cut, script, ctx)
    plan = _Plan(film, script, said, args, ctx)
    timeline = plan.timeline(f"{args.topic[:40]} ({name.replace('_', ' ')})", topic_structures()[name].sound)
    rendered = render(timeline, ctx)
    scores = plan.scores(rendered)
    rendered = replace(rendered, scores=(*rendered.scores, *scores))
    return _keep(args, ctx, plan, timeline, rendered, name, why, language)


def said_lines(cut: Asset, script: TopicScript, ctx: ToolContext) -> list[SaidLine]:
    """When each line is said: read from the film's own timeline, in its order."""
    from tools.editing.outline import outline
    from tools.editing.timeline import load_timeline

    facts = outline(load_timeline(ctx.path(cut)))
    clips = [clip for track in facts["tracks"] if track["role"] == "dialogue" for clip in track["clips"]]
    spans = sorted((clip["start"], clip["start"] + clip["seconds"]) for clip in clips)
    if len(spans) != len(script.lines):
        raise UsageError(
            "The script could not be filmed as it is written",
            f"{len(spans)} of {len(script.lines)} lines are spoken",
            "Say the topic in a few plain words",
        )
    return [SaidLine(line, start, end) for line, (start, end) in zip(script.lines, spans, strict=True)]


class _Plan:
    """Where everything is: card, film up to the turn, the picture held, the rest, card."""

    def __init__(
        self, film: Asset, script: TopicScript, said: Sequence[SaidLine], args: MakeParodyArgs, ctx: ToolContext
    ) -> None:
        from fractions import Fraction

        self.film, self.script, self.said, self.ctx = film, script, said, ctx
        rate = Fraction(str(film.params["fps"]))
        self.fps, self.length = float(rate), self._frames()
        turn = max(line.end for line in said if line.line.beat == "turn") + AFTER_LINE
        self.stop = min(round(turn * self.fps), self.length - 1)
        self.lengths = self._fitted(round(args.seconds * self.fps))
        self.total = sum(self.lengths)

    def _frames(self) -> int:
        return int(next(score.value or 0 for score in self.film.scores if score.name == "frames"))

    def _fitted(self, wanted: int) -> tuple[int, int, int, int, int]:
        """Frames of first card, film, stop, rest, last card; silence after the last word gives way first."""
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
        ends = max((line.end for line in self.said), default=0.0) + 0.2
        least = max(1, min(rest, round(ends * self.fps) - self.stop))
        rest -= max(0, min(low - spare, rest - least))
        spare = wanted - self.stop - rest
        if not low <= spare <= high:
            fits = (self.stop + least + low) / self.fps, (self.stop + self.length - self.stop + high) / self.fps
            raise UsageError(
                f"This script cannot be told in {wanted / self.fps:.1f} s",
                f"it takes {fits[0]:.1f} to {fits[1]:.1f} s",
                "Ask for a length in between, or leave it out",
            )
        share = (spare - low) / max(1, high - low)
        first, stop = (round(span[0] + share * (span[2] - span[0])) for span in spans[:2])
        return first, self.stop, stop, rest, spare - first - stop

    def timeline(self, title: str, sound: str) -> Any:
        """The editable cut."""
        from tools.editing.parody.soundtrack import sound_clip
        from tools.editing.specs import CaptionSpec, ClipSpec, MarkerSpec, TitleSpec
        from tools.editing.timeline import build_timeline

        starts = [sum(self.lengths[:index]) / self.fps for index in range(6)]
        seconds = [length / self.fps for length in self.lengths]
        whole = self.length / self.fps

        def piece(part: int, source_in: float, **more: Any) -> ClipSpec:
            return ClipSpec(
                self.film.id,
                Path(self.film.path),
                starts[part],
                seconds[part],
                source_in=source_in,
                name=("", "the set-up", "stop", "the pay-off")[part],
                source_seconds=whole,
                **more,
            )

        at = self.stop / self.fps
        held = piece(
            2, max(0.0, at - 1 / self.fps), effects=({"name": "freeze"}, {"name": "zoom_punch", "strength": 0.3})
        )
        video: list[ClipSpec | TitleSpec] = [
            TitleSpec(0.0, seconds[0], self.script.first),
            piece(1, 0.0),
            held,
            piece(3, at),
            TitleSpec(starts[4], seconds[4], self.script.last),
        ]
        # Written here and not into the film: the held picture would show the last line a second time.
        texts = [CaptionSpec(*self.spoken(said), said.line.say) for said in self.said]
        texts.append(CaptionSpec(starts[2], starts[3], self.script.stop, "meme", "bottom"))
        sounds = [
            sound_clip(self.ctx, name, when, self.total / self.fps)
            for name, when in (("boom", 0.0), (sound, starts[2]), ("ding", starts[4]))
        ]
        markers = [
            MarkerSpec(starts[index], name)
            for index, name in enumerate(("card", "set-up", "turn", "pay-off", "call-back"))
        ]
        width, height = self._size()
        tracks = {"original": [piece(1, 0.0), piece(3, at)], "effects": sounds}
        return build_timeline(title, self.fps, width, height, video, tracks, texts, markers)

    def spoken(self, said: SaidLine) -> tuple[float, float]:
        """When a line is read on the timeline: while it is said and a moment longer, not over the stop or the card."""
        starts = [sum(self.lengths[:index]) / self.fps for index in range(6)]
        limit = starts[2] if said.start * self.fps < self.stop else starts[4]
        moved = self._moved(said)
        return max(0.0, said.start + moved), min(limit, said.end + moved + CAPTION_TAIL)

    def _moved(self, said: SaidLine) -> float:
        """Seconds by which a line comes later in the parody than in the film."""
        before = self.lengths[0] + (0 if said.start * self.fps < self.stop else self.lengths[2])
        return before / self.fps

    def _size(self) -> tuple[int, int]:
        settings = self.ctx.settings.film
        return settings.width, settings.height

    def scores(self, rendered: Rendered) -> tuple[Any, ...]:
        from memory.records import Score

        presets = parody_presets()
        cards = [
            (self.script.first, self.lengths[0]),
            (self.script.stop, self.lengths[2]),
            (self.script.last, self.lengths[4]),
        ]
        reading = min((frames + 1) / self.fps / presets.needed(text) for text, frames in cards)
        turn = max(line.end for line in self.said if line.line.beat == "turn")
        held = next(cut for cut in rendered.program.video if cut.frozen)
        late = abs(float(held.source_in) - (turn + AFTER_LINE)) * self.fps
        by = "the rendered timeline"
        return (
            Score(
                "beats_on_moments",
                float(late <= 2.0),
                "measured",
                by,
                1.0,
                late <= 2.0,
                f"stopped {late:.1f} frames off the turn's end",
            ),
            Score("reading_time", round(reading, 3), "measured", by, 1.0, reading >= 1.0),
            Score("funny", None, "not measured", "nobody", note="no measure of it exists; watch it"),
        )

    def beats(self) -> list[dict[str, Any]]:
        """The rows of the beat sheet."""
        starts = [sum(self.lengths[:index]) / self.fps for index in range(6)]

        def row(
            beat: str, role: str, start: float, end: float, shows: str, why: str, line: str, text: str
        ) -> dict[str, Any]:
            return {
                "beat": beat,
                "role": role,
                "start": round(start, 3),
                "end": round(end, 3),
                "shows": shows,
                "stands_on": why,
                "line": line,
                "voice": beat if line else "",
                "text": text,
                "sounds": [],
                "written_by": "library",
            }

        rows = [row("card", "setup", 0.0, starts[1], "card", "a card", "", self.script.first)]
        for said in self.said:
            moved = self._moved(said)
            why = f"line said at {said.start:.2f}-{said.end:.2f} s of the film"
            rows.append(
                row(said.line.who, said.line.beat, said.start + moved, said.end + moved, "play", why, said.line.say, "")
            )
        turn = max(said.end for said in self.said if said.line.beat == "turn")
        why = f"the turn's last word ends at {turn:.2f} s of the film"
        rows.append(row("stop", "turn", starts[2], starts[3], "freeze", why, "", self.script.stop))
        rows.append(
            row("card", "callback", starts[4], starts[5], "card", "answers the first card", "", self.script.last)
        )
        return sorted(rows, key=lambda one: cast("float", one["start"]))


def _keep(
    args: MakeParodyArgs,
    ctx: ToolContext,
    plan: _Plan,
    timeline: Any,
    rendered: Rendered,
    name: str,
    why: str,
    language: str,
) -> ToolResult:
    from tools.editing.timeline import describe, save_timeline

    structure = topic_structures()[name]
    facts: dict[str, Any] = {
        "clip": f"the topic '{args.topic}'",
        "recipe": name,
        "structure": f"A scene for two: {structure.structure}.",
        "call_back": "the last card answers the first",
        "why": why,
        "others": [],
        "seconds": round(plan.total / plan.fps, 4),
        "fps": plan.fps,
        "language": language,
        "words_by": "the studio's library",
        "beats": plan.beats(),
        "measures": {score.name: score.value for score in rendered.scores},
        "notes": [HONEST],
    }
    title = str(timeline.name)
    params: Mapping[str, Any] = {"recipe": name, "topic": args.topic, "tone": args.tone, "seconds": facts["seconds"]}
    cut = ctx.save(
        save_timeline(timeline, ctx.scratch(".otio")),
        "timeline",
        f"{title}.otio",
        params=params,
        seed=args.seed,
        parents=(plan.film.id,),
        summary=describe(timeline),
    )
    result = rendered.save(ctx, f"{title}.mp4", parents=(cut.id, plan.film.id), params={**params, "seed": args.seed})
    data, page = ctx.scratch(".json"), ctx.scratch(".html")
    data.write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    page.write_text(sheet_page(facts), encoding="utf-8")
    common: dict[str, Any] = {
        "parents": (result.id, cut.id),
        "params": params,
        "summary": f"{len(facts['beats'])} beats",
    }
    sheet = ctx.save(page, "report", f"Beat sheet of {title}.html", **common)
    table = ctx.save(data, "report", f"Beat sheet of {title}.json", **common)
    summary = (
        f"Made a parody of '{args.topic[:80]}' ({structure.structure}): {rendered.program.seconds:.2f} s, "
        f"{len(facts['beats'])} beats, acted by layout characters. Chosen because {why}. The beat sheet lists every "
        "beat; whether it is funny was not measured."
    )
    return ToolResult(summary[:SUMMARY_LIMIT], (result, cut, sheet, table), rendered.measurements, data=facts)
