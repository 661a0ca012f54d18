"""export_timeline: the cut for another editor, with every source named and a list of what got lost on the way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field

from configs.errors import UsageError
from memory.records import Asset
from tools.editing.outline import CAPTION_KIND, outline, studio_data
from tools.editing.program import Program, read_program
from tools.editing.sources import SourceFinder, cut_of
from tools.editing.specs import CaptionSpec
from tools.editing.srt import write_srt
from tools.editing.timeline import describe, load_timeline, save_timeline
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    import opentimelineio as otio

READY = ("otio", "otioz", "srt")
FormatName = Literal["otio", "otioz", "edl", "fcpxml", "fcp7", "srt"]


class ExportTimelineArgs(ToolArgs):
    timeline: str = Field(
        description="The timeline, or a video made from one: asset id, name, or path in the workspace."
    )
    format: FormatName = Field(
        "otio",
        description="'otio': timeline for other editors; 'otioz': the same with all media inside; 'srt': subtitles.",
    )


class ExportTimeline(Tool):
    """Writes a timeline for another editor."""

    name = "export_timeline"
    description = (
        "Export the editable timeline of a film or an edit for another video editor (otio, or otioz with all media "
        "inside), or its captions as srt."
    )
    Args = ExportTimelineArgs
    makes = "timeline"

    def forecast(self, args: ExportTimelineArgs, studio: Studio) -> Forecast:
        return Forecast(seconds=1.0, disk_mib=50.0 if args.format == "otioz" else 0.1)

    def run(self, args: ExportTimelineArgs, ctx: ToolContext) -> ToolResult:
        if args.format not in READY:
            raise UsageError(
                f"Exporting to {args.format} is not possible yet",
                f"{', '.join(READY)} are",
                "Use otio: Resolve reads it, and other editors through it",
            )
        asset = timeline_of(ctx.asset(args.timeline, "timeline", "video"), ctx)
        timeline = load_timeline(ctx.path(asset))
        finder = SourceFinder(ctx)
        program = read_program(timeline, finder.find)
        title = Path(asset.name).stem
        if args.format == "srt":
            return _subtitles(program, asset, title, ctx)
        used = list(finder.assets.values())
        lost = unsupported(timeline)
        file = ctx.scratch(f".{args.format}")
        if args.format == "otio":
            _retarget(timeline, finder, ctx, beside=True)
            save_timeline(timeline, file)
        else:
            _retarget(timeline, finder, ctx, beside=False)
            _bundle(timeline, file)
        made = ctx.save(
            file,
            "timeline",
            f"{title}.{args.format}",
            params={"format": args.format, "unsupported": lost},
            parents=(asset.id, *(source.id for source in used)),
            summary=describe(timeline),
        )
        names = ", ".join(source.name for source in used[:8]) + (f" and {len(used) - 8} more" if len(used) > 8 else "")
        text = f"Exported {describe(timeline)} as {args.format}. Sources: {names}."
        facts = {"sources": [source.path for source in used], "unsupported": lost, "outline": outline(timeline)}
        return ToolResult(text[:SUMMARY_LIMIT], (made,), {"sources": len(used)}, tuple(lost), facts)


def timeline_of(asset: Asset, ctx: ToolContext) -> Asset:
    """The asset itself, or the timeline that a video was rendered from. Raises UsageError when there is none."""
    if asset.kind == "timeline":
        return asset
    if (cut := cut_of(asset, ctx)) is not None:
        return cut
    raise UsageError(
        f"'{asset.name}' has no timeline", "it was not cut here", "Edit it first, or name a film that the studio made"
    )


def unsupported(timeline: otio.schema.Timeline) -> list[str]:
    """What is in the file but other editors will not show, one sentence each."""
    facts = outline(timeline)
    own: dict[str, int] = {}
    captions = 0
    for track in facts["tracks"]:
        if track["kind"] == CAPTION_KIND:
            captions += len(track["clips"])
            continue
        for clip in track["clips"]:
            for effect in clip.get("effects", ()):
                if effect["name"] not in ("speed", "foreign"):
                    name = (
                        effect["look"].replace("_", " ")
                        if effect["name"] == "grade"
                        else effect["name"].replace("_", " ")
                    )
                    own[name] = own.get(name, 0) + 1
    lost = [f"{name} ({count} clips): kept as a studio effect, which other editors skip" for name, count in own.items()]
    if captions:
        lost.append(f"{captions} captions: kept on a subtitle track, which other editors may skip; export srt too")
    gains = sum(bool(studio_data(clip).get("gain_db")) for clip in timeline.find_clips())
    if gains:
        lost.append(f"gain of {gains} clips: kept as metadata, which other editors skip")
    return lost


def _retarget(timeline: otio.schema.Timeline, finder: SourceFinder, ctx: ToolContext, *, beside: bool) -> None:
    """Point every clip at its file: by name, as the export lies beside its sources, or by full path for a bundle."""
    import opentimelineio as otio

    for clip in timeline.find_clips():
        media = clip.media_reference
        if not isinstance(media, otio.schema.ExternalReference):
            continue
        source = finder.find(str(studio_data(clip).get("asset", "")), str(media.target_url))
        media.target_url = source.path.name if beside else str(source.path)
        if media.available_range is None and source.info.seconds:
            rate = clip.trimmed_range().duration.rate
            frames = int(source.info.seconds * rate + 1e-3)
            media.available_range = otio.opentime.TimeRange(
                otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(frames, rate)
            )


def _bundle(timeline: otio.schema.Timeline, file: Path) -> None:
    import opentimelineio as otio

    # The bundle writer refuses a file that is there, and the scratch name is reserved by an empty one.
    file.unlink(missing_ok=True)
    try:
        otio.adapters.write_to_file(timeline, str(file), adapter_name="otioz")
    except (otio.exceptions.OTIOError, OSError) as error:
        raise UsageError("The timeline could not be bundled with its media", str(error)[:200]) from error


def _subtitles(program: Program, asset: Asset, title: str, ctx: ToolContext) -> ToolResult:
    if not program.words:
        raise UsageError(f"'{asset.name}' has no captions", fix="Export it as otio")
    captions = [
        CaptionSpec(
            float(word.start / program.fps),
            float(word.end / program.fps),
            word.text,
            position=cast("Any", word.position),
        )
        for word in program.words
    ]
    file = ctx.scratch(".srt")
    file.write_text(write_srt(captions), encoding="utf-8")
    made = ctx.save(file, "subtitle", f"{title}.srt", params={"format": "srt"}, parents=(asset.id,))
    return ToolResult(f"Exported {len(captions)} captions of '{title}' as srt.", (made,), {"captions": len(captions)})
