"""Styles of captions: where they stand, and what comes when."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from editing_context import EditingStudio, frames
from media_fixtures import make_video

from configs.settings import Settings
from tools.editing.ass import script, stacked
from tools.editing.lettering import set_text
from tools.editing.presets import caption_presets
from tools.editing.program import Words
from tools.editing.reveal import times_of
from tools.editing.specs import CaptionStyleName, Spoken

FPS = Fraction(24)


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    flat = np.full((180, 320, 3), 90, np.uint8)
    made.attach(make_video(tmp_path / "flat.mp4", 1.0, frame=lambda at: flat, sound=False))
    yield made
    made.close()


def test_every_style_of_the_contract_has_a_preset() -> None:
    assert set(caption_presets().styles) == set(get_args(CaptionStyleName))


@pytest.mark.parametrize("style", ["title", "lower_third", "comic", "silent"])
def test_a_style_stands_in_its_place(studio: EditingStudio, style: str) -> None:
    film, _ = studio.make("add_captions", video="flat.mp4", text="Hello\nall of you", style=style)
    seen = np.abs(frames(film)[12] - 90).max(axis=2) > 40
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert rows[0] > 2 and rows[-1] < 177 and columns[0] > 2 and columns[-1] < 317
    if style in ("title", "silent"):
        assert abs((rows[0] + rows[-1]) / 2 - 90) < 12
    else:
        assert rows[0] > 90
    if style == "lower_third":
        assert columns[-1] < 160


def test_karaoke_colours_words_as_they_are_said(studio: EditingStudio) -> None:
    film, _ = studio.make("add_captions", video="flat.mp4", text="one two three four", style="karaoke")
    picture = frames(film)
    yellow = ((picture[..., 0] > 190) & (picture[..., 2] < 130)).sum(axis=(1, 2))
    white = (picture.min(axis=3) > 225).sum(axis=(1, 2))
    assert yellow[1] < yellow[8] < yellow[16] < yellow[23] and white[1] > white[12] > white[23]


def test_a_typewriter_writes_letter_by_letter(studio: EditingStudio) -> None:
    film, _ = studio.make("add_captions", video="flat.mp4", text="letter by letter it comes", style="typewriter")
    drawn = (np.abs(frames(film) - 90).max(axis=3) > 40).sum(axis=(1, 2))
    assert drawn[0] < 0.15 * drawn[-1] and drawn[8] < 0.6 * drawn[-1]
    assert all(later >= earlier - 4 for earlier, later in pairwise(drawn))


def test_a_lower_third_makes_room_for_the_line_below_it() -> None:
    name = Words(0, 100, "A NAME\nand what it does", "lower_third", "bottom")
    alone = Words(120, 140, "Later", "lower_third", "bottom")
    line = Words(50, 90, "This is said below it, and it is so long that it takes two lines.", "subtitle", "bottom")
    above = Words(0, 100, "On top", "subtitle", "top")
    lifted, same, *rest = stacked([name, alone, line, above], 640, 360)
    assert rest == [line, above] and same == alone
    setting, look = set_text(line.text, "subtitle", 640, 360), caption_presets().styles["lower_third"]
    assert len(setting.lines) == 2
    low = caption_presets().styles["subtitle"].margin + 2 * setting.size / 360
    assert low < look.margin + lifted.lifted < low + 0.1
    assert f",{round((look.margin + lifted.lifted) * 360)},-1" in script([lifted], 640, 360, FPS)


def test_times_come_from_what_was_said() -> None:
    look = caption_presets().styles["karaoke"]
    spoken = (Spoken(0.5, 0.8, "Wait"), Spoken(1.0, 1.2, "for it!"))
    words = Words(0, 48, "wait for\nit!", "karaoke", "bottom", spoken)
    times = times_of(words, set_text(words.text, "karaoke", 320, 180), look, FPS)
    assert times == [(0.5, 0.8)] * 4 + [(1.0, 1.2)] * 6
    text = script([words], 320, 180, FPS)
    assert "{\\k50}{\\kf30}wait" in text and "{\\k20}{\\kf20}for" in text


def test_other_words_than_the_text_share_the_time_by_letters() -> None:
    look = caption_presets().styles["karaoke"]
    words = Words(0, 48, "ab cd", "karaoke", "bottom", (Spoken(0, 1, "something else"),))
    times = times_of(words, set_text(words.text, "karaoke", 320, 180), look, FPS)
    assert times == [(0.0, 1.0)] * 2 + [(1.0, 2.0)] * 2


def test_a_revealed_text_cannot_become_a_command() -> None:
    words = Words(0, 48, "{\\k99} \\pos(0,0) {x}", "typewriter", "bottom")
    line = script([words], 320, 180, FPS).splitlines()[-1].split(",,", 2)[-1]
    tags = [part.split("}")[0] for part in line.replace("\\{", "").split("{")[1:]]
    assert all(tag.startswith(("\\ko", "\\k")) and tag.lstrip("\\ko").isdigit() for tag in tags)


@pytest.mark.parametrize(
    ("text", "small"),
    [
        ("Professor Amelia Bartholomew Winterbottom-Featherstone the Third", 0),
        ("Otto\nbaker", 1),
        ("Professor Amelia Bartholomew Winterbottom-Featherstone the Third\nbaker", 1),
    ],
)
def test_only_the_second_line_of_a_lower_third_is_small(text: str, small: int) -> None:
    """A long name that is broken is one name still."""
    lines = set_text(text, "lower_third", 640, 360).lines
    assert len(lines) > small
    made = script([Words(0, 48, text, "lower_third", "bottom")], 640, 360, FPS)
    assert made.count("\\fs") == small
    if small:
        assert "\\fs" in made.rpartition("\\N")[2], "its last line"


@pytest.mark.parametrize("style", ["title", "silent", "lower_third", "subtitle"])
def test_a_short_caption_is_there_before_it_goes(studio: EditingStudio, style: str) -> None:
    """A quarter of a second: what took longer to come would never be seen."""
    film, _ = studio.make("add_captions", video="flat.mp4", text="Wait", style=style, start=0.5, end=0.75)
    lit = (frames(film).min(axis=3) > 200).sum(axis=(1, 2))
    assert lit[12:18].max() > 20 and lit[:11].max() == 0 and lit[19:].max() == 0, lit
