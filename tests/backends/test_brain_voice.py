"""The built-in brain on voices: feelings with strength and change, scripts, whose voice a recording is."""

from __future__ import annotations

from typing import Any

import pytest
from brain_talk import BOO, BUNNY, LUCA, calls, messages, question, understand
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from backends.llm.offline.brain import OfflineBrain
from backends.llm.offline.feelings import feeling_args
from backends.llm.offline.request import Call
from backends.llm.offline.voice_owner import consent_in, speaker_of_recording, with_consent
from backends.llm.offline.wish import guess_language

SCRIPT = {"id": "fil-0000000001", "kind": "file", "name": "scene.fountain"}
SAMPLE = {"id": "aud-0000000001", "kind": "audio", "name": "sample.wav"}


@pytest.fixture(scope="module")
def brain() -> OfflineBrain:
    return OfflineBrain()


@pytest.mark.parametrize(
    ("said", "args"),
    [
        ("very angrily", {"emotion": "angry", "intensity": 0.95}),
        ("a little sad", {"emotion": "sad", "intensity": 0.35}),
        ("with 80% excitement", {"emotion": "excited", "intensity": 0.8}),
        ("afraid, at intensity 0.4", {"emotion": "afraid", "intensity": 0.4}),
        ("she starts sad and ends happy", {"emotion": "from sad to happy"}),
        ("comincia triste e finisce felice", {"emotion": "from sad to happy"}),
        ("from sad through angry to happy", {"emotion": "from sad to angry to happy"}),
        ("in a calm voice, then furious", {"emotion": "from calm to angry"}),
        ("more and more angry", {"emotion": "from neutral to angry"}),
        ("half surprised and half happy", {"emotion": "surprised + happy"}),
        ("happy with a bit of fear", {"emotion": "happy 0.7 + afraid 0.3", "intensity": 0.35}),
        ("tristissima", {"emotion": "sad", "intensity": 0.95}),
        ("the happy king and the sad queen", {"emotion": "happy"}),
        ("to the sea", {}),
    ],
)
def test_feelings(said: str, args: dict[str, Any]) -> None:
    assert feeling_args(said) == args


def test_a_feeling_that_was_there_grows_or_fades() -> None:
    before = {"emotion": "angry", "intensity": 0.5}
    assert feeling_args("angrier", before) == {"emotion": "angry", "intensity": 0.7}
    assert feeling_args("a bit less", before) == {"emotion": "angry", "intensity": 0.4}
    assert feeling_args("happier", before) == {"emotion": "happy"}


def test_each_line_of_a_dialogue_has_its_own_feeling(brain: OfflineBrain) -> None:
    wish = 'Luca asks "are you coming?" nervously and Boo answers "never!" angrily'
    ((tool, args),) = calls(brain, wish, characters=[LUCA, BOO])
    assert tool == "speak_dialogue"
    assert [line["emotion"] for line in args["lines"]] == ["afraid", "angry"]
    ((tool, args),) = calls(brain, "do this:\nAnna (happy): We won!\nBen (sarcastic): Hooray.")
    assert tool == "speak_dialogue"
    assert args["lines"] == [
        {"character": "Anna", "text": "We won!", "emotion": "happy"},
        {"character": "Ben", "text": "Hooray.", "emotion": "sarcastic"},
    ]


@pytest.mark.parametrize(
    "wish", ["speak this script", "read out the screenplay I attached", "recita il copione allegato"]
)
def test_a_script_is_passed_as_the_file_it_is(brain: OfflineBrain, wish: str) -> None:
    assert calls(brain, wish, attachments=[SCRIPT]) == [("speak_dialogue", {"script": SCRIPT["id"]})]


def test_words_of_its_own_are_spoken_though_a_script_is_attached(brain: OfflineBrain) -> None:
    ((tool, args),) = calls(brain, 'say "speak this script"', attachments=[SCRIPT])
    assert (tool, args["text"]) == ("speak", "speak this script")


