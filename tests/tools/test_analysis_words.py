"""What is said: subtitle files, a film's own track, the studio's captions and lines, a recogniser that may be there."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from editing_context import EditingStudio, coloured_film
from media_fixtures import make_wav

from backends.media.ffmpeg import ffmpeg_path
from backends.media.subtitles import embedded_subtitles
from backends.sound.result import Words
from backends.vision.frame import MONO_RATE
from backends.voice.speakers.recogniser import FILES, find_recogniser
from configs.errors import Cancelled, UsageError
from configs.settings import Settings
from memory.records import Asset
from tools.analysis.words import words_of
from tools.analysis.words_files import parse_vtt, read_words, write_vtt
from tools.spec import CancelToken

SRT = """1
00:00:00,200 --> 00:00:00,500
<i>Where are</i> you going?

2
00:00:00,600 --> 00:00:00,900
{\\an8}To the harbour.
Now!
"""
LINES = [("Where are you going?", 0.2, 0.5), ("To the harbour. Now!", 0.6, 0.9)]


class Studio(EditingStudio):
    """A tool's view of a studio, as far as words need it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.thread, self.cancel = "t", CancelToken()
        self.warnings: list[str] = []
        self.notes: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def progress(self, done: float, total: float, note: str = "") -> None:
        self.notes.append(note)

    def words(self, asset: Asset, language: str = "") -> tuple[list[tuple[str, float, float]], str, set[str]]:
        found, why = words_of(asset, self, language)  # type: ignore[arg-type]
        return [(one.text, one.start, one.end) for one in found], why, {one.by for one in found}


@pytest.fixture
def studio(settings: Settings) -> Iterator[Studio]:
    made = Studio(settings)
    yield made
    made.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_film(tmp_path_factory.mktemp("film") / "harbour.mp4")


def with_track(film: Path, target: Path, *tracks: tuple[str, str], codec: str = "mov_text") -> Path:
    """The film with subtitle tracks of (language, SRT text)."""
    inputs, maps, marks = [], ["-map", "0:v"], []
    for number, (language, text) in enumerate(tracks):
        file = target.with_suffix(f".{number}.srt")
        file.write_text(text, encoding="utf-8")
        inputs += ["-i", str(file)]
        maps += ["-map", str(number + 1)]
        marks += [f"-metadata:s:s:{number}", f"language={language}"]
    command = [
        ffmpeg_path(),
        "-v",
        "error",
        "-i",
        str(film),
        *inputs,
        *maps,
        "-c:v",
        "copy",
        "-c:s",
        codec,
        *marks,
    ]
    subprocess.run([*command, "-y", str(target)], check=True)
    return target


def test_a_subtitle_file_is_read_as_it_is(studio, tmp_path):
    for name, text in (("a.srt", SRT), ("a.vtt", write_vtt([Words(start=a, end=b, text=t) for t, a, b in LINES]))):
        (tmp_path / name).write_text(text, encoding="utf-8")
        found, why, by = studio.words(studio.attach(tmp_path / name))
        assert (found, why, by) == (LINES, "", {"subtitles"})


def test_ass_is_read_too(tmp_path):
    file = tmp_path / "a.ass"
    file.write_text(
        "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name\nStyle: Default\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\\i1}Ciao{\\i0}, Luca\\Nmio!\n"
    )
    (line,) = read_words(file)
    assert (line.text, line.start, line.end) == ("Ciao, Luca mio!", 1.0, 2.5)


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "mov_text"), (".mkv", "srt"), (".mkv", "ass")])
def test_a_films_own_track(studio, film, tmp_path, suffix, codec):
    asset = studio.attach(with_track(film, tmp_path / f"film{suffix}", ("eng", SRT), codec=codec))
    assert studio.words(asset) == (LINES, "", {"subtitles"})


def test_the_wanted_language_is_taken(film, tmp_path):
    two = with_track(film, tmp_path / "two.mp4", ("eng", SRT), ("ita", SRT.replace("Where are", "Dove")))
    assert embedded_subtitles(two, "it")[0][0][2].startswith("Dove")
    assert embedded_subtitles(two, "en")[0] == embedded_subtitles(two)[0] == embedded_subtitles(two, "fr")[0]
    assert embedded_subtitles(film) == ([], "it has no subtitle track")


