"""Wishes about the line spoken last: 'same line but sadder', 'once more with Boo', 'happier'."""

from __future__ import annotations

import re

from backends.llm.offline import slots
from backends.llm.offline.feelings import curve_in
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.references import find_characters, kind_of_extension
from backends.llm.offline.request import Call, Request
from backends.llm.offline.wish import FILE_NAME

_SAME_LINE = re.compile(
    r"(?:the\s+)?(?:same|stess[ao]|la stessa|lo stesso)\b|(?:that|this|the)\s+line\b|"
    r"(?:say|do|read|speak|repeat|ripeti|ridillo)\s+(?:(?:it|that|this)\s+)?(?:again|once more)\b|"
    r"(?:once more|again|one more time|ancora|di nuovo)\b",
    re.IGNORECASE,
)


_CURVE_FILL = (
    r"(?:(?:please|now|but|and|again|can|could|let|make|have|do|say|go|going|goes|change|changing|starts?|"
    r"begins?|ends?|turns?|it|that|this|the|line|"
    r"she|he|her|him|voice|once more|same|ora|ma|fallo|dillo|rendilo|di nuovo)\W+)*"
    r"(?:from\s+\w+(?:\s+(?:to|through|into)\s+\w+)+|da\s+\w+\s+a\s+\w+|"
    r"(?:starts?|begins?|comincia|inizia)\s+\w+,?\s+(?:and|then|e|poi)\s+(?:then\s+)?(?:ends?|finish\w*|"
    r"becomes?|finisce|diventa)\s+\w+)"
    r"(?:\W+(?:please|again|now|this time))*\W*"
)
"""A change of feeling and nothing else: 'make it go from sad to happy'."""


_WITH = re.compile(
    r"[\s,.!]*(?:(?:no|not that|but|and|now|please|do it|say it|try|instead|ma|e|ora)\b[\s,.!]*)*(?:with|as|by|"
    r"in|using|"
    r"con|come)\s+([\w'’ -]{2,40}?)"
    r"(?:['’]s)?(?:\s+(?:voice|instead|now|please|this time|invece|voce))*[\s.!]*",
    re.IGNORECASE,
)
"""'No, with Boo'."""
_TOO = re.compile(
    r"(?:(?:and|now|let|have|make|e|ora|fai)\b\s*)*([\w'’ -]{2,40}?)\s+(?:says?|said|dice|dire)\s+(?:it|that|"
    r"this|so|lo)"
    r"(?:\s+(?:too|as well|also|now|instead|anche|ora))*[\s.!]*",
    re.IGNORECASE,
)
"""'Boo says it too'."""
_OTHER = re.compile(
    r"(?:(?:no|and|do|also|now|not (?:that|this)(?: one)?|nope|wait|sorry|i meant?|i mean|do it (?:to|with|on)|"
    r"the same (?:with|"
    r"for|on)|no,? intendevo)\b[\s,.!]*)*"
    r"(?:the other(?: one| (?:video|clip|film|picture|image|recording|file))?|l['’]altr[oa](?: (?:video|clip|"
    r"film|immagine))?|quell['’]altr[oa])"
    r"(?:\s+(?:please|instead|one|too|as well|invece|anche))*[\s.!]*",
    re.IGNORECASE,
)
_FILES = {"video": "video", "image": "image", "audio": "audio", "timeline": "timeline"}
"""Argument -> kind of the file in it."""


def other_file(request: Request) -> list[Call]:
    """The call before with the other file of its kind: 'no, the other one'; [] when there is no such thing."""
    if not request.recent:
        return []
    if _OTHER.fullmatch(request.command) is None:
        return _same_for(request)
    last = request.recent[-1]
    files = (*request.facts.attachments, *request.facts.assets)
    for argument, kind in _FILES.items():
        used = last.args.get(argument)
        if not isinstance(used, str) or not used:
            continue
        made = {file.id for file in files if file.tool == last.tool}
        others = [
            file.id for file in files if file.kind == kind and used not in (file.id, file.name) and file.id not in made
        ]
        if others:
            return [Call(last.tool, {**last.args, argument: others[0]})]
    return []


