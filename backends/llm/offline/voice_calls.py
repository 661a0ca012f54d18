"""Calls about voices: who says what, and how."""

from __future__ import annotations

import re
from typing import Any

from backends.llm.offline import slots
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.references import find_character, find_file, need_file
from backends.llm.offline.request import Ask, Call, Refer, Request
from backends.llm.offline.wish import find_quotes, guess_language

_SAYING = (
    r"(?:say|says|saying|speak|speaks|speaking|whisper|whispers|whispering|shout|shouts|shouting|yell|yells|yelling|scream|screams|screaming|read|reads|"
    r"narrate|recite|pronounce|announce|announces|declare|utter|mutter|mumble|murmur|exclaim|repeat|sing|cry|cries|tell(?: us)?|voice|ask|asks|answer|answers|reply|replies|"
    r"di'|di’|dì|dica|dice|dire|leggi|leggere|sussurra|sussurrare|grida|gridare|urla|urlare|pronuncia|pronunciare|recita|narra|annuncia|ripete|ripeti|chiede|risponde)"
)
_TAIL = re.compile(
    r"[\s,]*\b(?:as\s+(?:the\s+|our\s+)?[\w'-]+|(?:in|with|using|con)\s+(?:an?\s+|the\s+|his\s+|her\s+|la\s+|una\s+)?(?:[\w'’-]+\s+){0,3}(?:voice|tone|voce|accent|way|tono)(?:\s+(?:di|del|della)\s+[\w'-]+|\s+\w+)?"
    r"|in\s+(?:english|italian|italiano|inglese|german|french|spanish)|out loud|aloud|ad alta voce|slowly|quickly|lentamente|please|for me|by\s+(?:the\s+)?[\w'-]+)\s*[.!]?$",
    re.IGNORECASE,
)
_NAME = r"(?:[Tt]he\s+|[Ii]l\s+|[Ll]a\s+|[Ll]o\s+|[Oo]ur\s+|[Aa]\s+)?[^\W\d_][\w'’-]*"
_PRONOUN = re.compile(r"\b(?:him|her|he|she|it|lui|lei|fa(?:llo|lla)|fagli|falle)\b", re.IGNORECASE)
_PRONOUNS = {"him", "her", "it", "them", "he", "she", "they", "lui", "lei", "me", "us", "you", "this", "that", "gli", "le"}
_NOT_NAMES = _PRONOUNS | {
    "text", "line", "lines", "dialogue", "dialogo", "say", "following", "voice", "sentence", "audio", "record", "and", "then", "first", "speak", "read",
    "something", "everyone", "someone", "one", "other", "somebody", "conversation", "please", "quoted", "a", "the", "i", "we", "dialog", "scene",
}  # fmt: skip


def speak(request: Request) -> list[Call]:
    """text, character, emotion, language."""
    lines = _spoken_lines(request)
    if len(lines) >= 2 and len({line["character"] for line in lines if line["character"]}) >= 2:
        return [Call("speak_dialogue", {"lines": lines})]
    text = spoken_text(request)
    if not text:
        raise Ask("text", "need_text")
    args: dict[str, Any] = {"text": text}
    outside = _outside(request, text)
    if who := speaker(request, outside):
        args["character"] = who
    feeling = slots.emotion_of_verb(outside) or slots.emotion(_without_name(outside, args.get("character", "")))
    if feeling:
        args["emotion"] = feeling
    language = slots.language(outside) or _language_of(text)
    if language:
        args["language"] = language
    return [Call("speak", args)]


def speak_dialogue(request: Request) -> list[Call]:
    """lines of {character, text, emotion, language}."""
    if answer := request.answers.get("lines"):
        lines = _lines_in(answer, request)
    else:
        lines = _spoken_lines(request)
    if not lines:
        raise Ask("lines", "need_lines")
    if len(lines) == 1:
        raise Refer("speak")
    return [Call("speak_dialogue", {"lines": lines})]


def clone_voice(request: Request) -> list[Call]:
    """audio, character."""
    audio = need_file(request, "sound", "which_audio")
    return [Call("clone_voice", {"audio": audio, "character": _need_character(request)})]


def build_voice_dataset(request: Request) -> list[Call]:
    """source, character."""
    source = need_file(request, "sound", "which_audio")
    return [Call("build_voice_dataset", {"source": source, "character": _need_character(request)})]


