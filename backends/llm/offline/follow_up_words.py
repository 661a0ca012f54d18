"""The words of `prompts/intents/follow_ups.yaml`, compiled, and a reader that takes a short message apart with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from backends.llm.offline.lexicon import INTENT_DIR
from configs.yaml_file import own_table

Slot = tuple[re.Pattern[str], Callable[[re.Match[str]], Mapping[str, Any] | None]]
"""What a part of a message looks like, and the arguments that it means; None: not here."""


@cache
def _table() -> dict[str, Any]:
    data: dict[str, Any] = own_table(INTENT_DIR / "follow_ups.yaml")
    return data


def _joined(text: str) -> str:
    """A pattern that is written on several lines."""
    return "".join(line.strip() if number else line for number, line in enumerate(text.split("\n")))


@cache
def words(name: str) -> re.Pattern[str]:
    """One pattern of the table."""
    return re.compile(_joined(str(_table()[name])), re.IGNORECASE)


@cache
def steps(name: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """(key, pattern) of a group of the table, bounded by words."""
    rows = _table()[name].items()
    return tuple((str(key), re.compile(rf"(?:{_joined(str(row))})(?![\w'’-])", re.IGNORECASE)) for key, row in rows)


@cache
def _idle() -> re.Pattern[str]:
    return re.compile(rf"(?:{_joined(str(_table()['idle']))})(?![\w-])|[^\w\s]+|[’']", re.IGNORECASE)


def replaces(text: str) -> bool:
    """Whether a message wants something in the place of what was made, not on top of it."""
    return words("replaces").search(text) is not None


def read_changes(text: str, slots: Sequence[Slot]) -> dict[str, Any] | None:
    """The arguments that a message changes; None when anything in it is neither a change nor an idle word."""
    changed: dict[str, Any] = {}
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        found: tuple[int, Mapping[str, Any]] | None = None
        for pattern, meaning in slots:
            match = pattern.match(text, position)
            reach = match.end() if match else position
            if match and reach > max(position, found[0] if found else 0) and (args := meaning(match)) is not None:
                found = (reach, args)
        if found is None:
            idle = _idle().match(text, position)
            if idle is None:
                return None
            position = idle.end()
            continue
        changed.update(found[1])
        position = found[0]
    return changed or None


def idle_only(text: str) -> bool:
    """Whether nothing in a text says anything new."""
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
        elif match := _idle().match(text, position):
            position = match.end()
        else:
            return False
    return True
