"""The shipped suites, and what a wrong one is answered with."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from configs.errors import UsageError
from evals.case import SUITES, AnyOf, Case, load_suite
from evals.matching import MATCHERS
from evals.runner import NO_CALL, wanted_intent
from tools.registry import TOOLS

NAMES = sorted(p.stem for p in SUITES.glob("*.yaml"))
INNER_STEPS = {"animate_shot", "train_voice_model"}
"""Tools that other tools call; nobody asks for them by themselves in the foundation."""


def tools_of(case: Case) -> set[str]:
    found: set[str] = set()
    for turn in case.turns:
        intent = turn.intent
        found |= set(intent.any_of) if isinstance(intent, AnyOf) else {intent} if intent else set()
        found |= {name for call in turn.calls for name in call.tools()}
        found |= {*turn.forbid, *turn.allow}
    return found - set(NO_CALL)


@pytest.mark.parametrize("name", NAMES)
def test_suites_load_and_name_only_tools_that_exist(name: str) -> None:
    for case in load_suite(name):
        assert tools_of(case) <= set(TOOLS), case.id
        assert case.tags, case.id
        assert any(wanted_intent(t) is not None for t in case.turns), case.id


@pytest.mark.parametrize("name", NAMES)
def test_expectations_can_be_met(name: str) -> None:
    """No call is expected where none may come, nothing expected is forbidden, no matcher is misspelt."""
    for case in load_suite(name):
        for turn in case.turns:
            if wanted_intent(turn) in NO_CALL:
                assert not turn.calls, case.id
            assert not {n for c in turn.calls for n in c.tools()} & set(turn.forbid), case.id
            for value in (v for c in turn.calls for v in c.args.values()):
                if isinstance(value, dict):
                    assert set(value) <= MATCHERS, (case.id, value)


def test_ids_are_unique_over_all_suites() -> None:
    ids = Counter(case.id for name in NAMES for case in load_suite(name))
    assert [i for i, n in ids.items() if n > 1] == []


def test_no_wish_is_in_two_suites() -> None:
    wishes = Counter(" ".join(c.turns[0].say.casefold().split()) for n in NAMES for c in load_suite(n))
    assert [w for w, n in wishes.items() if n > 1] == []


@pytest.mark.parametrize(
    ("names", "least"), [(("foundation", "images", "analysis", "editing", "voice"), 325), (("held_out",), 60)]
)
def test_suites_are_large_and_cover_every_tool(names: tuple[str, ...], least: int) -> None:
    cases = [case for name in names for case in load_suite(name)]
    assert len(cases) >= least
    called = {tool for c in cases for t in c.turns for call in t.calls for tool in call.tools()}
    assert set(TOOLS) - INNER_STEPS - called == set()


@pytest.mark.parametrize(
    ("name", "tag", "least"),
    [
        ("foundation", "italian", 12), ("foundation", "two-turn", 10), ("foundation", "ask-back", 10),
        ("foundation", "decline", 8), ("foundation", "typo", 8), ("foundation", "injection", 6),
        ("foundation", "paraphrase", 20), ("foundation", "chat", 4), ("foundation", "forbid", 3),
        ("foundation", "long", 3), ("foundation", "polite", 5), ("foundation", "lowercase", 8),
        ("held_out", "italian", 6), ("held_out", "two-turn", 5), ("held_out", "ask-back", 4),
        ("held_out", "decline", 4), ("held_out", "typo", 4), ("held_out", "injection", 3),
        ("held_out", "paraphrase", 12),
    ],
)  # fmt: skip
def test_every_kind_of_wish_is_there(name: str, tag: str, least: int) -> None:
    assert sum(tag in case.tags for case in load_suite(name)) >= least


GOOD = "- {id: a, turns: [{say: hi, intent: chat}]}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\n", "no list of cases"),
        ("", "no list of cases"),
        ("[]", "has no cases"),
        ("- [unclosed", "not valid YAML"),
        ("- just text\n", "The case '?'"),
        (GOOD + GOOD, "has the case 'a' twice"),
        ("- {id: b, turns: []}\n", "The case 'b' .* is wrong at 'turns'"),
        ("- {id: b, turns: [{say: hi, intnet: chat}]}\n", "is wrong at 'turns.0.intnet'"),
        ("- {id: b, turns: [{intent: chat}]}\n", "is wrong at 'turns.0.say'"),
        ("- {id: b, turns: [{say: hi, attach: [x.png]}]}\n", "'x.png' is attached, but not in setup.files"),
        ("- {id: b, turns: [{say: hi, calls: [{tool: {any_of: []}}]}]}\n", "turns.0.calls.0.tool"),
    ],
)
def test_a_wrong_suite_is_refused_in_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_suite(file)
    assert re.search(says, caught.value.sentence), caught.value.sentence
    assert "\n" not in caught.value.sentence


def test_binary_garbage_and_unknown_names_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(bytes(range(128, 256)))
    with pytest.raises(UsageError, match="not valid YAML"):
        load_suite(file)
    with pytest.raises(UsageError, match="There is no suite 'foundatoin'"):
        load_suite("foundatoin")


def test_files_come_with_the_turn_that_attaches_them() -> None:
    turns = [{"say": "cut it"}, {"say": "this one", "attach": ["late.mp4"]}, {"say": "thanks"}]
    case = Case.model_validate({"id": "a", "setup": {"files": ["late.mp4", "early.mp4"]}, "turns": turns})
    assert [case.attached(n) for n in range(3)] == [["early.mp4"], ["late.mp4"], []]
