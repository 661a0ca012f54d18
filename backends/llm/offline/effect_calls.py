"""Calls that put effects on a film: a bare name fills the arguments, a longer wish goes to the tool as it is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from backends.llm.offline import slots
from backends.llm.offline.effect_words import effects_in, says_more
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.references import need_file
from backends.llm.offline.request import Ask, Call, Refer, Request
from backends.llm.offline.wish import ASSET_ID, FILE_NAME, Wish

_AT_SECOND = re.compile(
    rf"\b(?:at|a|al)\s+(?:second\s+)?({slots.NUMBER})\s*(?:seconds?|secs?|s|secondi)\b", re.IGNORECASE
)
_CAPTIONS_TOO = re.compile(
    r"\s*(?:,|\b(?:and|plus|with|e|con|also|anche)\b)+\s+(?:(?:also|put|add|the|some|i|dei|anche|metti|aggiungi)\s+)*"
    r"(?:captions|subtitles|sottotitoli|didascalie)\b",
    re.IGNORECASE,
)
CAPTIONS_FIRST = re.compile(
    r"\b(?:captions|subtitles|sottotitoli|didascalie)\b\s*(?:,|and|plus|with|e|con)+\s+(.+)$", re.IGNORECASE
)
"""Captions and then something else: group 1."""
_CUTS = ("fade", "hold")
"""Effects by name that the cutter does."""
_WITH_TEXT = ("freeze", "speech_bubble")
_SINGULAR = re.compile(r"\b(?:face|reaction|beat|cut|volto|viso|reazione)$", re.IGNORECASE)
_ALL = re.compile(r"\b(?:every|each|ogni|to the beat|on the beat|over)\b", re.IGNORECASE)


def add_effects(request: Request) -> list[Call]:
    """video, effect, at, text.

    The tool reads several effects, places, times, strengths and texts out of one sentence, so a wish that holds more
    than a name with its place is passed whole. Captions of what is said are a step of their own.
    """
    if not request.wish.quotes and (captions := _CAPTIONS_TOO.search(request.text)):
        rest = slots.tidy(f"{request.text[: captions.start()]} {request.text[captions.end() :]}")
        if effects_in(rest):
            first = add_effects(replace(request, wish=Wish(rest, rest)))
            return [*first, Call("add_captions", {"video": f"${len(request.made) + 1}"})]
    if not request.wish.quotes and (after := CAPTIONS_FIRST.search(request.text)) and effects_in(after.group(1)):
        raise Refer("add_captions")
    text = without_names(request.wish.blank_quotes)
    answer = request.answers.get("effect", "").strip()
    named = effects_in(text)
    if named and not answer and all(name in _CUTS for name, _ in named):
        raise Refer("edit_video")
    found = lexicon().group("effects").names(text)
    if not answer and not request.wish.quotes and _hides_faces(text):
        said = _HIDES.sub("mosaic", without_names(request.command), count=1).strip(" .!")
        whole = says_more(re.sub(r"^.*?mosaic\b", "", said))
        return [Call("add_effects", {"video": need_file(request, "video", "which_video"),
                                     "effect": said if whole else "mosaic"})]  # fmt: skip
    effect = answer or (found[0] if found else named[0][1] if named else _named_effect(text))
    if effect == "picture in picture" and (pair := _inset(request)):
        return [Call("add_effects", {"video": pair[0], "effect": effect, "inset": pair[1]})]
    video = need_file(request, "video", "which_video")
    if not effect and says_more(text):  # the tool names the nearest that it has
        return [Call("add_effects", {"video": video, "effect": without_names(request.command).strip(" .!")})]
    if not effect:
        raise Ask("effect", "need_effect", ("film grain", "vignette", "vhs", "glow"))
    if named and not answer and _tells_more(text, named, bool(request.wish.quotes)):
        return [Call("add_effects", {"video": video, "effect": without_names(request.command).strip(" .!")})]
    args: dict[str, Any] = {"video": video, "effect": effect}
    place = lexicon().group("effect_places").first(text)
    moment = _AT_SECOND.search(text)
    if place:
        args["at"] = place
    elif moment and (at := slots.seconds(moment.group())) is not None:
        args["at"] = f"{at:g}"
    if request.wish.quotes and effect in ("freeze", "speech bubble"):
        args["text"] = request.wish.quotes[0].content
    return [Call("add_effects", args)]


_UNDER = r"\b(?:corner of|over|onto|on top of|inside|into|of|on|angolo d\w+|sopra|su|sul)\s+(?:the\s+|il\s+|la\s+)?"


def _inset(request: Request) -> tuple[str, str] | None:
    """(film, what lies in its corner) of two films; the one that the other is put over is the film."""
    films = [file for file in request.facts.attachments if file.kind in ("video", "image")]
    if len(films) != 2:
        return None
    text = request.wish.blank_quotes
    stems = [re.escape(re.sub(r"\.\w{2,5}$", "", file.name)) for file in films]
    under = [bool(re.search(rf"{_UNDER}{stem}(?!\w)", text, re.IGNORECASE)) for stem in stems]
    below = under.index(True) if sum(under) == 1 else 0
    return films[below].id, films[1 - below].id


_HIDES = re.compile(
    r"\b(?:blur\w*|hide|hides|hidden|obscur\w+|anonymi[sz]e\w*|mask\w*|cover\w*|disguis\w+|pixel\w*|oscura\w*|copri\w*|sfoca\w*|"
    r"nascond\w*|maschera\w*)\b(?!.*\b(?:bars?|barra)\b).{0,30}\b(?:faces?|volt[oi]|facc(?:ia|e)|vis[oi]|identit\w+)\b|"
    r"\bunrecogni[sz]able\b|\b(?:not|n['’]?t)\s+be\s+recogni[sz]\w+|\banonymi[sz]e\b|\birriconoscibil\w+",
    re.IGNORECASE,
)


def _hides_faces(text: str) -> bool:
    """'Blur everybody's faces', 'oscura le facce': blocks over the faces, and no blur of the whole picture."""
    return _HIDES.search(text) is not None and not re.search(r"\bcensor", text, re.IGNORECASE)


def without_names(text: str) -> str:
    """A text without names of files and ids of assets: the numbers in them are no times."""
    return " ".join(ASSET_ID.sub(" ", FILE_NAME.sub(" ", text)).split())


def _tells_more(text: str, named: list[tuple[str, str]], quoted: bool) -> bool:
    """Whether a wish says more than one effect, one place or time, and the text that belongs to it."""
    if len(named) > 1 or (quoted and named[0][0] not in _WITH_TEXT):
        return True
    places = [match.group() for _, match in lexicon().group("effect_places").find_all(text)]
    if any(_SINGULAR.search(place) and not _ALL.search(place) for place in places):
        return True
    for said in (*places, named[0][1]):
        text = text.replace(said, " ", 1)
    return says_more(_AT_SECOND.sub(" ", text))


def _named_effect(text: str) -> str:
    match = re.search(
        r"\b(?:an?|the|some|un|l')\s*([\w-]+(?:\s[\w-]+)?)\s+(?:effect|filter)\b|\beffett[oi]\s+([\w-]+)", text, re.I
    )
    return next((group for group in match.groups() if group), "") if match else ""
