"""Rates, their intervals and the report's keys."""

from __future__ import annotations

import pytest

from evals.metrics import CaseScore, Rate, TurnScore, summarise, wilson
from evals.trajectory import Trajectory


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17: 857, table I, method 3, and Wilson's closed form at the edges
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson(right: int, total: int, low: float, high: float) -> None:
    assert wilson(right, total) == pytest.approx((low, high), abs=5e-5)


def test_no_trials_no_interval() -> None:
    assert wilson(0, 0) == (None, None)
    assert Rate().as_dict() == {"value": None, "right": 0, "total": 0, "low": None, "high": None}


def path(matched: int, expected: int, given: int, right: int = 0, asked: int = 0, ordered: bool = True) -> Trajectory:
    return Trajectory(ordered, matched, expected, given, right, asked, ())


def turn(wanted: str, got: str, trajectory: Trajectory | None = None, forbidden: tuple[str, ...] = ()) -> TurnScore:
    return TurnScore("say", wanted, got, wanted == got if wanted else None, trajectory, forbidden, 0.1, "reply")


def case(
    name: str, *turns: TurnScore, tags: tuple[str, ...] = (), passed: bool = True, success: bool | None = None
) -> CaseScore:
    return CaseScore(name, tags, turns, success, passed)  # fmt: skip


def test_rates_over_turns_and_cases() -> None:
    report = summarise([
        case("a", turn("speak", "speak", path(1, 1, 1, 2, 2)), tags=("voice",), success=True),
        case("b", turn("speak", "undo", path(0, 1, 1, 0, 2, False), ("undo",)), tags=("voice", "x"), passed=False),
        case("c", turn("clarify", "clarify", path(0, 0, 0)), turn("", "chat"), tags=("x",)),
        case("d", turn("edit_video", "clarify", path(0, 1, 0, ordered=False)), passed=False, success=False),
    ])  # fmt: skip
    assert report["intent_accuracy"]["right"] == 2 and report["intent_accuracy"]["total"] == 4
    assert report["tool_f1"] == pytest.approx(2 * 1 / (3 + 2))
    assert report["argument_accuracy"]["value"] == 0.5
    assert report["trajectory_accuracy"]["right"] == 2 and report["trajectory_accuracy"]["total"] == 4
    assert report["task_success"] == {**report["task_success"], "right": 1, "total": 2}
    assert report["clarify_precision"]["value"] == 0.5
    assert report["decline_precision"]["total"] == 0
    assert report["forbidden_calls"] == 1
    assert report["cases_passed"]["right"] == 2
    assert set(report["by_tag"]) == {"voice", "x"}
    voice = report["by_tag"]["voice"]
    assert voice["intent_accuracy"]["value"] == 0.5 and voice["cases_passed"]["total"] == 2
    assert voice["tool_f1"] == 0.5 and voice["argument_accuracy"]["total"] == 4


def test_f1_punishes_calls_too_many_as_well_as_too_few() -> None:
    def f1(matched: int, expected: int, given: int) -> float:
        return float(summarise([case("a", turn("speak", "speak", path(matched, expected, given)))])["tool_f1"])

    assert f1(2, 2, 2) == 1 and f1(2, 2, 4) == pytest.approx(2 / 3, abs=1e-4) and f1(1, 3, 1) == 0.5


def test_an_empty_run_has_no_rates() -> None:
    report = summarise([])
    assert report["intent_accuracy"]["value"] is None and report["tool_f1"] is None and report["by_tag"] == {}
