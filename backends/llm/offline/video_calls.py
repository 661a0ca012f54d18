"""Calls that look at, cut, title, restyle and hand over moving pictures."""

from __future__ import annotations

import re
from typing import Any

from backends.llm.offline import slots
from backends.llm.offline.cut_words import cutters_words
from backends.llm.offline.file_orders import ordered_first
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.look_words import look_details, look_names
from backends.llm.offline.references import SUITABLE, find_file, find_files, kind_of_extension, need_file
from backends.llm.offline.request import Ask, Call, Refer, Request
from backends.llm.offline.voice_calls import WHO_SPEAKS
from backends.llm.offline.wish import FILE_NAME

_JOIN = re.compile(
    r"\b(?:join|merge|concatenate|combine|stitch|splice|glue|append|one after the other|back to "
    r"back|together|string (?:them|these)|(?:unisci|attacca|incolla)(?:l[ie])?|insieme|both (?:clips|videos)|"
    r"these (?:two|three|four|\d)\b|"
    r"(?:quest[ie]|tutt[ie] e|tutt[ie]) (?:due|tre|quattro|\d)\b|all (?:of )?(?:them|these|those|two|three|four|\d|"
    r"(?:the )?clips)\b|"
    r"which of (?:these|the|them)|"
    r"(?:the|all|my|these|both) (?:two |three |four |attached |\d )?(?:clips|videos|takes)|best takes?|"
    r"with a (?:crossfade|dissolve|wipe) between|crossfade from|transition between|between (?:the (?:two|three)|them|"
    r"these|both)\b|"
    r"(?:put|place) (?:the )?(?:clip|video)? ?\S+ (?:after|before) \S+|"
    r"(?:i|le|tutti i) (?:due |tre )?(?:clip|video|filmati|riprese))\b",
    re.IGNORECASE,
)
_SPLIT_EDIT = re.compile(
    r"\b(?:[jl][- ]cuts?|split edits?|match cuts?|smash cuts?|under the tail of|cross ?dissolves?|cross ?fades?)\b",
    re.I,
)
"""Cuts from one clip to another, where several are there."""
_BARE_EDIT = re.compile(
    (
        r"(?:edit|cut|trim|change|recut|shorten|modify|do something with|work on|monta|taglia|"
        r"modifica|accorcia)?\s*(?:(?:it|this|that|the|my|attached|last|il|questo|un po'|"
        r"down)\s*)*(?:video|clip|film|movie|footage|short|filmato|it|a bit)?"
    ),
    re.IGNORECASE,
)
_MUSICAL = re.compile(
    r"\b(?:beats?|rhythm|music|song|track|soundtrack|tempo|ritmo|battito|musica|canzone|brano)\b", re.IGNORECASE
)
"""Wishes that an attached sound belongs to."""


def analyze_video(request: Request) -> list[Call]:
    """video, aspects, and the question when it is about some of them; who speaks in it is heard, not seen."""
    if WHO_SPEAKS.search(request.wish.blank_quotes):
        raise Refer("analyze_audio")
    video = need_file(request, "video", "which_video")
    aspects = lexicon().group("aspects").names(FILE_NAME.sub(" ", request.wish.blank_quotes))
    if re.search(r"\b(?:scenes?|scena)\b", request.text, re.I) and "shots" not in aspects:
        aspects = [aspect for aspect in aspects if aspect != "camera" or re.search(r"\bcamera\b", request.text, re.I)]
    asked = {"aspects": aspects, "question": request.text.strip()[:500]} if aspects else {}
    return [Call("analyze_video", {"video": video, **asked})]


def edit_video(request: Request) -> list[Call]:
    """video (or several), instruction in the wish's own words."""
    video: str | list[str]
    several_shown = sum(file.kind == "video" for file in request.facts.attachments) > 1
    joins = _JOIN.search(request.wish.blank_quotes) or (several_shown and _SPLIT_EDIT.search(request.wish.blank_quotes))
    if joins and not request.answers.get("file"):
        several = find_files(request, "video")
        if len(several) < 2:
            choices = tuple(a.name for a in request.facts.assets if a.kind in SUITABLE["video"])[:5]
            raise Ask("file", "need_two_videos" if several else "which_video", choices)
        video = ordered(request, several)
    else:
        video = need_file(request, "video", "which_video")
    music = _music(request)
    here = {file.id: file for file in (*request.facts.attachments, *request.facts.assets)}
    several_files = [here[one] for one in video if one in here] if isinstance(video, list) else []
    wanted = request.answers.get("instruction") or instruction_of(request)
    instruction = cutters_words(wanted, music, several_files)
    if music and not instruction and isinstance(video, str):
        laid = {"op": "insert", "at": 0, "new": {"asset": music, "track": "music"}}
        return [Call("change_timeline", {"timeline": video, "changes": [laid], "render": "full"})]
    instruction = instruction or ("join them" if isinstance(video, list) else wanted)
    if _BARE_EDIT.fullmatch(FILE_NAME.sub("", instruction).strip(" .!")):
        raise Ask("instruction", "need_instruction_video")
    args: dict[str, Any] = {"video": video, "instruction": instruction}
    if music:
        args["music"] = music
    return [Call("edit_video", args)]


