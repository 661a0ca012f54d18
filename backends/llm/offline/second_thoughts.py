"""Wishes in which the speaker corrects himself: 'cut it to 10, no wait, 15 seconds' is read as what he means at last.

What comes after the correction stands for a part of what was said before: a number for a number, a quotation for a
quotation, a word for a word of its kind, a thing with its article for the last such thing, a command for the command.
"""

from __future__ import annotations

import re
from functools import lru_cache

from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.wish import find_quotes

_NOISE = r"(?:(?:oops|whoops|uh|uhm|um|er|erm|ehm|hm+|ah|oh|argh|well|wait|hang on|hold on|aspetta|anzi)\b[\s,.!…–-]*)*"
_SAID = (
    r"(?:no[\s,]+(?:wait|sorry|actually|hang on|hold on|scratch that|make (?:that|it)|i mean[t]?|rather|aspetta|scusa)"
    r"|wait[\s,]+(?:no|make (?:that|it)|i mean[t]?)|hang on[\s,]+no|actually[\s,]+no(?:pe)?"
    r"|(?:no[\s,]+)?(?:sorry|scusa)[\s,]+(?:i mean[t]?|make (?:that|it)|no|rather|intendevo)"
    r"|(?:sorry|scusa)(?=[\s,]+(?:the|an?|il|la|un[oa]?|\d|[\"'“‘]))"
    r"|i mean[t]?(?: to say)?(?!\s+(?:it|that|this|you|well|so)\b)|or rather|make that|scratch that|correction"
    r"|volevo dire|intendevo|anzi(?:,? no)?|no,? anzi|o meglio)"
)
_TURN = re.compile(rf"[\s,;.!?…–—(-]+{_NOISE}{_SAID}\b[\s,:;.!…–-]*{_NOISE}(?:i mean[t]?\s+)?", re.IGNORECASE)
_BARE_NO = re.compile(
    rf"\s*[,;.!?…–—-]+\s*{_NOISE}no(?:pe)?\s*[,;…–—-]+\s*{_NOISE}(?:(?:make|do) (?:that|it)\s+)?", re.I
)
"""A 'no' between two pauses."""
_NEW_SENTENCE_NO = re.compile(rf"[.!?…]\s+{_NOISE}no(?:pe)?[\s,]+(?:make (?:that|it)\s+)?", re.IGNORECASE)
_BEHIND = re.compile(
    rf"[,;.!?…–—-]+\s*{_NOISE}(?P<new>[^,;.!?]{{1,40}}?)[\s,]+(?:i mean[t]?|rather|volevo dire|intendevo)[\s.!]*$",
    re.IGNORECASE,
)
"""'Rotate it left, oops, right I mean'."""
_SPOKEN = re.compile(
    r"\b(?:say|says|said|saying|speak|whisper\w*|shout\w*|yell\w*|read|asks?|answers?|dice|dire|dica|di['’]|"
    r"sussurra\w*)"
    r"(?:\s+\w+){0,6}\s*$",
    re.IGNORECASE,
)
"""What follows such a word unquoted is said by a character, doubts and all."""
_NUMBER = re.compile(r"(?<![\w.,:])(?:\d+(?:[.,:]\d+)*)(?![\d:])\s?(?:%|x\b)?")
_THING = re.compile(
    r"(?<![\w'’])(?:(?:an?|the|some|un[oa]?|il|lo|la|i|gli|le)\s+|(?:un|l)['’]\s*)(?=\w)", re.IGNORECASE
)
_UNIT = re.compile(
    r"\s*(?:seconds?|secs?|s|minutes?|mins?|frames?|stars?|shots?|times|x|%|secondi|minuti|stelle)(?!\w)", re.I
)
_LEAVES = re.compile(
    r"^(?:first[\s,]+(?=(?:just|only|let|please)\b|[a-z]+\s+(?:up|down|the|it|this|that|my)\b))?"
    r"(?:(?:just|only|rather|better|instead|please|make (?:it|that)|do|solo|soltanto|meglio)\s+)?",
    re.IGNORECASE,
)
_TRAILS = re.compile(r"[\s,]+(?:rather|instead|then|sorry|please|invece|scusa)[\s.!]*$", re.IGNORECASE)
_VERB = re.compile(rf"(?:{'|'.join(entry[1:] for entry in lexicon().words['command_verbs'])}|rotate|flip|remove|"
    rf"delete|move|"
                   r"brighten|darken|mute|loop|call|name|"
                   r"warm (?=up|it|the)|cool (?=down|it|the))\b", re.IGNORECASE)  # fmt: skip
