"""What a sentence lets somebody say: quoted, reported or made as a sound, and by whom."""

from __future__ import annotations

import re
from functools import cache

from tools.film.clauses import Verb, names_of
from tools.film.language import line_language, named_language
from tools.film.lexicon import lexicon
from tools.film.people import CastReader, Mention
from tools.film.quotes import MARK
from tools.film.shot import Line
from tools.film.words import Token, emotion_in


def speech_owners(
    items: list[Token], verbs: list[Verb], mentions: list[Mention], marks: list[int], last: tuple[str, ...]
) -> dict[int, tuple[tuple[str, ...], Verb | None]]:
    """Per quotation mark: (who speaks, the verb of speech that owns it)."""
    owners: dict[int, tuple[tuple[str, ...], Verb | None]] = {}
    used: set[int] = set()
    for mark in marks:
        saying = [
            verb
            for verb in verbs
            if verb.action in ("say", "sound", "wave", "cheer", "weep", "rage") and verb.start not in used
        ]
        before = [verb for verb in saying if verb.end <= mark and not any(verb.end <= other < mark for other in marks)]
        after = [
            verb
            for verb in saying
            if mark < verb.start <= mark + 5 and not any(mark < other < verb.start for other in marks)
        ]
        verb = before[-1] if before else (after[0] if after else None)
        speakers: tuple[str, ...] = ()
        if verb is not None and not before:
            between = [m for m in mentions if mark < m.start < verb.start]
            behind = [m for m in mentions if verb.end <= m.start <= verb.end + 2]
            speakers = names_of((between or behind)[0]) if between or behind else ()
        elif verb is None:
            earlier = [m for m in mentions if m.end <= mark and not m.possessive]
            speakers = names_of(earlier[-1]) if earlier else last
        if verb is not None:
            used.add(verb.start)
        owners[mark] = (speakers[:1], verb)
    return owners


def mark_number(token: Token) -> int:
    match = MARK.fullmatch(token.text)
    return int(match.group(1)) if match else 0


def quoted_line(text: str, actors: tuple[str, ...], emotion: str, sentence: str, language: str) -> Line | None:
    if not actors or not text.strip():
        return None
    spoken = named_language(sentence) or line_language(text, language)
    return Line(character=actors[0], text=text[:1000], emotion=emotion or tone_of(text), language=spoken)


@cache
def tone_of(text: str) -> str:
    """A line's own emotion when the story gives none: from its words, then from its marks."""
    found = emotion_in(text)
    if found:
        return found
    return "excited" if text.rstrip().endswith("!!") else "neutral"


def sound_line(cast: CastReader, actors: tuple[str, ...], verb: str, emotion: str) -> Line | None:
    if not actors:
        return None
    kind = next((person.kind for person in cast.people if person.name == actors[0]), "human")
    sounds = lexicon("speech")["sounds"]
    entry = sounds.get(kind, sounds["human"])
    base = verb.removesuffix("s")
    text = lexicon("speech")["sound_words"].get(base, lexicon("speech")["sound_words"].get(verb, entry["text"]))
    return Line(character=actors[0], text=text, emotion=emotion or "happy", language="en", sound=True)


def reported_line(items: list[Token], actors: tuple[str, ...], emotion: str, sentence: str) -> Line | None:
    """'says hello' has its words in the story itself; anything else that is only described stays unspoken."""
    if not actors:
        return None
    text = " ".join(one.low for one in items)
    for language, phrases in lexicon("speech")["reported"].items():
        for phrase, spoken in phrases.items():
            if re.match(rf"(?:\w+ly )?{re.escape(str(phrase))}\b", text):
                return Line(
                    character=actors[0],
                    text=spoken,
                    emotion=emotion or "happy",
                    language=named_language(sentence) or language,
                )
    return None
