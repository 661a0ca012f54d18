"""Which of the things that a search for a shot asks for each found shot has: move, pace, light, scale, who is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from memory.names import name_key, tokens
from memory.records import Entry, FilmShot, Hit
from memory.tuning import words
from tools.analysis.answer import SCALES_ASKED
from tools.analysis.asked import Move, moves_in
from tools.analysis.captions_measured import MEASURED
from tools.analysis.database_words import LIGHTS, light_words

_STEM = 4
"""Letters of a word that are compared at least; endings do not count."""


class State(Enum):
    """Whether a shot has what was asked."""

    HAS = "has"
    LACKS = "lacks"
    NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Fit:
    """What a shot has of what was asked, in the order of the question."""

    states: dict[str, State]

    @property
    def is_whole(self) -> bool:
        return all(state is State.HAS for state in self.states.values())

    @property
    def had(self) -> int:
        return sum(state is State.HAS for state in self.states.values())

    def told(self) -> str:
        """'has push-in, slow; lacks night; not known: girl'; '' when it has all."""
        if self.is_whole:
            return ""
        parts = [(state, [name for name, own in self.states.items() if own is state]) for state in State]
        said = [
            f"{state.value}{':' * (state is State.NOT_KNOWN)} {', '.join(names)}" for state, names in parts if names
        ]
        return "; ".join(said)


class Asked:
    """What a query asks of a shot; empty when it names nothing that is known of shots."""

    def __init__(self, query: str, characters: Iterable[Entry]) -> None:
        key = name_key(query)
        self.moves = moves_in(query)
        self._scales, self._patterns = _scales(key)
        said = set(tokens(query))
        self._lights = [word for word in tokens(query) if any(word in light_words(light) for light in LIGHTS)]
        names = [entry.name for entry in characters if set(tokens(entry.name)) and set(tokens(entry.name)) <= said]
        self._who = {word: words().groups[word] for word in tokens(query) if word in words().groups}
        self._who |= {name: tuple(tokens(name)) for name in names}

    def __bool__(self) -> bool:
        return bool(self.moves or self._scales or self._lights or self._who)

    def fit(self, shot: FilmShot) -> Fit:
        """What the shot has, by its figures and by the words that it is found by."""
        own = tokens(f"{shot.text} {shot.context} {shot.terms}")
        states: dict[str, State] = {}
        for name, state in (*self._moved(shot), *self._scaled(shot)):
            states[name] = state
        for word in self._lights:
            told = _has(own, (word,))
            states[word] = State.HAS if told else State.LACKS if "luma" in shot.data else State.NOT_KNOWN
        for name, alike in self._who.items():
            # measures alone cannot tell who somebody is
            missing = State.NOT_KNOWN if shot.text_by in ("", MEASURED) else State.LACKS
            states[name] = State.HAS if _has(own, alike) else missing
        return Fit(states)

    def _moved(self, shot: FilmShot) -> Iterator[tuple[str, State]]:
        known = moves_in(f"{shot.text}. {shot.context}")
        camera = shot.data.get("camera")
        if isinstance(camera, dict) and camera.get("move") not in ("mixed", "unknown", None):
            known.append(Move(str(camera["move"]), str(camera.get("direction", ""))))
        missing = State.LACKS if known else State.NOT_KNOWN
        for move in self.moves:
            bare = replace(move, pace="")
            alike = [own for own in known if bare.is_in(own)]
            yield bare.words, State.HAS if alike else missing
            if move.pace:
                paced = any(own.pace == move.pace for own in alike)
                yield move.pace, State.HAS if paced else missing

    def _scaled(self, shot: FilmShot) -> Iterator[tuple[str, State]]:
        scale, key = shot.data.get("scale", "unknown"), name_key(shot.text)
        for (name, scales), pattern in zip(self._scales.items(), self._patterns, strict=True):
            if scale in scales or re.search(rf"\b(?:{pattern})\b", key):
                yield name, State.HAS
            else:
                yield name, State.NOT_KNOWN if scale == "unknown" else State.LACKS


def said_of_none(query: str, hits: Iterable[Hit]) -> str:
    """The things that a query for shots names, when nothing that was found is called by one of them; else ''.

    Search by meaning always finds something: without this a butterfly is answered with whatever there is.
    """
    known, asked_by = words(), " ".join(words().shot_asks).split()
    idle = {*known.stopwords, *known.shot_stopwords, *known.moves, *known.directions, *asked_by}
    things = [word for word in tokens(query) if word not in idle and not word.isdigit()]
    said = [word for hit in hits for word in _said_of(hit)]
    found = any(_has(said, known.groups.get(word, (word,))) for word in things)
    return "" if found else " or ".join(repr(word) for word in things)


def _said_of(hit: Hit) -> list[str]:
    more = (hit.shot.context, hit.shot.terms) if hit.shot else ()
    return [word for text in (hit.name, hit.text, *more) for word in tokens(text)]


def _scales(key: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    found: dict[str, tuple[str, ...]] = {}
    patterns = []
    for pattern, name, scales in SCALES_ASKED:
        if re.search(rf"\b(?:{pattern})\b", key):
            found[name] = scales
            patterns.append(pattern)
            key = re.sub(rf"\b(?:{pattern})\b", " ", key)
    return found, patterns


def _has(own: Iterable[str], alike: Iterable[str]) -> bool:
    stems = tuple(word[: max(_STEM, len(word) - 2)] for word in alike)
    return any(word.startswith(stems) for word in own)
