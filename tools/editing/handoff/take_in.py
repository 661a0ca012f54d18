"""import_timeline: a cut made in another editor becomes an editable timeline of the studio."""

from __future__ import annotations

import zipfile
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import Field

from configs.errors import UsageError
from memory.records import Asset
from tools.editing.change.desk import Desk
from tools.editing.change.slots import Slot
from tools.editing.handoff.bundle import take_media
from tools.editing.handoff.reading import read_cut
from tools.editing.handoff.written import clean
from tools.editing.outline import describe, outline, studio_data
from tools.editing.program import MAX_CLIPS, MAX_SECONDS, noted_size
from tools.editing.sources import SourceFinder
from tools.editing.timeline_file import endless, save_timeline
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    import opentimelineio as otio

    from tools.editing.program import Source

NAMED = 8
HOUR = 3600
HELD = 24
"""Frames per second in which a sound's length is told."""
MEANS_NEWEST = ("last", "$last")


class ImportTimelineArgs(ToolArgs):
    file: str = Field(
        description="The cut: an attached .otio, .otioz, .edl, .fcpxml or Final Cut 7 .xml file, by name or asset id."
    )
    fps: float = Field(0.0, ge=0, le=240, description="Frames per second of an EDL, which does not say it; 0 = guess.")


class ImportTimeline(Tool):
    """Takes in a cut made elsewhere, its sources found again by their names."""

    name = "import_timeline"
    description = (
        "Import a cut made in another editor (otio, otioz, edl, fcpxml, Final Cut 7 xml) as an editable timeline. Its "
        "sources are found among the attached files by name; says which are missing. Render or change it afterwards."
    )
    Args = ImportTimelineArgs
    makes = "timeline"

    def forecast(self, args: ImportTimelineArgs, studio: Studio) -> Forecast:
        return Forecast(seconds=0.2, disk_mib=0.1)

    def run(self, args: ImportTimelineArgs, ctx: ToolContext) -> ToolResult:
        asset = ctx.asset(args.file, "timeline", "file")
        path = ctx.path(asset)
        timeline, unread = read_cut(path, args.fps)
        if zipfile.is_zipfile(path):
            taken = take_media(path, ctx)
            unread += [f"Taken in from the bundle: {_some(taken)}"] if taken else []
        _with_lengths(timeline, ctx)
        desk = Desk(timeline)
        if sum(len(lane.slots) for lane in desk.lanes) > MAX_CLIPS or desk.length > MAX_SECONDS * desk.rate:
            raise UsageError(
                f"'{asset.name}' is too large", f"{MAX_SECONDS // HOUR} hours and {MAX_CLIPS} clips are the limit"
            )
        links = _Links(desk, ctx)
        unread += _without_generators(desk)
        for _, slot in desk.every():
            links.relink(slot)
        _without_doubles(desk)
        desk.settle()
        made = desk.write()
        made.name = clean(made.name) or Path(asset.name).stem
        noted_size(studio_data(made))
        _shape(desk, links.first)
        title = Path(asset.name).stem
        saved = ctx.save(
            save_timeline(made, ctx.scratch(".otio")),
            "timeline",
            f"{title}.otio",
            params={"imported": asset.id, "missing": links.missing, "unread": unread},
            parents=tuple(dict.fromkeys((asset.id, *links.finder.assets))),
            summary=describe(made),
        )
        text = f"Imported '{asset.name}': {describe(made)}. {links.in_words()}"
        warnings = [*unread, *links.notes, *desk.notes]
        if links.missing:
            warnings.append(f"Not in the studio: {_some(links.missing)}. Attach these files; the timeline finds them")
        facts = {"missing": links.missing, "unread": unread, "outline": outline(made)}
        measured = {"sources": len(links.finder.assets), "missing": len(links.missing)}
        return ToolResult(
            text.encode()[:SUMMARY_LIMIT].decode(errors="ignore"), (saved,), measured, tuple(warnings), facts
        )


