"""Wishes as people type them after something was made: 'no, the other one', 'make him sadder'."""

from __future__ import annotations

from typing import Any

import pytest
from brain_talk import BUNNY, FILM, IMAGE, calls, messages, question, understand
from langchain_core.messages import AIMessage, HumanMessage

from backends.llm.offline.brain import OfflineBrain

SPOKE = 'say "good morning" as Luca'
CUT = {"id": "tml-ffffffffff", "kind": "timeline", "name": "cut.otio", "tool": "edit_video", "text": "a cut"}
OLD = {"id": "vid-hhhhhhhhhh", "kind": "video", "name": "old.mp4"}


@pytest.fixture(scope="module")
def brain() -> OfflineBrain:
    return OfflineBrain()


def _after(brain: OfflineBrain, before: str, wish: str, **facts: Any) -> list[tuple[str, dict[str, Any]]]:
    decision = brain.decide(messages(wish, [HumanMessage(before), AIMessage("done")], **facts))
    return [(call.tool, call.args) for call in decision.calls]


@pytest.mark.parametrize("wish", ["make him sadder", "no, sadder", "he should sound sadder"])
def test_a_line_again_with_another_feeling(brain: OfflineBrain, wish: str) -> None:
    assert _after(brain, SPOKE, wish) == [("speak", {"text": "good morning", "character": "Luca", "emotion": "sad"})]


@pytest.mark.parametrize("wish", ["no! with Boo", "same thing with boo", "boo says it too"])
def test_a_line_again_with_another_voice(brain: OfflineBrain, wish: str) -> None:
    assert _after(brain, SPOKE, wish) == [("speak", {"text": "good morning", "character": "Boo"})]


@pytest.mark.parametrize("wish", ["no, the other one", "and the other clip too"])
def test_the_same_with_the_other_file(brain: OfflineBrain, wish: str) -> None:
    made = _after(brain, "make it slower", wish, assets=[FILM, OLD])
    assert made == [("edit_video", {"video": OLD["id"], "instruction": "make it slower"})]
    assert _after(brain, "make it slower", wish, assets=[FILM]) != made


def test_a_caption_is_moved(brain: OfflineBrain) -> None:
    made = _after(brain, 'put the title "Carrots" at the bottom of it', "move it to the top", assets=[FILM])
    assert made == [("add_captions", {"video": FILM["id"], "text": "Carrots", "position": "top"})]
    assert understand(brain, "move the caption to the top", assets=[FILM]).intent == "clarify"


@pytest.mark.parametrize(
    ("wish", "args"),
    [
        ("again but with a dog", {"story": "a snail, with a dog", "seconds": 6}),
        ("the same in 20 seconds", {"story": "a snail", "seconds": 20}),
        ("once more but in anime style", {"story": "a snail", "seconds": 6, "style": "anime"}),
    ],
)
def test_a_film_again_with_what_is_new(brain: OfflineBrain, wish: str, args: dict[str, Any]) -> None:
    assert _after(brain, "make a 6 second film about a snail", wish) == [("make_film", args)]


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ('call it "Slow"', "Slow"),
        ("name this one Sunny", "Sunny"),
        ("rename it to X", "X"),
        ('rename the film to "Kite"', "Kite"),
        ("let's call it Slow Motion", "Slow Motion"),
        ('chiamalo "Lento"', "Lento"),
    ],
)
def test_a_result_gets_another_name(brain: OfflineBrain, wish: str, name: str) -> None:
    cut = {**CUT, "tool": "make_film"}  # what came along with the film is not what is named
    assert calls(brain, wish, assets=[cut, FILM]) == [("rename_asset", {"asset": FILM["id"], "name": name})]


@pytest.mark.parametrize(
    "wish", ["call it a day", "call him Bob", "rename Luca to Marco", 'write "call it Slow" on it']
)
def test_other_names_are_none_of_results(brain: OfflineBrain, wish: str) -> None:
    assert all(tool != "rename_asset" for tool, _ in calls(brain, wish, assets=[FILM]))


def test_what_is_renamed_is_asked_for(brain: OfflineBrain) -> None:
    assert understand(brain, "rename it", assets=[FILM]).question == "What shall it be called?"
    made = calls(brain, "Slow", assets=[FILM], open_question=question("rename it"))
    assert made == [("rename_asset", {"asset": FILM["id"], "name": "Slow"})]


def test_what_was_done_last(brain: OfflineBrain) -> None:
    assert understand(brain, "what did you just do?", assets=[FILM]).intent == "list_assets"
    edited = {**FILM, "tool": "edit_video"}
    assert understand(brain, "what did you just do", assets=[edited, CUT]).intent == "timeline_history"
    assert understand(brain, "cosa hai fatto?", assets=[FILM]).intent == "list_assets"


@pytest.mark.parametrize("wish", ["let me hear both voices", "can I hear Luca and Boo?", "fammi sentire Luca e Boo"])
def test_voices_are_heard(brain: OfflineBrain, wish: str) -> None:
    ((tool, args),) = calls(brain, wish)
    assert tool == "speak_dialogue" and [line["character"] for line in args["lines"]] == ["Luca", "Boo"]
    assert all(line["character"] in line["text"] for line in args["lines"])


