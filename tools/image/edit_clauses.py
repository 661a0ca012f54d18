"""An instruction taken apart into clauses: each is one change with its own verb, colours and people."""

from __future__ import annotations

import re
from functools import cache

from tools.film.lexicon import lexicon, word_index
from tools.film.words import find_phrase

SURROUNDINGS = frozenset({"sky", "background", "ground", "sea"})
_VERBS = (
    "make|turn|add|give|put|place|move|set|get|take|remove|delete|erase|replace|swap|change|convert|let|have|crop|cut|trim|"
    "rotate|flip|mirror|upscale|enlarge|resize|rescale|scale|extend|expand|widen|outpaint|blur|sharpen|brighten|darken|"
    "lighten|desaturate|saturate|invert|zoom|paint|colou?r|tint|dress|show|draw|insert|include|bring|use|apply|increase|"
    "decrease|reduce|boost|rendi\\w*|aggiungi|metti\\w*|togli|rimuovi|elimina|cancella|fai|fa|cambia|sostituisci|trasforma|"
    "dai|dagli|dalle|sfoca|schiarisci|scurisci|ritaglia|ruota|gira|specchia|ingrandisci|ridimensiona|estendi|espandi|"
    "sposta|vesti|colora|dipingi|inserisci|mostra|avvicina|allarga"
)
_JOINT = re.compile(
    r"\s*(?P<pause>[;,]|[.!](?=\s)|\b(?:then|poi)\b)\s*(?:\b(?:and|then|also|e|ed|poi|anche)\b\s*)*"
    r"|\s*\b(?:and|e|ed)\b\s*(?P<then>\b(?:then|poi)\b)?\s*(?:\b(?:also|anche|please)\b\s*)*", re.I
)  # fmt: skip
_VERB = re.compile(rf"(?:{_VERBS})(?![-'\w])(?=\s+(?!(?:and|or|of|e|o|di)\b)\w)|(?:outpaint|upscale)\b", re.I)
_VIEW = re.compile(
    r"(?:(?:seen|viewed|shown|all|visto|vista)\s+)?(?:from\s+(?:(?:a|an|the|very)\s+)*(?:low|high|above|below|behind|close|far|"
    r"further|overhead|bird)|at\s+(?:night|sunset|dawn|dusk|noon|midday)|by\s+(?:night|day)\b|in\s+(?:black|bianco)|"
    r"dal(?:l')?\s*(?:basso|alto)|di\s+(?:notte|giorno)\b|al\s+tramonto)", re.I
)  # fmt: skip
"""A clause without a verb: the view, the time of day, black and white."""
_LEADING = re.compile(rf"^(?:{_VERBS})\b", re.I)
_OF_SOMETHING = re.compile(
    r"\s*(?:,|\b(?:and|e|ed)\b)\s*(?:and\s+)?"
    r"(?=(?:the|his|her|their|its|il|lo|la|i|le)\s|l'|[A-Z]\w+'s\s)"
)
_IT = re.compile(r"^(?P<verb>make|turn|paint|colou?r)\s+(?:it|them)\s+(?P<rest>.+)$", re.I)


def clauses(text: str) -> list[str]:
    """'make his shirt red, add a cat, from a low angle' as three; nothing of the text is left out.

    A clause begins with a verb, or with what needs none: the view, the time of day, an adjustment. 'the sky purple and
    his shirt red' are two, as what surrounds a figure is changed in another way than the figure.
    """
    pieces: list[str] = []
    start = 0
    for joint in _JOINT.finditer(text):
        rest = text[joint.end() :]
        pause = bool(joint["pause"] or joint["then"])
        if not _VERB.match(rest) and not _VIEW.match(rest) and not (pause and _adjusts_at_once(rest)):
            continue
        if text[start : joint.start()].strip():
            pieces.append(text[start : joint.start()].strip())
            start = joint.end()
    pieces.append(text[start:].strip(" ,;"))
    found: list[str] = []
    for piece in filter(None, pieces):
        for one in _apart(piece):
            bare = not _VERB.match(one) and _adjusts_at_once(one)
            if bare and found and _adjusts(found[-1]):
                found[-1] = f"{found[-1]}, {one}"  # 'make the sky warmer, brighter' is about one thing
            else:
                found.append(_resolved(one, found[-1] if found else ""))
    return found


def _apart(piece: str) -> list[str]:
    """'make the sky purple and Luca's shirt red' as two with one verb."""
    for joint in _OF_SOMETHING.finditer(piece):
        left, right = piece[: joint.start()], piece[joint.end() :]
        if _coloured(left) and _coloured(right) and (_surrounds(left) or _surrounds(right)):
            verb = _LEADING.match(left)
            return [left, *_apart(f"{verb[0]} {right}" if verb else right)]
    return [piece]


def _resolved(piece: str, before: str) -> str:
    """'make it red' after 'give Luca a hat' as 'make the hat red'."""
    told = _IT.match(piece)
    if told is None or _coloured(told["rest"]) is None or _adjusts(told["rest"]):
        return piece
    worn = find_phrase(before, _things())
    return f"{told['verb']} the {worn[-1][2]} {told['rest']}" if worn else piece


@cache
def _things() -> dict[str, str]:
    """What somebody has on."""
    return {word: word for section in ("accessories", "tops", "bottoms") for word in word_index("looks", section)}


def _surrounds(text: str) -> bool:
    return bool({key for _, key, _ in find_phrase(text, word_index("edits", "regions"))} & SURROUNDINGS)


def _coloured(text: str) -> str | None:
    found = find_phrase(text, {str(word).lower(): str(word) for word in lexicon("looks")["colours"]})
    return found[0][1] if found else None


@cache
def _adjustments() -> dict[str, str]:
    return {str(word).lower(): str(key) for key, words in lexicon("edits")["adjustments"].items() for word in words}


@cache
def _amounts() -> dict[str, str]:
    return {str(word).lower(): str(key) for key, words in lexicon("edits")["amounts"].items() for word in words}


def _adjusts(text: str) -> bool:
    return bool(find_phrase(text, _adjustments()))


def _adjusts_at_once(text: str) -> bool:
    """Whether it begins with an adjustment, or with its amount."""
    amount = find_phrase(text, _amounts())
    if amount and amount[0][0] == 0:
        text = text[len(amount[0][2]) :].lstrip()
    found = find_phrase(text, _adjustments())
    return bool(found) and found[0][0] == 0
