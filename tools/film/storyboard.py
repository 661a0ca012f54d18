"""write_storyboard: a story -> directed shots as data, and a sheet that shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from configs.errors import UsageError
from memory.records import Asset
from tools.film.casting import cast_story, known_names, remember_cast
from tools.film.direct import direct, shot_count
from tools.film.layout import cast_looks, layout_scene
from tools.film.look import describe_look, look_to_data
from tools.film.reading import read_story
from tools.film.sheet import storyboard_sheet
from tools.film.shot import CastMember, Storyboard
from tools.film.single import stable_seed
from tools.film.timing import fit_lengths
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

SKETCH = (384, 216)
"""Pixels of a storyboard picture."""
MAX_STORY = 20_000


class WriteStoryboardArgs(ToolArgs):
    story: str = Field("", max_length=MAX_STORY, description="What happens, in plain words; spoken lines in quotes")
    shots: int = Field(0, ge=0, le=60, description="How many shots; 0 = as many as the length needs")
    seconds: float = Field(15.0, ge=1, le=600, description="Length of the whole film in seconds")
    style: str = Field("", max_length=500, description="Look of the film, e.g. 'watercolour'")
    seed: int = Field(-1, ge=-1, lt=2**31, description="Same seed, same storyboard; -1 = from the story")
    storyboard: dict[str, Any] | None = Field(
        None, description="A finished storyboard as data (title, characters, shots), to be checked and drawn"
    )
    draw: bool = Field(True, description="Draw a small picture of every shot for the sheet")


class WriteStoryboard(Tool):
    name: ClassVar[str] = "write_storyboard"
    description: ClassVar[str] = (
        "Turns a story into a storyboard: shots with framing, camera moves, lines and lengths, as data and as a sheet. "
        "Use it when a plan or storyboard is wanted, not the finished film."
    )
    Args: ClassVar[type[ToolArgs]] = WriteStoryboardArgs
    makes = "storyboard"

    def needs(self, args: WriteStoryboardArgs, studio: Studio) -> frozenset[str]:
        return frozenset({"preview"}) if args.draw else frozenset()

    def forecast(self, args: WriteStoryboardArgs, studio: Studio) -> Forecast:
        count = shot_count(args.seconds, args.shots)
        return Forecast(seconds=0.3 + (1.3 * count if args.draw else 0.0), disk_mib=1.0)

    def run(self, args: WriteStoryboardArgs, ctx: ToolContext) -> ToolResult:
        board = given_board(args, ctx) if args.storyboard is not None else told_board(args, ctx)
        for note in board.notes:
            ctx.warn(note)
        saved = save_board(board, ctx)
        assets = [saved]
        if args.draw:
            new = remember_cast(ctx.memory, tuple(one for one in board.characters if one.named), ctx.thread)
            pictures = _sketches(board, ctx)
            assets.append(save_sheet(board, pictures, "preview layout", ctx, (saved.id,)))
        else:
            new = []
        total = sum(shot.seconds for shot in board.shots)
        sizes = ", ".join(f"{shot.camera.scale} {shot.seconds:.1f} s" for shot in board.shots[:12])
        summary = f"Storyboard '{board.title}': {len(board.shots)} shots, {total:.1f} s ({sizes})"
        summary += f". Characters: {', '.join(one.name for one in board.characters)}" if board.characters else ""
        summary += f". New in memory: {', '.join(new)}" if new else ""
        data = {"storyboard": board.model_dump(mode="json")}
        return ToolResult(
            summary[:1000] + ".", tuple(assets), {"shots": len(board.shots), "seconds": round(total, 3)}, data=data
        )


def told_board(args: WriteStoryboardArgs, ctx: ToolContext) -> Storyboard:
    """Read and direct the story. Raises UsageError when it says nothing."""
    text = args.story.strip()
    if not any(letter.isalpha() for letter in text):
        raise UsageError("There is no story", "the text has no words", "Say who does what, and where")
    story = read_story(text, known_names(ctx.memory), ctx.settings.voice.language)
    casting = cast_story(story, ctx.memory)
    seed = args.seed if args.seed >= 0 else stable_seed(f"{text}|{args.style}")
    shots, notes = direct(
        casting.story, casting.members, args.seconds, shots=args.shots, seed=seed, fps=ctx.settings.film.fps
    )
    return Storyboard(
        title=story.title,
        story=story.text,
        style=args.style,
        seconds=args.seconds,
        seed=seed,
        characters=casting.members,
        shots=shots,
        notes=(*story.notes, *casting.notes, *notes),
    )


def given_board(args: WriteStoryboardArgs, ctx: ToolContext) -> Storyboard:
    """A storyboard made elsewhere (by a language model): checked, completed, fitted to the asked length."""
    try:
        board = Storyboard.model_validate(args.storyboard)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"The storyboard's '{where}' is wrong", str(first["msg"]), "Correct it and try again"
        ) from error
    if not board.shots:
        raise UsageError("The storyboard has no shots", fix="Give at least one")
    present = {
        name
        for shot in board.shots
        for name in (*(one.name for one in shot.actors), *(one.character for one in shot.lines))
    }
    members = {one.name: one for one in board.characters}
    cast: list[CastMember] = []
    for name in sorted(present | set(members), key=lambda one: (one not in members, one)):
        member = members.get(name) or CastMember(name=name)
        entry = ctx.memory.resolve_character(name)
        stored = entry.data.get("look") if entry else None
        if not member.look:
            text = member.description or (entry.text if entry else "")
            look = stored or look_to_data(describe_look(name, text, gender=member.gender))
            member = member.model_copy(update={"look": look, "description": text})
        cast.append(member)
    shots = tuple(shot.model_copy(update={"id": f"shot-{number + 1}"}) for number, shot in enumerate(board.shots))
    known = {"action"} | set(_roles())
    shots = tuple(shot if shot.role in known else shot.model_copy(update={"role": "gesture"}) for shot in shots)
    shots = tuple(shot if shot.role in _roles() else shot.model_copy(update={"role": "gesture"}) for shot in shots)
    lengths, notes = fit_lengths(shots, args.seconds, ctx.settings.film.fps)
    shots = tuple(one.model_copy(update={"seconds": length}) for one, length in zip(shots, lengths, strict=True))
    return board.model_copy(
        update={"characters": tuple(cast), "shots": shots, "seconds": args.seconds, "notes": (*board.notes, *notes)}
    )


def _roles() -> dict[str, Any]:
    from tools.film.lexicon import lexicon

    roles: dict[str, Any] = lexicon("grammar")["roles"]
    return roles


def save_board(board: Storyboard, ctx: ToolContext) -> Asset:
    """The storyboard as a JSON asset."""
    file = ctx.scratch(".json")
    file.write_text(json.dumps(board.model_dump(mode="json"), ensure_ascii=False, indent=1), encoding="utf-8")
    params = {"story": board.story[:4000], "seconds": board.seconds, "shots": len(board.shots), "style": board.style}
    words = "; ".join(shot.description for shot in board.shots)[:600]
    return ctx.save(
        file,
        "storyboard",
        board.title,
        engine="story reader",
        engine_version="1",
        params=params,
        seed=board.seed,
        summary=f"{board.title}: {words}",
    )


def load_board(path: Path) -> Storyboard:
    """A stored storyboard. Raises UsageError when the file is none."""
    try:
        return Storyboard.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise UsageError(f"'{path.name}' is no storyboard", fix="Give one that write_storyboard made") from error


def save_sheet(
    board: Storyboard, pictures: dict[str, NDArray[np.uint8]], made_by: str, ctx: ToolContext, parents: tuple[str, ...]
) -> Asset:
    """The storyboard sheet as a PNG asset."""
    from backends.media.images import save_png

    file = ctx.scratch(".png")
    save_png(
        file,
        storyboard_sheet(board, pictures, made_by),
        {"studio": json.dumps({"title": board.title, "engine": made_by})},
    )
    return ctx.save(
        file,
        "image",
        f"{board.title} storyboard",
        engine=made_by,
        params={"sheet": True, "shots": len(board.shots)},
        seed=board.seed,
        parents=parents,
        summary=f"Storyboard sheet of '{board.title}'",
    )


def _sketches(board: Storyboard, ctx: ToolContext) -> dict[str, NDArray[np.uint8]]:
    renderer = ctx.engine("image").renderer
    looks = cast_looks(board.characters)
    pictures: dict[str, NDArray[np.uint8]] = {}
    for number, shot in enumerate(board.shots):
        note = f"sketch {number + 1} of {len(board.shots)}"
        ctx.progress(number, len(board.shots), note)

        def on_step(step: int, steps: int, done: int = number, note: str = note) -> None:
            ctx.progress(done + 0.9 * step / max(steps, 1), len(board.shots), note)

        pictures[shot.id] = np.asarray(renderer.render(layout_scene(shot, looks), *SKETCH, on_step=on_step).rgb)
    ctx.progress(len(board.shots), len(board.shots), "sheet")
    return pictures
