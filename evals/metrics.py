"""From scored turns to rates with their confidence."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from evals.trajectory import Trajectory

Z95 = 1.959964
BY_TAG = ("intent_accuracy", "tool_f1", "argument_accuracy", "task_success", "cases_passed")


@dataclass(frozen=True)
class TurnScore:
    """One turn, scored."""

    say: str
    wanted: str
    got: str
    """The intent: first tool called (reading left out when more followed), clarify, decline or chat."""
    intent_right: bool | None
    """None: the case does not say."""
    trajectory: Trajectory | None
    forbidden: tuple[str, ...]
    seconds: float
    reply: str
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True)
class CaseScore:
    id: str
    tags: tuple[str, ...]
    turns: tuple[TurnScore, ...]
    success: bool | None
    """None: not judged (a dry run of a case that only files could prove)."""
    passed: bool
    error: str = ""
    pictures: tuple[str, ...] = ()
    """Small pictures of what was made, as data URIs, for the HTML report."""
    swaps: int = 0


@dataclass
class Rate:
    """So many right of so many."""

    right: int = 0
    total: int = 0

    def add(self, ok: bool) -> None:
        self.right += ok
        self.total += 1

    def as_dict(self) -> dict[str, Any]:
        low, high = wilson(self.right, self.total)
        value = self.right / self.total if self.total else None
        return {
            "value": _round(value),
            "right": self.right,
            "total": self.total,
            "low": _round(low),
            "high": _round(high),
        }


def wilson(right: int, total: int, z: float = Z95) -> tuple[float | None, float | None]:
    """95 % score interval of a proportion (Wilson 1927); None, None without trials."""
    if not total:
        return None, None
    p = right / total
    centre = p + z * z / (2 * total)
    spread = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def summarise(cases: Sequence[CaseScore]) -> dict[str, Any]:
    """The report's keys, design of the suites: rates over all cases and by tag."""
    report = _rates(cases)
    tags: dict[str, list[CaseScore]] = defaultdict(list)
    for case in cases:
        for tag in case.tags:
            tags[tag].append(case)
    report["by_tag"] = {
        tag: {k: v for k, v in _rates(rows).items() if k in BY_TAG} for tag, rows in sorted(tags.items())
    }
    return report


def _rates(cases: Sequence[CaseScore]) -> dict[str, Any]:
    turns = [t for c in cases for t in c.turns]
    intent, argument, trajectory, success, passed = Rate(), Rate(), Rate(), Rate(), Rate()
    forbidden = matched = wanted = given = 0
    for turn in turns:
        if turn.intent_right is not None:
            intent.add(turn.intent_right)
        forbidden += len(turn.forbidden)
        if turn.trajectory is not None:
            path = turn.trajectory
            trajectory.add(path.in_order)
            argument.right += path.arguments_right
            argument.total += path.arguments_expected
            matched, wanted, given = matched + path.matched, wanted + path.expected, given + path.given
    for case in cases:
        passed.add(case.passed)
        if case.success is not None:
            success.add(case.success)
    return {
        "intent_accuracy": intent.as_dict(),
        "tool_f1": _round(2 * matched / (wanted + given)) if wanted + given else None,
        "argument_accuracy": argument.as_dict(),
        "trajectory_accuracy": trajectory.as_dict(),
        "task_success": success.as_dict(),
        "clarify_precision": _precision(turns, "clarify"),
        "decline_precision": _precision(turns, "decline"),
        "forbidden_calls": forbidden,
        "cases_passed": passed.as_dict(),
        "median_seconds": _round(_median(t.seconds for t in turns)),
    }


def _precision(turns: Iterable[TurnScore], kind: str) -> dict[str, Any]:
    """Of the turns that ended with this intent, how many should have."""
    rate = Rate()
    for turn in turns:
        if turn.got == kind and turn.intent_right is not None:
            rate.add(turn.intent_right)
    return rate.as_dict()


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None


def _round(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)
