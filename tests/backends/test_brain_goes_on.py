"""A short word after a work: 'a bit shorter', 'try western instead', 'no, c first, then a', 'take it off again'."""

from __future__ import annotations

from typing import Any

import pytest
from brain_talk import calls, messages, question, understand

from backends.llm.offline.brain import OfflineBrain

CLIPS = [{"id": f"vid-00000000{n}{n}", "kind": "video", "name": f"{name}.mp4"} for n, name in enumerate("abc")]
A, B, C = (clip["id"] for clip in CLIPS)
UPLOADED = CLIPS[::-1]
"""As the studio lists them: newest first."""
SONG = {"id": "aud-4444444444", "kind": "audio", "name": "song.mp3"}


@pytest.fixture(scope="module")
def brain() -> OfflineBrain:
    return OfflineBrain()


def after(brain: OfflineBrain, tool: str, args: dict[str, Any], wish: str, **facts: Any) -> Any:
    """The one call that a wish makes after a work of the turn before, as (tool, args)."""
    known = {"assets": UPLOADED, "calls": [{"tool": tool, "args": args}], **facts}
    found = brain.decide(messages(wish, **known)).calls
    assert len(found) == 1, found
    return found[0].tool, found[0].args


@pytest.mark.parametrize(
    ("before", "wish", "now"),
    [
        ("make a 20 second highlight reel", "a bit shorter", "make a 16 seconds highlight reel"),
        ("make a 20 second highlight reel", "hmm too long. 12", "make a 12 second highlight reel"),
        ("keep the first 10 seconds", "the first 5", "keep the first 5 seconds"),
        ("un trailer di 15 secondi", "portalo a 25", "un trailer di 25 secondi"),
        ("speed it up 2x", "1.5 then", "speed it up 1.5x"),
        ("make it 4:5", "9:16 rather", "make it 9:16"),
        ("vertical crop, follow the girl", "hmm square instead", "square crop, follow the girl"),
        ("black and white, slow it down a little and mute it", "actually keep the sound",
         "black and white, slow it down a little"),
    ],
)  # fmt: skip
def test_a_cut_again_with_another_figure(brain: OfflineBrain, before: str, wish: str, now: str) -> None:
    made = after(brain, "edit_video", {"video": A, "instruction": before}, wish)
    assert made == ("edit_video", {"video": A, "instruction": now})


@pytest.mark.parametrize(
    ("wish", "order"),
    [
        ("no, c first, then a, then b", [C, A, B]),
        ("prima b, poi c e poi a", [B, C, A]),
        ("start with c", [C, A, B]),
        ("without b", [A, C]),
        ("senza c", [A, B]),
    ],
)
def test_the_same_clips_in_another_order(brain: OfflineBrain, wish: str, order: list[str]) -> None:
    made = after(brain, "edit_video", {"video": [A, B, C], "instruction": "join them"}, wish)
    assert made == ("edit_video", {"video": order, "instruction": "join them"})


@pytest.mark.parametrize(("wish", "clip"), [("the third too", C), ("no, the second one", B), ("and c.mp4 as well", C)])
def test_the_same_with_another_of_the_clips(brain: OfflineBrain, wish: str, clip: str) -> None:
    made = after(brain, "edit_video", {"video": A, "instruction": "reverse it"}, wish)
    assert made == ("edit_video", {"video": clip, "instruction": "reverse it"})


def test_an_ordinal_after_shots_is_a_shot(brain: OfflineBrain) -> None:
    tool, args = after(brain, "edit_video", {"video": A, "instruction": "delete the first shot"}, "no, the second one")
    assert (tool, args["video"]) == ("edit_video", A) and "second" in args["instruction"]


@pytest.mark.parametrize(
    ("wish", "new"),
    [
        ("try stop motion instead", {"style": "stop motion"}),
        ("no, prova western", {"style": "western"}),
        ("what about noir?", {"style": "noir"}),
        ("less strong", {"style": "comic", "strength": 0.6}),
        ("at about half strength", {"style": "comic", "strength": 0.5}),
        ("again but keep the sound", {"style": "comic", "sound": "keep"}),
    ],
)
def test_a_remix_again(brain: OfflineBrain, wish: str, new: dict[str, Any]) -> None:
    made = after(brain, "remix_style", {"video": A, "style": "comic"}, wish)
    assert made == ("remix_style", {"video": A, **new})


@pytest.mark.parametrize(
    ("wish", "new"),
    [
        ("drier", {"tone": "dry"}),
        ("and in italian", {"language": "it"}),
        ("più breve, 15 secondi", {"seconds": 15}),
        ("meglio televendita", {"recipe": "infomercial"}),
        ("make it sillier and twice as long", {"tone": "silly", "seconds": 24}),
        ("another one", {"seed": 1}),
    ],
)
def test_a_parody_again(brain: OfflineBrain, wish: str, new: dict[str, Any]) -> None:
    before = {"video": A, "recipe": "sports_replay", "seconds": 12}
    assert after(brain, "make_parody", before, wish) == ("make_parody", {**before, **new})