def ordered(request: Request, files: list[str]) -> list[str]:
    """Files in the order that the wish says: 'dog first', 'b, then a'; as they are when it says none."""
    here = {file.id: file for file in (*request.facts.attachments, *request.facts.assets)}
    known = [here[one] for one in files if one in here]
    return (ordered_first(request.wish.blank_quotes, known) or files) if len(known) == len(files) else files


def _music(request: Request) -> str | None:
    """The attached or named sound that the cut shall follow."""
    named = any((kind_of_extension(m.group("ext")) or "") == "audio" for m in FILE_NAME.finditer(request.text))
    attached = any(file.kind == "audio" for file in request.facts.attachments)
    if not named and not (attached and _MUSICAL.search(request.wish.blank_quotes)):
        return None
    return find_file(request, "audio")


def instruction_of(request: Request) -> str:
    """The wish's own words, without politeness."""
    return request.command.strip(" .!")


_ROUGH = re.compile(
    r"\b(?:preview|draft|low[- ]res(?:olution)?|rough(?:ly)?|quick(?:ly)? (?:look|version|one)|small version|"
    r"real quick|anteprima|bozza|"
    r"bassa risoluzione)\b",
    re.IGNORECASE,
)


def render_timeline(request: Request) -> list[Call]:
    """timeline."""
    args: dict[str, Any] = {"timeline": need_file(request, "timeline", "which_timeline")}
    if size := slots.size(request.wish.blank_quotes):
        args["width"], args["height"] = size[0], size[1]
    if _ROUGH.search(request.wish.blank_quotes):
        args["preview"] = True
    return [Call("render_timeline", args)]


def export_timeline(request: Request) -> list[Call]:
    """timeline, format."""
    text = FILE_NAME.sub(" ", request.wish.blank_quotes)
    args: dict[str, Any] = {"timeline": need_file(request, "film", "which_timeline")}
    found = lexicon().group("formats").names(text)
    if found:
        target = re.search(
            (
                r"\b(?:as|to|into|in|format|come|for|per)\s+(?:an?\s+|the\s+|"
                rf"un\s+)?({lexicon().group('formats').pattern})\b"
            ),
            text,
            re.I,
        )
        args["format"] = lexicon().group("formats").canonical(target.group(1)) if target else found[-1]
    return [Call("export_timeline", args)]


def remix_style(request: Request) -> list[Call]:
    """video, style."""
    text = request.wish.blank_quotes
    found = slots.style(text, request.facts.styles, bare=True)
    looks = lexicon().group("film_looks").names(text)
    style = request.answers.get("style", "").strip() or (found[0] if found else looks[0] if looks else "")
    if not style:
        like = re.search(
            r"\b(?:(?:look|feel|seem)s? (?:more )?like|sembrare|sembri|come (?:se fosse|fosse)|as|into|in|stile|"
            r"tipo)\s+(?:an?\s+|the\s+|un[oa]?\s+)?([^,.;?!]+?)(?:\s+(?:version|style|look))?[.!?]*$",
            request.command,
            re.I,
        )
        style = like.group(1) if like and not re.search(r"\b(?:video|clip|film|style)\b", like.group(1), re.I) else ""
    if not style and (named := look_names().search(text)):
        style = named.group()
    two = _film_like_another(request)
    video = two[0] if two else need_file(request, "video", "which_video")
    reference = two[1] if two else _reference(request, video)
    if reference:
        style = found[0] if found else ""
    elif not style:
        raise Ask("style", "need_style", tuple(request.facts.styles[:5]) or ("watercolor", "anime", "comic", "noir"))
    args: dict[str, Any] = {"video": video}
    if style:
        args["style"] = style
    if reference:
        args["reference"] = reference
    if two and _PACE.search(text):
        args["pacing"] = "recut"
    return [Call("remix_style", {**args, **look_details(request.wish.blank_quotes)[0]})]


_PACE = re.compile(r"\b(?:pac(?:e|ing)|rhythm|cutting|shot lengths?|tempo|ritmo|montaggio)\b", re.IGNORECASE)
_ALIKE = re.compile(
    r"\b(?:match\w*|like|same|look of|style of|colou?rs (?:of|from)|come|stess[oi]|uguale|colori d\w+|stile d\w+)\b",
    re.I,
)


def _film_like_another(request: Request) -> tuple[str, str] | None:
    """(film, its model) of 'make a.mp4 match the look of b.mp4': two films by name, the second is the model."""
    text = request.wish.text
    names = [m for m in FILE_NAME.finditer(text) if kind_of_extension(m["ext"]) == "video"]
    if len(names) != 2 or not (like := _ALIKE.search(text)) or not names[0].start() < like.start() < names[1].start():
        return None
    files = {file.name.casefold(): file.id for file in (*request.facts.attachments, *request.facts.assets)}
    first, second = (files.get(m.group().casefold(), m.group()) for m in names)
    return first, second


