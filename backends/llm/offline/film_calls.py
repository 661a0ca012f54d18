"""Calls that tell stories: storyboards and films."""

from __future__ import annotations

import re
from typing import Any

from backends.llm.offline import slots
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.request import Ask, Call, Request

_FILM = (
    r"(?:short\s+films?|short\s+movies?|animated\s+shorts?|animated\s+films?|animated\s+movies?|"
    r"animated\s+stor(?:y|ies)|mini\s+movies?|films?|movies?|shorts?|animations?|cartoons?|"
    r"videos?|clips?|anime|trailers?|"
    r"film noir|cortometragg\w+|cort[oi]|filmat[oi]|filmin[oi]|filmett\w+|animazion[ei]|cartoni? "
    r"animat[oi]|carton[ei]|video)"
)
_BOARD = (
    r"(?:story\s?boards?|boards?|shot\s?lists?|animatics?|shot[\s-]by[\s-]shot\s+plan|"
    r"visual\s+plan|shots|panels|sequence of shots|lista (?:delle )?inquadrature|inquadrature|"
    r"vignette)"
)
_LINK = (
    r"(?:about|of|where|in which|with|on|for|that tells(?: of)?|telling(?: how)?|showing|from|"
    r"starring|called|titled|based on|su|sul|sulla|sull'|di|con|dove|in cui|che racconta|che "
    r"parla di|per|"
    r"the story of|la storia di)"
)
_LENGTH = (
    rf"(?:{slots.NUMBER}(?:[.,]\d+)?|half\s+a|an?|one|un|mezzo)[\s-]*(?:seconds?|secs?|s|secondi|"
    r"minutes?|mins?|minut[oi])"
)
_START = (
    r"(?:make|create|produce|shoot|direct|generate|film|animate|do|give|tell|write|draft|draw|"
    r"sketch|prepare|plan|design|outline|lay out|need|want|have|bring|turn|see|like|"
    r"fai|fammi|crea|gira|realizza|produci|genera|voglio|vorrei|raccontami|scrivi|prepara|disegna|anima|pianifica)"
)
_TRAILING = re.compile(
    (
        rf"[\s,;.(]+(?:(?:about\s+|circa\s+|in\s+|for\s+|lasting\s+)?{_LENGTH}(?:\s+long)?|"
        rf"{slots.NUMBER}\s+(?:shots|panels|frames|inquadrature)|make it (?:an?\s+)?{_FILM}|turn (?:it|"
        rf"this|that) into (?:an?\s+)?(?:{_FILM}|{_BOARD})|as (?:an?\s+)?(?:{_FILM}|{_BOARD})|in un "
        r"(?:film|filmato)|please|no film yet)[\s.)!]*$"
    ),
    re.IGNORECASE,
)


def make_film(request: Request) -> list[Call]:
    """story, seconds, style."""
    story, command = _story(request, _FILM)
    args: dict[str, Any] = {"story": story}
    length = slots.seconds(command)
    if length:
        args["seconds"] = int(length) if length.is_integer() else length
    if style := _style(request, command, story):
        args["style"] = style
    return [Call("make_film", args)]


def write_storyboard(request: Request) -> list[Call]:
    """story, shots, seconds, style."""
    story, command = _story(request, _BOARD)
    args: dict[str, Any] = {"story": story}
    if shots := slots.shots(command):
        args["shots"] = shots
    if length := slots.seconds(command):
        args["seconds"] = int(length) if length.is_integer() else length
    if style := _style(request, command, story):
        args["style"] = style
    return [Call("write_storyboard", args)]


def _story(request: Request, medium: str) -> tuple[str, str]:
    """(the story as typed, the command around it). Raises Ask when the wish tells none."""
    if answer := request.answers.get("story"):
        return answer.strip(), request.command
    wish = request.wish
    text, start = wish.text, wish.command_start
    end = start + _command_length(text[start:], medium)
    story_end = len(text)
    body = text[end:]
    while match := _TRAILING.search(body):
        body = body[: match.start()]
    while (
        (style := slots.style(body, request.facts.styles)) and not body[style[1][1] :].strip(" .!") and style[1][0] > 0
    ):
        body = body[: style[1][0]].rstrip(" ,")
        while match := _TRAILING.search(body):
            body = body[: match.start()]
    story_end = end + len(body)
    story = wish.raw_slice(end, story_end).strip(" \n\t,:;-–—")
    command = f"{text[start:end]} {text[story_end:]}"
    if story and not _empty(story):
        return story, command
    if told := _told_before(request):
        return told, request.command
    raise Ask("story", "need_story")


