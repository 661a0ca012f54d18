"""Small pictures of what a case made, for the HTML report; they outlive the case's folder."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

from configs.errors import StudioError

WIDTH = 320
SHOWN = 6
"""Pictures of one case at most."""


def thumbnail(file: Path, kind: str, seconds: float = 0.0) -> str:
    """A JPEG of at most `WIDTH` pixels as data URI: the picture, or a frame from the middle of a video of `seconds`.

    '' when there is nothing to see.
    """
    from PIL import Image

    try:
        if kind == "video":
            from backends.media.frames import frame_at

            picture: Image.Image = Image.fromarray(frame_at(file, seconds / 2, width=WIDTH))
        else:
            with Image.open(file) as opened:
                picture = opened.convert("RGB")
        picture.thumbnail((WIDTH, WIDTH))
        out = BytesIO()
        picture.save(out, "JPEG", quality=85)
    except (OSError, StudioError):
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
