"""export_timeline: the cut for another editor, with every source named and a list of what got lost on the way."""

from __future__ import annotations

import shutil
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field

from configs.errors import UsageError
from memory.records import Asset
from tools.editing.change.desk import OVERLAY, Desk
from tools.editing.change.slots import Slot
from tools.editing.handoff.carries import transition_kind
from tools.editing.outline import CAPTION_KIND, outline, studio_data
from tools.editing.program import MAX_CLIPS, Program, Source, noted_size, read_program
from tools.editing.sources import SourceFinder, cut_of
from tools.editing.specs import CaptionSpec
from tools.editing.srt import write_srt, write_vtt
from tools.editing.timeline import describe, load_timeline, save_timeline
from tools.editing.versions import EXPORTED, original
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    import opentimelineio as otio

FormatName = Literal["otio", "otioz", "edl", "fcpxml", "fcp7", "srt", "vtt", "contact_sheet"]
SUFFIX = {"fcp7": "xml", "contact_sheet": "png"}
"""Where a file's ending is not the format's name."""


class ExportTimelineArgs(ToolArgs):
    timeline: str = Field(
        description="The timeline, or a video made from one: asset id, name, or path in the workspace."
    )
    format: FormatName = Field(
        "otio",
        description="'otio': timeline for Resolve and others; 'otioz': the same with all media inside; 'edl': pictures "
        "only, for any editor; 'fcpxml': Final Cut Pro, Resolve; 'fcp7': Premiere; 'srt', 'vtt': subtitles; "
        "'contact_sheet': a picture with every clip.",
    )


class ExportTimeline(Tool):
    """Writes a timeline for another editor."""

    name = "export_timeline"
    description = (
        "Export the editable timeline of a film or an edit for another video editor (otio, otioz with all media, edl, "
        "fcpxml, fcp7), its captions as srt or vtt, or a contact sheet. Says what the format cannot carry."
    )
    Args = ExportTimelineArgs
    makes = "timeline"

    def forecast(self, args: ExportTimelineArgs, studio: Studio) -> Forecast:
        return Forecast(seconds=0.3, disk_mib=50.0 if args.format == "otioz" else 0.1)

    def run(self, args: ExportTimelineArgs, ctx: ToolContext) -> ToolResult:
        asset = timeline_of(ctx.asset(args.timeline, "timeline", "video"), ctx)
        timeline = load_timeline(ctx.path(asset))
        finder = SourceFinder(ctx)
        if args.format in ("srt", "vtt"):
            return _subtitles(read_program(timeline, finder.find), asset, args.format, ctx)
        if args.format == "contact_sheet":
            return _sheet(timeline, asset, finder, ctx)
        if args.format in ("otio", "otioz"):
            read_program(timeline, finder.find)
            lost, file = unsupported(timeline), ctx.scratch(f".{args.format}")
            _retarget(timeline, finder, ctx, beside=args.format == "otio")
            save_timeline(timeline, file) if args.format == "otio" else _bundle(timeline, file)
        else:
            lost, file = _foreign(timeline, args.format, finder, ctx)
        return _finish(timeline, asset, args.format, file, lost, finder, ctx)


def _finish(
    timeline: otio.schema.Timeline,
    asset: Asset,
    form: FormatName,
    file: Path,
    lost: list[str],
    finder: SourceFinder,
    ctx: ToolContext,
) -> ToolResult:
    used = list(finder.assets.values())
    title = Path(asset.name).stem
    made = ctx.save(
        file,
        "timeline" if form in ("otio", "otioz") else "file",
        f"{title}.{SUFFIX.get(form, form)}",
        params={"format": form, "unsupported": lost, EXPORTED: asset.id},
        parents=(asset.id, *(source.id for source in used)),
        summary=describe(timeline),
    )
    names = ", ".join(source.name for source in used[:8]) + (f" and {len(used) - 8} more" if len(used) > 8 else "")
    text = f"Exported {describe(timeline)} as {form}. Sources: {names}."
    facts = {"sources": [source.path for source in used], "unsupported": lost, "outline": outline(timeline)}
    return ToolResult(text[:SUMMARY_LIMIT], (made,), {"sources": len(used)}, tuple(lost), facts)


def _foreign(
    timeline: otio.schema.Timeline, form: FormatName, finder: SourceFinder, ctx: ToolContext
) -> tuple[list[str], Path]:
    """An EDL, FCPXML or FCP7 XML, read back before it is handed over: what it lost, and the file."""
    from tools.editing.handoff.fcpxml import write_fcpxml
    from tools.editing.handoff.read_back import check_read_back
    from tools.editing.handoff.written import write_edl, write_fcp7

    noted_size(studio_data(timeline))
    desk = Desk(timeline)
    if sum(len(lane.slots) for lane in desk.lanes) > MAX_CLIPS:
        raise UsageError(f"The timeline '{str(timeline.name)[:60]}' has more than {MAX_CLIPS} clips")

    def source_of(slot: Slot) -> Source:
        return finder.find(str(studio_data(slot.clip).get("asset", "")), str(slot.clip.media_reference.target_url))

    def file_of(slot: Slot) -> tuple[Path, int]:
        source = source_of(slot)
        return source.path, 0 if source.info.kind == "image" else int(Fraction(source.info.seconds) * desk.rate)

    if form == "fcpxml":
        written = write_fcpxml(desk, source_of)
    else:
        written = write_edl(desk, file_of) if form == "edl" else write_fcp7(desk, file_of)
    check_read_back(written.text, form, desk)
    file = ctx.scratch(f".{SUFFIX.get(form, form)}")
    file.write_text(written.text, encoding="utf-8")
    return written.lost, file


