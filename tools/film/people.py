"""Who a story speaks of: names, kinds and descriptions, and which person a pronoun means."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tools.film.lexicon import lexicon, noun_index, word_index
from tools.film.noun_phrases import COUNTS, PLACES, bare_name, description_end, given_name, listed, noun_phrase, text_of
from tools.film.words import Token, verb_at

_ANYBODY = frozenset({"person", "child", "monster"})
"""Heads that may stand for those who are named right after ('two friends, a robot and a cat')."""
_IS = ("is", "was", "è", "era")


@dataclass
class Person:
    """A character as the story gives it; grows while reading."""

    name: str
    head: str = ""
    """Key in people.yaml, '' for a bare name."""
    gender: str = "neutral"
    named: bool = False
    fresh: bool = True
    """False when it was first spoken of as known ('the robot')."""
    descriptions: list[str] = field(default_factory=list)

    @property
    def description(self) -> str:
        return "; ".join(self.descriptions)

    @property
    def kind(self) -> str:
        return str(heads()[self.head]["kind"]) if self.head else "human"


@dataclass(frozen=True)
class Mention:
    """Where a person (or several) is spoken of: tokens [start, end) of a sentence."""

    start: int
    end: int
    people: tuple[Person, ...]
    possessive: bool = False


@cache
def heads() -> dict[str, dict[str, Any]]:
    data: dict[str, dict[str, Any]] = lexicon("people")["heads"]
    return data


@cache
def _vocabulary() -> frozenset[str]:
    """Words of the lexicons: capitalised, they are still no names."""
    world = lexicon("world")
    words = set(lexicon("people")["not_names"]) | set(lexicon("looks")["colours"])
    for section in ("sets", "times", "props"):
        words |= set(noun_index(section))
    for section in ("shot_words", "angle_words"):
        words |= {str(word) for group in world[section].values() for word in group}
    for section in ("sizes", "ages", "builds"):
        words |= set(word_index("people", section))
    words |= set(word_index("actions", "emotions")) | set(word_index("people", "heads"))
    words |= set(word_index("people", "pronouns"))
    return frozenset(str(word).lower() for word in words)


def gender_of_name(name: str) -> str:
    """'male', 'female' or 'neutral', from a list of first names, then from the Italian ending."""
    low = name.lower().split()[0]
    for gender, names in lexicon("looks")["first_names"].items():
        if low in names:
            return str(gender)
    return "neutral"


def _past_general(items: list[Token], index: int) -> int:
    """'two friends, a robot and a cat': the friends are the robot and the cat, so reading begins at the robot."""
    count = COUNTS.get(items[index].low, 1)
    noun = noun_phrase(items, index) if count > 1 else None
    if noun is None or noun[1] not in _ANYBODY or not listed(items, noun[0] + 1, count):
        return index
    return noun[0] + 2


class CastReader:
    """Reads the mentions of a story's sentences, in order, into one growing cast."""

    def __init__(self, known: Collection[str] = ()) -> None:
        self.people: list[Person] = []
        self._known = {name.lower(): name for name in known}
        self._names: set[str] = set()

    def collect_names(self, sentences: list[list[Token]]) -> None:
        """First pass: which capitalised words are names (they stand inside a sentence, or do something)."""
        for items in sentences:
            for index, token in enumerate(items):
                if not token.is_word:
                    continue
                bare = bare_name(token)
                if bare.lower() in self._known or (
                    token.capital and bare.lower() not in _vocabulary() and self._acts_like_name(items, index)
                ):
                    self._names.add(bare.lower())

    def _acts_like_name(self, items: list[Token], index: int) -> bool:
        if index and items[index - 1].is_word and not (items[index - 1].capital and index == 1):
            before = items[index - 1].low
            return before not in PLACES and before not in ("in", "of")
        follower = items[index + 1] if index + 1 < len(items) else None
        if follower is None or len(items) <= 2:
            return len(bare_name(items[index])) > 1 and verb_at(items, index) is None
        if follower.low in (",", "and", "e", "with", "in", "on", "at") or items[index].text.endswith(("'s", "’s")):
            return verb_at(items, index) is None
        return verb_at(items, index + 1) is not None

    def mentions(self, items: list[Token]) -> list[Mention]:
        """Mentions of one sentence, left to right; new people join the cast."""
        found: list[Mention] = []
        index = 0
        while index < len(items):
            index = _past_general(items, index)
            mention = self._mention_at(items, index, found)
            if mention is None:
                index += 1
                continue
            if found and mention.start < found[-1].end:
                mention = Mention(found[-1].end, max(mention.end, found[-1].end), mention.people, mention.possessive)
            found.append(mention)
            index = max(mention.end, index + 1)
        return found

    def _mention_at(self, items: list[Token], index: int, earlier: list[Mention]) -> Mention | None:
        token = items[index]
        if not token.is_word:
            return None
        return self._head_at(items, index) or self._name_at(items, index) or self._pronoun_at(items, index, earlier)

    def _pronoun_at(self, items: list[Token], index: int, earlier: list[Mention]) -> Mention | None:
        low = items[index].low
        for gender, words in lexicon("people")["pronouns"].items():
            if low not in words:
                continue
            if low in ("her", "it") and low == "her" and index + 1 < len(items) and items[index + 1].is_word:
                return None
            if gender == "group":
                return Mention(index, index + 1, tuple(self.people[:4])) if len(self.people) > 1 else None
            person = self._antecedent(str(gender), earlier)
            return Mention(index, index + 1, (person,)) if person else None
        return None

    def _antecedent(self, gender: str, earlier: list[Mention]) -> Person | None:
        recent = [person for mention in reversed(earlier) for person in mention.people]
        candidates = recent + [person for person in reversed(self.people) if person not in recent]
        if gender == "neutral":
            candidates = [person for person in candidates if person.kind != "human"] or candidates[:0]
            return candidates[0] if candidates else None
        exact = [person for person in self.people if person.gender == gender]
        if exact:
            return max(exact, key=lambda one: (one in recent, -self.people.index(one)))
        open_ones = [one for one in self.people if one.gender == "neutral" and one.kind == "human"]
        open_ones = open_ones or [one for one in self.people if one.gender == "neutral"]
        if open_ones:
            open_ones[0].gender = gender
            return open_ones[0]
        return None

    def _name_at(self, items: list[Token], index: int) -> Mention | None:
        token = items[index]
        bare = bare_name(token)
        if bare.lower() not in self._names or (not token.capital and bare.lower() not in self._known):
            return None
        end = index + 1
        while (
            end < len(items)
            and items[end].is_word
            and items[end].capital
            and bare_name(items[end]).lower() in self._names
        ):
            bare += f" {bare_name(items[end])}"
            end += 1
        possessive = items[end - 1].text.endswith(("'s", "’s"))
        person = self._named(self._known.get(bare.lower(), bare))
        if end < len(items) and items[end].low in (",", "the", "il", "la", *_IS) and not possessive:
            end = self._apposition(items, end, person)
        text_end = end if possessive else description_end(items, end)
        if text_end > end:
            person.descriptions.append(text_of(items, end, text_end))
        return Mention(index, max(end, text_end), (person,), possessive)

    def _apposition(self, items: list[Token], index: int, person: Person) -> int:
        """'Luca, a boy with curls, ...', 'Boo the robot', 'Luca is a boy': the description belongs to the name."""
        start = index + 1 if items[index].low in (",", *_IS) else index
        noun = noun_phrase(items, start)
        if noun is None or person.head:
            return index
        head_at, key = noun
        person.head = key
        if person.gender == "neutral":
            person.gender = str(heads()[key]["gender"])
        end = description_end(items, head_at + 1)
        person.descriptions.append(text_of(items, start, end))
        return end + 1 if end < len(items) and items[end].low == "," else end

    def _head_at(self, items: list[Token], index: int) -> Mention | None:
        """A noun phrase with a head noun, beginning at `index` ('a tiny robot with one wheel')."""
        count = COUNTS.get(items[index].low, 1)
        noun = noun_phrase(items, index)
        if noun is None:
            return None
        head_at, key = noun
        article = items[index].low
        known = article in lexicon("people")["articles"]["known"]
        bare = head_at == index
        if bare and (article in lexicon("people")["weak_heads"] or article != items[index].low):
            return None
        end, name = given_name(items, head_at + 1, self._names)
        possessive = items[head_at].text.endswith(("'s", "’s")) and not name
        text_end = end if possessive else description_end(items, end)
        description = text_of(items, index, text_end)
        if name:
            person = self._named(name)
            person.head = person.head or key
        else:
            same = self._same_head(key) if known or bare else None
            person = same or self._unnamed(key, items[head_at].low)
            person.fresh = person.fresh and not (known and same is None)
        if person.gender == "neutral":
            person.gender = str(heads()[key]["gender"])
        if not known or name or not person.descriptions:
            person.descriptions.append(description)
        people = [person]
        people += [self._unnamed(key, items[head_at].low, description) for _ in range(count - 1)]
        return Mention(index, text_end, tuple(people), possessive)

    def _same_head(self, key: str) -> Person | None:
        kind = heads()[key]
        for person in reversed(self.people):
            if person.head == key:
                return person
        for person in reversed(self.people):
            same = person.head and person.kind == kind["kind"] and person.gender == kind["gender"]
            if same and (kind["kind"] != "human" or heads()[person.head]["age"] == kind["age"]):
                return person
        return None

    def _named(self, name: str) -> Person:
        for person in self.people:
            if person.name.lower() == name.lower() or (person.named and person.name.lower().split()[0] == name.lower()):
                return person
        shown = self._known.get(name.lower(), name if not name.islower() else name.title())
        person = Person(shown, gender=gender_of_name(name), named=True)
        self.people.append(person)
        return person

    def _unnamed(self, key: str, word: str, description: str = "") -> Person:
        base = word.removesuffix("'s").title()
        if word in ("children", "kids") or word == f"{key}s":
            base = key.title()
        taken = {person.name for person in self.people}
        name, number = base, 2
        while name in taken:
            name, number = f"{base} {number}", number + 1
        person = Person(name, key, str(heads()[key]["gender"]), descriptions=[description] if description else [])
        self.people.append(person)
        return person