@pytest.mark.parametrize(
    ("wish", "new"),
    [
        ("too much, half as strong", {"effect": "light flash"}),
        ("way more of it", {"effect": "heavy flash"}),
        ("on the beats rather", {"at": "beats"}),
        ("only at the end", {"at": "end"}),
        ("snow instead", {"effect": "snow"}),
    ],
)
def test_an_effect_again(brain: OfflineBrain, wish: str, new: dict[str, Any]) -> None:
    before = {"video": A, "effect": "flash", "at": "cuts"}
    assert after(brain, "add_effects", before, wish) == ("add_effects", {**before, **new})


@pytest.mark.parametrize(
    ("wish", "new"),
    [
        ("at the top please", {"position": "top"}),
        ("lower down", {"position": "bottom"}),
        ("and bigger", {"style": "title"}),
        ("only the first 4 seconds", {"start": 0, "end": 4}),
        ('typo, it\'s "step two"', {"text": "step two"}),
    ],
)
def test_a_caption_again(brain: OfflineBrain, wish: str, new: dict[str, Any]) -> None:
    before = {"video": A, "text": "step one"}
    assert after(brain, "add_captions", before, wish) == ("add_captions", {**before, **new})


@pytest.mark.parametrize("wish", ["toglila", "take it off again", "ugh no, get rid of that", "rimetti com'era"])
def test_what_was_just_made_is_taken_away(brain: OfflineBrain, wish: str) -> None:
    assert after(brain, "add_captions", {"video": A, "text": "hello"}, wish)[0] == "undo"


def test_after_a_look_there_is_nothing_to_take_away(brain: OfflineBrain) -> None:
    looked = {"tool": "analyze_video", "args": {"video": A}}
    made = brain.decide(messages("toglila", assets=UPLOADED, calls=[looked])).calls
    assert all(call.tool != "undo" for call in made)


@pytest.mark.parametrize(
    ("wish", "args"),
    [
        ("remix it as noir but only half strength", {"style": "noir", "strength": 0.5}),
        ("make it look like vhs at 30%", {"style": "vhs", "strength": 0.3}),
        ("make it noir but keep the sound", {"style": "noir", "sound": "keep"}),
        ("make it noir and keep the captions", {"style": "noir", "captions": "keep"}),
        ("turn it into a silent film, keep the original sound", {"style": "silent movie", "sound": "keep"}),
        ("turn it into a silent film", {"style": "silent movie"}),
        ("fallo noir ma tieni l'audio", {"style": "noir", "sound": "keep"}),
    ],
)
def test_a_style_with_what_stays_and_how_strong(brain: OfflineBrain, wish: str, args: dict[str, Any]) -> None:
    found = brain.decide(messages(wish, assets=CLIPS[:1])).calls
    assert [(call.tool, call.args) for call in found] == [("remix_style", {"video": A, **args})]


def test_what_is_put_on_beats_is_an_effect(brain: OfflineBrain) -> None:
    (made,) = brain.decide(messages("put a heart on every beat", assets=CLIPS[:1])).calls
    assert (made.tool, made.args["at"]) == ("add_effects", "beats") and "heart" in made.args["effect"]


@pytest.mark.parametrize(
    ("before", "wish"),
    [
        ("use a.mp4: delete the last shot", "make it vertical"),
        ("delete the last shot", "make it vertical"),
        ("swap the first two shots", "make it black and white"),
        ("keep the first 5 seconds", "make it slower"),
    ],
)
def test_a_further_wish_is_done_to_what_was_made(brain: OfflineBrain, before: str, wish: str) -> None:
    made = {"id": "vid-9999999999", "kind": "video", "name": "a-edit.mp4", "tool": "edit_video"}
    known = [made, *UPLOADED]
    tool, args = after(brain, "edit_video", {"video": A, "instruction": before}, wish, assets=known)
    assert (tool, args["video"]) == ("edit_video", made["id"])
    assert "shot" not in args["instruction"] and "5" not in args["instruction"]


def test_what_comes_on_top_is_no_correction(brain: OfflineBrain) -> None:
    cut = {"id": "vid-9999999999", "kind": "video", "name": "cut", "tool": "remix_style"}
    made = after(brain, "remix_style", {"video": A, "style": "comic"}, "and now in black and white",
                 assets=[cut, *UPLOADED])  # fmt: skip
    assert (made[0], made[1]["video"]) == ("edit_video", cut["id"])