_PLACED = re.compile(
    r"(?P<by>to|of|at|in|on|with|from|for|by|about|into|as|di|con|da|per|su|al|alla|del|della)\s+(?=\w)", re.IGNORECASE
)
_OPPOSITES = (
    ("left", "right"), ("up", "down"), ("first", "last"), ("start", "end"), ("beginning", "end"), ("top", "bottom"),
    ("horizontally", "vertically"), ("before", "after"), ("sinistra", "destra"), ("alto", "basso"),
    ("inizio", "fine"), ("primi", "ultimi"), ("primo", "ultimo"),
)  # fmt: skip
_POINTERS = frozenset({"it", "this", "that", "them", "me", "him", "her", "lo", "la", "there", "here"})
_GROUPS = (
    ("styles", "film_looks", "parody_recipes", "tones"), ("effects", "styles"), ("emotions",), ("positions",),
    ("effect_places",), ("formats",), ("languages",), ("sizes",),
)  # fmt: skip
"""Words of one kind: each may stand for another of its row."""
_WORKS = (
    r"(?:short films?|films?|movies?|videos?|clips?|cartoons?|storyboards?|pictures?|images?|drawings?|portraits?|"
    r"trailers?|parod(?:y|ies)|teasers?|gifs?|filmat[oi]|immagin[ei]|disegn[oi])"
)
_WORK = re.compile(rf"(?:(?:an?|the|one|un[oa]?|il|la)\s+)?{_WORKS}(?!\w)", re.IGNORECASE)
_BLANK = "\u25ae"
"""Stands for each character of a quotation: no word and no space."""
_MOST_TURNS = 3
_LONGEST = 400
"""Characters of a wish; what is longer tells a story, with the doubts of those in it."""
_SCRIPT_LINE = re.compile(r"\s*[A-ZÀ-Þ][\w ]{0,20}:\s")


def settled(text: str, names: tuple[str, ...] = ()) -> str:
    """The text as the speaker means it at last; the text itself when he takes nothing back.

    Args:
        text: the message as typed.
        names: known characters: one of them stands for another.
    """
    if "\n" in text.strip() or len(text) > _LONGEST or _SCRIPT_LINE.match(text):
        return text
    for _ in range(_MOST_TURNS):
        better = _once(text, names)
        if better is None:
            return text
        text = better
    return text


def _once(text: str, names: tuple[str, ...]) -> str | None:
    blank = _without_quotes(text)
    for shape in (_TURN, _NEW_SENTENCE_NO, _BARE_NO):
        for match in shape.finditer(blank):
            before, after = text[: match.start()].rstrip(" ,;"), text[match.end() :].strip()
            if not before.strip(" .,!?") or not after.strip(" .,!?") or _is_said(before, after):
                continue
            if (found := _replaced(before, _TRAILS.sub("", after), names)) is not None:
                return found
    if behind := _BEHIND.search(blank):
        before, new = text[: behind.start()], text[slice(*behind.span("new"))].strip()
        if before.strip() and not _is_said(before, new):
            return _replaced(before, new, names)
    return None


def _is_said(before: str, after: str) -> bool:
    return _SPOKEN.search(before) is not None and not after.startswith(('"', "'", "“", "‘", "«")) and (
        _first_word(after).lower() not in _emotion_words()
    )  # fmt: skip


def _replaced(before: str, after: str, names: tuple[str, ...]) -> str | None:
    """`before` with its last part of the kind of `after` replaced; None when nothing there is of its kind."""
    after = _LEAVES.sub("", after)
    lead = _lead(after)
    if _VERB.match(after) and len(after.split()) > 1 and not _same_kind(before, lead, names):
        return _with_command(before, after)
    if not lead or not (span := _same_kind(before, lead, names)):
        return None
    start, end, keep = span
    unit, number = _UNIT.match(before, end), _NUMBER.match(_digits(after))
    if unit and number and not keep and re.match(r"[^\w\s]|$", after[number.end() :]):
        after = f"{after[: number.end()].rstrip()} {unit.group().strip()}{after[number.end() :]}"
    tail = before[end:] if keep else ""
    joined = f"{before[:start].rstrip()} {after}{_space(tail)}{tail}" if start else f"{after}{_space(tail)}{tail}"
    return joined.strip()


def _space(tail: str) -> str:
    return " " if tail[:1].isalnum() else ""


def _lead(after: str) -> str:
    """The part of the correction that decides what it stands for."""
    if (quotes := find_quotes(after)) and quotes[0].start == 0:
        return after[: quotes[0].end]
    return after


