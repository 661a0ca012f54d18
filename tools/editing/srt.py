"""SubRip and WebVTT subtitles: read with care, written plainly."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from configs.errors import UsageError
from tools.analysis.timecode import caption_clock
from tools.editing.specs import CaptionSpec

MAX_BYTES = 4 * 1024 * 1024
MAX_CAPTIONS = 2000
_CLOCK = r"(?:(\d{1,3}):)?(\d{2}):(\d{2})[,.](\d{1,3})"
TIMES = re.compile(rf"{_CLOCK}\s*-->\s*{_CLOCK}(.*)")
"""WebVTT may leave the hours out, and says behind the times where the words stand."""
TAGS = re.compile(r"</?[a-zA-Z][^<>]{0,80}>|\{\\[^{}]{0,80}\}")
"""HTML-like tags, and ASS commands that some editors write into .srt files."""
JOINER = "\u2060"
"""A letter without width (word joiner): a file of subtitles has no way to say that a letter is only a letter."""
_MEANS_MORE = re.compile(r"<(?=[a-zA-Z/])|\{(?=[\\a-zA-Z])|--(?=>)")
"""What players take for formatting, and for the times of a further subtitle."""
TOP = re.compile(r"\{\\an[789]\}")
LINE = re.compile(r"\bline:(\d{1,3})(?:\.\d+)?%")
_HIGH, _LOW = 33, 66
"""Percent of the picture's height: above is on top, below at the bottom."""


def read_srt(path: Path) -> list[CaptionSpec]:
    """The captions of an .srt or .vtt file, in order of time; formatting is dropped, `{\\an8}` means on top.

    Raises UsageError when it is too large, not text, or holds no caption.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"'{path.name}' is too large for subtitles", f"{MAX_BYTES // 2**20} MiB are the limit")
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"'{path.name}' cannot be read", error.strerror or str(error)) from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", errors="replace")
    found: list[CaptionSpec] = []
    web = text.startswith("WEBVTT")
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip("\n").split("\n")
        at = next((number for number, line in enumerate(lines) if TIMES.search(line)), None)
        if at is None:
            continue
        match = TIMES.search(lines[at])
        assert match is not None
        start, end = _seconds(match.groups()[:4]), _seconds(match.groups()[4:8])
        words = "\n".join(lines[at + 1 :])
        plain = TAGS.sub("", words).replace(JOINER, "").strip()
        plain = html.unescape(plain) if web else plain
        if plain and end > start:
            found.append(CaptionSpec(start, end, plain, "subtitle", _place(words, match.group(9))))
    if not found:
        raise UsageError(f"'{path.name}' holds no subtitles", "no 'time --> time' line is followed by text")
    if len(found) > MAX_CAPTIONS:
        raise UsageError(f"'{path.name}' holds {len(found)} subtitles", f"{MAX_CAPTIONS} are the limit")
    return sorted(found, key=lambda caption: (caption.start, caption.end))


def write_srt(captions: Sequence[CaptionSpec]) -> str:
    """Captions as .srt text; words that look like formatting or like times stay words."""
    blocks = []
    for number, caption in enumerate(sorted(captions, key=lambda caption: (caption.start, caption.end)), 1):
        lines = [line for line in caption.text.replace("\r", "").split("\n") if line.strip()]
        words = "\n".join(_MEANS_MORE.sub(rf"\g<0>{JOINER}", line) for line in lines)
        place = "{\\an8}" if caption.position == "top" else ""
        blocks.append(f"{number}\n{caption_clock(caption.start)} --> {caption_clock(caption.end)}\n{place}{words}\n")
    return "\n".join(blocks)


def write_vtt(captions: Sequence[CaptionSpec]) -> str:
    """Captions as WebVTT (W3C, webvtt1), each with its place on the picture."""
    places = {"top": " line:5%", "center": " line:50%", "bottom": ""}
    blocks = ["WEBVTT\n"]
    for caption in sorted(captions, key=lambda caption: (caption.start, caption.end)):
        lines = [line for line in caption.text.replace("\r", "").split("\n") if line.strip()]
        words = "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        span = f"{caption_clock(caption.start, '.')} --> {caption_clock(caption.end, '.')}{places[caption.position]}"
        blocks.append(f"{span}\n{words}\n")
    return "\n".join(blocks)


def _place(words: str, settings: str) -> Literal["bottom", "top", "center"]:
    if line := LINE.search(settings):
        height = int(line.group(1))
        return "top" if height < _HIGH else "bottom" if height > _LOW else "center"
    return "top" if TOP.search(words) else "bottom"


def _seconds(parts: Sequence[str]) -> float:
    hours, minutes, seconds, thousandths = parts
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(thousandths.ljust(3, "0")) / 1000
