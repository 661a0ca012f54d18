"""Wishes about a film or a line at hand: 'make it rain in the film', 'put that under the film', 'now in Italian'."""

from __future__ import annotations

import re

from backends.llm.facts import FileFact
from backends.llm.offline import slots
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.references import find_characters, pronoun_kind
from backends.llm.offline.repeats import last_line
from backends.llm.offline.request import Call, Request
from backends.llm.offline.speech import language_of

_FILM = (
    r"(?:(?:the|this|that|my|our|whole|entire|last|new|il|lo|la|quest[oa]|l['’])\s*)+"
    r"(?:films?|movie|short|video|clip|trailer|montage|cut|footage|filmato|cortometraggio|montaggio)"
)
_WEATHER = re.compile(
    rf"(?:(?:make|let|have)\s+it\s+(?:start\s+(?:to\s+)?)?(?P<what>rain|snow)(?:ing)?|"
    rf"(?:fai|fa['’]?|fallo|facci|metti)\s*(?:piovere|nevicare))"
    rf"(?P<how>\s+(?:a bit|a little|heavily|hard|softly|lightly|gently|more|forte|un po['’]?))?"
    rf"(?P<film>\s+(?:all\s+)?(?:in|on|over|through|throughout|during|nel|nello|sul|su)\s*(?:{_FILM}|film|filmato))?"
    r"[\s.!]*",
    re.IGNORECASE,
)
_STRENGTH = {"heavily": "heavy ", "hard": "heavy ", "forte": "heavy ", "a bit": "light ", "a little": "light ",
             "softly": "light ", "lightly": "light ", "gently": "light ", "un po'": "light "}  # fmt: skip
_SOUND = (
    r"(?P<it>it|that|this|them|lo|la|quell[oa]|quest[oa])|"
    r"(?:the|this|that|my|his|her|their|la|quest[oa]|quella|il)\s*(?:last\s+|spoken\s+|new\s+)?"
    r"(?P<noun>lines?|dialogue|speech|narration|voice[- ]?over|voice|recording|sound|audio|music|song|track|tune|"
    r"battuta|dialogo|voce|registrazione|suono|musica|canzone|brano)"
)
_UNDER = re.compile(
    rf"(?:(?:please|and|now|then|ok(?:ay)?|e|ora)\b[\s,]*)*"
    rf"(?:put|lay|place|add|mix|use|play|set|drop|metti(?:l[oa])?|usa(?:l[oa])?|aggiungi(?:l[oa])?)\s*(?:{_SOUND})?"
    rf"(?:\s+as\s+(?:the\s+|a\s+)?(?P<role>music|soundtrack|song|narration|voice[- ]?over|dialogue))?\s+"
    rf"(?P<how>under(?:neath)?|beneath|below|behind|over|onto|on|into|in|to|for|sotto|sul|sopra|nel|al)\s+"
    rf"(?:{_FILM}|film|filmato)(?:\s+(?:please|now|too|as well))*[\s.!]*",
    re.IGNORECASE,
)
_SPEECH = ("speak", "speak_dialogue", "change_voice", "clone_voice", "check_voice")
_SPOKEN_NOUN = re.compile(r"line|dialog|speech|narrat|voice|voce|battuta|dialogo", re.IGNORECASE)
_LANGUAGE_ONLY = (
    r"(?:(?:and|now|then|ok(?:ay)?|please|can you|could you|e|ora|adesso|poi|say|do|speak|read|repeat|dillo|ripetilo|"
    r"it|that|this|the|same|line|thing|again|once more|too|also|but|ma|lo|la|stess[oa]|battuta|cosa|di nuovo)\b[\s,]*)*"
    r"in\s+(?:{names})(?:\s+(?:please|now|too|this time|per favore))*[\s.!?]*"
)


_MUSIC_NOUN = re.compile(r"music|song|track|tune|canzone|brano", re.IGNORECASE)


def weather_in_the_film(request: Request) -> list[Call]:
    """Rain or snow over the film at hand; [] for other wishes, and where the newest thing is a picture."""
    match = _WEATHER.fullmatch(request.command.strip())
    film = _film(request)
    if match is None or film is None or not (match["film"] or pronoun_kind(request) == "video"):
        return []
    what = (match["what"] or ("rain" if "piovere" in match.group().lower() else "snow")).lower()
    how = _STRENGTH.get((match["how"] or "").strip().lower().replace("’", "'"), "")
    return [Call("add_effects", {"video": film.id, "effect": f"{how}{what}"})]


def sound_for_the_film(request: Request) -> list[Call]:
    """A line or music laid on the film's own timeline, or, for a voice that its story has, the film once more."""
    match = _UNDER.fullmatch(request.command.strip())
    film = _film(request)
    if match is None or film is None or request.wish.quotes:
        return []
    if (match["noun"] or "").lower() in ("voice", "voce") and (again := _with_its_voice(request)):
        return [again]
    noun = f"{match['noun'] or ''} {match['role'] or ''}"
    musical = _MUSIC_NOUN.search(noun) is not None
    sound = _sound(request, musical=musical)
    if sound is None or not _is_a_sound(match, request, sound):
        return []
    spoken = not musical and (sound.tool in _SPEECH or _SPOKEN_NOUN.search(noun) is not None)
    track = "dialogue" if spoken else "music"
    laid = {"op": "insert", "at": 0, "new": {"asset": sound.id, "track": track}}
    return [Call("change_timeline", {"timeline": film.id, "changes": [laid], "render": "full"})]


