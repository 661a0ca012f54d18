"""The offline story reader: text (English, simple Italian) -> people, places, beats and spoken lines."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache

from tools.film.language import line_language, named_language
from tools.film.lexicon import lexicon, word_index
from tools.film.people import CastReader, Mention, Person, description_end, text_of
from tools.film.quotes import MARK, take_quotes
from tools.film.shot import Line
from tools.film.words import Token, emotion_in, find_phrase, tokens, verb_at

_LED_BY = (
    r"\b(?:in|on|at|inside|through|across|along|into|to|by|near|int\.|ext\.|su|sulla|nella|nel|in una?|alla|al)\s+"
    r"(?:(?:a|an|the|his|her|their|its|\w+)\s+){0,2}$"
)
"""What stands before the place that a sentence plays in."""
MAX_SENTENCES = 60
"""A longer text is read up to here; the rest is reported, not silently dropped."""


@dataclass(frozen=True)
class Beat:
    """One thing that happens: who does what to whom, where, and what is heard."""

    text: str
    action: str
    """Key in actions.yaml."""
    role: str
    actors: tuple[str, ...] = ()
    target: str = ""
    line: Line | None = None
    emotion: str = ""
    props: tuple[str, ...] = ()
    set: str = "void"
    time_of_day: str = "day"


@dataclass(frozen=True)
class Story:
    """What the reader understood."""

    text: str
    title: str
    people: tuple[Person, ...]
    beats: tuple[Beat, ...]
    set: str
    time_of_day: str
    props: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Verb:
    start: int
    end: int
    action: str
    verb: str


def strip_request(text: str) -> str:
    """The story without 'Make a 15 second film about ...'; other text comes back unchanged."""
    text = " ".join(text.split(" ")).strip()
    for pattern in lexicon("world")["request_prefix"]:
        match = re.match(pattern, text, re.IGNORECASE)
        if match and match.group().strip() and text[match.end() :].strip():
            return text[match.end() :].strip()
    return text


def read_story(text: str, known: Collection[str] = (), language: str = "en") -> Story:
    """Understand a story. `known`: names in memory; `language`: of lines that do not tell their own."""
    story = strip_request(text)
    marked, quotes = take_quotes(story)
    sentences = _sentences(marked)
    notes = []
    if len(sentences) > MAX_SENTENCES:
        notes.append(f"Only the first {MAX_SENTENCES} of {len(sentences)} sentences were read.")
        sentences = sentences[:MAX_SENTENCES]
    token_lists = [tokens(sentence) for sentence in sentences]
    cast = CastReader(known)
    cast.collect_names(token_lists)
    places = [_place(sentence) for sentence in sentences]
    first_set = next((place for place, _ in places if place), "void")
    first_time = _time_at_the_start(places)
    beats: list[Beat] = []
    here, now = first_set, first_time
    for sentence, items, (place, time) in zip(sentences, token_lists, places, strict=True):
        here, now = place or here, time or now
        beats += _sentence_beats(sentence, items, cast, quotes, language, (here, now), beats)
    people = tuple(cast.people)
    if not people and not beats and story:
        notes.append("No character was found in the story, so the shots show the place.")
    props = tuple(dict.fromkeys(prop for sentence in sentences for prop in _props(sentence)))
    return Story(
        story, _title(people, first_set, first_time), people, tuple(beats), first_set, first_time, props, tuple(notes)
    )


def _sentences(text: str) -> list[str]:
    parts = re.split(r"(?<=[.!?;])\s+|\n+", text)
    return [part.strip() for part in parts if part.strip(" .!?;\n")]


def _place(sentence: str) -> tuple[str, str]:
    """(set, time of day) that a sentence names, '' where it names none."""
    low = sentence.lower()
    sets = find_phrase(sentence, word_index("world", "sets"))
    led = [
        key
        for position, key, _ in sets
        if re.search(
            _LED_BY,
            low[:position],
        )
    ]
    place = led[-1] if led else (sets[0][1] if sets else "")
    times = [key for _, key, _ in find_phrase(sentence, word_index("world", "times"))]
    time = next((key for key in times if key != "day"), times[0] if times else "")
    return place, time


def _props(text: str) -> list[str]:
    return [key for _, key, _ in find_phrase(text, word_index("world", "props"))]


def _verbs(items: list[Token], mentions: list[Mention]) -> list[_Verb]:
    found: list[_Verb] = []
    index = 0
    while index < len(items):
        inside = any(mention.start <= index < mention.end for mention in mentions)
        hit = None if inside or not items[index].is_word else verb_at(items, index)
        if hit is None:
            index += 1
            continue
        action, verb, length = hit
        found.append(_Verb(index, index + length, action, verb))
        index += length
    return found


def _sentence_beats(
    sentence: str,
    items: list[Token],
    cast: CastReader,
    quotes: list[str],
    language: str,
    scene: tuple[str, str],
    before: list[Beat],
) -> list[Beat]:
    mentions = cast.mentions(items)
    verbs = _main_verbs(items, _verbs(items, mentions))
    marks = [index for index, item in enumerate(items) if MARK.fullmatch(item.text)]
    if _only_describes(items, verbs, mentions, marks, sentence):
        return []
    last = before[-1].actors if before else ()
    spoken = _speech(items, verbs, mentions, marks, last)
    beats: list[tuple[int, Beat]] = []
    previous = last
    for number, verb in enumerate(verbs):
        clause_start = _clause_start(items, verbs, number)
        clause_end = _clause_start(items, verbs, number + 1) if number + 1 < len(verbs) else len(items)
        text = _words(sentence, items, clause_start, clause_end)
        actors = _subject(items, mentions, verb, clause_start) or previous
        if not actors and mentions:
            actors = _names(mentions[0])
        entry = lexicon("actions")["actions"][verb.action]
        _dress(cast, actors, items, mentions, verb.end, clause_end)
        target = _target(mentions, verb, clause_end, actors)
        emotion = emotion_in(" ".join(one.low for one in items[verb.start : clause_end])) or emotion_in(text)
        line = None
        mark = next((at for at, owner in spoken.items() if owner[1] is verb), None)
        if mark is not None:
            actors = spoken[mark][0] or actors
            target = _target(mentions, verb, clause_end, actors)
            line = _line(quotes[_number(items[mark])], actors, emotion, sentence, language)
            emotion = emotion or _tone(quotes[_number(items[mark])])
        elif entry["role"] == "sound":
            line = _sound(cast, actors, verb.verb, emotion)
        elif entry["role"] == "line":
            line = _reported(items[verb.end : clause_end], actors, emotion, sentence)
        previous = actors or previous
        role = "line" if line and not line.sound else str(entry["role"])
        if role == "line" and line is None:
            role = "gesture"
        if actors or line:
            beats.append(
                (verb.start, Beat(text, verb.action, role, actors, target, line, emotion, tuple(_props(text)), *scene))
            )
    for mark in marks:
        if spoken[mark][1] is None:
            actors = spoken[mark][0]
            line = _line(quotes[_number(items[mark])], actors, emotion_in(sentence), sentence, language)
            if line:
                text = _words(sentence, items, 0, len(items))
                beats.append((mark, Beat(text, "say", "line", actors, "", line, line.emotion, (), *scene)))
    if not beats and mentions and not verbs:
        names = tuple(dict.fromkeys(name for mention in mentions if not mention.possessive for name in _names(mention)))
        beats.append(
            (
                0,
                Beat(
                    MARK.sub("", sentence),
                    "stand",
                    "calm",
                    names[:3],
                    "",
                    None,
                    emotion_in(sentence),
                    tuple(_props(sentence)),
                    *scene,
                ),
            )
        )
    return [beat for _, beat in sorted(beats, key=lambda pair: pair[0])]


def _dress(
    cast: CastReader, actors: tuple[str, ...], items: list[Token], mentions: list[Mention], start: int, end: int
) -> None:
    """'walks down the street in a grey coat' tells how the walker looks, though far from the name."""
    for index in range(start, end):
        worn_until = description_end(items, index)
        inside = any(mention.start <= index < mention.end for mention in mentions)
        if worn_until <= index + 1 or inside or (index and items[index - 1].low == "up"):
            continue
        for person in cast.people:
            if person.name in actors[:1]:
                person.descriptions.append(text_of(items, index, worn_until))
        return


def _main_verbs(items: list[Token], verbs: list[_Verb]) -> list[_Verb]:
    """Without copulas next to another verb ('is walking') and without helpers of a stronger verb ('comes running')."""
    kept: list[_Verb] = []
    for number, verb in enumerate(verbs):
        follower = verbs[number + 1] if number + 1 < len(verbs) else None
        close = follower is not None and follower.start - verb.end <= 1
        if verb.action in ("stand", "walk", "turn") and close and items[verb.end - 1].low != "and":
            continue
        if verb.start and items[verb.start - 1].low in ("to", "of", "without") and number and kept:
            continue
        kept.append(verb)
    return kept


def _only_describes(
    items: list[Token], verbs: list[_Verb], mentions: list[Mention], marks: list[int], sentence: str
) -> bool:
    """'Luca has curly hair.' and 'She wears a red hat.' add to the look and are no beats."""
    if marks or not mentions:
        return False
    wear = next(
        (i for i, one in enumerate(items) if one.low in ("wears", "wore", "has", "have", "indossa", "ha")), None
    )
    if wear is None or any(verb.start != wear for verb in verbs if verb.action != "stand") or mentions[0].start > wear:
        return False
    person = mentions[0].people[0]
    person.descriptions.append(_words(sentence, items, wear + 1, len(items)).strip(" ."))
    return True


def _clause_start(items: list[Token], verbs: list[_Verb], number: int) -> int:
    """First token of the clause of verb `number`: after the last comma or joining word since the verb before."""
    if number == 0:
        return 0
    low_joins = (
        "and",
        "then",
        "but",
        "while",
        "so",
        "when",
        "until",
        "as",
        "e",
        "ma",
        "poi",
        "mentre",
        "that",
        "who",
        "which",
        "che",
    )
    start = verbs[number - 1].end
    for index in range(verbs[number].start - 1, verbs[number - 1].end - 1, -1):
        if items[index].low in (",", ":", ";") or items[index].low in low_joins or MARK.fullmatch(items[index].text):
            start = index + 1
            if items[index].low in (",", ":", ";") or MARK.fullmatch(items[index].text):
                break
            previous = items[index - 1].low if index else ""
            if previous in (",", ";"):
                break
            joined_names = index and items[index - 1].capital and index + 1 < len(items) and items[index + 1].capital
            if not joined_names:
                break
    return start


def _subject(items: list[Token], mentions: list[Mention], verb: _Verb, clause_start: int) -> tuple[str, ...]:
    inside = [m for m in mentions if clause_start <= m.start < verb.start and not m.possessive]
    if not inside:
        relative = clause_start and items[clause_start - 1].low in ("that", "who", "which", "che")
        nearest = [m for m in mentions if m.end <= clause_start]
        return _names(nearest[-1]) if relative and nearest else ()
    names = list(_names(inside[0]))
    for first, second in itertools.pairwise(inside):
        between = {one.low for one in items[first.end : second.start]}
        if not between <= {"and", ",", "e", "with", "con"}:
            break
        names += [name for name in _names(second) if name not in names]
    return tuple(names)


def _target(mentions: list[Mention], verb: _Verb, clause_end: int, actors: tuple[str, ...]) -> str:
    for mention in mentions:
        if verb.end <= mention.start < clause_end and not mention.possessive:
            other = [name for name in _names(mention) if name not in actors]
            if other:
                return other[0]
    return ""


def _names(mention: Mention) -> tuple[str, ...]:
    return tuple(person.name for person in mention.people)


def _speech(
    items: list[Token], verbs: list[_Verb], mentions: list[Mention], marks: list[int], last: tuple[str, ...]
) -> dict[int, tuple[tuple[str, ...], _Verb | None]]:
    """Per quotation mark: (who speaks, the verb of speech that owns it)."""
    owners: dict[int, tuple[tuple[str, ...], _Verb | None]] = {}
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
            speakers = _names((between or behind)[0]) if between or behind else ()
        elif verb is None:
            earlier = [m for m in mentions if m.end <= mark and not m.possessive]
            speakers = _names(earlier[-1]) if earlier else last
        if verb is not None:
            used.add(verb.start)
        owners[mark] = (speakers[:1], verb)
    return owners


def _number(token: Token) -> int:
    match = MARK.fullmatch(token.text)
    return int(match.group(1)) if match else 0


def _line(text: str, actors: tuple[str, ...], emotion: str, sentence: str, language: str) -> Line | None:
    if not actors or not text.strip():
        return None
    spoken = named_language(sentence) or line_language(text, language)
    return Line(character=actors[0], text=text[:1000], emotion=emotion or _tone(text), language=spoken)


@cache
def _tone(text: str) -> str:
    """A line's own emotion when the story gives none: from its words, then from its marks."""
    found = emotion_in(text)
    if found:
        return found
    return "excited" if text.rstrip().endswith("!!") else "neutral"


