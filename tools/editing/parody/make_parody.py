"""make_parody: from a clip or a topic to a finished cut with its beat sheet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from configs.errors import StudioError, UsageError
from memory.records import Asset
from tools.analysis.aspects import Aspect
from tools.editing.cost import seconds_to_draw
from tools.editing.parody.recipes import parody_presets, tone_of
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    from tools.editing.held import HeldContext
    from tools.editing.parody.choose import Choice
    from tools.editing.parody.compose import Composition, Footage
    from tools.editing.parody.material import Material
    from tools.editing.parody.script import Script, Wish
    from tools.editing.parody.writer import Words
    from tools.editing.render import Rendered

ASPECTS: tuple[Aspect, ...] = ("shots", "sound", "composition")
LOOKED, SPOKEN, RENDERED = 0.3, 0.4, 0.98
"""Shares of the work after which a clip is measured, its lines are spoken, the cut is rendered."""
LEAST_CLIP_SECONDS = 0.8
TOLD_BEFORE = 1000
"""Newest films among which earlier parodies of the same are looked for."""


class MakeParodyArgs(ToolArgs):
    video: str = Field("", description="The clip: asset id, attached file's name, path in the workspace, or 'last'.")
    topic: str = Field(
        "", max_length=300, description="What to make fun of when there is no clip, e.g. 'office meetings'."
    )
    tone: str = Field("", max_length=200, description="E.g. dry, dramatic, absurd, wholesome, dark, satirical.")
    seconds: float = Field(0.0, ge=0, le=180, description="Length of the result in seconds; 0 = as long as it needs.")
    recipe: str = Field(
        "auto", max_length=60, description="Comedic structure; 'auto' chooses by what the clip measures."
    )
    subject: str = Field("", max_length=60, description="Who or what the clip shows, e.g. 'the rabbit' or a character.")
    language: str = Field("", max_length=20, description="en or it; '' takes the words' own.")
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        description="Same clip, words and seed, same film; without one each new parody differs.",
    )


class MakeParody(Tool):
    """Recuts a clip, or films a topic, after a comedic structure."""

    name = "make_parody"
    description = (
        "Make a parody: of a clip (a nature documentary, trailer, horror recut, sports replay, news, silent film, "
        "infomercial ... of it, with narration, freeze frames, captions and sound effects) or of a topic without a "
        "clip. Use it for 'make it funny', 'parody', 'spoof', 'turn this into a fake documentary'. Gives an mp4, its "
        "editable timeline and a beat sheet; the original stays."
    )
    Args = MakeParodyArgs
    makes = "video"
    time_limit_s = 3600.0
    timed = False

    def uses(self, args: MakeParodyArgs, studio: Studio) -> frozenset[str]:
        voice = {studio.voice_engine()}
        return frozenset(voice if args.video else {*voice, studio.image_engine()})

    def forecast(self, args: MakeParodyArgs, studio: Studio) -> Forecast:
        seconds = args.seconds or 20.0
        if args.video:
            needed = seconds_to_draw(args.video, studio, fixed=2.0 + 0.5 * seconds, per_million=0.03)
        else:
            needed = 25.0 + 6.0 * seconds
        return Forecast(seconds=needed, disk_mib=10.0 + seconds)

    def run(self, args: MakeParodyArgs, ctx: ToolContext) -> ToolResult:
        least = parody_presets().seconds.shortest
        if args.seconds and args.seconds < least:
            raise UsageError(
                f"A parody of {args.seconds:g} s is too short to set anything up", f"{least:g} s is the least"
            )
        args = args.model_copy(update={"seed": seed_of(args, ctx)})
        if not args.video.strip():
            if not any(letter.isalpha() for letter in args.topic):
                raise UsageError("There is nothing to make fun of", "neither a clip nor a topic was given", "Give one")
            from tools.editing.parody.topic import make_topic_parody

            return make_topic_parody(args, ctx)
        return _Making(args, ctx).run()


@dataclass
class _Making:
    """One parody of a clip, stage by stage."""

    args: MakeParodyArgs
    ctx: ToolContext

    def run(self) -> ToolResult:
        from tools.editing.parody.compose import compose
        from tools.editing.parody.measures import parody_scores
        from tools.editing.parody.pace import PacedContext
        from tools.editing.render import render

        args, ctx = self.args, self.ctx
        film = ctx.asset(args.video, "video")
        paced = PacedContext(ctx)
        paced.part(0.0, LOOKED, "looking at the clip")
        clip, found = footage(film, paced)
        paced.part(LOOKED, SPOKEN, "writing and speaking the lines")
        language = language_of(args, ctx)
        if not args.subject.strip() and not args.topic.strip():
            self.args = args = args.model_copy(update={"subject": next(iter(found.people), "")[:60]})
        self.voices = Voices(ctx, language, self._known())
        script, choice, ranked, why_words = self._script(found, clip)
        paced.part(SPOKEN, RENDERED, "laying out the beats")
        title = f"{Path(film.name).stem}-{script.name.replace('_', '-')}"
        made = compose(title, script, clip, found, self.voices.lines, paced)
        if made.left_out:
            ctx.warn(f"Effects that do not exist here were left out: {', '.join(made.left_out)}")
        rendered = render(made.timeline, paced)
        scores = parody_scores(script, made, rendered.program)
        for score in scores:
            if score.passed is False:
                ctx.warn(f"{score.name} is {score.value:g}, the mark is {score.threshold:g}")
        rendered = replace(rendered, scores=(*rendered.scores, *scores))
        paced.part(RENDERED, 1.0, "writing the beat sheet")
        rendered = paced.record(rendered, made.timeline)
        return keep(args, ctx, Told(script, choice, ranked, why_words), made, rendered, film)

    def _known(self) -> str:
        """The subject's name in memory, when it is a character: then it speaks with its own voice."""
        name = self.args.subject.strip()
        entry = self.ctx.memory.resolve_character(name) if name else None
        return entry.name if entry is not None else ""

    def _script(self, found: Material, clip: Footage) -> tuple[Script, Choice, list[Choice], str]:
        """The best structure that can be told in the asked time."""
        from tools.editing.parody.choose import choose
        from tools.editing.parody.script import Wish

        args = self.args
        tone = told_tone(args, self.ctx)
        first, ranked = choose(found, tone, args.recipe)
        frames = round(args.seconds * clip.fps)
        subject = args.subject or (args.topic if len(args.topic.split()) <= 4 else "")
        wish = Wish(frames, clip.fps, self.voices.language, args.seed or 0, subject)
        refused: list[str] = []
        for choice in [first] if args.recipe != "auto" else ranked:
            try:
                script, why_words = self._told(choice.name, found, wish, tone)
            except UsageError as error:
                if args.recipe != "auto":
                    raise
                refused.append(f"as {choice.name.replace('_', ' ')} {error.cause or error.problem}")
                continue
            why = f"; {len(refused)} better ones cannot be told in that time" if refused else ""
            return script, replace(choice, why=choice.why + why), ranked, why_words
        raise UsageError(
            f"No parody of {args.seconds:g} s can be made of this clip",
            "; ".join(refused[:3]),
            "Ask for a length in between, or leave it out",
        )

    def _told(self, name: str, found: Material, wish: Wish, tone: str) -> tuple[Script, str]:
        from tools.editing.parody.beats import find_beats
        from tools.editing.parody.script import write_script
        from tools.editing.parody.writer import write_words

        recipe = parody_presets().recipes[name]
        words, why = self._words(name, found, wish, tone, write_words, find_beats)
        speak = self.voices.speaker(recipe.voices, recipe.speaks)
        try:
            return write_script(name, recipe, found, wish, speak, words), why
        except UsageError:
            if not words:
                raise
            # The model's lines may be too long to be spoken in that time; the library has shorter ones.
            return write_script(name, recipe, found, wish, speak), "the model's lines did not fit the time"

    def _words(self, name: str, found: Material, wish: Wish, tone: str, write: Any, find: Any) -> tuple[Words, str]:
        recipe = parody_presets().recipes[name]
        words, why = write(
            self.ctx.settings, name, recipe, find(recipe, found), found, tone, wish.language, wish.subject
        )
        if why and self.ctx.settings.llm.base_url and self.ctx.settings.brain != "offline":
            self.ctx.warn(f"Not all words were written by the language model: {why}")
        return words, why


