"""Calls about the voices that characters have: which there are, changed ones, forgotten ones."""

from __future__ import annotations

import re
from typing import Any

from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.references import find_character
from backends.llm.offline.request import Ask, Call, Refer, Request
from backends.llm.offline.speech import engine_in, named_speaker
from backends.llm.offline.voice_calls import last_call, need_character

_SLIGHT = re.compile(r"\b(?:a (?:bit|little|touch|tad)|slightly|somewhat|un po['’]?|leggermente)\b", re.IGNORECASE)
_STRONG = re.compile(r"\b(?:much|far|a lot|way|very|molto|assai|decisamente)\b", re.IGNORECASE)
_TOO = re.compile(r"\b(?:too|troppo)\s+(\w+)", re.IGNORECASE)
_FEELINGS = re.compile(
    r"\b(?:emotions?|feelings?|moods?|blends?|emozion[ei]|sentiment[oi]|stati d['’]animo)\b",
    re.IGNORECASE,
)
_HEARD = re.compile(r"\b(?:recording|audio|clip|file|wav|mp3|track|sound|registrazione|traccia|suono)\b", re.IGNORECASE)
"""Feelings that are heard in something, not those that there are."""
_DETAILS = re.compile(r"\b(?:details?|in full|everything|all of it|dettagli\w*|per intero|tutto)\b", re.IGNORECASE)
_ALL_OF_IT = re.compile(
    r"(?:(?:and|now|please|tell|show|give|me|with|in|the|all|of|it|more|full|i|mostra|mostrami|dimmi|dammi|con|più)\s+)*"
    r"(?:details?|all of it|everything|in full|the rest|dettagli|tutto|per intero|il resto)"
    r"(?:\s+(?:please|per favore))?",
    re.IGNORECASE,
)
_FOR_GOOD = re.compile(
    r"\b(?:consent|agrees?|for good|for ?ever|permanently|irrevocably|at once|completely|consenso|acconsent\w+|"
    r"per sempre|definitivamente|subito|del tutto)\b",
    re.IGNORECASE,
)
TOLD = ("list_voices", "clone_voice", "check_voice", "change_voice")
"""Tools whose answers have more to tell about a voice."""
_OPPOSITE = {"pitch_up": "pitch_down", "pitch_down": "pitch_up", "rate_up": "rate_down", "rate_down": "rate_up",
             "bright": "dark", "dark": "bright"}  # fmt: skip


def list_voices(request: Request) -> list[Call]:
    """character, or what is asked about in place of voices: emotions; and whether everything shall be told."""
    if _FEELINGS.search(request.wish.blank_quotes):
        if _HEARD.search(request.wish.blank_quotes):
            raise Refer("analyze_audio")
        return [Call("list_voices", {"about": "emotions"})]
    who = find_character(request) or named_speaker(request.wish.blank_quotes) or _possessor(request)
    if _DETAILS.search(request.wish.blank_quotes):
        last = next((call.args for call in reversed(request.recent) if call.tool in TOLD), {})
        who = who or str(last.get("character", "")) or None
        return [Call("list_voices", {**({"character": who} if who else {}), "details": True})]
    return [Call("list_voices", {"character": who} if who else {})]


def only_details(request: Request) -> bool:
    """'All of it', 'the details please', after an answer about voices."""
    return not request.wish.quotes and _ALL_OF_IT.fullmatch(request.command.strip(" .!?")) is not None


def forget_voice(request: Request) -> list[Call]:
    """character, and whether its files go at once: a consent that was taken back is no change of mind."""
    args: dict[str, Any] = {"character": need_character(request)}
    if _FOR_GOOD.search(request.wish.blank_quotes):
        args["for_good"] = True
    return [Call("forget_voice", args)]


def change_voice(request: Request) -> list[Call]:
    """character, pitch, rate, timbre, age, gender, language, engine; the line spoken last is said again so."""
    before = last_call(request)
    named = find_character(request) or _possessor(request)
    who = named or str(before.get("character", "")) or need_character(request)
    wish = request.answers.get("change", request.wish.blank_quotes)
    engine = engine_in(wish)
    changes = {"engine": engine} if engine else changes_in(wish)
    if not changes:
        raise Ask("change", "need_voice_change")
    calls = [Call("change_voice", {"character": who, **changes})]
    if before and before.get("character") == who:
        calls.append(Call("speak", before))
    return calls


def changes_in(text: str) -> dict[str, Any]:
    """How the voice shall be changed: semitones, factors, an age, a gender, an accent; {} when nothing is told."""
    words = lexicon().words["voice_changes"]
    degree = 0.5 if _SLIGHT.search(text) else 1.6 if _STRONG.search(text) else 1.0
    too = _TOO.search(text)
    args: dict[str, Any] = {}
    for kind, spec in words.items():
        match = re.search(rf"\b(?:{spec['words']})\b", text, re.IGNORECASE)
        if not match:
            continue
        meant = _OPPOSITE.get(kind, kind) if too and too[1].lower() == match.group().lower() else kind
        value = words[meant]["value"]
        if words[meant]["arg"] in ("pitch", "timbre"):
            value = round(value * degree, 2)
        elif words[meant]["arg"] == "rate":
            value = round(value**degree, 3)
        args.setdefault(words[meant]["arg"], value)
    return args


def only_a_change(request: Request) -> bool:
    """'slower', 'a bit deeper please': nothing but how the voice spoken last shall differ."""
    if request.wish.quotes or not changes_in(request.command):
        return False
    rest = request.command
    for spec in lexicon().words["voice_changes"].values():
        rest = re.sub(rf"\b(?:{spec['words']})\b", " ", rest, flags=re.IGNORECASE)
    rest = _STRONG.sub(" ", _SLIGHT.sub(" ", rest))
    return re.fullmatch(
        r"(?:(?:make|do|say|speak|read|try|but|now|it|that|this|again|please|the|same|line|voice|in|with|a|more|and|should|be|"
        r"rendilo|dillo|fallo|ora|ma|la|voce|più|e|con)\W*|\s|\W)*", rest, re.IGNORECASE,
    ) is not None  # fmt: skip


def _possessor(request: Request) -> str | None:
    """'Mia's voice', 'give Mia a', 'la voce di Mia', for a name that no memory knows."""
    text = request.wish.blank_quotes
    for shape in (
        r"\b([A-ZÀ-Þ][\w-]+)['’]s\s+(?:\w+\s+){0,2}voice",
        r"\b(?:[Gg]ive|[Ll]et|[Mm]ake|of|does|should|di)\s+([A-ZÀ-Þ][\w-]+)\b",
        r"^([A-ZÀ-Þ][\w-]+)\s+(?:should|must|needs|has)\b",
    ):
        if match := re.search(shape, text):
            return match.group(1)
    return None
