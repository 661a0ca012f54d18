"""Calls that change a timeline by its times, and that take one in."""

from __future__ import annotations

import re
from typing import Any

from backends.llm.offline import slots
from backends.llm.offline.references import find_file, need_file, pronoun_kind
from backends.llm.offline.request import Ask, Call, Refer, Request

_CLOCK = r"(?:\d{1,2}:)?\d{1,3}:\d{2}(?:[.,]\d+)?"
_TIME = rf"({_CLOCK}|\d+(?:[.,]\d+)?)\s*(?:s\b|secs?\b|seconds?\b|second[io]\b)?"
_SPAN = re.compile(
    rf"\b(?:from|between|da|dal|dai|tra|fra|seconds?|secondi)\s+(?:second[oi]?\s+|seconds?\s+|da\s+)*{_TIME}\s*"
    rf"(?:to|and|until|-|–|a|al|ai|e)\s+(?:second[oi]?\s+)?{_TIME}|\b{_TIME}\s*(?:to|-|–)\s*{_TIME}",
    re.IGNORECASE,
)
_BARE_SPAN = re.compile(
    rf"(?:(?:just|only|the (?:part|bit)|solo|soltanto|la parte)\s+)*(?:(?:from|between|da|dal|tra)\s+)?{_CLOCK}\s*"
    rf"(?:to|and|until|-|–|a|al|e)\s*{_CLOCK}",
    re.IGNORECASE,
)
_AT = re.compile(rf"\b(?:at|a|al)\s+(?:second[oi]?\s+|the\s+)?{_TIME}", re.IGNORECASE)
_GONE = re.compile(r"\b(?:take out|cut(?: out)?|remove|delete|ripple delete|drop|togli|taglia|elimina|leva)\b", re.I)
_CARD = re.compile(r"\b(?:title|card|title card|titolo|cartello)\b", re.I)
_DUCK = re.compile(r"\b(?:duck|lower|under|abbassa|sotto)\b", re.I)
_DECIBELS = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:dB|decibels?)\b", re.I)
_MADE_ANEW = re.compile(r"\b(?:turn|make|render|export|play)\b.{0,30}\b(?:mp4|into a (?:film|video|movie))\b", re.I)
"""'I changed the timeline, turn it into an mp4 again'."""
CARD_S = 2.0
DUCK_DB = 12.0


def change_timeline(request: Request) -> list[Call]:
    """timeline, changes: those that need no clip's id (a stretch taken out, a caption, a card, ducked music)."""
    timeline = need_file(request, "film", "which_timeline")
    change = _change(request)
    if change is None and _MADE_ANEW.search(request.whole.blank_quotes):
        raise Refer("render_timeline")
    if change is None:
        raise Ask("changes", "need_changes")
    return [Call("change_timeline", {"timeline": timeline, "changes": [change]})]


def timeline_history(request: Request) -> list[Call]:
    """timeline; without one the tool takes the newest."""
    timeline = find_file(request, "film")
    return [Call("timeline_history", {"timeline": timeline} if timeline else {})]


def redo(request: Request) -> list[Call]:
    """timeline when one is named, steps."""
    args: dict[str, Any] = {}
    if (
        steps := slots.steps(request.wish.blank_quotes)
        if re.search(r"\d|\b(?:two|three|due|tre)\b", request.text)
        else 0
    ):
        args["steps"] = steps
    if re.search(r"\b(?:timeline|cut|montaggio|sequence)\b", request.text, re.I) and (
        cut := find_file(request, "film")
    ):
        args["timeline"] = cut
    return [Call("redo", args)]


def bare_span(request: Request) -> bool:
    """Whether a wish is nothing but a stretch of the one film at hand: 'from 0:01 to 0:03'."""
    if not _BARE_SPAN.fullmatch(request.command.strip(" .!")):
        return False
    attached = [file for file in request.facts.attachments if file.kind == "video"]
    return len(attached) == 1 or (not request.facts.attachments and pronoun_kind(request) in ("video", "timeline"))


def import_timeline(request: Request) -> list[Call]:
    """file, fps."""
    args: dict[str, Any] = {"file": need_file(request, "timeline", "which_timeline")}
    rate = re.search(r"\b(\d{2,3}(?:[.,]\d+)?)\s*(?:fps|frames per second|fotogrammi al secondo)\b", request.text, re.I)
    if rate:
        args["fps"] = _number(rate.group(1))
    return [Call("import_timeline", args)]


def _change(request: Request) -> dict[str, Any] | None:
    text = " ".join(part for part in (request.wish.blank_quotes, request.answers.get("changes", "")) if part)
    quoted = request.wish.quotes[0].content.strip() if request.wish.quotes else ""
    span = _SPAN.search(text)
    times = [_seconds(group) for group in span.groups() if group] if span else []
    if quoted and _CARD.search(text):
        at = _AT.search(text)
        start = _seconds(at.group(1)) if at else 0.0
        return {"op": "title", "at": start, "seconds": CARD_S, "text": quoted}
    if quoted and len(times) == 2:
        return {"op": "caption", "start": times[0], "end": times[1], "text": quoted}
    if len(times) == 2 and _GONE.search(text):
        return {"op": "ripple_delete", "start": times[0], "end": times[1]}
    if _DUCK.search(text) and re.search(r"\b(?:music|musica|ambience|song)\b", text, re.I):
        amount = _DECIBELS.search(text)
        return {"op": "duck", "track": "music", "db": _number(amount.group(1)) if amount else DUCK_DB}
    return None


def _seconds(said: str) -> float:
    total = 0.0
    for part in said.split(":"):
        total = total * 60 + _number(part)
    return total


def _number(said: str) -> float:
    value = float(said.replace(",", "."))
    return int(value) if value.is_integer() else value