class _Links:
    """Finds each clip's source by name; a path of another machine is never opened."""

    def __init__(self, desk: Desk, ctx: ToolContext) -> None:
        self._desk, self._ctx = desk, ctx
        self.finder = SourceFinder(ctx)
        self.missing: list[str] = []
        self.notes: list[str] = []
        self.first: Source | None = None

    def relink(self, slot: Slot) -> None:
        """Give the clip its asset, or note that its source is missing."""
        import opentimelineio as otio

        media = slot.clip.media_reference
        if isinstance(media, otio.schema.GeneratorReference):
            return
        url = str(getattr(media, "target_url", "") or "")
        path = unquote(urlsplit(url).path) if "://" in url else url
        name = clean(PurePosixPath(path.replace("\\", "/")).name)
        asset = self._find(str(studio_data(slot.clip).get("asset", "")), name, clean(slot.clip.name))
        gain = slot.clip.metadata.get("fcpx_gain_db")
        slot.own(gain_db=float(gain) if isinstance(gain, (int, float)) else studio_data(slot.clip).get("gain_db"))
        if asset is None:
            shown = name or clean(slot.clip.name) or "a clip without a name"
            if shown not in self.missing:
                self.missing.append(shown)
            slot.own(asset="")
            # A name that stands for the newest file would find anything.
            self._point(slot, f"missing {shown}" if shown.casefold() in MEANS_NEWEST else shown)
            return
        source = self.finder.open(asset)
        if source.info.kind != "audio" and self.first is None:
            self.first = source
        slot.own(asset=asset.id)
        self._point(slot, asset.path)
        self._fit(slot, source, asset)

    def in_words(self) -> str:
        found = [asset.name for asset in self.finder.assets.values()]
        if not found:
            return "None of its sources is in the studio yet."
        return f"Found {len(found)} source{'s' * (len(found) > 1)}: {_some(found)}."

    def _find(self, asset_id: str, name: str, title: str) -> Asset | None:
        known = self._ctx.memory.get_asset(asset_id) if asset_id else None
        if known is not None and not known.hidden and known.kind in ("video", "image", "audio"):
            return known
        for wanted in dict.fromkeys((name, title)):
            if not wanted or "/" in wanted or wanted.casefold() in MEANS_NEWEST:
                continue
            try:
                asset = self._ctx.asset(wanted, "video", "image", "audio")
            except UsageError:
                continue
            names = {Path(asset.name).stem.casefold(), Path(asset.path).stem.casefold(), asset.name.casefold()}
            if Path(wanted).stem.casefold() in names or wanted.casefold() in names:
                return asset
        return None

    def _point(self, slot: Slot, target: str) -> None:
        import opentimelineio as otio

        old = slot.clip.media_reference
        media = otio.schema.ExternalReference(
            target_url=target, available_range=getattr(old, "available_range", None)
        )  # fmt: skip
        media.name = str(studio_data(slot.clip).get("asset", "")) or clean(getattr(old, "name", ""))
        slot.clip.media_reference = media

    def _fit(self, slot: Slot, source: Source, asset: Asset) -> None:
        """Source times on the camera's clock become times of the file; the file says how long it is."""
        rate, seconds = self._desk.rate, source.info.seconds
        if source.info.kind == "image":
            slot.clip.media_reference.available_range = None
            return
        whole = int(seconds * float(rate) + 1e-3)
        slot.clip.media_reference.available_range = self._desk.span(0, max(1, whole))
        if slot.source >= whole > 0:
            hours = int(slot.source / rate) // HOUR
            slot.source -= hours * HOUR * rate
            self.notes.append(
                f"'{asset.name}' is counted from {hours:02d}:00:00:00 in this cut, taken for its beginning"
            )
        if slot.source < 0 or slot.source + slot.eaten(slot.frames) > whole + rate:
            self.notes.append(f"{slot.label} asks for more than '{asset.name}' holds; its last frame is held")
        self.notes = list(dict.fromkeys(self.notes))


def _with_lengths(timeline: otio.schema.Timeline, ctx: ToolContext) -> None:
    """Clips that do not say how long they play play all of their file. Raises UsageError where it is not here."""
    import opentimelineio as otio

    finder = SourceFinder(ctx)
    for clip in list(endless(timeline)):
        name = clean(clip.name) or "one without a name"
        try:
            info = finder.find("", str(getattr(clip.media_reference, "target_url", "") or "")).info
        except UsageError as error:
            raise UsageError(f"The clip '{name}' does not say how long it plays", error.problem, "Attach it") from error
        if not info.seconds:
            raise UsageError(f"The clip '{name}' does not say how long it plays", "its file is a picture")
        rate = info.fps or float(HELD)
        frames = max(1, int(info.seconds * rate + 1e-3))
        clip.source_range = otio.opentime.TimeRange(
            otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(frames, rate)
        )


def _without_generators(desk: Desk) -> list[str]:
    """Take away what other programs draw themselves; it is black here."""
    import opentimelineio as otio

    gone = []
    for lane, slot in desk.every():
        media = slot.clip.media_reference
        if isinstance(media, otio.schema.GeneratorReference) and not str(media.generator_kind).startswith("studio."):
            lane.slots.remove(slot)
            gone.append(clean(slot.clip.name) or clean(media.name) or "one without a name")
    return [f"Drawn by the other program, black here: {_some(gone)}"] if gone else []


def _without_doubles(desk: Desk) -> None:
    """Editors write stereo sound as two tracks of the same file; here one clip plays both channels."""
    heard: set[tuple[str, int, int, Fraction]] = set()
    for lane in desk.lanes:
        for slot in list(lane.slots) if lane.is_sound else []:
            key = (slot.media, slot.start, slot.end, slot.source)
            if slot.media and key in heard:
                lane.slots.remove(slot)
            heard.add(key)


def _shape(desk: Desk, source: Source | None) -> None:
    data = studio_data(desk.timeline)
    if not data.get("width") and source is not None:
        info = source.info
        desk.timeline.metadata["studio"] = {**data, "width": info.width, "height": info.height}


def _some(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
