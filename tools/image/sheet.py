"""A batch to look at: contact sheets with number, seed and score of every picture, and a report as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memory.records import Asset
from tools.image.batch_plan import Plan
from tools.image.batch_run import Listed
from tools.image.wish import in_short
from tools.spec import ToolContext

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

PAGE = 30
"""Pictures of one page."""
COLUMNS = 5
CELL = 384
"""Pixels of a picture's width."""
_GAP, _MARGIN, _FOOT = 28, 44, 66
_PAPER, _INK, _SOFT, _LINE = (250, 248, 243), (34, 36, 44), (112, 114, 122), (222, 217, 206)
_PASS, _FAIL, _EMPTY = (46, 125, 80), (196, 62, 48), (232, 229, 222)


@dataclass(frozen=True)
class _Fonts:
    title: Any
    strong: Any
    text: Any


def save_sheets(plan: Plan, listed: Sequence[Listed], ctx: ToolContext) -> list[Asset]:
    """One PNG asset per page of PAGE pictures; the pictures are their parents."""
    from backends.media.images import save_png

    pages = [listed[at : at + PAGE] for at in range(0, len(listed), PAGE)]
    saved: list[Asset] = []
    for number, page in enumerate(pages, 1):
        ctx.cancel.check()
        made_by = ", ".join(sorted({one.asset.engine for one in listed if one.asset is not None}))
        facts = _facts(listed, made_by) + (f"  ·  page {number} of {len(pages)}" if len(pages) > 1 else "")
        file = ctx.scratch(".png")
        save_png(file, draw_sheet(plan.title, facts, page, [_picture(one, ctx) for one in page]))
        of = f", page {number}" if len(pages) > 1 else ""
        parents = tuple(dict.fromkeys(one.asset.id for one in page if one.asset is not None))
        saved.append(
            ctx.save(
                file, "image", f"Contact sheet of '{in_short(plan.title, 60)}'{of}", engine="studio sheet",
                params={"sheet": plan.title[:500], "pictures": len(page), "page": number}, parents=parents,
                summary=f"Contact sheet of {len(page)} pictures{of}",
            )
        )  # fmt: skip
    return saved


