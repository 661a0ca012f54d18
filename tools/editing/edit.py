"""edit_video: an instruction in plain words, done to one clip or to several, with a reason for each cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from configs.errors import UsageError
from memory.records import Asset
from tools.editing.arrange import arrange
from tools.editing.arrangement import Arrangement
from tools.editing.change.cuts import BED_GAIN_DB
from tools.editing.cost import seconds_to_draw
from tools.editing.decide import decide
from tools.editing.decision.finish import TOLD, all_named, cuts_of, explained, finished, named
from tools.editing.decision.looking import Looking
from tools.editing.held import HeldContext
from tools.editing.operations import Highlight, Operation, in_words
from tools.editing.program import Source
from tools.editing.render import render
from tools.editing.sources import SourceFinder
from tools.editing.specs import CaptionSpec
from tools.editing.textless import lines_of, of_parts, textless, texts_over
from tools.editing.timeline import describe, save_timeline
from tools.editing.wishes import Trailer
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

MAX_SOURCES = 100
MAX_STEPS = 5
"""Edits back through which it is looked whether a film is a trailer."""


class EditVideoArgs(ToolArgs):
    video: str | list[str] = Field(
        description="The clip: asset id, attached file's name, path in the workspace, or 'last'; several are joined."
    )
    instruction: str = Field(
        description="What to do, e.g. 'keep the first 3 seconds', 'the most lively 3 seconds in black and white with "
        "WAIT FOR IT on top', 'remove the silences', 'a 20 second trailer', 'cut to the beat of the music', 'shorten "
        "it to 12 seconds', 'delete the first shot', 'crop to vertical following the subject', 'join with a dissolve'."
    )
    music: str = Field("", description="A sound that the cut follows and that is put under it, '' = none.")


class EditVideo(Tool):
    """Cuts clips after an instruction: by times, or by what is measured in them."""

    name = "edit_video"
    description = (
        "Edit one or more existing clips after an instruction: trim, cut out, join, speed, reverse, loop, looks, "
        "fades, sound off or louder, text; and by what is seen and heard in them: tighten, remove silences, best "
        "moments, trailer, montage, exact length, cuts on the beat, match cuts, best takes, shots deleted or "
        "reordered, transitions, freeze, zoom, rotate, vertical reframe that follows the subject. Makes a new mp4 and "
        "its editable timeline with a reason for each cut; the originals stay."
    )
    Args = EditVideoArgs
    makes = "video"

    def forecast(self, args: EditVideoArgs, studio: Studio) -> Forecast:
        count = len(args.video) if isinstance(args.video, list) else 1
        seconds = seconds_to_draw(args.video, studio, fixed=1.0, per_million=0.025)
        return Forecast(seconds=seconds, disk_mib=10.0 * count)

    def run(self, args: EditVideoArgs, ctx: ToolContext) -> ToolResult:
        refs = [args.video] if isinstance(args.video, str) else args.video
        if not refs or len(refs) > MAX_SOURCES:
            raise UsageError(f"{len(refs)} clips cannot be edited at once", f"1 to {MAX_SOURCES} can")
        held = HeldContext(ctx)
        if (changed := _on_its_timeline(args, refs, ctx)) is not None:
            return changed
        wanted = _Wanted.of(args, refs, held)
        edit = _decided(args.instruction, wanted, held)
        return _finish(edit, wanted, held, ctx)


def _on_its_timeline(args: EditVideoArgs, refs: Sequence[str], ctx: ToolContext) -> ToolResult | None:
    """What is asked of the shots and sounds of one film that the studio has a timeline of; None for anything else."""
    from tools.editing.change.worded import worded

    if len(refs) != 1 or args.music:
        return None
    film = ctx.asset(refs[0], "video", "audio")
    if film.kind != "video":
        return None
    try:
        operations = decide(args.instruction)
    except UsageError:
        return None
    return worded(operations, film, ctx)


@dataclass(frozen=True)
class _Wanted:
    """The clips and the music of a call, opened."""

    films: tuple[Asset, ...]
    """As they were named."""
    clips: tuple[tuple[Source, Asset], ...]
    """What is cut: the films, those of the studio's own without their texts."""
    known: Looking
    texts: dict[str, tuple[CaptionSpec, ...]]
    """What stood on a clip, by its asset's id."""

    @staticmethod
    def of(args: EditVideoArgs, refs: Sequence[str], ctx: HeldContext) -> _Wanted:
        finder = SourceFinder(ctx)
        assets = [ctx.asset(ref, "video", "audio") for ref in refs]
        films = [asset for asset in assets if asset.kind == "video"]
        sounds = [ctx.asset(args.music, "audio", "video")] if args.music else []
        sounds += [asset for asset in assets if asset.kind == "audio"]
        if not films:
            raise UsageError(f"'{assets[0].name}' is a sound, and there is no picture to edit", fix="Name a video")
        if len(sounds) > 1:
            raise UsageError("A cut can follow one piece of music", f"{len(sounds)} sounds were named", "Name one")
        music = (finder.open(sounds[0]), sounds[0]) if sounds else None
        clips, texts = [], {}
        for film in films:
            source = finder.open(film)
            plain = textless(film, source, ctx)
            clips.append((source, film) if plain is None else (plain.source, plain.asset))
            if plain is not None:
                texts[plain.asset.id] = plain.texts
        known = Looking(ctx, {asset.id: asset for _, asset in clips}, music)
        known.lines = {key: lines_of(told) for key, told in texts.items()}
        return _Wanted(tuple(films), tuple(clips), known, texts)

    @property
    def names(self) -> list[str]:
        return [asset.name for _, asset in self.clips]

    @property
    def sources(self) -> list[tuple[Source, str, str]]:
        return [(source, asset.path, Path(asset.name).stem) for source, asset in self.clips]


