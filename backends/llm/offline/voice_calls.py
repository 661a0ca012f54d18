"""Calls about voices."""

from __future__ import annotations

import re
from typing import Any

from backends.llm.offline import slots
from backends.llm.offline.feelings import feeling_args, feeling_in, without_name
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.lines import lines_in, spoken_lines
from backends.llm.offline.references import SUITABLE, find_character, find_characters, find_file, find_files, need_file
from backends.llm.offline.repeats import last_line, repeats_line
from backends.llm.offline.request import Ask, Call, Refer, Request
from backends.llm.offline.script_parts import about_the_dialogue, script_parts
from backends.llm.offline.speech import engine_in, language_of, outside_of, speaker, spoken_text
from backends.llm.offline.voice_owner import consent_in, speaker_of_recording
from backends.llm.offline.wish import FILE_NAME

_SCRIPT = re.compile(
    r"\b(?:this|the|these|that|those|my|our|all(?: the)?|every|each|attached|uploaded|quest[oaie]|il|lo|la|le|i|gli|"
    r"tutte?(?: le)?|"
    r"tutti(?: i)?|mi[oa])\s+(?:\w+\s+){0,2}?(?:scripts?|screenplays?|files?|documents?|texts?|lines?|"
    r"table|csv|dialogues?|"
    r"storyboards?|shots?|scenes?|copione|sceneggiatur\w|battut\w|testo|dialog\w+|tabella|documento|scena|inquadrature)\b"
    r"|\b(?:script|screenplay|copione|sceneggiatura)\b",
    re.IGNORECASE,
)
"""Words for a file of lines, or for the lines of a storyboard."""


WHO_SPEAKS = re.compile(
    r"\b(?:who(?:['’]s| is| are)?\s+(?:\w+\s+)?(?:speak|talk|heard)\w*|whose voice|"
    r"how many (?:people|persons|speakers|voices)|chi\s+(?:sta\s+|ci\s+)?parl\w+|chi si sente|"
    r"quant[ei]\s+(?:person|voc)\w+)\b",
    re.IGNORECASE,
)
_SPEAKERS = re.compile(
    rf"{WHO_SPEAKS.pattern}|\b(?:speakers?|voices|who says|di chi|chi dic\w+|parlanti)\b", re.IGNORECASE
)
_AS_SUBTITLES = re.compile(r"\b(?:subtitles?|captions?|subs|srt|vtt|webvtt|sottotitoli)\b", re.IGNORECASE)


def speak(request: Request) -> list[Call]:
    """text, character, emotion, intensity, language."""
    lines = spoken_lines(request)
    if len(lines) >= 2 and len({line["character"] for line in lines if line["character"]}) >= 2:
        return [Call("speak_dialogue", {"lines": lines})]
    if _script(request):
        raise Refer("speak_dialogue")
    if labelled := _answered_as_line(request):
        return [Call("speak", labelled)]
    text = spoken_text(request)
    if not text and len(find_characters(request)) > 1:
        raise Ask("lines", "need_lines")
    if not text:
        raise Ask("text", "need_text")
    args: dict[str, Any] = {"text": text}
    outside = outside_of(request, text)
    again = repeats_line(request) or (text == last_line(request)[0] and not request.wish.quotes)
    before = last_call(request) if again else {}
    if who := speaker(request, outside):
        args["character"] = who
    elif before.get("character"):
        args["character"] = before["character"]
    args.update(feeling_args(without_name(outside, args.get("character", "")), before))
    language = slots.language(outside) or language_of(text)
    if language:
        args["language"] = language
    if engine := engine_in(outside):
        args["engine"] = engine
    return [Call("speak", args)]


_LABELLED = re.compile(r"\s*(?P<who>[A-ZÀ-Þ][\w'’-]*(?: [A-ZÀ-Þ][\w'’-]*)?)\s*:\s*(?P<words>\S.*)", re.DOTALL)


def _answered_as_line(request: Request) -> dict[str, Any]:
    """'Pip: the bus is late again' as the answer to what shall be said: its speaker and words; {} for other answers."""
    match = _LABELLED.fullmatch(request.answers.get("text", ""))
    if match is None or not (who := find_character(request, match["who"]) or match["who"]):
        return {}
    words = match["words"].strip(' "“”')
    language = language_of(words)
    return {"text": words, "character": who, **({"language": language} if language else {})}


