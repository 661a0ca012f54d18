"""Voices from descriptions."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backends.voice.engines.protocol import VoiceProfile
from backends.voice.profile import voice_from_description, voice_from_fields


@pytest.mark.parametrize(
    ("name", "description", "age", "gender", "species"),
    [
        ("Luca", "a boy with curly brown hair", "child", "male", "human"),
        ("Boo", "a tiny robot", "adult", "neutral", "robot"),
        ("Boo", "un piccolo robot arrugginito", "adult", "neutral", "robot"),
        ("Nonna Rosa", "an old woman with a white bun", "elder", "female", "human"),
        ("Gio", "a boy who finds a robot", "child", "male", "human"),
        ("Rex", "the dog of a boy", "adult", "neutral", "dog"),
        ("Micio", "un vecchio gatto", "elder", "male", "cat"),
        ("Gina", "un gabbiano", "adult", "neutral", "seagull"),
        ("Anna", "ragazza allegra", "teen", "female", "human"),
        ("Marco", "", "adult", "male", "human"),
        ("Giulia", "loves the sea", "adult", "female", "human"),
        ("the old robot", "", "adult", "neutral", "robot"),
        ("Tim", "Tim is 8 years old", "child", "male", "human"),
        ("Ada", "a 70-year-old sailor", "elder", "female", "human"),
        ("Zzz", "", "adult", "neutral", "human"),
        ("Igor", "il re dei mostri", "adult", "male", "human"),
        ("Grog", "a monster with green fur", "adult", "neutral", "monster"),
    ],
)
def test_words_tell_who_speaks(name: str, description: str, age: str, gender: str, species: str) -> None:
    voice = voice_from_description(name, description)
    assert (voice.age, voice.gender, voice.species) == (age, gender, species)


def test_the_look_counts_where_words_are_silent() -> None:
    assert voice_from_description("Zed", "", {"kind": "robot"}).species == "robot"
    assert voice_from_description("Kim", "likes kites", {"kind": "human", "age": "child"}).age == "child"
    assert voice_from_description("Kim", "an old man", {"kind": "human", "age": "child"}).age == "elder"


def test_traits_move_the_voice() -> None:
    plain = voice_from_description("Ugo", "a man")
    deep = voice_from_description("Ugo", "a huge man with a deep voice")
    slow = voice_from_description("Ugo", "a slow, sleepy man")
    assert deep.pitch < plain.pitch - 4 and deep.timbre < plain.timbre
    assert slow.rate < 0.95 * plain.rate


def test_like_descriptions_differ_by_name_and_names_ignore_case() -> None:
    voices = {voice_from_description(name, "a boy") for name in ("Luca", "Leo", "Tom", "Gianni", "Ugo")}
    assert len({(v.pitch, v.rate, v.timbre, v.seed) for v in voices}) == 5
    assert voice_from_description(" luca ", "a boy").seed == voice_from_description("LUCA", "a boy").seed


def test_the_voice_is_the_same_in_another_session() -> None:
    code = "from backends.voice.profile import voice_from_description as v; print(v('Luca', 'a boy'))"
    said = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1] == f"{voice_from_description('Luca', 'a boy')}\n"


def test_remembered_fields_win_and_nonsense_is_ignored() -> None:
    voice = voice_from_fields(
        "Luca",
        "a boy",
        {"voice": {"pitch": -3, "rate": 99.0, "age": "dinosaur", "gender": 5, "seed": 7, "hack": "x"}, "look": "none"},
    )
    assert isinstance(voice, VoiceProfile)
    assert (voice.pitch, voice.rate, voice.age, voice.gender, voice.seed) == (-3.0, 2.0, "adult", "male", 7)
    assert voice_from_fields("Luca", "a boy", {"voice": "no"}) == voice_from_description("Luca", "a boy")
