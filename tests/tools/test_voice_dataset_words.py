"""Subtitles of a dataset: other encodings are read, times that do not fit the sound are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.sound.result import Words
from tools.analysis.words_files import read_words
from tools.voice.dataset.words_fit import misfit

LINES = [(0.5, 3.0), (3.6, 9.0), (10.2, 12.0), (12.5, 19.0), (20.5, 24.0), (26.0, 33.0), (33.4, 40.0), (44.0, 47.0)]


def _words(shift: float = 0.0, longer: float = 0.0) -> list[Words]:
    return [Words(start=a + shift, end=b + shift + longer, text="words", by="subtitles") for a, b in LINES]


@pytest.mark.parametrize(
    ("shift", "told"),
    [(0.0, ""), (0.3, ""), (7.0, "they seem 7.0 s late"), (-5.0, "they seem 5.0 s early"), (3600.0, "after its end")],
)
def test_shifted_lines_are_told(shift: float, told: str) -> None:
    words = [word for word in _words(shift) if word.start >= 0]
    assert told in misfit(words, LINES, 50.0) and bool(told) == bool(misfit(words, LINES, 50.0))


def test_lines_that_stay_longer_than_the_speech_fit() -> None:
    assert misfit(_words(longer=0.4), LINES, 50.0) == ""


def test_too_little_to_tell() -> None:
    assert misfit(_words(7.0)[:3], LINES, 50.0) == "" and misfit([], LINES, 50.0) == ""
    assert misfit(_words(7.0), [(0.0, 50.0)], 50.0) == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-be"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "1\n00:00:01,000 --> 00:00:03,000\nLUCA: Perché no? “Così” — è l’ora…\n"
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (tmp_path / "lines.srt").write_bytes(mark + text.encode(encoding))
    (line,) = read_words(tmp_path / "lines.srt")
    assert line.text == "LUCA: Perché no? “Così” — è l’ora…"
