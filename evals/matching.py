"""Does what the assistant did match what a case expects: arguments, calls, trajectories."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.case import AnyOf, ExpectedCall

MATCHERS = {"contains", "any_of", "approx", "tol", "present"}
READ_ONLY = frozenset({"search_memory", "list_assets", "gpu_status"})
"""Further calls of these are no fault."""

Resolve = Callable[[Any], Any]
"""Asset id -> name of the attached file (or itself)."""


def matches(wanted: Any, given: Any, resolve: Resolve = lambda v: v) -> bool:
    """Whether a value fits a matcher; text is compared without regard to case, spaces and accents' form."""
    given = [resolve(v) for v in given] if isinstance(given, (list, tuple)) else resolve(given)
    if isinstance(wanted, Mapping) and wanted and set(wanted) <= MATCHERS:
        return all(_matcher(name, wanted, given) for name in wanted if name != "tol")
    if isinstance(wanted, (list, tuple)):
        items = given if isinstance(given, (list, tuple)) else [given]
        return len(items) == len(wanted) and all(matches(w, g) for w, g in zip(wanted, items, strict=True))
    if isinstance(wanted, bool) or isinstance(given, bool):
        return wanted is given
    if isinstance(wanted, (int, float)):
        number = _number(given)
        return number is not None and abs(number - wanted) < 1e-6
    if isinstance(given, (list, tuple)):
        return len(given) == 1 and matches(wanted, given[0])
    return _text(wanted) == _text(given)


def _matcher(name: str, wanted: Mapping[str, Any], given: Any) -> bool:
    value = wanted[name]
    if name == "present":
        return (given not in (None, "", [])) is bool(value)
    if name == "approx":
        number = _number(given)
        return number is not None and abs(number - value) <= wanted.get("tol", 0)
    if name == "contains":
        needles = value if isinstance(value, list) else [value]
        hay = " | ".join(_text(g) for g in given) if isinstance(given, (list, tuple)) else _text(given)
        return all(_text(n) in hay for n in needles)
    if name == "any_of":
        for option in value:
            if isinstance(option, list):
                items = given if isinstance(given, (list, tuple)) else [given]
                if sorted(map(_text, option)) == sorted(map(_text, items)):
                    return True
            elif matches(option, given):
                return True
        return False
    return True


def _text(value: Any) -> str:
    text = unicodedata.normalize("NFC", "" if value is None else str(value)).casefold()
    return re.sub(r"\s+", " ", text).strip()


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def named(wanted: str | AnyOf | None, given: str) -> bool:
    """Whether a tool or intent is one of those wanted."""
    if wanted is None:
        return True
    return given in (wanted.any_of if isinstance(wanted, AnyOf) else [wanted])


@dataclass(frozen=True)
class Trajectory:
    """One turn's calls against the expected ones."""

    in_order: bool
    """All expected calls came in this order; nothing else did but reading."""
    matched: int
    """Expected calls whose tool came (multiset)."""
    expected: int
    given: int
    """Calls made, reading ones beyond the expected left out."""
    arguments_right: int
    arguments_expected: int
    wrong: tuple[str, ...]
    """What did not fit, in words."""


def compare(expected: Sequence[ExpectedCall], given: Sequence[Mapping[str, Any]], resolve: Resolve) -> Trajectory:
    """Match calls greedily in order; extra read-only calls are left out, other extra calls are faults."""
    wrong: list[str] = []
    used: list[int] = []
    right = asked = matched = 0
    ordered = True
    position = 0
    for want in expected:
        options = [i for i, call in enumerate(given) if i not in used and named(want.tool, call["tool"])]
        asked += len(want.args)
        if not options:
            wrong.append(f"no call of {_name(want.tool)}")
            ordered = False
            continue
        index = max(options, key=lambda i: (i >= position, _fit(want, given[i], resolve), -i))
        ordered &= index >= position
        position = index + 1
        used.append(index)
        matched += 1
        call_args = given[index]["args"]
        for name, value in want.args.items():
            if matches(value, call_args.get(name), resolve):
                right += 1
            else:
                wrong.append(f"{_name(want.tool)}.{name}: wanted {value!r}, got {call_args.get(name)!r}")
    extra = [c["tool"] for i, c in enumerate(given) if i not in used and c["tool"] not in READ_ONLY]
    wrong += [f"unexpected call of {name}" for name in extra]
    return Trajectory(ordered and not extra, matched, len(expected), len(used) + len(extra), right, asked, tuple(wrong))


def _fit(want: ExpectedCall, call: Mapping[str, Any], resolve: Resolve) -> int:
    return sum(matches(v, call["args"].get(k), resolve) for k, v in want.args.items())


def _name(tool: str | AnyOf) -> str:
    return "/".join(tool.any_of) if isinstance(tool, AnyOf) else tool