def _reference(request: Request, video: str) -> str | None:
    """The picture (or second film) whose look is wanted: one that is named, or attached beside the film."""
    text = request.wish.blank_quotes
    like = re.search(
        r"\b(?:like|look of|colou?rs (?:of|from)|grade of|palette of|match(?:es|ing)?|come|colori d\w+|"
        r"in the style of)\b",
        text, re.I,
    )  # fmt: skip
    pictures = any((kind_of_extension(m.group("ext")) or "") == "image" for m in FILE_NAME.finditer(request.text))
    attached = [file for file in request.facts.attachments if file.kind == "image"]
    nouns = r"\b(?:picture|photo|image|painting|frame|reference|immagine|foto|quadro|riferimento)\b"
    shown = re.search(nouns, text, re.I)
    if like and (pictures or (attached and shown)):
        found = find_file(request, "image")
        return found if found != video else None
    return None


_OF_FILM = re.compile(
    r"(?:this|that|the|my|our|quest[oa]|il|lo|la|quel|mio|last|attached|\s)+(?:videos?|clips?|films?|movies?|footage|"
    r"short|trailer|teaser|montage|filmat[oi])\b|(?:it|this)\b",
    re.IGNORECASE,
)
"""A topic that is the film at hand: 'this clip as a nature documentary'."""


def make_parody(request: Request) -> list[Call]:
    """video or topic, recipe, tone, seconds, language."""
    text = request.wish.blank_quotes
    args: dict[str, Any] = {}
    refers = re.search(
        (
            r"\b(?:this|that|the|my|attached|last|questo|il|mio)\s+(?:\w+\s+)?(?:video|clip|film|movie|"
            r"footage|short|trailer|commercial|ad|filmato)\b|\b(?:it|this)\b[.!]?$|out of this|"
            r"\b(?:turn|make|recut|transform|change) (?:it|this)\b|\b(?:fanne|fallo|trasformalo|rendilo)\b"
        ),
        text,
        re.I,
    )
    topic = _LIKE.sub("", request.answers.get("topic", "").strip() or _topic(request))
    attached = any(file.kind == "video" for file in request.facts.attachments) or FILE_NAME.search(text)
    video = find_file(request, "video") if refers or attached or _OF_FILM.match(topic) else None
    if video and (attached or not topic or _OF_FILM.match(topic)):
        args["video"] = video
    elif topic:
        args["topic"] = topic
    else:
        raise Ask("topic", "need_topic")
    said = text.replace(topic, " ") if args.get("topic") else text
    if "video" in args and (recipe := lexicon().group("parody_recipes").first(said)):
        args["recipe"] = recipe
    tone = lexicon().group("tones").first(said)
    if tone:
        args["tone"] = tone
    if length := slots.seconds(text):
        args["seconds"] = int(length) if length.is_integer() else length
    # It speaks the language that is asked for, else the one of the wish; English is what it has without a word.
    if language := slots.language(text) or (request.wish.language if request.wish.language == "it" else None):
        args["language"] = language
    return [Call("make_parody", args)]


_LIKE = re.compile(
    r"(?:^|[\s,]+)(?:as|like|in the (?:style|manner) of|come|in stile)\s+(?:an?\s+|the\s+|un[oa]?\s+)?"
    r"(?:nature documentary|cooking show|(?:\w+\s+)?trailer|news(?: report| broadcast)?|soap opera|silent film|"
    r"commercial|"
    r"documentario|telegiornale|telenovela|film muto)\s*$",
    re.IGNORECASE,
)
"""The form that a parody takes, behind what it is of."""


def _topic(request: Request) -> str:
    match = re.search(
        r"\b(?:parody|spoof|satire|send-up|version|mockumentary|parodia|satira|presa in giro|take|fun|advert|"
r"broadcast|video)\s+(?:of|about|on|for|at|su|sui|sulle|di|del|dei|delle|della|un|in "
r"giro)\s+(.+)$|"
        r"^\W*(?:spoof|parody|parodize|ridicule|mock)\s+(.+)$|\b(?:prendi in giro)\s+(.+)$",
        request.command, re.I,
    )  # fmt: skip
    if not match:
        return ""
    topic = next(group for group in match.groups() if group)
    topic = re.sub(
        (
            rf"[\s,]*\b(?:(?:in|for|lasting|about)\s+)?{slots.NUMBER}[\s-]*(?:seconds?|secs?|s|secondi|"
            r"minutes?)\b(?:\s+long)?"
        ),
        "",
        topic,
        flags=re.I,
    )
    topic = re.sub(r"[\s,]*\b(?:with\s+an?\s+\w+\s+tone|tone\s+\w+|in\s+an?\s+\w+\s+tone)\b", "", topic, flags=re.I)
    topic = re.sub(
        rf",\s*(?:very\s+|tono\s+)?(?:{lexicon().group('tones').pattern})\b(?:\s+tone)?", "", topic, flags=re.I
    )
    topic = slots.tidy(topic.rstrip(" .!"))
    vague = re.fullmatch(
        r"(?:(?:the|this|that|my|attached|a|it|questo|il)\s*)*(?:video|clip|film|movie|footage|filmato)?", topic, re.I
    )
    return "" if vague else topic
