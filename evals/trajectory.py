"""One turn's tool calls against the expected ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evals.case import ExpectedCall
from evals.matching import Resolve, as_given, matches

READ_ONLY = frozenset({"search_memory", "list_assets", "gpu_status"})
"""Further calls of these are no fault."""


@dataclass(frozen=True)
class Call:
    """One call that the assistant made."""

    tool: str
    args: Mapping[str, Any]
    defaults: Mapping[str, Any]
    """Of the tool, for arguments that were left out."""


@dataclass(frozen=True)
class Trajectory:
    """How a turn's calls compare."""

    in_order: bool
    """All expected calls came in this order, and nothing else but what is no fault."""
    matched: int
    """Expected calls whose tool came (multiset)."""
    expected: int
    given: int
    """Calls made, without the further ones that are no fault."""
    arguments_right: int
    arguments_expected: int
    wrong: tuple[str, ...]
    """What did not fit, in words."""


def compare(
    expected: Sequence[ExpectedCall], given: Sequence[Call], resolve: Resolve = as_given, allow: Sequence[str] = ()
) -> Trajectory:
    """Match each expected call with the call of its tool that fits best, those after the last match first.

    The arguments of an expected call that never came count as wrong: a brain gains nothing by doing nothing.
    """
    wrong: list[str] = []
    used: list[int] = []
    right = asked = 0
    ordered = True
    position = 0
    for want in expected:
        options = [i for i, call in enumerate(given) if i not in used and call.tool in want.tools()]
        asked += len(want.args)
        if not options:
            wrong.append(f"no call of {'/'.join(want.tools())}")
            ordered = False
            continue
        index = max(options, key=lambda i: (i >= position, _fit(want, given[i], resolve), -i))
        if index < position:
            wrong.append(f"{given[index].tool} came too early")
            ordered = False
        position = max(position, index + 1)
        used.append(index)
        for name, value in want.args.items():
            if argument_fits(name, value, given[index], resolve):
                right += 1
            else:
                got = given[index].args.get(name, given[index].defaults.get(name))
                wrong.append(f"{given[index].tool}.{name}: wanted {in_words(value)}, got {in_words(got)}")
    harmless = READ_ONLY | set(allow)
    extra = [c.tool for i, c in enumerate(given) if i not in used and c.tool not in harmless]
    wrong += [f"unexpected call of {name}" for name in extra]
    return Trajectory(
        ordered and not extra, len(used), len(expected), len(used) + len(extra), right, asked, tuple(wrong)
    )


def argument_fits(name: str, wanted: Any, call: Call, resolve: Resolve = as_given) -> bool:
    """`present` looks at what was said; everything else also at the default of an argument left out."""
    if isinstance(wanted, Mapping) and "present" in wanted:
        return matches(wanted, call.args.get(name), name, resolve)
    return matches(wanted, call.args.get(name, call.defaults.get(name)), name, resolve)


def in_words(value: Any) -> str:
    """A value or matcher, short, for the report."""
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:157]}..."


def _fit(want: ExpectedCall, call: Call, resolve: Resolve) -> int:
    return sum(argument_fits(k, v, call, resolve) for k, v in want.args.items())
