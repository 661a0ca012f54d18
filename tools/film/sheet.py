"""The storyboard as one picture: every shot with its number, framing, move, length, words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tools.film.lexicon import lexicon
from tools.film.look import look_from_data
from tools.film.shot import Shot, Storyboard

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

CELL = 480
"""Pixels of a picture's width on the sheet."""
_GAP, _MARGIN = 36, 48
_PAPER, _INK, _SOFT, _LINE, _ACCENT = (250, 248, 243), (34, 36, 44), (112, 114, 122), (222, 217, 206), (214, 94, 52)
_EMPTY = (226, 223, 216)
_SHADOW = (20, 22, 28)
_ARROWS = {
    "pan_left": (-1, 0),
    "pan_right": (1, 0),
    "truck": (1, 0),
    "tilt_up": (0, -1),
    "tilt_down": (0, 1),
    "crane": (0, -1),
}


@dataclass(frozen=True)
class _Fonts:
    title: Any
    number: Any
    strong: Any
    text: Any
    small: Any
    italic: Any


def storyboard_sheet(
    board: Storyboard, pictures: Mapping[str, NDArray[np.uint8]], made_by: str = ""
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB: shots in rows of up to three.

    pictures: shot id -> (h, w, 3) uint8 RGB of any size; a missing one is drawn as an empty frame. `made_by` names the
    engine of the pictures in the footer.
    """
    from PIL import Image, ImageDraw

    fonts = _fonts()
    columns = min(3, max(1, len(board.shots))) if len(board.shots) != 4 else 2
    ratio = next((picture.shape[0] / picture.shape[1] for picture in pictures.values()), 9 / 16)
    height = round(CELL * min(ratio, 1.4))
    notes = [_words_of(shot, fonts) for shot in board.shots]
    rows = [list(range(at, min(at + columns, len(board.shots)))) for at in range(0, len(board.shots), columns)]
    row_heights = [height + 46 + max(len(notes[i]) for i in row) * 25 + 20 for row in rows]
    width = columns * CELL + (columns - 1) * _GAP + 2 * _MARGIN
    top = _MARGIN + 108
    sheet = Image.new("RGB", (width, top + sum(row_heights) + len(rows) * _GAP + 40), _PAPER)
    pen = ImageDraw.Draw(sheet)
    _header(pen, board, fonts, width)
    for row, row_height in zip(rows, row_heights, strict=True):
        for column, index in enumerate(row):
            left = _MARGIN + column * (CELL + _GAP)
            _cell(
                sheet,
                pen,
                board.shots[index],
                pictures.get(board.shots[index].id),
                notes[index],
                (left, top),
                height,
                fonts,
            )
        top += row_height + _GAP
    foot = f"Pictures: {made_by}" if made_by else "No pictures yet"
    pen.text((_MARGIN, sheet.height - 52), foot, fill=_SOFT, font=fonts.small)
    return np.asarray(sheet)


def _fonts() -> _Fonts:
    from PIL import ImageFont

    from backends.media.font import font_file

    def face(weight: Any, size: int) -> FreeTypeFont:
        return ImageFont.truetype(str(font_file(weight)), size)

    return _Fonts(
        face("Bold", 40),
        face("Bold", 26),
        face("SemiBold", 19),
        face("Regular", 18),
        face("Regular", 16),
        face("Italic", 18),
    )


def _header(pen: ImageDraw, board: Storyboard, fonts: _Fonts, width: int) -> None:
    pen.text((_MARGIN, _MARGIN - 12), _cut(board.title, fonts.title, width - 2 * _MARGIN), fill=_INK, font=fonts.title)
    seconds = sum(shot.seconds for shot in board.shots)
    facts = f"{len(board.shots)} shots  ·  {seconds:.1f} s"
    if board.style:
        facts += f"  ·  {board.style}"
    pen.text((_MARGIN, _MARGIN + 46), _cut(facts, fonts.text, width - 2 * _MARGIN), fill=_SOFT, font=fonts.text)
    left = _MARGIN + fonts.text.getlength(facts) + 40
    for member in board.characters:
        look = look_from_data(member.look)
        colours = [look.hair, look.skin, look.top_color] if look.kind == "human" else [look.body, look.accent]
        room = 22 * len(colours) + fonts.strong.getlength(member.name) + 14
        if left + room > width - _MARGIN:
            break
        for colour in colours:
            fill = tuple(round(255 * part) for part in colour)
            pen.ellipse((left, _MARGIN + 50, left + 18, _MARGIN + 68), fill=fill, outline=_LINE)
            left += 20
        pen.text((left + 5, _MARGIN + 45), member.name, fill=_INK, font=fonts.strong)
        left += fonts.strong.getlength(member.name) + 34
    pen.line((_MARGIN, _MARGIN + 86, width - _MARGIN, _MARGIN + 86), fill=_INK, width=2)


def _cell(
    sheet: Any,
    pen: ImageDraw,
    shot: Shot,
    picture: NDArray[np.uint8] | None,
    notes: list[tuple[str, Any, tuple[int, int, int]]],
    corner: tuple[int, int],
    height: int,
    fonts: _Fonts,
) -> None:
    from PIL import Image

    left, top = corner
    if picture is not None:
        fitted = Image.fromarray(picture).resize((CELL, height), Image.Resampling.LANCZOS)
        sheet.paste(fitted, (left, top))
    else:
        pen.rectangle((left, top, left + CELL, top + height), fill=_EMPTY)
    pen.rectangle((left, top, left + CELL - 1, top + height - 1), outline=_SHADOW, width=2)
    number = shot.id.rpartition("-")[2]
    badge = max(44, round(fonts.number.getlength(number)) + 24)
    pen.rectangle((left, top, left + badge, top + 42), fill=_ACCENT)
    pen.text((left + badge / 2, top + 20), number, fill="white", font=fonts.number, anchor="mm")
    length = f"{shot.seconds:.1f} s"
    room = round(fonts.strong.getlength(length)) + 22
    pen.rectangle((left + CELL - room, top, left + CELL - 1, top + 34), fill=_SHADOW)
    pen.text((left + CELL - room / 2, top + 16), length, fill="white", font=fonts.strong, anchor="mm")
    _move_marks(pen, shot.camera.move, left, top, height)
    facts = [shot.camera.scale, f"{shot.camera.lens_mm:.0f} mm"]
    facts += [] if shot.camera.angle == "eye" else [f"{shot.camera.angle.replace('_', ' ')} angle"]
    facts.append(lexicon("grammar")["move_names"][shot.camera.move])
    facts += [] if shot.transition == "cut" else [f"{shot.transition} in"]
    pen.text((left, top + height + 10), _cut("  ·  ".join(facts), fonts.strong, CELL), fill=_ACCENT, font=fonts.strong)
    y = top + height + 40
    for text, font, colour in notes:
        pen.text((left, y), text, fill=colour, font=font)
        y += 25


def _move_marks(pen: ImageDraw, move: str, left: int, top: int, height: int) -> None:
    """The camera move as storyboard artists draw it: an arrow, or corner arrows in or out."""
    middle_x, middle_y = left + CELL / 2, top + height / 2
    if move in _ARROWS:
        dx, dy = _ARROWS[move]
        reach = 62
        x, y = (middle_x, top + height - 34) if dx else (left + CELL - 38, middle_y)
        _arrow(pen, (x - dx * reach, y - dy * reach), (x + dx * reach, y + dy * reach))
    elif move in ("push_in", "pull_out"):
        for side_x in (-1, 1):
            for side_y in (-1, 1):
                outer = (
                    middle_x + side_x * (CELL / 2 - 26),
                    middle_y + side_y * (height / 2 - 26 - (26 if side_y < 0 else 0)),
                )
                inner = (outer[0] - side_x * 46, outer[1] - side_y * 26)
                _arrow(pen, *((outer, inner) if move == "push_in" else (inner, outer)), head=11)
    elif move == "handheld":
        x, y = left + CELL - 96, top + height - 26
        points = [(x + 14 * step, y + (9 if step % 2 else -9)) for step in range(6)]
        pen.line(points, fill=_SHADOW, width=7, joint="curve")
        pen.line(points, fill="white", width=3, joint="curve")


def _arrow(pen: ImageDraw, start: tuple[float, float], end: tuple[float, float], head: int = 16) -> None:
    direction = np.asarray(end) - np.asarray(start)
    unit = direction / max(float(np.hypot(*direction)), 1e-6)
    across = np.asarray((-unit[1], unit[0]))
    neck = np.asarray(end) - unit * head
    tip = [tuple(end), tuple(neck + across * head * 0.62), tuple(neck - across * head * 0.62)]
    pen.line([start, tuple(neck)], fill=_SHADOW, width=9)
    pen.polygon(
        [tuple(np.asarray(point) + unit * (3 if i == 0 else -2)) for i, point in enumerate(tip)],
        fill=_SHADOW,
        outline=_SHADOW,
        width=4,
    )
    pen.line([start, tuple(neck)], fill="white", width=5)
    pen.polygon(tip, fill="white")


def _words_of(shot: Shot, fonts: _Fonts) -> list[tuple[str, Any, tuple[int, int, int]]]:
    """What is written under a picture: what happens, then who says what."""
    out = [(line, fonts.text, _INK) for line in _wrap(shot.description, fonts.text, CELL)[:3]]
    for line in shot.lines[:4]:
        feeling = "" if line.emotion == "neutral" else f" ({line.emotion})"
        words = f"{line.character}{feeling}: “{line.text}”"
        out += [
            (part, fonts.italic, _ACCENT if line.sound else (60, 74, 120))
            for part in _wrap(words, fonts.italic, CELL)[:3]
        ]
    return out


def _wrap(text: str, font: Any, width: int) -> list[str]:
    lines: list[str] = []
    current = ""
    for word in text.split():
        joined = f"{current} {word}".strip()
        if font.getlength(joined) <= width:
            current = joined
            continue
        lines += [current] if current else []
        current = _cut(word, font, width)
    return [*lines, current] if current else lines


def _cut(text: str, font: Any, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
