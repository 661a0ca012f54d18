"""A speech bubble with its tail at somebody's mouth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.editing.lettering import set_text
from tools.editing.moments import Box
from tools.editing.specs import Key

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

STYLE = "comic"
"""Caption style whose letters it uses."""
ROOM = (0.42, 0.5)
"""Shares of the frame's width and height that its text may take."""
TEXT_HEIGHT = 0.55
"""Of the size that the caption style has."""
MARGIN = 0.03
"""Share of the frame's width around it."""
FINE = 2
"""It is drawn so many times as large, and then made smaller: PIL draws no soft edges."""
INK, PAPER = (16, 16, 20, 255), (255, 255, 255, 255)


@dataclass(frozen=True)
class Bubble:
    """A drawn bubble, and where it lies on the picture."""

    image: Image
    key: Key


def speech_bubble(text: str, width: int, height: int, mouth: tuple[float, float], face: Box | None) -> Bubble:
    """A bubble for a frame of width x height pixels, beside `face` (shares), whose tail ends near `mouth`.

    It stands above the face on the side with more room, and never outside the frame. Raises UsageError for a text
    that cannot be set.
    """
    from PIL import Image as images
    from PIL import ImageDraw as drawing

    fonts, size = _text(text, width, height)
    lines = [sum(font.getlength(part) for font, part in line) for line in fonts]
    body = (max(lines) + 2.2 * size, len(lines) * size * 1.22 + 1.5 * size)
    box = _place(body, width, height, mouth, face)
    tip = _tip(box, (mouth[0] * width, mouth[1] * height), size)
    edge = max(2.0, size * 0.11)
    left, top = min(box[0], tip[0]) - 2 * edge, min(box[1], tip[1]) - 2 * edge
    right, low = max(box[2], tip[0]) + 2 * edge, max(box[3], tip[1]) + 2 * edge
    whole = (math.ceil(right - left), math.ceil(low - top))
    # White where nothing is, so that soft edges do not turn grey.
    image = images.new("RGBA", (whole[0] * FINE, whole[1] * FINE), (255, 255, 255, 0))
    pen = drawing.Draw(image)
    _shape(pen, _moved(box, left, top), (tip[0] - left, tip[1] - top), size, edge)
    y = (box[1] - top + 0.75 * size) * FINE
    for line, long in zip(fonts, lines, strict=True):
        x = ((box[0] + box[2]) / 2 - left - long / 2) * FINE
        for font, part in line:
            pen.text((x, y), part, font=font.font_variant(size=font.size * FINE), fill=INK)
            x += font.getlength(part) * FINE
        y += 1.22 * size * FINE
    made = image.resize(whole, images.Resampling.LANCZOS)
    share = Key(0.0, (left + whole[0] / 2) / width, (top + whole[1] / 2) / height, whole[0] / width)
    return Bubble(made, share)


def _text(text: str, width: int, height: int) -> tuple[list[list[tuple[FreeTypeFont, str]]], float]:
    """Each line of the set text as (font, part), and the size of the letters in pixels."""
    from PIL import ImageFont

    setting = set_text(text, STYLE, max(2, round(width * ROOM[0])), max(2, round(height * ROOM[1])))
    size = max(8.0, min(setting.size, height * 0.16 * TEXT_HEIGHT))
    lines = [[(ImageFont.truetype(str(face.file), round(size)), part) for face, part in line] for line in setting.lines]
    return lines, size


def _place(
    body: tuple[float, float], width: int, height: int, mouth: tuple[float, float], face: Box | None
) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the bubble's body in pixels."""
    margin = MARGIN * width
    around = face or (mouth[0] - 0.05, mouth[1] - 0.12, mouth[0] + 0.05, mouth[1] + 0.03)
    rightwards = 1 - around[2] >= around[0]
    x = (around[2] + 0.02) * width if rightwards else (around[0] - 0.02) * width - body[0]
    y = (around[1] + 0.1 * (around[3] - around[1])) * height - body[1] * 0.8
    x = min(max(margin, x), width - margin - body[0])
    y = min(max(margin, y), height - margin - body[1])
    return x, y, x + body[0], y + body[1]


def _tip(box: tuple[float, float, float, float], mouth: tuple[float, float], size: float) -> tuple[float, float]:
    """Where the tail ends: on the way to the mouth, a little before it, not further than four letters."""
    border = (min(max(mouth[0], box[0]), box[2]), min(max(mouth[1], box[1]), box[3]))
    way = math.hypot(mouth[0] - border[0], mouth[1] - border[1])
    if way < 1.0:
        # The mouth lies under the bubble: the tail shows where from.
        return border[0], min(box[3] + size, max(box[3], mouth[1]) + size)
    reach = min(way * 0.8, 4 * size) / way
    return border[0] + (mouth[0] - border[0]) * reach, border[1] + (mouth[1] - border[1]) * reach


def _shape(
    pen: ImageDraw, box: tuple[float, float, float, float], tip: tuple[float, float], size: float, edge: float
) -> None:
    """Body and tail, each with an outline; the tail's base lies inside the body."""
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    half = ((box[2] - box[0]) / 2, (box[3] - box[1]) / 2)
    root = (
        middle[0] + 0.45 * half[0] * _sign(tip[0] - middle[0]),
        middle[1] + 0.35 * half[1] * _sign(tip[1] - middle[1]),
    )
    way = math.atan2(tip[1] - root[1], tip[0] - root[0])
    wide = 0.6 * size

    def tail(grow: float) -> list[tuple[float, float]]:
        across = (math.cos(way + math.pi / 2) * (wide + grow), math.sin(way + math.pi / 2) * (wide + grow))
        end = (tip[0] + math.cos(way) * 1.6 * grow, tip[1] + math.sin(way) * 1.6 * grow)
        corners = [(root[0] + across[0], root[1] + across[1]), end, (root[0] - across[0], root[1] - across[1])]
        return [(x * FINE, y * FINE) for x, y in corners]

    radius = min(half[1] * 0.9, 2.2 * size)
    for grow, ink in ((edge, INK), (0.0, PAPER)):
        grown = [(box[0] - grow) * FINE, (box[1] - grow) * FINE, (box[2] + grow) * FINE, (box[3] + grow) * FINE]
        pen.rounded_rectangle(grown, (radius + grow) * FINE, fill=ink)
        pen.polygon(tail(grow), fill=ink)


def _moved(box: tuple[float, float, float, float], left: float, top: float) -> tuple[float, float, float, float]:
    return box[0] - left, box[1] - top, box[2] - left, box[3] - top


def _sign(value: float) -> float:
    return -1.0 if value < 0 else 1.0
