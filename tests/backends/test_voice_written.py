"""Markup, codes and turning signs of pasted texts; languages that letters alone tell."""

from __future__ import annotations

import time

import pytest

from backends.voice.texts.language import detect_language
from backends.voice.texts.script import speakable
from backends.voice.texts.written import clean_name, without_codes, without_markup
from tools.film.language import line_language


@pytest.mark.parametrize(
    ("pasted", "shown"),
    [
        ("<b>Hello</b> world", "Hello world"),
        ("a<br>b<p class='x'>c</p>", "a b c "),
        ("<script>alert(1)</script>Hi<!-- note -->", " Hi"),
        ('<speak><prosody rate="fast">Hello</prosody><break time="2s"/> you</speak>', "Hello, you"),
        ("Stop.<break/>Go", "Stop. Go"),
        ("Tom &amp; Jerry &lt;3 &#233;", "Tom & Jerry <3 é"),
        ("3 < 4 and 5 > 2, <3, a <b and c> d, AT&T, R&B;", "3 < 4 and 5 > 2, <3, a <b and c> d, AT&T, R&B;"),
    ],
)
def test_markup_is_left_out_and_signs_stay(pasted: str, shown: str) -> None:
    assert without_markup(pasted) == shown


def test_codes_are_left_out() -> None:
    assert without_codes("Hello\x00\x07\x1b[31m red\x1b[0m\u202eworld\u202c\n") == "Hello red" + "world\n"
    assert clean_name("A\x1b[31m\n../.." + "x" * 100, 20) == "A ../.." + "x" * 13
    assert speakable("<i>Ciao</i>\x1b[1m a tutti 😀") == "Ciao a tutti"


def test_hostile_markup_takes_no_time() -> None:
    began = time.process_time()
    for text in ("<" * 5000, "<a " + "b=c " * 1200, "<a b='" * 800, "<!--" * 1200, "<script>" * 600, "&" * 5000):
        without_markup(text)
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("你好，世界", "zh"), ("こんにちは世界", "ja"), ("안녕하세요", "ko"), ("مرحبا بالعالم", "ar"),
        ("Привет, мир!", "ru"), ("Γειά σου", "el"), ("שלום", "he"), ("Hello, Иван my friend", "en"), ("", "en"),
    ],
)  # fmt: skip
def test_letters_of_another_kind_tell_the_language(text: str, language: str) -> None:
    assert detect_language(text) == language
    assert line_language(text) == language


def test_languages_in_the_same_letters_are_not_doubted() -> None:
    assert detect_language("Привіт", default="uk") == "uk"
