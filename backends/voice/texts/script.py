"""Reads a written line as a performer would: what is spoken, what is a sound, what is only a direction."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from backends.voice.emotions.prosody import emotion_named
from backends.voice.texts.written import without_codes, without_markup
from configs.errors import UsageError
from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

_DIRECTION = re.compile(r"\*+([^*\n]{1,60})\*+|\(([^()\n]{1,60})\)|\[([^\[\]\n]{1,60})\]")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_KEPT_SYMBOLS = frozenset("°")


@dataclass(frozen=True)
class Segment:
    """A stretch of a line."""

    kind: Literal["speech", "sound"]
    text: str
    """The words to speak, or the sound word as written."""
    sound: str = ""
    """Key into the sounds of prompts/voice/sounds.yaml."""
    stretch: float = 1.0
    """How far a sound is drawn out ('beeeep' > 1)."""
    phrase: bool = False
    """True: a direction such as '*beeps*', played as a phrase of sounds."""


@cache
def sounds_lexicon() -> dict[str, Any]:
    """prompts/voice/sounds.yaml."""
    loaded: dict[str, Any] = own_table(PROMPT_DIR / "voice" / "sounds.yaml")
    return loaded


def read_line(text: str, species: str = "human", language: str = "en") -> tuple[Segment, ...]:
    """The parts of `text` in order; empty when nothing in it can be uttered (only emoji, only '*smiles*')."""
    text = speakable(text)
    whole = _only_sounds(text, species)
    if whole:
        return whole
    segments: list[Segment] = []
    at = 0
    for match in _DIRECTION.finditer(text):
        inner = next(group for group in match.groups() if group is not None)
        performed = _perform(inner, species, language)
        if performed is None:
            continue
        segments += _plain(text[at : match.start()], species)
        segments += performed
        at = match.end()
    segments += _plain(text[at:], species)
    return tuple(segments)


def speakable(text: str) -> str:
    """`text` without markup, emoji, pictographs and control characters, white space made single."""
    kept: list[str] = []
    for char in unicodedata.normalize("NFC", without_codes(without_markup(text))):
        category = unicodedata.category(char)
        if char.isspace():
            kept.append(" ")
        elif (
            category in ("So", "Sk", "Cc", "Cf", "Cs", "Co", "Cn", "Me") and char not in _KEPT_SYMBOLS
        ) or "\ufe00" <= char <= "\ufe0f":
            kept.append(" " if category == "So" else "")
        else:
            kept.append(char)
    return " ".join("".join(kept).split())


def words_of(text: str) -> list[str]:
    """The words of a text, casefolded, without punctuation."""
    return [match.group().casefold() for match in _WORD.finditer(text)]


def _plain(text: str, species: str) -> list[Segment]:
    """Ordinary text: speech, with the sound words of this species cut out of it."""
    known = _sound_words(species)
    text = text.replace("*", " ")
    segments: list[Segment] = []
    start = 0
    for match in _WORD.finditer(text) if known else ():
        found, stretch = _lookup(match.group(), known)
        if found:
            segments += _speech(text[start : match.start()])
            segments.append(Segment("sound", match.group(), found, stretch))
            start = match.end()
    return segments + _speech(text[start:])


def _speech(text: str) -> list[Segment]:
    text = text.strip(" -–—").lstrip(",;:.!?… ")
    return [Segment("speech", text)] if any(char.isalnum() for char in text) else []


def _only_sounds(text: str, species: str) -> tuple[Segment, ...]:
    """The line as sounds when a non-human says nothing but its sounds ('Growl!', 'beep-boop'); else ()."""
    known = _sound_words(species)
    if not known or _DIRECTION.search(text):
        return ()
    known = {**_direction_words(species), **known}
    segments: list[Segment] = []
    for match in _WORD.finditer(text):
        found, stretch = _lookup(match.group(), known)
        if not found:
            return ()
        segments.append(Segment("sound", match.group(), found, stretch))
    return tuple(segments)


def _perform(direction: str, species: str, language: str) -> list[Segment] | None:
    """What a direction does; [] when it only describes the delivery, None when it is emphasis or an aside."""
    plain = " ".join(words_of(direction))
    tokens = plain.split()
    lexicon = sounds_lexicon()
    own = {**_direction_words(species), **_sound_words(species)}
    anyone = {**_direction_words(""), **_sound_words("")}
    syllables = {word: entry for entry in lexicon["performed"].values() for word in entry["words"]}
    human = species == "human"
    for phrase in (plain, *tokens):
        found, stretch = _lookup(phrase, own)
        if found and not human:
            return [Segment("sound", plain, found, stretch, phrase=phrase not in _sound_words(species))]
        if phrase in syllables:
            say = syllables[phrase]["say"]
            return [Segment("speech", say.get(language, say["en"]))]
        found, stretch = _lookup(phrase, anyone)
        if found:
            return [Segment("sound", plain, found, stretch, phrase=phrase not in _sound_words(""))]
    described = set(lexicon["unspoken"])
    if plain in described or (tokens and all(word in described or _is_emotion(word) for word in tokens)):
        return []
    return None


def _is_emotion(word: str) -> bool:
    try:
        emotion_named(word)
    except UsageError:
        return False
    return True


@cache
def _sound_words(species: str) -> dict[str, str]:
    """Sound words of a species ('' = of all) -> sound."""
    return _table("words", species)


@cache
def _direction_words(species: str) -> dict[str, str]:
    return _table("directions", species)


def _table(column: str, species: str) -> dict[str, str]:
    table: dict[str, str] = {}
    for name, entry in sounds_lexicon()["sounds"].items():
        if not species or species in entry["species"]:
            for word in entry[column]:
                table.setdefault(str(word), name)
    return table


def _lookup(word: str, known: dict[str, str]) -> tuple[str, float]:
    """(sound, stretch) of a word, also with drawn-out letters; ('', 1) when it is no sound."""
    written = word.casefold()
    for pattern, replacement in ((r"", ""), (r"(.)\1{2,}", r"\1\1"), (r"(.)\1+", r"\1")):
        form = re.sub(pattern, replacement, written) if pattern else written
        if form in known:
            return known[form], min(3.0, 1.0 + 0.2 * (len(written) - len(form)))
    return "", 1.0
