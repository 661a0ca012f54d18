"""What is said in the sounds of a dataset made elsewhere: by its list, its table, or texts beside the sounds."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

LISTS = frozenset({".list", ".csv", ".tsv", ".txt", ".lab"})
"""Endings of texts that may hold words."""
MOST_ROWS = 100_000
MOST_BYTES = 32 * 1024**2
"""Of one text."""
_COLUMNS = {
    "file": ("file", "path", "audio", "wav", "filename", "file_name", "audio_file", "clip", "id"),
    "text": ("text", "transcript", "transcription", "sentence", "normalized_text", "words"),
    "speaker": ("speaker", "speaker_name", "character", "speaker_id"),
    "language": ("language", "lang", "locale"),
}
_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})?")


@dataclass(frozen=True)
class Row:
    """One sound's words."""

    text: str
    speaker: str = ""
    language: str = ""


def stem_of(name: str) -> str:
    """What tells sounds apart in a list: their name without folders and ending, whatever case."""
    plain = PurePosixPath(name.strip().strip('"').replace("\\", "/")).name
    cut = plain.rpartition(".")
    return (cut[0] if cut[0] and cut[2].casefold() in _SOUND_ENDINGS else plain).casefold()


_SOUND_ENDINGS = frozenset({"wav", "flac", "mp3", "ogg", "opus", "m4a", "aac", "aiff"})


def read_rows(texts: Mapping[str, bytes]) -> dict[str, Row]:
    """Name of the text file -> content, to stem of the sound -> row; a list counts before a text beside a sound.

    Forms: GPT-SoVITS' `path|speaker|language|text`, LJSpeech's `id|text|text`, a CSV or TSV with a header, and
    NAME.txt or NAME.lab with nothing but the words of NAME.wav.
    """
    beside: dict[str, Row] = {}
    listed: dict[str, Row] = {}
    for name in sorted(texts):
        text = decoded(texts[name])
        rows = _table(name, text)
        if rows:
            listed |= rows
        elif PurePosixPath(name).suffix.casefold() in (".txt", ".lab"):
            words = " ".join(text.split())
            beside[PurePosixPath(name.replace("\\", "/")).stem.casefold()] = Row(words)
    return {**beside, **listed}


def decoded(content: bytes) -> str:
    """UTF-8 or UTF-16 by its mark, else UTF-8, else Windows-1252."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _table(name: str, text: str) -> dict[str, Row]:
    lines = [line for line in text.splitlines()[:MOST_ROWS] if line.strip()]
    if not lines:
        return {}
    if PurePosixPath(name).suffix.casefold() in (".csv", ".tsv") and "|" not in lines[0]:
        return _with_header(lines)
    return dict(filter(None, (_piped(line) for line in lines)))


def _piped(line: str) -> tuple[str, Row] | None:
    parts = [part.strip() for part in line.split("|", 3)]
    if len(parts) == 4 and _TAG.fullmatch(parts[2]):
        return stem_of(parts[0]), Row(parts[3], parts[1], parts[2].lower().replace("_", "-"))
    if len(parts) in (2, 3):
        return stem_of(parts[0]), Row(parts[-1] or parts[1])
    return None


def _with_header(lines: list[str]) -> dict[str, Row]:
    separator = max("\t;,", key=lines[0].count)
    try:
        rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=separator))
    except csv.Error:
        return {}
    header = [cell.strip().casefold().lstrip("\ufeff") for cell in rows[0]]
    where = {
        what: next((header.index(name) for name in names if name in header), -1) for what, names in _COLUMNS.items()
    }
    if where["file"] < 0 or where["text"] < 0:
        return {}

    def cell(row: list[str], what: str) -> str:
        return row[where[what]].strip() if 0 <= where[what] < len(row) else ""

    return {
        stem_of(cell(row, "file")): Row(cell(row, "text"), cell(row, "speaker"), cell(row, "language").lower())
        for row in rows[1:]
        if cell(row, "file") and cell(row, "text")
    }