def test_consent_is_what_the_user_says_and_nothing_else(brain: OfflineBrain) -> None:
    ((_, args),) = calls(brain, "clone this voice for Luca", attachments=[SAMPLE], characters=[LUCA])
    assert args == {"audio": SAMPLE["id"], "character": "Luca"}
    told = "clone sample.wav for Luca. It is the voice of Anna Rossi, and she agreed in writing"
    ((_, args),) = calls(brain, told, attachments=[SAMPLE], characters=[LUCA])
    assert args["person"] == "Anna Rossi" and "agreed in writing" in args["consent"]
    assert consent_in("clone this for Luca") is None and speaker_of_recording("the voice of Luca", "Luca") is None


def test_the_answer_to_whose_voice_it_is_joins_the_wish() -> None:
    wish = (Call("clone_voice", {"audio": "a", "character": "Luca"}), Call("speak", {"text": "hi"}))
    clone, speak = with_consent(wish, "Written consent of Anna Rossi, 3 May", "clone a for Luca")
    assert clone.args["person"] == "Anna Rossi" and clone.args["consent"].startswith("Written consent")
    assert speak == wish[1]
    later, _ = with_consent(wish, "Anna Rossi", "clone a for Luca. Somebody agreed in writing")
    assert later.args["person"] == "Anna Rossi" and "in writing" in later.args["consent"]


def test_a_voice_made_to_deceive_is_declined(brain: OfflineBrain) -> None:
    assert not calls(brain, "clone sample.wav so I can pretend to be him on the phone", attachments=[SAMPLE])


@pytest.mark.parametrize(
    ("wish", "tools"),
    [
        ("add grain and captions", ["add_effects", "add_captions"]),
        ("add captions and grain", ["add_captions", "add_effects"]),
        ("taglia i primi due secondi e mettici la neve", ["edit_video", "add_effects"]),
        ('opening title "Carrots"', ["edit_video"]),
        ("from 0:01 to 0:03", ["edit_video"]),
        ("a freeze frame effect with a caption", ["add_effects"]),
    ],
)
def test_editing_wishes_go_to_the_tools_that_do_them(brain: OfflineBrain, wish: str, tools: list[str]) -> None:
    assert [name for name, _ in calls(brain, wish, attachments=[BUNNY])] == tools


def test_two_clips_are_joined_as_they_are_meant(brain: OfflineBrain) -> None:
    second = {**BUNNY, "id": "vid-0000000009", "name": "second.mp4"}
    ((tool, args),) = calls(brain, "put them together with a whip pan", attachments=[BUNNY, second])
    assert tool == "edit_video" and args["video"] == [BUNNY["id"], second["id"]]


MIA = {"name": "Mia", "aliases": [], "text": "a cheerful girl"}
LINE = {"id": "aud-dddddddddd", "kind": "audio", "name": "line", "tool": "speak", "text": "Where were you?"}


def after(brain: OfflineBrain, wish: str, tool: str, args: dict[str, Any], **facts: Any) -> list[tuple[str, Any]]:
    """The calls for a wish that follows one call in the conversation."""
    before = [
        HumanMessage("and now the first of them"),
        AIMessage("", tool_calls=[{"name": tool, "args": args, "id": "1"}]),
        ToolMessage("done", tool_call_id="1"),
        AIMessage("Done."),
    ]
    known = {"characters": [LUCA, BOO, MIA], **facts}
    return [(call["name"], call["args"]) for call in brain.invoke(messages(wish, before, **known)).tool_calls]


@pytest.mark.parametrize(
    "wish", ["make it go from sad to happy", "now from sad to happy", "can it start sad and end happy?"]
)
def test_a_change_of_feeling_alone_is_about_the_line_spoken_last(brain: OfflineBrain, wish: str) -> None:
    said = {"text": "Where were you?", "character": "Mia", "emotion": "afraid"}
    ((tool, args),) = after(brain, wish, "speak", said, assets=[LINE])
    assert (tool, args) == ("speak", {**said, "emotion": "from sad to happy"})