def test_a_film_cut_short_keeps_the_lines_before_and_cancel_is_heard(film, tmp_path):
    long = "\n".join(
        f"{n}\n00:00:{n // 10:02d},{n % 10}00 --> 00:00:{n // 10:02d},{n % 10}90\nline {n}\n" for n in range(10)
    )
    whole = with_track(film, tmp_path / "whole.mkv", ("eng", long), codec="srt").read_bytes()
    half = tmp_path / "half.mkv"
    half.write_bytes(whole[: int(len(whole) * 0.8)])
    lines, _ = embedded_subtitles(half)
    assert [text for *_, text in lines] == [f"line {n}" for n in range(len(lines))] and lines

    def stop() -> None:
        raise Cancelled("Stopped")

    with pytest.raises(Cancelled):
        embedded_subtitles(tmp_path / "whole.mkv", cancel=stop)


def test_a_file_of_the_same_name_comes_before_the_films_own_track(studio, film, tmp_path):
    asset = studio.attach(with_track(film, tmp_path / "harbour.mp4", ("eng", SRT)))
    for name, text in (("harbour.it.srt", "Dove vai?"), ("harbours.srt", "no"), ("harbour.director.srt", "no")):
        (tmp_path / name).write_text(SRT.replace("<i>Where are</i> you going?", text), encoding="utf-8")
        studio.attach(tmp_path / name)
    assert studio.words(asset)[0][0][0] == "Dove vai?"
    (tmp_path / "harbour.en.srt").write_text(SRT.replace("you", "we"), encoding="utf-8")
    studio.attach(tmp_path / "harbour.en.srt")
    assert studio.words(asset, "it")[0][0][0] == "Dove vai?"
    assert studio.words(asset, "en")[0][0][0] == "Where are we going?"


def test_a_damaged_file_beside_it_is_passed_over_and_told(studio, film, tmp_path):
    asset = studio.attach(with_track(film, tmp_path / "harbour.mp4", ("eng", SRT)))
    beside = tmp_path / "harbour.srt"
    beside.write_text(SRT)
    studio.path(studio.attach(beside)).write_text("nothing")
    assert studio.words(asset)[0] == LINES
    assert len(studio.warnings) == 1 and "harbour" in studio.warnings[0]


def test_captions_of_the_studios_own_cut(studio, film):
    asset = studio.attach(film)
    made = studio.run("add_captions", video=asset.id, text="Hello <b>harbour</b>", start=0.25, end=0.75)
    assert made.error is None
    found, _, by = studio.words(made.assets[0])
    assert by == {"the studio's captions"} and found[0][0] == "Hello harbour"
    assert found[0][1:] == pytest.approx((0.25, 0.75), abs=0.05)


def test_a_spoken_line_tells_its_own_words(studio, tmp_path):
    from dataclasses import replace

    sound = studio.attach(make_wav(tmp_path / "line.wav", 1.0))
    line = replace(sound, params={"text": "Ciao *laughs*", "character": "Luca", "duration": 0.9})
    assert studio.words(line)[0] == [("Luca: Ciao laughs", 0.0, 0.9)]
    rows = [{"text": "A", "start": 0, "end": 1}, {"text": "B"}, "no", {"text": "C", "start": "x", "end": 2}]
    assert studio.words(replace(sound, params={"lines": rows}))[0] == [("A", 0.0, 1.0)]


def test_without_any_source_the_reasons_are_told(studio, film):
    found, why, _ = studio.words(studio.attach(film))
    assert found == [] and "no subtitle track" in why and "recogniser" in why and "\n" not in why
    assert studio.warnings == []


# -- the recogniser -------------------------------------------------------------------------------------------------


