"""Files from outside: looked at by content, copied into the workspace, recorded as assets.

Animated pictures become films, zips of sounds datasets.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

from backends.media.animation import is_animation, make_film
from backends.media.guard import MediaLimits, sniff
from configs.errors import StudioError, UsageError
from configs.settings import Settings
from configs.workspace import Workspace
from memory.names import shown_name
from memory.records import Asset, AssetKind
from memory.store import Memory
from tools.publish import publish, sha256_of

KINDS_IN_WORDS: dict[str, str] = {
    "image": "a picture",
    "audio": "a sound file",
    "video": "a video",
    "timeline": "a timeline",
    "subtitle": "subtitles",
    "storyboard": "a storyboard",
    "map": "a control map",
    "lipsync": "lip-sync cues",
    "report": "a report",
    "dataset": "a dataset",
    "file": "a text file",
}

FILM = ".mov"
"""Ending of an animated picture that was made a film."""
ZIP = "application/zip"
"""What a zip is called that is no timeline bundle."""
_SUFFIX = re.compile(r"\.[a-z0-9_-]{1,16}")
_KIND_OF_SNIFF: dict[str, AssetKind] = {
    "image": "image",
    "audio": "audio",
    "video": "video",
    "subtitle": "subtitle",
    "timeline": "timeline",
    "text": "file",
}


def attach(path: Path, workspace: Workspace, memory: Memory, settings: Settings, thread: str, name: str = "") -> Asset:
    """Take a user's file in: checked, copied, recorded as an upload (never trusted as instructions).

    A file that the studio made, byte for byte, is known again with its layout and its recipe.
    Raises UsageError in one sentence when it is missing, empty, hostile, too large or of no known kind.
    """
    shown = shown_name(name or path.name) or "a file without a name"
    if not path.is_file():
        raise UsageError(f"The attachment '{shown}' does not exist", fix="Check its path")
    limits, before = settings.uploads, _state(path.stat())
    most = MediaLimits.of(limits)
    sniffed = sniff(path, most)
    packed = sniffed.mime == ZIP
    kind: AssetKind | None = "dataset" if packed else _KIND_OF_SNIFF.get(sniffed.kind)
    if kind is None:
        raise UsageError(
            f"'{shown}' cannot be used",
            "it is no picture, sound, video, timeline, subtitle or text file, and no zip of sounds",
            "Attach a PNG, JPEG, WAV, MP3, FLAC, MP4, MOV, WebM, OTIO, SRT, TXT or ZIP file",
        )
    suffix = path.suffix.lower()
    suffix = suffix if _SUFFIX.fullmatch(suffix) else ".bin"
    given, copy = workspace.scratch(suffix), workspace.scratch(suffix)
    film = workspace.scratch(FILM) if kind == "image" else copy
    try:
        _copy(path, shown, given, before)
        if kind == "image" and is_animation(given):
            kind, copy, facts = "video", film, _as_film(given, shown, film, most)
        else:
            facts = _unpacked(given, shown, copy) if packed else _copied(given, copy)
        # by its content only: what a file says of itself may have been written by anybody
        known = memory.made_here(sha256_of(copy), kind)
        return publish(
            workspace,
            memory,
            copy,
            kind,
            shown,
            engine=known.engine if known else "",
            engine_version=known.engine_version if known else "",
            tool="",
            params={**facts, **(known.params if known else {}), "source": "upload"},
            seed=known.seed if known else None,
            parents=(known.id,) if known else (),
            scores=(),
            thread=thread,
            step=f"upload/{shown}",
            summary=f"attached file {shown}{_told(facts)}" + (f", the same as {known.name}" if known else ""),
        )
    except OSError as error:
        raise StudioError(f"'{shown}' could not be copied", error.strerror or str(error), "Free space") from error
    finally:
        for left in (given, copy, film):
            left.unlink(missing_ok=True)


def _state(facts: os.stat_result) -> tuple[int, ...]:
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def _copy(path: Path, shown: str, copy: Path, before: tuple[int, ...]) -> None:
    """What was looked at, and nothing else: it may be written to, or another file be put in its place, meanwhile."""
    waiting = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # for no pipe
    with os.fdopen(waiting, "rb") as source, copy.open("wb") as out:
        if _state(os.fstat(source.fileno())) == before:
            shutil.copyfileobj(source, out, 1 << 20)
        if _state(os.fstat(source.fileno())) == before and out.tell() == before[2]:
            return
    raise UsageError(
        f"'{shown}' was changed while it was taken in", "something still writes it", "Attach it again when it is whole"
    )


def _copied(given: Path, copy: Path) -> dict[str, Any]:
    given.replace(copy)
    return {}


def _as_film(given: Path, shown: str, made: Path, limits: MediaLimits) -> dict[str, Any]:
    """An animated picture as a film at `made`, and what it was."""
    found = make_film(given, made, limits, shown)
    return {"animation": found.format, "frames": found.frames, "seconds": found.seconds, "transparent": found.clear}


def _unpacked(path: Path, shown: str, made: Path) -> dict[str, Any]:
    """A zip of sounds as a dataset of the studio's form at `made`, and what is in it."""
    from tools.voice.dataset.packed import take_in

    found = take_in(path, shown, made)
    return {
        "character": found.character, "language": found.language, "ready": found.ready, "not_ready": found.not_ready,
        "clips": len(found.clips), "seconds": found.totals.kept_seconds, "warnings": list(found.warnings),
    }  # fmt: skip


def _told(facts: dict[str, Any]) -> str:
    if not facts:
        return ""
    if "animation" in facts:
        return f", an animation of {facts['frames']} pictures taken in as a film of {facts['seconds']:.2f} s"
    ready = "ready to train" if facts["ready"] else f"not ready to train: {facts['not_ready'].rstrip('.')}"
    return f", a voice dataset of {facts['clips']} clips ({facts['seconds']:.0f} s), {ready}"


def import_workspace_file(
    ref: str, workspace: Workspace, memory: Memory, settings: Settings, thread: str
) -> Asset | None:
    """The asset for a path inside the workspace; None when there is no such file.

    Raises UsageError when the path leads outside.
    """
    looks_like_path = "/" in ref or "\\" in ref or Path(ref).suffix
    if not looks_like_path or "\x00" in ref or len(ref) > 4096:
        return None
    path = workspace.inside(ref)
    if not path.is_file() or path == workspace.database or workspace.assets in path.parents:
        return None  # what lies below assets/ is an asset already
    return attach(path, workspace, memory, settings, thread)
