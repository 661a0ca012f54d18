"""The work done last once more with what a short message changes: 'a bit shorter', 'try western instead', 'at the top'.

A message is a follow-up when nothing is left of it but changes that the last tool knows and words that say nothing.
What it is made of stays the same; what shall come on top of the result is a wish of its own and is left to the reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from backends.llm.offline import slots as read
from backends.llm.offline.at_hand import SHAPE
from backends.llm.offline.corrections import DEGREE
from backends.llm.offline.effect_words import effects_in
from backends.llm.offline.file_orders import other_files
from backends.llm.offline.follow_up_words import Slot, read_changes, replaces, steps, words
from backends.llm.offline.lexicon import Group, lexicon
from backends.llm.offline.look_words import look_names
from backends.llm.offline.request import Call, Request

WORKS = frozenset({"edit_video", "remix_style", "add_effects", "add_captions", "make_parody", "make_film",
                   "write_storyboard", "change_timeline"})  # fmt: skip
_PASSING = frozenset({"undo", "redo", "rate_asset", "rename_asset", "search_memory", "list_assets", "gpu_status",
                      "timeline_history", "analyze_video", "analyze_image", "analyze_audio", "export_timeline",
                      "render_timeline", "remember"})  # fmt: skip
"""What may come between a work and the word about it."""
_MOST_WORDS = 16
_NUMBER = rf"(?P<n>\d+(?:[.,]\d+)?|{read.NUMBER})"
_LENGTH = re.compile(
    rf"(?:about\s+|around\s+|circa\s+|like\s+|at most\s+|max(?:imum)?\s+)*{_NUMBER}[\s-]*(?P<unit>seconds?|secs?|s|"
    rf"secondi|"
    r"minutes?|mins?|minut[oi])(?!\w)",
    re.IGNORECASE,
)
_BARE_NUMBER = re.compile(rf"(?:(?:first|last|prim[ie]|ultim[ie])\s+)?{_NUMBER}(?![\w:])\s*(?:%|x\b)?", re.IGNORECASE)
_TIMED = re.compile(
    r"(?P<n>\d+(?:[.,]\d+)?)[\s-]*(?P<unit>seconds?|secs?|s|secondi|minutes?|mins?|minut[oi])(?!\w)", re.I
)
_MADE_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s?(?:s\b|seconds?\b)")
_USUAL_SECONDS = {"make_film": 15.0, "write_storyboard": 15.0, "make_parody": 20.0}


def last_work(request: Request) -> Call | None:
    """The call that a short message goes on with; None when something else came after it."""
    for call in reversed(request.recent):
        if call.tool in WORKS:
            return call
        if call.tool not in _PASSING:
            return None
    return None


def followed_up(request: Request) -> list[Call]:
    """The last work with what the message changes; [] for wishes of their own."""
    last = last_work(request)
    text = " ".join(request.wish.text.split())
    if last is None or request.facts.attachments or not text or len(text.split()) > _MOST_WORDS:
        return []
    if taken := taken_away(request):
        return taken
    if files := other_files(request, last):
        return [files]
    again = _BY_TOOL.get(last.tool)
    return again(request, last, text) if again else []


def taken_away(request: Request) -> list[Call]:
    """'Take it off again', 'toglila': what was made last is undone; [] for other messages."""
    if not request.recent or request.recent[-1].tool not in WORKS or request.wish.quotes:
        return []
    return [Call("undo", {})] if words("away").fullmatch(request.wish.text.strip()) else []


_ASIDE = re.compile(
    r"(?:(?:and|e|ok(?:ay)?|so|but|ma)\b[\s,]*)*(?:(?:what|how)\s+about\s+|che mi dici d\w+\s*)?(?:the\s+|its\s+|"
    r"il\s+|la\s+|lo\s+|i\s+|gli\s+|"
    r"le\s+|l['’]\s?)?(?P<what>[^\W\d_]+(?:\s[^\W\d_]+)?)\s*\?+",
    re.IGNORECASE,
)


def asked_more(request: Request) -> list[Call]:
    """'And the sound?' after a look at a film: another look at the same, with that question; [] for other messages."""
    last = request.recent[-1] if request.recent else None
    match = _ASIDE.fullmatch(request.wish.text.strip())
    if (
        last is None
        or match is None
        or last.tool not in ("analyze_video", "analyze_audio")
        or request.facts.attachments
    ):
        return []
    film = str(last.args.get("video") or last.args.get("audio") or "")
    aspects = lexicon().group("aspects").names(match["what"])
    if not film or not aspects:
        return []
    if aspects == ["sound"]:
        return [Call("analyze_audio", {"audio": film})]
    return [Call("analyze_video", {"video": film, "aspects": aspects, "question": request.wish.text.strip()})]


# -- lengths ---------------------------------------------------------------------------------------------------------


def _seconds_of(match: re.Match[str]) -> float:
    said = match["n"].replace(",", ".")
    value = float(said) if re.fullmatch(r"\d+(?:\.\d+)?", said) else float(_value(said))
    return value * 60 if match["unit"].lower().startswith("m") else value


def _value(said: str) -> int:
    from backends.llm.offline.wish import number

    return number(said) or 0


def _says(args: Mapping[str, Any]) -> Callable[[re.Match[str]], Mapping[str, Any]]:
    """What a word means, however it is said."""
    return lambda match: args


def _first_of(argument: str, named: Group) -> Callable[[re.Match[str]], Mapping[str, Any]]:
    """The known word in what was said, as an argument."""
    return lambda match: {argument: named.first(match.group())}


def _whole(seconds: float) -> float | int:
    return int(seconds) if float(seconds).is_integer() else seconds


def _rounded(seconds: float) -> float | int:
    """A length as people say one."""
    return max(1, round(seconds)) if seconds >= 3 else round(seconds, 1)


def _length_slots(request: Request, last: Call) -> list[Slot]:
    base = float(last.args.get("seconds") or _made_seconds(request, last) or _USUAL_SECONDS.get(last.tool, 15.0))
    said: list[Slot] = [(_LENGTH, lambda match: {"seconds": _whole(_seconds_of(match))})]
    for factor, pattern in steps("lengths"):
        said.append((pattern, _says({"seconds": _rounded(base * float(factor))})))
    return said


def _made_seconds(request: Request, last: Call) -> float | None:
    """How long the result of the last work is, where its summary says so."""
    made = next((file for file in request.facts.assets if file.kind == "video" and file.tool == last.tool), None)
    found = _MADE_SECONDS.search(made.text) if made else None
    return float(found[1]) if found else None


# -- one tool each ---------------------------------------------------------------------------------------------------


def _remix(request: Request, last: Call, text: str) -> list[Call]:
    strength = float(last.args.get("strength", 1.0))

    def styled(match: re.Match[str]) -> dict[str, Any] | None:
        if not (replaces(text) or len(text.split()) <= 2) or match.group().lower() in _ON_TOP:
            return None
        return {"style": match.group().strip(), "reference": ""}

    parts: list[Slot] = [(look_names(), styled), (_KEEPS_SOUND, lambda match: {"sound": "keep"})]
    for factor, pattern in steps("strengths"):
        parts.append((pattern, _says({"strength": _strength(strength, float(factor))})))
    return _again(last, read_changes(text, parts))


_KEEPS_SOUND = re.compile(
    r"(?:keep|leave|with|tieni|lascia|con)\s*(?:the\s+|its\s+|il\s+|l['’]\s?)?(?:original\s+|own\s+)?"
    r"(?:sound|audio|voices?|music|suono|musica)(?:\s+(?:originale|as it (?:is|was)))?",
    re.IGNORECASE,
)
_ON_TOP = ("black and white", "bianco e nero", "monochrome", "sunset", "golden")


def _strength(now: float, factor: float) -> float:
    return round(min(1.0, max(0.1, now * factor)), 2)


def _effects(request: Request, last: Call, text: str) -> list[Call]:
    effect = str(last.args.get("effect", ""))
    places = lexicon().group("effect_places")
    place = re.compile(rf"(?:{places.pattern})(?![\w-])", re.IGNORECASE)

    def placed(match: re.Match[str]) -> dict[str, Any]:
        return {"at": places.canonical(match.group()), "effect": _tidy(place.sub(" ", effect))}

    def timed(match: re.Match[str]) -> dict[str, Any]:
        return {"at": f"{float(match['n'].replace(',', '.')):g}", "effect": _tidy(place.sub(" ", effect))}

    def ended(match: re.Match[str]) -> dict[str, Any]:
        return {"at": _end_of(match), "effect": _tidy(place.sub(" ", effect))}

    parts: list[Slot] = [(place, placed), (_ENDS, ended), (_AT_SECOND, timed)]
    for factor, pattern in steps("strengths"):
        parts.append((pattern, _says({"effect": _degree(effect, float(factor))})))
    if replaces(text):
        named = effects_in(text)
        if len(named) == 1:
            said = re.compile(re.escape(named[0][1]), re.IGNORECASE)
            parts.append((said, lambda match: {"effect": match.group()}))
    return _again(last, read_changes(text, parts))


_ENDS = re.compile(
    r"(?:at|in) the (?:very )?(?P<start>start|beginning)|at the (?:very )?end|all['’](?P<inizio>inizio)|alla fine", re.I
)
_AT_SECOND = re.compile(
    r"(?:at|from|a|al)\s+(?:second[oi]?\s+)?(?P<n>\d+(?:[.,]\d+)?)\s*(?:s|secs?|seconds?|secondi)?(?![\w:])", re.I
)


def _end_of(match: re.Match[str]) -> str:
    return "start" if match["start"] or match["inizio"] else "end"


def _degree(effect: str, factor: float) -> str:
    """The effect's words with their degree: the tool knows them, whatever is usual for an effect."""
    return f"{'heavy' if factor > 1 else 'light'} {DEGREE.sub('', effect).strip()}"


