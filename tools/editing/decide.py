"""From an instruction in plain words to edit operations: a fixed planner over a lexicon, no model, no guessing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from configs.errors import UsageError
from tools.editing import wishes as w
from tools.editing.lettering import checked
from tools.editing.lexicon import Lexicon, lexicon
from tools.editing.operations import (
    Caption,
    FadeIn,
    FadeOut,
    Grade,
    Highlight,
    Join,
    Keep,
    Loop,
    Mute,
    Operation,
    Remove,
    Reverse,
    Span,
    Speed,
    Volume,
    in_words,
)
from tools.editing.rules import rules
from tools.editing.wish_words import Found, Kind

MAX_CHARACTERS = 4000
QUOTED = re.compile(
    r"“(?P<a>.+?)”|„(?P<b>.+?)[“”]|«(?P<c>.+?)»|\"(?P<d>.+?)\"|‘(?P<e>.+?)’(?!\w)|(?<!\w)'(?P<f>.+?)'(?!\w)|`(?P<g>.+?)`",
    re.DOTALL,
)
HOLE = "\x00"
"""Stands where something was understood, so that later patterns see neither it nor across it."""
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+(?:[.,:]\d+)*")


def decide(instruction: str) -> list[Operation]:
    """The operations that an instruction asks for, in the order in which they are applied.

    Raises UsageError when it is empty, too long, asks for something that is not understood, or contradicts itself; it
    says what was understood and what can be asked.
    """
    lex = lexicon()
    if len(instruction) > MAX_CHARACTERS:
        raise UsageError(f"The instruction has {len(instruction)} characters", f"{MAX_CHARACTERS} are the limit")
    # Halves of characters that JSON can carry, but no file.
    instruction = instruction.encode(errors="replace").decode()
    text, quotes = _take_quotes(instruction)
    if not text.strip(f" {HOLE}") and not quotes:
        raise UsageError("The edit instruction is empty", fix=f"Ask for {_can(lex)}")
    found = [*quotes, *_unquoted(text, bool(quotes), lex)]
    for item in found[len(quotes) :]:
        text = _hole(text, item.at, item.at + len(item.said))
    for rule in rules():
        while match := rule.pattern.search(text):
            if rule.kind == "name":
                text = _hole(text, *match.span())
                continue
            found.append(Found(match.start(), rule.kind, rule.read(match, lex), match.group().strip(), rule.form))
            text = _hole(text, *match.span())
    quick = next((item for item in found if item.kind == "quick"), None)
    if quick and not any(item.kind in ("operation", "range") for item in found):
        found.append(Found(quick.at, "operation", w.Montage(quick.said, quick=True), quick.said, quick.form))
    sure = any(isinstance(item.value, CHOOSERS) and item.form != "vague" for item in found)
    found, unplaced = _lengths([item for item in found if not (sure and item.form == "vague")])
    for item in unplaced:
        # A length that nothing takes is not understood: it must not be passed over.
        text = text[: item.at] + item.said + text[item.at + len(item.said) :]
    operations: list[Operation] = []
    unknown: list[str] = []
    last: Kind | None = None
    for begin, end in _clauses(text, lex):
        inside = sorted((item for item in found if begin <= item.at < end), key=lambda item: item.at)
        rest = _rest(text[begin:end], lex)
        lengths = [item for item in unplaced if begin <= item.at < end]
        alone = len(lengths) == 1 and not inside and not _rest(text[begin:end].replace(lengths[0].said, " "), lex)
        if alone and operations and (lasting := _lasting(operations[-1], lengths)) != operations[-1]:
            operations[-1] = lasting
            continue
        if alone:
            # 'make it 5 seconds', or 'vertical, 12 seconds': a clause that is nothing but a length
            operations.append(w.Target(lengths[0].said, float(lengths[0].value)))
            continue
        refused = [word for word in rest if word.lower() in lex.data["refuse"]]
        made, last = _clause(inside, last)
        made = [_lasting(one, lengths) for one in made]
        if refused or (rest and not made):
            unknown.append(" ".join(WORD.findall(text[begin:end])))
        operations += made
    unknown += _misplaced(text, operations, lex)
    if unknown or not operations:
        raise _not_understood(instruction, operations, unknown, lex)
    return _ordered(operations)


def _misplaced(text: str, operations: list[Operation], lex: Lexicon) -> list[str]:
    """Places that were named and that nothing has taken: what was understood would be done to all of it."""
    places = [r"(?:the |la |l')?{ordinal} {unit}", r"(?:shot|inquadratura) (?:number |numero )?{cardinal}"]
    if any(isinstance(one, w.DropSilences) for one in operations):
        places += [r"(?:at|from) the (?:very )?(?:start|beginning|end)\b", r"all'inizio|alla fine"]
    return [match.group() for place in places for match in lex.compile(rf"\b(?:{place})").finditer(text)][:1]


CHOOSERS = (Highlight, w.Best, w.Target, w.Pace, w.ToBeat, w.MatchMusic, w.Trailer, w.Montage)
"""Each of them says which parts are kept and how long the result is."""


def _lasting(operation: Operation, lengths: list[Found]) -> Operation:
    """A title card, a still frame or a transition for as long as is said beside it."""
    if isinstance(operation, w.TitleCard) and len(lengths) == 1:
        return replace(operation, seconds=float(lengths[0].value))
    if isinstance(operation, (w.Still, w.Transitions)) and len(lengths) == 1:
        return replace(operation, seconds=float(lengths[0].value))
    return operation


TIMED = (w.Best, w.Target, w.ToBeat, w.Trailer, w.Montage)


def _lengths(found: list[Found]) -> tuple[list[Found], list[Found]]:
    """Lengths and quick cuts said beside a wish become its own, wherever they stand; and the lengths nothing takes."""
    quick = any(item.kind == "quick" for item in found)
    at = next((n for n, item in enumerate(found) if isinstance(item.value, TIMED) and not _sized(item.value)), None)
    said = [item for item in found if item.kind == "length" or item.form == "limit"]
    made, unplaced = list(found), [item for item in found if item.kind == "length"]
    if at is not None and len(said) == 1:
        value = said[0].value
        seconds = float((value.end or 0.0) if isinstance(value, Span) else value)
        made[at] = replace(found[at], value=replace(found[at].value, seconds=seconds))
        made.remove(said[0])
        unplaced = []
    for number, item in enumerate(made):
        if quick and isinstance(item.value, (w.Best, w.ToBeat, w.Montage)):
            made[number] = replace(item, value=replace(item.value, quick=True))
    return [item for item in made if item.kind not in ("length", "quick")], unplaced


def _take_quotes(instruction: str) -> tuple[str, list[Found]]:
    """The instruction on one line with holes for quoted texts, and those texts."""
    plain = "".join(c if unicodedata.category(c) != "Cc" or c.isspace() else " " for c in instruction).replace(
        HOLE, " "
    )
    pieces: list[str] = []
    found: list[Found] = []
    cursor = length = 0
    for match in QUOTED.finditer(plain):
        before = re.sub(r"\s+", " ", plain[cursor : match.start()]).replace("’", "'")
        said = next(group for group in match.groups() if group is not None)
        pieces += [before, HOLE]
        found.append(Found(length + len(before), "text", said.strip(), match.group()))
        length += len(before) + 1
        cursor = match.end()
    pieces.append(re.sub(r"\s+", " ", plain[cursor:]).replace("’", "'"))
    return "".join(pieces), [item for item in found if item.value]


def _unquoted(text: str, quoted: bool, lex: Lexicon) -> Iterator[Found]:
    """A caption without quotation marks: what follows 'with the text', up to a place, a comma or the end."""
    if quoted:
        return
    captions = lex.data["captions"]
    places = "|".join(pattern for patterns in captions["positions"].values() for pattern in patterns)
    if lex.compile(lex.data["card_words"]).search(text):
        places += f"|{lex.data['card_places']}"
    stop = re.compile(rf"\s+(?:{places})|[,;\n{HOLE}]|$", re.IGNORECASE)
    for opener in captions["openers"]:
        match = lex.compile(opener).search(text)
        if match is None:
            continue
        ends = stop.search(text, match.end())
        said = text[match.end() : ends.start() if ends else len(text)]
        if said.strip(" ."):
            yield Found(match.start(), "text", said.strip(), text[match.start() : match.end() + len(said)])
        return


def _clauses(text: str, lex: Lexicon) -> Iterator[tuple[int, int]]:
    """Bounds of the parts between commas and joining words."""
    splitter = re.compile("|".join(lex.data["connectors"]), re.IGNORECASE)
    begin = 0
    for match in splitter.finditer(text):
        yield begin, match.start()
        begin = match.end()
    yield begin, len(text) + 1


_VERBS: tuple[Kind, ...] = ("keep", "remove", "cut")
"""The stronger first: 'only cut out ...' is rare, 'cut to just ...' is not."""
_RANGED = (Grade, Speed, Reverse, Volume, Mute)
"""Operations that can be done to a part of the clip."""


def _clause(found: list[Found], last: Kind | None) -> tuple[list[Operation], Kind | None]:
    """The operations of one clause, and what its ranges did: a next clause with only a range does the same."""
    spans = [item for item in found if item.kind == "range"]
    effects = [value for item in found if item.kind == "operation" for value in _flat(item.value)]
    texts = [item for item in found if item.kind == "text"]
    kinds = {item.kind for item in found}
    place = next((item.value for item in found if item.kind == "place"), None)
    verb: Kind | None = next((item.kind for kind in _VERBS for item in found if item.kind == kind), None)
    made: list[Operation] = []
    where: Span | None = None
    limits = [item for item in spans if item.form == "limit"]
    if limits:
        # 'cut it to 3 seconds' says how long the result is, whatever the verb.
        made += [Keep(item.said, item.value) for item in limits]
        last = "keep"
    elif spans and verb is None and (texts or any(isinstance(effect, _RANGED) for effect in effects)):
        where = spans[0].value
    elif spans:
        doing = verb or last or "keep"
        if doing == "cut":
            # 'cut the first 3 seconds' takes them away; 'cut from 0:05 to 0:12' is how a clip is chosen.
            doing = "keep" if all(item.form == "between" for item in spans) else "remove"
        made += [(Remove if doing == "remove" else Keep)(item.said, item.value) for item in spans]
        last = doing
    for effect in effects:
        ranged = where is not None and isinstance(effect, _RANGED)
        made.append(replace(effect, span=where) if ranged else effect)  # type: ignore[call-arg]
    card = next((item.value for item in found if item.kind == "card"), None)
    for item in texts:
        checked(item.value)
        if card is not None:
            made.append(w.TitleCard(item.said, item.value, *card))
            continue
        shouted = "meme" in kinds or place == "top" or item.value.isupper()
        style: Literal["meme", "subtitle"] = "meme" if shouted else "subtitle"
        made.append(Caption(item.said, item.value, place or "bottom", style, where))
    return made, last


def _flat(value: Any) -> tuple[Operation, ...]:
    return value if isinstance(value, tuple) else (value,)


def _rest(text: str, lex: Lexicon) -> list[str]:
    """Words of a clause that nothing has understood and that mean something."""
    words = WORD.findall(text)
    captions = re.compile("|".join(lex.data["captions"]["words"]), re.IGNORECASE)
    idle = {str(word) for word in lex.data["fillers"]}
    return [word for word in words if word.lower() not in idle and not captions.fullmatch(word)]


def _hole(text: str, begin: int, end: int) -> str:
    return text[:begin] + HOLE * (end - begin) + text[end:]


_ORDER: tuple[type[Operation], ...] = (
    Join, w.ClipOrder, w.BestTakes, Keep, w.Shots, w.Dark, w.Matching, Highlight, Remove, w.DropSilences, w.Tighten,
    w.MatchCuts, w.ShotLength, w.Order, w.Best, w.Target, w.ToBeat, w.MatchMusic, w.Montage, w.Trailer, Reverse,
    Grade, Volume, Mute, w.Pace, Speed, Loop, w.LoopUntil, w.Seamless, w.Rotate, w.Mirror, w.Zoom, w.Reframe,
    w.Transitions, FadeIn, FadeOut, Caption, w.TitleCard, w.Still, w.UnderMusic, w.Level, w.Ducked,
)  # fmt: skip
"""Parts are chosen before they are changed, whatever comes first in the sentence; captions lie over the result."""


def _ordered(operations: list[Operation]) -> list[Operation]:
    made = [_titled(operation, operations) for operation in operations]
    titles = {one.text for one in made if isinstance(one, w.Trailer)}
    made = [one for one in made if not (titles and _titles(one, titles))]
    timed = {type(one) for one in made if isinstance(one, TIMED) and one.seconds}
    # 'a teaser trailer of 20 seconds' says the same twice, once without the length.
    made = [one for one in made if not (type(one) in timed and isinstance(one, TIMED) and not _sized(one))]
    picks = {(type(one), one.seconds if hasattr(one, "seconds") else 0) for one in made if isinstance(one, CHOOSERS)}
    spans = any(isinstance(one, Keep) for one in made)
    lively = any(isinstance(one, Highlight) for one in made) and any(isinstance(one, Remove) for one in made)
    if len(picks) > 1 or (picks and spans) or lively:
        raise UsageError(
            "The instruction chooses parts in two ways",
            " and ".join(in_words(one) for one in made if isinstance(one, (*CHOOSERS, Keep, Remove)))[:200],
            "Ask for one of them, then edit the result",
        )
    # 'loop it 3 times in a row' says the same twice, once without the number.
    loops = max((one.times for one in made if isinstance(one, Loop)), default=0)
    kept = [one for one in made if not isinstance(one, Loop) or one.times == loops]
    if any(isinstance(one, w.Pace) for one in kept):
        # 'speed it up so that it lasts 5 seconds' says one thing
        kept = [one for one in kept if not isinstance(one, Speed)]
    return sorted(dict.fromkeys(kept), key=lambda operation: _ORDER.index(type(operation)))


def _sized(operation: Operation) -> bool:
    """Whether a length is said, in seconds or in another way."""
    return bool(getattr(operation, "seconds", 0) or getattr(operation, "share", 0) or getattr(operation, "less", 0))


def _titled(operation: Operation, operations: list[Operation]) -> Operation:
    """A trailer takes the quoted title as its own."""
    texts = [one.text for one in operations if isinstance(one, (Caption, w.TitleCard))]
    return replace(operation, text=texts[0]) if isinstance(operation, w.Trailer) and texts else operation


def _titles(operation: Operation, titles: set[str]) -> bool:
    """Whether a text stands on the trailer's own cards: it is not written a second time."""
    return isinstance(operation, w.TitleCard) or (isinstance(operation, Caption) and operation.text in titles)


def _not_understood(instruction: str, made: list[Operation], unknown: list[str], lex: Lexicon) -> UsageError:
    shown = ", ".join(f"'{part.strip()[:60]}'" for part in unknown if part.strip()) or f"'{instruction.strip()[:80]}'"
    vague = lex.data["open"]
    if not made and re.fullmatch(
        rf"(?:please |just |can you |could you )?(?:{'|'.join(vague['patterns'])})[ .!?]*", instruction.strip(), re.I
    ):
        raise UsageError(
            f"'{instruction.strip()[:60]}' does not say what should change", fix=f"Nothing was changed. {vague['ask']}"
        )
    known = f"understood: {'; '.join(in_words(operation) for operation in made)}" if made else ""
    return UsageError(
        f"The edit does not say clearly what to do with {shown}", known, f"Nothing was changed. Ask for {_can(lex)}"
    )


def _can(lex: Lexicon) -> str:
    looks = ", ".join(look.replace("_", " ") for look in lex.data["grade"])
    return "; ".join(item.replace("{looks}", looks) for item in lex.data["can"])