def train_voice(request: Request) -> list[Call]:
    """character."""
    return [Call("train_voice", {"character": _need_character(request)})]


def lip_sync(request: Request) -> list[Call]:
    """audio, text, character."""
    text = request.wish.quotes[0].content if request.wish.quotes else ""
    args: dict[str, Any] = {}
    who = find_character(request) or _named_speaker(request.wish.blank_quotes)
    audio = _audio_for_lips(request)
    if audio is None and text:
        line = speak(request)[0]
        step = len(request.made) + 1
        args = {"audio": f"${step}", "text": text}
        return [line, Call("lip_sync", {**args, **({"character": who} if who else {})})]
    if audio is None:
        audio = need_file(request, "sound", "which_audio")
    args = {"audio": audio, **({"text": text} if text else {}), **({"character": who} if who else {})}
    return [Call("lip_sync", args)]


def analyze_audio(request: Request) -> list[Call]:
    """audio."""
    return [Call("analyze_audio", {"audio": need_file(request, "sound", "which_audio")})]


def spoken_text(request: Request) -> str:
    """The words to be said: quoted, after the verb or a colon, or those of the last line."""
    if answer := request.answers.get("text"):
        quotes = find_quotes(answer)
        return quotes[0].content if quotes else answer.strip()
    if request.wish.quotes:
        return " ".join(quote.content for quote in request.wish.quotes)
    command = request.wish.raw_slice(request.wish.command_start)
    colon = re.match(rf"^(?=.*?\b(?:{_SAYING}|voice ?over|narration|line|tts|speech|battuta|frase|text)\b)[^:]{{1,80}}:\s*(.+)$", command, re.I | re.S)
    if colon:
        return _trim(colon.group(1))
    matches = list(re.finditer(rf"\b(?:{_SAYING}|narration saying|the words|the line|something like|la frase|la battuta)\s*(?:,|that\s|che\s|to\s+(?:us|me|everyone)\s|out loud\s|something like\s|the (?:line|words|sentence|text)\s)*\s*(.*)$", command, re.I | re.S))
    rest = _trim(matches[0].group(1)) if matches else ""
    if re.fullmatch(r"(?:something|anything|a line|a sentence|some words|qualcosa)(?:\s+(?:nice|funny|cool|else|sad|happy|bello))?", rest, re.I):
        return ""
    if re.fullmatch(r"(?:it|that|this|the same(?: thing| line)?|that line|this line|la stessa (?:cosa|frase)|lo)?(?:\s+(?:again|but|ma|ancora|more|slower|faster|\w+ly|in|with)\b.*)?", rest, re.I):
        last = _last_line(request)
        return last if last and (rest or "again" in command.lower()) else ""
    inner = re.match(rf"(?:{_NAME})\s+(?:to\s+)?{_SAYING}\s+(?:che\s+|that\s+)?(.+)$", rest, re.I | re.S)
    if inner and matches and re.match(r"(?:tell|dire|di)", matches[0].group(), re.I):
        return _trim(inner.group(1))
    said_by = re.match(r"^(?:a|al|alla|allo|to)\s+(?:the\s+)?[\w'-]+\s+(.+)$", rest, re.I | re.S)
    if said_by and re.search(r"\bdire$", command[: matches[0].start(1)].strip(" ,"), re.I):
        return _trim(said_by.group(1))
    return rest


def speaker(request: Request, outside: str) -> str | None:
    """Who shall say it: a remembered character, else a name or 'robot' that the wish gives."""
    if known := find_character(request, outside):
        return known
    if named := _named_speaker(outside):
        return named
    return _meant_by_pronoun(request) if _PRONOUN.search(outside) else None


def _meant_by_pronoun(request: Request) -> str | None:
    """'him' is who was drawn or spoke last: in this plan, in the wish before this clause, or in the conversation."""
    for item in (*reversed(request.made), *reversed(request.recent)):
        if who := item.args.get("character"):
            return str(who)
    before = request.whole.text[: max(0, request.whole.text.find(request.wish.text))]
    if known := find_character(request, before):
        return known
    names = [n for n in re.findall(r"(?<=[a-z,] )[A-Z][\w-]+", before) if n.lower() not in _NOT_NAMES]
    if names:
        return str(names[-1])
    nouns = re.findall(rf"\b(?:{'|'.join(lexicon().words['character_nouns'])})\b", before, re.I)
    return str(nouns[-1]).lower() if nouns else None


