"""From clauses to a plan: which builder fills an intent's arguments, and how several steps hang together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from backends.llm.offline import (
    caption_calls,
    effect_calls,
    film_calls,
    image_calls,
    lip_calls,
    memory_calls,
    naming,
    timeline_calls,
    video_calls,
    voice_calls,
    voice_manage,
)
from backends.llm.offline.lexicon import lexicon, patterns
from backends.llm.offline.request import Call, Refer, Request
from backends.llm.offline.wish import Wish

Builder = Callable[[Request], list[Call]]

_MODULES = (
    image_calls,
    voice_calls,
    lip_calls,
    voice_manage,
    video_calls,
    caption_calls,
    effect_calls,
    timeline_calls,
    film_calls,
    memory_calls,
    naming,
)

BUILDERS: Mapping[str, Builder] = {
    name: getattr(module, name)
    for name in lexicon().intents
    for module in _MODULES
    if callable(getattr(module, name, None))
}
"""Intent -> what fills its arguments; raises Ask when an essential is missing."""

WHOLE = frozenset({"make_film", "write_storyboard", "remember", "speak_dialogue", "generate_batch", "search_memory"})
"""Intents whose content may hold any verb: their text is not cut at 'and', except before a hand-over."""

_VERBS = patterns(lexicon().words["command_verbs"])
_CUT = re.compile(
    (
        r"(?:\s*[;.!]\s+|\s*,\s*|\s+)(?:(?:and|n|&|e|then|poi|also|finally|infine|afterwards|after that|"
        rf"dopo)\s+)*(?=(?:{_VERBS})\b)"
    ),
    re.IGNORECASE,
)
_JOINT = re.compile(r"(?:[;.!,&]|\b(?:and|n|e|then|poi|also|finally|infine|afterwards|that|dopo))\s*$", re.IGNORECASE)
_HAND_OVER = re.compile(
    (
        r"(?:\s*[,.;]\s*|\s+)(?:and|then|e|poi|and then|e poi)\s+(?=(?:export|save|convert|render|"
        r"give me|hand me|send me|esporta\w*|salva\w*)\b.{0,60}$)"
    ),
    re.IGNORECASE,
)


def clauses(wish: Wish, main: str) -> list[tuple[int, int]]:
    """Spans of the wish's text that may be steps of their own; one span when there is nothing to part.

    Args:
        wish: the whole wish.
        main: the intent of the whole; stories and facts are kept in one piece.
    """
    start, text = wish.command_start, wish.blank_quotes
    cuts = [start]
    if main in WHOLE:
        if match := _HAND_OVER.search(text, start):
            cuts.append(match.end())
    else:
        for match in _CUT.finditer(text, start):
            if match.start() > start and _JOINT.search(match.group().rstrip() or " "):
                cuts.append(match.end())
    ends = [*cuts[1:], len(text)]
    return [(first, last) for first, last in zip(cuts, ends, strict=True) if text[first:last].strip(" ,.;")]


def cut_out(wish: Wish, span: tuple[int, int]) -> Wish:
    """A clause as a wish of its own, without the joining word at its end."""
    raw = wish.raw_slice(*span)
    text = wish.text[span[0] : span[1]]
    tail = re.search(r"(?:[\s,;]+(?:and|n|&|e|then|poi|also|and then|e poi))?[\s,;.]*$", text, re.IGNORECASE)
    if tail and tail.start() > 0:
        dropped = len(text) - tail.start()
        text, raw = text[: tail.start()], raw[: max(0, len(raw) - dropped)]
    moved = tuple(
        (a - span[0], b - span[0], c - _raw_start(wish, span), d - _raw_start(wish, span))
        for a, b, c, d in wish.fixes
        if a >= span[0] and b <= span[1]
    )
    return Wish(raw, text, moved)


def build(intent: str, request: Request) -> list[Call]:
    """The calls of one intent. Raises Ask when an essential is missing."""
    try:
        return BUILDERS[intent](request)
    except Refer as other:
        return BUILDERS[other.intent](request)


def substitute(intent: str, tools: tuple[str, ...], request: Request) -> str | None:
    """The tool to use for an intent on this studio: itself, its simpler stand-in, or None."""
    if not tools or intent in tools:
        return intent
    stand_in = lexicon().intents[intent].fallback
    if not stand_in or stand_in not in tools:
        return None
    if intent == "edit_image" and not any(a.tool == "generate_image" and a.text for a in request.facts.assets):
        return None  # a picture that was not drawn from words here cannot be drawn again
    return stand_in


def _raw_start(wish: Wish, span: tuple[int, int]) -> int:
    return len(wish.raw) - len(wish.raw_slice(span[0]))
