"""Characters and places that a message introduces: 'Luca is a boy with red hair. Nonna Rosa is an old woman.'"""

from __future__ import annotations

import re
from dataclasses import dataclass

from backends.llm.offline.lexicon import lexicon

_NAME = r"[A-ZÀ-Þ][\w'’-]*(?: (?:(?:of|the|van|von|de|di|da|del|della) )?[A-ZÀ-Þ][\w'’-]*){0,3}"
_LOW_NAME = (
    r"(?!(?:the|an?|my|our|his|her|their|it|he|she|they|there|this|that|here|what|who|which|and|il|la|lo|un|una|"
    r"questo|"
    r"questa|lui|lei|then|now|remember|note|one|another|first|second|make|draw|create|add|everyone|name)\b)"
    r"[a-zà-ÿ][\w'’-]+(?: (?!is\b|è\b|and\b)[a-zà-ÿ][\w'’-]+)?"
)
_ARTICLE = r"(?:an?|the|one|two|un|uno|una|un['’]|il|la)"
_IS = rf"(?:is|['’]s|was|è|e['’]|shall be|will be|sarà)(?=\s+{_ARTICLE}\b)"
_HAS = (
    r"(?:(?:always |never |also |usually |often |now )?(?:has|wears|likes|loves|hates|lives|speaks|talks|"
    r"carries|looks|"
    r"sounds|owns|needs|walks with|is (?!\w+ing\b)\w+|ha|porta|indossa|ama|odia|vive|parla|adora|cammina con|è "
    r"\w+))\b"
)
_LEAD = re.compile(
    r"^(?:(?:please\s+)?(?:remember|note|memori[sz]e|keep in mind|learn|save|store|add|register|create|"
    r"ricorda(?:ti)?|"
    r"annota|memorizza|salva|aggiungi|segnati)\b[\s,:]*(?:that|che|this|these|in memory|down)?[\s,:]*)?"
    r"(?:(?:meet|introduc(?:e|ing)|presenting|say hello to|this is|here(?:['’]s| is| are| come)|there(?:['’]s| "
    r"is| are)|"
    r"we have|i have|and|then|also|my|our|the|new|main|two|three|four|(?:the )?characters?(?: (?:are|is|here))?|cast|"
    r"(?:the )?heroe?s?(?: (?:are|is))?|(?:is|are) called|of (?:my|the|this) (?:film|story|movie)|ecco|questo è|"
    r"questa è|"
    r"vi presento|i|il|personagg[io]o?|sono|miei|due|e|poi|un altro è|ci sono|c['’]è)\b[\s,:;-]*)*",
    re.IGNORECASE,
)
_FORMS = (
    re.compile(rf"(?P<name>{_NAME})\s*{_IS}\s+(?P<what>.+)", re.DOTALL),
    re.compile(
        rf"(?P<name>{_NAME})\s*(?:,|:|\s[-–—]|=)\s*(?P<what>(?:{_ARTICLE}|who is|che è)\s+.+)", re.DOTALL | re.I
    ),
    re.compile(rf"(?P<name>{_NAME})\s*\((?P<what>[^()]{{3,200}})\)", re.DOTALL),
    re.compile(rf"(?P<name>{_NAME})(?:['’]s\s+\w+\s+(?:is|are)|\s+{_HAS})\s+(?P<what>.+)", re.DOTALL),
)
_LOW_FORM = re.compile(rf"(?P<name>{_LOW_NAME})\s+(?:is|è)\s+(?P<what>(?:an?|un|uno|una|un['’])\s?.+)", re.DOTALL)
_GOES_ON = re.compile(
    rf"(?:(?:he|she|they|it|his|her|their|its|lui|lei|anche|also|and|but|e|ma|ha|porta|parla|vive|indossa|il "
    rf"suo|la sua|"
    rf"both|entrambi)\b\s*(?:['’]s\b\s*)?)+(?:\w+\s+){{0,3}}?(?:{_HAS}|{_IS}|(?:is|are|è|sono)\s+(?!\w+ing\b)|"
    rf"have|wear|speak|live|"
    r"(?:un|una|i|gli|le|gli|con)\b)",
    re.IGNORECASE,
)
_GOES_ON_IT = re.compile(r"(?:ha|porta|parla|vive|indossa|cammina con)\s+\w", re.IGNORECASE)
_HERE = rf"(?:{_NAME}\s*(?:{_IS}|,\s*{_ARTICLE}\s|\(|:\s*{_ARTICLE}\s|\s{_HAS}))"
_CUT = re.compile(
    rf"(?:[.;!]+\s+|\s*\n+\s*(?:[-*•–]\s+|\d+[.)]\s*)?|,?\s+(?:and|while|whereas|plus|e|mentre|"
    rf"poi)\s+(?={_HERE})|,\s+(?={_HERE})|"
    rf",?\s+(?:and\s+|e\s+)?(?={_LOW_NAME}\s+(?:is|è)\s+(?:an?|un|una)\s)(?<=[,d]\s))"
)
_BULLET = re.compile(r"^(?:[-*•–]\s+|\d+[.)]\s*)+")
_NO_CHARACTER = re.compile(
    r"\b(?:style|look|film|movie|video|clip|picture|image|title|caption|song|story|scene|shot|note|idea|stile|titolo|"
    r"storia|scena|file|voice of|good (?:name|title))s?\b(?! (?:star|maker|teller))",
    re.IGNORECASE,
)
_PLACE = re.compile(
    rf"^{_ARTICLE}\s+(?:[\w-]+\s+){{0,3}}?(?:village|city|town|place|street|house|castle|forest|island|planet|"
    rf"kingdom|country|"
    r"room|school|villaggio|città|paese|luogo|strada|casa|castello|bosco|foresta|isola|pianeta|regno)\b",
    re.IGNORECASE,
)
_FUNCTION = re.compile(
    r"(?:here|there|that|this|these|those|it|what|who|where|when|why|how|which|let|he|she|they|we|you|i|today|tomorrow|"
    r"now|then|everyone|somebody|nobody|something|nothing|all|both|one|please|thanks|maybe|ecco|qui|qua|l[àì]|c|oggi|"
    r"cosa|dove|quello|quella)(?:['’]\w+)?(?:\s|$)",
    re.IGNORECASE,
)
"""Words that begin a sentence with a capital and name nobody: 'Here's a recording of him'."""
_FEMALE = re.compile(
    r"\b(?:she|her|woman|girl|lady|grandma|grandmother|queen|princess|witch|mother|sister|aunt|daughter|heroine|"
    r"lei|donna|"
    r"bambina|ragazza|nonna|regina|strega|signora|vecchia|principessa)\b",
    re.IGNORECASE,
)
_MALE = re.compile(
    r"\b(?:he|his|him|man|boy|grandpa|grandfather|king|prince|wizard|father|brother|uncle|son|hero|lui|uomo|bambino|"
    r"ragazzo|nonno|re|mago|signore|vecchio|principe)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Introduced:
    """Somebody (or a place) and what the message says of them."""

    name: str
    text: str
    kind: str = "character"


@dataclass(frozen=True)
class Introductions:
    """What a message introduces, and the wish that it goes on with."""

    everyone: tuple[Introduced, ...]
    rest: str = ""
    explicit: bool = False
    """Said with 'meet', 'remember', 'my characters are' or as a list."""

    @property
    def certain(self) -> bool:
        """Whether nothing else can be meant: several, said outright, or somebody with an age or a trade."""
        first = self.everyone[0]
        person = rf"\b(?:{'|'.join(lexicon().words['character_nouns'])})\b"
        return len(self.everyone) > 1 or bool(self.rest) or self.explicit or bool(re.search(person, first.text, re.I))


def introductions(text: str) -> Introductions | None:
    """Who a message introduces; None when it is anything else, or begins with something else.

    Args:
        text: the message as typed, several lines included.
    """
    lead = _LEAD.match(text.strip())
    begun = lead.end() if lead else 0
    if begun and not _begins_with_a_name(text.strip(), begun):
        begun = 0
    body = text.strip()[begun:]
    listed = len([line for line in text.splitlines() if line.strip()]) >= 2
    found: list[Introduced] = []
    position = 0
    for start, end in _units(body):
        unit = _BULLET.sub("", body[start:end]).strip(" \n,;.")
        if not unit or unit.isdigit():  # the number of a list
            continue
        if _is_command(unit):
            return _ended(found, body[start:], bool(begun) or listed)
        unit = _again(unit)
        one = _introduced(unit)
        if one is not None:
            found = _with(found, one)
        elif found and (_GOES_ON.match(unit) or _GOES_ON_IT.match(unit)) and "?" not in unit:
            found[-1] = Introduced(found[-1].name, f"{found[-1].text}. {unit[:1].upper()}{unit[1:]}", found[-1].kind)
        else:
            return None
        position = end
    return _ended(found, "", bool(begun) or listed) if position else None


def named_instead(rest: str, everyone: tuple[Introduced, ...]) -> str:
    """The wish with 'they', 'him' and 'her' as the names that they stand for."""
    people = [one for one in everyone if one.kind == "character"]
    if not people:
        return rest
    names = [one.name for one in people]
    together = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    italian = re.search(r"\b(?:fai|disegna|gira|crea|in cui|loro)\b", rest, re.IGNORECASE)
    together = together.replace(" and ", " e ") if italian else together
    rest = re.sub(
        r"\b(?:they|them|the (?:two|three)(?: of them)?|all of them|both of them|loro)\b", together, rest, flags=re.I
    )
    for words, shape in (("she|her", _FEMALE), ("he|him", _MALE)):
        meant = [one.name for one in people if shape.search(one.text)] or (names if len(names) == 1 else [])
        if len(meant) == 1:
            rest = re.sub(
                rf"\b(?:{words})\b(?!\s+(?:own|hair|hat|coat|eyes|face)\b)", meant[0], rest, count=1, flags=re.I
            )
    return rest


def _units(body: str) -> list[tuple[int, int]]:
    cuts = list(_CUT.finditer(body))
    starts = [0, *(match.end() for match in cuts)]
    ends = [*(match.start() for match in cuts), len(body)]
    return list(zip(starts, ends, strict=True))


def _again(unit: str) -> str:
    """The unit without 'and', 'meet' and the like before the name."""
    lead = _LEAD.match(unit)
    rest = unit[lead.end() :] if lead else unit
    return rest if lead and _begins_with_a_name(unit, lead.end()) else unit


def _begins_with_a_name(text: str, start: int) -> bool:
    rest = text[start:]
    if re.match(r"[A-ZÀ-Þ\n*•-]", rest):
        return True
    led_by_article = re.search(r"\b(?:the|my|our|il|i|sono)[\s,:;-]*$", text[:start], re.IGNORECASE)
    return led_by_article is None and _LOW_FORM.match(rest) is not None


def _introduced(unit: str) -> Introduced | None:
    if "?" in unit or unit.endswith("!"):
        return None
    for number, form in enumerate((*_FORMS, _LOW_FORM)):
        match = form.fullmatch(unit)
        if match is None or match["name"].lower() in lexicon().words["not_names"] or _FUNCTION.match(match["name"]):
            continue
        what = match["what"].strip()
        if _NO_CHARACTER.search(what.split(",")[0]) or re.search(r"[\"“«]", what):
            return None
        name = match["name"] if form is not _LOW_FORM else match["name"].title()
        said = unit if number in (0, 3) else f"{name} is {what}" if form is _LOW_FORM else what
        return Introduced(name, said, "place" if _PLACE.match(what) or _PLACE.match(f"a {what}") else "character")
    return None


def _with(found: list[Introduced], one: Introduced) -> list[Introduced]:
    """What is said of the same one twice belongs together."""
    for at, other in enumerate(found):
        if other.name.casefold() == one.name.casefold():
            return [*found[:at], Introduced(other.name, f"{other.text}. {one.text}", other.kind), *found[at + 1 :]]
    return [*found, one]


def _is_command(unit: str) -> bool:
    from backends.llm.offline.wish import skip_openers

    rest = unit[skip_openers(unit) :]
    return _COMMAND.match(rest) is not None and re.match(rf"{_NAME}\s*{_IS}", unit) is None


def _ended(found: list[Introduced], rest: str, explicit: bool) -> Introductions | None:
    return Introductions(tuple(found), rest.strip(), explicit) if found else None


_COMMAND = re.compile(
    rf"(?:{'|'.join(entry[1:] for entry in lexicon().words['command_verbs'])}|shoot|direct|produce|use|give|we "
    rf"need|i need|"
    r"i(?:['’]d| would)? (?:like|want)|gira|usa|voglio|vorrei|realizza)\b",
    re.IGNORECASE,
)