@dataclass(frozen=True)
class _Edit:
    """What was decided."""

    made: Arrangement
    operations: list[Operation]
    by: str
    """'words', or the language model that decided."""


def _decided(instruction: str, wanted: _Wanted, ctx: HeldContext) -> _Edit:
    """What is done, with the clips' own texts set on what is kept of them."""
    try:
        edit = _planned(instruction, wanted, ctx)
    except UsageError as error:
        raise UsageError(*(named(text, wanted.names) for text in (error.problem, error.cause, error.fix))) from error
    made = all_named(_with_music(edit.made, wanted), wanted.names)
    kept = texts_over(of_parts(made.parts, made.starts()), wanted.texts, made.rate)
    return replace(edit, made=replace(made, captions=(*kept, *made.captions)))


def _with_music(made: Arrangement, wanted: _Wanted) -> Arrangement:
    """Music that was given lies under the cut where the cut does not follow it too, softer than what is heard there."""
    if made.bed is not None or not wanted.known.has_music:
        return made
    heard = any(part.source.info.has_audio and not part.muted for part in made.parts)
    bed = replace(wanted.known.bed(), alone=False, gain_db=BED_GAIN_DB if heard else 0.0)
    note = f"'{bed.name}' lies under it" + (f", {-BED_GAIN_DB:g} dB softer than it is" if heard else "")
    return replace(made, bed=bed, notes=(*made.notes, note))


def _planned(instruction: str, wanted: _Wanted, ctx: HeldContext) -> _Edit:
    """By the lexicon; what it does not understand by the language model where one is served.

    Raises UsageError when neither understands it, saying what can be asked.
    """
    known = wanted.known
    try:
        operations = _meant(decide(instruction), wanted, ctx)
    except UsageError as unclear:
        from tools.editing.decision.llm import decide_by_model

        found = decide_by_model(instruction, wanted.sources, known, ctx, unclear)
        return _Edit(found.made, found.operations, found.model)
    return _Edit(arrange(wanted.sources, operations, known.lively, known), operations, "words")


def _meant(operations: list[Operation], wanted: _Wanted, ctx: HeldContext) -> list[Operation]:
    """'Make the trailer vertical', said of a trailer, only names it: nobody wants a trailer of the trailer."""
    others = [one for one in operations if not (isinstance(one, Trailer) and not (one.seconds or one.text))]
    return others if others and all(_is_trailer(film, ctx) for film in wanted.films) else operations


def _is_trailer(film: Asset, ctx: HeldContext, depth: int = 0) -> bool:
    """Whether an edit made it a trailer, or a film that it was made from."""
    steps = film.params.get("operations")
    said = (
        [str(step.get("operation", "")) for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    )
    if any(one.startswith(in_words(Trailer("trailer"))) for one in said):
        return True
    parents = [ctx.memory.get_asset(one) for one in film.parents] if depth < MAX_STEPS else []
    return any(_is_trailer(one, ctx, depth + 1) for one in parents if one is not None and one.kind == "video")


def _finish(edit: _Edit, wanted: _Wanted, held: HeldContext, ctx: ToolContext) -> ToolResult:
    title, known = f"{Path(wanted.names[0]).stem}-edit", wanted.known
    timeline = finished(edit.made, title)
    steps = [{"operation": in_words(one), "rationale": one.rationale} for one in edit.operations]
    timeline.metadata["studio"]["steps"] = steps
    rendered = render(timeline, held, tidy=True)
    timeline = rendered.timeline or timeline
    said = [str(step["operation"]) for step in steps] or ["cut as the language model planned"]
    for number, one in enumerate(edit.operations):
        if isinstance(one, Highlight) and one.mood == "lively":
            said[number] += f" ({', '.join(known.spans)})"
    cuts = cuts_of(timeline)
    facts: dict[str, Any] = {
        "operations": steps,
        "lively": known.spans,
        "cuts": cuts[:TOLD],
        "notes": list(edit.made.notes),
        "decided_by": edit.by,
    }
    # Recorded only now: a render that fails leaves nothing behind.
    rendered = held.record(rendered, timeline)
    films = tuple(film.id for film in wanted.films)
    cut = ctx.save(
        save_timeline(timeline, ctx.scratch(".otio")),
        "timeline",
        f"{title}.otio",
        params=facts,
        parents=tuple(dict.fromkeys((*films, *(asset.id for asset in rendered.sources)))),
        summary=describe(timeline),
    )
    film = rendered.save(ctx, f"{title}.mp4", parents=(cut.id, *films), params=facts)
    program, names = rendered.program, wanted.names
    parts = [
        f"Edited {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}: {'; '.join(said)}",
        *(note[:1].upper() + note[1:] for note in edit.made.notes),
        f"Result {program.seconds:.2f} s, {rendered.width}x{rendered.height} at {float(program.fps):g} fps",
    ]
    if why := explained(cuts):
        parts.append(why)
    text = ". ".join(parts) + "."
    return ToolResult(_short(text), (film, cut), rendered.measurements, data=facts)


def _short(text: str) -> str:
    coded = text.encode()
    return text if len(coded) <= SUMMARY_LIMIT else coded[: SUMMARY_LIMIT - 3].decode(errors="ignore") + "..."
