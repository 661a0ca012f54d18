"""Mouth shapes: rules on phonemes, energy, and the Rhubarb forms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import EMOTIONS, Phoneme, SpeechRequest, VoiceProfile
from backends.voice.lips.energy import EnergyMouth, cues_from_energy
from backends.voice.lips.visemes import (
    MouthCue,
    cues_from_json,
    cues_from_phonemes,
    rhubarb_json,
    rhubarb_tsv,
    shape_at,
    split_ipa,
)

SHAPES = set("ABCDEFGHX")
MINIMUM = 0.04


def _spoken(*sounds: tuple[str, float], start: float = 0.0) -> list[Phoneme]:
    phonemes: list[Phoneme] = []
    for ipa, seconds in sounds:
        phonemes.append(Phoneme(start, start + seconds, ipa))
        start += seconds
    return phonemes


def _letters(cues: Sequence[MouthCue]) -> str:
    return "".join(cue.shape for cue in cues)


def _check(cues: Sequence[MouthCue], duration: float) -> None:
    assert cues[0].start == 0.0
    assert cues[-1].end == pytest.approx(duration)
    for before, after in pairwise(cues):
        assert after.start == pytest.approx(before.end)
        assert after.shape != before.shape
    assert {cue.shape for cue in cues} <= SHAPES
    if len(cues) > 1:
        assert min(cue.end - cue.start for cue in cues) >= MINIMUM - 1e-6


@pytest.mark.parametrize(
    ("ipa", "shape"),
    [("m", "A"), ("s", "B"), ("i", "B"), ("e", "C"), ("ˈæ", "C"), ("ɑː", "D"), ("ˈa", "D"), ("ɔ", "E"), ("o", "E"),
     ("uː", "F"), ("w", "F"), ("f", "G"), ("v", "G"), ("l", "H"), ("ʎ", "H"), ("tʃ", "B"), ("ɲ", "B")],
)  # fmt: skip
def test_each_sound_has_its_shape(ipa: str, shape: str) -> None:
    assert _letters(cues_from_phonemes(_spoken((ipa, 0.3)), 0.3)) == shape


@pytest.mark.parametrize(("ipa", "shapes"), [("aʊ", "DEF"), ("oʊ", "EF"), ("eɪ", "CB"), ("aɪ", "DCB"), ("ɔɪ", "EB")])
def test_diphthongs_move(ipa: str, shapes: str) -> None:
    assert _letters(cues_from_phonemes(_spoken((ipa, 0.4)), 0.4)) == shapes


@pytest.mark.parametrize(("sounds", "shapes"), [("am", "DCA"), ("eu", "CEF"), ("ue", "FEC")])
def test_far_shapes_are_passed_through_a_middle_one(sounds: str, shapes: str) -> None:
    cues = cues_from_phonemes(_spoken(*((sound, 0.25) for sound in sounds)), 0.5)
    assert _letters(cues) == shapes
    assert MINIMUM <= cues[1].end - cues[1].start <= 0.08 + 1e-9


def test_lips_close_before_a_plosive_is_released() -> None:
    cues = cues_from_phonemes(_spoken(("e", 0.3), ("b", 0.03), ("e", 0.3)), 0.63)
    closed = [cue for cue in cues if cue.shape == "A"]
    assert len(closed) == 1
    assert 0.04 <= closed[0].end - closed[0].start <= 0.12
    assert closed[0].start < 0.3 < closed[0].end


def test_a_long_plosive_is_not_held_shut_forever() -> None:
    cues = cues_from_phonemes(_spoken(("e", 0.2), ("p", 0.4), ("e", 0.2)), 0.8)
    closed = next(cue for cue in cues if cue.shape == "A")
    assert closed.end - closed.start <= 0.12 + 0.02 + 1e-9


def test_back_consonants_take_the_shape_of_the_vowel_to_come() -> None:
    assert shape_at(cues_from_phonemes(_spoken(("k", 0.1), ("u", 0.2)), 0.3), 0.02) == "F"
    assert shape_at(cues_from_phonemes(_spoken(("k", 0.1), ("e", 0.2)), 0.3), 0.02) == "C"


def test_pauses_rest_and_short_gaps_do_not() -> None:
    long = cues_from_phonemes([*_spoken(("e", 0.2)), *_spoken(("e", 0.2), start=0.5)], 0.9)
    assert _letters(long) == "CXCX"
    short = cues_from_phonemes([*_spoken(("e", 0.2)), *_spoken(("e", 0.2), start=0.25)], 0.45)
    assert _letters(short) == "C"


def test_nothing_spoken_is_rest() -> None:
    assert cues_from_phonemes([], 2.0) == (MouthCue(0.0, 2.0, "X"),)
    assert cues_from_phonemes([], 0.0) == ()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["p", "b", "m", "f", "l", "k", "a", "e", "i", "o", "u", "s", "ˈeɪ", "", "?", "tʃ", "ɹ"]),
            st.floats(0.0, 0.4),
            st.floats(0.0, 0.3),
        ),
        max_size=25,
    ),
    st.floats(0.05, 6.0),
)
def test_any_phonemes_cover_the_whole_time(sounds: list[tuple[str, float, float]], duration: float) -> None:
    phonemes: list[Phoneme] = []
    at = 0.0
    for ipa, gap, seconds in sounds:
        phonemes.append(Phoneme(at + gap, at + gap + seconds, ipa))
        at += gap + seconds
    _check(cues_from_phonemes(phonemes, duration), duration)


@pytest.mark.parametrize(
    ("text", "language", "closures", "teeth_on_lip"),
    [("Mamma, papà, un bimbo bello.", "it", 7, 0), ("My baby beaver found five boxes of bamboo.", "en", 6, 4)],
)
def test_real_lines_close_the_lips_where_they_must(text: str, language: str, closures: int, teeth_on_lip: int) -> None:
    engine = EspeakEngine()
    engine.load()
    result = engine.speak(SpeechRequest(text, VoiceProfile("x", gender="female"), language))
    duration = len(result.samples) / result.sample_rate
    cues = cues_from_phonemes(result.phonemes, duration)
    _check(cues, duration)
    letters = _letters(cues)
    assert abs(letters.count("A") - closures) <= 1, letters
    assert letters.count("G") >= teeth_on_lip, letters
    # Whenever m is heard, the lips are shut at some time in it.
    for phoneme in (p for p in result.phonemes if p.ipa == "m"):
        assert any(cue.shape == "A" and cue.start < phoneme.end and cue.end > phoneme.start for cue in cues)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_energy_and_phonemes_agree_on_when_the_mouth_rests(emotion: str) -> None:
    engine = EspeakEngine()
    engine.load()
    result = engine.speak(
        SpeechRequest("Wait here. I am coming back.", VoiceProfile("x", gender="female"), "en", emotion)
    )
    duration = len(result.samples) / result.sample_rate
    by_sound = cues_from_energy(result.samples, result.sample_rate)
    by_text = cues_from_phonemes(result.phonemes, duration)
    _check(by_sound, duration)
    times = np.arange(0.0, duration, 0.02)
    same = [(shape_at(by_sound, t) == "X") == (shape_at(by_text, t) == "X") for t in times]
    assert np.mean(same) > 0.75
    assert len(set(_letters(by_sound))) >= 4


def test_silence_has_a_closed_mouth() -> None:
    assert _letters(cues_from_energy(np.zeros(22050, np.float32), 22050)) == "X"
    assert cues_from_energy(np.zeros(0, np.float32), 22050) == ()


def test_a_sound_read_in_pieces_has_the_same_mouth() -> None:
    at = np.arange(44100) / 22050
    sound = (0.3 * np.sin(2 * np.pi * 700 * at) * np.sin(2 * np.pi * at) ** 4).astype(np.float32)
    mouth = EnergyMouth(22050)
    for at in range(0, len(sound), 777):
        mouth.take(sound[at : at + 777])
    cues = mouth.cues()
    assert cues == cues_from_energy(sound, 22050) and len(cues) > 3


def test_rhubarb_forms() -> None:
    cues = (MouthCue(0.0, 0.5, "X"), MouthCue(0.5, 0.81, "D"), MouthCue(0.81, 1.2, "A"))
    body = json.loads(rhubarb_json(cues, "line.wav", 1.2))
    assert body["metadata"] == {"soundFile": "line.wav", "duration": 1.2}
    assert body["mouthCues"][1] == {"start": 0.5, "end": 0.81, "value": "D"}
    assert cues_from_json(rhubarb_json(cues, "line.wav", 1.2)) == cues
    assert rhubarb_tsv(cues) == "0.00\tX\n0.50\tD\n0.81\tA\n1.20\tX\n"
    with pytest.raises(ValueError, match="Rhubarb"):
        cues_from_json('{"cues": []}')


def test_ipa_is_split_longest_first() -> None:
    assert split_ipa("ˈɛɹ") == ["ɛ", "ɹ"]
    assert split_ipa("tʃ") == ["tʃ"]
    assert split_ipa("ˌaɪə") == ["aɪ", "ə"]
    assert split_ipa("ɑːɹ") == ["ɑː", "ɹ"]