def footage(film: Asset, ctx: HeldContext) -> tuple[Footage, Material]:
    """The clip and what it measures; a film of the studio's own without its texts, which are set anew."""
    from tools.editing.parody.compose import Footage
    from tools.editing.parody.material import material
    from tools.editing.parody.stills import Stills
    from tools.editing.seen import seen
    from tools.editing.sources import SourceFinder
    from tools.editing.specs import frame_rate
    from tools.editing.textless import textless

    plain = textless(film, SourceFinder(ctx).open(film), ctx)
    shown = film if plain is None else plain.asset
    record = seen(shown, ctx, *ASPECTS)
    facts = record.film
    if facts.seconds < LEAST_CLIP_SECONDS:
        raise UsageError(
            f"{film.name} is too short for a parody",
            f"it lasts {facts.seconds:.2f} s, and nothing can turn in less than {LEAST_CLIP_SECONDS:g} s",
            "Use a longer clip",
        )
    width, height = (side - side % 2 for side in (facts.width, facts.height))
    fps = float(frame_rate(facts.fps))
    lufs = record.sound.loudness_lufs if record.sound is not None else None
    texts = () if plain is None else plain.texts
    clip = Footage(shown, facts.seconds, fps, width, height, bool(facts.audio_codec), lufs, texts)
    said = [(text.start, text.end, text.text) for text in texts]
    return clip, material(record, said, Stills(ctx.path(shown), record, ctx.cancel.check).near)