def _captions(request: Request, last: Call, text: str) -> list[Call]:
    place = lexicon().group("positions")
    position = re.compile(rf"(?:(?:to|at|on|in|al|in)\s+)?(?:the\s+)?(?:{place.pattern})(?![\w-])", re.IGNORECASE)
    parts: list[Slot] = [(position, lambda match: {"position": place.first(match.group())}),
                         (_UP_OR_DOWN, lambda match: {"position": "top" if match["up"] else "bottom"})]  # fmt: skip
    for style, pattern in steps("caption_styles"):
        parts.append((pattern, _says({"style": style})))
    parts.append((_SEEN_FIRST, lambda match: {"start": 0, "end": _whole(float(match["n"].replace(",", ".")))}))
    parts.append((_SEEN_SPAN, lambda match: {"start": _whole(float(match["a"])), "end": _whole(float(match["b"]))}))
    if request.wish.quotes and last.args.get("text"):
        said = request.wish.quotes[0].content
        parts.append((_QUOTED, lambda match: {"text": said}))
        parts.append((_SHOULD_SAY, lambda match: {}))
    return _again(last, read_changes(text, parts))


_UP_OR_DOWN = re.compile(
    r"(?:(?:move|put|go|a bit|further|un po['’]?)\s+)*(?:(?P<up>higher(?: up)?|up|più in alto|più su)|"
    r"lower(?: down)?|down|più in basso|"
    r"più giù)(?!\w)",
    re.IGNORECASE,
)
_SEEN_FIRST = re.compile(
    r"(?:for|in|during|per|nei)?\s*(?:the\s+|i\s+)?(?:first|prim[ie])\s+(?P<n>\d+(?:[.,]\d+)?)\s*(?:s|secs?|seconds?|secondi)(?!\w)",
    re.I,
)
_SEEN_SPAN = re.compile(
    r"(?:from|between|da|dal|tra)\s+(?:second[oi]?\s+)?(?P<a>\d+(?:\.\d+)?)\s*(?:s|seconds?|secondi)?\s*(?:to|and|until|-|a|al|e)\s+"
    r"(?:second[oi]?\s+)?(?P<b>\d+(?:\.\d+)?)\s*(?:s|seconds?|secondi)?(?!\w)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“”„«‘'`][^\n]+[\"“”»’'`]")
