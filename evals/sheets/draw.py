"""Draws contact sheets: every cell rendered, put in a labelled grid, saved as JPEG below a size limit."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from backends.image.layout.render import LayoutRenderer
from backends.media.font import FontWeight, font_file
from evals.sheets.pages import Cell, Page, Row

WIDTH = 1600
MOST_BYTES = 900_000
MARGIN, GAP, LABEL, HEADING, TITLE = 28, 10, 24, 44, 72
PAPER, INK, FAINT = (247, 244, 238), (52, 48, 45), (120, 113, 106)
SCALE = 1.2
"""Cells are rendered this much larger and reduced, so that small faces stay crisp."""
ROOM = 1.45
"""Cells with a lone character before plain paper are rendered this much wider and cropped about it."""

Told = Callable[[str], None]


def sheet(page: Page, renderer: LayoutRenderer, told: Told = lambda _: None, scale: float = SCALE) -> Image.Image:
    """Render every cell of a page and put them on paper."""
    heights = [_row_height(row) for row in page.rows]
    paper = Image.new("RGB", (WIDTH, TITLE + sum(heights) + MARGIN), PAPER)
    pen = ImageDraw.Draw(paper)
    pen.text((MARGIN, 18), page.title, INK, _font("SemiBold", 30))
    top = TITLE
    for row, height in zip(page.rows, heights, strict=True):
        _draw_row(paper, pen, row, top, renderer, told, scale)
        top += height
    return paper


def save(picture: Image.Image, path: Path) -> int:
    """Write a JPEG of at most `MOST_BYTES`, atomically; returns its quality."""
    for quality in (90, 88, 86, 83, 80, 76, 72):
        out = BytesIO()
        picture.save(
            out, "JPEG", quality=quality, optimize=True, progressive=True, subsampling=0 if quality > 85 else 2
        )
        if len(out.getvalue()) <= MOST_BYTES:
            break
    part = path.with_suffix(".part")
    part.write_bytes(out.getvalue())
    part.replace(path)
    return quality


def cell_size(row: Row) -> tuple[int, int]:
    """Width and height of a row's cells in sheet pixels."""
    width = (WIDTH - 2 * MARGIN - GAP * (row.columns - 1)) // row.columns
    return width, round(width * row.ratio)


def _row_height(row: Row) -> int:
    lines = -(-len(row.cells) // row.columns)
    return (HEADING if row.heading else 0) + lines * (cell_size(row)[1] + LABEL + GAP)


def _draw_row(
    paper: Image.Image, pen: ImageDraw.ImageDraw, row: Row, top: int, renderer: LayoutRenderer, told: Told, scale: float
) -> None:
    if row.heading:
        pen.text((MARGIN, top + 8), row.heading, FAINT, _font("SemiBold", 20))
        top += HEADING
    width, height = cell_size(row)
    small = _font("Regular", 15)
    for i, cell in enumerate(row.cells):
        x = MARGIN + (i % row.columns) * (width + GAP)
        y = top + (i // row.columns) * (height + LABEL + GAP)
        told(cell.label)
        paper.paste(picture(cell, renderer, width, height, scale), (x, y))
        pen.text((x + 2, y + height + 2), cell.label, INK, small)


def picture(cell: Cell, renderer: LayoutRenderer, width: int, height: int, scale: float = SCALE) -> Image.Image:
    """One rendered cell of `width` x `height`; a lone character before plain paper stands in its middle."""
    wide, high = round(width * scale), round(height * scale)
    if cell.scene.set != "void" or len(cell.scene.characters) != 1:
        rgb = renderer.render(cell.scene, wide, high).rgb
    else:
        frame = renderer.render(cell.scene, round(wide * ROOM), high)
        columns = np.flatnonzero(frame.mask(cell.scene.characters[0].name).any(0))
        middle = (columns[0] + columns[-1]) / 2 if len(columns) else frame.rgb.shape[1] / 2
        left = int(np.clip(middle - wide / 2, 0, frame.rgb.shape[1] - wide))
        rgb = frame.rgb[:, left : left + wide]
    return Image.fromarray(rgb).resize((width, height), Image.Resampling.LANCZOS)


def _font(weight: FontWeight, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font_file(weight)), size)
