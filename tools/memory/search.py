"""search_memory: what the studio knows about a thing, and which shots of its films show it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from memory.lanes import SHOT
from memory.names import name_key
from memory.records import Asset, FilmShot, Hit
from memory.tuning import words
from tools.memory.fitting import Asked, Fit, said_of_none
from tools.spec import SUMMARY_LIMIT, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINE, _NAME = 140, 60
LOOKED_AT = 24
"""Shots that are looked at for one that has all that was asked."""
PICTURES, COLUMNS, CELL = 6, 3, 256
"""Shots on the sheet of pictures at most, beside each other, and how wide each is in pixels."""


class SearchMemory(Tool):
    name = "search_memory"
    description = (
        "Search characters, styles, places, notes, preferences, earlier files and the shots of analysed films by words "
        "and meaning. Shots are answered with film, timecode and a picture. Use it when the user refers to something "
        "from before, or asks where in a film something is seen or said."
    )
    effect = "read"

    class Args(ToolArgs):
        query: str = Field(description="What to look for, in any words.", min_length=1)
        kind: str = Field(
            "", description="Only this kind, e.g. character, style, note, image, video, shot (of a film); '' for all."
        )
        limit: int = Field(8, ge=1, le=50, description="How many results at most.")

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        hits, fits = _fitted(_found(args, ctx), args, ctx)
        for warning in ctx.memory.warnings():
            ctx.warn(warning)
        shots = [hit.shot for hit in hits if hit.shot is not None]
        sheet = _sheet(shots, ctx) if shots else None
        return ToolResult(
            summary=_fitting(_told(hits, fits, args.query)) if hits else "Nothing in memory fits.",
            assets=(sheet,) if sheet is not None else (),
            measurements={"found": len(hits), **({"shots": len(shots)} if shots else {})},
            data={"hits": [_plain(hit, fits.get(hit.id)) for hit in hits]},
        )


def asks_for_shots(query: str) -> bool:
    """Whether the words look for a shot of a film: 'the shot where', 'the close-up of'."""
    key = f" {name_key(query)} "
    return any(f" {word} " in key for word in words().shot_asks)


def _found(args: SearchMemory.Args, ctx: ToolContext) -> list[Hit]:
    """Shots before the rest where the words ask for a shot."""
    kind = args.kind.strip().casefold()
    kind = SHOT if kind == "shots" else kind
    if kind == SHOT:
        return ctx.memory.search(args.query, kinds=(SHOT,), limit=max(args.limit, LOOKED_AT))
    if kind or not asks_for_shots(args.query):
        return ctx.memory.search(args.query, kinds=(kind,) if kind else (), limit=args.limit)
    shots = ctx.memory.search(args.query, kinds=(SHOT,), limit=max(args.limit, LOOKED_AT))
    rest = ctx.memory.search(args.query, limit=args.limit, shots=False)
    return [*shots, *(hit for hit in rest if not shots or not _repeats(hit))]


def _repeats(hit: Hit) -> bool:
    """Whether it says what a film's shots say: the report on it, and its contact sheet."""
    return hit.kind == "report" or (hit.asset is not None and bool(hit.asset.params.get("sheet")))


def _fitted(hits: list[Hit], args: SearchMemory.Args, ctx: ToolContext) -> tuple[list[Hit], dict[str, Fit]]:
    """The best hits, shots that have all that was asked first, and what each shot has, by id.

    Where none has all, those that have more of it come first.
    """
    shots = [hit for hit in hits if hit.shot is not None]
    asked = Asked(args.query, ctx.memory.list_entries("character")) if shots else None
    if not asked or (args.kind.strip() == "" and not asks_for_shots(args.query)):
        return hits[: args.limit], {}
    fits = {hit.id: asked.fit(hit.shot) for hit in shots if hit.shot is not None}
    some = any(fit.is_whole for fit in fits.values())
    shots.sort(key=lambda hit: not fits[hit.id].is_whole if some else -fits[hit.id].had)
    shots = [hit for hit in shots if fits[hit.id].had] or shots
    return [*shots, *(hit for hit in hits if hit.shot is None)][: args.limit], fits


def _told(hits: Sequence[Hit], fits: Mapping[str, Fit], query: str) -> list[str]:
    """A line per hit, with what a shot has and lacks of what was asked."""
    lines = [_line(hit) for hit in hits]
    for at, hit in enumerate(hits):
        if said := fits[hit.id].told() if hit.id in fits else "":
            lines[at] += f" [{said}]"
    shown = [fits[hit.id] for hit in hits if hit.id in fits]
    if not shown and asks_for_shots(query) and (unseen := said_of_none(query, hits)):
        return [f"No shot is known to show {unseen}; nearest in meaning:", *lines]
    if not shown or any(fit.is_whole for fit in shown):
        return lines
    some = any(fit.had for fit in shown)
    head = "No shot fits all of it; nearest:" if some else "No shot is known to have any of it; nearest in meaning:"
    return [head, *lines]


def _line(hit: Hit) -> str:
    text = textwrap.shorten(hit.text, _LINE, placeholder=" ...")
    if hit.shot is None:
        return f"{hit.kind} {hit.name} ({hit.id}): {text}"
    film = " ".join(hit.name.split())[:_NAME]
    return f"shot {hit.shot.number} of {film} ({hit.shot.film}) at {hit.shot.timecode}: {text}"


def _plain(hit: Hit, fit: Fit | None) -> dict[str, Any]:
    found = {"id": hit.id, "kind": hit.kind, "name": hit.name, "text": hit.text[:500], "score": round(hit.score, 4)}
    if (shot := hit.shot) is None:
        return found
    return {
        **found, "film": shot.film, "shot": shot.number, "start": shot.start, "end": shot.end,
        "timecode": shot.timecode, "text_by": shot.text_by, "thumbnail": shot.thumbnail, "figures": shot.data,
        **({"asked": {name: state.value for name, state in fit.states.items()}} if fit else {}),
    }  # fmt: skip


def _sheet(shots: Sequence[FilmShot], ctx: ToolContext) -> Asset | None:
    """The first shots' pictures with film and timecode, as a picture that no list and no later search shows."""
    from backends.media.images import contact_sheet, save_png
    from tools.analysis.database import load_thumbnail

    pictures: list[NDArray[Any]] = []
    captions: list[str] = []
    for shot in shots[:PICTURES]:
        ctx.cancel.check()
        picture = load_thumbnail(shot, ctx.memory, ctx.workspace)
        if picture is not None:
            pictures.append(picture)
            captions.append(f"{shot.timecode} {shot.film_name}")
    if not pictures:
        return None
    file = ctx.scratch(".png")
    save_png(file, contact_sheet(pictures, captions, min(COLUMNS, len(pictures)), CELL))
    params = {"sheet": True, "shots": [shot.id for shot in shots[:PICTURES]]}
    sheet = ctx.save(file, "image", "Shots found", params=params, summary=" | ".join(captions)[:SUMMARY_LIMIT])
    # an answer, not a work: it must not come up in lists, nor in the next search for the same words
    ctx.memory.hide_assets([sheet.id])
    return sheet


def _fitting(lines: list[str]) -> str:
    """As many whole lines as a summary may hold."""
    kept: list[str] = []
    used = 0
    for line in lines:
        used += len(line.encode()) + 1
        if used > SUMMARY_LIMIT:
            break
        kept.append(line)
    return "\n".join(kept)