def _sound(cast: CastReader, actors: tuple[str, ...], verb: str, emotion: str) -> Line | None:
    if not actors:
        return None
    kind = next((person.kind for person in cast.people if person.name == actors[0]), "human")
    sounds = lexicon("speech")["sounds"]
    entry = sounds.get(kind, sounds["human"])
    base = verb.removesuffix("s")
    text = lexicon("speech")["sound_words"].get(base, lexicon("speech")["sound_words"].get(verb, entry["text"]))
    return Line(character=actors[0], text=text, emotion=emotion or "happy", language="en", sound=True)


def _reported(items: list[Token], actors: tuple[str, ...], emotion: str, sentence: str) -> Line | None:
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


def _words(sentence: str, items: list[Token], start: int, end: int) -> str:
    if start >= end:
        return ""
    text = " ".join(MARK.sub("", sentence[items[start].start : items[end - 1].end]).split())
    return re.sub(r"(?:[\s,;:]|\b(?:and|then|but|while|so|that|who|e|ma|poi|mentre|che))+$", "", text).strip(" ,;:.")


def _time_at_the_start(places: Sequence[tuple[str, str]]) -> str:
    """The first time that is told, unless it comes with a move to another place."""
    for number, (place, time) in enumerate(places):
        if time:
            earlier = {where for where, _ in places[:number] if where}
            return "day" if place and earlier and place not in earlier else time
    return "day"


def _title(people: tuple[Person, ...], place: str, time: str) -> str:
    names = [person.name if person.named else f"the {person.name.lower()}" for person in people[:2]]
    if names:
        title = " and ".join(names)
        return title[0].upper() + title[1:]
    return f"{place.title()} at {time}" if place != "void" else "Untitled"


def with_line(beat: Beat, line: Line) -> Beat:
    """The same beat, speaking `line`."""
    return replace(beat, line=line)
