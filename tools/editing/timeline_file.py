"""Timelines as files: written whole or not at all, read as data that may come from anywhere."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import StudioError, UsageError
from tools.editing.drafts import draft_of

if TYPE_CHECKING:
    import opentimelineio as otio

MAX_BYTES = 32 * 1024 * 1024
MAX_NESTING = 64
"""Deeper JSON than this is no timeline; OTIO's parser would recurse into it."""
ASSET_ID = re.compile(r"^[a-z]{3}-[0-9a-f]{10}-")
"""What the studio puts before a file's own name."""
TYPE_NAME = re.compile(r" \(of type '[^']*'\)")
"""What only the makers of OpenTimelineIO understand of its complaints."""
BUNDLED = "content.otio"
"""Where a bundle (.otioz, a zip) holds its timeline."""


def save_timeline(timeline: otio.schema.Timeline, path: Path) -> Path:
    """Write the timeline as .otio, whole or not at all; equal timelines give equal bytes.

    Raises StudioError when the file cannot be written.
    """
    import opentimelineio as otio

    text = otio.adapters.write_to_string(timeline, "otio_json", indent=2)
    try:
        with draft_of(path) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StudioError(
            f"The timeline '{str(timeline.name)[:60]}' could not be written",
            error.strerror or str(error),
            "Free space, or check the permissions of the studio's folder",
        ) from error
    return path


def load_timeline(path: Path, *, whole: bool = True) -> otio.schema.Timeline:
    """Read an .otio file, or the timeline of an .otioz bundle (its media are looked for in the studio).

    whole: refuse clips that do not say how long they play (OpenTimelineIO means all of their file by that).
    Raises UsageError when it is missing, too large, no JSON, or no OTIO timeline.
    """
    import opentimelineio as otio

    shown = ASSET_ID.sub("", path.name)
    problem, fix = f"'{shown}' is not a timeline", "Give an .otio file, or a timeline that the studio made"
    try:
        raw = _read(path, problem, fix)
    except OSError as error:
        raise UsageError(f"'{shown}' cannot be read", error.strerror or str(error), fix) from error
    if not raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        if raw.lstrip().startswith((b"<", b"TITLE:")):
            fix = "Import an EDL or another editor's XML with import_timeline first"
        raise UsageError(problem, "it does not begin as JSON" if raw else "it is empty", fix)
    try:
        text = raw.decode("utf-8-sig")
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(problem, f"its JSON is damaged ({str(error)[:120]})", fix) from error
    schema = str(data.get("OTIO_SCHEMA", ""))
    if not schema.startswith("Timeline."):
        raise UsageError(problem, f"it holds '{schema[:60]}'" if schema else "its JSON is not OTIO", fix)
    if _nesting(data) > MAX_NESTING:
        raise UsageError(problem, f"it is nested deeper than {MAX_NESTING} levels", fix)
    try:
        timeline = otio.adapters.read_from_string(text, "otio_json")
    except otio.exceptions.UnsupportedSchemaError as error:
        fix = f"Save it for version {otio.__version__} there, or as an EDL or FCP XML, and import that"
        raise UsageError(f"'{shown}' cannot be read", "a newer OpenTimelineIO wrote it", fix) from error
    except (otio.exceptions.OTIOError, ValueError, TypeError, KeyError) as error:
        words = TYPE_NAME.sub("", " ".join(str(error).split()))
        raise UsageError(problem, f"OpenTimelineIO refuses it ({words[:160]})", fix) from error
    if not isinstance(timeline, otio.schema.Timeline):
        raise UsageError(problem, "its schema is unknown", fix)
    if timeline.tracks is None:
        raise UsageError(problem, "it has no tracks", fix)
    if whole and (clip := next(endless(timeline), None)) is not None:
        raise UsageError(
            f"The clip '{str(clip.name)[:60]}' does not say how long it plays", fix="Use import_timeline, which looks"
        )
    return timeline


def endless(timeline: otio.schema.Timeline) -> Iterator[otio.schema.Clip]:
    """Clips without a range of their own and of their media: as long as their file."""
    for clip in timeline.find_clips():
        if clip.source_range is None and getattr(clip.media_reference, "available_range", None) is None:
            yield clip


def _read(path: Path, problem: str, fix: str) -> bytes:
    """The JSON of an .otio or .otioz file, never more than MAX_BYTES of it."""
    with path.open("rb") as file:
        bundle = file.read(4) == b"PK\x03\x04"
        file.seek(0)
        if not bundle:
            raw = file.read(MAX_BYTES + 1)
        else:
            try:
                with zipfile.ZipFile(file) as archive, archive.open(BUNDLED) as content:
                    raw = content.read(MAX_BYTES + 1)
            except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
                raise UsageError(problem, "it is an archive without a timeline", fix) from error
    if len(raw) > MAX_BYTES:
        raise UsageError(problem, f"it has more than {MAX_BYTES // 2**20} MiB", fix)
    return raw


def _nesting(data: Any) -> int:
    """How deep JSON is nested, without recursion."""
    deepest, todo = 0, [(data, 1)]
    while todo:
        node, depth = todo.pop()
        deepest = max(deepest, depth)
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        todo.extend((child, depth + 1) for child in children)
    return deepest
