"""Which known name is meant by a spelling: case, accents, parts, typos, nicknames and descriptions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from memory.records import Entry
from memory.tuning import words

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_SPLIT = re.compile(r"[^\w]+|_+")
_SOUNDS = (("ph", "f"), ("ck", "c"), ("k", "c"), ("y", "i"), ("j", "i"), ("w", "v"), ("z", "s"), ("th", "t"))
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_MIN_NICKNAME = 3


def shown_name(text: object, most: int = 200) -> str:
    """A name as it is shown, one line: without line breaks, control characters and marks that turn the direction of
    writing ('gpj.exe' must not read as 'exe.jpg')."""
    return _UNSAFE.sub(" ", whole_letters(str(text or ""))).strip()[:most]


def shown_text(text: str) -> str:
    """A text as it is kept: its lines, without other control characters and marks that turn the direction."""
    return "\n".join(_UNSAFE.sub(" ", line).rstrip() for line in whole_letters(text).splitlines()).strip()


def whole_letters(text: str) -> str:
    """Without halves of letters (a file name that is no UTF-8 has them), which no file and no database takes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def name_key(text: str) -> str:
    """Lower case without accents and punctuation, single spaces: 'Perché, Luca?' -> 'perche luca'."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text[:2000]) if not unicodedata.combining(c))
    return " ".join(part for part in _SPLIT.split(plain.casefold()) if part) or text.strip().casefold()[:2000]


def tokens(text: str) -> list[str]:
    """The words of a key."""
    return [word for word in name_key(text).split() if word]


def resolve(name: str, entries: Sequence[Entry]) -> Entry | None:
    """The entry that `name` means, or None when there is none or more than one.

    Tried in order: the same key (name or alias), the same words without articles, some of the words,
    a nickname or a typo of them, then a description that fits one text only.
    """
    asked = tokens(name)
    if not asked or len(asked) > 40:
        return None
    key = " ".join(asked)
    if exact := _only(e for e in entries if key == name_key(e.name)):
        return exact  # before another one who had the name once, or is called so too
    if exact := _only(e for e in entries if key in _keys(e)):
        return exact
    core = _without_determiner(asked)
    if not core:
        return None
    if exact := _only(
        e for e in entries if " ".join(core) in {" ".join(_without_determiner(k.split())) for k in _keys(e)}
    ):
        return exact
    for same in (_equal, _nickname, is_typo):
        fitting = [e for e in entries if any(_words_fit(core, k.split(), same) for k in _keys(e))]
        if fitting:
            return fitting[0] if len(fitting) == 1 else None
    return _by_description(name, asked, core, entries)


def nearest(name: str, choices: Iterable[str], n: int) -> list[str]:
    """The `n` most similar of `choices`, best first."""
    from rapidfuzz import fuzz, process

    found = process.extract(name[:200], list(dict.fromkeys(choices)), scorer=fuzz.WRatio, processor=name_key, limit=n)
    return [choice for choice, _, _ in found]


def is_typo(asked: str, known: str) -> bool:
    """Whether a word is a slip of a known one and not a name of its own (Luna is not Luca, Paola is not Paolo).

    A slip sounds the same, swaps two letters, hits a neighbouring key, or, in longer words, lacks or adds
    a letter; the first and the last letter stay.
    """
    from rapidfuzz.distance import OSA, Levenshtein

    if asked == known:
        return True
    shorter, longer = sorted((len(asked), len(known)))
    if shorter < 3:
        return False
    if _sound(asked) == _sound(known):
        return True
    if shorter < 4 or asked[0] != known[0] or asked[-1] != known[-1]:
        return False
    if sorted(asked) == sorted(known) and OSA.distance(asked, known) == 1:
        return True
    steps = Levenshtein.editops(asked, known).as_list()
    if len(steps) == 1 and steps[0][0] == "replace":
        return longer >= 6 or _neighbours(asked[int(steps[0][1])], known[int(steps[0][2])])
    return OSA.distance(asked, known) <= (2 if shorter >= 8 else 1 if shorter >= 5 and longer >= 6 else 0)


def _only(found: Iterable[Entry]) -> Entry | None:
    unique = {entry.id: entry for entry in found}
    return next(iter(unique.values())) if len(unique) == 1 else None


def _keys(entry: Entry) -> list[str]:
    return [name_key(entry.name), *(name_key(alias) for alias in entry.aliases)]


def _without_determiner(asked: list[str]) -> list[str]:
    first = next((i for i, word in enumerate(asked) if word not in words().determiners), len(asked))
    core = asked[first:]
    return core[:-1] if len(core) > 1 and core[-1] == "s" else core


def _equal(a: str, b: str) -> bool:
    return a == b


def _nickname(asked: str, known: str) -> bool:
    """'Ale' for 'Alessandro', but not 'Luca' for 'Lucas'."""
    return asked == known or (
        len(asked) >= _MIN_NICKNAME and known.startswith(asked) and len(known) - len(asked) >= _MIN_NICKNAME
    )


def _words_fit(asked: list[str], known: list[str], same: Callable[[str, str], bool]) -> bool:
    """Every asked word is one of the known ones, or every known one is among the asked ('little Luca')."""
    content = [w for w in known if w not in words().determiners] or known
    if all(any(same(a, k) for k in content) for a in asked):
        return True
    return len(asked) <= 6 and all(any(same(a, k) for a in asked) for k in content)


def _sound(word: str) -> str:
    for letters, sound in _SOUNDS:
        word = word.replace(letters, sound)
    return re.sub(r"(.)\1+", r"\1", word)


def _neighbours(a: str, b: str) -> bool:
    return any(a in row and b in row and abs(row.index(a) - row.index(b)) == 1 for row in _ROWS)


def _by_description(name: str, asked: list[str], core: list[str], entries: Sequence[Entry]) -> Entry | None:
    """'the robot' when exactly one text says robot, or when one is called a robot in its first words."""
    has_determiner = asked[0] in words().determiners
    if not has_determiner and name.strip() != name.strip().casefold():
        return None
    wanted = {_meaning(w) for w in core if w not in words().stopwords}
    if not wanted:
        return None
    heads = [e for e in entries if _says(_head(e.text), wanted)]
    if len(heads) == 1:
        return heads[0]
    if heads or not has_determiner:
        return None
    return _only(e for e in entries if _says(tokens(e.text), wanted))


def _meaning(word: str) -> str:
    same = words().synonyms
    if word in same:
        return same[word]
    return same.get(word[:-1], word[:-1]) if word.endswith("s") and len(word) > 3 else word


def _says(text: list[str], wanted: set[str]) -> bool:
    return wanted <= {_meaning(word) for word in text}


def _head(text: str) -> list[str]:
    """The words up to the first comma, stop or linking word: 'a small robot | with one eye'."""
    first = re.split(r"[,.;:!?()]", text, maxsplit=1)[0]
    head: list[str] = []
    for word in tokens(first):
        if word in words().description_ends and head:
            break
        if word not in words().determiners:
            head.append(word)
    return head
