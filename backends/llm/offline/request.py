"""One clause of a wish with all that may fill its arguments, and the three ways its reading can end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backends.llm.facts import Facts
from backends.llm.offline.wish import Wish


@dataclass(frozen=True)
class Call:
    """A tool call; an argument '$1' means the first asset made by the first call of the plan."""

    tool: str
    args: dict[str, Any]


@dataclass(frozen=True)
class Made:
    """What an earlier call of the same plan will make."""

    step: int
    """1, 2, ..."""
    tool: str
    kind: str
    args: Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """What a call builder sees."""

    wish: Wish
    """This clause."""
    whole: Wish
    """The whole message."""
    facts: Facts
    language: str
    answers: Mapping[str, str] = field(default_factory=dict)
    """Slot -> what the user answered to the studio's question."""
    made: tuple[Made, ...] = ()
    recent: tuple[Call, ...] = ()
    """Calls of earlier turns that the conversation still shows, oldest first."""

    @property
    def text(self) -> str:
        return self.wish.text

    @property
    def command(self) -> str:
        return self.wish.command


def shifted(args: Mapping[str, Any], by: int) -> dict[str, Any]:
    """The arguments with every '$n' as '$n+by', for calls that others come before."""

    def move(value: Any) -> Any:
        if isinstance(value, str) and re.fullmatch(r"\$\d+", value):
            return f"${int(value[1:]) + by}"
        return [move(one) for one in value] if isinstance(value, list) else value

    return {name: move(value) for name, value in args.items()}


class Ask(Exception):
    """An essential is missing: ask for it. `slot` names the argument that the answer fills."""

    def __init__(self, slot: str, key: str, choices: tuple[str, ...] = ()) -> None:
        super().__init__(key)
        self.slot, self.key, self.choices = slot, key, choices


class Refer(Exception):
    """Another intent serves this wish better."""

    def __init__(self, intent: str) -> None:
        super().__init__(intent)
        self.intent = intent