def _command_length(text: str, medium: str) -> int:
    """How far the command reaches before the story begins."""
    head = (
        r"^(?:(?:i|we|io)(?:'d|’d| would| want| need| have)?\s+(?:like\s+|"
        r"love\s+)?(?:an?\s+idea\s+for\s+)?)?(?:(?:let's|please|just|now|"
        rf"the)\s+)*(?:{_START}\s+)*(?:(?:me|us|it|up|out|down|mi)\s+)*(?:(?:do|shoot|make)\s+)?"
    )
    filler = r"(?:(?!\b(?:about|where|who|that|called)\b)[\w'’-]+(?:\.\d+)?[,\s]+){0,9}?"
    tail = (
        rf"(?:[\s,]+(?:(?:in|con|with|of|di|da)\s+)?(?:the\s+|an?\s+)?(?:{_LENGTH}|"
        rf"{slots.NUMBER}\s+(?:shots|panels|frames|boards|inquadrature|vignette|pictures)|(?:in|nello?|"
        rf"con)\s+(?:the\s+|an?\s+)?(?:[\w-]+\s+){{1,2}}(?:style|look)|(?:in|nello|"
        r"con)\s+stile\s+[\w-]+|style of [\w-]+))*"
    )
    shapes = (
        rf"{head}{filler}{medium}\b{tail}\s*(?:[:–—]|-\s|,?\s*\b{_LINK}\b:?|[,.]\s+(?=\S))\s*",
        (
            r"^(?:storyboard|story board|film|shoot|animate|anima|board)\s+(?:this|the story|the "
            r"following|that|questo|this story)?\s*[:,]\s*"
        ),
        (
            r"^(?:break|split|divide|turn|dividi|trasforma)\s+(?:down\s+)?(?:this|the|my|questa|la|this "
            r"short)?\s*(?:story|script|idea|tale|text|scene|storia|sceneggiatura)?\s*(?:down\s+)?(?:into|"
            rf"in)?\s*(?:an?\s+)?(?:{slots.NUMBER}\s+)?(?:[\w-]+\s+){{0,2}}?(?:{medium}|shots|panels|film|"
            r"movie)\s*[:,]\s*"
        ),
        r"^(?:bring|turn|make)\s+(?:this|my|the)\s+(?:story|idea|tale)\s+(?:to life|into [^:,]{1,40}?)\s*[:,]\s*",
        rf"^(?:{_START}\s+)(?:me\s+|us\s+)?(?:an?\s+)?(?:\w+\s+)?(?:scene|story)\s+(?:where|in which|about|with)\s+",
        r"^(?:animate|film|shoot|anima|gira|tell me|tell|raccontami)\s+",
        rf"^{_LENGTH}\s+(?:of|about|di|su)\s+",
        rf"^{medium}\s*(?:[:–—-]|\b{_LINK}\b)\s*",
    )
    for shape in shapes:
        match = re.match(shape, text, re.IGNORECASE)
        if match:
            return match.end()
    bare = re.match(rf"{head}{filler}{medium}\b{tail}[\s.!?]*$", text, re.IGNORECASE)
    if bare:
        return len(text)
    return 0


def _empty(story: str) -> bool:
    return re.fullmatch(
        (r"(?:(?:it|this|that|the|a|an|now|one|my|script|story|idea|storyboard|boards?|film|movie|"
r"short|something|nice|cool|new|from|as|for|me|of|cartoon|animation|video|clip|una?|storia|"
r"questa|qualcosa|il|un)[\s.!?,]*)*"),
        story, re.IGNORECASE,
    ) is not None  # fmt: skip


def _told_before(request: Request) -> str:
    """The story of an earlier storyboard or film, when the wish only points at it."""
    if not re.search(r"\b(?:it|this|that|the|same|again|my|questa|la)\b", request.wish.blank_quotes, re.IGNORECASE):
        return ""
    for call in reversed(request.recent):
        if call.tool in ("write_storyboard", "make_film") and call.args.get("story"):
            return str(call.args["story"])
    return next((a.text for a in request.facts.assets if a.tool in ("write_storyboard", "make_film") and a.text), "")


def _style(request: Request, command: str, story: str) -> str | None:
    found = slots.style(command, request.facts.styles, bare=bool(re.search(r"\bstyle|stile\b", command, re.I)))
    if found:
        return found[0]
    adjective = re.search(rf"\b({lexicon().group('styles').pattern})\s+{_FILM}\b", command, re.IGNORECASE)
    if adjective:
        return lexicon().group("styles").canonical(adjective.group(1))
    explicit = re.search(r"\b(?:style|stile)\b", story, re.IGNORECASE) and slots.style(story, request.facts.styles)
    return explicit[0] if explicit else None
