"""A picture with what was measured drawn onto it: thirds, subject, vanishing point, figures, palette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.media.font import font_file
from backends.vision.composition.result import Composition, Figure
from backends.vision.vlm import fenced

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw as Pen

Rgb = NDArray[np.uint8]
LONGEST, SHORTEST = 1280, 480
"""Pixels of the longer side of the drawn picture."""
_LIGHT, _DARK, _MARK, _FIGURE, _LEAD = (255, 255, 255), (0, 0, 0), (255, 64, 64), (64, 220, 120), (255, 200, 40)
_STRIP, _TEXT = 56, 18
_NAME = 40


def annotated(rgb: Rgb, look: Composition) -> Rgb:
    """(H, W, 3) uint8: the picture at most `LONGEST` pixels long, drawn on, with its palette below."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = rgb.shape[:2]
    scale = min(max(1.0, SHORTEST / max(height, width)), LONGEST / max(height, width))
    size = (max(64, round(width * scale)), max(36, round(height * scale)))
    picture = Image.fromarray(np.ascontiguousarray(rgb)).resize(size, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.truetype(str(font_file("SemiBold")), _TEXT)
    _thirds(pen, size)
    if look.vanishing is not None:
        _leading(pen, size, look.vanishing)
    for figure in look.figures:
        _figure(pen, size, figure, font)
    _subject(pen, size, look.subject)
    sheet = Image.new("RGB", (size[0], size[1] + _STRIP), _DARK)
    sheet.paste(picture, (0, 0))
    _palette(ImageDraw.Draw(sheet), size, look, font)
    return np.asarray(sheet)


def _line(pen: Pen, ends: Any, colour: tuple[int, int, int], width: int = 1) -> None:
    """Dark below light, so that it is seen on any picture."""
    pen.line(ends, fill=_DARK, width=width + 2)
    pen.line(ends, fill=colour, width=width)


def _thirds(pen: Pen, size: tuple[int, int]) -> None:
    width, height = size
    for part in (1 / 3, 2 / 3):
        _line(pen, (part * width, 0, part * width, height), _LIGHT)
        _line(pen, (0, part * height, width, part * height), _LIGHT)


def _leading(pen: Pen, size: tuple[int, int], point: tuple[float, float]) -> None:
    x, y = point[0] * size[0], point[1] * size[1]
    for corner in ((0, 0), (size[0], 0), (0, size[1]), size):
        _line(pen, (*corner, x, y), _LEAD)


def _figure(pen: Pen, size: tuple[int, int], figure: Figure, font: Any) -> None:
    x0, y0, x1, y1 = (
        round(min(1.0, max(0.0, share)) * (side - 1))
        for share, side in zip(figure.box, (*size, *size), strict=True)
    )  # fmt: skip
    if x1 <= x0 or y1 <= y0:
        return
    pen.rectangle((x0, y0, x1, y1), outline=_DARK, width=4)
    pen.rectangle((x0 + 1, y0 + 1, x1 - 1, y1 - 1), outline=_FIGURE, width=2)
    name = fenced(figure.character, _NAME) or figure.kind
    room = pen.textbbox((x0 + 4, max(0, y0 - _TEXT - 8)), name, font=font)
    pen.rectangle((room[0] - 4, room[1] - 2, room[2] + 4, room[3] + 2), fill=_DARK)
    pen.text((x0 + 4, max(0, y0 - _TEXT - 8)), name, fill=_FIGURE, font=font)


def _subject(pen: Pen, size: tuple[int, int], subject: tuple[float, float]) -> None:
    x, y = subject[0] * size[0], subject[1] * size[1]
    reach = max(8, min(size) // 24)
    _line(pen, (x - reach, y, x + reach, y), _MARK, 3)
    _line(pen, (x, y - reach, x, y + reach), _MARK, 3)


def _palette(pen: Pen, size: tuple[int, int], look: Composition, font: Any) -> None:
    """The main colours as wide as their shares, each with its name where it fits."""
    whole = sum(colour.share for colour in look.colours) or 1.0
    left = 0.0
    for colour in look.colours:
        right = left + size[0] * colour.share / whole
        pen.rectangle((round(left), size[1], round(right) - 1, size[1] + _STRIP), fill=colour.hex)
        red, green, blue = (int(colour.hex[at : at + 2], 16) for at in (1, 3, 5))
        ink = _DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else _LIGHT
        if font.getlength(colour.name) + 8 < right - left:
            pen.text((round(left) + 6, size[1] + (_STRIP - _TEXT) // 2 - 3), colour.name, fill=ink, font=font)
        left = right