class StandIn(types.ModuleType):
    """The part of faster-whisper that is used (its 1.x signatures); it hears a line in each second that is loud."""

    def __init__(self) -> None:
        super().__init__("faster_whisper")
        self.calls: list[dict[str, Any]] = []
        self.lengths: list[int] = []
        outer = self

        class WhisperModel:
            def __init__(self, model: str, *, device: str, compute_type: str, local_files_only: bool) -> None:
                outer.calls.append({"model": model, "local_files_only": local_files_only})

            def transcribe(self, audio: np.ndarray, *, language: Any, beam_size: int, vad_filter: bool) -> Any:
                assert audio.dtype == np.float32 and audio.ndim == 1
                outer.calls.append({"language": language})
                outer.lengths.append(len(audio))
                loud = [
                    s for s in range(len(audio) // MONO_RATE) if np.abs(audio[s * MONO_RATE :][:MONO_RATE]).max() > 0.1
                ]
                segments = (types.SimpleNamespace(start=s + 0.0, end=s + 0.9, text=f"  word {s} ") for s in [*loud, 90])
                return segments, types.SimpleNamespace(language="en")

        self.WhisperModel = WhisperModel


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> StandIn:
    module = StandIn()
    module.__spec__ = __import__("importlib.machinery").machinery.ModuleSpec("faster_whisper", None)
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    folder = tmp_path / "whisper"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes(b"x")
    settings.voice.recogniser = str(folder)
    return module


def test_without_subtitles_a_local_recogniser_is_heard(studio, stand_in, tmp_path):
    asset = studio.attach(make_wav(tmp_path / "talk.wav", 2.2))
    found, why, by = studio.words(asset, "it")
    assert [text for text, *_ in found] == ["word 0", "word 1"] and why == "" and by == {"faster-whisper whisper"}
    assert stand_in.calls[0]["local_files_only"] is True and stand_in.calls[1]["language"] == "it"
    assert "words of talk.wav" in studio.notes


def test_long_sound_is_written_down_in_pieces_that_join(studio, stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr("backends.voice.speakers.recogniser._CHUNK_S", 4.0)
    monkeypatch.setattr("backends.voice.speakers.recogniser._SEARCH_S", 2.0)
    asset = studio.attach(make_wav(tmp_path / "talk.wav", 11.0))
    found = studio.words(asset)[0]
    assert len(stand_in.lengths) >= 3 and sum(stand_in.lengths) == pytest.approx(11 * MONO_RATE, rel=0.02)
    starts = [start for _, start, _ in found]
    assert starts == sorted(starts) and starts[-1] > 8


def test_what_a_recogniser_lacks_is_told(settings, stand_in, tmp_path):
    assert find_recogniser(settings)[0] is not None
    (tmp_path / "whisper" / "tokenizer.json").unlink()
    none, why = find_recogniser(settings)
    assert none is None and "tokenizer.json" in why
    settings.voice.recogniser = ""
    assert "voice.recogniser" in find_recogniser(settings)[1]


def test_a_recogniser_that_fails_is_told_once_and_costs_only_the_words(studio, stand_in, tmp_path):
    def broken(*args: Any, **more: Any) -> Any:
        raise RuntimeError("cublas\nnot found")

    stand_in.WhisperModel = broken
    found, _, _ = studio.words(studio.attach(make_wav(tmp_path / "talk.wav", 1.2)))
    assert found == [] and len(studio.warnings) == 1 and "cublas not found" in studio.warnings[0]


# -- WebVTT ---------------------------------------------------------------------------------------------------------


def test_vtt_as_the_standard_has_it():
    text = (
        "\ufeffWEBVTT - a title\r\nKind: captions\r\n\r\nNOTE 00:01.000 --> 00:02.000\r\nno cue\r\n\r\n"
        "STYLE\r\n::cue {}\r\n\r\n"
        "intro\r\n00:01.500 --> 00:02.250 align:start line:0\r\n<v.loud Luca>Ciao &amp; <b>salve</b>\r\na tutti\r\n\r\n"
        "01:00:00.000 --> 01:00:01.000\r\n<c.red>late</c>\r\n\r\n00:05.000 --> 00:04.000\r\nbackwards\r\n\r\n"
        "00:03.000 -> 00:04.000\r\nno arrow\r\n\r\n00:99.000 --> x\r\nno time\r\n\r\n00:07.000 --> 00:08.000\r\n\r\n"
    )
    assert [(w.start, w.end, w.text) for w in parse_vtt(text)] == [
        (1.5, 2.25, "Luca: Ciao & salve a tutti"),
        (3600, 3601, "late"),
    ]


@pytest.mark.parametrize("text", ["", "webvtt\n\n", "WEBVTTX\n\n00:01.000 --> 00:02.000\nx", "hello", "1\n\nWEBVTT"])
def test_what_is_no_vtt_is_refused(text):
    with pytest.raises(UsageError, match="WEBVTT"):
        parse_vtt(text)
    assert parse_vtt("WEBVTT") == ()


def test_vtt_written_is_read_again_and_nothing_breaks_out():
    said = ["a --> b", "<script>alert(1)</script> & so", "two\n\nlines", "", "late"]
    words = [Words(start=3600.0 * n, end=3600.0 * n + 1.5, text=text) for n, text in enumerate(said)]
    words.append(Words(start=2.0, end=1.0, text="backwards"))
    text = write_vtt(words)
    assert "<script>" not in text and text.startswith("WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.500\na --&gt; b\n")
    back = parse_vtt(text)
    assert [(one.start, one.end) for one in back] == [(3600.0 * n, 3600.0 * n + 1.5) for n in (0, 1, 2, 4)]
    assert [one.text for one in back][2:] == ["two lines", "late"]


@pytest.mark.parametrize("name", ["film.mp4", "a.txt"])
def test_other_files_hold_no_subtitles(film, tmp_path, name):
    file = film if name == "film.mp4" else tmp_path / name
    if file is not film:
        file.write_text("just text")
    with pytest.raises(UsageError, match="holds no subtitles"):
        read_words(file)