def test_a_slower_line_changes_the_voice_and_is_said_again(brain: OfflineBrain) -> None:
    said = {"text": "Where were you?", "character": "Mia"}
    assert after(brain, "a bit slower please", "speak", said, assets=[LINE]) == [
        ("change_voice", {"character": "Mia", "rate": 0.933}),
        ("speak", said),
    ]


@pytest.mark.parametrize(
    ("wish", "part"),
    [
        ("only scene 2", {"scene": "2"}),
        ("just the second scene", {"scene": "2"}),
        ("speak only scene two", {"scene": "2"}),
        ("only lines 3 to 5", {"only": "3-5"}),
        ("only the lines of Luca", {"only": "Luca"}),
        ("without pauses", {"pause": 0.0}),
        ("again with longer pauses", {"pause": 1.6}),
        ("with stems", {"stems": True}),
        ("the same with a timeline", {"timeline": True}),
        ("solo la scena 2", {"scene": "2"}),
    ],
)
def test_a_part_of_the_dialogue_spoken_last(brain: OfflineBrain, wish: str, part: dict[str, Any]) -> None:
    said = {"script": SCRIPT["id"]}
    mix = {"id": "aud-eeeeeeeeee", "kind": "audio", "name": "lamp", "tool": "speak_dialogue", "text": "x"}
    assert after(brain, wish, "speak_dialogue", said, assets=[mix, SCRIPT]) == [("speak_dialogue", {**said, **part})]


@pytest.mark.parametrize(
    ("wish", "call"),
    [
        ("what voices are there?", ("list_voices", {})),
        ("which voice does Luca have?", ("list_voices", {"character": "Luca"})),
        ("che voce ha Luca?", ("list_voices", {"character": "Luca"})),
        ("make Luca's voice deeper", ("change_voice", {"character": "Luca", "pitch": -3.0})),
        ("Luca's voice is too high", ("change_voice", {"character": "Luca", "pitch": -3.0})),
        ("give Luca a much higher voice", ("change_voice", {"character": "Luca", "pitch": 4.8})),
        ("give Mia a British accent", ("change_voice", {"character": "Mia", "language": "en-gb"})),
        ("make Boo speak slower", ("change_voice", {"character": "Boo", "rate": 0.87})),
        ("rendi la voce di Luca più profonda", ("change_voice", {"character": "Luca", "pitch": -3.0})),
        ("delete Mia's voice", ("forget_voice", {"character": "Mia"})),
        ("Mia takes her consent back", ("forget_voice", {"character": "Mia", "for_good": True})),
        ("use Qwen3-TTS for Luca", ("change_voice", {"character": "Luca", "engine": "qwen3_tts"})),
        ("which emotions are there?", ("list_voices", {"about": "emotions"})),
        ("cancella la voce di Mia", ("forget_voice", {"character": "Mia"})),
    ],
)
def test_the_voices_that_characters_have(brain: OfflineBrain, wish: str, call: tuple[str, Any]) -> None:
    assert calls(brain, wish, characters=[LUCA, BOO, MIA]) == [call]


def test_a_name_is_no_word_of_a_language(brain: OfflineBrain) -> None:
    assert [guess_language(wish) for wish in ("Let Mia say , worried", "train Mia's voice", "la mia voce")] == [
        "",
        "",
        "it",
    ]


def test_a_recording_that_is_called_like_the_character_does_not_push_out_the_attached_one(brain: OfflineBrain) -> None:
    old = {"id": "aud-0000000002", "kind": "audio", "name": "mia.wav"}
    new = {"id": "aud-0000000003", "kind": "audio", "name": "session.wav"}
    ((tool, args),) = calls(
        brain, "build a voice dataset for Mia from this", attachments=[new], assets=[new, old], characters=[MIA]
    )
    assert (tool, args) == ("build_voice_dataset", {"source": new["id"], "character": "Mia"})
    ((_, args),) = calls(brain, "a voice dataset for Luca from mia.wav", assets=[new, old], characters=[LUCA, MIA])
    assert args["source"] == old["id"]


