"""The first, precise stage: hassil sentence templates. Exact wording gives an exact reading, other wording none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from backends.llm.offline.lexicon import Lexicon, lexicon

_WILDCARD = re.compile(r"\{(\w+)\}")
_LONGEST = 160
"""Longer texts are stories; templates with wildcards would only waste time on them."""


@dataclass(frozen=True)
class Parsed:
    """A template that fits the whole text."""

    intent: str
    literal: int
    """Words of the text that the template itself names, not its wildcards."""


class Grammar:
    """All templates of the intents, compiled once."""

    def __init__(self, words: Lexicon | None = None) -> None:
        from hassil.intents import Intents

        words = words or lexicon()
        data: dict[str, Any] = {
            "language": "en",
            "intents": {},
            "lists": {"count": {"range": {"from": 0, "to": 999, "words": False}}},
            "expansion_rules": {"count": "{count}", "adjective": f"({'|'.join(words.words['adjectives'])})"},
        }
        for intent in words.intents.values():
            if intent.templates:
                data["intents"][intent.name] = {"data": [{"sentences": list(intent.templates)}]}
                for template in intent.templates:
                    for name in _WILDCARD.findall(template):
                        data["lists"].setdefault(name, {"wildcard": True})
        self._intents = Intents.from_dict(data)

    @lru_cache(maxsize=256)  # noqa: B019 - one grammar lives as long as the process
    def parse(self, text: str) -> tuple[Parsed, ...]:
        """The intents whose templates fit a matching form, most literal first; empty when none does."""
        from hassil.recognize import recognize_all

        if not text or len(text) > _LONGEST:
            return ()
        best: dict[str, int] = {}
        plain = text.replace(",", " ")
        for result in recognize_all(" ".join(plain.split()), self._intents):
            filled = sum(len(str(entity.text or "").split()) for entity in result.entities_list if entity.is_wildcard)
            literal = len(plain.split()) - filled
            best[result.intent.name] = max(best.get(result.intent.name, 0), literal)
        return tuple(
            sorted((Parsed(name, literal) for name, literal in best.items()), key=lambda parsed: -parsed.literal)
        )


@lru_cache(maxsize=1)
def grammar() -> Grammar:
    """The packaged templates, compiled once."""
    return Grammar()
