"""What a message of several sentences asks for: in 'it is so dark, make it brighter' only the end is a wish."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.wish import Wish, find_quotes, skip_openers, without_closer

_BREAK = re.compile(
    r"(?<=[.!?;…])\s+|\s*,\s+(?:so\s+|and\s+)?|\s+[–—-]\s+|\s+so\s+(?=(?:please|can|could|would|will)\b)|\s+because\s+",
    re.IGNORECASE,
)
_IS = (
    r"(?:is|are|was|were|isn['’]t|aren['’]t|wasn['’]t|looks?|seems?|sounds?|feels?|has|have|goes|comes|lasts?|takes?|"
    r"drags?|doesn['’]t|don['’]t|è|sono|era|sembra)"
)
_SUBJECT = re.compile(
    rf"(?P<subject>(?:the|my|that|this|its|il|la|lo|i|le|l['’])\s?[^,;:]{{1,40}}?)\s+{_IS}\b", re.IGNORECASE
)
_STATES = re.compile(
    r"(?:oh|ah|well|hm+|sorry|hi|hello|dear|what a \w+|my \w+|it['’]?s|that['’]?s|there(?:['’]s| is| are)|"
    r"here(?:['’]s| is| are)|i(?:['’]m| am| can['’]?t| can ?not| could ?n['’]t| don['’]?t| do not| did ?n['’]t| think|"
    r" find| feel| like| love| hate| believe| guess| made| took| filmed| shot| have| had| just| kept| keep| was|"
    r" got| forgot| messed| stopped| paused| stumbled| said)|we (?:can['’]?t|"
    r"don['’]?t|think|find|have|made|filmed|shot)|non (?:mi|si|sento|vedo)|si (?:sente|vede)|c['’]è|ci sono|sono|è|"
    r"mi (?:sembra|pare))\b",
    re.IGNORECASE,
)
_WANTS = re.compile(
    r"(?:i|we)(?:['’]d| would| should)?\s+(?:really\s+|also\s+|just\s+)?(?:want|like you|need|wish|would like)|"
    r"vorrei|voglio",
    re.IGNORECASE,
)
_MODAL = re.compile(
    r"(?:can|could|would|will|may|might|shall|should|si può|può|puoi|potresti|riesci|mi)\b", re.IGNORECASE
)
_WHOLE = re.compile(
    r"(?:the|my|that|this|il|la|lo)\s+(?:attached\s+|last\s+)?(?:video|clip|film|movie|footage|picture|photo|image|"
    r"drawing|recording|sound file|one|thing|result|filmato|immagine|foto)",
    re.IGNORECASE,
)
"""What 'it' means anyway."""
_IT = re.compile(r"\b(?:it|them|that|this one|that one|they)\b(?!\s+(?:is|are|was|were)\b)", re.IGNORECASE)
_WRITTEN = re.compile(
    r"\b(?:titles?|captions?|subtitles?|text|words|lettering|titol\w|scritta|sottotitoli)\b", re.IGNORECASE
)
_MOST_PARTS = 4


def essential(wish: Wish) -> Wish | None:
    """The one part of a message that asks for something, with what its 'it' means; None when there is nothing to part.

    Parts that are no wish tell how things are: 'the intro is boring, cut it' asks to cut the intro.
    """
    whole = without_closer(wish.text)
    blank = whole
    for quote in find_quotes(blank):
        blank = blank[: quote.start] + "\u25ae" * (quote.end - quote.start) + blank[quote.end :]
    if ":" in blank or "\n" in blank:
        return None
    cuts = [0, *(match.end() for match in _BREAK.finditer(blank)), len(blank)]
    parts = [(a, b) for a, b in pairwise(cuts) if blank[a:b].strip(" ,.;!?–—-")]
    if not 2 <= len(parts) <= _MOST_PARTS:
        return None
    asking = [span for span in parts if _asks(blank[slice(*span)])]
    telling = [span for span in parts if span not in asking]
    if len(asking) != 1 or not telling or not all(_tells(blank[slice(*span)]) for span in telling):
        return None
    if any(_WRITTEN.search(blank[slice(*span)]) for span in telling):
        return None  # 'the title is too small, make it bigger' must not become a title of its own
    text = whole[slice(*asking[0])].strip(" ,;–—-")
    text = _named(text, [blank[slice(*span)] for span in telling if span[0] < asking[0][0]])
    return Wish(text, text)


def _asks(part: str) -> bool:
    rest = part[skip_openers(part) :].strip()
    if _WANTS.match(part) or _verbs().match(rest):
        return True
    return _MODAL.match(part.strip()) is not None and part.rstrip().endswith("?")


def _tells(part: str) -> bool:
    part = part[skip_openers(part) :].strip() or part.strip()
    return _STATES.match(part) is not None or _SUBJECT.match(part) is not None


def _named(text: str, told: list[str]) -> str:
    """'Cut it' after 'the intro is boring' -> 'cut the intro'."""
    for part in reversed(told):
        subject = _SUBJECT.match(part[skip_openers(part) :].strip())
        if subject and not _WHOLE.fullmatch(subject["subject"].strip()):
            named = subject["subject"].strip()
            return _IT.sub(f"{named[:1].lower()}{named[1:]}", text, count=1)
    return text


@lru_cache(maxsize=1)
def _verbs() -> re.Pattern[str]:
    verbs = "|".join(entry[1:] for entry in lexicon().words["command_verbs"])
    return re.compile(
        rf"(?:{verbs}|brighten|darken|lighten|crop|rotate|flip|sharpen|remove|delete|drop|lose|kill|fix|clean|level|"
        r"normali[sz]e|bring|pull|push|lift|boost|lower|raise|duck|crank|tighten|move|swap|replace|keep|take|call|name|use|loop|mute|zoom|"
        r"punch|blur|hide|shake|grade|go|schiarisci|togli|abbassa|alza)\b",
        re.IGNORECASE,
    )
