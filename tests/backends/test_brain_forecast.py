"""Questions about time, memory and cost: read as the wish that they are about, and never as that wish itself."""

from __future__ import annotations

from typing import Any

import pytest
from brain_talk import BUNNY, calls, messages, question, understand
from langchain_core.messages import AIMessage, HumanMessage

from backends.llm.offline.brain import OfflineBrain
from backends.llm.offline.price_questions import asked_about


@pytest.fixture(scope="module")
def brain() -> OfflineBrain:
    return OfflineBrain()


@pytest.mark.parametrize(
    ("wish", "tool", "args"),
    [
        ("how long would a film of 60 seconds take?", "make_film", {"seconds": 60}),
        ("how long would a film of 60 seconds with Luca take?", "make_film", {"seconds": 60, "story": "Luca"}),
        ("what would a 30 second film cost", "make_film", {"seconds": 30}),
        ("forecast a 60 second film about a dog", "make_film", {"seconds": 60, "story": "a dog"}),
        ("can my GPU do a film of 60 seconds?", "make_film", {"seconds": 60}),
        ("does a 60 s film fit in my gpu?", "make_film", {"seconds": 60}),
        ("hw long wud a film of 20 seconds take", "make_film", {"seconds": 20}),
        ("I want a film of 40 seconds about a whale. How long would that take?", "make_film", {"story": "a whale"}),
        ("how long to train a voice?", "train_voice", {}),
        ("how long would a voice take to train?", "train_voice", {}),
        ("how long does cloning a voice take?", "clone_voice", {}),
        ("how long would it take to make 20 pictures of a cat?", "generate_image", {"count": 20}),
        ("how many minutes would the analysis of this film take", "analyze_video", {"video": BUNNY["id"]}),
        ('how long would it take to say "hello there" as Luca', "speak", {"text": "hello there"}),
        ("quanto ci vuole per un film di 60 secondi?", "make_film", {"seconds": 60}),
        ("quanto tempo ci vuole per analizzare questo film?", "analyze_video", {"video": BUNNY["id"]}),
        ("how long can a film be?", "make_film", {}),
    ],
)
def test_a_question_about_the_price_is_no_wish(brain: OfflineBrain, wish: str, tool: str, args: dict[str, Any]) -> None:
    reading = understand(brain, wish, attachments=[BUNNY])
    assert reading.intent == "forecast" and reading.tools[0] == tool
    name, found = calls(brain, wish, attachments=[BUNNY])[0]
    assert name == tool and args.items() <= found.items()


@pytest.mark.parametrize(
    ("wish", "intent"),
    [
        ("how much is a litre of milk", "decline"),
        ("quanto costa un chilo di pane", "decline"),
        ("how much does it cost to book a flight", "decline"),
        ("how much vram do you use", "gpu_status"),
        ("is there enough vram for another model", "gpu_status"),
        ("how long is this film?", "analyze_video"),
        ("how many cuts does this video have?", "analyze_video"),
        ("make a film about how long the winter took", "make_film"),
    ],
)
def test_other_questions_stay_what_they_were(brain: OfflineBrain, wish: str, intent: str) -> None:
    assert understand(brain, wish, attachments=[BUNNY]).intent == intent


def test_the_price_of_what_was_said_before(brain: OfflineBrain) -> None:
    before = [HumanMessage("make a 20 second film about a dog"), AIMessage("Here is the plan")]
    decision = brain.decide(messages("how long would that take?", before))
    assert (decision.intent, decision.calls[0].args) == ("forecast", {"story": "a dog", "seconds": 20})
    assert brain.decide(messages("how long would that take?")).intent == "clarify"


def test_the_wish_is_made_when_the_user_agrees(brain: OfflineBrain) -> None:
    before = [HumanMessage("how long would a 20 second film about a dog take?"), AIMessage("About 90 s.")]
    decision = brain.decide(messages("ok, do it", before))
    assert (decision.intent, decision.calls[0].args) == ("make_film", {"story": "a dog", "seconds": 20})
    open_story = [HumanMessage("how long would a 60 second film take?"), AIMessage("About 270 s."),
                  HumanMessage("do it"), AIMessage("What is the story about?")]  # fmt: skip
    answered = brain.decide(messages("a dog finds a bone", open_story, open_question=question("do it")))
    assert (answered.intent, answered.calls[0].args) == ("make_film", {"story": "a dog finds a bone", "seconds": 60})


def test_a_file_that_decides_about_the_price_is_asked_for(brain: OfflineBrain) -> None:
    wish = "how long would it take to analyse this film?"
    asked = understand(brain, wish)
    assert asked.intent == "clarify" and "file" in asked.question
    answered = understand(brain, "this one", attachments=[BUNNY], open_question=question(wish))
    assert (answered.intent, answered.tools, answered.answers) == ("forecast", ["analyze_video"], True)
    other = understand(brain, "draw a cat", open_question=question(wish))
    assert other.intent == "generate_image"


def test_what_a_question_is_about() -> None:
    assert asked_about("how long will it take you to train a voice?") == "train a voice"
    assert asked_about("quanto ci metti a fare un film di un minuto?") == "fai un film di un minuto"
    assert asked_about("how long did the last film take?") is None
    assert asked_about("how long will it take?") == ""
