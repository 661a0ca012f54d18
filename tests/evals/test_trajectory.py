"""Expected calls against those made: order, arguments, further calls."""

from __future__ import annotations

from typing import Any

from evals.case import AnyOf, ExpectedCall
from evals.trajectory import Call, compare


def want(tool: str | AnyOf, **args: Any) -> ExpectedCall:
    return ExpectedCall(tool=tool, args=args)


def call(tool: str, defaults: dict[str, Any] | None = None, **args: Any) -> Call:
    return Call(tool, args, defaults or {})


def test_all_right() -> None:
    path = compare([want("speak", text={"contains": "hi"})], [call("speak", text="Hi there")])
    assert path.in_order and path.wrong == ()
    assert (path.matched, path.expected, path.given) == (1, 1, 1)
    assert (path.arguments_right, path.arguments_expected) == (1, 1)


def test_a_call_that_never_came_costs_its_arguments() -> None:
    path = compare([want("speak", text="hi", character="Boo")], [])
    assert not path.in_order and path.wrong == ("no call of speak",)
    assert (path.matched, path.given, path.arguments_right, path.arguments_expected) == (0, 0, 0, 2)


def test_the_order_counts() -> None:
    path = compare([want("speak"), want("lip_sync")], [call("lip_sync"), call("speak")])
    assert not path.in_order and path.matched == 2 and path.wrong == ("lip_sync came too early",)


def test_each_expected_call_needs_one_of_its_own() -> None:
    path = compare([want("speak"), want("speak")], [call("speak", text="hi")])
    assert not path.in_order and (path.matched, path.expected, path.given) == (1, 2, 1)


def test_of_two_calls_of_a_tool_the_fitting_one_is_taken() -> None:
    path = compare([want("speak", text="two"), want("speak", text="three")],
                   [call("speak", text="two"), call("speak", text="three")])  # fmt: skip
    assert path.in_order and path.arguments_right == 2
    swapped = compare([want("speak", text="b")], [call("speak", text="a"), call("speak", text="b")])
    assert swapped.arguments_right == 1 and swapped.wrong == ("unexpected call of speak",) and swapped.given == 2


def test_looking_things_up_is_no_fault_but_making_is() -> None:
    looked = compare([want("speak")], [call("search_memory"), call("list_assets"), call("gpu_status"), call("speak")])
    assert looked.in_order and looked.given == 1
    made = compare([want("speak")], [call("speak"), call("generate_image")])
    assert not made.in_order and made.given == 2 and made.wrong == ("unexpected call of generate_image",)


def test_allowed_calls_are_no_fault() -> None:
    path = compare([want("edit_video")], [call("analyze_video"), call("edit_video")], allow=["analyze_video"])
    assert path.in_order and path.given == 1


def test_a_lookup_can_be_the_wish_itself() -> None:
    path = compare([want("search_memory", query={"contains": "boo"})], [call("search_memory", query="Boo?")])
    assert path.in_order and (path.matched, path.given) == (1, 1)


def test_nothing_expected_means_nothing_may_be_made() -> None:
    assert compare([], []).in_order and compare([], [call("list_assets")]).in_order
    assert compare([], [call("undo")]).wrong == ("unexpected call of undo",)


def test_an_argument_left_out_has_its_default_except_for_present() -> None:
    made = call("undo", {"steps": 1})
    assert compare([want("undo", steps=1)], [made]).arguments_right == 1
    assert compare([want("undo", steps={"present": True})], [made]).arguments_right == 0
    assert compare([want("undo", steps={"present": False})], [made]).arguments_right == 1
    wrong = compare([want("undo", steps=3)], [made]).wrong
    assert wrong == ("undo.steps: wanted 3, got 1",)


def test_one_of_several_tools() -> None:
    either = AnyOf(any_of=["edit_video", "add_captions"])
    assert compare([want(either)], [call("add_captions")]).in_order
    assert compare([want(either)], []).wrong == ("no call of edit_video/add_captions",)
