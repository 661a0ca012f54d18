"""Scripts in Fountain (fountain.io), read by screenplay-tools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tools.voice.screenplay_lines import Draft, is_beat

_HEADING = re.compile(r"^\.?\s*(INT|EXT|EST|INT\./EXT|INT/EXT|I/E)[. ]", re.I)
_LEFT_OUT = re.compile(r"\[\[\d+\]\]|/\*\d+\*/")
"""Where notes and cut passages stood; the library leaves half of its own mark of the latter."""
MOST_CAPITALS = 500
MOST_CUE = 40
_EXTENSION = re.compile(r"\([^()]*\)|\^")


def read_fountain(text: str, draft: Draft) -> None:
    """Speeches, with parentheticals; scene headings part scenes (sections do where there are no headings)."""
    elements = _elements(_tamed(text, draft))
    # 'FADE IN:' is a heading to the library, but no scene
    headed = any(e.type.name == "HEADING" and _is_scene(_words(e)) for e, _ in elements)
    cue: Any = None
    directions: list[str] = []
    spoken = 0
    for element, row in elements:
        kind = element.type.name
        if (kind == "HEADING" and _is_scene(_words(element))) or (kind == "SECTION" and not headed):
            draft.scene(_words(element))
        elif kind == "CHARACTER":
            cue, directions, spoken = element, [], 0
        elif kind == "PARENTHETICAL":
            directions.append(_words(element))
        elif kind in ("DIALOGUE", "LYRIC") and cue is not None:
            beside = f" ({cue.extension})" if cue.extension else ""
            draft.line(
                row, f"{cue.name}{beside}", _words(element), directions=directions,
                together=cue.is_dual_dialogue and not spoken, continued=spoken > 0,
            )  # fmt: skip
            directions, spoken = [], spoken + 1
        elif kind == "ACTION":
            cue = None
            if is_beat(_words(element)):
                draft.beat()


def _elements(text: str) -> list[tuple[Any, int]]:
    """The library's elements, each with the line it began on, from 1."""
    from screenplay_tools.fountain.parser import Parser

    parser = Parser()
    rows: dict[int, int] = {}
    row = 0
    for row, line in _cues_marked(text.split("\n")):
        known = len(parser.script.elements)
        parser.add_line(line)
        for index in range(known, len(parser.script.elements)):
            # a name in capitals is known to be one only at the next line
            late = parser.script.elements[index].type.name in ("CHARACTER", "TRANSITION")
            rows[index] = row - 1 if late and not line.startswith("@") else row
    parser.finalize()
    return [(element, rows.get(index, row)) for index, element in enumerate(parser.script.elements)]


def _tamed(text: str, draft: Draft) -> str:
    """The text without what the library's patterns take for ever on: long runs of spaces, long rows of capitals."""
    lines = re.sub(r"[ \t]{5,}", "    ", text).split("\n")
    for row, line in enumerate(lines, 1):
        if len(line) > MOST_CAPITALS and not any(sign.islower() for sign in line):
            draft.bad.append(f"line {row}: {len(line):,} signs without a small letter")
            lines[row - 1] = ""
    return "\n".join(lines)


def _words(element: Any) -> str:
    return _LEFT_OUT.sub("", str(element.text_raw)).strip()


def _cues_marked(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Rows and lines as the library reads them rightly.

    Names in other capitals than A to Z ('ÉLODIE', 'ЛУКА') are marked as names, and exclamations as action. A blank
    line of spaces between a name and its speech is left out, and one is put between a heading and a name.
    """
    known = {
        name for before, line, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False)
        if (not before.strip() or _HEADING.match(before.strip())) and after.strip() and (name := _cue_name(line))
    }  # fmt: skip
    waiting, sung = "", False
    for index, line in enumerate(lines):
        before = lines[index - 1] if index else ""
        following = lines[index + 1].strip() if index + 1 < len(lines) else ""
        if waiting and not line.strip() and following and not _cue_name(following):
            if len(line) > 1 or waiting in known or before.endswith("  "):
                continue
            waiting = ""
        sung = bool(line.strip()) and (sung or line.lstrip().startswith("~"))
        name = _cue_name(line)
        headed = bool(before.strip()) and bool(_HEADING.match(before.strip()))
        waiting = name if name and (headed or not before.strip()) else ""
        if waiting and headed and following:
            yield index, ""
        if waiting and not name[0].isascii() and not line.lstrip().startswith("@"):
            yield index + 1, f"@{line.strip()}"
        elif waiting and name.endswith(("!", "?")):
            yield index + 1, f"!{line.strip()}"
        elif sung and not line.lstrip().startswith(("~", "(")):
            yield index + 1, f"~{line.strip()}"  # the library takes what is said after a sung line for action
        else:
            yield index + 1, line


def _cue_name(line: str) -> str:
    """The name of a line that may be a character's: capitals, not long; '' where it cannot be one."""
    bare = _EXTENSION.sub("", line).strip()
    fits = bare[:1].isalpha() and bare.isupper() and len(bare) < MOST_CUE and ":" not in bare
    return bare if fits and not _HEADING.match(bare) else ""


def _is_scene(heading: str) -> bool:
    return bool(heading.strip()) and not re.match(r"^\s*FADE\s+IN\b", heading, re.I)


def looks_like_fountain(text: str) -> bool:
    """Whether a text has scene headings, or names in capitals with a speech on the next line."""
    lines = text.split("\n")
    names = sum(
        1
        for before, line, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False)
        if not before.strip() and after.strip() and ":" not in line
        and (bare := _EXTENSION.sub("", line).strip()) and bare.isupper() and len(bare) < 40
    )  # fmt: skip
    return names >= 2 or any(_HEADING.match(line) for line in lines)
