"""Questions about what a wish would take: 'how long would a film of 60 seconds take?', 'can my GPU do that?'.

They are read as the wish that they are about, so that it can be priced; nothing of it is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backends.llm.offline.price_words import (
    AMOUNT,
    ASKS,
    BARE,
    BEFORE,
    COMMAND,
    GERUND,
    GO,
    HERE,
    ITALIAN,
    ITALIAN_VERBS,
    MAKE,
    MEMORY,
    NOUN_OF,
    OURS,
    PASSIVE,
    POINTS,
    SLIPS,
    STEMS,
    WISHED,
    WORK,
    WRITTEN,
)
from backends.llm.offline.wish import find_quotes

STAND_INS = {
    "story": "somebody tells a story",
    "prompt": "a picture",
    "prompts": "a picture",
    "text": "a line that somebody says",
    "caption": "a title",
    "character": "Somebody",
    "style": "watercolor",
    "effect": "film grain",
    "topic": "a film",
    "lines": 'Anna: "This is a line." Bruno: "And this is another."',
    "instruction": "cut it to 5 seconds",
    "changes": "put 'Title' from 1 to 3 seconds",
    "change": "deeper",
}
"""What fills an argument that a question left open: the price hardly depends on it. No file has a stand-in."""


def asked_about(text: str, earlier: Sequence[str] = ()) -> str | None:
    """The wish that a question about time, memory or cost is about, as a command; None when it is no such question.

    '' when it is one, and says nothing of what it is about.

    Args:
        text: the message with typos corrected.
        earlier: the user's earlier messages, oldest first: 'how long would that take?' is about the last of them.
    """
    plain = SLIPS.sub(lambda slip: WRITTEN[slip.group().lower()], " ".join(text.split()))
    plain = BEFORE.sub("", plain).strip()
    if (here := HERE.fullmatch(plain)) and WORK.search(here["what"]):
        return _as_command(WISHED.sub("", here["what"], count=1))
    for pattern in ASKS:
        match = pattern.fullmatch(plain.rstrip(" ?!."))
        if match is None:
            continue
        what = match["what"].strip(" ,.?!")
        verb = match.groupdict().get("verb") or ""
        if (POINTS.fullmatch(what) or PASSIVE.fullmatch(what)) and not verb:
            if not earlier:
                return None if MEMORY.search(plain) else ""
            return asked_about(earlier[-1], earlier[:-1]) or earlier[-1]
        if WORK.search(what) or OURS.match(what) or (COMMAND.match(what) and find_quotes(what)):
            return f"{verb} {what}" if verb else _as_command(what)
    return None


def only_asks(text: str) -> bool:
    """Whether a message is a question about an amount, in whatever words: it must start no work."""
    return AMOUNT.match(BEFORE.sub("", text.strip())) is not None


def agreed_to(text: str, earlier: Sequence[str]) -> str | None:
    """The wish that 'ok, do it' agrees to after its price was told; None when it says something else."""
    if not earlier or not says_go(text):
        return None
    return asked_about(earlier[-1], earlier[:-1])


def says_go(text: str) -> bool:
    """Whether a message agrees to what was proposed: 'do it', 'ok, go ahead'."""
    return bool(text.strip(" .!")) and GO.fullmatch(text.strip()) is not None


def asks_of_the_plan(text: str) -> bool:
    """Whether a message asks what the plan that waits would take: 'how long will it take?', 'quanto ci vuole?'."""
    plain = BEFORE.sub("", " ".join(text.split())).strip()
    return BARE.fullmatch(plain) is not None or asked_about(text, (_PLAN,)) == _PLAN


def in_italian(question: str) -> bool:
    return (
        re.search(r"\b(?:quant[oa]|tempo|costa|ci vuole|serve|memoria|scheda)\b", question, re.IGNORECASE) is not None
    )


_PLAN = "\0the plan"
"""Stands for the wish behind a plan; nobody types it."""


def _as_command(what: str) -> str:
    what = re.sub(r"^(?:to|a(?=\s+\w+(?:are|ere|ire)\b))\s+", "", what.strip(), flags=re.IGNORECASE)
    for shape, verb in NOUN_OF:
        if match := re.match(shape, what, re.IGNORECASE):
            return f"{verb}{what[match.end() :]}".strip()
    first, _, rest = what.partition(" ")
    if first.lower() in ITALIAN_VERBS:
        return f"{ITALIAN_VERBS[first.lower()]} {rest}".strip()
    if (match := GERUND.match(what)) and (
        stem := STEMS.get(match[1].lower() + (match["double"] or ""), STEMS.get(match[1].lower()))
    ):
        return f"{stem}{what[match.end() :]}"
    if COMMAND.match(what):
        return what
    return f"{MAKE['it'] if ITALIAN.search(what) else MAKE['en']} {what}"
