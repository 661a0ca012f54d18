"""The offline story reader: text (English, simple Italian) -> people, places, beats and spoken lines."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from tools.film.clauses import (
    find_verbs,
    main_verbs,
    names_of,
    only_describes,
    start_of_clause,
    subject_of,
    target_of,
    words_between,
)
from tools.film.language import line_language
from tools.film.lexicon import lexicon, noun_index, word_index
from tools.film.noun_phrases import description_end, text_of
from tools.film.people import CastReader, Mention, Person
from tools.film.quotes import MARK, take_quotes
from tools.film.shot import Line
from tools.film.spoken import mark_number, quoted_line, reported_line, sound_line, speech_owners, tone_of
from tools.film.titles import film_title
from tools.film.words import Token, emotion_in, find_phrase, tokens

_LED_BY = (
    r"\b(?:in|on|at|inside|through|across|along|into|to|by|near|int\.|ext\.|su|sulla|nella|nel|in una?|alla|al)\s+"
    r"(?:(?:a|an|the|his|her|their|its|\w+)\s+){0,2}$"
)
"""What stands before the place that a sentence plays in."""
_BY_DAY = re.compile(r"\b(?:during|by|in|full|broad|now)(?: the)? $")
"""What makes a bare 'day' a time of day."""
_VERB_GOES_ON = re.compile(
    r" (?:(?:off|out|up|down) )?(?:the|a|an|his|its|their|my|your|him|her|them|it)\b| over (?:him|her|them|it)\b"
    r"| (?:off|out|away)\b"
)
"""What follows a verb, not a plural: 'parks the car', 'towers over him'."""
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
    sentences = _sentences(marked, quotes)
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
    set_in = zip(sentences, places, strict=True)
    notes += dict.fromkeys(note for sentence, (place, _) in set_in for note in _near(sentence, place))
    props = tuple(dict.fromkeys(prop for sentence in sentences for prop in _props(sentence)))
    return Story(
        story,
        film_title(story, people, line_language(story), text),
        people,
        tuple(beats),
        first_set,
        first_time,
        props,
        tuple(notes),
    )


def _sentences(text: str, quotes: Sequence[str]) -> list[str]:
    """Sentences; one ends where its quotation ends: 'Anna says: "Late." Bruno, in a suit, says ...' are two."""
    parts = [piece for part in re.split(r"(?<=[.!?;])\s+|\n+", text) for piece in _after_quotations(part, quotes)]
    return [part.strip() for part in parts if part.strip(" .!?;\n")]


def _after_quotations(text: str, quotes: Sequence[str]) -> list[str]:
    """The text cut behind each quotation that has its speaker before it and a capital behind it."""
    cuts = [0]
    for mark in MARK.finditer(text):
        led = text[cuts[-1] : mark.start()].strip()
        ends = quotes[int(mark.group(1))].rstrip().endswith((".", "!", "?", "…")) or led.endswith(":")
        if led and ends and re.match(r"\s+[A-ZÀ-Þ]", text[mark.end() :]):
            cuts.append(mark.end())
    return [text[one:other] for one, other in zip(cuts, [*cuts[1:], len(text)], strict=True)]


def _place(sentence: str) -> tuple[str, str]:
    """(set, time of day) that a sentence names, '' where it names none."""
    low = sentence.lower()
    sets = _nouns(sentence, "sets")
    led = [
        key
        for position, key, _ in sets
        if re.search(
            _LED_BY,
            low[:position],
        )
    ]
    place = led[-1] if led else (sets[0][1] if sets else "")
    snowed = lexicon("world")["snowed"]
    if place in snowed["sets"] and set(re.findall(r"[\w-]+", low)) & set(snowed["words"]):
        place = "snow"
    return place, _time(sentence)


def _near(sentence: str, place: str) -> Iterator[str]:
    """What stands in for a place that has no set of its own."""
    near = lexicon("world")["near_sets"]
    for _, key, word in _nouns(sentence, "sets"):
        if key == place and word in near:
            article = "an" if word[0] in "aeiou" else "a"
            yield f"The {word} is drawn as a {key}: there is no set of {article} {word}."


def _nouns(text: str, section: str) -> list[tuple[int, str, str]]:
    """(position, key, phrase) of what `text` names; no plural that is a verb there ('he parks the car')."""
    low, plain = text.lower(), word_index("world", section)
    return [
        (at, key, word)
        for at, key, word in find_phrase(text, noun_index(section))
        if word in plain or not _VERB_GOES_ON.match(low, at + len(word))
    ]


def _time(sentence: str) -> str:
    """The time of day that a sentence names last; a bare 'day' ('a rainy day') yields to any other."""
    hits = _nouns(sentence, "times")
    told = [key for at, key, word in hits if word != "day" or _BY_DAY.search(sentence[:at].lower())]
    return told[-1] if told else (hits[0][1] if hits else "")


def _props(text: str) -> list[str]:
    return [key for _, key, _ in _nouns(text, "props")]


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
    verbs = main_verbs(items, find_verbs(items, mentions))
    marks = [index for index, item in enumerate(items) if MARK.fullmatch(item.text)]
    if only_describes(items, verbs, mentions, marks, sentence):
        return []
    last = before[-1].actors if before else ()
    spoken = speech_owners(items, verbs, mentions, marks, last)
    beats: list[tuple[int, Beat]] = []
    previous = last
    for number, verb in enumerate(verbs):
        clause_start = start_of_clause(items, verbs, number)
        clause_end = start_of_clause(items, verbs, number + 1) if number + 1 < len(verbs) else len(items)
        text = words_between(sentence, items, clause_start, clause_end)
        actors = subject_of(items, mentions, verb, clause_start) or previous
        if not actors and mentions:
            actors = names_of(mentions[0])
        entry = lexicon("actions")["actions"][verb.action]
        _dress(cast, actors, items, mentions, verb.end, clause_end)
        target = target_of(mentions, verb, clause_end, actors)
        emotion = emotion_in(" ".join(one.low for one in items[verb.start : clause_end])) or emotion_in(text)
        line = None
        mark = next((at for at, owner in spoken.items() if owner[1] is verb), None)
        if mark is not None:
            actors = spoken[mark][0] or actors
            target = target_of(mentions, verb, clause_end, actors)
            line = quoted_line(quotes[mark_number(items[mark])], actors, emotion, sentence, language)
            emotion = emotion or tone_of(quotes[mark_number(items[mark])])
        elif entry["role"] == "sound":
            line = sound_line(cast, actors, verb.verb, emotion)
        elif entry["role"] == "line":
            line = reported_line(items[verb.end : clause_end], actors, emotion, sentence)
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
            line = quoted_line(quotes[mark_number(items[mark])], actors, emotion_in(sentence), sentence, language)
            if line:
                text = words_between(sentence, items, 0, len(items))
                beats.append((mark, Beat(text, "say", "line", actors, "", line, line.emotion, (), *scene)))
    if not beats and mentions and not verbs:
        names = tuple(
            dict.fromkeys(name for mention in mentions if not mention.possessive for name in names_of(mention))
        )
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


def _time_at_the_start(places: Sequence[tuple[str, str]]) -> str:
    """The first time that is told, unless it comes with a move to another place."""
    for number, (place, time) in enumerate(places):
        if time:
            earlier = {where for where, _ in places[:number] if where}
            return "day" if place and earlier and place not in earlier else time
    return "day"