_SHOULD_SAY = re.compile(r"say|says|read|reads|write|into|scrivi|scriv\w+|dica|dire|dice", re.IGNORECASE)


def _parody(request: Request, last: Call, text: str) -> list[Call]:
    parts = _length_slots(request, last)
    for argument, group in (("tone", "tones"), ("recipe", "parody_recipes")):
        named = lexicon().group(group)
        pattern = re.compile(
            rf"(?:(?:more|very|much|più|molto|a bit more|a little|a bit|un po['’]?)\s+)*(?:{named.pattern})(?![\w-])",
            re.I,
        )
        parts.append((pattern, _first_of(argument, named)))
    parts.append((_language(), lambda match: {"language": lexicon().group("languages").first(match.group())}))
    parts.append((_ANOTHER, lambda match: {"seed": int(last.args.get("seed", 0)) + 1}))
    return _again(last, read_changes(text, parts))


@cache
def _language() -> re.Pattern[str]:
    return re.compile(rf"(?:in\s+)?(?:{lexicon().group('languages').pattern})(?![\w-])", re.IGNORECASE)


_ANOTHER = re.compile(
    r"(?:an?\s+)?(?:another|different|other)(?:\s+one)?(?!\w)|un['’]?\s?altr[oa]|divers[oa]", re.IGNORECASE
)


