"""From a clip's asset id or file name to a checked, probed source."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from backends.media.animation import is_animation
from backends.media.guard import MediaLimits, OpenMedia, open_media, sniff
from backends.media.hdr import TRANSFERS
from backends.media.probe import probe, probe_streams
from backends.media.scaling import SD_LINES
from backends.media.seeking import beginnings
from configs.errors import UsageError
from memory.names import shown_name
from memory.records import Asset
from tools.editing.drafts import draft_of
from tools.editing.drawing.colours import RGB
from tools.editing.program import Source
from tools.publish import sha256_of

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from tools.spec import ToolContext

MATRICES = {4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
"""ITU-T H.273 matrices as ffmpeg's scaler names them."""
UNTAGGED = 2
STILLS = "stills"
"""Folder in the workspace's cache for the first pictures of animations."""
CLOCK_SECONDS = 2.0
"""Some file systems note times in steps of two seconds."""


class SourceFinder:
    """Finds and probes each source once; collects the assets for the lineage."""

    def __init__(self, ctx: ToolContext) -> None:
        self._ctx = ctx
        self._limits = MediaLimits.of(ctx.settings.uploads)
        self._known: dict[str, Source] = {}
        self._found: dict[tuple[str, str], Source] = {}
        self.assets: dict[str, Asset] = {}

    def find(self, asset_id: str, url: str) -> Source:
        """A clip's source: by asset id, then by the workspace path, then by the file's name.

        Raises UsageError naming the file when none of them is there, or when it cannot be read.
        """
        if (known := self._found.get((asset_id, url))) is not None:
            return known
        path = unquote(urlsplit(url).path) if url.startswith("file:") else url
        name = PurePosixPath(path.replace("\\", "/")).name
        inside = "" if "://" in path or path.startswith("/") else path
        reason = "the timeline names no file"
        for ref in (asset_id, inside, name):
            if not ref or ref.lstrip("$").casefold() == "last":  # words of a chat; in a timeline they are names
                continue
            try:
                asset = self._ctx.asset(ref, "video", "image", "audio")
            except UsageError as error:
                reason = error.problem
                continue
            return self._found.setdefault((asset_id, url), self.open(asset))
        if not (name or asset_id):
            raise UsageError("A clip of the timeline names no file", fix="Name it there, or leave the clip out")
        raise UsageError(
            f"The source '{shown_name(name or asset_id)[:80]}' of the timeline is not in the studio",
            reason[:160],
            "Attach that file, then try again",
        )

    def open(self, asset: Asset) -> Source:
        """An asset as a source. Raises UsageError when its file is gone, damaged or hostile."""
        known = self._known.get(asset.id)
        if known is not None:
            return known
        path = self._ctx.path(asset)
        facts = path.stat()
        _check_same(path, asset, facts)
        source = _checked(path, asset.sha256, asset.id, self._limits, facts.st_mtime_ns, facts.st_size)
        if source.info.kind == "image" and _moves(path, facts.st_mtime_ns):
            source = replace(source, **_first_picture(path, asset, self._ctx.workspace.cache / STILLS))
            self._ctx.warn(f"'{asset.name}' is an animation; its first picture is shown. Attach it again as a film")
        if source.info.sound_tracks > 1:
            self._ctx.warn(f"'{asset.name}' has {source.info.sound_tracks} tracks of sound; the first is heard")
        self._known[asset.id] = source
        self.assets[asset.id] = asset
        return source


@lru_cache(maxsize=512)
def _moves(path: Path, changed: int) -> bool:
    """Whether a picture is an animation, as those are that earlier versions took in."""
    return is_animation(path)


def _first_picture(path: Path, asset: Asset, folder: Path) -> dict[str, Any]:
    """What differs in the source of an animation's first picture: ffmpeg cannot read all of them (WebP)."""
    from PIL import Image

    target = folder / f"{asset.sha256}.png"
    if not target.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with Image.open(path) as image, draft_of(target) as draft:
                image.convert("RGBA").save(draft)
        except (OSError, ValueError, SyntaxError) as error:
            raise UsageError(f"'{asset.name}' cannot be read", str(error)[:120], "Convert it to PNG") from error
    return {"path": target, "sniffed": sniff(target)}


def _check_same(path: Path, asset: Asset, facts: os.stat_result) -> None:
    """Refuse a file that is not the asset's any more: kept pieces of the old one would stand beside new ones."""
    later = asset.created_at and facts.st_mtime > asset.created_at + CLOCK_SECONDS
    if facts.st_size == asset.bytes and not later:
        return
    if facts.st_size != asset.bytes or _digest(path, facts.st_mtime_ns) != asset.sha256:
        raise UsageError(
            f"The file of '{asset.name}' is not the one that was taken in",
            f"{asset.path} was changed since",
            "Put the old file back, or attach the new one",
        )


@lru_cache(maxsize=512)
def _digest(path: Path, changed: int) -> str:
    return sha256_of(path)


@lru_cache(maxsize=512)
def _checked(path: Path, sha256: str, asset_id: str, limits: MediaLimits, changed: int, size: int) -> Source:
    """Looked at once while the file stays as it is: a change of a caption needs no look at all the sources again."""
    with open_media(path, limits) as media:
        if isinstance(media, OpenMedia):
            shape, zeros = _shape(media), _zeros(path, media)
            return Source(path, sha256, asset_id, media.found, probe_streams(path, media, limits), *shape, *zeros)
    return Source(path, sha256, asset_id, media, probe(path, limits))


def cut_of(film: Asset, ctx: ToolContext) -> Asset | None:
    """The timeline that a film was rendered from, while it is remembered."""
    found = (ctx.memory.get_asset(parent) for parent in film.parents)
    return next((asset for asset in found if asset is not None and asset.kind == "timeline"), None)


def _zeros(path: Path, media: OpenMedia) -> tuple[Fraction, Fraction]:
    """Time 0 of a film's picture and of its sound."""
    if media.film is None:
        return Fraction(0), Fraction(0)
    return beginnings(path, media.found.format, media.first.pts)


def _shape(media: OpenMedia) -> tuple[str, bool, int, bool]:
    """Colour matrix ('' is BT.709), whether pixels are not square, the transfer of HDR (0 = none), and whether it is
    interlaced.
    """
    import av

    first = media.first
    if media.film is None or not isinstance(first, av.VideoFrame):
        return "", False, 0, False
    ratio = media.film.sample_aspect_ratio or media.film.codec_context.sample_aspect_ratio
    transfer = first.color_trc if first.color_trc in TRANSFERS else 0
    return _matrix(first), bool(ratio) and ratio != 1, transfer, bool(first.interlaced_frame)


def _matrix(frame: VideoFrame) -> str:
    if frame.format.is_rgb or frame.format.name == "pal8":
        return RGB
    if frame.colorspace == UNTAGGED and frame.height <= SD_LINES:
        return "bt601"  # as players take it
    return MATRICES.get(int(frame.colorspace), "")
