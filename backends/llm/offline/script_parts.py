"""Which part of a script is spoken, and how: 'only scene 2', 'lines 3 to 5', 'only Luca's lines', 'without pauses'."""

from __future__ import annotations

import re
from typing import Any

from backends.llm.offline.feelings import curve_in
from backends.llm.offline.references import find_characters
from backends.llm.offline.request import Request
from backends.llm.offline.slots import NUMBER
from backends.llm.offline.wish import number

_ORDINALS = {
    "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "1st": "1", "2nd": "2", "3rd": "3",
    "prima": "1", "seconda": "2", "terza": "3", "quarta": "4", "quinta": "5",
}  # fmt: skip
_NUMBERED = re.compile(rf"\b(?:scene|scena)\s+(?:number\s+|numero\s+)?({NUMBER})\b", re.IGNORECASE)
_NTH = re.compile(rf"\b(?:the\s+|la\s+)?({'|'.join(_ORDINALS)})\s+(?:scene|scena)\b", re.IGNORECASE)
_CALLED = re.compile(r"\b(?:only|just|solo|soltanto)\s+(?:the\s+)?([\w'’ -]{3,40}?)\s+scene\b", re.IGNORECASE)
_LINES = re.compile(
    r"\b(?:lines?|battut[ae]|righ?[ae])\s+(?:number\s+|numbers\s+|da\s+|from\s+)?"
    r"(\d+(?:\s*(?:-|–|to|through|until|a|,|and|e)\s*\d+)*)\b",
    re.IGNORECASE,
)
_ONLY = re.compile(r"\b(?:only|just|solo|soltanto)\b", re.IGNORECASE)
_OF_SOMEBODY = re.compile(r"\b(?:lines?|words?|part|battut[ae]|parte)\b", re.IGNORECASE)
_PAUSES = (
    (0.0, r"\b(?:without|no|senza)\s+(?:the\s+|any\s+)?(?:pauses?|gaps?|pause)\b"),
    (1.6, r"\b(?:longer|more|bigger)\s+(?:pauses?|gaps?)\b|\bpause pi[uù] lunghe\b"),
    (0.6, r"\b(?:shorter|less|fewer|smaller|tighter)\s+(?:pauses?|gaps?)\b|\bpause pi[uù] (?:corte|brevi)\b"),
)
_STEMS = re.compile(
    r"\bstems\b|\b(?:a|one|separate|each its own) (?:track|sound|file)s?(?: each)? (?:for|per) (?:each |every )?"
    r"(?:character|speaker|voice)s?\b|\buna traccia per (?:ogni )?personaggio\b",
    re.IGNORECASE,
)
_TIMELINE = re.compile(
    r"\b(?:with|and|as|plus|also|con|anche)\s+(?:a|an|the|una|la)?\s*(?:editable\s+)?(?:timeline|\.?otio)\b",
    re.IGNORECASE,
)
_DEAF = re.compile(
    r"\b(?:(?:subtitles?|captions?)\s+)?(?:for\s+)?(?:the\s+)?(?:deaf|hard of hearing|hearing[- ]impaired)\b|\bsdh\b|"
    r"\bclosed captions?\b|\b(?:per\s+)?(?:i\s+)?(?:non udenti|sordi)\b",
    re.IGNORECASE,
)
_NAMELESS = re.compile(
    r"\b(?:without|no|senza)\s+(?:the\s+|i\s+)?(?:speakers?['’]?\s+)?(?:names|nomi)\b", re.IGNORECASE
)
_REST = re.compile(
    r"(?:(?:only|just|but|now|please|again|once more|the|same|script|dialogue|dialog|it|this|that|them|"
    r"subtitles?|captions?|srt|vtt|give|show|get|need|sottotitoli|dammi|mostrami|come|dialogo|speak|read|say|record|do|make|play|perform|want|i|with|without|and|also|as|of|from|a|an|no|one|go|for|in|to|by|me|"
    r"solo|soltanto|ma|ora|ancora|di|nuovo|la|il|le|lo|con|senza|leggi|recita|fai|dei|del|della|e)\b\W*|\W+)*",
    re.IGNORECASE,
)


def script_parts(request: Request) -> dict[str, Any]:
    """What the wish names of `scene`, `only`, `pause`, `stems`, `timeline`, `emotion` and `subtitles`."""
    text = request.wish.blank_quotes
    args: dict[str, Any] = {}
    if match := _NUMBERED.search(text):
        args["scene"] = f"{number(match[1]):g}" if number(match[1]) is not None else match[1]
    elif match := _NTH.search(text):
        args["scene"] = _ORDINALS[match[1].lower()]
    elif (match := _CALLED.search(text)) and not _LINES.search(text):
        args["scene"] = match[1].strip()
    if match := _LINES.search(text):
        spans = re.sub(r"\s*(?:-|–|\bto\b|\bthrough\b|\buntil\b|\ba\b)\s*", "-", match[1])
        args["only"] = ", ".join(re.split(r"\s*(?:,|\band\b|\be\b)\s*", spans))
    elif _ONLY.search(text) and _OF_SOMEBODY.search(text) and (names := find_characters(request)):
        args["only"] = ", ".join(names)
    for factor, shape in _PAUSES:
        if re.search(shape, text, re.IGNORECASE):
            args["pause"] = factor
            break
    if _STEMS.search(text):
        args["stems"] = True
    if _TIMELINE.search(text):
        args["timeline"] = True
    if curve := curve_in(text):
        args["emotion"] = curve
    if _DEAF.search(text):
        args["subtitles"] = "sdh"
    elif _NAMELESS.search(text):
        args["subtitles"] = "none"
    return args


def about_the_dialogue(request: Request) -> bool:
    """Whether a wish only says which part of the dialogue that was spoken last is wanted, or how."""
    if request.wish.quotes or ":" in request.command or not script_parts(request):
        return False
    rest = request.command
    for shape in (
        _NUMBERED,
        _NTH,
        _CALLED,
        _LINES,
        _STEMS,
        _TIMELINE,
        _DEAF,
        _NAMELESS,
        *(re.compile(p, re.I) for _, p in _PAUSES),
    ):
        rest = shape.sub(" ", rest)
    for name in find_characters(request):
        rest = re.sub(rf"\b{re.escape(name)}(?:['’]s)?", " ", rest, flags=re.IGNORECASE)
    rest = re.sub(
        r"\b(?:lines?|scenes?|pauses?|gaps?|parts?|battut[ae]|scen[ae]|pause)\b", " ", rest, flags=re.IGNORECASE
    )
    if curve_in(rest):
        rest = re.sub(r"\b(?:from|da)\s+\S+(?:\s+(?:to|a)\s+\S+)+", " ", rest, flags=re.IGNORECASE)
    return _REST.fullmatch(rest) is not None
