"""Subtitle files: words that look like formatting or times stay words, in both formats and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.media.ffmpeg import run_ffmpeg
from tools.editing.specs import CaptionSpec
from tools.editing.srt import JOINER, read_srt, write_srt, write_vtt

NASTY = [
    CaptionSpec(0, 1, "1\n2\n00:00:01,000 --> 00:00:02,000\nno caption of its own", "subtitle", "top"),
    CaptionSpec(1, 2, "is <b>bold</b> or not, <3 & <i", "subtitle", "center"),
    CaptionSpec(2, 3, "{\\p1}m 0 0 l 9 9", "subtitle"),
    CaptionSpec(3, 4, "\u202bעברית\u202c 👩\u200d👧 e\u0301", "subtitle"),
]


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_words_stay_words(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"a.{form}"
    path.write_text(write_srt(NASTY) if form == "srt" else write_vtt(NASTY), encoding="utf-8")
    back = read_srt(path)
    wanted = [one.text for one in NASTY]
    if form == "vtt":
        wanted[2] = "m 0 0 l 9 9"  # what other programs put into such files is dropped
    assert [one.text for one in back] == wanted
    assert [(one.start, one.end) for one in back] == [(one.start, one.end) for one in NASTY]
    assert [one.position for one in back][:2] == (["top", "bottom"] if form == "srt" else ["top", "center"])


def test_a_player_shows_the_words(tmp_path: Path) -> None:
    path, heard = tmp_path / "a.srt", tmp_path / "a.ass"
    path.write_text(write_srt(NASTY), encoding="utf-8")
    run_ffmpeg(["-f", "srt", "-i", str(path), "-f", "ass", str(heard)])
    lines = [line for line in heard.read_text(encoding="utf-8").splitlines() if line.startswith("Dialogue")]
    assert len(lines) == len(NASTY), "no words became a further subtitle"
    shown = [line.split(",,", 2)[-1].split(",,")[-1].replace(JOINER, "") for line in lines]
    assert "<b>bold</b>" in shown[1] and JOINER in lines[2], "neither bold, nor a drawing"


def test_short_times_and_entities_of_webvtt(tmp_path: Path) -> None:
    path = tmp_path / "a.vtt"
    path.write_text("WEBVTT\n\nNOTE nothing\n\n00:01.500 --> 00:02.000 align:left line:10%\n<v Boo>A &amp; B</v>\n")
    (one,) = read_srt(path)
    assert (one.start, one.end, one.text, one.position) == (1.5, 2.0, "A & B", "top")
