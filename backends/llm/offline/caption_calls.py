"""Calls that write text onto a moving picture: captions, meme lines, subtitles."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from backends.llm.offline import slots
from backends.llm.offline.effect_calls import CAPTIONS_FIRST, add_effects
from backends.llm.offline.effect_words import effects_in
from backends.llm.offline.follow_up_words import steps
from backends.llm.offline.references import find_file, kind_of_extension, need_file
from backends.llm.offline.request import Ask, Call, Made, Refer, Request
from backends.llm.offline.wish import FILE_NAME, Wish

_PLACE_WORDS = r"(?:on|at|over|across|in|onto|to|into|above|below|under|sul|sulla|in|al|alla|nel)"


_CARD = re.compile(
    r"\b(?:(?:opening|intro|main|end|ending|closing|final) titles?|title cards?|"
    r"titol[oi] (?:di (?:testa|coda|apertura)|"
    r"iniziale|finale)|cartello)\b",
    re.IGNORECASE,
)
"""A title that stands on a card of its own is no caption on the picture: the cutter makes it."""


_AT_THE_END = re.compile(
    r"\bat the (?:very )?end\b|\bas the (?:very )?last (?:thing|shot|image)\b|\balla fine\b|\bin "
    r"coda\b",
    re.IGNORECASE,
)


_ON_THE_PICTURE = re.compile(
    r"\b(?:captions?|subtitles?|overlay|lettering|top|bottom|corner|over|across|centre|center|middle|"
    r"didascali\w+|sottotitol\w+|sopra|in alto|in basso|angolo|centro)\b",
    re.IGNORECASE,
)


_AS_SUBTITLES = re.compile(
    r"\b(?:as|in|come|in formato)\s+(?:(?:an?|the|dei|i)\s+)?(?:srt|vtt|webvtt|subtitles?|sottotitoli)\b|"
    r"\b(?:give|send|export|save|dammi|esporta|salva)\w*\b.{0,40}\b(?:the|i)\s+(?:subtitles|"
    r"sottotitoli)\s+(?:of|del|dello|della|from)\b",
    re.IGNORECASE,
)
"""A film's words as a file, not burned in."""


def _card_at_the_end(request: Request) -> bool:
    """'Put "The End" at the end': words of their own after the picture, not on it."""
    text = request.wish.blank_quotes
    return bool(_AT_THE_END.search(text)) and not _ON_THE_PICTURE.search(text)


def add_captions(request: Request) -> list[Call]:
    """video, text or subtitles, position; and the effects that are asked for in the same breath."""
    if request.wish.quotes and (_CARD.search(request.wish.blank_quotes) or _card_at_the_end(request)):
        raise Refer("edit_video")
    if not request.wish.quotes and _AS_SUBTITLES.search(request.wish.blank_quotes):
        raise Refer("export_timeline")
    if not request.wish.quotes and (more := CAPTIONS_FIRST.search(request.text)) and effects_in(more.group(1)):
        rest = slots.tidy(request.text[: more.start(1)])
        calls = add_captions(replace(request, wish=Wish(rest, rest)))
        last = Made(len(request.made) + 1, "add_captions", "video", calls[0].args)
        effect = replace(request, wish=Wish(more.group(1), more.group(1)), made=(*request.made, last))
        return [*calls, *add_effects(effect)]
    args: dict[str, Any] = {"video": need_file(request, "video", "which_video")}
    subtitles = _subtitles(request)
    text = "" if subtitles else request.answers.get("caption", "").strip() or caption_text(request)
    if subtitles:
        args["subtitles"] = subtitles
    elif text:
        args["text"] = text
    elif not re.search(
        r"\b(?:captions|subtitles?|subs|sottotitol\w+|srt|spoken)\b", request.text, re.I
    ) and not re.match(r"\s*caption\b", request.command, re.I):
        raise Ask("caption", "need_caption")
    outside = request.wish.blank_quotes.replace(text, " ") if text else request.wish.blank_quotes
    if place := slots.position(outside):
        args["position"] = place
    if (style := _style(outside)) and not subtitles:
        args["style"] = style
        if style == "lower_third":
            args.pop("position", None)  # it has a place of its own
    return [Call("add_captions", args)]