def seed_of(args: MakeParodyArgs, ctx: ToolContext) -> int:
    """The seed asked for, else the first with which this clip or topic has not been told yet."""
    if args.seed is not None:
        return args.seed
    # The same film attached once more is another asset with the same bytes.
    what = "clip" if args.video.strip() else "topic"
    own = ctx.asset(args.video, "video").sha256 if what == "clip" else plain(args.topic)
    told = {
        made.params.get("seed")
        for made in ctx.memory.list_assets("video", limit=TOLD_BEFORE, include_hidden=True)
        if made.tool == MakeParody.name and plain(str(made.params.get(what, ""))) == own
    }
    return next(seed for seed in range(TOLD_BEFORE + 1) if seed not in told)


def plain(words: str) -> str:
    """Words as they are compared."""
    return " ".join(words.casefold().split())


def told_tone(args: MakeParodyArgs, ctx: ToolContext) -> str:
    """The tone that was asked for; '' for none, and for an unknown one, which is said."""
    tone = tone_of(args.tone)
    if args.tone.strip() and not tone:
        ctx.warn(
            f"The tone '{args.tone[:60]}' is not known here and decides nothing; "
            f"known are {', '.join(parody_presets().tones)}"
        )
    return tone


def language_of(args: MakeParodyArgs, ctx: ToolContext) -> str:
    """'en' or 'it': as asked, else as the words are written, else as the studio is set."""
    from backends.voice.texts.language import detect_language

    asked = args.language.strip().casefold()[:2]
    if asked:
        if asked not in ("en", "it"):
            raise UsageError(f"The studio has no parody lines in '{args.language}'", fix="Use en or it")
        return asked
    # A name is of no language: 'Mia' is a word in Italian.
    subject = args.subject if len(args.subject.split()) > 1 else ""
    words = f"{args.topic} {subject} {args.tone}".strip()
    found = detect_language(words, default=ctx.settings.voice.language) if words else ctx.settings.voice.language
    return "it" if found.startswith("it") else "en"


