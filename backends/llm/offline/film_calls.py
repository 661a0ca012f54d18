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
    r"(?:that |which )?(?:explains?|explaining|describes?|describing|teach(?:es|ing))|to explain|spiega|"
    r"starring|called|titled|based on|su|sul|sulla|sull'|di|con|dove|in cui|che racconta|che "
    r"parla di|per|"
    r"the story of|la storia di)"
)
_LENGTH = (
    rf"(?:{slots.NUMBER}(?:[.,]\d+)?|half\s+a|an?|one|un|mezzo)[\s-]*(?:seconds?|secs?|s|secondi|"
    r"minutes?|mins?|minut[oi])"
)
_ABOUT = (
    r"(?:(?:about|around|roughly|approximately|circa|some|maybe|only|just|exactly|max|at most|up to|"
    r"no (?:more|longer) than|almost|nearly|(?:let['’]s\s+)?say|pi[uù] o meno|quasi)\s+)*"
)
_SO = (
    r"(?:\s+(?:long|or so|or thereabouts|or less|at most|max|in (?:length|total|all)|tops|circa|o gi[uù] di l[iì]|"
    r"please)\b)*"
)
_TIMED = rf"{_ABOUT}{_LENGTH}\b{_SO}"
"""A length as people say it: 'about 20 seconds', 'half a minute or so'."""
_LASTING = (
    r"(?:(?:in|for|lasting|running|of|di|da|per|make it|keep it(?: to)?|"
    r"(?:that|which) (?:lasts|runs|takes|is)|che dur[ai]|deve durare|"
    r"(?:it|the \w+) (?:should|must|can|may|has to|needs to) (?:be|last|run|take)|"
    r"(?:total )?(?:length|duration|durata):?)\s+)"
)
_PIECE = (
    rf"(?:{_FILM}|spots?|commercials?|advert(?:isement)?s?|ads?|promos?|teasers?|reels?|scenes?|sequences?|"
    r"pieces?|storia)"
)
_START = (
    r"(?:make|create|produce|shoot|direct|generate|film|animate|do|give|tell|write|draft|draw|"
    r"sketch|prepare|plan|design|outline|lay out|need|want|have|bring|turn|see|like|"
    r"fai|fammi|crea|gira|realizza|produci|genera|voglio|vorrei|raccontami|scrivi|prepara|disegna|anima|pianifica)"
)
_TRAILING = re.compile(
    (
        rf"[\s,;.(–—]+(?:{_LASTING}?{_TIMED}|"
        rf"{slots.NUMBER}\s+(?:shots|panels|frames|inquadrature)|make it (?:an?\s+)?{_FILM}|turn (?:it|"
        rf"this|that) into (?:an?\s+)?(?:{_FILM}|{_BOARD})|as (?:an?\s+)?(?:{_FILM}|{_BOARD})|in un "
        r"(?:film|filmato)|please|"
        r"(?:(?:but|and)\s+)?(?:don['’]?t|do not|without)\s+(?:render|shoot|film|animat|mak)\w*"
        r"(?:\s+(?:it|anything|(?:a|the) \w+))?(?:\s+yet)?|no (?:film|video|animation|render\w*)(?:\s+yet)?|"
        r"(?:just|only) the (?:boards?|storyboard|plan))[\s.)!]*$"
    ),
    re.IGNORECASE,
)

_LEADING = re.compile(
    (
        rf"[\s,:;(–—-]*(?:an?\s+|the\s+|our\s+|my\s+|un[oa]?\s+)?{_LASTING}?{_TIMED}[\s)]*"
        rf"(?:(?:[\w-]+\s+){{0,2}}?{_PIECE}\s*(?:[:,]|{_LINK}\b)|[,:;.–—])\s*(?=\S)"
    ),
    re.IGNORECASE,
)
_LEADING_PIECE = re.compile(rf"\s*(?:an?|the|our|my|un[oa]?)\s+(?:[\w-]+\s+){{0,2}}?{_PIECE}\s+{_LINK}\s+(?=\S)", re.I)
_ASIDE = re.compile(rf"\s*\(\s*{_LASTING}?{_TIMED}\s*\)|(?<=[.;!?])\s+{_LASTING}{_TIMED}\s*[.;!](?=\s)", re.IGNORECASE)


def make_film(request: Request) -> list[Call]:
    """story, seconds, style."""
    if again := _film_again(request):
        return [again]
    story, command = _story(request, _FILM)
    args: dict[str, Any] = {"story": story}
    length = slots.seconds(command) or _length_of_piece(request)
    if length:
        args["seconds"] = int(length) if length.is_integer() else length
    if style := _style(request, command, story):
        args["style"] = style
    return [Call("make_film", args)]


_AGAIN = re.compile(
    r"(?:once more|again|(?:do |make |try )?(?:the )?same(?: (?:one|thing|film|movie|video|story))?|ancora(?: "
    r"una volta)?|di nuovo|"
    r"lo stesso(?: film)?)\b[\s,]*(?:again\b|please\b|but\b|ma\b|and\b|only\b|just\b|now\b|this time\b|[\s,])*",
    re.IGNORECASE,
)


def _film_again(request: Request) -> Call | None:
    """'Again but with a dog', 'the same in 20 seconds': the film made last with what is new; None for other wishes."""
    match = _AGAIN.match(request.command)
    last = next((call for call in reversed(request.recent) if call.tool == "make_film"), None)
    if match is None or last is None or not last.args.get("story"):
        return None
    args, rest = dict(last.args), request.command[match.end() :].strip(" .!,")
    if length := slots.seconds(rest):
        args["seconds"] = int(length) if length.is_integer() else length
        rest = re.sub(rf"{_LASTING}?{_TIMED}", " ", rest, count=1, flags=re.IGNORECASE).strip(" ,.")
    if style := _style(request, rest, ""):
        args["style"], rest = style, ""
    if rest:
        args["story"] = f"{str(args['story']).rstrip(' .')}, {rest}"
    return Call("make_film", args)


