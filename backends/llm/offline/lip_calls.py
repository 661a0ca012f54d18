"""Calls that make mouths move: which sound, whose mouth, for which program, and whether a face shows it."""

from __future__ import annotations

import re
from typing import Any

from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.references import find_character, find_file, need_file
from backends.llm.offline.request import Call, Request
from backends.llm.offline.speech import named_speaker
from backends.llm.offline.voice_calls import speak
from backends.llm.offline.wish import FILE_NAME

FRAME_RATE = re.compile(
    r"\b(\d{1,3}(?:[.,]\d{1,3})?)\s*(?:fps|frames?(?: per| a|/)? ?(?:second|sec|s)\b|fotogrammi (?:al|per) secondo)",
    re.IGNORECASE,
)
PREVIEW = re.compile(
    r"\b(?:previews?|anteprim[ae]|(?:show|see|mostra\w*|vedere?)\b[^.;]{0,30}\b(?:face|faccia|volto|viso))\b",
    re.IGNORECASE,
)
_FACE = re.compile(
    r"\b([^\W\d_][\w-]*)['’]s\s+(?:face|head)\b|\b(?:face|head) of\s+(?:the\s+|an?\s+)?([^\W\d_][\w-]*)"
    r"|\b(?:faccia|volto|viso|testa)\s+(?:della|dello|dell['’]|del|di)\s*([^\W\d_][\w-]*)",
    re.IGNORECASE,
)
_WORDS_GIVEN = re.compile(
    r"\b(?:text|words|transcript|lyrics|testo|parole|it says|he says|she says|dice)"
    r"\s*(?:is|are|says?|è|sono)?\s*:\s*(\S.*)$",
    re.IGNORECASE | re.DOTALL,
)


def lip_sync(request: Request) -> list[Call]:
    """audio, text, character, formats, fps, preview."""
    text = request.wish.quotes[0].content if request.wish.quotes else _words_given(request)
    args: dict[str, Any] = {}
    who = find_character(request) or named_speaker(FILE_NAME.sub(" ", request.wish.blank_quotes))
    who = who or next((str(m.args["character"]) for m in reversed(request.made) if m.args.get("character")), None)
    if not who and re.search(
        r"\b(?:his|her|him|its?|(?:for|to|with|of) (?:that|this)|lui|lei|su[oa]|gli|le)\b",
        request.wish.blank_quotes,
        re.I,
    ):
        who = next(
            (str(call.args["character"]) for call in reversed(request.recent) if call.args.get("character")), None
        )
    who = _face(request) or who
    formats = lexicon().group("mouth_formats").names(request.wish.blank_quotes)
    more: dict[str, Any] = {**({"character": who} if who else {}), **({"formats": formats} if formats else {})}
    if rate := FRAME_RATE.search(request.wish.blank_quotes):
        more["fps"] = float(rate[1].replace(",", "."))
    if PREVIEW.search(request.whole.blank_quotes):
        more["preview"] = True
    audio = _audio_for_lips(request)
    if audio is None and text:
        line = speak(request)[0]
        return [line, Call("lip_sync", {"audio": f"${len(request.made) + 1}", "text": text, **more})]
    if audio is None:
        audio = need_file(request, "sound", "which_audio")
    args = {"audio": audio, **({"text": text} if text else {}), **more}
    return [Call("lip_sync", args)]


def _words_given(request: Request) -> str:
    """What is said in the recording, where the wish tells it after a colon: 'its text: There was a pink light.'"""
    match = _WORDS_GIVEN.search(request.whole.raw)
    return match.group(1).strip() if match else ""


def _face(request: Request) -> str | None:
    """Whose face shows the words: a known character's, or a word for one, such as 'fox'."""
    match = _FACE.search(request.whole.blank_quotes)
    if match is None:
        return None
    word = next(group for group in match.groups() if group)
    if word.casefold() in ("his", "her", "its", "their", "the", "a"):
        return None
    return find_character(request, match.group()) or word


def _audio_for_lips(request: Request) -> str | None:
    quoted = bool(request.wish.quotes)
    attached = any(file.kind in ("audio", "video") for file in request.facts.attachments)
    made = any(item.kind in ("audio", "video") for item in request.made)
    refers = re.search(
        (
            r"\b(?:this|that|last|the) (?:audio|recording|sound|line|file|speech|wav|clip|voice)|\bit\b|"
            r"questo audio|ultima battuta"
        ),
        request.wish.blank_quotes,
        re.I,
    )
    if quoted and not attached and not made and not refers:
        return None
    return find_file(request, "sound")