def speak_dialogue(request: Request) -> list[Call]:
    """lines of {character, text, emotion, language}, or the script that holds them."""
    answer = request.answers.get("lines")
    lines = lines_in(answer, request) if answer else spoken_lines(request)
    parts = script_parts(request)
    if not lines and not answer and (made := _subtitled(request, parts)):
        return made
    if not lines and not answer and parts and (before := last_dialogue(request)) and about_the_dialogue(request):
        return [Call("speak_dialogue", {**before, **parts})]
    if not lines and not answer and (script := _script(request)):
        return [Call("speak_dialogue", {"script": script, **parts})]
    if not lines:
        raise Ask("lines", "need_lines")
    if len(lines) == 1:
        raise Refer("speak")
    return [Call("speak_dialogue", {"lines": lines})]


def _subtitled(request: Request, parts: dict[str, Any]) -> list[Call]:
    """'The dialogue as subtitles': the same again, whose lines are kept; without it, what subtitles there are."""
    if not _AS_SUBTITLES.search(request.wish.blank_quotes) or _script(request):
        return []
    if before := last_dialogue(request):
        return [Call("speak_dialogue", {**before, **parts})]
    spoken = any(asset.tool == "speak_dialogue" for asset in request.facts.assets)
    return [Call("list_assets", {"kind": "subtitle"})] if spoken else []


def clone_voice(request: Request) -> list[Call]:
    """audio, character, text, emotion, person, consent."""
    audio = need_file(request, "sound", "which_audio")
    character = need_character(request)
    args: dict[str, Any] = {"audio": audio, "character": character}
    if request.wish.quotes:
        args["text"] = request.wish.quotes[0].content
    text = FILE_NAME.sub(" ", request.wish.blank_quotes)
    if feeling := feeling_in(without_name(text, character)):
        args["emotion"] = feeling
    said = request.whole.blank_quotes
    if person := speaker_of_recording(said, character):
        args["person"] = person
    if consent := consent_in(said):
        args["consent"] = consent
    return [Call("clone_voice", args)]


def build_voice_dataset(request: Request) -> list[Call]:
    """source (one or several), character, and the attached list of what is said in them."""
    sources = [] if request.answers.get("file") else _several(request)
    source: str | list[str] = sources if len(sources) > 1 else need_file(request, "sound", "which_audio")
    args: dict[str, Any] = {"source": source, "character": need_character(request)}
    return [Call("build_voice_dataset", {**args, **_said_in(request)})]


def _said_in(request: Request) -> dict[str, Any]:
    """The attached list of what is said in recordings, as an argument."""
    words = [file.id for file in request.facts.attachments if file.name.lower().endswith(_WORD_LISTS)]
    return {"subtitles": words[0]} if len(words) == 1 else {}


_WORD_LISTS = (".list", ".csv", ".srt", ".vtt")
_RECORDINGS = re.compile(
    r"\b(?:recordings?|wavs?|these|this (?:file|sound)|registrazion[ei]|quest[ei])\b", re.IGNORECASE
)


def train_voice(request: Request) -> list[Call]:
    """character, dataset, and whether it is only shown what would be done; recordings become a dataset first."""
    args: dict[str, Any] = {"character": need_character(request)}
    first: list[Call] = []
    if recordings := _to_learn_from(request):
        source = recordings if len(recordings) > 1 else recordings[0]
        first = [Call("build_voice_dataset", {"source": source, "character": args["character"], **_said_in(request)})]
        args["dataset"] = f"${len(request.made) + 1}"
    elif dataset := find_file(request, "dataset"):
        args["dataset"] = dataset
    if re.search(lexicon().words["dry_run"], request.wish.blank_quotes, re.I):
        args["dry_run"] = True
    said = request.whole.blank_quotes
    if consent := consent_in(said):
        args["consent"] = consent
        if person := speaker_of_recording(said, args["character"]):
            args["person"] = person
    return [*first, Call("train_voice", args)]