def test_one_voice_is_heard(brain: OfflineBrain) -> None:
    ((tool, args),) = calls(brain, "how does Boo sound?")
    assert (tool, args["character"]) == ("speak", "Boo") and "Boo" in args["text"]
    assert understand(brain, "how does Luca's voice sound").intent == "list_voices"
    assert calls(brain, "let me hear both voices", characters=[]) == []


@pytest.mark.parametrize(
    ("wish", "tool"),
    [
        ("find the part where the camera pans", "analyze_video"),
        ("give me the shot list as a table", "analyze_video"),
        ("which parts are boring", "analyze_video"),
        ("whats in this clip", "analyze_video"),
        ("hw many cuts r in this", "analyze_video"),
        ("is it shaky?", "analyze_video"),
        ("compare the first and the last shot", "analyze_video"),
        ("throw away the first 3 sec", "edit_video"),
        ("only keep the part with the robot", "edit_video"),
        ("the title is too small, make it bigger", "edit_video"),
        ("make a trailer out of it", "edit_video"),
    ],
)
def test_typed_in_a_hurry(brain: OfflineBrain, wish: str, tool: str) -> None:
    assert understand(brain, wish, attachments=[BUNNY]).intent == tool


def test_names_and_joints_in_a_hurry(brain: OfflineBrain) -> None:
    assert calls(brain, "make lucas voice a bit older n slower")[0][1]["character"] == "Luca"
    made = calls(brain, 'remix the last one as a comic n add the title "BOOM"', assets=[FILM])
    assert [name for name, _ in made] == ["remix_style", "add_captions"]
    assert "text" not in calls(brain, "put subtitels on it", assets=[FILM])[0][1]


def test_results_are_known_by_what_they_were_made_as(brain: OfflineBrain) -> None:
    trailer = {
        "id": "vid-jjjjjjjjjj",
        "kind": "video",
        "name": "Carrots",
        "tool": "edit_video",
        "text": "a 20 s trailer",
    }
    assets = [FILM, trailer]
    made = calls(brain, "make a parody of the trailer, as a nature documentary", assets=assets)
    assert made == [("make_parody", {"video": trailer["id"], "recipe": "nature_documentary"})]
    assert calls(brain, 'put "Soon" on the trailer', assets=assets)[0][1]["video"] == trailer["id"]


VOICE = {"id": "aud-kkkkkkkkkk", "kind": "audio", "name": "good morning", "tool": "speak", "text": "good morning"}
SONG = {"id": "aud-llllllllll", "kind": "audio", "name": "song.mp3"}


@pytest.mark.parametrize(
    ("wish", "effect"),
    [("make it rain in the film", "rain"), ("let it snow", "snow"), ("make it rain heavily in the film", "heavy rain"),
     ("fai piovere nel film", "rain")],
)  # fmt: skip
def test_weather_comes_over_the_film(brain: OfflineBrain, wish: str, effect: str) -> None:
    assert _after(brain, "make a 6 second film about a snail", wish, assets=[FILM]) == [
        ("add_effects", {"video": FILM["id"], "effect": effect})
    ]


def test_weather_in_a_picture_is_drawn(brain: OfflineBrain) -> None:
    assert calls(brain, "make it rain", assets=[IMAGE, FILM])[0][0] == "edit_image"


@pytest.mark.parametrize(
    ("wish", "sound", "track"),
    [
        ("put that under the film", VOICE, "dialogue"),
        ("use that voice in the film", VOICE, "dialogue"),
        ("use it as music in the film", VOICE, "music"),
        ("put this music under the film", SONG, "music"),
        ("lay it under the film", SONG, "music"),
        ("mettila sotto il film", SONG, "music"),
    ],
)
def test_a_sound_goes_onto_the_film(brain: OfflineBrain, wish: str, sound: dict[str, Any], track: str) -> None:
    laid = {"op": "insert", "at": 0, "new": {"asset": sound["id"], "track": track}}
    made = calls(brain, wish, assets=[sound, FILM])
    assert made == [("change_timeline", {"timeline": FILM["id"], "changes": [laid], "render": "full"})]


def test_a_voice_of_the_story_speaks_in_the_film_made_anew(brain: OfflineBrain) -> None:
    film = {**FILM, "text": "Luca flies a kite"}
    made = _after(brain, SPOKE, "use that voice in the film", assets=[VOICE, film])
    assert made == [("make_film", {"story": "Luca flies a kite"})]


@pytest.mark.parametrize("wish", ["now in Italian", "the same in Italian", "say it in Italian please"])
def test_what_cannot_be_translated_is_said(brain: OfflineBrain, wish: str) -> None:
    decision = brain.decide(messages(wish, [HumanMessage(SPOKE), AIMessage("done")], assets=[VOICE]))
    assert not decision.calls and "do not translate" in decision.text and "as Luca in Italian" in decision.text
    spoke = 'say "buongiorno amici, come state?" as Luca'
    ((tool, args),) = _after(brain, spoke, wish)
    assert tool == "speak" and (args["character"], args["language"]) == ("Luca", "it")