def timeline_of(asset: Asset, ctx: ToolContext) -> Asset:
    """The asset itself, or the timeline that a video was rendered from; an export stands for what it was made from.

    Raises UsageError when there is none.
    """
    if asset.kind == "video":
        cut = cut_of(asset, ctx)
        if cut is None:
            raise UsageError(
                f"'{asset.name}' has no timeline",
                "it was not cut here",
                "Edit it first, or name a film that the studio made",
            )
        asset = cut
    return original(ctx.memory, asset)


def unsupported(timeline: otio.schema.Timeline) -> list[str]:
    """What is in the file but other editors will not show, one sentence each."""
    facts = outline(timeline)
    own: dict[str, int] = {}
    captions = overlays = 0
    for track in facts["tracks"]:
        overlays += len(track["clips"]) if track["role"] == OVERLAY else 0
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
    lost = [
        f"{name} ({count} clip{'s' * (count > 1)}): kept as a studio effect, which other editors skip"
        for name, count in own.items()
    ]
    if captions:
        some = f"{captions} caption{'s' * (captions > 1)}"
        lost.append(f"{some}: kept on a subtitle track, which other editors may skip; export srt too")
    if overlays:
        some = f"{overlays} overlay{'s' * (overlays > 1)}"
        lost.append(f"places of {some}: kept as metadata; other editors show them over the whole picture")
    slots = Desk(timeline).main.slots
    joins = sorted({transition_kind(slot) for slot in slots if slot.transition is not None} - {"dissolve"})
    if joins:
        lost.append(f"transitions of the kinds {', '.join(joins)}: kept as metadata; other editors may show dissolves")
    if titles := [slot for slot in slots if not slot.media]:
        lost.append(
            f"{len(titles)} title card{'s' * (len(titles) > 1)}: kept as generators of the studio, black elsewhere"
        )
    gains = sum(bool(studio_data(clip).get("gain_db")) for clip in timeline.find_clips())
    if gains:
        lost.append(f"gain of {gains} clip{'s' * (gains > 1)}: kept as metadata, which other editors skip")
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
    dated = file.with_name(f"dated-{file.name}")
    try:
        otio.adapters.write_to_file(timeline, str(dated), adapter_name="otioz")
        _undated(dated, file)
    except (otio.exceptions.OTIOError, OSError) as error:
        raise UsageError("The timeline could not be bundled with its media", str(error)[:200]) from error
    finally:
        dated.unlink(missing_ok=True)


def _undated(bundle: Path, file: Path) -> None:
    """The same bundle without the time of day in it: the same timeline gives the same bytes."""
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(file, "w") as target:
        for old in source.infolist():
            new = zipfile.ZipInfo(old.filename)
            new.compress_type, new.external_attr, new.file_size = old.compress_type, old.external_attr, old.file_size
            with source.open(old) as read, target.open(new, "w") as write:
                shutil.copyfileobj(read, write, 1 << 20)


def _subtitles(program: Program, asset: Asset, form: Literal["srt", "vtt"], ctx: ToolContext) -> ToolResult:
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
    styles = sorted({word.style.replace("_", " ") for word in program.words} - {"subtitle"})
    lost = (
        [f"the look of captions ({', '.join(styles)}): subtitles have words, times and places only"] if styles else []
    )
    if any(word.spoken for word in program.words):
        lost.append("when each word is said: lost; whole captions have times")
    file, title = ctx.scratch(f".{form}"), Path(asset.name).stem
    file.write_text(write_srt(captions) if form == "srt" else write_vtt(captions), encoding="utf-8")
    params = {"format": form, "unsupported": lost}
    made = ctx.save(file, "subtitle", f"{title}.{form}", params=params, parents=(asset.id,))
    text = f"Exported {len(captions)} caption{'s' * (len(captions) > 1)} of '{title}' as {form}."
    return ToolResult(text, (made,), {"captions": len(captions)}, tuple(lost), {"unsupported": lost})


def _sheet(timeline: otio.schema.Timeline, asset: Asset, finder: SourceFinder, ctx: ToolContext) -> ToolResult:
    from backends.media.images import save_png
    from tools.editing.handoff.sheet import cut_sheet

    desk = Desk(timeline)
    ctx.progress(0, 1, "looking at the clips")
    picture, count = cut_sheet(
        desk,
        lambda slot: finder.find(
            str(studio_data(slot.clip).get("asset", "")), str(slot.clip.media_reference.target_url)
        ),
        ctx.workspace.cache,
        ctx.cancel.check,
    )
    file, title, whole = ctx.scratch(".png"), Path(asset.name).stem, len(desk.main.slots)
    save_png(file, picture)
    lost = ["effects, captions and overlays: the pictures are as in the sources"]
    if count < whole:
        lost.append(f"{whole - count} of {whole} clips: every n-th is shown")
    made = ctx.save(
        file,
        "image",
        f"{title}-sheet.png",
        params={"sheet": title, "format": "contact_sheet", "unsupported": lost},
        parents=(asset.id, *finder.assets),
        summary=f"contact sheet of {title}, {count} clips",
    )
    text = f"Drew a contact sheet of '{title}' with {count} clips."
    return ToolResult(text, (made,), {"clips": count}, tuple(lost), {"unsupported": lost})