def _named_speaker(text: str) -> str | None:
    shapes = (
        r"\b[Aa]s\s+(?:the\s+|our\s+|an?\s+)?([^\W\d_][\w-]*)",
        r"\b(?:[Ii]n|[Ww]ith)\s+(?:the\s+)?([^\W\d_][\w-]*)['’]s\s+(?:\w+\s+)?voice",
        r"\b(?:voce|labbra|bocca) (?:di|del|della|dell')\s?(?:il\s+|la\s+)?([^\W\d_][\w-]*)",
        r"\b(?:[Ll]et|[Mm]ake|[Hh]ave|[Gg]et)\s+(?:the\s+|our\s+|my\s+|old\s+)*([^\W\d_][\w-]*)(?:['’]s)?\s+(?:\w+\s+){0,2}?(?:to\s+)?(?:" + _SAYING[3:-1] + r"|lips|mouth)\b",
        r"\b[Ff](?:ai|a)\s+(?:dire|sussurrare|gridare|urlare|leggere|parlare|salutare)\s+(?:a|al|alla|allo|il|la)?\s*([^\W\d_][\w-]*)",
        r"\b(?:spoken|said|voiced|by)\s+by\s+(?:the\s+)?([^\W\d_][\w-]*)",
        r"\b(?:of|from)\s+([A-Z][\w-]*)\s+(?:saying|shouting|whispering|yelling|speaking)",
        r"\b([A-Z][\w-]*|[Tt]he \w+|[Ii]l \w+|[Ll]a \w+)\s+(?:says|shouts|whispers|yells|dice|urla|grida|sussurra|saying|shouting)\b",
        r"\b(?:on|for|su|per|di)\s+([A-Z][\w-]*)(?:['’]s)?\b",
        r"\b(?:record|hear|animate|lip-?sync)\s+(?:the\s+)?([A-Z][\w-]*)(?:['’]s)?\b",
    )
    for shape in shapes:
        for match in re.finditer(shape, text):
            name = re.sub(r"^(?:the|il|la)\s+", "", match.group(1), flags=re.I)
            if name.lower() not in _NOT_NAMES and not lexicon().group("emotions").first(name) and not lexicon().group("languages").first(name):
                return name
    return None


def _need_character(request: Request) -> str:
    text = request.wish.blank_quotes
    name = find_character(request)
    if not name:
        match = re.search(r"(?<!^)(?<![.!?] )\b([A-Z][\w-]+)(?:['’]s)?\b", re.sub(r"\b(?:GPT|TTS|SoVITS|I|LLM|WAV|MP3|GPT-SoVITS)\S*", "", text))
        noun = re.search(rf"\b({'|'.join(lexicon().words['character_nouns'])})(?:'s)?\b", text, re.I)
        name = match.group(1) if match else noun.group(1).lower() if noun else None
    if not name:
        known = tuple(c.name for c in request.facts.characters)
        raise Ask("character", "need_character", known[:6])
    return name


def _audio_for_lips(request: Request) -> str | None:
    quoted = bool(request.wish.quotes)
    attached = any(file.kind in ("audio", "video") for file in request.facts.attachments)
    made = any(item.kind in ("audio", "video") for item in request.made)
    refers = re.search(r"\b(?:this|that|last|the) (?:audio|recording|sound|line|file|speech|wav|clip|voice)|\bit\b|questo audio|ultima battuta", request.wish.blank_quotes, re.I)
    if quoted and not attached and not made and not refers:
        return None
    return find_file(request, "sound")


def _outside(request: Request, text: str) -> str:
    """The wish without the words to be said."""
    if request.wish.quotes:
        return request.wish.blank_quotes
    place = request.text.rfind(text) if text else -1
    return f"{request.text[:place]} {request.text[place + len(text) :]}" if place >= 0 else request.text


def _without_name(text: str, name: str) -> str:
    return re.sub(rf"\b{re.escape(name)}\b", " ", text, flags=re.IGNORECASE) if name else text


def _language_of(text: str) -> str | None:
    """Only Italian is told by its words: an English line needs no mark, and short foreign ones prove nothing."""
    return "it" if guess_language(text) == "it" else None


