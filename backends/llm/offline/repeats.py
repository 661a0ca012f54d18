"""Wishes about the line spoken last: 'same line but sadder', 'once more with Boo', 'happier'."""

from __future__ import annotations

import re

from backends.llm.offline.feelings import curve_in
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.request import Request

_SAME_LINE = re.compile(
    r"(?:the\s+)?(?:same|stess[ao]|la stessa|lo stesso)\b|(?:that|this|the)\s+line\b|"
    r"(?:once more|again|one more time|ancora|di nuovo)\b",
    re.IGNORECASE,
)


_CURVE_FILL = (
    r"(?:(?:please|now|but|and|again|can|could|let|make|have|do|say|go|going|goes|change|changing|starts?|begins?|ends?|turns?|it|that|this|the|line|"
    r"she|he|her|him|voice|once more|same|ora|ma|fallo|dillo|rendilo|di nuovo)\W+)*"
    r"(?:from\s+\w+(?:\s+(?:to|through|into)\s+\w+)+|da\s+\w+\s+a\s+\w+|"
    r"(?:starts?|begins?|comincia|inizia)\s+\w+,?\s+(?:and|then|e|poi)\s+(?:then\s+)?(?:ends?|finish\w*|becomes?|finisce|diventa)\s+\w+)"
    r"(?:\W+(?:please|again|now|this time))*\W*"
)
"""A change of feeling and nothing else: 'make it go from sad to happy'."""


def repeats_line(request: Request) -> bool:
    """Whether the wish is about the line spoken last: 'same line but sadder', 'now with Boo', 'happier'."""
    if request.wish.quotes or ":" in request.command or not last_line(request)[0]:
        return False
    return _SAME_LINE.match(request.command) is not None or retold(request)


def retold(request: Request) -> bool:
    """A few words that name nothing but a feeling: 'make it sadder', 'now happily please'."""
    words = lexicon().group("emotions")
    if curve_in(request.command) and re.fullmatch(_CURVE_FILL, request.command, re.IGNORECASE):
        return True
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
