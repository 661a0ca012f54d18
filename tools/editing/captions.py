"""add_captions: text over a clip, a line of its own or a whole subtitle file."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from configs.errors import UsageError
from memory.records import Asset
from tools.editing.arrange import arrange
from tools.editing.cost import seconds_to_draw
from tools.editing.outline import studio_data
from tools.editing.program import Source, read_program
from tools.editing.render import render
from tools.editing.sources import SourceFinder, cut_of
from tools.editing.specs import CaptionSpec, CaptionStyleName
from tools.editing.srt import read_srt
from tools.editing.timeline import add_words, describe, load_timeline, save_timeline
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    import opentimelineio as otio

    from tools.editing.cut import Words


TEXTLESS = "textless"
"""Parameter of a film that was drawn without its timeline's texts: it is taken as it is."""
Position = Literal["bottom", "top", "center"]
STYLES = (
    "'subtitle': small and quiet; 'meme': big white capitals with a black outline; 'karaoke': words are coloured one "
    "after the other; 'title': large, in the middle; 'lower_third': a name in the lower left, a second line smaller; "
    "'typewriter': letter by letter; 'comic': yellow and tilted, jumps in; 'silent': as in silent films; 'auto': meme "
    "for a text on top or in capitals, else subtitle."
)


class AddCaptionsArgs(ToolArgs):
    video: str = Field(description="The clip: asset id, attached file's name, path in the workspace, or 'last'.")
    text: str = Field(
        "",
        max_length=20_000,
        description="What to write, exactly as it should be read. Leave empty with `subtitles`.",
    )
    position: Literal["auto", "bottom", "top", "center"] = Field(
        "auto",
        description="Where on the picture; 'auto': at the bottom, or at the top where subtitles are at the bottom.",
    )
    style: Literal["auto", "subtitle", "meme", "karaoke", "title", "lower_third", "typewriter", "comic", "silent"] = (
        Field("auto", description=STYLES)
    )
    start: float = Field(0.0, ge=0, description="Seconds from which the text is seen.")
    end: float = Field(0.0, ge=0, description="Seconds until which it is seen; 0 = to the end.")
    subtitles: str = Field("", description="An .srt file (asset id or attached file's name) instead of `text`.")


class AddCaptions(Tool):
    """Burns text or subtitles into a clip."""

    name = "add_captions"
    description = (
        "Write text onto an existing clip: a caption, a meme line on top, or subtitles from an .srt file. Makes a new "
        "mp4 and its editable timeline; the original stays."
    )
    Args = AddCaptionsArgs
    makes = "video"

    def forecast(self, args: AddCaptionsArgs, studio: Studio) -> Forecast:
        return Forecast(seconds_to_draw(args.video, studio, fixed=0.7, per_million=0.018), disk_mib=10.0)

    def run(self, args: AddCaptionsArgs, ctx: ToolContext) -> ToolResult:
        asset = ctx.asset(args.video, "video")
        source = SourceFinder(ctx).open(asset)
        whole = arrange([(source, asset.path, Path(asset.name).stem)], [], _no_analysis)
        position = args.position if args.position != "auto" else _free_side(args, float(whole.seconds), asset, ctx)
        captions, parents = _captions(args, position, float(whole.seconds), asset, ctx)
        _need_news(captions, asset, ctx)
        title = f"{Path(asset.name).stem}-captions"
        timeline, base = own_cut(asset, source, ctx)
        if timeline is None:
            timeline = replace(whole, captions=captions).timeline(title)
        else:
            add_words(timeline, captions)
            timeline.name = title
        rendered = render(timeline, ctx)
        params = {
            "captions": len(captions),
            "style": captions[0].style,
            "position": position,
            "text": args.text[:400],
        }
        cut = ctx.save(
            save_timeline(timeline, ctx.scratch(".otio")),
            "timeline",
            f"{title}.otio",
            params=params,
            parents=(asset.id, *base, *parents),
            summary=describe(timeline),
        )
        film = rendered.save(ctx, f"{title}.mp4", parents=(cut.id, asset.id, *parents), params=params)
        side = position + (", above subtitles at the bottom" if position == "top" and args.position == "auto" else "")
        what = (
            f"{len(captions)} subtitle{'s' * (len(captions) != 1)}"
            if args.subtitles
            else f"'{args.text[:200]}' at the {side}"
        )
        text = f"Wrote {what} onto {asset.name}: {rendered.program.seconds:.2f} s, {rendered.width}x{rendered.height}."
        return ToolResult(text[:SUMMARY_LIMIT], (film, cut), rendered.measurements)


