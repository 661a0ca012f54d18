"""Names cut out of long texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.headlines import shortened, without_hanging

LONG = "Luca waving on the beach in the rain, at night, with a red umbrella"


@pytest.mark.parametrize(
    ("text", "most", "name"),
    [
        (LONG, 20, "Luca waving"),
        (LONG, 28, "Luca waving on the beach"),
        (LONG, 40, "Luca waving on the beach in the rain"),
        ("a boy named Luca with curly brown hair waving on the beach", 28, "a boy named Luca"),
        ("un ragazzo di nome Luca con i capelli ricci che saluta", 20, "un ragazzo"),
        ("un ragazzo di nome Luca con i capelli ricci che saluta", 30, "un ragazzo di nome Luca"),
        ("the door opens. Nobody is there, or so it seems to her", 30, "the door opens"),
        ("short  and\nplain", 30, "short and plain"),
        ("x" * 30, 10, "x" * 10),
        ("", 10, ""),
    ],
)
def test_texts_are_cut_where_it_reads_well(text: str, most: int, name: str) -> None:
    assert shortened(text, most) == name


@settings(deadline=None)
@given(st.text(max_size=120), st.integers(1, 60))
def test_a_name_is_never_longer_than_its_room(text: str, most: int) -> None:
    name = shortened(text, most)
    assert len(name) <= most and name == name.strip() and "\n" not in name
    assert bool(name) == bool(text.split())


def test_words_that_lead_to_nothing_go() -> None:
    assert without_hanging("waving on the") == "waving"
    assert without_hanging("il cane della") == "il cane"
    assert without_hanging("of the") == ""
