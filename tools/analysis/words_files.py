"""Files of words with times: SubRip, WebVTT and ASS read with care, WebVTT written plainly."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from pathlib import Path

from backends.media.subtitles import plain_line
from backends.sound.result import Words
from configs.errors import UsageError
from tools.analysis.timecode import caption_clock

MAX_BYTES, MOST = 4 * 1024 * 1024, 20_000
_HEAD = re.compile(r"\A\ufeff?WEBVTT(?:[ \t][^\n]*)?(?:\n|\Z)")
_CLOCK = r"(?:(\d{1,4}):)?(\d{2}):(\d{2})[.,](\d{3})"
_TIMES = re.compile(rf"^\s*{_CLOCK}\s+-->\s+{_CLOCK}(?:\s.*)?$")
_SKIPPED = ("NOTE", "STYLE", "REGION")
_VOICE = re.compile(r"<v(?:\.[\w.]+)?\s+([^<>]{1,80})>")
"""WebVTT's voice span: who speaks."""


def read_words(path: Path, name: str = "") -> tuple[Words, ...]:
    """The lines of a subtitle file (.srt, .vtt, .ass by content), in order of time; formatting is dropped.

    name: what the file is called where that is told. Raises UsageError when it is too large or holds no subtitles.
    """
    from backends.media.guard import sniff
    from tools.editing.srt import read_srt

    name = name or path.name
    found = sniff(path)
    if found.kind != "subtitle":
        raise UsageError(f"'{name}' holds no subtitles", f"it is {found.mime}")
    if path.stat().st_size > MAX_BYTES:
        raise UsageError(f"'{name}' is too large for subtitles", f"{MAX_BYTES // 2**20} MiB are the limit")
    if found.format == "webvtt":
        words = parse_vtt(_text(path), name)
    elif found.format == "ass":
        words = _read_ass(path)
    else:
        told = [(one.start, one.end, plain_line(one.text)) for one in read_srt(path)]
        words = tuple(Words(start=a, end=b, text=text, by="subtitles") for a, b, text in told if text)
    if not words:
        raise UsageError(f"'{name}' holds no subtitles", "no line has a time and a text")
    return words


def parse_vtt(text: str, name: str = "the file") -> tuple[Words, ...]:
    """The cues of a WebVTT text (W3C Recommendation of 2019), in order of time; settings, notes and styles are dropped.

    A voice span's speaker is put before the text. Raises UsageError when the text does not begin as WebVTT.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")
    if not _HEAD.match(text):
        raise UsageError(f"'{name}' is no WebVTT file", "it does not begin with WEBVTT")
    found: list[Words] = []
    for block in re.split(r"\n{2,}", text)[1:] if "\n\n" in text else []:
        lines = block.strip("\n").split("\n")
        if lines[0].split(" ")[0] in _SKIPPED and "-->" not in lines[0]:
            continue
        at = next((number for number, line in enumerate(lines[:2]) if "-->" in line), None)
        times = _TIMES.match(lines[at]) if at is not None else None
        if at is None or times is None:
            continue
        start, end = _seconds(times.groups()[:4]), _seconds(times.groups()[4:])
        said = plain_line(html.unescape(_VOICE.sub(r"\1: ", "\n".join(lines[at + 1 :])).replace("\n", " ")))
        if said and end > start:
            found.append(Words(start=start, end=end, text=said, by="subtitles"))
        if len(found) >= MOST:
            break
    return tuple(sorted(found, key=lambda words: (words.start, words.end)))


def write_vtt(words: Sequence[Words]) -> str:
    """Words as WebVTT; a text can neither end its cue nor begin a tag."""
    cues = ["WEBVTT\n"]
    for number, one in enumerate(sorted(words, key=lambda words: (words.start, words.end)), 1):
        text = html.escape(" ".join(one.text.split()), quote=False)
        if text and math.isfinite(one.start) and math.isfinite(one.end) and one.end > one.start >= 0:
            cues.append(f"{number}\n{caption_clock(one.start, '.')} --> {caption_clock(one.end, '.')}\n{text}\n")
    return "\n".join(cues)


def _read_ass(path: Path) -> tuple[Words, ...]:
    import av

    from backends.media.guard import open_container

    found: list[Words] = []
    with open_container(path, "ass") as container:
        try:
            for packet in container.demux(subtitles=0):
                if packet.pts is None or packet.time_base is None or not packet.size:
                    continue
                start = float(packet.pts * packet.time_base)
                end = start + float((packet.duration or 0) * packet.time_base)
                said = b" ".join(bytes(getattr(part, "dialogue", b"")) for part in packet.decode())
                text = plain_line(said.decode("utf-8", "replace"))
                if text and end > start >= 0 and len(found) < MOST:
                    found.append(Words(start=round(start, 3), end=round(end, 3), text=text, by="subtitles"))
        except (av.FFmpegError, ValueError):
            pass
    return tuple(sorted(found, key=lambda words: (words.start, words.end)))


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"'{path.name}' cannot be read", error.strerror or str(error)) from error
    return raw.decode("utf-8-sig", errors="replace")


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, thousandths = (int(part or 0) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + thousandths / 1000
