"""Does a value that the assistant chose fit what a case expects?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from configs.yaml_file import own_table
from evals.case import AnyOf

MATCHERS = frozenset({"contains", "any_of", "approx", "tol", "present"})
_TYPED = str.maketrans(dict.fromkeys("’‘‛", "'") | dict.fromkeys("“”«»", '"') | dict.fromkeys("–—−‐‑", "-"))
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
Resolve = Callable[[str, Any], Any]
"""(argument, value) -> what a case calls it: an asset id becomes the file's name, a nickname the character's name."""


def as_given(argument: str, value: Any) -> Any:
    """Resolves nothing."""
    return value


def matches(wanted: Any, given: Any, argument: str = "", resolve: Resolve = as_given) -> bool:
    """Whether a value fits a matcher or a plain value.

    Text is compared without regard to case, runs of spaces and the typographic form of quotes and dashes. `contains`
    reads number words as digits and also searches lists; lists in `any_of` are compared in any order, plain lists in
    theirs; a plain mapping names the fields that matter.
    """
    given = _resolved(given, argument, resolve)
    if isinstance(wanted, Mapping):
        if wanted and set(wanted) <= MATCHERS:
            return all(_matcher(name, wanted, given, argument, resolve) for name in wanted if name != "tol")
        return isinstance(given, Mapping) and all(matches(v, given.get(k), k, resolve) for k, v in wanted.items())
    if isinstance(wanted, (list, tuple)):
        items = list(given) if isinstance(given, (list, tuple)) else [given]
        return len(items) == len(wanted) and all(
            matches(w, g, argument, resolve) for w, g in zip(wanted, items, strict=True)
        )
    if isinstance(given, (list, tuple)):
        return len(given) == 1 and matches(wanted, given[0], argument, resolve)
    if isinstance(wanted, bool) or isinstance(given, bool):
        return wanted is given
    if isinstance(wanted, (int, float)):
        number = as_number(given)
        return number is not None and abs(number - wanted) < 1e-6
    return plain_text(wanted) == plain_text(given)


def _matcher(name: str, wanted: Mapping[str, Any], given: Any, argument: str, resolve: Resolve) -> bool:
    value = wanted[name]
    if name == "present":
        return (given not in (None, "", [], {})) is bool(value)
    if name == "approx":
        number = as_number(given)
        return number is not None and abs(number - float(value)) <= float(wanted.get("tol", 0)) + 1e-9
    if name == "contains":
        hay = " | ".join(_leaves(given))
        return all(_held(str(needle), hay) for needle in (value if isinstance(value, list) else [value]))
    for option in value if isinstance(value, list) else [value]:
        if isinstance(option, list):
            items = list(given) if isinstance(given, (list, tuple)) else [given]
            if _same_in_any_order(option, items, argument, resolve):
                return True
        elif matches(option, given, argument, resolve):
            return True
    return False


def _held(needle: str, hay: str) -> bool:
    needle, hay = plain_text(needle), plain_text(hay)
    if needle.isdigit():  # '3' is in 'the first three seconds' and in '3s', not in '30 seconds'
        return re.search(rf"(?<![\d.]){needle}(?!\d|\.\d)", digits(hay)) is not None
    return needle in hay or digits(needle) in digits(hay)


def _same_in_any_order(wanted: list[Any], given: list[Any], argument: str, resolve: Resolve) -> bool:
    left = list(given)
    for item in wanted:
        found = next((i for i, g in enumerate(left) if matches(item, g, argument, resolve)), None)
        if found is None:
            return False
        del left[found]
    return not left


def _resolved(given: Any, argument: str, resolve: Resolve) -> Any:
    if isinstance(given, Mapping):
        return {k: _resolved(v, str(k), resolve) for k, v in given.items()}
    if isinstance(given, (list, tuple)):
        return [_resolved(v, argument, resolve) for v in given]
    return resolve(argument, given)


def _leaves(given: Any) -> Iterator[str]:
    if isinstance(given, Mapping):
        given = list(given.values())
    if isinstance(given, (list, tuple)):
        for item in given:
            yield from _leaves(item)
    elif given is not None:
        yield str(given)


def plain_text(value: Any) -> str:
    """Text as it is compared: NFC, case folded, plain quotes and dashes, single spaces."""
    text = unicodedata.normalize("NFC", "" if value is None else str(value)).translate(_TYPED).casefold()
    return " ".join(text.replace("…", "...").split())


def digits(text: str) -> str:
    """Folded text with the number words of number_words.yaml as digits."""
    known, pattern = _number_words()
    return pattern.sub(lambda m: known[m[1]], text)


@cache
def _number_words() -> tuple[dict[str, str], re.Pattern[str]]:
    rows = own_table(Path(__file__).parent / "number_words.yaml")
    known = {word: str(number) for number, words in rows.items() for word in words}
    longest_first = sorted(known, key=len, reverse=True)
    return known, re.compile(rf"\b({'|'.join(map(re.escape, longest_first))})\b")


def as_number(value: Any) -> float | None:
    """A number, or the first number of a text ('3.5 s', 'twenty seconds'); None when there is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value)
    found = _NUMBER.search(digits(plain_text(value)))
    return float(found[0]) if found else None


def named(wanted: str | AnyOf | None, given: str) -> bool:
    """Whether a tool or intent is one of those wanted."""
    if wanted is None:
        return True
    return given in (wanted.any_of if isinstance(wanted, AnyOf) else [wanted])
