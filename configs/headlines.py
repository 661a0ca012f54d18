"""Long texts cut to short names: between words, where it reads well, without dots."""

from __future__ import annotations

import re

_LEADING = (
    "a an the of on in at to for from with without by into onto over under near through across along between "
    "behind beside about against around after before during and or but nor so yet as than that which who whose "
    "where when while because if is are was were be been being has have had do does did will would can could "
    "shall should may might must not no very named called nome his her its their my your our this these those "
    "some any each every another one's s il lo la i gli le un uno una di del dello della dei degli delle da "
    "dal dalla dai dalle in nel nello nella nei nelle con col su sul sulla sui sulle per tra fra e ed o ma che "
    "chi cui dove quando mentre se come non è sono era ha hanno al allo alla ai agli alle suo sua suoi sue mio "
    "mia molto più ogni l d un' dell all nell sull "
)
_HANGING = frozenset(_LEADING.split())
"""Words that a name must not end with: what they lead to was cut off."""
_EDGE = " \t\n,;:.!?…-–—'\"“”‘’«»()[]/"
_LEAST = 0.4
"""Share of the room that a name keeps when an unfinished phrase is taken off."""
_CLAUSE = re.compile(r"[.!?;:](?=\s)|,(?=\s)|\s[-–—](?=\s)")


def shortened(text: str, most: int) -> str:
    """The text in at most so many characters, one line, cut at a sensible word; '' only for an empty text.

    A clause that fills a third of the room or more is taken whole; else the cut is between words, and no article,
    preposition, conjunction or auxiliary (English, Italian) is left hanging. Never ends with dots.
    """
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    head = text[: most + 1]
    clauses = [match.start() for match in _CLAUSE.finditer(head) if match.start() > most // 3]
    if clauses:
        return without_hanging(head[: clauses[-1]]) or head[: clauses[-1]].strip(_EDGE)
    head = head.rpartition(" ")[0] or text[:most]
    return without_hanging(_whole_phrase(head, text[len(head) :])) or head.strip(_EDGE) or text[:most]


def _whole_phrase(head: str, rest: str) -> str:
    """The head without a phrase that goes on behind it: 'a boy with curly' of 'a boy with curly hair' gives 'a boy'."""
    words, after = head.split(" "), rest.split()
    if not after or _is_hanging(after[0]) or re.search(r"[,;:.!?]$", words[-1]):
        return head
    led = [at for at in range(max(2, len(words) - 3), len(words)) if _is_hanging(words[at])]
    shorter = " ".join(words[: led[0]]) if led else head
    return shorter if len(shorter) > _LEAST * len(head) else head


def _is_hanging(word: str) -> bool:
    return word.strip(_EDGE).lower().rstrip("'’") in _HANGING


def without_hanging(text: str) -> str:
    """The text without words at its end that lead to nothing: 'waving on the' gives 'waving'."""
    words = text.strip(_EDGE).split(" ")
    while words and _is_hanging(words[-1]):
        words.pop()
    return " ".join(words).strip(_EDGE)
