"""Changes in words."""

from __future__ import annotations

import pytest

from agent.rewording import reword

CAT = "Make a 3 second film: a cat jumps in the kitchen"


@pytest.mark.parametrize(
    ("wish", "change", "wanted"),
    [
        (CAT, "make it 5 seconds", "Make a 5 second film: a cat jumps in the kitchen"),
        (CAT, "5s please", "Make a 5 second film: a cat jumps in the kitchen"),
        (CAT, "make it 5 seconds, at night", "Make a 5 second film: a cat jumps in the kitchen. At night"),
        (CAT, "and it rains at night", f"{CAT}. It rains at night"),
        ("Write a storyboard in 5 shots about rain", "only 3 shots", "Write a storyboard in 3 shots about rain"),
        ("Make a film about rain", "make it 8 seconds", "Make a film about rain. 8 seconds"),
        ("A twenty second film: two cats sleep", "thirty seconds", "A thirty second film: two cats sleep"),
    ],
)
def test_lengths_are_replaced_and_the_rest_is_appended(wish: str, change: str, wanted: str) -> None:
    assert reword(wish, change) == wanted
