"""Captions set in type: cleaned, measured with the real font, wrapped and sized so that they stay in the frame."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, cast

from backends.media.font import find_font, font_file
from configs.errors import UsageError
from tools.editing.presets import CaptionStyle, caption_presets

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

EM = 100
"""Size at which text is measured; widths scale with it."""
SHRINK = 0.94
FLOOR_PIXELS = 6
"""Below this nobody can read; text that long is refused before by `characters`."""
DROPPED = frozenset({"Cc", "Cs", "Co", "Cn"})
JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f")
DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff")
"""They could turn other text around; the shaper finds the direction from the letters."""


@dataclass(frozen=True)
class Face:
    """One font: the name libass looks for, and its file."""

    family: str
    file: Path


@dataclass(frozen=True)
class Setting:
    """A caption ready to be drawn: lines of (face, text) runs; `size` is the height of a line in pixels."""

    lines: tuple[tuple[tuple[Face, str], ...], ...]
    size: float
    missing: str
    """Letters that no font here has; they are left out."""


def faces(style: CaptionStyle) -> tuple[Face, ...]:
    """The style's packaged font, then the fallbacks that exist on this machine."""
    return (Face(style.family, font_file(style.weight)), *_fallbacks())


@cache
def _fallbacks() -> tuple[Face, ...]:
    there = (Face(family, find_font(name)) for family, name in caption_presets().fallback_fonts.items())
    return tuple(face for face in there if face.file.is_file())


def set_text(text: str, style_name: str, width: int, height: int) -> Setting:
    """Lay `text` out for a frame of width x height pixels, with the largest size that fits the style.

    Raises UsageError for an unknown style, text that is empty or too long, or letters that no font here has.
    """
    presets = caption_presets()
    style = presets.styles.get(style_name)
    if style is None:
        raise UsageError(f"There is no caption style '{style_name}'", fix=f"Use one of {', '.join(presets.styles)}")
    plain = checked(text)
    if style.uppercase:
        plain = plain.upper()
    known = faces(style)
    drawn = {one: one.isspace() or _face_of(one[0], known) is not None for one in _letters(plain)}
    kept = clean("".join(one for one in _letters(plain) if drawn[one]))
    missing = "".join(dict.fromkeys(one[0] for one, there in drawn.items() if not there))
    if not kept:
        raise UsageError(
            f"The caption '{plain[:40]}' cannot be drawn",
            "no font here has its letters",
            "Name a font file that has them under fallback_fonts in configs/captions.yaml",
        )
    lines, size = _fit(kept, style, width, height, known)
    return Setting(tuple(tuple(_runs(line, known)) for line in lines), size, missing)


def _letters(text: str) -> Iterator[str]:
    """Each letter with the marks and joiners that belong to it: without it, they would be drawn on nothing."""
    letter = ""
    for sign in text:
        if letter and not letter.isspace() and (sign in JOINERS or unicodedata.category(sign)[0] == "M"):
            letter += sign
            continue
        if letter:
            yield letter
        letter = sign
    if letter:
        yield letter


def checked(text: str) -> str:
    """The text as it will be drawn. Raises UsageError when it is empty or too long for one caption."""
    plain, most = clean(text), caption_presets().characters
    if all(unicodedata.category(letter)[0] in "CZ" for letter in plain):  # spaces, and letters without width
        raise UsageError("The caption has no text", fix="Say what it should read")
    if len(plain) > most:
        raise UsageError(
            f"The caption has {len(plain)} characters",
            f"at most {most} fit into one",
            "Shorten it, or give subtitles as an .srt file",
        )
    return plain


def clean(text: str) -> str:
    """Without control characters and direction marks; line breaks kept, other space made single."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    kept = (
        letter if letter == "\n" else " " if letter.isspace() else letter
        for letter in unicodedata.normalize("NFC", unified)
        if letter in "\n\t" or (unicodedata.category(letter) not in DROPPED and letter not in DIRECTION_MARKS)
    )
    lines = (" ".join(line.split()) for line in "".join(kept).split("\n"))
    return "\n".join(line for line in lines if line)


def _fit(text: str, style: CaptionStyle, width: int, height: int, known: tuple[Face, ...]) -> tuple[list[str], float]:
    """Lines and the height of one, in pixels."""
    room = width * style.width
    tall = height * (1 - 2 * style.margin)
    size, smallest = height * style.largest, height * style.smallest
    while True:
        per_em = room / (size * _em_share(known[0]) / EM)
        lines = _wrap(text, per_em, known)
        wide = max(_width(line, known) for line in lines)
        few = len(lines) <= max(style.lines, text.count("\n") + 1) or size <= smallest
        if few and wide <= per_em and len(lines) * size <= tall:
            return _balance(text, per_em, len(lines), known), size
        if size <= smallest:
            lines = _wrap(text, per_em, known, split=True)
            if len(lines) * size <= tall or size <= FLOOR_PIXELS:
                return lines, size
        size *= SHRINK


def _wrap(text: str, room: float, known: tuple[Face, ...], *, split: bool = False) -> list[str]:
    """Break lines at spaces; with `split` also inside words that are wider than a line."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            whole = f"{line} {word}" if line else word
            if not line or _width(whole, known) <= room:
                line = whole
            else:
                lines.append(line)
                line = word
            while split and len(line) > 1 and _width(line, known) > room:
                at = next((n for n in range(len(line) - 1, 1, -1) if _width(line[:n], known) <= room), 1)
                lines.append(line[:at])
                line = line[at:]
        lines.append(line)
    return lines


def _balance(text: str, room: float, count: int, known: tuple[Face, ...]) -> list[str]:
    """The narrowest wrapping with the same number of lines: no single word is left on the last one."""
    low, high = room * 0.3, room
    for _ in range(12):
        middle = (low + high) / 2
        lines = _wrap(text, middle, known)
        if len(lines) <= count and max(_width(line, known) for line in lines) <= room:
            high = middle
        else:
            low = middle
    return _wrap(text, high, known)


def _runs(line: str, known: tuple[Face, ...]) -> list[tuple[Face, str]]:
    """Neighbouring letters of one font together; spaces stay with what is before them."""
    chosen: list[tuple[Face, str]] = []
    for letter in line:
        face = chosen[-1][0] if letter == " " and chosen else _face_of(letter, known) or known[0]
        chosen.append((face, letter))
    return [(face, "".join(letter for _, letter in group)) for face, group in groupby(chosen, key=lambda pair: pair[0])]


@lru_cache(maxsize=8192)
def _width(line: str, known: tuple[Face, ...]) -> float:
    return sum(_font(face.file).getlength(text) for face, text in _runs(line, known))


def _em_share(face: Face) -> float:
    """The font's em as a share of the height of a line: libass sizes fonts by ascent plus descent."""
    ascent, descent = _font(face.file).getmetrics()
    return EM / (ascent + descent)


@lru_cache(maxsize=8192)
def _face_of(letter: str, known: tuple[Face, ...]) -> Face | None:
    return next((face for face in known if _has(face.file, letter)), None)


def _has(file: Path, letter: str) -> bool:
    """Whether the font draws this letter as something else than its box for unknown ones."""
    drawn = bytes(cast("bytes", _font(file).getmask(letter)))
    return drawn != _unknown_box(file)


@cache
def _unknown_box(file: Path) -> bytes:
    return bytes(cast("bytes", _font(file).getmask("\uffff")))


@cache
def _font(file: Path) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(str(file), EM)
