"""The words to be spoken and who says them, out of a wish about one line."""

from __future__ import annotations

import re

from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.references import called_on, find_character
from backends.llm.offline.repeats import last_line, repeats_line
from backends.llm.offline.request import Request
from backends.llm.offline.wish import find_quotes, guess_language

SAYING = (
    r"(?:say|says|saying|speak|speaks|speaking|whisper|whispers|whispering|shout|shouts|shouting|"
    r"yell|yells|yelling|scream|screams|screaming|read|reads|reading|"
    r"narrate|narrating|recite|reciting|pronounce|announce|announces|announcing|declare|declares|"
    r"declaring|utter|mutter|mutters|muttering|mumble|mumbling|murmur|murmuring|exclaim|exclaiming|"
    r"repeat|repeating|sing|sings|singing|cry|cries|crying|tell(?: us)?|voice|ask|asks|answer|answers|reply|replies|"
    r"di'|di’|dì|dica|dice|dire|leggi|leggere|sussurra|sussurrare|grida|gridare|urla|urlare|"
    r"pronuncia|pronunciare|recita|narra|annuncia|ripete|ripeti|chiede|risponde)(?!\w)"
)
_TAIL = re.compile(
    (
        r"[\s,]*\b(?:as\s+(?:the\s+|our\s+)?[\w'-]+|(?:in|with|using|con)\s+(?:an?\s+|the\s+|his\s+|"
        r"her\s+|la\s+|una\s+)?(?:[\w'’-]+\s+){0,3}(?:voice|tone|voce|accent|way|tono)(?:\s+(?:di|del|"
        r"della)\s+[\w'-]+|\s+\w+)?"
        r"|in\s+(?:english|italian|italiano|inglese|german|french|spanish)|out loud|aloud|ad alta "
        r"voce|slowly|quickly|lentamente|please|for me|by\s+(?:the\s+)?[\w'-]+)\s*[.!]?$"
    ),
    re.IGNORECASE,
)
_NAME = r"(?:[Tt]he\s+|[Ii]l\s+|[Ll]a\s+|[Ll]o\s+|[Oo]ur\s+|[Aa]\s+)?[^\W\d_][\w'’-]*"
_PRONOUN = re.compile(r"\b(?:him|her|he|she|it|lui|lei|fa(?:llo|lla)|fagli|falle)\b", re.IGNORECASE)
NOT_NAMES = frozenset(map(str, lexicon().words["not_names"]))


def spoken_text(request: Request) -> str:
    """The words to be said: quoted, after the verb or a colon, or those of the last line."""
    if answer := request.answers.get("text"):
        quotes = find_quotes(answer)
        return quotes[0].content if quotes else answer.strip()
    if request.wish.quotes:
        return " ".join(quote.content for quote in request.wish.quotes)
    command = request.wish.raw_slice(request.wish.command_start)
    if repeats_line(request):
        return last_line(request)[0]
    colon = re.match(
        rf"^(?=.*?\b(?:{SAYING}|voice ?over|narration|line|tts|speech|battuta|frase|text)\b)[^:]{{1,80}}:\s*(.+)$",
        command,
        re.I | re.S,
    )
    if colon:
        return _trim(colon.group(1))
    matches = list(
        re.finditer(
            (
                rf"\b(?:{SAYING}|narration saying|the words|the line|something like|la frase|la "
                r"battuta)\s*(?:,|that\s|che\s|to\s+(?:us|me|everyone)\s|out loud\s|something like\s|the "
                r"(?:line|words|sentence|text)\s)*\s*(.*)$"
            ),
            command,
            re.I | re.S,
        )
    )
    rest = _trim(matches[0].group(1)) if matches else ""
    if _NO_WORDS.fullmatch(rest):
        return ""
    if re.fullmatch(
        r"(?:something|anything|a line|a sentence|some words|qualcosa)(?:\s+(?:nice|funny|cool|else|sad|happy|bello))?",
        rest,
        re.I,
    ):
        return ""
    if re.fullmatch(
        (
            r"(?:it|that|this|the same(?: thing| line)?|that line|this line|la stessa (?:cosa|frase)|"
            r"lo)?(?:\s+(?:again|but|ma|ancora|more|slower|faster|\w+ly|in|with)\b.*)?"
        ),
        rest,
        re.I,
    ):
        last = last_line(request)[0]
        return last if last and (rest or "again" in command.lower()) else ""
    inner = re.match(rf"(?:{_NAME})\s+(?:to\s+)?{SAYING}\s+(?:che\s+|that\s+)?(.+)$", rest, re.I | re.S)
    if inner and matches and re.match(r"(?:tell|dire|di)", matches[0].group(), re.I):
        return _trim(inner.group(1))
    said_by = re.match(r"^(?:a|al|alla|allo|to)\s+(?:the\s+)?[\w'-]+\s+(.+)$", rest, re.I | re.S)
    if said_by and re.search(r"\bdire$", command[: matches[0].start(1)].strip(" ,"), re.I):
        return _trim(said_by.group(1))
    return rest


_NO_WORDS = re.compile(
    r"-?(?:(?:a|an|the|some|one|new|short|another|nice|good|little)\s+)*(?:voice[\s-]+)?(?:lines?|overs?|tracks?|clips?|"
    r"recordings?|messages?|notes?|memos?|takes?|samples?|acting|narration|part|speech)"
    r"(?:\s+(?:now|please|for\s+(?:me|it|this|(?:the|my|our|a)\s+[\w-]+|[A-Z][\w-]+)))*[\s.!?]*",
    re.IGNORECASE,
)
"""What 'a voice line' or 'a voice-over' leaves: a thing to be made, and no words for it."""


