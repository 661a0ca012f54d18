"""Pictures: read safely, written atomically with their facts inside, and laid out on contact sheets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.media.font import font_file
from backends.media.guard import MediaLimits, damaged, sniff
from configs.errors import StudioError, UsageError

Rgb = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
SHEET_CELL_WIDTH = 384
"""Pixels of one picture on a contact sheet."""
_MARGIN, _CAPTION_SIZE = 16, 20
_PAPER, _INK = (250, 249, 246), (38, 38, 42)


def load_image(path: Path, limits: MediaLimits | None = None) -> Rgb:
    """A picture file as (H, W, 3) uint8 RGB, turned upright; what is transparent becomes white.

    Raises UsageError for anything that is not a picture, is damaged, or is larger than `limits`.
    """
    from PIL import Image, ImageOps

    found = sniff(path, limits)
    if found.kind != "image":
        raise UsageError(f"'{path.name}' is not a picture", f"it is {found.mime}")
    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode.startswith("I;16"):
                return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, axis=2)
            if "A" in image.getbands() or "transparency" in image.info:
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image.convert("RGBA"))
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise damaged(path) from error


def save_png(path: Path, rgb: Rgb, text: Mapping[str, str] | None = None) -> None:
    """Write `rgb` (H, W, 3) uint8 as a PNG with `text` as its text chunks, complete or not at all."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    facts = PngInfo()
    for key, value in (text or {}).items():
        facts.add_text(key, value)
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".png", delete=False) as file:
            half = Path(file.name)
            try:
                Image.fromarray(rgb).save(file, format="PNG", pnginfo=facts)
                file.close()
                half.replace(path)
            except BaseException:
                half.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StudioError(
            f"'{path.name}' cannot be written", error.strerror or str(error), "Free some space"
        ) from error


def contact_sheet(
    images: Sequence[Rgb], captions: Sequence[str], columns: int = 4, cell_width: int = SHEET_CELL_WIDTH
) -> Rgb:
    """Pictures of any size in rows on paper white, each with its caption (cut with '…' to fit) below.

    images: (H, W, 3) uint8 each, at least one. captions: one per picture. Returns (H, W, 3) uint8.
    """
    from PIL import Image, ImageDraw, ImageFont

    if not images or len(images) != len(captions):
        raise ValueError("a contact sheet needs at least one picture and one caption for each")
    columns = max(1, min(columns, len(images)))
    rows = [list(range(at, min(at + columns, len(images)))) for at in range(0, len(images), columns)]
    heights = [round(picture.shape[0] * cell_width / picture.shape[1]) for picture in images]
    caption_height = _CAPTION_SIZE + _MARGIN if any(captions) else 0
    row_heights = [max(heights[index] for index in row) + caption_height + _MARGIN for row in rows]
    sheet = Image.new("RGB", (columns * (cell_width + _MARGIN) + _MARGIN, sum(row_heights) + _MARGIN), _PAPER)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(str(font_file("SemiBold")), _CAPTION_SIZE)
    top = _MARGIN
    for row, row_height in zip(rows, row_heights, strict=True):
        for column, index in enumerate(row):
            left = _MARGIN + column * (cell_width + _MARGIN)
            picture = Image.fromarray(images[index]).resize((cell_width, heights[index]), Image.Resampling.LANCZOS)
            sheet.paste(picture, (left, top))
            caption = _fit(captions[index], font.getlength, cell_width)
            pen.text((left, top + heights[index] + 6), caption, fill=_INK, font=font)
        top += row_height
    return np.asarray(sheet)


def _fit(text: str, length: Callable[[str], float], width: int) -> str:
    text = " ".join(text.split())
    if length(text) <= width:
        return text
    while text and length(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
