"""Several characters said in one message: each is remembered, and a wish behind them is served."""

from __future__ import annotations

import pytest
from brain_talk import LUCA, calls, question, understand

from backends.llm.offline.brain import OfflineBrain
from backends.llm.offline.introductions import introductions, named_instead


@pytest.fixture(scope="module")
def brain() -> OfflineBrain:
    return OfflineBrain()


LUCA_IS, ROSA_IS = "Luca is a boy of eight with red hair", "Nonna Rosa is an old woman with a cane"


@pytest.mark.parametrize(
    ("wish", "texts"),
    [
        (f"{LUCA_IS}. {ROSA_IS}.", [LUCA_IS, ROSA_IS]),
        (f"{LUCA_IS} and {ROSA_IS}", [LUCA_IS, ROSA_IS]),
        (f"Remember: {LUCA_IS}; {ROSA_IS}", [LUCA_IS, ROSA_IS]),
        ("luca is a boy of eight with red hair, nonna rosa is an old woman with a cane", [LUCA_IS, ROSA_IS]),
        (
            "my characters are:\n- Luca: a boy of eight with red hair\n- Nonna Rosa: an old woman with a cane",
            ["a boy of eight with red hair", "an old woman with a cane"],
        ),
        ("1. Luca, a boy of eight\n2. Nonna Rosa, an old woman", ["a boy of eight", "an old woman"]),
        (
            "there are two characters, Luca (a small boy) and Nonna Rosa (an old woman)",
            ["a small boy", "an old woman"],
        ),
        (
            "Luca is a boy of eight. He has red hair. Nonna Rosa is an old woman who speaks slowly with a deep voice.",
            [
                "Luca is a boy of eight. He has red hair",
                "Nonna Rosa is an old woman who speaks slowly with a deep voice",
            ],
        ),
        (
            "Luca è un bambino di otto anni. Ha i capelli rossi. Nonna Rosa è una vecchia con un bastone.",
            ["Luca è un bambino di otto anni. Ha i capelli rossi", "Nonna Rosa è una vecchia con un bastone"],
        ),
        (
            "Ricorda Luca, un bambino con i capelli rossi, e Nonna Rosa, una vecchia con un bastone",
            ["un bambino con i capelli rossi", "una vecchia con un bastone"],
        ),
    ],
)
def test_everybody_is_remembered(brain: OfflineBrain, wish: str, texts: list[str]) -> None:
    expected = [
        ("remember", {"kind": "character", "name": name, "text": text})
        for name, text in zip(("Luca", "Nonna Rosa"), texts, strict=True)
    ]
    assert calls(brain, wish, characters=[]) == expected


def test_the_wish_behind_them_is_served_with_their_names(brain: OfflineBrain) -> None:
    made = calls(brain, f"{LUCA_IS}. {ROSA_IS}. Make a 10 second film in which they meet.", characters=[])
    assert [name for name, _ in made] == ["remember", "remember", "make_film"]
    assert made[2][1] == {"story": "Luca and Nonna Rosa meet.", "seconds": 10}
    drawn = calls(brain, f"{LUCA_IS}. {ROSA_IS}. Draw her in a garden and say 'Ciao' as Luca", characters=[])
    assert [name for name, _ in drawn] == ["remember", "remember", "generate_image", "speak"]
    assert drawn[2][1]["character"] == "Nonna Rosa"
    read = understand(brain, f"{LUCA_IS}. {ROSA_IS}. Make a film", characters=[])
    assert read.intent == "clarify" and "story" in read.question


@pytest.mark.parametrize(
    "lead", ["Meet Otto, a grumpy old badger", "And Otto: a grumpy old badger", "This is Otto, a grumpy old badger"]
)
def test_somebody_may_be_presented(brain: OfflineBrain, lead: str) -> None:
    assert calls(brain, lead) == [("remember", {"kind": "character", "name": "Otto", "text": "a grumpy old badger"})]


def test_places_are_no_characters(brain: OfflineBrain) -> None:
    kinds = [args["kind"] for _, args in calls(brain, "Montelupo is a village in the hills. Luca is a boy.")]
    assert kinds == ["place", "character"]


@pytest.mark.parametrize(
    "text",
    [
        "Luca: Hello there\nMira: Hi!",
        "Boo: a robot!\nMira: a robot?",
        "Make a film: Luca is a boy who loves the sea",
        "Luca is a boy. Boo is a robot. They meet on the beach and become friends.",
        "Watercolor is a style I like",
        "The style is a soft pastel",
        "This clip is a bit dark. Make it brighter.",
        "Luca is walking down the street",
        "Is Luca a boy?",
    ],
)
def test_stories_and_scripts_introduce_nobody(text: str) -> None:
    assert introductions(text) is None


def test_pronouns_stand_for_those_who_fit() -> None:
    told = introductions(f"{LUCA_IS}. {ROSA_IS}. Draw him with her")
    assert told is not None and named_instead(told.rest, told.everyone) == "Draw Luca with Nonna Rosa"


def test_an_answer_that_tells_a_story_stays_a_story(brain: OfflineBrain) -> None:
    story = "Luca is a boy. Boo is a robot. They meet."
    assert calls(brain, story, characters=[LUCA], open_question=question("make a film"))[0][0] == "make_film"