def _same_kind(before: str, after: str, names: tuple[str, ...]) -> tuple[int, int, bool] | None:
    """(start, end, whether what follows stays) of the part of `before` that `after` stands for."""
    quotes = find_quotes(before)
    if after[:1] in "\"'“‘«„" and quotes:
        return quotes[-1].start, quotes[-1].end, True
    blank = _without_quotes(before)
    plain = after.strip(" .!?")
    alone = len(plain.split()) <= 2
    if number := _NUMBER.match(_digits(plain)):
        found = list(_NUMBER.finditer(_digits(blank)))
        if found:
            return found[-1].start(), found[-1].end(), number.end() >= len(_digits(plain))
        return None
    if (work := _WORK.match(plain)) and (found := list(_WORK.finditer(blank))):
        return found[0].start(), found[0].end(), work.end() >= len(plain)
    if person := next((name for name in names if _is_word(name, plain)), None):
        others = [m for name in names if name != person for m in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", blank)]
        if others:
            last = max(others, key=lambda match: match.start())
            return last.start(), last.end(), len(plain) == len(person)
    placed, article = _PLACED.match(plain), _THING.match(plain)
    if placed and (article := _THING.match(plain, placed.end())) is None:
        article = placed
    bare = plain[article.end() :] if article else plain
    first = _first_word(bare)
    for pair in _OPPOSITES:
        for here, there in (pair, pair[::-1]):
            if first == here and (other := _last(rf"\b{there}\b", blank)):
                before_it = _same_lead(blank[: other.start()], plain[: len(plain) - len(bare)])
                return before_it, other.end(), len(bare.split()) == 1
    if placed and (same := _last(rf"\b{placed['by']}\s+(?=\w)", blank)):
        return same.start(), len(before), False
    for row in _GROUPS:
        groups = [lexicon().group(name) for name in row]
        mine = re.match(rf"(?:{'|'.join(group.pattern for group in groups)})(?!\w)", bare, re.IGNORECASE)
        if mine and (theirs := [match for group in groups for _, match in group.find_all(blank)]):
            last = max(theirs, key=lambda match: (match.end(), -match.start()))
            start = last.start()
            if article and (its := re.search(rf"{_THING.pattern}$", blank[:start], re.IGNORECASE)):
                start = its.start()
            return start, last.end(), mine.end() >= len(bare) or bool(quotes and quotes[-1].start >= last.end())
    if article and (things := list(_THING.finditer(blank))):
        return things[-1].start(), len(before), False
    if alone and not _VERB.match(plain) and (word := re.search(r"([^\W\d_][\w'’-]*)[\s,.;]*$", blank)):
        return (word.start(), len(before), False) if word[1].lower() not in _POINTERS else None
    return None


def _same_lead(before: str, lead: str) -> int:
    """Where the part begins that a correction with this lead ('at the ', 'the ', '') stands for."""
    for size in range(len(lead.split()), 0, -1):
        words = lead.split()[-size:]
        if found := re.search(rf"\b{' '.join(map(re.escape, words))}\s*$", before, re.IGNORECASE):
            return found.start()
    return len(before)


def _with_command(before: str, after: str) -> str | None:
    """The last command before the correction makes room for the one that follows."""
    starts = [match.start() for match in re.finditer(rf"(?:(?<=and )|(?<=then )|(?<=[,;.] ))(?={_VERB.pattern})",
                                                     _without_quotes(before), re.IGNORECASE)]  # fmt: skip
    return f"{before[: starts[-1]]}{after}" if starts else after


def _digits(text: str) -> str:
    """Number words as figures of the same length: positions stay."""

    def figure(match: re.Match[str]) -> str:
        return "9" * len(match.group())

    return _words_for_numbers().sub(figure, text)


@lru_cache(maxsize=1)
def _words_for_numbers() -> re.Pattern[str]:
    words = [word for word in lexicon().words["number_words"] if word not in ("one", "a", "an", "un", "uno", "una")]
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})\b", re.IGNORECASE)


@lru_cache(maxsize=1)
def _emotion_words() -> frozenset[str]:
    words = lexicon().words
    said = [word for spellings in words["emotions"].values() for word in spellings]
    said += [word for spellings in words["emotion_verbs"].values() for word in spellings]
    return frozenset(word.lower() for word in said)


def _first_word(text: str) -> str:
    found = re.search(r"[^\W\d_]+", text)
    return found.group().lower() if found else ""


def _is_word(name: str, text: str) -> bool:
    return re.match(rf"{re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def _last(pattern: str, text: str) -> re.Match[str] | None:
    return max(re.finditer(pattern, text, re.IGNORECASE), key=lambda match: match.start(), default=None)


def _without_quotes(text: str) -> str:
    for quote in find_quotes(text):
        text = f"{text[: quote.start]}{_BLANK * (quote.end - quote.start)}{text[quote.end :]}"
    return text
