"""A sentence's verbs with who does them to whom."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from tools.film.people import Mention
from tools.film.quotes import MARK
from tools.film.words import Token, verb_at


@dataclass(frozen=True)
class Verb:
    start: int
    end: int
    action: str
    verb: str


def find_verbs(items: list[Token], mentions: list[Mention]) -> list[Verb]:
    found: list[Verb] = []
    index = 0
    while index < len(items):
        inside = any(mention.start <= index < mention.end for mention in mentions)
        hit = None if inside or not items[index].is_word else verb_at(items, index)
        if hit is None:
            index += 1
            continue
        action, verb, length = hit
        found.append(Verb(index, index + length, action, verb))
        index += length
    return found


def main_verbs(items: list[Token], verbs: list[Verb]) -> list[Verb]:
    """Without copulas next to another verb ('is walking') and without helpers of a stronger verb ('comes running')."""
    kept: list[Verb] = []
    for number, verb in enumerate(verbs):
        follower = verbs[number + 1] if number + 1 < len(verbs) else None
        close = follower is not None and follower.start - verb.end <= 1
        if verb.action in ("stand", "walk", "turn") and close and items[verb.end - 1].low != "and":
            continue
        if verb.start and items[verb.start - 1].low in ("to", "of", "without") and number and kept:
            continue
        kept.append(verb)
    return kept


def only_describes(
    items: list[Token], verbs: list[Verb], mentions: list[Mention], marks: list[int], sentence: str
) -> bool:
    """'Luca has curly hair.' and 'She wears a red hat.' add to the look and are no beats."""
    if marks or not mentions:
        return False
    wear = next(
        (i for i, one in enumerate(items) if one.low in ("wears", "wore", "has", "have", "indossa", "ha")), None
    )
    if wear is None or any(verb.start != wear for verb in verbs if verb.action != "stand") or mentions[0].start > wear:
        return False
    person = mentions[0].people[0]
    person.descriptions.append(words_between(sentence, items, wear + 1, len(items)).strip(" ."))
    return True


def start_of_clause(items: list[Token], verbs: list[Verb], number: int) -> int:
    """First token of the clause of verb `number`: after the last comma or joining word since the verb before."""
    if number == 0:
        return 0
    low_joins = (
        "and",
        "then",
        "but",
        "while",
        "so",
        "when",
        "until",
        "as",
        "e",
        "ma",
        "poi",
        "mentre",
        "that",
        "who",
        "which",
        "che",
    )
    start = verbs[number - 1].end
    for index in range(verbs[number].start - 1, verbs[number - 1].end - 1, -1):
        if items[index].low in (",", ":", ";") or items[index].low in low_joins or MARK.fullmatch(items[index].text):
            start = index + 1
            if items[index].low in (",", ":", ";") or MARK.fullmatch(items[index].text):
                break
            previous = items[index - 1].low if index else ""
            if previous in (",", ";"):
                break
            joined_names = index and items[index - 1].capital and index + 1 < len(items) and items[index + 1].capital
            if not joined_names:
                break
    return start


def subject_of(items: list[Token], mentions: list[Mention], verb: Verb, clause_start: int) -> tuple[str, ...]:
    inside = [m for m in mentions if clause_start <= m.start < verb.start and not m.possessive]
    if not inside:
        relative = clause_start and items[clause_start - 1].low in ("that", "who", "which", "che")
        nearest = [m for m in mentions if m.end <= clause_start]
        return names_of(nearest[-1]) if relative and nearest else ()
    names = list(names_of(inside[0]))
    for first, second in itertools.pairwise(inside):
        between = {one.low for one in items[first.end : second.start]}
        if not between <= {"and", ",", "e", "with", "con"}:
            break
        names += [name for name in names_of(second) if name not in names]
    return tuple(names)


def target_of(mentions: list[Mention], verb: Verb, clause_end: int, actors: tuple[str, ...]) -> str:
    for mention in mentions:
        if verb.end <= mention.start < clause_end and not mention.possessive:
            other = [name for name in names_of(mention) if name not in actors]
            if other:
                return other[0]
    return ""


def names_of(mention: Mention) -> tuple[str, ...]:
    return tuple(person.name for person in mention.people)


def words_between(sentence: str, items: list[Token], start: int, end: int) -> str:
    if start >= end:
        return ""
    text = " ".join(MARK.sub("", sentence[items[start].start : items[end - 1].end]).split())
    return re.sub(r"(?:[\s,;:]|\b(?:and|then|but|while|so|that|who|e|ma|poi|mentre|che))+$", "", text).strip(" ,;:.")