def speaker(request: Request, outside: str) -> str | None:
    """Who shall say it: a remembered character, else a name or 'robot' that the wish gives."""
    if known := find_character(request, outside) or called_on(request):
        return known
    if named := named_speaker(outside):
        return named
    return _meant_by_pronoun(request) if _PRONOUN.search(outside) else None


def _meant_by_pronoun(request: Request) -> str | None:
    """'him' is who was drawn or spoke last: in this plan, in the wish before this clause, or in the conversation."""
    shown = [made.args for made in reversed(request.made)] + [call.args for call in reversed(request.recent)]
    for args in shown:
        if who := args.get("character"):
            return str(who)
    before = request.whole.text[: max(0, request.whole.text.find(request.wish.text))]
    if known := find_character(request, before):
        return known
    newest = request.facts.assets[0].text if request.facts.assets else ""
    if not before.strip() and newest and (drawn := find_character(request, newest)):
        return drawn
    names = [n for n in re.findall(r"(?<=[a-z,] )[A-Z][\w-]+", before) if n.lower() not in NOT_NAMES]
    if names:
        return str(names[-1])
    nouns = re.findall(rf"\b(?:{'|'.join(lexicon().words['character_nouns'])})\b", before, re.I)
    return str(nouns[-1]).lower() if nouns else None


def named_speaker(text: str) -> str | None:
    """A name that stands where a speaker stands: 'as Luca', 'in the robot's voice', 'Luca says'."""
    shapes = (
        r"\b[Aa]s\s+(?:the\s+|our\s+|an?\s+)?([^\W\d_][\w-]*)",
        r"\b(?:[Ii]n|[Ww]ith)\s+(?:the\s+)?([^\W\d_][\w-]*)['’]s\s+(?:\w+\s+)?voice",
        r"\b(?:voce|labbra|bocca) (?:di|del|della|dell')\s?(?:il\s+|la\s+)?([^\W\d_][\w-]*)",
        (
            r"\b(?:[Ll]et|[Mm]ake|[Hh]ave|[Gg]et)\s+(?:the\s+|our\s+|my\s+|"
            r"old\s+)*([^\W\d_][\w-]*)(?:['’]s)?\s+(?:\w+\s+){0,2}?(?:to\s+)?(?:"
        )
        + SAYING[3:-1]
        + r"|lips|mouth)\b",
        (
            r"\b[Ff](?:ai|a)\s+(?:dire|sussurrare|gridare|urlare|leggere|parlare|salutare)\s+(?:a|al|alla|"
            r"allo|il|la)?\s*([^\W\d_][\w-]*)"
        ),
        r"\b(?:spoken|said|voiced|by)\s+by\s+(?:the\s+)?([^\W\d_][\w-]*)",
        r"\b(?:of|from)\s+([A-Z][\w-]*)\s+(?:saying|shouting|whispering|yelling|speaking)",
        (
            r"\b([A-Z][\w-]*|[Tt]he \w+|[Ii]l \w+|[Ll]a \w+)\s+(?:says|shouts|whispers|yells|dice|urla|"
            r"grida|sussurra|saying|shouting)\b"
        ),
        r"\b(?:on|for|su|per|di)\s+([A-Z][\w-]*)(?:['’]s)?\b",
        r"\b(?:record|hear|animate|lip-?sync)\s+(?:the\s+)?([A-Z][\w-]*)(?:['’]s)?\b",
    )
    for shape in shapes:
        for match in re.finditer(shape, text):
            name = re.sub(r"^(?:the|il|la)\s+", "", match.group(1), flags=re.I)
            if (
                name.lower() not in NOT_NAMES
                and not lexicon().group("emotions").first(name)
                and not lexicon().group("languages").first(name)
            ):
                return name
    return None


_ENGINES = (
    ("gpt_sovits", r"gpt[\s_-]*so-?vits|so-?vits"),
    ("qwen3_tts", r"qwen[\s_-]*3?(?:[\s_-]*tts)?"),
    ("espeak", r"e-?speak(?:[\s_-]*ng)?"),
    (
        "auto",
        r"(?:automatic|default|usual|any|free) (?:voice )?engine|engine (?:freely|by itself)|"
        r"motore (?:automatico|predefinito|qualsiasi)",
    ),
)


def engine_in(text: str) -> str | None:
    """The voice engine that a wish names, as the tools call it; None when it names none."""
    return next((name for name, words in _ENGINES if re.search(rf"\b(?:{words})\b", text, re.IGNORECASE)), None)


def outside_of(request: Request, text: str) -> str:
    """The wish without the words to be said."""
    if request.wish.quotes:
        return request.wish.blank_quotes
    place = request.text.rfind(text) if text else -1
    return f"{request.text[:place]} {request.text[place + len(text) :]}" if place >= 0 else request.text


_BOTH = re.compile(r"\b(?:come|in|a|no|me|do)\b", re.IGNORECASE)
"""Words of both languages: 'Come in' is no Italian."""


def language_of(text: str) -> str | None:
    """Only Italian is told by its words: an English line needs no mark, and short foreign ones prove nothing."""
    plain = _BOTH.sub(" ", text)
    return "it" if plain.strip(" .!?,") and guess_language(plain) == "it" else None


def _trim(text: str) -> str:
    """The spoken words without 'as Luca', 'in a sad voice', trailing adverbs of feeling."""
    text = text.strip().strip('"“”«»')
    before = None
    while before != text:
        before = text
        text = _TAIL.sub("", text).strip()
        found = lexicon().group("emotions").find_all(text)
        if (
            found
            and found[-1][1].end() == len(text.rstrip(" .!"))
            and found[-1][1].group().lower().endswith(("ly", "mente", "ing"))
        ):
            text = text[: found[-1][1].start()].rstrip(" ,")
    return text.strip(" ,")