def _last_line(request: Request) -> str:
    for call in reversed(request.recent):
        if call.tool == "speak":
            return str(call.args.get("text", ""))
    return next((asset.text for asset in request.facts.assets if asset.tool == "speak"), "")


def _trim(text: str) -> str:
    """The spoken words without 'as Luca', 'in a sad voice', trailing adverbs of feeling."""
    text = text.strip().strip("\"“”«»")
    before = None
    while before != text:
        before = text
        text = _TAIL.sub("", text).strip()
        found = lexicon().group("emotions").find_all(text)
        if found and found[-1][1].end() == len(text.rstrip(" .!")) and found[-1][1].group().lower().endswith(("ly", "mente", "ing")):
            text = text[: found[-1][1].start()].rstrip(" ,")
    return text.strip(" ,")


def _spoken_lines(request: Request) -> list[dict[str, Any]]:
    return _lines_in(request.wish.raw_slice(request.wish.command_start), request)


def _lines_in(text: str, request: Request) -> list[dict[str, Any]]:
    quotes = find_quotes(text)
    lines: list[dict[str, Any]] = []
    if len(quotes) >= 2:
        position = 0
        for index, quote in enumerate(quotes):
            after = text[quote.end : quotes[index + 1].start if index + 1 < len(quotes) else len(text)]
            lines.append(_line(text[position : quote.start], quote.content, request, after))
            position = quote.end
        return lines
    body = re.sub(r"^[^:\n]{0,60}?\b(?:dialogue|dialog|dialogo|conversation|script|lines|scene|following)\b[^:\n]{0,30}:\s*", "", text, flags=re.I)
    parts = list(re.finditer(r"(?:^|[\n;/.!?]\s*|\s)([A-Z][\w'-]*(?:\s[A-Z][\w'-]*)?)\s*:\s*(.+?)(?=(?:[\s;/]+[A-Z][\w'-]*(?:\s[A-Z][\w'-]*)?\s*:\s)|$)", body, re.S))
    if len(parts) >= 2:
        return [_line(part.group(1), part.group(2).strip(" \n;/\"“”"), request, "") for part in parts]
    if quotes and len(quotes) == 1:
        return [_line(text[: quotes[0].start], quotes[0].content, request, text[quotes[0].end :])]
    return []


def _line(before: str, content: str, request: Request, after: str) -> dict[str, Any]:
    line: dict[str, Any] = {"character": _who(before, request), "text": content}
    feeling = slots.emotion_of_verb(before) or slots.emotion(_without_name(before, line["character"]))
    feeling = feeling or slots.emotion(re.split(r"\b(?:and|then|e|poi|[A-Z]\w+)\b|[.;,:\n]", after)[0])
    if feeling:
        line["emotion"] = feeling
    language = slots.language(before) or _language_of(content)
    if language:
        line["language"] = language
    return line


def _who(before: str, request: Request) -> str:
    """The speaker named last before a quotation."""
    candidates: list[tuple[int, str]] = []
    for character in request.facts.characters:
        for name in (character.name, *character.aliases):
            candidates += [(m.start(), character.name) for m in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", before, re.I)]
    for match in re.finditer(rf"(?:\b(?:[Tt]he|[Ii]l|[Ll]a|[Ll]o|[Oo]ne)\s+({'|'.join(lexicon().words['character_nouns'])}|other)\b|\b([A-Z][\w-]*))(?:['’]s)?", before):
        name = match.group(1) or match.group(2)
        if name.lower() not in _NOT_NAMES and not re.match(rf"{_SAYING}$", name, re.I) and not slots.language(f"in {name}"):
            known = [c.name for c in request.facts.characters if re.search(rf"\b{name}\b", f"{c.name} {c.text}", re.I)]
            candidates.append((match.start(), known[0] if len(known) == 1 else name))
    if candidates:
        return max(candidates)[1]
    label = re.search(r"(?:^|[\s,;(])([^\W\d_][\w'-]*)\s*[:,]?\s*(?:says|asks|answers|replies|dice|chiede|risponde)?\s*[:,]?\s*$", before)
    return label.group(1) if label and label.group(1).lower() not in _NOT_NAMES and not re.match(rf"{_SAYING}$", label.group(1), re.I) else ""
