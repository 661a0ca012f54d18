"""Noun phrases in a sentence: the head noun, a name that follows it, and how far its description reaches."""

from __future__ import annotations

from functools import cache

from tools.film.lexicon import lexicon, word_index
from tools.film.words import Token, verb_at

_DESCRIBES = frozenset({"with", "wearing", "con", "who", "whose", "in", "having", "dressed", "dai", "dagli", "dalle"})
PLACES = frozenset(
    {
        "on",
        "at",
        "near",
        "under",
        "by",
        "into",
        "to",
        "from",
        "inside",
        "through",
        "across",
        "behind",
        "along",
        "su",
        "sulla",
        "sul",
        "nel",
        "nella",
        "al",
        "alla",
        "around",
        "over",
        "during",
        "next",
    }
)
COUNTS = {"two": 2, "three": 3, "four": 4, "due": 2, "tre": 3, "quattro": 4}


def bare_name(token: Token) -> str:
    text = token.text.replace("’", "'")
    return text.removesuffix("'s").removesuffix("'")


@cache
def _head_words() -> dict[str, str]:
    words = dict(word_index("people", "heads"))
    for word, key in list(words.items()):
        if " " not in word:
            words.setdefault(f"{word}s", key)
    words.setdefault("children", "child")
    words.setdefault("women", "woman")
    words.setdefault("men", "man")
    words.setdefault("mice", "mouse")
    words.setdefault("bambini", "child")
    return words


def noun_phrase(items: list[Token], start: int) -> tuple[int, str] | None:
    """(index of the head noun, its key) of a noun phrase that begins at `start`; up to five words before the head."""
    articles = lexicon("people")["articles"]
    words = _head_words()
    for offset in range(6):
        index = start + offset
        if index >= len(items) or not items[index].is_word:
            if offset and index < len(items) and items[index].low == "," and offset < 4:
                continue
            return None
        low = items[index].low
        opener = low in articles["new"] or low in articles["known"] or low in COUNTS
        if offset and (opener or low in PLACES or low in _DESCRIBES or low in ("and", "e", "of", "is", "named")):
            return None
        pair = f"{low} {items[index + 1].low}" if index + 1 < len(items) else ""
        if pair in words:
            return index + 1, words[pair]
        bare = low.removesuffix("'s")
        if bare in words:
            follower = items[index + 1].low if index + 1 < len(items) else ""
            if follower in words and follower not in lexicon("people")["weak_heads"]:
                continue
            first = items[start].low
            led = first in articles["new"] or first in articles["known"] or first in COUNTS
            return (index, words[bare]) if led or offset == 0 or _describes(items, start, index) else None
        if offset == 0 and not opener and not _describes(items, start, start + 1):
            return None
    return None


def _describes(items: list[Token], start: int, end: int) -> bool:
    """True when the words before a head without an article are adjectives that the lexicons know."""
    looks = lexicon("looks")
    known = set(looks["colours"]) | set(looks["hair_colours"]) | set(word_index("people", "sizes"))
    known |= (
        set(word_index("people", "ages")) | set(word_index("people", "builds")) | set(word_index("actions", "emotions"))
    )
    known |= set(word_index("looks", "hair_styles")) | {
        "cute",
        "funny",
        "brave",
        "curious",
        "friendly",
        "beautiful",
        "rusty",
    }
    return all(items[index].low in known or "-" in items[index].low for index in range(start, end))


def given_name(items: list[Token], index: int, names: set[str]) -> tuple[int, str]:
    """(end, name) of '... named Luca', '... called Boo' or '(robot) Boo' at `index`; name '' when there is none."""
    for phrase in sorted(lexicon("people")["naming"], key=len, reverse=True):
        words = str(phrase).split()
        if [one.low for one in items[index : index + len(words)]] == words:
            end = index + len(words)
            name: list[str] = []
            while end < len(items) and items[end].is_word and (items[end].capital or not name) and len(name) < 3:
                name.append(bare_name(items[end]))
                end += 1
            return end, " ".join(name)
    comma = index + 2 < len(items) and items[index].low == "," and items[index + 2].low == ","
    at = index + 1 if comma else index
    if at < len(items) and items[at].capital and bare_name(items[at]).lower() in names:
        return at + (2 if comma else 1), bare_name(items[at])
    return index, ""


def _after_adjectives(items: list[Token], start: int) -> int:
    """Behind the colours and sizes that follow a noun, as in 'un gatto arancione'."""
    known = set(lexicon("looks")["colours"]) | set(word_index("people", "sizes"))
    end = start
    while end < len(items) and items[end].low in known:
        end += 1
    return end


def description_end(items: list[Token], start: int) -> int:
    """End of the description that follows a mention ('with curly brown hair', 'in a red coat')."""
    start = _after_adjectives(items, start)
    if start >= len(items) or items[start].low not in _DESCRIBES:
        return start
    worn = (
        set(word_index("looks", "tops")) | set(word_index("looks", "bottoms")) | set(word_index("looks", "accessories"))
    )
    worn |= {
        "hair",
        "eyes",
        "capelli",
        "occhi",
        "shoes",
        "boots",
        "fur",
        "body",
        "lights",
        "antenna",
        "suit",
        "costume",
        "wheels",
        "skin",
    }
    worn |= set(word_index("looks", "hair_styles")) | set(lexicon("looks")["hair_words"])
    end = last = start
    while end < len(items) and end - start < 24:
        low = items[end].low
        if low in (".", "!", "?", ";", ":", "\n") or low.startswith("⟦") or low in PLACES or _next_one(items, end):
            break
        if low in worn:
            last = end + 1
        elif end > start and (verb_at(items, end) is not None or low in ("that", "che")):
            break
        end += 1
    return last


def _next_one(items: list[Token], index: int) -> bool:
    """', Mira, a girl ...', ', and a dog', 'and a girl named Anna' and 'and Anna, ...': on to somebody else."""
    if index + 2 >= len(items):
        return False
    name, follower = items[index + 1], items[index + 2]
    if items[index].low in ("and", "e", "ed"):
        if name.capital and (follower.low == "," or verb_at(items, index + 2) is not None):
            return True
        return name.low in lexicon("people")["articles"]["new"] and noun_phrase(items, index + 1) is not None
    if items[index].low != ",":
        return False
    if name.capital and follower.low == ",":
        return True
    return name.low in ("and", "e", "ed") and (noun_phrase(items, index + 2) is not None or _next_one(items, index + 1))


def listed(items: list[Token], index: int, count: int) -> bool:
    """Whether ', a robot and a cat' follows: exactly `count` noun phrases that say who the counted ones are."""
    if index >= len(items) or items[index].low not in (",", ":"):
        return False
    at, found = index + 1, 0
    while found < count:
        noun = noun_phrase(items, at)
        if noun is None:
            return False
        found += 1
        at = description_end(items, given_name(items, noun[0] + 1, set())[0])
        if found == count:
            break
        if at < len(items) and items[at].low == ",":
            at += 1
        if at < len(items) and items[at].low in ("and", "e"):
            at += 1
    return at >= len(items) or items[at].low not in ("and", "e")


def text_of(items: list[Token], start: int, end: int) -> str:
    return " ".join(one.text for one in items[start:end]).replace(" ,", ",").strip(" ,")
