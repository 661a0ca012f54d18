"""Who an instruction about people means: its parts, one per person, and names of people who are not there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from memory.names import name_key

_JOINT = re.compile(r"\s*(?:[,;]|\b(?:and|while|but|e|ed|mentre|ma)\b)\s*", re.I)
_ADDRESSED = re.compile(
    r"\b(?:make|give|let|have|put|dress|remove|fai|rendi|vesti|metti|togli|ad)\s+(?P<made>[A-Z]\w+)|\b(?P<owner>[A-Z]\w+)'s\b"
)
"""'make Anna smile', 'Anna's hair': the name of somebody, whether or not anybody of that name is known."""


def parts(text: str, named: Callable[[str], Sequence[str]], asks: Callable[[str], bool]) -> list[str]:
    """'make Luca smile and Anna sad' as 'make Luca smile', 'Anna sad'; one part for a text that names nobody.

    Args:
        named: who is named in a text.
        asks: whether a text asks for something of a person.
    """
    if not named(text):
        return [text]
    groups: list[str] = []
    for clause in filter(None, _JOINT.split(text)):
        if groups and not (named(clause) and asks(clause) and named(groups[-1]) and asks(groups[-1])):
            groups[-1] = f"{groups[-1]} and {clause}"
        else:
            groups.append(clause)
    return groups


def stranger(text: str, there: Iterable[str], remembered: Iterable[str]) -> str:
    """A person whom the text names and who is not `there`; '' when it names none."""
    known = {part for name in there for part in (name_key(name), *name_key(name).split())}
    for found in _ADDRESSED.finditer(text):
        name = found["made"] or found["owner"]
        if name_key(name) not in known:
            return str(name)
    for name in remembered:
        if name_key(name) not in known and re.search(rf"\b{re.escape(name)}\b", text, re.I):
            return name
    return ""
