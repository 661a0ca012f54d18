"""A change said in words, worked into the wish that it changes."""

from __future__ import annotations

import re

_NUMBER = (
    r"(?P<number>\d+(?:[.,]\d+)?|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|"
    r"sixty)"
)
_UNITS = (
    r"(?:seconds?|secs?|s|secondi|secondo)",
    r"(?:minutes?|mins?|minut[oi])",
    r"(?:shots?|scenes?|inquadratur[ae]|scen[ae])",
)
_FILLER = re.compile(
    r"^\W*(?:(?:please|but|and|make|let|have|keep|it|that|the film|be|only|just|in|with|to|of|long|instead|fallo|di|"
    r"solo|lungo|per favore)\b\W*)*$",
    re.IGNORECASE,
)


def reword(wish: str, change: str) -> str:
    """The wish with what the change says about lengths and counts put in place of its own; the rest is appended.

    'Make a 3 second film: a cat jumps' and 'make it 5 seconds, at night' give
    'Make a 5 second film: a cat jumps. At night'.
    """
    rest = change.strip()
    for unit in _UNITS:
        # a unit is joined to its number by a space or a hyphen, or stands right behind digits ('5s')
        pattern = re.compile(rf"\b{_NUMBER}(?P<gap>[ -]?){unit}\b", re.IGNORECASE)
        said = pattern.search(rest)
        own = pattern.search(wish)
        if said is None or own is None:
            continue
        wish = wish[: own.start("number")] + said["number"] + wish[own.end("number") :]
        rest = (rest[: said.start()] + rest[said.end() :]).strip()
    rest = re.sub(r"\s{2,}", " ", rest).strip(" ,;.")
    if not rest or _FILLER.match(rest):
        return wish
    rest = re.sub(r"^(?:make|let|have) it\b[\s,]*|^(?:and|but)\b[\s,]*", "", rest, flags=re.IGNORECASE).strip(" ,;.")
    return f"{wish.rstrip(' .')}. {rest[:1].upper()}{rest[1:]}"
