"""Matchers: what fits a value, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from evals.case import AnyOf
from evals.matching import as_number, matches, named


@pytest.mark.parametrize(
    ("wanted", "given", "fits"),
    [
        # plain values
        ("Boo", "boo", True),
        ("Boo", " BOO  ", True),
        ("Boo", "Boos", False),
        ("don't go", "Don’t  go", True),
        ("pré", "pre\u0301", True),
        ("perche", "perché", False),
        (3, 3, True),
        (3, "3", True),
        (3, "three", True),
        (3, 3.0, True),
        (3, 4, False),
        (3, None, False),
        (True, True, True),
        (True, 1, False),
        (1, True, False),
        ("clip.mp4", ["clip.mp4"], True),
        ("clip.mp4", ["clip.mp4", "b.mp4"], False),
        ("", None, True),
        # contains
        ({"contains": "greeting"}, "The Greeting of the robot", True),
        ({"contains": "greeting"}, "the greetin", False),
        ({"contains": ["fox", "snow"]}, "a fox in the snow", True),
        ({"contains": ["fox", "snow"]}, "a fox in the rain", False),
        ({"contains": "normal"}, ["canny", "normal"], True),
        ({"contains": "pose"}, ["canny", "normal"], False),
        ({"contains": ["3", "first"]}, "keep the first three seconds", True),
        ({"contains": "3"}, "keep the first 3s", True),
        ({"contains": "3"}, "keep the first 30 seconds", False),
        ({"contains": "3"}, "keep the first 3.5 seconds", False),
        ({"contains": "two seconds"}, "ultimi 2 seconds", True),
        ({"contains": "it's mine"}, [{"character": "Ann", "text": "It's mine!"}], True),
        ({"contains": "anything"}, None, False),
        # any_of
        ({"any_of": ["it", "italian"]}, "IT", True),
        ({"any_of": ["it", "italian"]}, "en", False),
        ({"any_of": [["pose", "canny"]]}, ["canny", "pose"], True),
        ({"any_of": [["pose", "canny"]]}, ["canny"], False),
        ({"any_of": [["pose"]]}, "pose", True),
        ({"any_of": [["pose", "pose"]]}, ["pose", "canny"], False),
        ({"any_of": [{"contains": "rallenta"}, {"contains": "slow"}]}, "slow it down", True),
        ({"any_of": [2, 3]}, 3, True),
        # approx
        ({"approx": 15, "tol": 0.5}, 15.4, True),
        ({"approx": 15, "tol": 0.5}, 15.6, False),
        ({"approx": 15}, "15 s", True),
        ({"approx": 20, "tol": 1}, "twenty seconds", True),
        ({"approx": 15, "tol": 1}, None, False),
        ({"approx": 1, "tol": 1}, True, False),
        # present
        ({"present": True}, "x", True),
        ({"present": True}, "", False),
        ({"present": True}, [], False),
        ({"present": True}, 0, True),
        ({"present": False}, None, True),
        ({"present": False}, "x", False),
        # both must hold
        ({"contains": "a", "any_of": ["abc", "bcd"]}, "abc", True),
        ({"contains": "a", "any_of": ["abc", "bcd"]}, "bcd", False),
        # lists keep their order, mappings name the fields that matter
        (["a.mp4", "b.mp4"], ["a.mp4", "b.mp4"], True),
        (["a.mp4", "b.mp4"], ["b.mp4", "a.mp4"], False),
        (["a.mp4"], "a.mp4", True),
        ({"character": "Luca"}, {"character": "luca", "text": "Ciao"}, True),
        ({"character": "Luca"}, {"character": "Boo"}, False),
        ({"character": "Luca"}, "Luca", False),
        ([{"text": {"contains": "ciao"}}], [{"text": "Ciao, piccolo!", "emotion": "happy"}], True),
        ([{"text": {"contains": "ciao"}}], [{"text": "Addio"}], False),
    ],
)  # fmt: skip
def test_a_value_fits_or_not(wanted: Any, given: Any, fits: bool) -> None:
    assert matches(wanted, given) is fits


def test_names_are_resolved_inside_lists_and_fields() -> None:
    names = {("video", "a-1"): "one.mp4", ("video", "a-2"): "two.mp4", ("character", "the robot"): "Boo"}

    def resolve(argument: str, value: Any) -> Any:
        return names.get((argument, value), value)

    assert matches(["one.mp4", "two.mp4"], ["a-1", "a-2"], "video", resolve)
    assert matches({"any_of": [["two.mp4", "one.mp4"]]}, ["a-1", "a-2"], "video", resolve)
    assert matches("one.mp4", "a-1", "video", resolve)
    assert not matches("one.mp4", "a-1", "text", resolve)
    assert matches([{"character": "Boo"}], [{"character": "the robot", "text": "a-1"}], "lines", resolve)
    assert not matches([{"text": "one.mp4"}], [{"character": "the robot", "text": "a-1"}], "lines", resolve)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (2, 2.0),
        ("2.5 s", 2.5),
        ("venti secondi", 20.0),
        ("half a minute", 30.0),
        ("none", None),
        (None, None),
        ("-3", -3.0),
    ],
)
def test_numbers_in_words(value: Any, number: float | None) -> None:
    assert as_number(value) == number


def test_tools_by_name_or_one_of_several() -> None:
    assert named("speak", "speak") and not named("speak", "speak_dialogue")
    assert named(AnyOf(any_of=["decline", "chat"]), "chat") and named(None, "whatever")
