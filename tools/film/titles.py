"""What a film is called: the title that the story names, its first words where they are few, or who is in it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from configs.headlines import shortened, without_hanging
from tools.film.people import Person
from tools.film.quotes import MARK, take_quotes

LONGEST = 44
"""Characters of a title."""
_WORDS = 7
"""A first sentence of so many words is a title as it stands."""
_FEWEST = 3
"""A clause of fewer words says too little."""
_NAMED = re.compile(
    r"^\s*(?:title|titolo)\s*:\s*(?P<line>[^\n]{2,80})$|"
    r"^[^\"“«\n]{0,80}?\b(?:called|titled|entitled|dal titolo|"
    r"intitolat[oa])\s*:?\s*[\"“'‘«](?P<quoted>[^\"”»\n]{2,80}?)[\"”'’»](?!\w)",
    re.IGNORECASE | re.MULTILINE,
)
_OPENING = re.compile(
    r"^(?:(?:once upon a time|one day|one morning|one night|one evening|c['’]era una volta|un giorno)\b[\s,]*)?"
    r"(?:there (?:is|was|are|were|lived)\s+|how\s+(?=\w+ \w)|in which\s+|where\s+|about\s+|su\s+|di\s+(?=un)|it "
    r"is about\s+)?",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"\s*(?:[,;:–—]|\b(?:and (?:then|they|he|she|it|everybody|everyone|finds|sees|meets)|who|which|that|while|"
    r"because|when|until|with|"
    r"wearing|so that|e poi|che|mentre|perché|quando|con)\b)\s*",
    re.IGNORECASE,
)
_SMALL_WORDS = "a an the of on in at to for from with by into onto over under near and or but nor as than vs off up"
_SMALL = frozenset(_SMALL_WORDS.split())
_COPULA = re.compile(r"(?<!\bit )\b(?:is|are|was|were)\s+(?=\w{2,}ing\b)", re.IGNORECASE)
_SCRIPT = re.compile(r"^(?:INT|EXT)\b|^[^\s:]+(?: [^\s:]+)?\s*(?:\([^)]*\))?:\s", re.MULTILINE)


def film_title(story: str, people: Sequence[Person], language: str, told: str = "") -> str:
    """A title without quotation marks and dots, at most `LONGEST` characters; 'Untitled' for a text without words.

    Args:
        story: without the request around it.
        people: who was found in it, in order.
        language: of the story; English titles are capitalised, others only begin with a capital.
        told: the story with the request around it, which may name a title.
    """
    if named := _NAMED.search(told or story):
        return shortened(_clean(named["line"] or named["quoted"]), LONGEST) or "Untitled"
    sentence, spoken = _first_sentence(story)
    few = 0 < len(sentence.split()) <= _WORDS and len(sentence) <= LONGEST and not spoken
    if few:
        return _capitalised(sentence, language)
    if pair := _pair(people, story):
        return _capitalised(pair, language)
    if sentence and not spoken:
        parts = _CLAUSE.split(sentence, maxsplit=1)
        head = parts[0] if len(parts[0].split()) >= _FEWEST else sentence
        return _capitalised(shortened(without_hanging(head), LONGEST), language)
    return _capitalised(_called(people[0]), language) if people else "Untitled"


def _first_sentence(text: str) -> tuple[str, bool]:
    """(the first sentence, cleaned, whether it is speech or a line of a script)."""
    marked, _ = take_quotes(text)
    first = next((part for part in re.split(r"(?<=[.!?;])\s+|\n+", marked) if re.search(r"\w", part)), "")
    spoken = MARK.search(first) is not None or _SCRIPT.search(first) is not None
    return _clean(_COPULA.sub("", _OPENING.sub("", MARK.sub("", first).strip(), count=1))), spoken


def _pair(people: Sequence[Person], story: str) -> str:
    """'Luca and the robot'; '' for fewer than two, for two of a kind, and for several of a kind."""
    names = [_called(person) for person in people[:2]]
    several = any(
        re.search(r" \d+$", person.name)
        or (not person.named and re.search(rf"\b{re.escape(person.name)}s\b", story, re.IGNORECASE))
        for person in people[:2]
    )
    return " and ".join(names) if len(names) == 2 and not several else ""


def _called(person: Person) -> str:
    return person.name if person.named else f"the {person.name.lower()}"


def _clean(text: str) -> str:
    plain = re.sub(r"[^\w\s'’&,:!-]+", " ", " ".join(text.split()).strip(" .,;:!?-–—"))
    return " ".join(plain.split()).strip(" '’,:!&_-")


def _capitalised(text: str, language: str) -> str:
    """'luca and the robot' -> 'Luca and the Robot'; in other languages only the first letter."""
    words = text.split()
    if not words:
        return "Untitled"
    if language == "en":
        words = [word if word.lower() in _SMALL else word[:1].upper() + word[1:] for word in words]
        words = [word.lower() if word.lower() in _SMALL else word for word in words]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])
