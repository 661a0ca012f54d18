"""Wishes about the line spoken last: 'same line but sadder', 'once more with Boo', 'happier'."""

from __future__ import annotations

import re

from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.request import Request

_SAME_LINE = re.compile(
    r"(?:the\s+)?(?:same|stess[ao]|la stessa|lo stesso)\b|(?:that|this|the)\s+line\b|"
    r"(?:once more|again|one more time|ancora|di nuovo)\b",
    re.IGNORECASE,
)


def repeats_line(request: Request) -> bool:
    """Whether the wish is about the line spoken last: 'same line but sadder', 'now with Boo', 'happier'."""
    if request.wish.quotes or ":" in request.command or not last_line(request)[0]:
        return False
    return _SAME_LINE.match(request.command) is not None or retold(request)


def retold(request: Request) -> bool:
    """A few words that name nothing but a feeling: 'make it sadder', 'now happily please'."""
    words = lexicon().group("emotions")
    rest = "".join(" " if words.first(word) else f" {word}" for word in request.command.lower().split())
    return words.first(request.command) is not None and re.fullmatch(
        r"(?:(?:make|do|say|try|speak|read|but|a|bit|little|much|more|less|very|now|it|that|this|again|please|time|in|with|"
        r"voice|tone|way|sound|più|un|po'|fallo|dillo|rendilo|ma|con|voce|tono)\W*|\s)*", rest
    ) is not None  # fmt: skip


def last_line(request: Request) -> tuple[str, str]:
    """(words, speaker) of the line spoken last in this conversation, else of the newest one that was made."""
    for call in reversed(request.recent):
        if call.tool == "speak":
            return str(call.args.get("text", "")), str(call.args.get("character", ""))
    return next((asset.text for asset in request.facts.assets if asset.tool == "speak"), ""), ""