def test_an_undone_work_is_still_what_the_next_word_is_about(brain: OfflineBrain) -> None:
    done = [{"tool": "edit_video", "args": {"video": A, "instruction": "speed it up 2x"}}, {"tool": "undo", "args": {}}]
    made = brain.decide(messages("1.5 then", assets=UPLOADED, calls=done)).calls
    assert [(call.tool, call.args["instruction"]) for call in made] == [("edit_video", "speed it up 1.5x")]


@pytest.mark.parametrize(
    ("wish", "tool"),
    [
        ("9:16", "edit_video"), ("quadrato per instagram", "edit_video"), ("alza il volume", "edit_video"),
        ("rallentalo un pochino", "edit_video"), ("riesci ad alzarlo?", "edit_video"),
        ("upside down footage, help!", "edit_video"), ("oscura le facce", "add_effects"),
        ("fai tremare tutto quando segna", "add_effects"), ("van gogh pls", "remix_style"),
        ("silent film version", "remix_style"), ("in stile fumetto", "remix_style"),
        ("recut it as a horror movie lol", "make_parody"), ("fanne un documentario naturalistico buffo", "make_parody"),
        ("be honest, where does it sag?", "analyze_video"), ("metti \"Fine\" in alto", "add_captions"),
    ],
)  # fmt: skip
def test_the_film_at_hand_needs_no_question(brain: OfflineBrain, wish: str, tool: str) -> None:
    assert understand(brain, wish, attachments=[CLIPS[0]]).intent == tool


@pytest.mark.parametrize(("wish", "files"), [("make it black and white", CLIPS), ("cut the first 5 seconds off", [])])
def test_which_film_is_asked_where_nothing_says_it(brain: OfflineBrain, wish: str, files: list[Any]) -> None:
    asked = understand(brain, wish, attachments=files)
    assert asked.intent == "clarify" and [*asked.choices] == [clip["name"] for clip in files]
    if files:
        assert calls(brain, "b.mp4", assets=UPLOADED, open_question=question(wish, asked.choices))[0][1]["video"] == B


def test_a_sound_alone_is_laid_under_the_film(brain: OfflineBrain) -> None:
    laid = {"op": "insert", "at": 0, "new": {"asset": SONG["id"], "track": "music"}}
    made = calls(brain, "add song.mp3 as background music", attachments=[CLIPS[0], SONG])
    assert made == [("change_timeline", {"timeline": A, "changes": [laid], "render": "full"})]
    cut = calls(brain, "put song.mp3 under it and crop it square", attachments=[CLIPS[0], SONG])
    assert cut == [("edit_video", {"video": A, "instruction": "crop it square", "music": SONG["id"]})]


def test_clips_are_joined_in_the_order_that_is_said(brain: OfflineBrain) -> None:
    cat, dog = ({**clip, "name": name} for clip, name in zip(CLIPS, ("cat.mp4", "dog.mp4"), strict=False))
    made = calls(brain, "stick these together, dog first", attachments=[cat, dog])
    assert made == [("edit_video", {"video": [B, A], "instruction": "stick these together"})]


def test_a_feeling_that_stands_for_another_is_said(brain: OfflineBrain) -> None:
    from langchain_core.messages import AIMessage, ToolMessage

    asked = messages('have Luca say "I am home", tired')
    spoke = brain.invoke(asked)
    said = [AIMessage("", tool_calls=spoke.tool_calls), ToolMessage('{"summary": "Luca says it"}',
                                                                   tool_call_id=spoke.tool_calls[0]["id"])]  # fmt: skip
    assert brain.invoke([*asked, *said]).text.splitlines()[1].startswith("“tired” is spoken as calm")
    plain = messages('have Luca say "I am home", sadly')
    call = brain.invoke(plain).tool_calls
    answer = ToolMessage('{"summary": "Luca says it"}', tool_call_id=call[0]["id"])
    assert brain.invoke([*plain, AIMessage("", tool_calls=call), answer]).text == "Luca says it"


@pytest.mark.parametrize(
    "wish",
    ["redo shot 2 at night", "in the second shot Luca should be angry", "rifai la seconda inquadratura di notte"],
)
def test_one_shot_of_a_film_is_not_promised(brain: OfflineBrain, wish: str) -> None:
    made = {"tool": "make_film", "args": {"story": "Luca waits for the bus", "seconds": 10}}
    told = brain.decide(messages(wish, calls=[made]))
    assert (told.intent, told.calls) == ("chat", ()) and ("whole" in told.text or "intero" in told.text)
    cut = brain.decide(messages("delete the second shot", assets=[CLIPS[0]], calls=[made]))
    assert [call.tool for call in cut.calls] == ["edit_video"]
