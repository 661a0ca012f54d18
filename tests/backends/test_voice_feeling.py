"""Emotions as people write them, and what becomes of them."""

from __future__ import annotations

import string
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.voice.emotions.delivery import emotion_vector, instruction
from backends.voice.emotions.feeling import EmotionCurve, blend, emotion_text, feeling_of, read_emotion, scene_curve
from backends.voice.emotions.prosody import Prosody, mixed_prosody, prosody, prosody_between, prosody_with
from backends.voice.engines.protocol import EMOTIONS
from configs.errors import UsageError


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("", "neutral"),
        ("Happily", "happy"),
        ("happy 0.6, afraid 0.4", "happy 0.6 + afraid 0.4"),
        ("happy 0.6 + afraid", "happy 0.6 + afraid"),
        ("60% happy, 40% afraid", "happy 0.6 + afraid 0.4"),
        ("happy 60 afraid 40", "happy 0.6 + afraid 0.4"),
        ("felice 0,6 e spaventato 0,4", "happy 0.6 + afraid 0.4"),
        ("felice e un po' triste", "happy 0.71 + sad 0.29"),
        ("happy with a hint of fear", "happy 0.8 + afraid 0.2"),
        ("slightly sad", "sad 0.4"),
        ("from sad to happy", "sad -> happy"),
        ("da triste a felice", "sad -> happy"),
        ("dall'allegro al triste", "happy -> sad"),
        ("sad → angry 0.5 → happy", "sad -> angry 0.5 -> happy"),
        ("from sad to happy via angry", "sad -> angry -> happy"),
        ("da triste a felice passando per arrabbiato", "sad -> angry -> happy"),
        ("from happy 0.5 + afraid 0.5 to excited", "happy 0.5 + afraid 0.5 -> excited"),
        ("piano piano", "whispering"),
    ],
)
def test_people_write_emotions_in_many_ways(written: str, text: str) -> None:
    assert emotion_text(written) == text
    assert read_emotion(text).points == read_emotion(written).points


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("hapy", "Did you mean 'happy'"),
        ("from hapy to sad", "Did you mean 'happy'"),
        ("happy -1", "The share of 'happy' is -1"),
        ("happy 0", "are 0"),
        ("happy 1 + sad", "Nothing is left for 'sad'"),
        ("from sad to", "lacks an end"),
        ("0.5", "names no emotion"),
        ("x" * 400, "400 characters"),
        (" -> ".join(["sad", "happy"] * 10), "changes 19 times"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_sentence(written: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_emotion(written)
    assert said in caught.value.sentence and "\n" not in caught.value.sentence


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=string.ascii_lowercase + " .,+->%0123456789'àè", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        curve = read_emotion(text)
    except UsageError:
        return
    assert read_emotion(curve.text).text == curve.text
    for point in curve.points:
        assert set(point) <= set(EMOTIONS) and sum(point.values()) <= 1.001


def test_shares_that_do_not_add_up_are_told() -> None:
    over, under = read_emotion("happy 0.9 + afraid 0.9"), read_emotion("happy 0.2 + afraid 0.2")
    assert over.points == ({"happy": 0.5, "afraid": 0.5},) and "add up to 1.8" in over.notes[0]
    assert under.points == ({"happy": 0.2, "afraid": 0.2},) and "the rest is neutral" in under.notes[0]
    assert not read_emotion("happy 0.6 + afraid 0.4").notes and not read_emotion("happy and afraid").notes


@pytest.mark.parametrize("emotion", EMOTIONS)
@pytest.mark.parametrize("intensity", [0.0, 0.3, 1.0])
def test_a_blend_of_one_is_the_emotion(emotion: str, intensity: float) -> None:
    alone = blend({emotion: 1.0}, intensity)
    assert alone.prosody == prosody(emotion, intensity)
    assert alone.nearest == (emotion if intensity else "neutral")
    assert alone.feeling.distance(feeling_of(emotion, intensity)) < 1e-9


def test_a_blend_lies_between_its_parts() -> None:
    mixed = blend({"happy": 0.5, "sad": 0.5}, 1.0)
    happy, sad = prosody("happy", 1.0), prosody("sad", 1.0)
    assert mixed.prosody.pitch == pytest.approx((happy.pitch + sad.pitch) / 2)
    assert mixed.prosody.range == pytest.approx((happy.range * sad.range) ** 0.5)
    assert mixed.feeling.valence == pytest.approx((0.81 - 0.63) / 2)
    # A tremor keeps its frequency, however little of it there is.
    assert mixed_prosody({"happy": 0.9, "afraid": 0.1}).tremor_hz == pytest.approx(prosody("afraid", 1.0).tremor_hz)


def test_the_nearest_of_a_blend_is_a_feeling_and_not_a_manner() -> None:
    assert blend({"happy": 0.9, "afraid": 0.1}).nearest in ("happy", "excited")
    assert blend({"angry": 0.8, "sad": 0.2}).nearest == "angry"
    for one in EMOTIONS:
        for other in ("happy", "sad", "angry", "afraid"):
            assert blend({one: 0.5, other: 0.5}).nearest not in {"whispering", "sarcastic"} - {one}


@pytest.mark.parametrize("share", [-0.1, float("nan"), float("inf")])
def test_a_share_is_an_amount(share: float) -> None:
    with pytest.raises(UsageError):
        blend({"happy": share})
    with pytest.raises(UsageError, match="no emotion 'jolly'"):
        blend({"jolly": 1.0})


def test_a_curve_is_straight_between_its_points() -> None:
    curve = read_emotion("sad -> angry -> happy")
    assert (
        curve.shares(0.0) == {"sad": 1.0}
        and curve.shares(0.5) == {"angry": 1.0}
        and curve.shares(1.0) == {"happy": 1.0}
    )
    assert curve.shares(0.25) == pytest.approx({"sad": 0.5, "angry": 0.5})
    valences = [read_emotion("sad -> happy").at(step / 10, 1.0).feeling.valence for step in range(11)]
    steps = [b - a for a, b in pairwise(valences)]
    assert steps == pytest.approx([steps[0]] * 10) and steps[0] > 0
    assert isinstance(curve, EmotionCurve) and not curve.constant


def test_a_scene_starts_at_its_start_and_arrives_at_its_end() -> None:
    assert scene_curve(3, "from sad to happy") == ("sad", "sad 0.5 + happy 0.5", "happy")
    assert scene_curve(1, "from sad to happy") == ("happy",)
    assert scene_curve(2, "angry") == ("angry", "angry") and scene_curve(0, "sad -> happy") == ()
    for text in scene_curve(7, "neutral -> afraid -> tender"):
        assert emotion_text(text) == text


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_vectors_hold_the_cap_and_instructions_name_the_feeling(emotion: str) -> None:
    vector = emotion_vector(blend({emotion: 1.0}, 1.0))
    assert len(vector) == 8 and 0.79 < sum(vector) <= 0.8001 and min(vector) >= 0
    assert len({instruction(blend({one: 1.0}, 0.7)) for one in EMOTIONS}) == len(EMOTIONS)
    mild, strong = (instruction(blend({"angry": 1.0}, level)) for level in (0.2, 1.0))
    assert "hint" in mild and "strong" in strong
    assert "a little" in instruction(blend({"happy": 0.6, "afraid": 0.4}, 1.0))


def test_vectors_differ_between_emotions_and_fade_to_calm() -> None:
    assert max(range(8), key=emotion_vector(blend({"angry": 1.0}, 1.0)).__getitem__) == 1
    assert emotion_vector(blend({"angry": 1.0}, 0.0)) == emotion_vector(blend({"neutral": 1.0}))
    half = emotion_vector(blend({"angry": 1.0}, 0.5))
    assert half[1] == pytest.approx(0.4) and half[7] == pytest.approx(0.4)


def test_what_is_missing_between_two_prosodies() -> None:
    have, want = prosody("sad", 0.7), prosody("happy", 0.7)
    rest = prosody_between(have, want)
    assert have.pitch + rest.pitch == pytest.approx(want.pitch)
    assert have.rate * rest.rate == pytest.approx(want.rate)
    # Breath cannot be taken out of a sound.
    assert prosody_between(prosody("whispering", 1.0), Prosody()).whisper == 0.0
    assert prosody_with(Prosody(pitch=1.0, rate=2.0), {"pitch": -2, "rate": 0.5}) == Prosody(pitch=-1.0, rate=1.0)
    with pytest.raises(UsageError, match="no prosody 'speed'"):
        prosody_with(Prosody(), {"speed": 2})
