"""SubRip subtitles: read with care, written plainly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from configs.errors import UsageError
from tools.analysis.timecode import caption_clock
from tools.editing.specs import CaptionSpec

MAX_BYTES = 4 * 1024 * 1024
MAX_CAPTIONS = 2000
TIMES = re.compile(r"(\d{1,3}):(\d{2}):(\d{2})[,.](\d{1,3})\s*-->\s*(\d{1,3}):(\d{2}):(\d{2})[,.](\d{1,3})")
TAGS = re.compile(r"</?[a-zA-Z][^<>]{0,80}>|\{\\[^{}]{0,80}\}")
"""HTML-like tags, and ASS commands that some editors write into .srt files."""
TOP = re.compile(r"\{\\an[789]\}")


def read_srt(path: Path) -> list[CaptionSpec]:
    """The captions of an .srt or .vtt-like file, in order of time; formatting is dropped, `{\\an8}` means on top.

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
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip("\n").split("\n")
        at = next((number for number, line in enumerate(lines) if TIMES.search(line)), None)
        if at is None:
            continue
        match = TIMES.search(lines[at])
        assert match is not None
        start, end = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
        words = "\n".join(lines[at + 1 :])
        plain = TAGS.sub("", words).strip()
        if plain and end > start:
            found.append(CaptionSpec(start, end, plain, "subtitle", "top" if TOP.search(words) else "bottom"))
    if not found:
        raise UsageError(f"'{path.name}' holds no subtitles", "no 'time --> time' line is followed by text")
    if len(found) > MAX_CAPTIONS:
        raise UsageError(f"'{path.name}' holds {len(found)} subtitles", f"{MAX_CAPTIONS} are the limit")
    return sorted(found, key=lambda caption: (caption.start, caption.end))


def write_srt(captions: Sequence[CaptionSpec]) -> str:
    """Captions as .srt text."""
    blocks = []
    for number, caption in enumerate(sorted(captions, key=lambda caption: (caption.start, caption.end)), 1):
        words = "\n".join(line for line in caption.text.replace("\r", "").split("\n") if line.strip())
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


def _seconds(parts: Sequence[str]) -> float:
    hours, minutes, seconds, thousandths = parts
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(thousandths.ljust(3, "0")) / 1000
