"""'Let me hear both voices', 'how does Boo sound?': each of the characters says who they are."""

from __future__ import annotations

import re

from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.references import find_characters
from backends.llm.offline.request import Call, Request

_HEAR = (
    re.compile(
        r"(?:(?:let (?:me|us)|(?:can|could|may) (?:i|we)|(?:i|we)(?:['’]d| would)? (?:want to|wanna|like to|"
        r"love to)|make me) "
        r"(?:please )?)?(?:hear|listen to)\s+(?P<who>.+)",
        re.IGNORECASE,
    ),
    re.compile(r"(?:how|what)\s+(?:do|does|would|will)\s+(?P<who>.+?)\s+sound(?:\s+like)?(?:\s+now)?", re.IGNORECASE),
    re.compile(r"(?:fammi|facci|vorrei|posso)\s+(?:sentire|ascoltare)\s+(?P<who>.+)", re.IGNORECASE),
    re.compile(r"come\s+suonano?\s+(?P<who>.+)", re.IGNORECASE),
)
_FILL = re.compile(
    r"\b(?:and|e|the|of|voices?|voc[ei]|la|le|di|characters?|please|again|now|speak(?:ing)?|talk(?:ing)?|once|a|"
    r"sample|both|"
    r"each|how|sounds?|too|also|then|un|po['’]|parlare|their|one|after|other)\b|['’]s\b|\W",
    re.IGNORECASE,
)
_ALL = re.compile(
    r"(?:(?:both|all|the|their|these|those|my|our|your|everyone['’]?s?|everybody['’]?s?|tutte|le|entrambe|two|"
    r"due|of|them|"
    r"each)\s*)*(?:voices?|characters?|voc[ei]|personaggi|of them|them|everyone|everybody|tutt[ie]|both)",
    re.IGNORECASE,
)
_ONLY_ITS_VOICE = re.compile(r"^(?:how|what)\b.*['’]s voice", re.IGNORECASE)
MOST = 4
"""Voices that are heard at once when none is named."""


def voice_samples(request: Request) -> list[Call]:
    """The calls that let characters be heard; [] when the wish is another, or nobody is known."""
    text = request.command.strip(" ?!.")
    if request.wish.quotes or _ONLY_ITS_VOICE.search(text):
        return []
    who = next((match["who"] for form in _HEAR if (match := form.fullmatch(text))), None)
    if who is None:
        return []
    names = find_characters(request, who)
    if names and _FILL.sub("", _without(who, request)):
        return []
    if not names and _ALL.fullmatch(who.strip()):
        two = re.search(r"\b(?:both|two|due|entrambe)\b", who, re.IGNORECASE)
        names = _newest(request)[: 2 if two else MOST]
    lines = [{"character": name, "text": lexicon().say("sample_line", request.language, name=name)} for name in names]
    if len(lines) == 1:
        return [Call("speak", dict(lines[0]))]
    return [Call("speak_dialogue", {"lines": lines})] if lines else []


def _without(who: str, request: Request) -> str:
    for character in request.facts.characters:
        for name in (character.name, *character.aliases):
            who = re.sub(rf"(?<!\w){re.escape(name)}s?(?!\w)", " ", who, flags=re.IGNORECASE)
    return who


def _newest(request: Request) -> list[str]:
    """Characters, those first that the conversation named last."""
    named = [
        str(name)
        for call in reversed(request.recent)
        for name in (call.args.get("character"), call.args.get("name") if call.tool == "remember" else None)
        if name
    ]
    known = [character.name for character in request.facts.characters]
    recent = [name for name in dict.fromkeys(named) if name in known]
    return [*reversed(recent[:2]), *recent[2:], *(name for name in known if name not in recent)]
