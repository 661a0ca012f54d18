"""Texts in phrases."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.voice.emotions.phrases import phrases_in, positions
from backends.voice.texts.script import words_of


@pytest.mark.parametrize(
    ("text", "wanted", "pieces"),
    [
        ("Oh, that is nice, we go.", 2, ["Oh,", "that is nice,", "we go."]),
        ("I thought you would never come back", 2, ["I thought you", "would never come back"]),
        ("Pensavo che non saresti mai tornato", 2, ["Pensavo che non", "saresti mai tornato"]),
        ("I was sad but now I am glad", 2, ["I was sad", "but now I am glad"]),
        ("It costs 3.50 euros, right?", 2, ["It costs 3.50 euros,", "right?"]),
        ("Hello", 2, ["Hello"]),
        ("Come here!", 4, ["Come here!"]),
        ("No... no!", 2, ["No...", "no!"]),
        ("*sighs, loudly* Fine, go.", 2, ["*sighs, loudly* Fine,", "go."]),
        ("... Wait", 2, ["... Wait"]),
        ("你好，世界。我们走吧！", 2, ["你好，", "世界。", "我们走吧！"]),
        ("", 2, []),
    ],
)
def test_cut_at_marks_then_at_joining_words(text: str, wanted: int, pieces: list[str]) -> None:
    assert [phrase.text for phrase in phrases_in(text, wanted)] == pieces


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab é.,!?…-—*() ", max_size=60), st.integers(1, 6))
def test_no_word_is_lost_or_doubled(text: str, wanted: int) -> None:
    found = phrases_in(text, wanted)
    assert " ".join(phrase.text for phrase in found).split() == text.split()
    assert [word for phrase in found for word in words_of(phrase.text)] == words_of(text)


def test_pauses_follow_the_marks() -> None:
    found = phrases_in("Yes, I know. But when I am with you it is fine", 4)
    assert [phrase.pause > 0 for phrase in found] == [True, True, False, False]
    assert found[1].pause > found[0].pause
    assert [phrase.open for phrase in found] == [False, False, True, False]


def test_places_on_the_curve_go_by_length() -> None:
    places = positions(phrases_in("Oh, this is a rather long phrase in between, no."))
    assert places[0] == 0.0 and places[-1] == 1.0 and 0.3 < places[1] < 0.7
    assert positions(phrases_in("Hello")) == (1.0,)