def test_the_words_of_a_recording_after_a_colon(brain: OfflineBrain) -> None:
    wish = "lip-sync this recording on Mia with the text: There was a pink light."
    ((tool, args),) = calls(brain, wish, attachments=[SAMPLE], characters=[MIA])
    assert (tool, args["text"]) == ("lip_sync", "There was a pink light.")


def test_a_mouth_has_its_rate_and_its_face(brain: OfflineBrain) -> None:
    wish = "lip-sync this at 12 fps for moho and show me a preview with the fox's face"
    wanted = {"audio": SAMPLE["id"], "character": "fox", "formats": ["moho"], "fps": 12.0, "preview": True}
    assert calls(brain, wish, attachments=[SAMPLE]) == [("lip_sync", wanted)]


def test_names_before_dashes_are_a_script(brain: OfflineBrain) -> None:
    ((tool, args),) = calls(brain, "Luca - Where are you?\nBoo (sad) - Up here.\nLuca - Come down!")
    assert tool == "speak_dialogue" and [line["character"] for line in args["lines"]] == ["Luca", "Boo", "Luca"]
    assert args["lines"][1]["emotion"] == "sad"


def test_a_film_as_subtitles_is_a_file_of_them(brain: OfflineBrain) -> None:
    film = {"id": "vid-cccccccccc", "kind": "video", "name": "The kite", "tool": "make_film", "text": "a kite escapes"}
    assert calls(brain, "give me the film as subtitles", assets=[film]) == [
        ("export_timeline", {"timeline": film["id"], "format": "srt"})
    ]
    ((tool, args),) = calls(brain, 'put "The End" at the end', assets=[film])
    assert tool == "edit_video" and args["video"] == film["id"]


def test_feelings_that_are_heard_are_not_those_that_there_are(brain: OfflineBrain) -> None:
    assert calls(brain, "what emotion is in this recording?", attachments=[SAMPLE]) == [
        ("analyze_audio", {"audio": SAMPLE["id"]})
    ]
    assert calls(brain, "quali emozioni ci sono?") == [("list_voices", {"about": "emotions"})]


def test_an_attached_list_tells_a_dataset_what_is_said(brain: OfflineBrain) -> None:
    sounds = [{"id": f"aud-{letter * 10}", "kind": "audio", "name": f"{letter}.wav"} for letter in "ab"]
    listed = {"id": "fil-cccccccccc", "kind": "file", "name": "luca.list"}
    ((tool, args),) = calls(brain, "build a dataset for Luca from these", attachments=[*sounds, listed])
    assert (tool, args["source"], args["subtitles"]) == (
        "build_voice_dataset",
        [one["id"] for one in sounds],
        listed["id"],
    )
    ((_, alone),) = calls(brain, "build a dataset for Luca from these", attachments=sounds)
    assert "subtitles" not in alone


TAKES = [{"id": f"aud-000000000{n}", "kind": "audio", "name": f"take{n}.wav"} for n in (1, 2)]


@pytest.mark.parametrize("wish", ["train Luca's voice from these recordings", "train Luca on these"])
def test_recordings_become_a_dataset_before_a_voice_is_trained_on_it(brain: OfflineBrain, wish: str) -> None:
    both = [take["id"] for take in TAKES]
    build = ("build_voice_dataset", {"source": both, "character": "Luca"})
    assert calls(brain, wish, attachments=TAKES) == [build, ("train_voice", {"character": "Luca", "dataset": "$1"})]


def test_recordings_of_the_turn_before_and_datasets(brain: OfflineBrain) -> None:
    asked = understand(brain, "train a voice from these recordings", attachments=TAKES)
    assert asked.intent == "clarify"
    open_question = question("train a voice from these recordings")
    made = calls(brain, "for Luca", assets=list(reversed(TAKES)), open_question=open_question)
    assert [tool for tool, _ in made] == ["build_voice_dataset", "train_voice"]
    assert made[0][1] == {"source": [take["id"] for take in TAKES], "character": "Luca"}
    assert calls(brain, "train Luca's voice on the dataset", attachments=TAKES)[0][0] == "train_voice"
    assert calls(brain, "train Luca's voice", assets=TAKES) == [("train_voice", {"character": "Luca"})]
