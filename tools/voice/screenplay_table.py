"""Scripts as tables: CSV with any usual delimiter, columns in any order, with or without a heading."""

from __future__ import annotations

import contextlib
import csv
import difflib
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from backends.voice.emotions.feeling import emotion_text
from configs.dialogue import dialogue_config
from configs.errors import UsageError
from tools.voice.screenplay_lines import Draft

DELIMITERS = ",;\t|"
ODD_DELIMITERS = "~^:#/\x1f"
"""Believed only where they part a heading that is known, or where 'sep=' says so."""
_RULED = re.compile(r"[\s|:+=_-]*")
UNHEADED = ("character", "text", "emotion", "language")


def read_table(text: str, draft: Draft) -> None:
    """One line a row; rows are counted as a spreadsheet shows them, the heading is row 1.

    Raises UsageError when the text is no table or no column holds the words.
    """
    first = text.split("\n", 1)[0].strip().lower()
    text, shift = (text.split("\n", 1)[1], 1) if first.startswith("sep=") and "\n" in text else (text, 0)
    delimiter = first[4:5] if shift and first[4:5].strip('"') and not first[4:5].isalnum() else _delimiter(text)
    rows = _rows(text, delimiter, draft)
    start = next((number for number, row in enumerate(rows) if any(cell.strip() for cell in row)), len(rows))
    if start == len(rows):
        raise UsageError("The table is empty", fix="Give at least one row with character and text")
    columns, headed = _columns(rows[start], draft)
    for number, written in enumerate(rows[start + headed :], start + headed + 1 + shift):
        if not any(cell.strip() for cell in written) or all(_RULED.fullmatch(cell) for cell in written):
            continue
        width = len(rows[start]) if headed else _width(written)
        row = _fitted(written, number, width, columns, delimiter, draft)
        cells = {name: row[index].strip() for name, index in columns.items() if index < len(row)}
        if "text" not in cells:
            draft.bad.append(f"row {number}: only {len(row)} of {max(columns.values()) + 1} columns")
            continue
        if not cells.get("character", "x") and cells["text"]:
            draft.doubts.append(f"row {number}: nobody is named, so the narrator speaks")
        if cells.get("scene"):
            draft.scene(cells["scene"])
        draft.line(
            number, cells.get("character", ""), cells["text"], emotion=cells.get("emotion", ""),
            language=cells.get("language", ""),
        )  # fmt: skip


def _rows(text: str, delimiter: str, draft: Draft) -> list[list[str]]:
    """The rows with their cells. A quotation mark that is never closed would swallow all rows after it."""
    escaped: dict[str, Any] = {"escapechar": "\\", "doublequote": False}
    for how in ({}, escaped) if '\\"' in text else ({},):
        with contextlib.suppress(csv.Error):
            return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, **how))
    draft.doubts.append("its quotation marks do not match, so each row of the file is a row of the table")
    rows: list[list[str]] = []
    for line in text.split("\n"):
        try:
            rows.append(next(csv.reader([line], delimiter=delimiter, strict=True), []))
        except csv.Error:
            rows.append([cell.strip(' "') for cell in line.split(delimiter)])
    return rows


def _width(row: Sequence[str]) -> int:
    """Columns of a row of a table without a heading: 'Luca,Well, I go' has two, 'Luca,Go,angry' has more."""
    return 2 if len(row) > 2 and row[2].startswith(" ") and not _felt(row[2]) else max(len(row), 2)


def _felt(cell: str) -> bool:
    try:
        return not cell.strip() or bool(emotion_text(cell))
    except UsageError:
        return False


def _fitted(
    row: list[str], number: int, width: int, columns: Mapping[str, int], delimiter: str, draft: Draft
) -> list[str]:
    """A row with more cells than the table has columns: commas of the words, where these stand last."""
    more = [cell for cell in row[width:] if cell.strip()]
    if not more:
        return row
    if columns["text"] == width - 1:
        return [*row[: width - 1], delimiter.join(row[width - 1 :])]
    draft.doubts.append(f"row {number}: '{more[0].strip()[:30]}' stands beyond the last column (words with commas?)")
    return row


def looks_like_table(text: str) -> bool:
    """Whether the first row heads a column of words."""
    head = text.lstrip("\n").split("\n", 1)[0]
    if head.strip().lower().startswith("sep="):
        return True
    for delimiter in DELIMITERS + ODD_DELIMITERS:
        if len(names := [_known(cell) for cell in next(csv.reader([head], delimiter=delimiter), [])]) > 1:
            return names.count("text") > 0 and sum(bool(name) for name in names) > 1
    return False


def _delimiter(text: str) -> str:
    """The sign that parts the first row into most known columns, else into most cells that the rows agree on."""
    lines = [line for line in text.split("\n") if line.strip()][:20]

    def rank(sign: str) -> tuple[int, int, int]:
        rows = list(csv.reader(lines, delimiter=sign))
        widths = [len(row) for row in rows]
        known = sum(bool(_known(cell)) for cell in rows[0]) if rows else 0
        usual = max(set(widths), key=widths.count) if widths else 1
        if sign in ODD_DELIMITERS and known < 2:
            return (0, 0, 0)
        return (known if known > 1 else 0, widths.count(usual) if usual > 1 else 0, usual)

    return max(DELIMITERS + ODD_DELIMITERS, key=rank)


def _columns(head: Sequence[str], draft: Draft) -> tuple[dict[str, int], int]:
    """Our columns -> their place, and 1 when the row is a heading, else 0."""
    names = [_known(cell) for cell in head]
    if not any(names):
        if len(head) < 2:
            raise UsageError("The table has one column", "it needs character and text", "Give both, with a heading row")
        return dict(zip(UNHEADED, range(len(UNHEADED)), strict=True)), 0
    if "text" not in names:
        wanted = dialogue_config()["columns"]["text"]
        near = next(
            (cell for cell in head if difflib.get_close_matches(cell.strip().casefold(), wanted, 1, 0.6)), ""
        )  # fmt: skip
        shown = ", ".join(f"'{cell.strip()[:20]}'" for cell in head[:8])
        raise UsageError(
            "The table has no column with the words",
            f"its columns are {shown}",
            f"Call '{near.strip()[:20]}' text" if near else "Call the column with the words 'text'",
        )
    columns: dict[str, int] = {}
    for index, name in enumerate(names):
        if name:
            columns.setdefault(name, index)
        elif head[index].strip():
            draft.doubts.append(f"the column '{head[index].strip()[:30]}' is not used")
    return columns, 1


def _known(cell: str) -> str:
    wanted = " ".join(cell.casefold().strip(" *_'\"").split())
    return next((name for name, words in dialogue_config()["columns"].items() if wanted in words), "")