def own_cut(asset: Asset, source: Source, ctx: ToolContext) -> tuple[otio.schema.Timeline | None, tuple[str, ...]]:
    """The timeline that the film was rendered from, and its id, when the film can be drawn from its sources again.

    Drawn again with the words, the picture is encoded once; written onto the finished film, twice.
    """
    cut = cut_of(asset, ctx)
    if cut is None or asset.params.get("preview") is not False or TEXTLESS in asset.params:
        return None, ()
    try:
        timeline = load_timeline(ctx.path(cut))
        program = read_program(timeline, SourceFinder(ctx).find)
    except UsageError:
        return None, ()
    same = (program.width, program.height, program.frames) == (
        source.info.width,
        source.info.height,
        source.info.frames,
    )
    return (timeline, (cut.id,)) if same and "fps" in studio_data(timeline) else (None, ())


def _free_side(args: AddCaptionsArgs, seconds: float, asset: Asset, ctx: ToolContext) -> Position:
    """The bottom, or the top where the film's timeline has captions at the bottom alone meanwhile."""
    words, rate = _words_on(asset, ctx)
    begin, end = (float(at * rate) for at in (Fraction(args.start), Fraction(args.end or seconds)))
    there = {word.position for word in words if word.start < end and begin < word.end}
    return "top" if "bottom" in there and "top" not in there else "bottom"


def _words_on(asset: Asset, ctx: ToolContext) -> tuple[Sequence[Words], Fraction]:
    """The captions of the timeline that the film was rendered from, in its frames, and how many there are a second."""
    cut = cut_of(asset, ctx)
    if cut is None or TEXTLESS in asset.params:
        return (), Fraction(1)
    try:
        program = read_program(load_timeline(ctx.path(cut)), SourceFinder(ctx).find)
    except UsageError:
        return (), Fraction(1)
    return program.words, program.fps


def _need_news(captions: Sequence[CaptionSpec], asset: Asset, ctx: ToolContext) -> None:
    """Raises UsageError when every caption stands on the film already: written again, all would be said twice."""
    words, rate = _words_on(asset, ctx)
    there = [(word.text.split(), word.style, word.start, word.end) for word in words]
    if all(
        any(
            (text, style) == (one.text.split(), one.style) and start < one.end * rate and one.start * rate < end
            for text, style, start, end in there
        )
        for one in captions
    ):
        raise UsageError(
            f"'{asset.name}' has these captions already",
            "the same words stand there at the same time",
            "Say what else it should read, attach other subtitles, or name another look for them",
        )


def _style(args: AddCaptionsArgs) -> CaptionStyleName:
    if args.style != "auto":
        return args.style
    shouted = not args.subtitles and (args.position == "top" or args.text.isupper())
    return "meme" if shouted else "subtitle"


def _captions(
    args: AddCaptionsArgs, position: Position, seconds: float, asset: Asset, ctx: ToolContext
) -> tuple[tuple[CaptionSpec, ...], tuple[str, ...]]:
    """The captions to write, and the ids of what they come from."""
    if bool(args.text.strip()) == bool(args.subtitles):
        raise UsageError(
            "add_captions needs either a text or subtitles",
            "both were given" if args.subtitles else "neither was given",
            "Say what the caption should read, or attach an .srt file",
        )
    end = args.end or seconds
    if args.start >= seconds or end > seconds + 0.05 or end <= args.start:
        raise UsageError(
            f"A caption from {args.start:g} to {end:g} s does not fit", f"{asset.name} lasts {seconds:.2f} s"
        )
    if not args.subtitles:
        return (CaptionSpec(args.start, min(end, seconds), args.text, _style(args), position),), ()
    file = ctx.asset(args.subtitles, "subtitle", "file")
    read = read_srt(ctx.path(file))
    inside = [caption for caption in read if args.start <= caption.start < end]
    if not inside:
        raise UsageError(f"No subtitle of '{file.name}' falls into the clip", f"{asset.name} lasts {seconds:.2f} s")
    if len(inside) < len(read):
        ctx.warn(f"{len(read) - len(inside)} of {len(read)} subtitles lie outside the clip and were left out")
    styled = tuple(
        replace(
            caption,
            end=min(caption.end, end),
            style=_style(args),
            position=position if position != "bottom" else caption.position,
        )
        for caption in inside
    )
    return styled, (file.id,)


def _no_analysis(source: Source, seconds: float) -> tuple[float, float]:
    raise AssertionError("captions choose no part of the clip")
