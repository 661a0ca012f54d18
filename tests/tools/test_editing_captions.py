"""Captions: seen where they should be, inside the frame, whatever the text tries."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from editing_context import EditingStudio, frames
from media_fixtures import make_video
from numpy.typing import NDArray

from configs.errors import UsageError
from configs.settings import Settings
from tools.editing.ass import escape, script
from tools.editing.lettering import clean, faces, set_text
from tools.editing.presets import caption_presets
from tools.editing.program import Words
from tools.editing.specs import CaptionSpec
from tools.editing.srt import read_srt, write_srt
from tools.editing.timeline import load_timeline, outline

GREY = 90
"""Grey level of the test film: letters are white (255) on it, their outlines black."""


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    flat = np.full((180, 320, 3), GREY, np.uint8)
    made.attach(make_video(tmp_path / "flat.mp4", 1.0, frame=lambda at: flat, sound=False))
    yield made
    made.close()


def written(studio: EditingStudio, text: str, **args: object) -> NDArray[np.bool_]:
    """(N, H, W): which pixels of each frame are letters or outlines."""
    film, _ = studio.make("add_captions", video="flat.mp4", text=text, **args)
    return np.asarray(np.abs(frames(film) - GREY).max(axis=3) > 40)


@pytest.mark.parametrize(("position", "rows"), [("top", (0, 60)), ("center", (60, 120)), ("bottom", (120, 180))])
def test_the_text_is_where_it_should_be(studio: EditingStudio, position: str, rows: tuple[int, int]) -> None:
    seen = written(studio, "Hello", position=position).any(axis=(0, 2))
    assert seen[rows[0] : rows[1]].any()
    assert not np.delete(seen, np.arange(*rows)).any()


def test_meme_is_big_white_capitals_with_a_black_outline(studio: EditingStudio) -> None:
    film, _ = studio.make("add_captions", video="flat.mp4", text="wait for it", position="top", style="meme")
    picture = frames(film)[12][:60]
    assert (picture > 240).all(axis=2).sum() > 1000 and (picture < 20).all(axis=2).sum() > 500
    small, _ = studio.make("add_captions", video="flat.mp4", text="wait for it", style="subtitle", position="top")
    assert (frames(small)[12][:60] > 240).all(axis=2).sum() < (picture > 240).all(axis=2).sum() / 2
    assert set_text("wait", "meme", 320, 180).lines[0][0][1] == "WAIT"


def test_a_line_on_top_or_in_capitals_is_a_meme(studio: EditingStudio) -> None:
    sizes = {
        said: written(studio, said, **more)[3].sum() for said, more in (("wait", {"position": "top"}), ("WAIT", {}))
    }
    assert min(sizes.values()) > 2 * written(studio, "wait")[3].sum()


def test_an_edited_film_is_drawn_once_with_its_words(studio: EditingStudio) -> None:
    both = "keep the first half in sepia and write 'one' at the bottom"
    _, edited = studio.make("edit_video", video="flat.mp4", instruction=both)
    film, outcome = studio.make("add_captions", video=edited.assets[0].id, text="two", position="top")
    cut = load_timeline(studio.path(outcome.assets[1]))
    source = studio.memory.find_asset("flat.mp4", (), thread="t")
    clips = [clip for track in outline(cut)["tracks"] for clip in track["clips"]]
    assert [clip.get("asset") or clip["text"] for clip in clips] == [source.id, "one", "two"]
    assert set(outcome.assets[0].parents) == {outcome.assets[1].id, edited.assets[0].id, source.id}
    seen = frames(film)[3]
    assert (seen[:60] > 200).any() and (seen[120:] > 200).any()
    studio.path(source).unlink()
    film, outcome = studio.make("add_captions", video=edited.assets[0].id, text="three", position="top")
    assert len(frames(film)) == 12, "without the source, onto the finished film"


def test_only_on_its_frames(studio: EditingStudio) -> None:
    seen = written(studio, "now", start=0.25, end=0.5).any(axis=(1, 2))
    assert seen.tolist() == [False] * 6 + [True] * 6 + [False] * 12


@pytest.mark.parametrize(
    "text",
    [
        "It's 100%: a 'test', \"quoted\" [v]; x=1\\N{\\b1}",
        "{\\an5\\fs200\\pos(0,0)}",
        "%{pts} %{localtime} ${HOME}",
        "line one\nline two\nline three",
        "ciao 😀 mondo",
        "مرحبا",
        "\u202ereversed\u202c",
        "a" * 120,
        "word " * 70,
        "movie=/etc/passwd,drawtext=text=x",
        "\\",
        "{",
    ],
    ids=[
        "signs",
        "override",
        "expansion",
        "lines",
        "emoji",
        "arabic",
        "bidi",
        "long word",
        "long",
        "filter",
        "slash",
        "brace",
    ],
)
@pytest.mark.parametrize("style", ["meme", "subtitle"])
def test_any_text_stays_inside_the_frame(studio: EditingStudio, text: str, style: str) -> None:
    if text == "مرحبا" and len(faces(caption_presets().styles[style])) == 1:
        assert isinstance(studio.run("add_captions", video="flat.mp4", text=text).error, UsageError)
        return
    seen = written(studio, text, style=style)[5]
    assert 20 < seen.sum() < seen.size * 0.7
    assert not seen[:, :2].any() and not seen[:, -2:].any() and not seen[:2].any() and not seen[-2:].any()


def test_commands_in_the_text_are_drawn_not_obeyed(studio: EditingStudio) -> None:
    plain = written(studio, "bbb")[5]
    tricky = written(studio, "{\\b1}bbb")[5]
    assert tricky.sum() > plain.sum() * 1.5, "the braces and the command are letters like any other"
    broken = written(studio, "a\\Nb")[5].any(axis=1)
    single = written(studio, "a b")[5].any(axis=1)
    assert abs(int(broken.sum()) - int(single.sum())) < 8, "one line: the text's own \\N breaks none"


def test_text_cannot_leave_its_event() -> None:
    text = "one\r\nDialogue: 0,0:00:00.00,9:00:00.00,s0,,0,0,0,,two\n[Fonts]"
    made = script([Words(0, 24, text, "subtitle", "bottom")], 1280, 720, Fraction(24))
    assert sum(line.startswith("Dialogue:") for line in made.splitlines()) == 1
    assert sum(line.startswith("[") for line in made.splitlines()) == 3
    assert escape("{\\b1}") == "\\{\\\u2060b1\\}"


def test_letters_without_a_font_are_left_out_and_named(studio: EditingStudio) -> None:
    outcome = studio.run("add_captions", video="flat.mp4", text="fish \U00013199 swim")
    assert outcome.result is not None and any("\U00013199" in warning for warning in outcome.result.warnings)
    outcome = studio.run("add_captions", video="flat.mp4", text="\U00013199\U00013199")
    assert isinstance(outcome.error, UsageError)


def test_wrapped_lines_are_balanced_and_as_large_as_fits() -> None:
    lines = [
        "".join(text for _, text in line) for line in set_text("one two three four five six", "meme", 320, 180).lines
    ]
    assert len(lines) == 2 and abs(len(lines[0]) - len(lines[1])) < 6
    sizes = [set_text("word " * count, "subtitle", 320, 180).size for count in (1, 12, 60)]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] == pytest.approx(180 * 0.075)


def test_cleaning() -> None:
    assert clean("  a\t b\r\n\r\n c\x00\x1b[0m\u202e ") == "a b\nc[0m"


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"text": "   "},
        {"text": "x", "subtitles": "flat.srt"},
        {"text": "x", "start": 3.0},
        {"text": "x", "start": 0.5, "end": 0.2},
        {"text": "x", "end": 9.0},
        {"text": "x" * 5000},
        {"text": "\x00\x01"},
        {"text": "x", "style": "fancy"},
    ],
)
def test_wrong_use_is_one_sentence_and_leaves_nothing(studio: EditingStudio, args: dict[str, object]) -> None:
    before = sorted(studio.workspace.assets.iterdir())
    outcome = studio.run("add_captions", video="flat.mp4", **args)
    assert isinstance(outcome.error, UsageError), outcome
    assert "\n" not in outcome.error.sentence
    assert sorted(studio.workspace.assets.iterdir()) == before


def test_subtitles_from_a_file(studio: EditingStudio, tmp_path: Path) -> None:
    path = tmp_path / "film.srt"
    path.write_text(
        "1\n00:00:00,250 --> 00:00:00,500\n<i>Hello</i>\n\n2\n00:00:00,750 --> 00:00:05,000\n{\\an8}Up\nhere\n\n"
        "3\n00:00:50,000 --> 00:00:51,000\nlate\n",
        encoding="utf-8",
    )
    studio.attach(path)
    film, outcome = studio.make("add_captions", video="flat.mp4", subtitles="film.srt")
    seen = np.abs(frames(film) - GREY).max(axis=3) > 40
    assert seen[:, 90:].any(axis=(1, 2)).tolist() == [False] * 6 + [True] * 6 + [False] * 12
    assert seen[:, :90].any(axis=(1, 2)).tolist() == [False] * 18 + [True] * 6
    assert outcome.result is not None and any("1 of 3" in warning for warning in outcome.result.warnings)
    assert studio.memory.find_asset("film.srt", (), thread="t").id in outcome.assets[0].parents


def test_subtitles_that_stand_there_already_are_not_written_twice(studio: EditingStudio, tmp_path: Path) -> None:
    path = tmp_path / "film.srt"
    path.write_text("1\n00:00:00,250 --> 00:00:00,750\nHello there\n", encoding="utf-8")
    studio.attach(path)
    _, first = studio.make("add_captions", video="flat.mp4", subtitles="film.srt")
    assert first.result is not None and first.result.summary.startswith("Wrote 1 subtitle onto flat.mp4")
    again = studio.run("add_captions", video=first.assets[0].id, subtitles="film.srt")
    assert again.error is not None and "has these captions already" in again.error.sentence
    studio.make("add_captions", video=first.assets[0].id, subtitles="film.srt", style="meme")


def test_srt_round_trip_and_garbage(tmp_path: Path) -> None:
    captions = [CaptionSpec(0.5, 1.25, "Ciao\npiccolo"), CaptionSpec(3661.001, 3662, "top", position="top")]
    path = tmp_path / "a.srt"
    path.write_text("\ufeff" + write_srt(captions), encoding="utf-8")
    assert read_srt(path) == captions
    path.write_bytes("1\r\n00:00:01,000 --> 00:00:02,000\r\nperch\xe9\r\n".encode("cp1252"))
    assert read_srt(path)[0].text == "perché"
    for raw in (b"", b"hello", b"1\n00:00:02,000 --> 00:00:01,000\nx\n", b"\xff\xfe\x00"):
        path.write_bytes(raw)
        with pytest.raises(UsageError):
            read_srt(path)


def test_the_presets_are_whole() -> None:
    assert set(caption_presets().styles) >= {"subtitle", "meme"}
