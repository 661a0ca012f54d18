"""Short wishes about what is on the screen, and the best of several."""

from __future__ import annotations

from typing import Any

import pytest
from brain_talk import FILM, IMAGE, calls, question

from backends.llm.offline.brain import OfflineBrain


@pytest.fixture(scope="module")
def brain() -> OfflineBrain:
    return OfflineBrain()


@pytest.mark.parametrize(
    ("wish", "tool"),
    [
        ("make the sky purple", "edit_image"), ("make his shirt red", "edit_image"), ("give him glasses", "edit_image"),
        ("now at night", "edit_image"), ("zoom in closer", "edit_image"), ("make it brighter", "edit_image"),
        ("make Luca wear a green hat", "edit_image"), ("put a moustache on him", "edit_image"),
        ("ora di notte", "edit_image"), ("fai il cielo viola", "edit_image"), ("mettigli gli occhiali", "edit_image"),
        ("is this Luca?", "check_identity"), ("does this still look like Luca?", "check_identity"),
        ("make it again, pixel for pixel", "remake_image"),
        ("let Luca say hello", "speak"), ("make a film about Luca", "make_film"),
        ("draw Boo in the rain", "generate_image"),
        ("undo that", "undo"), ("rate it 5 stars", "rate_asset"), ("make a batch of 4 robots", "generate_batch"),
    ],
)  # fmt: skip
def test_a_picture_on_the_screen_is_what_short_wishes_are_about(brain: OfflineBrain, wish: str, tool: str) -> None:
    assert [name for name, _ in calls(brain, wish, assets=[IMAGE])] == [tool]


def test_a_film_on_the_screen_is_not_a_picture(brain: OfflineBrain) -> None:
    assert calls(brain, "make it black and white", assets=[FILM, IMAGE])[0][0] == "edit_video"
    assert calls(brain, "make it", assets=[IMAGE]) == [] and calls(brain, "turn it into a film", assets=[IMAGE]) == []


def test_a_whole_wish_is_no_answer_to_an_open_question(brain: OfflineBrain) -> None:
    asked = question("make it nice", ["change a picture", "cut or change a video"])
    made = calls(brain, "does this still look like Luca?", assets=[IMAGE], open_question=asked)
    assert made == [("check_identity", {"image": IMAGE["id"], "character": "Luca"})]


def test_a_wish_of_its_own_is_not_put_behind_an_unclear_one(brain: OfflineBrain) -> None:
    asked = question("make the sky purple and give him a green hat")
    (name, args), *others = calls(brain, "four poses of Luca", open_question=asked)
    assert name == "generate_batch" and args["character"] == "Luca" and not others
    assert "purple" not in str(args)


def test_the_best_of_several_is_no_part_of_the_picture(brain: OfflineBrain) -> None:
    for wish in (
        "draw Luca waving, the best of three",
        "draw Luca waving, best of 3",
        "disegna Luca, il migliore di tre",
    ):
        ((name, args),) = calls(brain, wish)
        assert name == "generate_image" and args["best_of"] == 3 and "best" not in args["prompt"]
        assert "migliore" not in args["prompt"] and "count" not in args


@pytest.mark.parametrize(
    ("wish", "call"),
    [
        ("calibrate the likeness of Luca", ("check_identity", {"character": "Luca", "calibrate": True})),
        ("calibra la somiglianza di Luca", ("check_identity", {"character": "Luca", "calibrate": True})),
        ("six poses of Luca", ("generate_batch", {"prompt": "poses of Luca", "count": 6, "character": "Luca"})),
        ("sei pose di Luca", ("generate_batch", {"prompt": "pose di Luca", "count": 6, "character": "Luca"})),
        (
            "make six pictures of Luca in different poses",
            ("generate_batch", {"prompt": "Luca in different poses", "count": 6, "character": "Luca"}),
        ),
    ],
)
def test_calibration_and_series_that_differ(brain: OfflineBrain, wish: str, call: tuple[str, dict[str, Any]]) -> None:
    assert calls(brain, wish, assets=[IMAGE]) == [call]
