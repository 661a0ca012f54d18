"""Subtitles that lie inside a film, as lines with times."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from backends.media.guard import film_stream, open_container, sniff

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.subtitles.stream import SubtitleStream

Line = tuple[float, float, str]
"""Start and end in seconds from the film's first frame, and the text."""
PICTURES = frozenset({"dvd_subtitle", "dvdsub", "hdmv_pgs_subtitle", "pgssub", "dvb_subtitle", "dvbsub", "xsub"})
"""Codecs whose subtitles are pictures of text."""
MOST_LINES, MOST_LETTERS = 20_000, 500
_COMMANDS = re.compile(r"\{\\[^{}]*\}|</?[a-zA-Z][^<>]{0,80}>")
"""ASS overrides and HTML-like tags."""
_BREAKS = re.compile(r"\\[Nnh]")


def embedded_subtitles(
    path: Path, language: str = "", cancel: Callable[[], None] = lambda: None
) -> tuple[list[Line], str]:
    """Lines of the film's subtitle track, in order of time, or [] and why there are none.

    language: two or three letters (ISO 639) of the track that is preferred; '' takes the file's default, else the
    first. Formatting is dropped. A track that breaks off gives the lines before. Raises UsageError when the file
    itself cannot be opened.
    """
    found = sniff(path)
    if found.kind not in ("video", "audio"):
        return [], "it is no film"
    with open_container(path, found.format) as container:
        track, why = _chosen(container, language)
        if track is None:
            return [], why
        lines = sorted(_lines(container, track, cancel))
    return (lines, "") if lines else ([], "its subtitle track is empty")


def plain_line(text: str) -> str:
    """A subtitle's text on one line, without formatting and control characters."""
    words = _COMMANDS.sub("", _BREAKS.sub(" ", text))
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())[:MOST_LETTERS]


def _chosen(container: InputContainer, language: str) -> tuple[SubtitleStream | None, str]:
    import av

    tracks = list(container.streams.subtitles)
    if not tracks:
        return None, "it has no subtitle track"
    texts = [track for track in tracks if track.codec_context.name not in PICTURES]
    if not texts:
        return None, "its subtitles are pictures of text"

    def rank(track: SubtitleStream) -> tuple[bool, bool]:
        spoken = (track.language or "").lower()[:2]
        default = bool(track.disposition & av.stream.Disposition.default)
        return bool(language) and spoken == language.lower()[:2], default

    return max(texts, key=rank), ""


def _lines(container: InputContainer, track: SubtitleStream, cancel: Callable[[], None]) -> Iterator[Line]:
    import av

    film = film_stream(container)
    origin = float((film.start_time or 0) * film.time_base) if film is not None and film.time_base else 0.0
    count = 0
    try:
        for packet in container.demux(track):
            cancel()
            if packet.pts is None or packet.time_base is None or not packet.size:
                continue
            start = float(packet.pts * packet.time_base) - origin
            end = start + float((packet.duration or 0) * packet.time_base)
            try:
                said = [bytes(getattr(part, "dialogue", b"")) for part in packet.decode()]
            except (av.FFmpegError, ValueError):  # one bad line costs that line
                continue
            text = plain_line(" ".join(part.decode("utf-8", "replace") for part in said))
            if text and end > start >= 0:
                yield round(start, 3), round(end, 3), text
                count += 1
            if count >= MOST_LINES:
                return
    except (av.FFmpegError, ValueError):  # a film that is cut short still has the lines before
        return
