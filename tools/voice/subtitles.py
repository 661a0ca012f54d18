"""Subtitles of spoken lines, in SubRip form."""

from __future__ import annotations

import re
from collections.abc import Iterable


def srt(lines: Iterable[tuple[float, float, str]]) -> str:
    """SubRip text of (start, end, text) in seconds; '*beeps*' becomes '[beeps]', as captions write sounds."""
    blocks: list[str] = []
    for number, (start, end, text) in enumerate(lines, start=1):
        shown = " ".join(re.sub(r"\*+([^*]+)\*+", r"[\1]", text).split()).replace("-->", "→")
        blocks.append(f"{number}\n{_stamp(start)} --> {_stamp(end)}\n{shown}\n")
    return "\n".join(blocks)


def _stamp(seconds: float) -> str:
    millis = max(0, round(seconds * 1000))
    hours, rest = divmod(millis, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d},{rest % 1000:03d}"
