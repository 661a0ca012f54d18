"""Files of the home folder for the page: what the studio made or took in, never as a page with the chat's rights."""

from __future__ import annotations

import mimetypes
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from configs.errors import StudioError
from memory.assets import ID_PREFIX
from ui.chat.history import MEDIA_URL

if TYPE_CHECKING:
    from collections.abc import Sequence

_INLINE = ("image/", "audio/", "video/")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # an uploaded SVG or HTML file must not run scripts as if it were the chat
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cache-Control": "private, max-age=3600",
}
_REPORT = _HEADERS | {
    # A report runs its own script, but as a page from nowhere: it can neither read the chat, its cookies and its
    # files nor call any server; all it can load is pictures inside it and films of this studio to play.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
        "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"
    ),
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
REPORTS = "assets"
"""The folder where reports lie. Attached files lie there too, but never under the name of a report."""
POSTER_URL = "/poster"
POSTER_TIMES = (0.1, 0.3, 0.5, 0.7)
"""Shares of a film where its poster is looked for."""
POSTER_WIDTH, DARK = 860, 40.0
"""Pixels; mean level of 255 below which a picture is a fade or a card, not a poster."""


def media_router(home: Path, folders: Sequence[str]) -> APIRouter:
    """`/media/<path>` for files in these folders of the home; ranges are answered, so that films can be sought in.

    A report of the studio's own is shown as a sandboxed page; any other HTML file is a download.
    """
    router = APIRouter()
    roots = [(home / folder).resolve() for folder in folders]
    reports = (home / REPORTS).resolve()

    @router.get(MEDIA_URL + "/{path:path}")
    def media(path: str) -> FileResponse:
        file = _resolved(home, path)
        if file is None or not any(root in file.parents for root in roots):
            raise HTTPException(404, "There is no such file")
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        own = reports in file.parents and file.name.startswith(f"{ID_PREFIX['report']}-")
        report = own and kind == "text/html"
        inline = report or (kind.startswith(_INLINE) and kind != "image/svg+xml")
        return FileResponse(
            file, media_type=kind, headers=_REPORT if report else _HEADERS, filename=file.name,
            content_disposition_type="inline" if inline else "attachment",
        )  # fmt: skip

    @router.get(POSTER_URL + "/{path:path}")
    def poster(path: str) -> FileResponse:
        """What a film shows before it plays: films that fade in would be a black box."""
        file = _resolved(home, path)
        if file is None or not any(root in file.parents for root in roots):
            raise HTTPException(404, "There is no such file")
        return FileResponse(_poster(file, home / "cache" / "posters"), media_type="image/jpeg", headers=_HEADERS)

    return router


def _poster(film: Path, folder: Path) -> Path:
    """The brightest of a few pictures of a film, or the first that is no fade, as JPEG; made once."""
    from PIL import Image

    from backends.media.frames import frame_at
    from backends.media.probe import probe

    kept = folder / f"{film.stem}-{film.stat().st_size}.jpg"
    if kept.exists():
        return kept
    try:
        seconds = probe(film).seconds
        best = frame_at(film, seconds * POSTER_TIMES[0], width=POSTER_WIDTH)
        for share in POSTER_TIMES[1:]:
            if best.mean() >= DARK:
                break
            best = max(best, frame_at(film, seconds * share, width=POSTER_WIDTH), key=lambda picture: picture.mean())
    except StudioError as error:
        raise HTTPException(404, "There is no picture in this file") from error
    folder.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
    Image.fromarray(best).save(partial, "JPEG", quality=82)
    partial.replace(kept)
    return kept


def _resolved(home: Path, path: str) -> Path | None:
    """The real file behind a path of the address, links followed; None when there is none."""
    try:
        file = (home / path).resolve()
        return file if file.is_file() else None
    except (ValueError, OSError, RuntimeError):  # a zero byte, a name that is too long, a loop of links
        return None
