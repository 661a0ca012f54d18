"""A speech bubble with its tail at somebody's mouth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.editing.drawn.standing import FREE, WIDE, Standing, root_of
from tools.editing.lettering import set_text
from tools.editing.specs import Key

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

    from tools.editing.decision.known import Face
    from tools.editing.moments import Box

STYLE = "comic"
"""Caption style whose letters it uses."""
ROOMS = ((0.42, 0.5), (0.28, 0.6), (0.2, 0.7))
"""Shares of the frame's width and height that its text may take: narrower ones when there is no room beside a face."""
UPRIGHT = 1.5
SCALES = (1.0, 0.75, 0.55)
"""Sizes of the letters that are tried until no word is broken."""
TEXT_HEIGHT = 0.55
"""Of the size that the caption style has."""
FINE = 2
"""It is drawn so many times as large, and then made smaller: PIL draws no soft edges."""
INK, PAPER = (16, 16, 20, 255), (255, 255, 255, 255)


@dataclass(frozen=True)
class Bubble:
    """A drawn bubble, and where it lies on the picture."""

    image: Image
    key: Key


def speech_bubble(
    text: str, width: int, height: int, face: Face | None, others: Sequence[Face] = (), away: Sequence[Box] = ()
) -> Bubble:
    """A bubble for a frame of width x height pixels that `face` speaks; None: somebody in the middle of the picture.

    It stands near the mouth, over no face and nothing of `away` (shares of the picture) where there is room, its tail
    crosses no eyes, and it never leaves the frame. Raises UsageError for a text that cannot be set.
    """
    from PIL import Image as images
    from PIL import ImageDraw as drawing

    tried = []
    for number, room in enumerate(ROOMS):
        fonts, size = _text(text, width, height, room)
        lines = [sum(font.getlength(part) for font, part in line) for line in fonts]
        body = (max(lines) + 2.2 * size, len(lines) * size * 1.22 + 1.5 * size)
        cost, box, tip = Standing.of(width, height, size, face, others, away).best(body)
        tried.append((cost + number, box, tip, fonts, lines, size))
        if cost < FREE:
            break
    _, box, tip, fonts, lines, size = min(tried, key=lambda one: one[0])
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


def _text(
    text: str, width: int, height: int, room: tuple[float, float]
) -> tuple[list[list[tuple[FreeTypeFont, str]]], float]:
    """Each line of the set text as (font, part), and the size of the letters in pixels: smaller ones where a word
    would be broken."""
    from PIL import ImageFont

    # Letters are as high on an upright picture as on one that lies; there they may take more of its width.
    tall, share = min(width, height), room[0] if width >= height else UPRIGHT * room[0]
    for scale in SCALES:
        setting = set_text(
            text, STYLE, max(2, round(width * share / scale)), max(2, round(tall * room[1] / scale))
        )  # fmt: skip
        size = max(8.0, min(setting.size * scale, tall * 0.16 * TEXT_HEIGHT * scale))
        if len(" ".join("".join(part for _, part in line) for line in setting.lines).split()) <= len(text.split()):
            break
    lines = [[(ImageFont.truetype(str(face.file), round(size)), part) for face, part in line] for line in setting.lines]
    return lines, size


def _shape(
    pen: ImageDraw, box: tuple[float, float, float, float], tip: tuple[float, float], size: float, edge: float
) -> None:
    """Body and tail, each with an outline; the tail's base lies inside the body."""
    half = (box[3] - box[1]) / 2
    root = root_of(box, tip)
    way = math.atan2(tip[1] - root[1], tip[0] - root[0])
    wide = WIDE * size

    def tail(grow: float) -> list[tuple[float, float]]:
        across = (math.cos(way + math.pi / 2) * (wide + grow), math.sin(way + math.pi / 2) * (wide + grow))
        end = (tip[0] + math.cos(way) * 1.6 * grow, tip[1] + math.sin(way) * 1.6 * grow)
        corners = [(root[0] + across[0], root[1] + across[1]), end, (root[0] - across[0], root[1] - across[1])]
        return [(x * FINE, y * FINE) for x, y in corners]

    radius = min(half * 0.9, 2.2 * size)
    for grow, ink in ((edge, INK), (0.0, PAPER)):
        grown = [(box[0] - grow) * FINE, (box[1] - grow) * FINE, (box[2] + grow) * FINE, (box[3] + grow) * FINE]
        pen.rounded_rectangle(grown, (radius + grow) * FINE, fill=ink)
        pen.polygon(tail(grow), fill=ink)


def _moved(box: tuple[float, float, float, float], left: float, top: float) -> tuple[float, float, float, float]:
    return box[0] - left, box[1] - top, box[2] - left, box[3] - top