def _to_learn_from(request: Request) -> list[str]:
    """Sounds that a voice shall be trained on: those attached, or those that 'these recordings' mean."""
    text = FILE_NAME.sub(" ", request.wish.blank_quotes)
    if request.made or re.search(r"\bdata ?sets?\b", text, re.I):
        return []
    kinds = SUITABLE["sound"]
    if any(file.kind == "dataset" for file in request.facts.attachments):
        return []
    meant = bool(re.search(_RECORDINGS.pattern + r"|\b(?:films?|clips?|videos?|filmat[oi])\b", text, re.I))
    attached = [file.id for file in request.facts.attachments if file.kind in kinds and (meant or file.kind == "audio")]
    if attached or not _RECORDINGS.search(text):
        return attached
    found = [file.id for file in request.facts.assets if file.kind in kinds and not file.tool]
    return (
        list(reversed(found))
        if re.search(r"recordings|files|sounds|clips|registrazioni|these|queste", text, re.I)
        else found[:1]
    )


def check_voice(request: Request) -> list[Call]:
    """character, text."""
    args: dict[str, Any] = {"character": need_character(request)}
    if request.wish.quotes:
        args["text"] = request.wish.quotes[0].content
    return [Call("check_voice", args)]


def analyze_audio(request: Request) -> list[Call]:
    """audio, and whether it is asked who speaks when."""
    args: dict[str, Any] = {"audio": need_file(request, "sound", "which_audio")}
    if _SPEAKERS.search(request.wish.blank_quotes):
        args["speakers"] = True
    return [Call("analyze_audio", args)]


def need_character(request: Request) -> str:
    """Whose voice it shall be: named in this clause, in the wish, a step before, or in the turn before."""
    text = FILE_NAME.sub(" ", request.wish.blank_quotes)
    name = find_character(request, text) or _new_name(text)
    if not name:
        name = next((str(m.args["character"]) for m in reversed(request.made) if m.args.get("character")), None)
    if not name and request.recent and request.recent[-1].tool in ("build_voice_dataset", "clone_voice", "train_voice"):
        name = str(request.recent[-1].args.get("character", "")) or None
    if not name:
        known = tuple(c.name for c in request.facts.characters)
        raise Ask("character", "need_character", known[:6])
    return name


def _new_name(text: str) -> str | None:
    """A name that no memory knows yet, best after 'for', else the first with a capital; else 'robot' and the like."""
    text = re.sub(r"\b(?:GPT|TTS|SoVITS|I|I'm|I've|LLM|WAV|MP3|GPT-SoVITS|Qwen\w*|CC\w*)(?![a-z])\S*", "", text)
    aimed = re.search(
        r"\b(?:for|per|to|on|let|make|have|give|called|named|chiamat[oa]|a|ad)\s+([A-Z][\w-]+)(?:['’]s)?", text
    )
    match = aimed or re.search(r"\b([A-Z][\w-]+)['’]s\s+(?:\w+\s+)?voice", text)
    match = match or re.search(r"(?<!^)(?<![.!?:] )\b([A-Z][\w-]+)(?:['’]s)?\b", text)
    noun = re.search(rf"\b({'|'.join(lexicon().words['character_nouns'])})(?:'s)?\b", text, re.I)
    return match.group(1) if match else noun.group(1).lower() if noun else None


def last_dialogue(request: Request) -> dict[str, Any]:
    """The lines or the script of the dialogue spoken last."""
    last = next((call.args for call in reversed(request.recent) if call.tool == "speak_dialogue"), {})
    return {name: last[name] for name in ("script", "lines", "format", "scene") if last.get(name)}


def last_call(request: Request) -> dict[str, Any]:
    """The arguments of the line spoken last."""
    return next((dict(call.args) for call in reversed(request.recent) if call.tool == "speak"), {})


def _script(request: Request) -> str | None:
    """The file, or the storyboard, whose lines shall be spoken; None when the wish brings its own words."""
    text = request.wish.blank_quotes
    if request.wish.quotes or not (_SCRIPT.search(text) or FILE_NAME.search(text)):
        return None
    _, colon, rest = request.command.partition(":")
    if colon and rest.strip():
        return None
    return find_file(request, "script")


def _several(request: Request) -> list[str]:
    """Several recordings, when the wish speaks of several."""
    many = (
        r"\b(?:both|all|these|those|every|recordings|files|videos|films|clips|episodes|tapes|"
        r"entramb\w|tutt[ie]|queste|questi|registrazioni)\b"
    )
    named = len(FILE_NAME.findall(request.text)) > 1
    return find_files(request, "sound") if named or re.search(many, request.wish.blank_quotes, re.I) else []
