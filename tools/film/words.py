"""Tokens of a story and the verb forms that the reader knows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from tools.film.lexicon import lexicon, word_index

_TOKEN = re.compile(r"⟦\d+⟧|[^\W_]+(?:['’-][^\W_]+)*['’]?|[.,;:!?()\n]")
_VOWELS = "aeiou"


@dataclass(frozen=True)
class Token:
    text: str
    start: int
    end: int

    @property
    def low(self) -> str:
        return self.text.lower().replace("’", "'")

    @property
    def is_word(self) -> bool:
        return self.text[0].isalnum()

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()


def tokens(text: str) -> list[Token]:
    return [Token(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text)]


@cache
def verb_forms() -> dict[str, tuple[str, str]]:
    """Every form (one or more words, lower case) -> (action, verb as the lexicon writes it)."""
    forms: dict[str, tuple[str, str]] = {}
    for action, entry in lexicon("actions")["actions"].items():
        for verb in entry["verbs"]:
            for form in _inflect(str(verb)):
                forms.setdefault(form, (str(action), str(verb)))
    return forms


def _inflect(verb: str) -> list[str]:
    head, _, rest = verb.partition(" ")
    tail = f" {rest}" if rest else ""
    stems = [head, f"{head}s", f"{head}es", f"{head}ed", f"{head}ing"]
    if head.endswith("e"):
        stems += [f"{head}d", f"{head[:-1]}ing"]
    if head.endswith("y") and len(head) > 2 and head[-2] not in _VOWELS:
        stems += [f"{head[:-1]}ies", f"{head[:-1]}ied"]
    if len(head) > 2 and head[-1] not in "aeiouwxy" and head[-2] in _VOWELS and head[-3] not in _VOWELS:
        stems += [f"{head}{head[-1]}ing", f"{head}{head[-1]}ed"]
    return [stem + tail for stem in stems]


def verb_at(items: list[Token], index: int) -> tuple[str, str, int] | None:
    """(action, verb, tokens used) of a verb that begins at `index`; 'the waves' and 'a look' are no verbs."""
    forms = verb_forms()
    for length in (3, 2, 1):
        words = items[index : index + length]
        form = " ".join(one.low for one in words)
        if len(words) == length and form in forms:
            if index and length == 1 and _noun_follows(items, index):
                return None
            action, verb = forms[form]
            return action, verb, length
    return None


def _noun_follows(items: list[Token], index: int) -> bool:
    """True when the word stands after an article or possessive, so it is a noun or an adjective here."""
    before = items[index - 1].low
    articles = lexicon("people")["articles"]
    if before in articles["new"] or before in articles["known"]:
        return before not in ("her", "his", "that", "this")
    return before in colours() or before in ("sea", "ocean", "big", "small", "tiny")


@cache
def colours() -> frozenset[str]:
    return frozenset(lexicon("looks")["colours"])


def find_phrase(text: str, index: dict[str, str]) -> list[tuple[int, str, str]]:
    """All (position, key, phrase) of `index`'s phrases in `text`, whole words only, longer ones first at a place."""
    low = text.lower().replace("’", "'")
    found: list[tuple[int, str, str]] = []
    taken: list[tuple[int, int]] = []
    for phrase in sorted(index, key=len, reverse=True):
        if phrase not in low:
            continue
        for match in re.finditer(rf"(?<![\w]){re.escape(phrase)}(?![\w])", low):
            if any(match.start() < end and match.end() > start for start, end in taken):
                continue
            taken.append(match.span())
            found.append((match.start(), index[phrase], phrase))
    return sorted(found)


def emotion_in(text: str) -> str:
    """The first emotion named in `text`, '' when there is none."""
    found = find_phrase(text, word_index("actions", "emotions"))
    return found[0][1] if found else ""