def write_storyboard(request: Request) -> list[Call]:
    """story, shots, seconds, style."""
    story, command = _story(request, _BOARD)
    args: dict[str, Any] = {"story": story}
    if shots := slots.shots(command):
        args["shots"] = shots
    if length := slots.seconds(command) or _length_of_piece(request):
        args["seconds"] = int(length) if length.is_integer() else length
    if style := _style(request, command, story):
        args["style"] = style
    return [Call("write_storyboard", args)]


_OF_PIECE = re.compile(rf"\b(?P<length>{_LENGTH})[\s-]+(?:long\s+)?(?:[\w-]+\s+){{0,3}}?{_PIECE}\b", re.IGNORECASE)


def _length_of_piece(request: Request) -> float | None:
    """The length that stands before the word for the film, wherever the wish says it: 'a two-minute short'."""
    match = None if request.answers.get("story") else _OF_PIECE.search(request.wish.blank_quotes)
    return slots.seconds(match["length"]) if match else None


def _story(request: Request, medium: str) -> tuple[str, str]:
    """(the story as typed, the command around it). Raises Ask when the wish tells none."""
    if answer := request.answers.get("story"):
        return answer.strip(), request.command
    wish = request.wish
    text, start = wish.text, wish.command_start
    end = start + _command_length(text[start:], medium)
    if leading := _LEADING.match(text, end) or (_LEADING_PIECE.match(text, end) if medium == _BOARD else None):
        end = leading.end()
    if re.fullmatch(rf"\s*{_LASTING}?{_TIMED}[\s.!]*", text[end:], re.IGNORECASE):
        end = len(text)
    body = _without_trailing(text[end:])
    while (
        (style := slots.style(body, request.facts.styles)) and not body[style[1][1] :].strip(" .!") and style[1][0] > 0
    ):
        body = _without_trailing(body[: style[1][0]].rstrip(" ,"))
    story_end = end + len(body)
    command = f"{text[start:end]} {text[story_end:]}"
    story = wish.raw_slice(end, story_end)
    if aside := _ASIDE.search(body):
        command += aside.group()
        story = wish.raw_slice(end, end + aside.start()) + wish.raw_slice(end + aside.end(), story_end)
    story = story.strip(" \n\t,:;-–—")
    if story and not _empty(story):
        return story, command
    if told := _told_before(request):
        return told, request.command
    raise Ask("story", "need_story")


def _without_trailing(body: str) -> str:
    """The story without the length, the number of shots and the like said after it."""
    while match := _TRAILING.search(body):
        body = body[: match.start()]
    return body


def _command_length(text: str, medium: str) -> int:
    """How far the command reaches before the story begins."""
    head = (
        r"^(?:for\s+[^,.:]{2,50}?,?\s+(?=(?:i|we)\b))?(?:(?:i|we|io)(?:'d|’d| would| want| need| have)?\s+(?:like\s+|"
        r"love\s+)?(?:an?\s+idea\s+for\s+)?)?(?:(?:let's|please|just|now|"
        rf"the)\s+)*(?:{_START}\s+)*(?:(?:me|us|it|up|out|down|mi)\s+)*(?:(?:do|shoot|make)\s+)?"
    )
    filler = r"(?:(?!\b(?:about|where|who|that|called)\b)[\w'’-]+(?:\.\d+)?[,\s]+){0,9}?"
    tail = (
        rf"(?:[\s,]+(?:(?:in|con|with)\s+)?(?:the\s+)?(?:style|look|manner)\s+of"
        rf"(?:\s+(?!(?:about|who|{_LINK})\b)[\w'’-]+){{1,4}}(?=\s*[,.:;]|\s+{_LINK}\b)"
        rf"|[\s,(]+{_LASTING}?{_TIMED}\)?(?!\s+of\b)"
        rf"|[\s,]+(?:(?:in|con|with|of|di|da)\s+)?(?:the\s+|an?\s+)?(?:{_LENGTH}|"
        rf"{slots.NUMBER}\s+(?:shots|panels|frames|boards|inquadrature|vignette|pictures)|(?:in|nello?|"
        rf"con)\s+(?:the\s+|an?\s+)?(?:[\w-]+\s+){{1,2}}(?:style|look)|(?:in|nello|"
        r"con)\s+stile\s+[\w-]+|style of [\w-]+))*"
    )
    if bare := re.match(
        rf"{head}{filler}{medium}\b(?:\s+(?:now|then|please|too|again|adesso|ora))*{tail}[\s.!?]*$", text, re.I
    ):
        return bare.end()
    shapes = (
        rf"^(?:[\w-]+\s+)?{medium}(?:\s+please)?\s*[,:]?\s*{_TIMED}\s*(?:[,:.–—-]\s*)?(?:{_LINK}\b)?\s*(?=\S)",
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
        rf"^{_TIMED}(?:\s+(?:of|about|di|su)\s+|\s*[,:]\s*)",
        r"^(?:story\s?board|board)\s+(?=(?:an?|the|my|our)\s)",
        rf"^{medium}\s*(?:[:–—-]|\b{_LINK}\b)\s*",
    )
    for shape in shapes:
        match = re.match(shape, text, re.IGNORECASE)
        if match:
            return match.end()
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
    if not re.search(
        r"\b(?:it|this|that|the|same|again|my|quest[oa]|la|il|lo)\b", request.wish.blank_quotes, re.IGNORECASE
    ):
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