class Voices:
    """Speaks each line once and keeps it."""

    def __init__(self, ctx: ToolContext, language: str, known: str = "") -> None:
        self._ctx, self.language, self._known = ctx, language, known
        self.lines: dict[tuple[str, str], Asset] = {}
        self._mute = False

    def speaker(self, people: dict[str, str], how: dict[str, Any]) -> Any:
        """(who, words) -> seconds; 0 when nobody can speak, which leaves the line to be read."""

        def speak(who: str, words: str) -> float:
            if (who, words) not in self.lines and not self._mute:
                self._say(who, people.get(who, ""), words, how)
            line = self.lines.get((who, words))
            return float(line.params["duration"]) if line is not None else 0.0

        return speak

    def _say(self, who: str, sounds: str, words: str, how: dict[str, Any]) -> None:
        character = self._known if who == "subject" and self._known else sounds
        call = {"text": words, "character": character, "language": self.language, **how}
        digest = sha256(json.dumps(call, sort_keys=True).encode()).hexdigest()[:12]
        try:
            outcome = self._ctx.call("speak", call, key=f"line-{digest}", title=f"{who}: {words[:40]}")
        except UsageError:
            raise
        except StudioError as error:
            self._mute = True
            self._ctx.warn(f"Nobody speaks, the lines are written instead: {error.sentence}")
            return
        self.lines[(who, words)] = outcome.assets[0]


@dataclass(frozen=True)
class Told:
    """A script with why it is this one."""

    script: Script
    choice: Choice
    ranked: Sequence[Choice]
    why_words: str


def keep(
    args: MakeParodyArgs, ctx: ToolContext, told: Told, made: Composition, rendered: Rendered, film: Asset
) -> ToolResult:
    """Record the timeline, the film and the beat sheet, after the render went well."""
    from tools.editing.parody.sheet import sheet_data, sheet_page
    from tools.editing.timeline import describe, save_timeline

    script, choice = told.script, told.choice
    title = str(made.timeline.name)
    facts = sheet_data(script, choice, told.ranked, made, rendered.scores, film.name)
    params = {
        "recipe": script.name,
        "clip": film.sha256,
        "tone": args.tone,
        "seconds": facts["seconds"],
        "language": script.language,
        "why": choice.why,
    }
    sources = tuple(dict.fromkeys((film.id, *(asset.id for asset in rendered.sources))))
    cut = ctx.save(
        save_timeline(made.timeline, ctx.scratch(".otio")),
        "timeline",
        f"{title}.otio",
        params=params,
        seed=args.seed,
        parents=sources,
        summary=describe(made.timeline),
    )
    result = rendered.save(ctx, f"{title}.mp4", parents=(cut.id, film.id), params={**params, "seed": args.seed})
    data, page = ctx.scratch(".json"), ctx.scratch(".html")
    data.write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    page.write_text(sheet_page(facts), encoding="utf-8")
    about = f"{len(script.beats)} beats of '{title}', each with its measured moment"
    common: dict[str, Any] = {"parents": (result.id, cut.id, film.id), "params": params, "summary": about}
    sheet = ctx.save(page, "report", f"Beat sheet of {title}.html", **common)
    table = ctx.save(data, "report", f"Beat sheet of {title}.json", **common)
    for note in script.notes:
        ctx.warn(note)
    return ToolResult(
        _summary(script, choice, film, rendered)[:SUMMARY_LIMIT],
        (result, cut, sheet, table),
        {**rendered.measurements, "beats": len(script.beats)},
        data=facts,
    )


def _summary(script: Script, choice: Choice, film: Asset, rendered: Rendered) -> str:
    turn = next(beat for beat in script.beats if beat.slot.role == "turn")
    structure = f"{'an' if script.name[0] in 'aeiou' else 'a'} {script.name.replace('_', ' ')} parody"
    by = f"words by {script.words_by}"
    return (
        f"Made {structure} of {film.name}: {rendered.program.seconds:.2f} s, "
        f"{len(script.beats)} beats, "
        f"turning on the {turn.why}. Chosen because {choice.why}. {by.capitalize()}. The beat sheet lists the moment "
        "and figure of every beat; whether it is funny was not measured."
    )
