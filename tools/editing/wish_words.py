"""The patterns of `prompts/editing/wishes.yaml`, each with the wish that it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from configs.errors import UsageError
from tools.editing import wishes as w
from tools.editing.lexicon import Lexicon
from tools.editing.operations import Volume

Kind = Literal[
    "operation", "range", "remove", "cut", "keep", "place", "text", "meme", "name", "quick", "length", "card"
]


@dataclass(frozen=True)
class Found:
    """Something understood in the instruction, and where."""

    at: int
    kind: Kind
    value: Any
    said: str
    form: str = ""
    """Of a range: how it was said (first, last, middle, between, after, before, limit)."""


@dataclass(frozen=True)
class Rule:
    kind: Kind
    pattern: re.Pattern[str]
    make: Any
    """Builds the value: from the match, the lexicon and the words matched."""
    form: str = ""

    def read(self, match: re.Match[str], lex: Lexicon) -> Any:
        return self.make(match, lex, match.group().strip())


SIDES: dict[str, str] = {
    "left": "left", "right": "right", "top": "up", "bottom": "down",
    "sinistra": "left", "destra": "right", "alto": "up", "basso": "down",
}  # fmt: skip
AWAY = {"left": "right", "right": "left", "up": "down", "down": "up"}
"""'From the left' is a movement to the right."""
STILL_S = 2.0
LEVEL_DB = 6.0
MOST_SHOTS = 1000
CARD_S = 2.0


def wish_rules(lex: Lexicon, *, named: bool) -> Iterator[Rule]:
    """The rules in the order in which they are tried. named: those whose words include names of files, or others."""
    data = lex.data
    if not named:
        for place, patterns in data["cards"].items():
            for pattern in patterns:
                timed = f"(?:(?P<time>{{time}})[ -]+(?:long )?)?(?:{pattern})"
                yield Rule("card", lex.compile(timed), lambda m, x, said, place=place: (place, _card_seconds(m, x)))
        for pattern in data["quick"]:
            yield Rule("quick", lex.compile(pattern), lambda m, x, said: said)
    for entry in data["wishes"]:
        if (entry["wish"] == "clip_order") == named:
            form = "vague" if entry.get("vague") else ""
            for pattern in entry["patterns"]:
                yield Rule(
                    "operation", lex.compile(pattern), lambda m, x, said, entry=entry: _wish(m, x, said, entry), form
                )
    if not named:
        for pattern in data["idle"]:
            yield Rule("name", lex.compile(pattern), None)


def _card_seconds(match: re.Match[str], lex: Lexicon) -> float:
    groups = match.groupdict()
    said = groups.get("time") or groups.get("time2")
    return lex.seconds(said.rstrip(" -")) if said else CARD_S


def _wish(match: re.Match[str], lex: Lexicon, said: str, entry: dict[str, Any]) -> w.Operation:
    groups = {name: value for name, value in match.groupdict().items() if value}
    time = groups.get("time") or groups.get("time2") or ""
    seconds = lex.seconds(time.rstrip(" -")) if time else 0.0
    unit: Literal["shot", "scene"] = entry.get("unit") or _unit(groups.get("unit", ""), lex)
    match entry["wish"]:
        case "clip_order":
            first, second = (groups.get(name) or groups.get(f"{name}2", "") for name in ("first", "second"))
            return w.ClipOrder(said, first, second)
        case "best":
            return w.Best(said, seconds, bool(entry.get("quick")))
        case "target":
            if entry.get("less"):
                return w.Target(said, less=seconds)
            return w.Target(said, seconds, float(entry.get("share", 0.0)))
        case "pace":
            return w.Pace(said, seconds)
        case "tighten":
            return w.Tighten(said, bool(entry.get("boring")))
        case "silences":
            return w.DropSilences(said)
        case "to_beat":
            return w.ToBeat(said)
        case "match_music":
            return w.MatchMusic(said)
        case "match_cuts":
            return w.MatchCuts(said)
        case "trailer":
            return w.Trailer(said, seconds)
        case "montage":
            return w.Montage(said, _theme(groups.get("theme", ""), lex), seconds)
        case "best_takes":
            return w.BestTakes(said)
        case "shots":
            return w.Shots(said, entry["action"], _which(groups, lex, entry), unit)
        case "order":
            return w.Order(said, entry["how"], _numbers(groups, lex), unit)
        case "dark":
            return w.Dark(said, bool(entry.get("keep")))
        case "matching":
            return w.Matching(said, groups["theme"].strip(), bool(entry.get("keep", True)))
        case "still":
            at = lex.seconds(groups["at"]) if "at" in groups else 0.0
            return w.Still(said, entry["where"], at, seconds or STILL_S)
        case "transitions":
            both = _numbers(groups, lex)
            near = (1, 2) if entry.get("placed") and not both else both
            shots = re.search(rf"\b(?:{lex.data['shot_words']})\b", said, re.IGNORECASE) is not None
            return w.Transitions(said, entry["kind"], seconds, _side(groups), near, shots)
        case "zoom":
            return w.Zoom(said, bool(entry.get("out")))
        case "rotate":
            return w.Rotate(said, int(entry.get("degrees") or _degrees(groups.get("number", "90"))))
        case "mirror":
            return w.Mirror(said, entry["axis"])
        case "reframe":
            return w.Reframe(said, *entry["shape"])
        case "seamless":
            return w.Seamless(said)
        case "loop_until":
            return w.LoopUntil(said, seconds)
        case "level":
            amount = lex.number(groups["number"]) if "number" in groups else LEVEL_DB
            return w.Level(said, entry["role"], amount if entry.get("up") else -amount)
        case "volume":
            amount = lex.number(groups["number"])
            return Volume(said, amount if entry.get("up") else -amount)
        case "ducked":
            return w.Ducked(said, entry["role"], lex.number(groups["number"]) if "number" in groups else 0.0)
        case "under_music":
            return w.UnderMusic(said)
        case "shot_length":
            verb = (groups.get("more") or groups["more2"]).lower()
            longer = re.match("longer|lengthen|extend|allunga|(?:più )?lung", verb) is not None
            return w.ShotLength(said, _numbers(groups, lex)[0], seconds if longer else -seconds)
    raise ValueError(f"wishes.yaml has an unknown wish: {entry['wish']}")


def _side(groups: dict[str, str]) -> Any:
    """The direction of the movement that 'from the left', 'to the right' say; 'left' when nothing is said."""
    if to := groups.get("to", "").lower():
        return SIDES[to]
    since = (groups.get("side") or groups.get("side2") or "").lower()
    return AWAY[SIDES[since]] if since else "left"


def _numbers(groups: dict[str, str], lex: Lexicon) -> tuple[int, ...]:
    """The shots that are named: the one, and the other one where there are two."""
    one = groups.get("which") or groups.get("which2") or ""
    other = groups.get("other") or groups.get("other2") or groups.get("other3") or ""
    return (*lex.ordinals(one), *lex.ordinals(other))


def _which(groups: dict[str, str], lex: Lexicon, entry: dict[str, Any]) -> tuple[int, ...]:
    if "run" in groups:
        side, count = groups["run"].split(" ", 1)
        number = max(1, round(lex.number(count)))
        first = side.lower() in ("first", "prime")
        return tuple(range(1, number + 1)) if first else tuple(range(-number, 0))
    if "from" in groups:
        first_one, last_one = lex.ordinals(groups["from"])[0], lex.ordinals(groups["until"])[0]
        if not 0 < last_one - first_one < MOST_SHOTS:
            raise UsageError(f"'{groups['from']} to {groups['until']}' names no shots", fix="Say 'shots 2 to 4'")
        return tuple(range(first_one, last_one + 1))
    return tuple(entry["which"]) if "which" in entry else lex.ordinals(groups["which"])


def _unit(said: str, lex: Lexicon) -> Literal["shot", "scene"]:
    return "scene" if re.fullmatch(lex.data["scene_words"], said, re.IGNORECASE) else "shot"


def _theme(said: str, lex: Lexicon) -> str:
    """What a montage is about; '' when it only names the clip."""
    idle = {str(word) for word in (*lex.data["themes"]["idle"], *lex.data["fillers"])}
    words = re.findall(r"[^\W_]+", said.lower())
    return said.strip() if any(word not in idle for word in words) else ""


def _degrees(said: str) -> int:
    degrees = round(float(said)) % 360
    if degrees not in (90, 180, 270):
        raise UsageError(f"The picture cannot be turned by {said} degrees", "90, 180 and 270 can be made")
    return degrees
