"""The films and sounds that a dataset is built from: named, in a list, or all of a folder of the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from backends.media.guard import MEDIA_ENDINGS, open_container, sniff
from backends.media.probe import MediaInfo, probe
from backends.media.subtitles import plain_line
from backends.sound.result import Words
from backends.voice.speakers.separate import find_separator
from backends.voice.wav import origin_of, voice_tags
from configs.errors import StudioError, UsageError
from tools.analysis.words import SPOKEN, words_of
from tools.voice.dataset.build import Source
from tools.voice.dataset.manifest import list_text
from tools.voice.dataset.packed_words import MOST_BYTES, Row, read_rows, stem_of

if TYPE_CHECKING:
    from memory.records import Asset
    from tools.spec import ToolContext

MOST_SOURCES = 200
_PICTURES = frozenset({"png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "avif", "heic"})


def find_sources(named: Sequence[str], subtitles: str, language: str, ctx: ToolContext) -> tuple[list[Source], str]:
    """The sources with their words, and what parted voices from music.

    A file that cannot be used is passed over with a warning, unless it is the only one. Raises UsageError.
    """
    assets = _assets(named, ctx)
    listed = _listed(subtitles, ctx)
    if subtitles and listed is None and len(assets) > 1:
        raise UsageError(
            "The subtitles belong to one file",
            f"{len(assets)} are given",
            "Attach each file's as NAME.srt beside it, or give a list with the words of all",
        )
    separator, music = find_separator(ctx.settings)
    if separator is None:
        music = f"left in and judged by SNR ({music})"
    made: list[Source] = []
    for asset in assets:
        ctx.cancel.check()
        try:
            made.append(_source(asset, subtitles, language, ctx, listed))
        except UsageError as error:
            if len(assets) == 1:
                raise
            ctx.warn(f"'{asset.name}' was passed over: {error.sentence}")
    if not made:
        raise UsageError("None of these files can be used", "see the warnings", "Give films or sounds with speech")
    return made, music if separator is None else separator.name


def _assets(named: Sequence[str], ctx: ToolContext) -> list[Asset]:
    found: dict[str, Asset] = {}
    for name in named:
        folder = _folder(name, ctx)
        names = [name] if folder is None else _media_in(folder, name, ctx)
        for one in names:
            try:
                asset = ctx.asset(one, "audio", "video")
            except UsageError as error:
                if len(named) == 1 and folder is None:
                    raise
                ctx.warn(f"'{one}' was passed over: {error.sentence}")
                continue
            found.setdefault(asset.sha256, asset)
    if not found:
        raise UsageError("No film or sound was found to build from", "none of the names leads to one", "Attach one")
    return list(found.values())


def _folder(name: str, ctx: ToolContext) -> Path | None:
    if "\x00" in name or len(name) > 4096 or not name.strip():
        return None
    try:
        path = ctx.workspace.inside(name)
    except UsageError:
        return None
    return path if path.is_dir() else None


def _media_in(folder: Path, name: str, ctx: ToolContext) -> list[str]:
    """The films and sounds right in a folder of the workspace, as paths in it."""
    home = ctx.workspace.home
    if folder == home or folder.relative_to(home).parts[0] in ("assets", "cache", "tmp"):
        raise UsageError(f"'{name}' is the studio's own folder", fix="Name a folder with recordings, or the assets")
    endings = MEDIA_ENDINGS - _PICTURES
    files = sorted(f for f in folder.iterdir() if f.is_file() and f.suffix.lower().lstrip(".") in endings)
    if not files:
        raise UsageError(f"The folder '{name}' holds no film or sound", fix="Put the recordings into it")
    if len(files) > MOST_SOURCES:
        raise UsageError(f"The folder '{name}' holds {len(files)} films and sounds", f"{MOST_SOURCES} at most")
    return [file.relative_to(home).as_posix() for file in files]


def _listed(named: str, ctx: ToolContext) -> dict[str, Row] | None:
    """The rows of a list (.list, .csv, .tsv) that tells the words of many sounds; None when subtitles are meant."""
    asset = ctx.asset(named, "subtitle", "file") if named else None
    if asset is None or asset.kind == "subtitle":
        return None
    rows = read_rows({asset.name: ctx.path(asset).read_bytes()[:MOST_BYTES]})
    if not rows:
        raise UsageError(
            f"'{asset.name}' tells no words", "it is no list of sounds", "Write lines such as 'NAME.wav|Anna|en|Words'"
        )
    return rows


def _source(
    asset: Asset, subtitles: str, language: str, ctx: ToolContext, listed: dict[str, Row] | None = None
) -> Source:
    path = ctx.path(asset)
    info = probe(path)
    if not info.has_audio:
        raise UsageError(f"'{asset.name}' has no sound", "there is no sound track in it", "Name another file")
    if listed is not None and (row := listed.get(stem_of(asset.name))) is None:
        raise UsageError(f"'{asset.name}' is not in the list '{subtitles}'", fix="Name it there with its words")
    told = ctx.asset(subtitles, "subtitle") if subtitles and listed is None else asset
    own = () if subtitles else _spoken_here(asset)
    if listed is not None and row is not None:
        own = (Words(start=0.0, end=info.seconds, text=list_text(row.text), by=f"the list {subtitles}"[:80]),)
    words, why = (own, "") if own else words_of(told, ctx, language)
    if not words and subtitles:
        raise UsageError(f"'{told.name}' holds no lines", why or "it is empty", "Give other subtitles")
    heard, info = _voices_alone(asset, path, info, ctx)
    spoken = bool(words) and all(line.by == SPOKEN for line in words)
    return Source(asset.id, asset.name, heard, asset.sha256, info, words, spoken, _tags(path))


def _spoken_here(asset: Asset) -> tuple[Words, ...]:
    """The lines of a dialogue that the studio spoke: unlike its subtitles they name who speaks."""
    rows = asset.params.get("lines")
    if asset.tool != "speak_dialogue" or asset.kind != "audio" or not isinstance(rows, list):
        return ()
    try:
        return tuple(
            Words(
                start=float(row["start"]), end=float(row["end"]), by=SPOKEN,
                text=f"{plain_line(str(row['character']))}: {plain_line(str(row['text']).replace('*', ''))}",
            )
            for row in rows
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return ()


def _voices_alone(asset: Asset, path: Path, info: MediaInfo, ctx: ToolContext) -> tuple[Path, MediaInfo]:
    """The file's voices without its music, where a separator is here; else the file as it is."""
    separator, _ = find_separator(ctx.settings)
    if separator is None:
        return path, info
    folder = ctx.workspace.cache / "voice_dataset" / f"{asset.sha256[:16]}-voices"
    try:
        found = separator.voices(path, folder, cancel=ctx.cancel.check)
        return found, probe(found)
    except StudioError as error:
        ctx.cancel.check()
        ctx.warn(f"The music of '{asset.name}' was left in: {error.sentence}")
        return path, info


def _tags(path: Path) -> dict[str, str]:
    """A clip of a synthetic voice is one itself."""
    found = sniff(path)
    try:
        with open_container(path, found.format) as container:
            origin = origin_of(str(container.metadata.get("comment", "")))
    except UsageError:
        return {}
    return voice_tags(origin.engine, origin.character, origin.consent) if origin is not None else {}
