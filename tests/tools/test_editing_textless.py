"""Films of the studio's own: what is cut from them has their captions set anew, not cropped, doubled or out of time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from editing_context import EditingStudio, clip, coloured_film, frames, render
from media_fixtures import make_video
from numpy.typing import NDArray

from configs.settings import Settings
from memory.records import Asset
from tools.editing.change.diff import differences
from tools.editing.decide import decide
from tools.editing.decision.finish import named
from tools.editing.specs import CaptionSpec, Spoken, TitleSpec
from tools.editing.textless import Shown, texts_over
from tools.editing.timeline import build_timeline, load_timeline, outline

GREY = 90
LINE = "It is on your own head, said the fox"


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    flat = np.full((180, 320, 3), GREY, np.uint8)
    made.attach(make_video(tmp_path / "flat.mp4", 4.0, fps=8, frame=lambda at: flat, sound=False))
    yield made
    made.close()


def film_of(studio: EditingStudio, *captions: CaptionSpec, card: str = "") -> Asset:
    """A film that the studio rendered: a flat grey one with captions, and a card at its end."""
    flat = studio.memory.list_assets("video")[-1]
    video = [clip(flat, 0.0, 4.0), *([TitleSpec(4.0, 1.0, card)] if card else [])]
    render(studio, build_timeline("Fox", 8, 320, 180, video, {}, captions))
    return studio.memory.list_assets("video")[0]


def letters(film: Path) -> NDArray[np.bool_]:
    """(N, H, W): which pixels are letters or outlines."""
    return np.asarray(np.abs(frames(film) - GREY).max(axis=3) > 40)


def captions_of(studio: EditingStudio, film: Asset) -> list[tuple[str, float, float]]:
    cut = studio.memory.get_asset(film.parents[0])
    assert cut is not None
    tracks = outline(load_timeline(studio.path(cut)))["tracks"]
    found = [one for track in tracks if track["kind"] == "Subtitle" for one in track["clips"]]
    return [(one["text"], one["start"], one["start"] + one["seconds"]) for one in found]


def test_captions_and_cards_are_set_anew_in_an_upright_frame(studio: EditingStudio) -> None:
    film = film_of(studio, CaptionSpec(0.5, 3.0, LINE), card="THE END OF IT")
    made, outcome = studio.make("edit_video", video=film.id, instruction="crop to vertical")
    seen = letters(made)
    assert seen.shape[1:] == (180, 100)
    assert seen[8].any() and not seen[8, :, [0, 1, -2, -1]].any(), "the line ends at the frame's edges"
    card = frames(made)[36].max(axis=2) > 120
    assert card.any() and not card[:, [0, 1, -2, -1]].any(), "the card's words end at the frame's edges"
    assert [text for text, *_ in captions_of(studio, outcome.assets[0])] == [LINE, "THE END OF IT"]


def test_captions_go_along_with_what_is_kept(studio: EditingStudio) -> None:
    film = film_of(studio, CaptionSpec(0.0, 1.0, "one"), CaptionSpec(2.0, 3.5, "two"))
    made, outcome = studio.make("edit_video", video=film.id, instruction="cut out the first 1.5 seconds")
    assert captions_of(studio, outcome.assets[0]) == [("two", 0.5, 2.0)]
    shown = letters(made).any(axis=(1, 2))
    assert [at for at in range(len(shown)) if shown[at]] == list(range(4, 16))


def test_the_same_film_is_drawn_without_texts_once(studio: EditingStudio) -> None:
    film = film_of(studio, CaptionSpec(0.0, 3.0, "one"))
    names = lambda: [one.name for one in studio.memory.list_assets("video")]  # noqa: E731
    studio.make("edit_video", video=film.id, instruction="crop to square")
    assert names().count("Fox without captions.mp4") == 1
    studio.make("edit_video", video=film.id, instruction="crop to vertical")
    assert names().count("Fox without captions.mp4") == 1
    plain = next(one for one in studio.memory.list_assets("video") if one.name == "Fox without captions.mp4")
    assert not letters(studio.path(plain)).any()
    # Whoever takes a cut back means the film itself by 'the last one'.
    studio.memory.hide_assets([one.id for one in studio.memory.list_assets() if one.name.startswith("Fox-edit")])
    assert studio.memory.find_asset("last", ("video",)).id == film.id
    # It is a film of its own: nobody who cuts it wants the captions back.
    again, _ = studio.make("edit_video", video=plain.id, instruction="keep the first 2 seconds")
    assert not letters(again).any()


def test_texts_follow_speed_joins_and_order() -> None:
    words = (Spoken(1.0, 1.5, "a"), Spoken(1.5, 3.0, "b"))
    line, short = CaptionSpec(1.0, 3.0, "a b", "karaoke", words=words), CaptionSpec(3.0, 3.4, "c")
    half, two = Fraction(1, 2), Fraction(2)

    def over(*shown: Shown) -> list[tuple[str, float, float]]:
        return [(one.text, one.start, one.end) for one in texts_over(shown, {"film": [line, short]}, Fraction(24))]

    assert over(Shown("film", Fraction(0), Fraction(4), Fraction(0), two)) == [("a b", 0.5, 1.5), ("c", 1.5, 1.7)]
    assert over(Shown("other", Fraction(0), Fraction(4), Fraction(0))) == []
    joined = Shown("film", Fraction(0), two, Fraction(0)), Shown("film", two, Fraction(3), two)
    assert over(*joined) == [("a b", 1.0, 3.0)]
    apart = Shown("film", Fraction(0), two, Fraction(0)), Shown("film", two, Fraction(3), Fraction(5, 2))
    assert over(*apart) == [("a b", 1.0, 2.0), ("a b", 2.5, 3.5)]
    assert over(Shown("film", Fraction(0), 1 + half, Fraction(0))) == [], "half a second of two says nothing"
    assert over(Shown("film", Fraction(0), Fraction(4), Fraction(0), backwards=True)) == [
        ("c", 0.6, 1.0),
        ("a b", 1.0, 3.0),
    ]
    spoken = texts_over([Shown("film", Fraction(2), Fraction(4), Fraction(0))], {"film": [line]}, Fraction(24))
    assert [(one.start, one.end) for one in spoken[0].words] == [(0.0, 0.0), (0.0, 1.0)]


def test_differences_have_no_line_breaks() -> None:
    made = [
        build_timeline("Fox", 8, 320, 180, [TitleSpec(0.0, 4.0, "ground")], {}, [CaptionSpec(0.0, 2.0, text)])
        for text in ("one\ntwo", "one\nthree")
    ]
    assert [one.text for one in differences(*made)] == ["'one two' (caption-1-0) says 'one three'"]


def test_the_trailer_is_only_named_where_the_film_is_one(studio: EditingStudio, tmp_path: Path) -> None:
    studio.attach(coloured_film(tmp_path / "fox-edit.mp4", 12.0, fps=8))
    _, trailer = studio.make("edit_video", video="fox-edit.mp4", instruction="a 4 second trailer")
    made = trailer.assets[0]
    assert {text for text, *_ in captions_of(studio, made)} == set()
    upright = "make the trailer vertical", "reframe the trailer to 9:16"
    for instruction in upright:
        film, outcome = studio.make("edit_video", video=made.id, instruction=instruction)
        assert len(frames(film)) == 32 and frames(film).shape[1:3] == (90, 50)
        assert [text for text, *_ in captions_of(studio, outcome.assets[0])] == ["Fox", "Fox"]
    assert [type(one).__name__ for one in decide(upright[1])] == ["Trailer", "Reframe"], "a film becomes both"


def test_new_words_stand_at_the_top_where_subtitles_are_at_the_bottom(studio: EditingStudio) -> None:
    film = film_of(studio, CaptionSpec(1.0, 3.0, "one"))
    made, outcome = studio.make("add_captions", video=film.id, text="a new line", start=2.0)
    rows = letters(made).any(axis=2)
    assert rows[20, :60].any() and rows[20, 120:].any(), "both are read"
    assert outcome.result is not None and "at the top" in outcome.result.summary
    before, _ = studio.make("add_captions", video=film.id, text="a new line", end=1.0)
    said, _ = studio.make("add_captions", video=film.id, text="a new line", position="bottom")
    assert not letters(before)[:, :90].any() and not letters(said)[:, :60].any()
    # The picture of such a cut is made without both.
    again, _ = studio.make("edit_video", video=outcome.assets[0].id, instruction="keep the last second, crop to square")
    assert letters(again)[4, :60].any() and not letters(again)[4, 90:].any()


def test_shots_are_called_as_people_call_them() -> None:
    why = "c1s3: 1.3 times as lively; 'c2s12' as asked, without c1 scene 2 (song c1s)"
    one, two = ["fox.mp4"], ["fox.mp4", "sea.mp4"]
    assert named(why, one) == "shot 3: 1.3 times as lively; shot 12 as asked, without scene 2 (song c1s)"
    assert named(why, two).startswith("shot 3 of fox.mp4: 1.3 times as lively; shot 12 of sea.mp4 as asked")
