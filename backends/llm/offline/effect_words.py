"""The words that `add_effects` reads, seen from the brain: one table, `prompts/editing/effects.yaml`, for both."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

_PLAIN = re.compile(
    r"\b(?:add|put|apply|use|give|throw|slap|make|let|have|want|need|it|this|that|the|a|an|some|to|on|in|onto|over|of|"
    r"my|me|i|one|clip|video|film|movie|footage|short|picture|effects?|filters?|look|overlay|please|attached|with|"
    r"metti(?:ci)?|aggiungi|applica|usa|dai|fai|un|una|uno|il|la|lo|i|le|gli|al|allo|alla|sul|sulla|nel|nella|di|"
    r"effett[oi]|filtr[oi]|filmato|quest[oa]|quel|su|per|favore|voglio)\b|\b(?:un|l|dell|quest)['’]|[^\w\s]",
    re.IGNORECASE,
)


@cache
def _table() -> dict[str, Any]:
    data: dict[str, Any] = own_table(PROMPT_DIR / "editing" / "effects.yaml")
    return data


@cache
def _words(section: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    made = []
    for name, entry in _table()[section].items():
        spelled = entry["words"]
        union = "|".join(sorted((*spelled, str(name).replace("_", "[ _-]")), key=len, reverse=True))
        made.append((str(name), re.compile(rf"(?<![\w-])(?:{union})(?!\w)", re.IGNORECASE)))
    return tuple(made)


def effects_in(text: str) -> list[tuple[str, str]]:
    """(name, the words that named it) of the effects in a text, in its order; overlapping names count once, the longer.

    Also those that are not there but are asked for by name ('fog'): the tool says what is nearest.
    """
    hits = [
        (match.start(), match.end(), name)
        for section in ("effects", "missing")
        for name, pattern in _words(section)
        for match in pattern.finditer(text)
    ]
    kept: list[tuple[int, int, str]] = []
    for hit in sorted(hits, key=lambda one: (one[0] - one[1], one[0])):
        if all(hit[1] <= other[0] or hit[0] >= other[1] for other in kept):
            kept.append(hit)
    named: dict[str, str] = {}
    for start, end, name in sorted(kept):
        named.setdefault(name, text[start:end])
    return list(named.items())


def says_more(text: str) -> bool:
    """Whether what is left of a wish, without its effect, place and time, still tells something (strength, length)."""
    return bool(_PLAIN.sub(" ", text).split())
