"""The lexicon's patterns in the order in which they are tried, each with what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

from configs.errors import UsageError
from tools.editing.lexicon import Lexicon, lexicon
from tools.editing.operations import FadeIn, FadeOut, Grade, Highlight, Join, Loop, Mute, Reverse, Span, Speed, Volume
from tools.editing.wish_words import Kind, Rule, wish_rules


@cache
def rules() -> tuple[Rule, ...]:
    """All patterns in the order in which they are tried."""
    return tuple(_make_rules(lexicon()))


def _make_rules(lex: Lexicon) -> Iterator[Rule]:
    data = lex.data

    def rule(kind: Kind, patterns: list[str], make: Any, form: str = "") -> Iterator[Rule]:
        for pattern in patterns:
            yield Rule(kind, lex.compile(pattern), make, form)

    # 'put clip a.mp4 after b.mp4' needs the names.
    yield from wish_rules(lex, named=True)
    yield from rule("name", data["names"], None)
    yield from wish_rules(lex, named=False)
    usual = data["highlight"]["default_seconds"]
    yield from rule(
        "operation", data["highlight"]["timed"], lambda m, x, said: Highlight(said, _time(m, x, "time", usual))
    )
    calm = data["highlight"]["calm"]
    yield from rule("operation", calm, lambda m, x, said: Highlight(said, _time(m, x, "time", usual), "calm"))
    yield from rule("operation", data["highlight"]["vague"], lambda m, x, said: Highlight(said, float(usual)), "vague")
    for place, patterns in data["captions"]["positions"].items():
        # Before the middle of the clip: 'in the middle of the screen' is a place.
        yield from rule("place", patterns, lambda m, x, said, place=place: place)
    yield from rule("operation", data["mute"], lambda m, x, said: Mute(said))
    for entry in data["volume"]:
        yield from rule("operation", entry["patterns"], lambda m, x, said, db=entry["db"]: Volume(said, float(db)))
    for look, patterns in data["grade"].items():
        yield from rule("operation", patterns, lambda m, x, said, look=look: Grade(said, look))
    for entry in data["speed"]:
        yield from rule(
            "operation", entry["patterns"], lambda m, x, said, entry=entry: Speed(said, _factor(m, x, entry))
        )
    for entry in data["loop"]:
        yield from rule("operation", entry["patterns"], lambda m, x, said, entry=entry: Loop(said, _times(m, x, entry)))
    yield from rule("operation", data["reverse"], lambda m, x, said: Reverse(said))
    fade = data["fade"]
    length = fade["default_seconds"]
    yield from rule(
        "operation", fade["both"], lambda m, x, said: (FadeIn(said, float(length)), FadeOut(said, float(length)))
    )
    yield from rule("operation", fade["in"], lambda m, x, said: FadeIn(said, _time(m, x, "time", length)))
    yield from rule("operation", fade["out"], lambda m, x, said: FadeOut(said, _time(m, x, "time", length)))
    yield from rule("operation", data["join"], lambda m, x, said: Join(said))
    yield from rule("keep", data["keep_only"], lambda m, x, said: said)
    yield from rule("remove", data["remove_verbs"], lambda m, x, said: said)
    for entry in data["ranges"]:
        form = entry["kind"]
        yield from rule("range", entry["patterns"], lambda m, x, said, form=form: _span(m, x, form), form)
    yield from rule("keep", data["keep_verbs"], lambda m, x, said: said)
    yield from rule("cut", data["cut_verbs"], lambda m, x, said: said)
    yield from rule("meme", data["captions"]["meme"], lambda m, x, said: said)
    yield from rule(
        "length", ["(?:about |circa )?(?P<length>{time})(?: long| in all| lung\\w)?"], lambda m, x, said: _length(m, x)
    )


def _length(match: re.Match[str], lex: Lexicon) -> float:
    return lex.seconds(match.group("length"))


def _time(match: re.Match[str], lex: Lexicon, group: str, default: float) -> float:
    said = match.groupdict().get(group)
    return lex.seconds(said) if said else float(default)


def _factor(match: re.Match[str], lex: Lexicon, entry: dict[str, Any]) -> float:
    if "factor" in entry:
        return float(entry["factor"])
    value = lex.number(match.group("number"))
    if value <= 0:
        raise UsageError("A speed of 0 would never end", fix="Use a factor above 0")
    if entry["number"] == "less" and value >= 100:
        raise UsageError(f"{value:g} % slower would stand still", fix="Say less than 100 %, or 'at half the speed'")
    forms = {
        "factor": value,
        "divisor": 1 / value,
        "percent": value / 100,
        "more": 1 + value / 100,
        "less": 1 - value / 100,
    }
    return forms[entry["number"]]


def _times(match: re.Match[str], lex: Lexicon, entry: dict[str, Any]) -> int:
    return int(entry["times"]) if "times" in entry else round(lex.number(match.group("number")))


def _span(match: re.Match[str], lex: Lexicon, kind: str) -> Span:
    said = {name: value for name, value in match.groupdict().items() if value}
    share = lex.shares.get(said.get("share", "").lower())
    length = lex.seconds(said["length"]) if "length" in said else share
    if kind == "between":
        # 'from 2 to 5 seconds': the first number has the unit of the second.
        unit = lex.unit(said["end"]) or lex.unit(said["start"]) or 1.0
        return Span(lex.seconds(said["start"], unit), lex.seconds(said["end"], unit))
    if kind == "after":
        return Span(lex.seconds(said["start"]))
    if kind == "before":
        return Span(0.0, lex.seconds(said["end"]))
    anchor: Literal["start", "end", "center"] = {"first": "start", "limit": "start", "last": "end"}.get(kind, "center")  # type: ignore[assignment]
    if length is None:
        return Span(0.0, lex.shares["third"], anchor, share=True)
    return Span(0.0, length, anchor, share=share is not None and "length" not in said)
