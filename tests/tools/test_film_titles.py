"""What a film is called, from its story."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.film.reading import read_story
from tools.film.titles import LONGEST


@pytest.mark.parametrize(
    ("story", "title"),
    [
        ("a boy named Luca with curly hair finds a tiny robot on the beach at sunset. He waves.", "Luca and the Robot"),
        ("a lost kite flies over the harbour", "A Lost Kite Flies over the Harbour"),
        ("Two cats fight over a fish on the roof at night", "Two Cats Fight over a Fish"),
        ("Luca is waving on the beach", "Luca Waving on the Beach"),
        ("how a snail wins a race against the hare and everybody laughs", "A Snail Wins a Race Against the Hare"),
        ("The war between the cats and the dogs of the old town", "The War Between the Cats and the Dogs"),
        ("it is raining and nobody is home", "It Is Raining and Nobody Is Home"),
        ("a whale", "A Whale"),
        ("un gatto nero e un topo litigano", "Un gatto nero e un topo litigano"),
        ("Make a film called 'The Last Kite': a boy loses his kite", "The Last Kite"),
        ("Titolo: Il faro\nUn uomo sale sul faro.", "Il faro"),
        ("INT. KITCHEN - DAY\nANNA: Where is it?\nBRUNO: Here.", "Anna and Bruno"),
        ("Luca: 'Hi!'\nMira: 'Hello!'", "Luca and Mira"),
        ("...", "Untitled"),
    ],
)
def test_titles_read_like_titles(story: str, title: str) -> None:
    assert read_story(story).title == title


@settings(deadline=None)
@given(st.text(alphabet="aeirst the of on Luca.,:'\"\n?!…", max_size=160))
def test_a_title_is_short_and_ends_with_a_word(story: str) -> None:
    title = read_story(story).title
    assert 0 < len(title) <= LONGEST and "\n" not in title
    assert title[-1].isalnum() and "…" not in title and not title.endswith((" the", " of", " on"))
