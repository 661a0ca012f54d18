"""Calls about voices."""

from __future__ import annotations

import re
from typing import Any

from backends.llm.offline import slots
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.references import find_character, find_characters, find_file, need_file
from backends.llm.offline.repeats import last_line, repeats_line
from backends.llm.offline.request import Ask, Call, Refer, Request
from backends.llm.offline.speech import (
    feeling_in,
    language_of,
    lines_in,
    named_speaker,
    outside_of,
    speaker,
    spoken_lines,
    spoken_text,
    without_name,
)


def speak(request: Request) -> list[Call]:
    """text, character, emotion, language."""
    lines = spoken_lines(request)
    if len(lines) >= 2 and len({line["character"] for line in lines if line["character"]}) >= 2:
        return [Call("speak_dialogue", {"lines": lines})]
    text = spoken_text(request)
    if not text and len(find_characters(request)) > 1:
        raise Ask("lines", "need_lines")
    if not text:
        raise Ask("text", "need_text")
    args: dict[str, Any] = {"text": text}
    outside = outside_of(request, text)
    if who := speaker(request, outside):
        args["character"] = who
    elif (before := last_line(request)[1]) and repeats_line(request):
        args["character"] = before
    feeling = feeling_in(without_name(outside, args.get("character", "")))
    if feeling:
        args["emotion"] = feeling
    language = slots.language(outside) or language_of(text)
    if language:
        args["language"] = language
    return [Call("speak", args)]


def speak_dialogue(request: Request) -> list[Call]:
    """lines of {character, text, emotion, language}."""
    answer = request.answers.get("lines")
    lines = lines_in(answer, request) if answer else spoken_lines(request)
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
    who = find_character(request) or named_speaker(request.wish.blank_quotes)
    who = who or next((str(m.args["character"]) for m in reversed(request.made) if m.args.get("character")), None)
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


def _need_character(request: Request) -> str:
    text = request.wish.blank_quotes
    name = find_character(request)
    if not name:
        match = re.search(
            r"(?<!^)(?<![.!?] )\b([A-Z][\w-]+)(?:['’]s)?\b",
            re.sub(r"\b(?:GPT|TTS|SoVITS|I|LLM|WAV|MP3|GPT-SoVITS)\S*", "", text),
        )
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