def untranslated(request: Request) -> str:
    """What is told to 'now in Italian' after a line in other words: this brain does not translate; '' otherwise."""
    words, who, wanted = _line_and_language(request)
    if not words or (language_of(words) or "en") == wanted:
        return ""
    spellings = lexicon().words["languages"][wanted]
    name = spellings[-1] if request.language == "it" else spellings[0].title()
    speaker = {"it": f"come {who} "}.get(request.language, f"as {who} ") if who else ""
    return lexicon().say("no_translation", request.language, tongue=name, speaker=speaker)


_NTH = (
    r"(?:(?:the|la|l['’])\s*)?(?:(?:first|second|third|fourth|fifth|last|\d(?:st|nd|rd|th)|prima|seconda|terza|quarta|ultima)\s+"
    r"(?:shots?|scenes?|inquadratura|scena)|(?:shots?|scenes?|inquadratura|scena)\s+(?:\d+|one|two|three|four|due|tre))"
)
_ONE_SHOT = re.compile(
    rf"(?:redo|remake|reshoot|redraw|re-do|do|make|draw|film|rifai|rigira|ridisegna|fai)\s+{_NTH}\s+(?:again\b|over\b|anew\b|at\b|by\b|in\b|with\b|"
    rf"as\b|di\b|con\b|darker|brighter|longer|shorter|sunny|rainy)|(?:redo|remake|reshoot|redraw|rifai|rigira|ridisegna)\s+{_NTH}|"
    rf"(?:in|nell[ao]?['’]?)\s*{_NTH},?\s+.{{1,60}}?\b(?:should|must|shall|needs? to|ought to|deve|dovrebbe)\b",
    re.IGNORECASE,
)
"""'Redo shot 2 at night', 'in the second shot Tom should be angry'."""


def one_shot_of_it(request: Request) -> str:
    """What is told to a wish for one shot of a film drawn here: the film is made as a whole; '' for other wishes."""
    film = next((call for call in reversed(request.recent) if call.tool in ("make_film", "write_storyboard")), None)
    if film is None or request.facts.attachments or _ONE_SHOT.match(request.command) is None:
        return ""
    return lexicon().say("whole_film", request.language)


def said_in_its_language(request: Request) -> list[Call]:
    """The line once more for 'now in Italian' when its words are Italian; [] otherwise."""
    words, who, wanted = _line_and_language(request)
    if not words or (language_of(words) or "en") != wanted:
        return []
    return [Call("speak", {"text": words, **({"character": who} if who else {}), "language": wanted})]


def _line_and_language(request: Request) -> tuple[str, str, str]:
    """(words, speaker, language) of a message that is nothing but a language for the line spoken last; else ''."""
    names = lexicon().group("languages").pattern
    if request.wish.quotes or not re.fullmatch(_LANGUAGE_ONLY.format(names=names), request.command.strip(), re.I):
        return "", "", ""
    words, who = last_line(request)
    wanted = slots.language(request.command)
    return (words, who, wanted) if words and wanted else ("", "", "")


def _film(request: Request) -> FileFact | None:
    files = (*request.facts.attachments, *request.facts.assets)
    return next((file for file in files if file.kind == "video"), None)


def _sound(request: Request, *, musical: bool) -> FileFact | None:
    """The newest sound; 'the music' is rather one that nobody speaks in."""
    files = [file for file in (*request.facts.attachments, *request.facts.assets) if file.kind == "audio"]
    unspoken = [file for file in files if file.tool not in _SPEECH] if musical else []
    return next(iter(unspoken or files), None)


def _is_a_sound(match: re.Match[str], request: Request, sound: FileFact) -> bool:
    """Whether the sound is what is meant: named as one, or attached or made last."""
    if match["noun"]:
        return True
    files = (*request.facts.attachments, *request.facts.assets)
    media = next((file for file in files if file.kind in ("video", "audio", "image")), None)
    return media is sound


def _with_its_voice(request: Request) -> Call | None:
    """The film made anew, when the one whose voice was heard last speaks or acts in it; voices belong to characters."""
    heard = next(
        (call for call in reversed(request.recent) if call.tool in _SPEECH and call.args.get("character")), None
    )
    film = next((call.args for call in reversed(request.recent) if call.tool == "make_film"), None)
    if film is None:
        made = next((file for file in request.facts.assets if file.tool == "make_film" and file.text), None)
        film = {"story": made.text} if made else None
    if heard is None or film is None:
        return None
    return Call("make_film", dict(film)) if heard.args["character"] in find_characters(request, film["story"]) else None