_ALSO = re.compile(
    r"(?:(?:and|now|please|then|also|do|that one|this one|the same|same|it|this|that|again|once more|thing|too|as well|"
    r"for|to|with|on|next|ora|anche|e|lo stesso|con|per|su)\b[\s,:.!-]*)*",
    re.IGNORECASE,
)
"""What is left of 'the same for two.mp4, please' without the file."""


def _same_for(request: Request) -> list[Call]:
    """The call before with the file that the message names and says nothing else of: 'that one too: two.mp4'."""
    named = FILE_NAME.search(request.command)
    if named is None or _ALSO.fullmatch(f"{request.command[: named.start()]} {request.command[named.end() :]}") is None:
        return []
    last, kind = request.recent[-1], kind_of_extension(named["ext"])
    argument = next((key for key, of in _FILES.items() if of == kind and isinstance(last.args.get(key), str)), None)
    if argument is None:
        return []
    files = (*request.facts.attachments, *request.facts.assets)
    found = next((file.id for file in files if file.name.casefold() == named.group().casefold()), named.group())
    return [Call(last.tool, {**last.args, argument: found})] if found != last.args[argument] else []


_STEP = re.compile(
    r"(?:(?:hm+|well|no|ok(?:ay)?|but|and|now|just|please|make|do|it|that(?:['’]s)?|is|was|still|again|go|"
    r"try)\b[\s,.!]*)*"
    r"(?:(?P<less>(?:(?:a (?:little |tiny )?bit|a little|slightly|somewhat|un po['’]?)\s+)?(?:less|slower than that|"
    r"too (?:much|fast)|not (?:so|that) (?:much|fast)|meno|troppo(?: veloce)?))|"
    r"(?P<more>(?:(?:a (?:little |tiny )?bit|a little|slightly|even|much|un po['’]?)\s+)?(?:more|faster still|"
    r"even faster|"
    r"not enough|di più|ancora)))(?:[\s,.!]*(?:please|so|then|per favore))?[\s.!]*",
    re.IGNORECASE,
)
_TIMES = re.compile(
    r"(?P<twice>twice as (?:fast|quick)(?:ly)?|double (?:the )?speed)|(?P<number>\d+(?:\.\d+)?)\s?x(?!\w)", re.I
)
_SHARE = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?=\s?(?:%|percent|per cent))", re.IGNORECASE)
_PLAIN_SPEED = re.compile(r"\b(?:much |really |way |a lot )?(?P<word>faster|slower|quicker)\b", re.IGNORECASE)


def adjusted(request: Request) -> list[Call]:
    """The speed of the edit before, changed by a step: 'a bit less' after 'twice as fast' is 1.5 times as fast.

    The edit is made anew from what it was made of; [] when the last call was no change of speed.
    """
    step, last = _STEP.fullmatch(request.command), request.recent[-1] if request.recent else None
    if step is None or last is None or last.tool != "edit_video":
        return []
    said = str(last.args.get("instruction", ""))
    if times := _TIMES.search(said):
        factor = 2.0 if times["twice"] else float(times["number"])
        new = 1 + (factor - 1) / 2 if step["less"] else 1 + (factor - 1) * 1.5
        said = f"{said[: times.start()]}{new:g}x{' speed' if times['twice'] else ''}{said[times.end() :]}"
    elif share := _SHARE.search(said):
        new = float(share["number"]) * (0.5 if step["less"] else 1.5)
        said = f"{said[: share.start()]}{new:g}{said[share.end() :]}"
    elif plain := _PLAIN_SPEED.search(said):
        amount = f"a bit {plain['word']}" if step["less"] else f"3 times {plain['word']}"
        said = f"{said[: plain.start()]}{amount}{said[plain.end() :]}"
    else:
        return []
    return [Call("edit_video", {**last.args, "instruction": said})]


