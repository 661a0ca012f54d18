"""Instructions read: what is understood, where it applies, and what is refused with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from configs.errors import UsageError
from tools.editing import wishes as w
from tools.editing.decide import decide
from tools.editing.operations import Caption, Grade, Highlight, Keep, Span, Speed, in_words
from tools.editing.presets import editing_presets

TYPED = {
    "quick cuts": w.Montage("quick cuts", quick=True),
    "make it 10 seconds with quick cuts": w.Montage("with quick cuts", seconds=10.0, quick=True),
    "speed it up with quick cuts": Speed("speed it up", 2.0),
    "quick cuts to the beat": w.ToBeat("cuts to the beat"),
    "only the good bits, 15 sec": w.Best("only the good bits", 15.0),
    "the music is too loud": w.Level("the music is too loud", "music", -6.0),
    "la musica è troppo bassa": w.Level("la musica è troppo bassa", "music", 6.0),
    "too many pauses, clean it up": w.DropSilences("too many pauses, clean it up"),
    "toglimi i silenzi": w.DropSilences("toglimi i silenzi"),
    "run it at 0.7 speed": Speed("run it at 0.7 speed", 0.7),
    "rallenta a metà velocità": Speed("rallenta a metà velocità", 0.5),
    "half of it": w.Target("half of it", share=0.5),
    "cut it in half": w.Target("cut it in half", share=0.5),
    "keep the first half of it": Keep("the first half", Span(0.0, 0.5, "start", True)),
    "a bit shorter": w.Target("a bit shorter"),
    "vorrei che iniziasse da 0:42": Keep("vorrei che iniziasse da 0:42", Span(42.0)),
}


@pytest.mark.parametrize("wish", TYPED)
def test_wishes_as_they_are_typed(wish: str) -> None:
    assert decide(wish) == [TYPED[wish]]


READ = {
    "Find the most lively 3 seconds of this clip, make them black and white and put 'WAIT FOR IT' on top": [
        "keep the most lively 3 s",
        "black and white",
        "'WAIT FOR IT' at the top",
    ],
    "keep the first 3 seconds": ["keep the first 3 s"],
    "first 3 seconds": ["keep the first 3 s"],
    "cut the first 3 seconds": ["cut out the first 3 s"],
    "trim it to 3 seconds": ["keep the first 3 s"],
    "trim to the first two seconds": ["keep the first 2 s"],
    "from 0:05 to 0:12": ["keep the part from 5 s to 12 s"],
    "Extract 1s to 3s": ["keep the part from 1 s to 3 s"],
    "trim the clip between 1 and 2.5 seconds and reverse it": ["keep the part from 1 s to 2.5 s", "backwards"],
    "from 1 to 2 minutes": ["keep the part from 60 s to 120 s"],
    "cut out the middle": ["cut out the middle third"],
    "keep everything except the first second": ["cut out the first 1 s"],
    "tieni tutto tranne gli ultimi 2 secondi": ["cut out the last 2 s"],
    "remove everything except the first second": ["keep the first 1 s"],
    "togli tutto meno il primo secondo": ["keep the first 1 s"],
    "cut the first 2 seconds but keep the sound": ["cut out the first 2 s"],
    "remove everything from 2 to 4 seconds": ["cut out the part from 2 s to 4 s"],
    "cut everything after 4 seconds": ["cut out the part after 4 s"],
    "cut this down to the last 2 seconds and make it b&w": ["keep the last 2 s", "black and white"],
    "cut out the first 2 seconds and the last 2 seconds": ["cut out the first 2 s", "cut out the last 2 s"],
    "keep the first second and the last second": ["keep the first 1 s", "keep the last 1 s"],
    "last half": ["keep the last half"],
    "use just the middle 2 seconds": ["keep the middle 2 s"],
    "keep the second half in slow motion": ["keep the last half", "speed x0.5"],
    "make it twice as fast": ["speed x2"],
    "make it faster by 20 %": ["speed x1.2"],
    "speed it up by 20 percent": ["speed x1.2"],
    "20% slower": ["speed x0.8"],
    "velocizza del 20%": ["speed x1.2"],
    "make it a bit faster": ["speed x1.25"],
    "slow it down a little": ["speed x0.8"],
    "half as quick": ["speed x0.5"],
    "slow the clip down to a quarter of its speed": ["speed x0.25"],
    "speed it up by a half": ["speed x1.5"],
    "make it one and a half times as fast": ["speed x1.5"],
    "make it 2x faster": ["speed x2"],
    "speed: 150%": ["speed x1.5"],
    "3 times slower": ["speed x0.333333"],
    "slow down the last 2 seconds": ["speed x0.5 in the last 2 s"],
    "make the first 3 seconds black and white": ["black and white in the first 3 s"],
    "remove the sound": ["sound off"],
    "make it louder, fade out over 2 seconds": ["sound +6 dB", "fade out over 2 s"],
    "loop twice": ["2 times in a row"],
    "loop the first second 3 times in a row": ["keep the first 1 s", "3 times in a row"],
    "play it backwards at 2x speed": ["backwards", "speed x2"],
    "join a.mp4 and b.mp4, then fade in and out": ["join the clips", "fade in over 1 s", "fade out over 1 s"],
    "Highlight the best 2 seconds, in sepia": ["keep the most lively 2 s", "sepia"],
    "take the 2 most exciting seconds": ["keep the most lively 2 s"],
    'put "A" at the top and "B" at the bottom': ["'A' at the top", "'B' at the bottom"],
    "make it sepia with the text: hello world on top": ["sepia", "'hello world' at the top"],
    "caption it 'HI' in the middle of the screen for the first 2 seconds": ["'HI' at the center in the first 2 s"],
    "tieni i primi 3 secondi in bianco e nero": ["keep the first 3 s", "black and white"],
    "togli l'audio": ["sound off"],
    'i 3 secondi più movimentati, con scritto "ASPETTA" in alto': ["keep the most lively 3 s", "'ASPETTA' at the top"],
    "vorrei solo i primi due secondi al rallentatore": ["keep the first 2 s", "speed x0.5"],
    "unisci i due video": ["join the clips"],
}


@pytest.mark.parametrize(("said", "meant"), READ.items(), ids=list(READ))
def test_understood(said: str, meant: list[str]) -> None:
    assert [in_words(operation) for operation in decide(said)] == meant


@pytest.mark.parametrize(
    "said",
    [
        "",
        "   \n ",
        "make me a sandwich",
        "add a dragon in the sky",
        "make it black and white except the bunny",
        "don't cut the first 3 seconds",
        "cut when the bunny jumps",
        "most lively 3 seconds and the first 2 seconds",
        "0x speed",
        "x" * 5000,
        "\x00\x01\x02",
        "💥",
    ],
)
def test_refused_in_one_sentence_that_says_what_can_be_asked(said: str) -> None:
    with pytest.raises(UsageError) as caught:
        decide(said)
    assert "\n" not in caught.value.sentence


def test_a_refusal_says_what_was_understood_and_what_was_not() -> None:
    with pytest.raises(UsageError) as caught:
        decide("make it sepia and add a dragon")
    assert "sepia" in caught.value.cause
    assert "dragon" in caught.value.problem
    assert "black and white" in caught.value.fix


def test_parts_are_chosen_before_they_are_changed() -> None:
    kinds = [type(operation) for operation in decide("'hi' on top, twice as fast, sepia, keep the first 3 seconds")]
    assert kinds == [Keep, Grade, Speed, Caption]


def test_every_operation_says_what_asked_for_it() -> None:
    said = "the most lively 3 seconds, in b&w"
    assert [operation.rationale for operation in decide(said)] == ["most lively 3 seconds", "b&w"]


@pytest.mark.parametrize(
    "text",
    [
        "Don't {panic}: it's 100%",
        "a\nb",
        "keep the first 3 seconds",
        "x; rm -rf /",
        "{\\b1}",
        "שלום",
        "日本 😀",
        "C:\\N",
    ],
)
def test_quoted_text_is_taken_letter_by_letter_and_never_obeyed(text: str) -> None:
    assert decide(f'write "{text}" at the bottom') == [
        Caption(f'"{text}"', text, "bottom", "meme" if text.isupper() else "subtitle")
    ]


def test_shouted_and_top_texts_are_memes() -> None:
    styles = {said: decide(said)[0].style for said in ("'hello' on top", "'HELLO'", "'hello' below")}  # type: ignore[attr-defined]
    assert styles == {"'hello' on top": "meme", "'HELLO'": "meme", "'hello' below": "subtitle"}


@pytest.mark.parametrize("look", editing_presets().grades)
def test_every_grade_can_be_asked_for(look: str) -> None:
    words = {"contrast": "more contrast", "bright": "brighter", "dark": "darker", "noir": "film noir"}
    assert decide(f"make it {words.get(look, look.replace('_', ' '))}") == [
        Grade(words.get(look, look.replace("_", " ")), look)
    ]


@pytest.mark.parametrize(
    ("span", "seconds", "meant"),
    [
        (Span(0, 3), 5, (0, 3)),
        (Span(0, 5.04), 5, (0, 5)),
        (Span(0, 2, "end"), 5, (3, 5)),
        (Span(0, 1, "center"), 5, (2, 3)),
        (Span(0, 0.5, "end", share=True), 8, (4, 8)),
        (Span(4), 5, (4, 5)),
    ],
)
def test_spans_lie_inside_the_clip(span: Span, seconds: float, meant: tuple[float, float]) -> None:
    assert span.resolve(seconds) == pytest.approx(meant)


@pytest.mark.parametrize("span", [Span(0, 6), Span(2, 10), Span(5), Span(7), Span(3, 2), Span(0, 9, "end")])
def test_a_span_outside_the_clip_is_an_error_and_never_shortened(span: Span) -> None:
    with pytest.raises(UsageError):
        span.resolve(5)


@limits(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_the_planner(said: str) -> None:
    try:
        assert decide(said)
    except UsageError as error:
        assert error.problem


def test_a_long_instruction_is_read_quickly() -> None:
    import time

    began = time.process_time()
    with pytest.raises(UsageError):
        decide("cut 1 to " * 440)
    assert time.process_time() - began < 3


def test_highlight_has_a_usual_length() -> None:
    assert decide("find the best part") == [Highlight("best part", 3.0)]


@pytest.mark.parametrize("said", ['a 20 second trailer titled "Carrots"', 'a trailer of 20 s with the title "Carrots"'])
def test_a_trailers_title_stands_on_its_cards_only(said: str) -> None:
    (trailer,) = decide(said)
    assert isinstance(trailer, w.Trailer) and (trailer.text, trailer.seconds) == ("Carrots", 20)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ('put a title card saying "The End" at the end', "end"),
        ("title card saying The End at the end", "end"),
        ('at the end, put a title card saying "The End"', "end"),
        ('metti un cartello con scritto "The End" alla fine', "end"),
        ('titolo finale "The End"', "end"),
        ('finish with a card "The End"', "end"),
        ('titolo iniziale "The End"', "start"),
        ('un titolo all\'inizio: "The End"', "start"),
        ('a title card with the text "The End" at the beginning', "start"),
        ('title card "The End"', "start"),
        ('put "The End" at the end', "end"),
        ('metti "The End" alla fine', "end"),
        ('add "The End" at the very beginning of the video', "start"),
    ],
)
def test_a_title_card_stands_where_it_was_asked_for(said: str, place: str) -> None:
    (card,) = decide(said)
    assert isinstance(card, w.TitleCard) and (card.text, card.place) == ("The End", place)


@pytest.mark.parametrize(
    "said",
    [
        'a 3 second title card "The End" at the end',
        'a title "The End" for 3 s at the end',
        'show "The End" at the end for 3 s',
    ],
)
def test_a_cards_length_is_the_cards_and_cuts_nothing(said: str) -> None:
    (card,) = decide(said)
    assert isinstance(card, w.TitleCard) and (card.place, card.seconds) == ("end", 3.0)


@pytest.mark.parametrize(
    ("said", "operations"),
    [
        ("make it 5 seconds", ["cut down to 5 s"]),
        ("12 seconds please", ["cut down to 12 s"]),
        ("crop to vertical following the subject, 12 seconds", ["cut down to 12 s", "reframe to 9:16"]),
        ("black and white, 6 seconds", ["cut down to 6 s", "black and white"]),
        ("make it shorter", ["cut down to a third"]),
        ("match the cuts", ["match cuts"]),
        ("speed it up so that it lasts 5 seconds", ["played at the speed that makes it 5 s"]),
        ("slow it down to 20 seconds", ["played at the speed that makes it 20 s"]),
        ("stretch it to 20 seconds", ["played at the speed that makes it 20 s"]),
        ("slow it down by 2 times", ["speed x0.5"]),
    ],
)
def test_a_length_that_is_said_alone_is_the_films(said: str, operations: list[str]) -> None:
    assert [in_words(one) for one in decide(said)] == operations


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (w.Shots("", "keep", (1, 2, 3), "shot"), "keep the first and second and third shot"),
        (w.Shots("", "drop", (11, 21, 32), "scene"), "take out the 11th and 21st and 32nd scene"),
        (w.Shots("", "from", (-1,), "shot"), "begin with the last shot"),
        (w.Shots("", "until", (-23,), "shot"), "end with the 23rd last shot"),
        (w.Order("", "swap", (1, 22), "shot"), "swap the first and the 22nd shot"),
        (w.Order("", "reverse", (), "scene"), "scenes last to first"),
    ],
)
def test_numbers_of_shots_are_said_as_people_say_them(wish: w.Operation, told: str) -> None:
    assert in_words(wish) == told


def test_a_title_card_lasts_as_long_as_is_said() -> None:
    (card,) = decide('title card "Hi" 3 seconds')
    assert isinstance(card, w.TitleCard) and card.seconds == 3


@pytest.mark.parametrize("said", ["make it better", "improve it.", "please fix this video", "make it more exciting",
                                  "make it longer", "rendilo migliore"])  # fmt: skip
def test_a_wish_that_says_nothing_is_answered_with_what_can_be_said(said: str) -> None:
    with pytest.raises(UsageError, match="does not say what should change") as told:
        decide(said)
    assert "tighten it" in told.value.fix and len(told.value.sentence) < 400
