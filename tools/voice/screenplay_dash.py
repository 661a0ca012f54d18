"""Lines whose speaker stands before a dash ('Luca - Hello'), told from sentences that have one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from configs.dialogue import dialogue_config
from memory.names import name_key

_DASHED = re.compile(
    r"^(?P<name>[^\W\d_][\w.'’-]*(?: [\w.'’&-]+){0,3}?)\s*(?P<beside>\([^()]{1,60}\))?\s+[-–—]{1,2}\s+(?P<text>\S.*)$"
)
_LISTED = re.compile(r"^(?:[-*+•>–—]\s+|\d{1,4}[.)]\s+)+")
_CHAT_SHARE, _CHAT_ROWS = 0.6, 3
"""So much of a text must be dashed rows before it is one of lines only, in which words may begin small and a name may
come once."""


@dataclass(frozen=True)
class Dashes:
    """Who is named before dashes in a text."""

    names: frozenset[str] = frozenset()
    """Keys of names (`memory.names.name_key`)."""
    small: bool = False
    """Whether what is said may begin with a small letter, as chats write it."""

    def line(self, bare: str) -> tuple[str, str] | None:
        """('Luca (sad)', 'Hello') of 'Luca (sad) - Hello'; None for a sentence with a dash."""
        match = _DASHED.match(_LISTED.sub("", bare)) if self.names else None
        if (
            match is None
            or name_key(match["name"]) not in self.names
            or (_begins_small(match["text"]) and not self.small)
        ):
            return None
        return f"{match['name']} {match['beside'] or ''}".strip(), match["text"]


def dashes_in(text: str, known: Collection[str] = ()) -> Dashes:
    """The names before dashes: of known characters, and those that come back in the text.

    Args:
        known: names that are characters', however often they speak here.
    """
    rows = [" ".join(row.split()) for row in text.split("\n") if row.strip()]
    found = [match for row in rows if len(row) < 1000 and (match := _DASHED.match(_LISTED.sub("", row)))]
    keys = {name_key(name) for name in known}
    found = [match for match in found if name_key(match["name"]) in keys or _like_a_name(match["name"])]
    chat = len(found) >= max(_CHAT_ROWS, _CHAT_SHARE * len(rows))
    said = [match for match in found if chat or not _begins_small(match["text"])]
    times = Counter(name_key(match["name"]) for match in said)
    small = set(re.findall(r"\b[^\W\d_]+\b", text))
    names = {
        key for key, count in times.items()
        if key in keys or (count > 1 and not (key.isalpha() and key in small))
    }  # fmt: skip
    if len(times) < 2 and not names & keys:
        return Dashes()  # one name alone that nobody knows is as likely a heading, or begins sentences
    return Dashes(frozenset(times if names and chat else names), chat)


def _like_a_name(name: str) -> bool:
    words = name.split()
    capital = words[0][0].isupper() and (words[-1][0].isupper() or not words[-1][0].isalpha())
    return capital and words[0].casefold().strip(".") not in _not_names()


def _begins_small(text: str) -> bool:
    first = next((sign for sign in text if sign.isalnum() or sign in '*(["“«'), "A")
    return first.islower()


@cache
def _not_names() -> frozenset[str]:
    return frozenset(str(word) for word in dialogue_config()["no_names"])
