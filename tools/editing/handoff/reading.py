"""Cuts made elsewhere as OpenTimelineIO timelines: .otio, .otioz, EDL, FCPXML, FCP7 XML. All of it is data only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from configs.errors import UsageError
from tools.editing.handoff.fcpxml_in import read_fcpxml
from tools.editing.timeline_file import load_timeline

if TYPE_CHECKING:
    import opentimelineio as otio

MAX_BYTES = 32 * 2**20
MAX_ELEMENTS = 500_000
MAX_BLACK_SECONDS = 600
"""A longer end of black is taken for a slip of the pen."""
EVENT = re.compile(r"^\s*\d{1,6}\s+\S+\s+\S+\s+[CDWK]", re.MULTILINE)
"""'001  AX  V  C ...': an event of a CMX 3600 list."""
MOTION = re.compile(r"^M2 .*$", re.MULTILINE)
TIMECODE = re.compile(r"\b\d\d:\d\d:\d\d([:;])(\d\d)\b")
RATES = (24.0, 25.0, 30.0, 50.0, 60.0)
FIX = "Give an .otio, .otioz, .edl, .fcpxml or Final Cut 7 .xml file"


def read_cut(path: Path, fps: float = 0.0) -> tuple[otio.schema.Timeline, list[str]]:
    """The timeline of a file, and what of it could not be read, one sentence each.

    fps: of an EDL, which does not say it (0: the lowest usual rate that its timecodes can have). What the file is, its
    content says. Raises UsageError when it is too large, damaged, or no cut.
    """
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise UsageError(f"'{path.name}' is too large for a cut", f"{MAX_BYTES // 2**20} MiB are the limit")
    if raw.startswith(b"PK\x03\x04") or raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return load_timeline(path, whole=False), []
    text = _text(raw)
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        return _xml(text, path)
    if EVENT.search(text):
        return _edl(text, path, fps)
    raise UsageError(f"'{path.name}' holds no cut", "it is no timeline, no EDL and no editor's XML", FIX)


def _text(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _xml(text: str, path: Path) -> tuple[otio.schema.Timeline, list[str]]:
    import opentimelineio as otio

    if "<!ENTITY" in text:
        raise UsageError(f"'{path.name}' is not read", "it defines XML entities, which no editor's export does")
    try:
        root = ElementTree.fromstring(text.encode("utf-8") if "encoding=" in text[:200] else text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UsageError(f"'{path.name}' is damaged", f"its XML ends or breaks off ({error})"[:160], FIX) from error
    if sum(1 for _ in root.iter()) > MAX_ELEMENTS:
        raise UsageError(f"'{path.name}' is too large for a cut", f"it has more than {MAX_ELEMENTS} elements")
    if root.tag == "fcpxml":
        try:
            return read_fcpxml(root)
        except RecursionError as error:
            raise UsageError(f"'{path.name}' is not read", "its clips are nested too deeply") from error
    if root.tag != "xmeml":
        raise UsageError(f"'{path.name}' holds no cut", f"its XML is <{str(root.tag)[:40]}>", FIX)
    try:
        found = otio.adapters.read_from_string(text, adapter_name="fcp_xml")
    except Exception as error:  # the adapter's parser fails in many ways on what it does not know
        raise UsageError(f"'{path.name}' cannot be read", _why(error), FIX) from error
    timeline, notes = _first(found, path)
    for marker in timeline.tracks.markers:
        marker.comment = str(dict(marker.metadata.get("fcp_xml", {})).get("comment", "") or "")
    _add_black_end(timeline, root)
    return timeline, notes


def _add_black_end(timeline: otio.schema.Timeline, root: ElementTree.Element) -> None:
    """Black after the last clip, which the adapter does not read: the sequence itself says how long it is."""
    import opentimelineio as otio

    pictures = [track for track in timeline.video_tracks() if len(track)]
    length = root.findtext(".//sequence/duration", "")
    if not pictures or not length.isdigit():
        return
    rate = pictures[0].duration().rate
    missing = int(length) - max(track.duration().rescaled_to(rate).value for track in pictures)
    if 0 < missing < MAX_BLACK_SECONDS * rate:
        black = otio.opentime.TimeRange(otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(missing, rate))
        pictures[0].append(otio.schema.Gap(source_range=black))


def _edl(text: str, path: Path, fps: float) -> tuple[otio.schema.Timeline, list[str]]:
    import opentimelineio as otio

    rate = fps or _guessed(text)
    # The adapter knows no drop-frame timecode there, and does not use it.
    text = MOTION.sub(lambda line: line.group().replace(";", ":"), text)
    try:
        found = otio.adapters.read_from_string(text, adapter_name="cmx_3600", rate=rate, ignore_timecode_mismatch=True)
    except Exception as error:  # as above
        fix = "Give the rate that it was made at as fps" if "rate" in str(error) else FIX
        raise UsageError(f"'{path.name}' cannot be read", _why(error), fix) from error
    timeline, notes = _first(found, path)
    if not fps:
        notes.append(f"An EDL does not say its rate: it was read at {rate:g} fps")
    _name_sources(timeline)
    _clear_black(timeline)
    return timeline, notes


def _why(error: Exception) -> str:
    """An adapter's own words, where it has some; Python's say nothing to an editor."""
    words = " ".join(str(error).split())[:160]
    own = isinstance(error, ValueError) and not words.startswith(("invalid literal", "could not convert"))
    if own or type(error).__module__ != "builtins":
        return words or type(error).__name__
    return "something that the format needs is missing, or is no number"


def _guessed(text: str) -> float:
    """The lowest usual rate that has all the frame numbers of a list."""
    codes = TIMECODE.findall(text)
    most = max((int(frame) for _, frame in codes), default=0)
    if any(mark == ";" for mark, _ in codes):
        return (30000 if most < 30 else 60000) / 1001
    return next((rate for rate in RATES if most < rate), RATES[-1])


def _first(found: object, path: Path) -> tuple[otio.schema.Timeline, list[str]]:
    import opentimelineio as otio

    if isinstance(found, otio.schema.Timeline):
        return found, []
    timelines = [one for one in found if isinstance(one, otio.schema.Timeline)] if hasattr(found, "__iter__") else []
    if not timelines:
        raise UsageError(f"'{path.name}' holds no cut", "there is no sequence in it", FIX)
    more = len(timelines) - 1
    notes = [f"{more} further sequence{'s' * (more > 1)}: left out"] if more else []
    return timelines[0], notes


def _clear_black(timeline: otio.schema.Timeline) -> None:
    """Events of the reels BL and BARS show nothing of a film."""
    import opentimelineio as otio

    for track in timeline.tracks:
        # The adapter notes how far the list's clock lies from its first source's; it cuts nothing off.
        track.source_range = None
        for index, item in enumerate(track):
            media = getattr(item, "media_reference", None)
            if isinstance(media, otio.schema.GeneratorReference):
                track[index] = otio.schema.Gap(source_range=item.source_range)


def _name_sources(timeline: otio.schema.Timeline) -> None:
    """After a dissolve the adapter gives a clip the source of the one before; the list's own comments know better."""
    import opentimelineio as otio

    for clip in timeline.find_clips():
        comments = [str(one) for one in dict(clip.metadata.get("cmx_3600", {})).get("comments", ())]
        to = next((one.partition(":")[2].strip() for one in comments if one.upper().startswith("TO CLIP:")), "")
        if to:
            media = otio.schema.ExternalReference(target_url=to)
            clip.media_reference = media
