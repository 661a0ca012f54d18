"""Parodies of a topic: a short script acted by layout characters, then cut, stopped and answered by sounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from tools.editing.parody.pace import PacedContext
from tools.editing.parody.recipes import parody_presets
from tools.editing.parody.sheet import HONEST, sheet_page
from tools.editing.parody.soundtrack import air_asset
from tools.editing.parody.topic_plan import CARD_SECONDS, STOP_SECONDS, Filmed, TopicPlan
from tools.editing.parody.topic_scene import ambience, rehearse, shoot
from tools.editing.parody.topic_scripts import TopicStructure, choose_structure, fill_script, topic_structures
from tools.editing.parody.topic_words import write_topic
from tools.spec import SUMMARY_LIMIT, ToolContext, ToolResult

if TYPE_CHECKING:
    import opentimelineio as otio

    from tools.editing.parody.make_parody import MakeParodyArgs
    from tools.editing.render import Rendered

SCENE_SECONDS = 15.0
SPOKEN, DRAWN, MOVED = 0.04, 0.76, 0.88
"""Shares of the work after which the lines are spoken, the pictures drawn, the shots animated; the rest is the cut.
Measured at 1280x720: of 114 s, 2 for voices, 81 for pictures, 13 for animation."""
FILM_STAGES = ((0.2, 0.0), (0.4, SPOKEN), (0.6, DRAWN), (0.8, MOVED))
"""What the steps of a film report of themselves, fifths of it, as shares of this work."""


@dataclass(frozen=True)
class _Told:
    """A topic with its structure and words."""

    plan: TopicPlan
    name: str
    why: str
    language: str
    written: frozenset[str]

    @property
    def structure(self) -> TopicStructure:
        return topic_structures()[self.name]

    @property
    def words_by(self) -> str:
        return "a language model" if self.written else "the studio's library"


def make_topic_parody(args: MakeParodyArgs, ctx: ToolContext) -> ToolResult:
    """Act a script about the topic with layout characters, and cut it like any clip.

    The times are known once the lines are spoken, before anything is drawn, so a length that cannot be met is refused
    at once. Lines, pictures and shots are steps of their own: a stopped parody goes on from there.
    """
    from tools.editing.render import render

    paced = PacedContext(ctx)
    paced.part(0.0, SPOKEN, "writing the script", FILM_STAGES)
    told = _told(args, paced)
    clips = shoot(told.plan.scene, paced)
    paced.part(MOVED, 0.98, "laying out the beats")
    plan = told.plan
    filmed = Filmed(
        clips, ambience(plan.scene, paced), air_asset(parody_presets().air.bed, plan.total / plan.fps, paced)
    )
    title = f"{args.topic[:40]} ({told.name.replace('_', ' ')})"
    timeline = told.plan.timeline(title, filmed, told.structure.sound, paced)
    rendered = render(timeline, paced)
    rendered = replace(rendered, scores=(*rendered.scores, *told.plan.scores(rendered)))
    paced.part(0.98, 1.0, "writing the beat sheet")
    return _keep(args, ctx, told, timeline, paced.record(rendered, timeline))


def _told(args: MakeParodyArgs, ctx: ToolContext) -> _Told:
    """The script, spoken and timed: in a language model's words, or the library's where those do not fit."""
    from tools.editing.parody.make_parody import language_of, told_tone

    language, tone = language_of(args, ctx), told_tone(args, ctx)
    name, number, why = choose_structure(tone, args.recipe, args.seed or 0)
    structure = topic_structures()[name]
    script = fill_script(structure.script(language, number), args.topic)
    extra = 2 * CARD_SECONDS[1] + STOP_SECONDS[1]
    seconds = max(4.0, args.seconds - extra) if args.seconds else SCENE_SECONDS
    words, written, missing = write_topic(ctx.settings, structure, script, args.topic, tone, language, seconds)
    if missing and ctx.settings.llm.base_url and ctx.settings.brain != "offline":
        ctx.warn(f"Not all words were written by the language model: {missing}")
    if written:
        try:
            plan = TopicPlan(rehearse(words, seconds, args.seed or 0, language, ctx), words, args.seconds)
            return _Told(plan, name, why, language, written)
        except UsageError as error:
            ctx.warn(f"The library's words are used: {error.problem} ({error.cause})")
    plan = TopicPlan(rehearse(script, seconds, args.seed or 0, language, ctx), script, args.seconds)
    return _Told(plan, name, why, language, frozenset())


def _keep(
    args: MakeParodyArgs, ctx: ToolContext, told: _Told, timeline: otio.schema.Timeline, rendered: Rendered
) -> ToolResult:
    from tools.editing.timeline import describe, save_timeline

    plan, structure = told.plan, told.structure.structure
    facts: dict[str, Any] = {
        "clip": f"the topic '{args.topic}'",
        "recipe": told.name,
        "structure": f"A scene for two: {structure}.",
        "call_back": "the last card answers the first",
        "why": told.why,
        "others": [],
        "seconds": round(plan.total / plan.fps, 4),
        "fps": plan.fps,
        "language": told.language,
        "words_by": told.words_by,
        "beats": plan.beats(told.written),
        "measures": {score.name: score.value for score in rendered.scores},
        "notes": [HONEST],
    }
    title = str(timeline.name)
    params: Mapping[str, Any] = {
        "recipe": told.name, "topic": args.topic, "tone": args.tone, "seconds": facts["seconds"],
        "words_by": told.words_by,
    }  # fmt: skip
    sources = dict.fromkeys((plan.scene.written.id, *(source.id for source in rendered.sources)))
    cut = ctx.save(
        save_timeline(timeline, ctx.scratch(".otio")),
        "timeline",
        f"{title}.otio",
        params=params,
        seed=args.seed,
        parents=tuple(sources),
        summary=describe(timeline),
    )
    result = rendered.save(ctx, f"{title}.mp4", parents=(cut.id,), params={**params, "seed": args.seed})
    data, page = ctx.scratch(".json"), ctx.scratch(".html")
    data.write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    page.write_text(sheet_page(facts), encoding="utf-8")
    about = f"{len(facts['beats'])} beats"
    common: dict[str, Any] = {"parents": (result.id, cut.id), "params": params, "summary": about}
    sheet = ctx.save(page, "report", f"Beat sheet of {title}.html", **common)
    table = ctx.save(data, "report", f"Beat sheet of {title}.json", **common)
    summary = (
        f"Made a parody of '{args.topic[:80]}' ({structure}): {rendered.program.seconds:.2f} s, {about}, acted by "
        f"layout characters. Chosen because {told.why}. Words by {told.words_by}. The beat sheet lists every "
        "beat; whether it is funny was not measured."
    )
    return ToolResult(summary[:SUMMARY_LIMIT], (result, cut, sheet, table), rendered.measurements, data=facts)