def _subtitles(request: Request) -> str | None:
    """The subtitle file that the wish names, or means by 'these subtitles' when it quotes no text of its own."""
    named = any(
        (kind_of_extension(match.group("ext")) or "") == "subtitle" for match in FILE_NAME.finditer(request.text)
    )
    spoken_of = re.search(r"\b(?:captions|subtitles?|subs|sottotitol\w+|srt)\b", request.wish.blank_quotes, re.I)
    if named or (spoken_of and not request.wish.quotes and not re.search(r":\s*\S", request.text)):
        return find_file(request, "subtitle")
    return None


_NAMED_AS = re.compile(
    r"^(?:the (?:year|date|words?|name|text|line)|l['’]anno|la data|la parola|il nome)\s+(?=\S)", re.IGNORECASE
)
"""'The year 1998' is written as 1998."""


def _style(text: str) -> str:
    """The style of captions that a wish names; '' for none. Sizes are none here: what is big needs no other look."""
    for style, pattern in steps("caption_styles"):
        if style not in ("title", "subtitle", "silent") and re.search(
            rf"(?<!\w)(?:{pattern.pattern})", text, re.IGNORECASE
        ):
            return style
    return ""


def caption_text(request: Request) -> str:
    """Quoted words, words after 'saying' or a colon, or a run of capitals."""
    if request.wish.quotes:
        return request.wish.quotes[0].content
    text = request.wish.raw_slice(request.wish.command_start).strip()
    after = re.search(
        (
            r"\b(?:saying|that says|that reads|reading|with the (?:text|words)|the (?:text|words|caption|"
            r"title)(?: is)?:?(?!\s+(?:to|at|on|in|too|from|should|must|up|down|bigger|smaller|larger)\b)|che dice|"
            r"con (?:scritto|la scritta|il testo))\s+(.+?)(?=\s+(?:on|at|over|"
            r"in|sul|in alto|in basso)\s+(?:the|this|my|top|bottom|it|video|clip|alto|basso)\b|[.!]?$)"
        ),
        text,
        re.I,
    )
    colon = re.search(r"(?::|\s[-–—])\s+(.+)$", text) or re.search(r":\s*(.+)$", text)
    capitals = re.search(r"(?<!\w)[A-Z][A-Z0-9'’!?]*(?:[\s,]+[A-Z0-9][A-Z0-9'’!?]*)*(?!\w)", text)
    middle = re.match(
        (
            r"(?:put|write|add|place|overlay|show|display|stamp|slap|stick|type|insert|scrivi|metti|"
            r"aggiungi)\s+(?!(?:a|an|the|some|in)?\s*(?:\w+\s+)?(?:captions?|subtitles?|titles?|text|"
            rf"sottotitoli|didascali\w+|scritta|testo)\b)(.+?)\s+{_PLACE_WORDS}\s+(?:top\b|the\b|this\b|"
            r"my\b|it\b|them\b|bottom\b|alto|basso|video|filmato|clip)"
        ),
        text,
        re.I,
    )
    if capitals and len(capitals.group()) >= 3 and capitals.group() not in ("SRT", "VHS", "EDL", "OTIO", "MP4"):
        return capitals.group().strip(" ,")
    nouns = r"\b(?:captions?|subtitles?|titles?)\b"
    if re.search(nouns, request.wish.text[request.wish.command_start :], re.I) and not re.search(nouns, text, re.I):
        middle = None  # a mistyped 'subtitles' is no text
    for found in (after, colon, middle):
        if found:
            return _NAMED_AS.sub("", found.group(1).strip(" .\"'"))
    return ""
