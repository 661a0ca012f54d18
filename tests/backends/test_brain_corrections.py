"""Short corrections of what was just made, and wishes that were taken for something else."""

from __future__ import annotations

from typing import Any

import pytest
from brain_talk import messages
from langchain_core.messages import AIMessage, HumanMessage

from backends.llm.offline.brain import OfflineBrain

CLIP = {"id": "vid-1111111111", "kind": "video", "name": "d.mp4"}
SONG = {"id": "aud-2222222222", "kind": "audio", "name": "beat.mp3"}
LUDO = {"name": "Captain Ludo", "text": "a boastful old sea captain"}


@pytest.fixture(scope="module")
def brain() -> OfflineBrain:
    return OfflineBrain()


def _calls(brain: OfflineBrain, wish: str, before: str = "", **facts: Any) -> list[tuple[str, dict[str, Any]]]:
    talk = [HumanMessage(before), AIMessage("done")] if before else []
    return [(call.tool, call.args) for call in brain.decide(messages(wish, talk, **facts)).calls]


@pytest.mark.parametrize(
    ("before", "wish", "argument", "value"),
    [
        ("cut the first 10 seconds of d.mp4", "oh sorry, I meant the last 10", "instruction", "last 10"),
        ("rotate d.mp4 to the left", "oops, I meant to the right", "instruction", "right"),
        ("add film grain to d.mp4", "a bit lighter please", "effect", "light film grain"),
        ("add rain to d.mp4", "heavier", "effect", "heavy rain"),
    ],
)
def test_a_call_is_made_again_with_what_is_put_right(
    brain: OfflineBrain, before: str, wish: str, argument: str, value: str
) -> None:
    ((_, args),) = _calls(brain, wish, before, assets=[CLIP])
    assert value in args[argument]
    assert args["video"] == CLIP["id"]


def test_a_remembered_trait_is_exchanged(brain: OfflineBrain) -> None:
    ((tool, args),) = _calls(brain, "wait, her hair is grey, not black", "remember Ada, a pilot with short black hair")
    assert (tool, args["name"]) == ("remember", "Ada")
    assert "grey" in args["text"] and "black" not in args["text"]


def test_a_denied_feeling_is_not_the_feeling(brain: OfflineBrain) -> None:
    made = _calls(brain, "no, not happy, he should be sad", 'say "we are home" as Luca, happily')
    assert made == [("speak", {"text": "we are home", "character": "Luca", "emotion": "sad"})]


def test_subtitles_in_another_language_are_answered_plainly(brain: OfflineBrain) -> None:
    decision = brain.decide(
        messages("in italian too?", [HumanMessage("add subtitles to d.mp4"), AIMessage("done")], assets=[CLIP])
    )
    assert (decision.intent, "Italian" in decision.text) == ("chat", True)


def test_a_new_command_is_no_correction(brain: OfflineBrain) -> None:
    ((tool, args),) = _calls(brain, "no, draw a boat", "draw a red kite over a lake")
    assert (tool, "kite" in args["prompt"]) == ("generate_image", False)


@pytest.mark.parametrize("wish", ["key and tempo of beat.mp3?", "hiss or pops anywhere", "loudness in lufs"])
def test_a_question_without_a_verb_beside_a_sound_is_about_the_sound(brain: OfflineBrain, wish: str) -> None:
    assert [tool for tool, _ in _calls(brain, wish, attachments=[SONG])] == ["analyze_audio"]


def test_a_look_and_its_question_are_one_step(brain: OfflineBrain) -> None:
    ((tool, args),) = _calls(brain, "take a look at d.mp4 and tell me where it shakes", attachments=[CLIP])
    assert (tool, "shakes" in str(args.get("question", "shakes"))) == ("analyze_video", True)


@pytest.mark.parametrize("who", ["Captain Ludo", "Ludo", "Captain"])
def test_somebody_is_told_to_speak_by_any_part_of_the_name(brain: OfflineBrain, who: str) -> None:
    made = _calls(brain, f'{who}, say: "Land ahoy"', characters=[LUDO])
    assert made == [("speak", {"text": "Land ahoy", "character": "Captain Ludo"})]


def test_a_function_word_names_nobody(brain: OfflineBrain) -> None:
    wish = "Here's a recording of my aunt, I'd be glad if Captain Ludo sounded like her"
    made = _calls(brain, wish, attachments=[SONG], characters=[LUDO])
    assert [(tool, args["character"]) for tool, args in made] == [("clone_voice", "Captain Ludo")]


@pytest.mark.parametrize("wish", ["I need a voice line", "I need a voice-over", "I want a voice line for my robot"])
def test_the_words_of_a_line_are_asked_for(brain: OfflineBrain, wish: str) -> None:
    assert brain.decide(messages(wish)).slot == "text"


def test_each_thing_of_a_list_is_a_picture(brain: OfflineBrain) -> None:
    ((tool, args),) = _calls(brain, "draw each of these: a green hat, an old clock, a paper boat")
    assert (tool, args["prompts"]) == ("generate_batch", ["a green hat", "an old clock", "a paper boat"])


def test_a_look_has_the_name_that_it_is_given_and_is_used_by_it(brain: OfflineBrain) -> None:
    kept = "Remember this look and call it Old Paper: brown, scratched, warm"
    ((_, args),) = _calls(brain, kept)
    assert (args["kind"], args["name"]) == ("style", "Old Paper")
    ((_, drawn),) = _calls(brain, "now paint a fox in this look", kept)
    assert (drawn["style"], drawn["prompt"]) == ("Old Paper", "a fox")


def test_the_length_before_the_word_for_the_film_is_its_length(brain: OfflineBrain) -> None:
    wish = "For the school play we need a one-minute cartoon explaining how bees make honey"
    ((tool, args),) = _calls(brain, wish)
    assert (tool, args["seconds"]) == ("make_film", 60)


@pytest.mark.parametrize("opener", ["fine, then", "ok then,", "right,", "alright then", "fair enough,"])
def test_an_assent_before_a_wish_is_no_part_of_it(brain: OfflineBrain, opener: str) -> None:
    assert _calls(brain, f"{opener} draw a whale in a teacup") == [
        ("generate_image", {"prompt": "a whale in a teacup"})
    ]


def test_both_are_two_steps(brain: OfflineBrain) -> None:
    assert _calls(brain, "take both back", "make d.mp4 brighter", assets=[CLIP]) == [("undo", {"steps": 2})]
