"""Messages as people say them: corrected half way, told before asked, gone on with by a step."""

from __future__ import annotations

import pytest

from backends.llm.facts import Facts
from backends.llm.offline.asking import essential
from backends.llm.offline.repeats import adjusted, other_file
from backends.llm.offline.request import Call, Request
from backends.llm.offline.second_thoughts import settled
from backends.llm.offline.wish import Wish


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("cut it to 10 no wait 15 seconds", "cut it to 15 seconds"),
        ("trim it to ten seconds, wait, make that twelve, and fade out", "trim it to twelve seconds, and fade out"),
        ("draw a cat, I mean a dog, with a top hat", "draw a dog, with a top hat"),
        ("make it colder, sorry, I meant warmer", "make it warmer"),
        ("Luca should say 'hi', actually no, 'good evening'", "Luca should say 'good evening'"),
        ("speed it up, er, I mean slow it down by half", "slow it down by half"),
        ("make a film about a pirate, hmm, no, just a storyboard", "make a storyboard about a pirate"),
        ("put the title at the top, or rather the bottom: 'Summer'", "put the title at the bottom: 'Summer'"),
        ("three pictures of owls. No, make that five", "five pictures of owls"),
        ("let's make it horror... no, scratch that, a comic", "let's make it a comic"),
        ('let Luca, no wait, Boo say "hello"', 'let Boo say "hello"'),
        ("remove the last 4, no sorry, the first 4 seconds", "remove the first 4 seconds"),
        ("rotate it left, oops, right I mean", "rotate it right"),
        ("taglia a 10 secondi, anzi 15", "taglia a 15 secondi"),
    ],
)
def test_what_is_taken_back_is_not_done(said: str, meant: str) -> None:
    assert settled(said, ("Luca", "Boo")) == meant


@pytest.mark.parametrize(
    "said",
    [
        "Luca says no, I mean it",
        'Luca says "no, I mean it, go home"',
        "No, the other one",
        "no, not that",
        "draw a knight, no helmet, no horse",
        "there is no music in this, add some",
        "BOO: I want it. No, I mean the other one.",
        "draw Luca on a hill, no dragons, no clouds, please",
    ],
)
def test_what_is_no_correction_stays(said: str) -> None:
    assert settled(said, ("Luca", "Boo")) == said


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("It is so dark, could you make it brighter?", "could you make it brighter?"),
        ("the intro is boring. Cut it", "Cut the intro"),
        ("the second is best, give it 5 stars", "give the second 5 stars"),
        ("I can't hear the people. Could they be louder?", "Could they be louder?"),
    ],
)
def test_only_the_request_is_read(said: str, asked: str) -> None:
    found = essential(Wish(said, said))
    assert found is not None and found.text == asked


@pytest.mark.parametrize(
    "said",
    ["cut it and make it louder", "trim it, fade it out", "the title is too small, make it bigger", "make it louder"],
)
def test_several_requests_or_one_are_not_parted(said: str) -> None:
    assert essential(Wish(said, said)) is None


def _after(said: str, call: Call) -> Request:
    return Request(Wish(said, said), Wish(said, said), Facts(), "en", recent=(call,))


@pytest.mark.parametrize(
    ("said", "before", "after"),
    [
        ("hm, a bit less", "make it twice as fast", "make it 1.5x speed"),
        ("a bit more", "make it 2x faster", "make it 2.5x faster"),
        ("less please", "make it faster by 20 %", "make it faster by 10 %"),
        ("too much", "make it slower", "make it a bit slower"),
    ],
)
def test_a_change_of_speed_goes_on_by_a_step(said: str, before: str, after: str) -> None:
    made = adjusted(_after(said, Call("edit_video", {"video": "a.mp4", "instruction": before})))
    assert made == [Call("edit_video", {"video": "a.mp4", "instruction": after})]
    assert adjusted(_after(said, Call("edit_video", {"video": "a.mp4", "instruction": "make it sepia"}))) == []


def test_the_same_for_a_file_that_is_named() -> None:
    comic = Call("remix_style", {"video": "one.mp4", "style": "comic"})
    assert other_file(_after("that one too: two.mp4", comic)) == [
        Call("remix_style", {**comic.args, "video": "two.mp4"})
    ]
    assert other_file(_after("trim two.mp4 to 5 seconds", comic)) == []
