"""add_effects: effects on a clip, placed where something was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from configs.errors import UsageError
from memory.records import Asset
from tools.editing.arrange import arrange
from tools.editing.captions import own_cut
from tools.editing.change.assets import facts_finder
from tools.editing.cost import seconds_to_draw
from tools.editing.decision.known import with_faces
from tools.editing.held import HeldContext
from tools.editing.outline import studio_data
from tools.editing.placing.board import Board
from tools.editing.placing.doing import TIMED, Doer, Done, Request
from tools.editing.placing.places import LONGEST, WHOLE, Spot, needs, spots
from tools.editing.placing.wishes import Wish, place_of, read_wishes
from tools.editing.program import Source
from tools.editing.render import Rendered, render
from tools.editing.seen import seen
from tools.editing.sources import SourceFinder
from tools.editing.timeline import describe, save_timeline
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    import opentimelineio as otio

    from backends.vision.record import FilmRecord

SAID = 4
"""Places that are said one by one; the rest is counted."""


class AddEffectsArgs(ToolArgs):
    video: str = Field(description="The clip: asset id, attached file's name, path in the workspace, or 'last'.")
    effect: str = Field(
        min_length=1,
        max_length=600,
        description="What, in words or by name: zoom_punch, slow_zoom, pull_back, shake, flash, glow, vignette, "
        "film_grain, letterbox, glitch, deep_fry, freeze, speed_ramp, reverse, stutter, picture_in_picture, censor, "
        "mosaic, speech_bubble, explosion, snow, rain, confetti, sparks, hearts. E.g. 'zoom on every beat', 'a freeze "
        "frame with WAIT WHAT on the funniest moment', 'snow', 'shake at the loudest hit and a flash on every cut'.",
    )
    at: str = Field(
        "auto",
        max_length=200,
        description="Where: 'auto' (as `effect` says, else where it fits best), 'beats', 'cuts', 'loud', 'motion', "
        "'silences', 'faces', 'reactions', 'funny', 'start', 'end', 'whole', or seconds such as '2.5' or '1, 3.5'.",
    )
    strength: float | None = Field(None, ge=0, le=1, description="0 hardly seen, 1 as strong as it gets; none = usual.")
    seconds: float = Field(0.0, ge=0, le=600, description="How long each lasts; 0 = as usual.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Another number gives other chances (shakes, glitches, snow).")
    text: str = Field("", max_length=200, description="Words of a freeze frame or a speech bubble.")
    inset: str = Field("", description="For picture_in_picture: the other clip or picture; '' = the clip itself.")
    box: list[float] = Field(
        default=[],
        max_length=4,
        description="x0, y0, x1, y1 as shares of the picture: what a censor bar hides when no face can be found.",
    )


class AddEffects(Tool):
    """Puts effects on a clip, where its beats, motion, cuts, faces and words are."""

    name = "add_effects"
    description = (
        "Add effects to an existing clip, placed on what is measured in it (beats, cuts, loud or lively moments, "
        "faces, words): zooms, shakes, flashes, freeze frames with a caption, slow motion, glitches, speech bubbles, "
        "censor bars, snow, confetti and more. Says where each was put and why. Makes a new mp4 and its editable "
        "timeline; the original stays."
    )
    Args = AddEffectsArgs
    makes = "video"

    def forecast(self, args: AddEffectsArgs, studio: Studio) -> Forecast:
        return Forecast(seconds_to_draw(args.video, studio, fixed=0.7, per_million=0.043), disk_mib=30.0)

    def run(self, args: AddEffectsArgs, ctx: ToolContext) -> ToolResult:
        asset = ctx.asset(args.video, "video")
        wishes = [_wish(wish, args) for wish in read_wishes(args.effect)]
        inset = ctx.asset(args.inset, "video", "image") if args.inset else None
        held = HeldContext(ctx)
        finder = SourceFinder(held)
        source = finder.open(asset)
        timeline, base = _timeline(asset, source, ctx)
        board = Board(timeline, facts_finder(held, finder), float(Fraction(str(studio_data(timeline)["fps"]))))
        measured = needs(wishes)
        record = with_faces(seen(asset, ctx, *measured), asset, ctx) if measured else None
        found = _placed(wishes, record, board.seconds)
        request = Request(asset, args.strength, args.seed, inset, _liveliest(wishes, record, asset, ctx), _box(args))
        done = Doer(board, request, held).do(found)
        rendered = render(board.timeline, held)
        # Recorded only now, drawings and timeline too: a render that fails leaves nothing behind.
        return _finish(board, done, asset, base, args, held.record(rendered, board.timeline), ctx)


def _wish(wish: Wish, args: AddEffectsArgs) -> Wish:
    """The wish with what the arguments say of it."""
    placed = place_of(args.at, wish)
    return replace(placed, text=args.text.strip() or wish.text, seconds=args.seconds or placed.seconds)


def _placed(wishes: Sequence[Wish], record: FilmRecord | None, seconds: float) -> list[tuple[Wish, list[Spot]]]:
    """Each wish with its places; those that change the film's time keep out of each other's way."""
    found: list[tuple[Wish, list[Spot]]] = []
    taken: list[float] = []
    for wish in wishes:
        timed = wish.effect in TIMED
        here = spots(wish, record, seconds, taken if timed else ())
        taken += [spot.at for spot in here] if timed else []
        found.append((wish, here))
    return found


def _timeline(asset: Asset, source: Source, ctx: ToolContext) -> tuple[otio.schema.Timeline, tuple[str, ...]]:
    """The film's own timeline where it has one, so that its picture is encoded once; else one of the whole film."""
    own, base = own_cut(asset, source, ctx)
    if own is not None:
        return own, base
    whole = arrange([(source, asset.path, Path(asset.name).stem)], [], _no_analysis)
    return whole.timeline(Path(asset.name).stem), ()