_FILM_NOW = re.compile(r"\b(?:films?|movie|video|clip|animation|shoot|filmato|animazione|gira\w*)\b", re.IGNORECASE)


def _film(request: Request, last: Call, text: str) -> list[Call]:
    if last.tool == "write_storyboard" and _FILM_NOW.search(text):
        return []  # the film of the storyboard, and no other storyboard
    parts = _length_slots(request, last)
    styles = lexicon().group("styles")
    style = re.compile(rf"(?:{styles.pattern})(?![\w-])", re.IGNORECASE)
    parts.append((style, lambda match: {"style": styles.canonical(match.group())}))
    shots = re.compile(rf"{_NUMBER}\s+(?:shots|panels|inquadrature)(?!\w)", re.IGNORECASE)
    parts.append((shots, lambda match: {"shots": read.shots(match.group()) or 0}))
    return _again(last, read_changes(text, parts))


def _edit(request: Request, last: Call, text: str) -> list[Call]:
    said = str(last.args.get("instruction", ""))
    if words("kept_sound").fullmatch(text) and (rest := _unmuted(said)):
        return [Call("edit_video", {**last.args, "instruction": rest})]
    length = list(_TIMED.finditer(said))
    parts: list[Slot] = []
    if length:
        whole = length[-1]
        base = _seconds_of(whole)

        def put(seconds: float | int) -> dict[str, Any]:
            return {"instruction": f"{said[: whole.start()]}{seconds:g} seconds{said[whole.end() :]}"}

        parts.append((_LENGTH, lambda match: put(_whole(_seconds_of(match)))))
        for factor, pattern in steps("lengths"):
            parts.append((pattern, _says(put(_rounded(base * float(factor))))))
    elif (made := _made_seconds(request, last)) and not replaces(text):
        for factor, pattern in steps("lengths"):
            if float(factor) < 1:
                parts.append((pattern, _says(_shortened(request, made * float(factor)))))
    if shape := SHAPE.search(said):
        parts.append(
            (SHAPE, lambda match: {"instruction": f"{said[: shape.start()]}{match.group()}{said[shape.end() :]}"})
        )
    numbers = [] if SHAPE.search(said) else list(re.finditer(r"(?<![\w.:])\d+(?:[.,]\d+)?(?![\w]*[:.]\d)", said))
    if len(numbers) == 1:
        only = numbers[0]
        parts.append((_BARE_NUMBER, lambda match: _with_number(said, only, match)))
    return _again(last, read_changes(text, parts))


def _unmuted(said: str) -> str:
    """The instruction without the part that takes the sound away; '' when there is none or nothing else."""
    gone = re.compile(rf"(?:\s*(?:,|\band\b|\be\b))*\s*(?:{words('mute_parts').pattern})(?!\w)", re.IGNORECASE)
    rest = re.sub(r"^\s*(?:,|and\b|e\b)\s*", "", gone.sub("", said)).strip(" ,")
    return rest if rest != said.strip(" ,") else ""


def _shortened(request: Request, seconds: float) -> dict[str, Any]:
    result = next((file.id for file in request.facts.assets if file.kind == "video" and file.tool), "")
    made = {"instruction": f"shorten it to {_rounded(seconds):g} seconds"}
    return {**made, **({"video": result} if result else {})}


def _with_number(said: str, only: re.Match[str], match: re.Match[str]) -> dict[str, Any] | None:
    number = match["n"].replace(",", ".")
    if not re.fullmatch(r"\d+(?:\.\d+)?", number):
        number = str(_value(number))
    return {"instruction": f"{said[: only.start()]}{number}{said[only.end() :]}"} if number != "0" else None


def _again(last: Call, changed: dict[str, Any] | None) -> list[Call]:
    """The call with its changes; an empty text takes an argument away."""
    if not changed:
        return []
    args = {key: value for key, value in {**last.args, **changed}.items() if value != ""}
    return [Call(last.tool, args)] if args != last.args else []


def _tidy(text: str) -> str:
    return " ".join(text.split()).strip(" ,.")


_BY_TOOL: dict[str, Callable[[Request, Call, str], list[Call]]] = {
    "remix_style": _remix, "add_effects": _effects, "add_captions": _captions, "make_parody": _parody,
    "make_film": _film, "write_storyboard": _film, "edit_video": _edit,
}  # fmt: skip
