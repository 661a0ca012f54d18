"""The media inside an .otioz bundle, taken in like attachments: checked by content, never by name or place."""

from __future__ import annotations

import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, cast

from configs.errors import UsageError
from tools.editing.handoff.written import clean
from tools.intake import attach

if TYPE_CHECKING:
    from pathlib import Path

    from tools.spec import ToolContext

MAX_FILES = 500
CHUNK = 2**20


def take_media(bundle: Path, ctx: ToolContext) -> list[str]:
    """Attach every media file of the bundle that the studio does not have; the names of those taken in.

    Raises UsageError when it holds too many files, one that is larger than an attachment may be (whatever the archive
    says), or one that is no picture, sound or film.
    """
    taken: list[str] = []
    try:
        with zipfile.ZipFile(bundle) as archive:
            entries = [one for one in archive.infolist() if one.filename.startswith("media/") and not one.is_dir()]
            if len(entries) > MAX_FILES:
                raise UsageError(f"'{bundle.name}' holds {len(entries)} files", f"{MAX_FILES} are the limit")
            for number, entry in enumerate(entries):
                ctx.progress(number, len(entries), "taking in the media of the bundle")
                name = clean(PurePosixPath(entry.filename.replace("\\", "/")).name)
                if name and not _known(name, ctx):
                    with archive.open(entry) as content:
                        _take(cast("BinaryIO", content), name, ctx)
                    taken.append(name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise UsageError(f"'{bundle.name}' is damaged", str(error)[:120]) from error
    return taken


def _known(name: str, ctx: ToolContext) -> bool:
    try:
        ctx.memory.find_asset(name, ("video", "image", "audio"), thread=ctx.thread)
    except UsageError:
        return False
    return True


def _take(content: BinaryIO, name: str, ctx: ToolContext) -> None:
    limit = ctx.settings.uploads.max_mib * 2**20
    file = ctx.scratch(PurePosixPath(name).suffix.lower()[:8] or ".bin")
    written = 0
    with file.open("wb") as copy:
        while chunk := content.read(CHUNK):
            ctx.cancel.check()
            written += len(chunk)
            if written > limit:
                raise UsageError(f"'{name}' in the bundle is too large", f"{limit // 2**20} MiB are the limit")
            copy.write(chunk)
    attach(file, ctx.workspace, ctx.memory, ctx.settings, ctx.thread, name)
    file.unlink(missing_ok=True)