def _liveliest(wishes: Sequence[Wish], record: FilmRecord | None, asset: Asset, ctx: ToolContext) -> float:
    if not any(wish.effect == "picture_in_picture" for wish in wishes):
        return 0.0
    return (record or seen(asset, ctx, "shots")).liveliest[0]


def _box(args: AddEffectsArgs) -> tuple[float, float, float, float] | None:
    if not args.box:
        return None
    if len(args.box) != 4:
        raise UsageError(f"A box of {len(args.box)} numbers cannot be read", fix="Give x0, y0, x1, y1")
    x0, y0, x1, y1 = args.box
    if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
        raise UsageError("The box lies outside the picture", "its numbers are shares of it, from 0 to 1, x0 < x1")
    return x0, y0, x1, y1


def _finish(
    board: Board, done: list[Done], asset: Asset, base: tuple[str, ...], args: AddEffectsArgs, rendered: Rendered,
    ctx: ToolContext,
) -> ToolResult:  # fmt: skip
    title = f"{Path(asset.name).stem}-effects"
    board.timeline.name = title
    params: dict[str, Any] = {
        "effect": args.effect,
        "at": args.at,
        "strength": args.strength,
        "seed": args.seed,
        "placed": [one.facts() for one in done],
    }
    cut = ctx.save(
        save_timeline(board.timeline, ctx.scratch(".otio")),
        "timeline",
        f"{title}.otio",
        params=params,
        seed=args.seed,
        parents=tuple(dict.fromkeys((asset.id, *base, *(one.id for one in rendered.sources)))),
        summary=describe(board.timeline),
    )
    film = rendered.save(ctx, f"{title}.mp4", parents=(cut.id, asset.id), params=params)
    program = rendered.program
    text = f"Put on {asset.name}: {_told(done)}. Result {program.seconds:.2f} s, {rendered.width}x{rendered.height}."
    facts = {"placed": params["placed"], "changes": board.said}
    measured = {"effects": len(done), **rendered.measurements}
    return ToolResult(text.encode()[:SUMMARY_LIMIT].decode(errors="ignore"), (film, cut), measured, data=facts)


def _told(done: list[Done]) -> str:
    """'zoom punch at 24.5 s (a reaction: ...), 31.0 s (...) and 12 more places; snow (all of it)'."""
    counts = Counter(one.effect for one in done)
    parts = []
    for effect, count in counts.items():
        first = [one for one in done if one.effect == effect][:SAID]
        places = [
            f"({one.why})" if one.why in (WHOLE, LONGEST) else f"at {one.at:.2f} s ({one.why[:110]})" for one in first
        ]  # fmt: skip
        more = f" and {count - len(first)} more places" if count > len(first) else ""
        parts.append(f"{effect.replace('_', ' ')} {', '.join(places)}{more}")
    return "; ".join(parts)


def _no_analysis(source: Source, seconds: float) -> tuple[float, float]:
    raise AssertionError("effects choose no part of the clip")