def moved_caption(request: Request) -> list[Call]:
    """The caption written last at another place: 'move the title to the top'; [] when none was written here."""
    last = next((call for call in reversed(request.recent) if call.tool == "add_captions"), None)
    place = slots.position(request.wish.blank_quotes)
    if last is None or place is None or request.wish.quotes or _MOVED.match(request.command) is None:
        return []
    return [Call("add_captions", {**last.args, "position": place})]


_MOVED = re.compile(
    r"(?:(?:move|put|place|set|shift|have|want|sposta|metti)\s+)?(?:it|that|them|the (?:caption|title|text|"
    r"words|subtitles?)|il titolo|la scritta|lo|la)\b"
    r"\s*(?:should be|to|at|on|in|goes?|belongs?|up|down|al|in|a|up to|down to)?\b",
    re.IGNORECASE,
)
_JUST_DONE = re.compile(
    r"(?:what (?:did|have) you (?:just |now )?(?:do|done|change|changed|make|made)(?: (?:just )?now| there| "
    r"right now| last| to (?:it|that|the (?:video|clip|film)))?|"
    r"what (?:was|is) that|what (?:just )?happened|what have you just done|(?:che )?cosa hai (?:appena "
    r")?(?:fatto|cambiato)(?: adesso| ora)?)",
    re.IGNORECASE,
)


def asks_what_was_done(request: Request) -> str:
    """The tool that tells what was done last: of a cut its history, else the newest results; '' for other wishes."""
    if _JUST_DONE.fullmatch(request.command.strip(" ?!.")) is None:
        return ""
    newest = request.facts.assets[0] if request.facts.assets else None
    cut = newest is not None and newest.tool in ("edit_video", "change_timeline", "import_timeline", "render_timeline")
    return (
        "timeline_history" if cut and any(file.kind == "timeline" for file in request.facts.assets) else "list_assets"
    )


def repeats_line(request: Request) -> bool:
    """Whether the wish is about the line spoken last: 'same line but sadder', 'now with Boo', 'happier'."""
    if request.wish.quotes or ":" in request.command or not last_line(request)[0]:
        return False
    return _SAME_LINE.match(request.command) is not None or retold(request)


def retold(request: Request) -> bool:
    """A few words that name nothing but a feeling: 'make it sadder', 'now happily please'."""
    words = lexicon().group("emotions")
    named = _WITH.fullmatch(request.command) or _TOO.fullmatch(request.command)
    if named and find_characters(request, named[1]):
        return True
    if curve_in(request.command) and re.fullmatch(_CURVE_FILL, request.command, re.IGNORECASE):
        return True
    rest = "".join(" " if words.first(word) else f" {word}" for word in request.command.lower().split())
    return words.first(request.command) is not None and re.fullmatch(
        r"(?:(?:hm+|oh|ah|um|uh|wait|sorry|well|actually|rather|i meant?|i want(?:ed)?|want|like|be|to|quite|instead|"
        r"make|do|say|try|speak|read|him|her|them|he|she|no|not|should|be|sounds?|but|a|bit|little|much|"
        r"more|less|very|now|it|that|this|again|please|time|in|with|"
        r"voice|tone|way|sound|più|un|po'|fallo|dillo|rendilo|ma|con|voce|tono)\W*|\s)*", rest
    ) is not None  # fmt: skip


def last_line(request: Request) -> tuple[str, str]:
    """(words, speaker) of the line spoken last in this conversation, else of the newest one that was made."""
    for call in reversed(request.recent):
        if call.tool == "speak":
            return str(call.args.get("text", "")), str(call.args.get("character", ""))
    return next((asset.text for asset in request.facts.assets if asset.tool == "speak"), ""), ""