def save_report(plan: Plan, job: str, listed: Sequence[Listed], made: int, ctx: ToolContext) -> Asset:
    """Every picture with its arguments, scores and marks, as a JSON asset."""
    rows = [{**one.row(), "args": one.item.args, "scores": _scores(one)} for one in listed]
    file = ctx.scratch(".json")
    report = {"batch": job, "title": plan.title, "made_now": made, "pictures": rows}
    file.write_text(json.dumps(report, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
    parents = tuple(dict.fromkeys(one.asset.id for one in listed if one.asset is not None))
    return ctx.save(
        file, "report", f"Report of '{in_short(plan.title, 60)}'", engine="studio sheet",
        params={"batch": job, "pictures": len(rows)}, parents=(*plan.parents, *parents),
        summary=f"Batch of {len(rows)} pictures: {in_short(plan.title)}",
    )  # fmt: skip


def draw_sheet(
    title: str, facts: str, page: Sequence[Listed], pictures: Sequence[NDArray[np.uint8] | None]
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB: rows of up to COLUMNS pictures.

    pictures: (h, w, 3) uint8 RGB of any size, None where one could not be made: its reason stands there.
    """
    from PIL import Image, ImageDraw

    fonts = _fonts()
    columns = _columns(len(page))
    rows = [range(at, min(at + columns, len(page))) for at in range(0, len(page), columns)]
    heights = [_row_height([pictures[index] for index in row]) for row in rows]
    width = columns * CELL + (columns - 1) * _GAP + 2 * _MARGIN
    top = _MARGIN + 92
    sheet = Image.new("RGB", (width, top + sum(heights) + len(rows) * (_FOOT + _GAP) + _MARGIN - _GAP), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, _MARGIN - 14), _cut(title, fonts.title, width - 2 * _MARGIN), fill=_INK, font=fonts.title)
    pen.text((_MARGIN, _MARGIN + 36), _cut(facts, fonts.text, width - 2 * _MARGIN), fill=_SOFT, font=fonts.text)
    pen.line((_MARGIN, _MARGIN + 72, width - _MARGIN, _MARGIN + 72), fill=_INK, width=2)
    for row, height in zip(rows, heights, strict=True):
        for column, index in enumerate(row):
            _cell(sheet, pen, page[index], pictures[index], (_MARGIN + column * (CELL + _GAP), top), height, fonts)
        top += height + _FOOT + _GAP
    return np.asarray(sheet)


def _row_height(pictures: Sequence[NDArray[np.uint8] | None]) -> int:
    """Of the tallest of a row, so that one upright picture does not stretch the whole page."""
    shapes = [one.shape[0] / one.shape[1] for one in pictures if one is not None]
    return round(CELL * min(1.5, max(shapes, default=9 / 16)))


def _cell(
    sheet: Any,
    pen: ImageDraw,
    one: Listed,
    picture: NDArray[np.uint8] | None,
    corner: tuple[int, int],
    height: int,
    fonts: _Fonts,
) -> None:
    left, top = corner
    pen.rectangle((left, top, left + CELL - 1, top + height - 1), fill=_EMPTY)
    if picture is not None:
        fitted = _fitted(picture, height)
        sheet.paste(fitted, (left + (CELL - fitted.width) // 2, top + (height - fitted.height) // 2))
    else:
        _reason(pen, one, (left, top), height, fonts)
    edge = _LINE if one.passed else _FAIL
    pen.rectangle((left, top, left + CELL - 1, top + height - 1), outline=edge, width=1 if one.passed else 4)
    _foot(pen, one, (left, top + height + 8), fonts)


def _columns(count: int) -> int:
    """As many as leave the fewest empty places in the last row."""
    if count <= COLUMNS:
        return max(2, count)
    return min((COLUMNS, COLUMNS - 1, COLUMNS - 2), key=lambda columns: -count % columns)


def _foot(pen: ImageDraw, one: Listed, corner: tuple[int, int], fonts: _Fonts) -> None:
    """Number, mark and score on the first line with the seed at the right; the words below."""
    left, top = corner
    number = str(one.item.number)
    pen.text((left, top), number, fill=_INK, font=fonts.strong)
    at = left + fonts.strong.getlength(number) + 14
    colour = _PASS if one.passed else _FAIL
    if one.asset is not None:
        _mark(pen, (at, top + 5), colour, one.passed)
        pen.text((at + 26, top), f"{one.score:.2f}", fill=colour, font=fonts.strong)
        seed = f"seed {one.asset.seed}" if one.asset.seed is not None else ""
        pen.text((left + CELL - fonts.text.getlength(seed), top + 1), seed, fill=_SOFT, font=fonts.text)
    else:
        pen.text((at, top), "not made", fill=colour, font=fonts.strong)
    words = one.item.label
    if one.item.twin:
        words = f"same as {one.item.twin}: {words}"
    elif one.looks_like:
        words = f"looks like {one.looks_like}: {words}"
    pen.text((left, top + 27), _cut(words, fonts.text, CELL), fill=_SOFT, font=fonts.text)


def _mark(pen: ImageDraw, corner: tuple[float, float], colour: tuple[int, int, int], passed: bool) -> None:
    """A tick or a cross, 16 pixels wide: shape tells it, too, not colour alone."""
    x, y = corner
    if passed:
        pen.line([(x, y + 8), (x + 6, y + 14), (x + 16, y + 1)], fill=colour, width=4, joint="curve")
    else:
        pen.line([(x + 1, y + 1), (x + 14, y + 14)], fill=colour, width=4)
        pen.line([(x + 14, y + 1), (x + 1, y + 14)], fill=colour, width=4)


def _reason(pen: ImageDraw, one: Listed, corner: tuple[int, int], height: int, fonts: _Fonts) -> None:
    text = one.error.sentence if one.error is not None else "Its file is gone."
    left, top = corner
    for number, line in enumerate(_wrap(text, fonts.text, CELL - 40)[: max(1, (height - 40) // 26)]):
        pen.text((left + 20, top + 20 + 26 * number), line, fill=_INK, font=fonts.text)


def _picture(one: Listed, ctx: ToolContext) -> NDArray[np.uint8] | None:
    """Small already, so that a page of large pictures does not fill the memory."""
    from PIL import Image

    from backends.media.images import load_image

    if one.asset is None:
        return None
    picture = Image.fromarray(load_image(ctx.path(one.asset)))
    picture.thumbnail((CELL, round(CELL * 1.5)), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _fitted(picture: NDArray[np.uint8], height: int) -> Any:
    from PIL import Image

    scale = min(CELL / picture.shape[1], height / picture.shape[0])
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)


def _facts(listed: Sequence[Listed], made_by: str) -> str:
    there = [one for one in listed if one.asset is not None]
    passed = sum(1 for one in there if one.passed)
    sizes = {
        f"{p.get('width')}x{p.get('height')}" for one in there if one.asset is not None for p in [one.asset.params]
    }
    parts = [f"{len(listed)} pictures", f"{passed} pass" if passed != len(there) else "all pass"]
    parts += [f"{len(listed) - len(there)} not made"] if len(there) != len(listed) else []
    parts += [f"{made_by} engine"] if made_by else []
    return "  ·  ".join([*parts, *sorted(sizes)[:3]])


def _scores(one: Listed) -> list[dict[str, Any]]:
    scores = one.asset.scores if one.asset is not None else ()
    return [{"name": s.name, "value": s.value, "status": s.status, "passed": s.passed, "note": s.note} for s in scores]


def _fonts() -> _Fonts:
    from PIL import ImageFont

    from backends.media.font import font_file

    def face(weight: Any, size: int) -> FreeTypeFont:
        return ImageFont.truetype(str(font_file(weight)), size)

    return _Fonts(face("Bold", 36), face("Bold", 20), face("Regular", 18))


def _wrap(text: str, font: Any, width: int) -> list[str]:
    lines: list[str] = []
    current = ""
    for word in text.split():
        joined = f"{current} {word}".strip()
        if current and font.getlength(joined) > width:
            lines.append(current)
            current = _cut(word, font, width)
        else:
            current = _cut(joined, font, width)
    return [*lines, current] if current else lines


def _cut(text: str, font: Any, width: float) -> str:
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
