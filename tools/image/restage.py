"""A layout picture changed by words: its shot and cast after 'make Luca smile', 'at night', 'a red shirt'."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from backends.image.layout.scene import CharacterLook
from memory.store import Memory
from tools.film.casting import cast_story, known_names
from tools.film.layout import cast_looks
from tools.film.lexicon import lexicon, word_index
from tools.film.look import accessory_name, changed_look, colour_name, look_to_data
from tools.film.people import heads
from tools.film.reading import read_story
from tools.film.shot import SCALES, Actor, CastMember, Shot
from tools.film.words import find_phrase
from tools.image.edit_clauses import SURROUNDINGS
from tools.image.edit_people import parts, stranger

MOST_ACTORS = 4
_PRONOUNS = {
    "male": r"\b(?:he|him|his|lui)\b",
    "female": r"\b(?:she|her|hers|lei)\b",
    "neutral": r"\b(?:it|its)\b",
}
_ADD = re.compile(
    r"\b(?:add|put in|bring in|include|insert|draw in|show also|aggiungi|inserisci|metti anche)\b\s*(?P<what>.*)", re.I
)
_SWAP = re.compile(
    r"\b(?:replace|swap|exchange|change|turn|sostituisci|cambia|trasforma)\s+(?P<old>.+?)\s+(?:with|for|by|into|to|con|in)\s+"
    r"(?P<new>.+)", re.I
)  # fmt: skip


@dataclass(frozen=True)
class Restaged:
    shot: Shot
    cast: tuple[CastMember, ...]
    changes: tuple[str, ...]
    """What is different, in words; () when the layout has nothing that the words ask for."""
    already: tuple[str, ...] = ()
    """What was asked for and is so in the picture."""
    missing: str = ""
    """Somebody whom the words name and who is not in the picture: nothing was changed for that."""
    meant: tuple[str, ...] = ()
    """Whom the words were about: the next clause's 'him' or 'it'."""


class Restager:
    """Applies one instruction to one shot."""

    def __init__(
        self, shot: Shot, cast: Sequence[CastMember], memory: Memory, language: str = "en", meant: Sequence[str] = ()
    ) -> None:
        self._shot, self._cast = shot, {member.name: member for member in cast}
        self._memory, self._language = memory, language
        self._looks = cast_looks(tuple(cast))
        self._changes: list[str] = []
        self._already: list[str] = []
        self._missing = ""
        self._meant = tuple(meant)
        """Whom the clause before was about."""
        self._about: list[str] = []

    def change(self, text: str) -> Restaged:
        """'turn the day into night', 'make him smile', 'give her glasses', 'add a cat', 'closer'."""
        if swap := _SWAP.search(text):
            self._swap(swap["old"], swap["new"])
        if added := _ADD.search(text):
            self._add(added["what"])
        self._place(text, only_time=True)
        self._camera(text)
        for part in parts(text, self._named, self._asks):
            self._people(part)
        return self._done()

    def background(self, what: str) -> Restaged:
        """Another set, another time of day."""
        self._place(what)
        return self._done()

    def remove(self, what: str) -> Restaged:
        """A character, something worn, a prop."""
        named = self._named(what)
        if not named and self._is_stranger(what):
            return self._done()
        worn = find_phrase(what, word_index("looks", "accessories"))
        if worn or re.search(r"\b(?:hair|capelli)\b", what, re.I):
            for name in named or list(self._cast):
                self._set_look(name, changed_look(self._looks[name], what, without=True))
        elif named:
            for name in named:
                self._shot = self._shot.model_copy(
                    update={
                        "actors": tuple(_without_person(one, name) for one in self._shot.actors if one.name != name)
                    }
                )
                self._cast.pop(name, None)
                self._changes.append(f"{name} is gone")
        props = {key for _, key, _ in find_phrase(what, word_index("world", "props"))} & set(self._shot.props)
        if props:
            self._shot = self._shot.model_copy(
                update={"props": tuple(one for one in self._shot.props if one not in props)}
            )
            self._changes.append(f"no {' and '.join(sorted(props))}")
        return self._done()

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _done(self) -> Restaged:
        return Restaged(
            self._shot, tuple(self._cast.values()), tuple(self._changes), tuple(self._already), self._missing,
            tuple(dict.fromkeys(self._about)) or self._meant,
        )  # fmt: skip

    def _is_stranger(self, text: str) -> bool:
        """Whether the text means somebody who is not in the picture: nobody else is changed instead."""
        self._missing = self._missing or stranger(text, self._cast, known_names(self._memory))
        return bool(self._missing)

    def _asks(self, text: str) -> bool:
        """Whether the text asks for a face, a pose or a look."""
        acts = find_phrase(text, word_index("edits", "faces") | word_index("edits", "poses"))
        return bool(acts) or any(changed_look(look, text) != look for look in self._looks.values())

    def _named(self, text: str) -> list[str]:
        """Who is meant: names, kinds ('the robot'), pronouns; [] = nobody in particular."""
        index = {name.lower(): name for name in self._cast}
        for name, look in self._looks.items():
            for head, entry in heads().items():
                if str(entry.get("kind", "human")) == look.kind and (look.kind != "human" or self._is(name, entry)):
                    for word in (head, *entry.get("words", [])):
                        index.setdefault(str(word).lower(), name)
        found = list(dict.fromkeys(name for _, name, _ in find_phrase(text, index)))
        if found:
            return [name for name in found if name in self._cast]
        for gender, pattern in _PRONOUNS.items():
            fitting = [name for name, member in self._cast.items() if member.gender == gender]
            if re.search(pattern, text, re.I):
                before = [name for name in fitting if name in self._meant]
                if len(fitting) == 1 or len(before) == 1:
                    return before or fitting
        return self._wearers(text)

    def _wearers(self, text: str) -> list[str]:
        """Who has 'the hat' on that the text speaks of."""
        worn = {
            key
            for at, key, _ in find_phrase(text, word_index("looks", "accessories"))
            if re.search(r"\b(?:the|il|lo|la|gli|i)\s+(?:\w+\s+)?$", text[:at], re.I)
        }
        return [name for name, look in self._looks.items() if worn & set(look.worn)]

    def _is(self, name: str, head: dict[str, object]) -> bool:
        same_age = head.get("age", "child") == self._looks[name].age
        return same_age and head.get("gender", "neutral") in ("neutral", self._cast[name].gender)

    def _place(self, text: str, only_time: bool = False) -> None:
        update: dict[str, object] = {}
        times = find_phrase(text, word_index("world", "times"))
        if times and times[-1][1] != self._shot.time_of_day:
            update["time_of_day"] = times[-1][1]
        sets = [] if only_time else find_phrase(text, word_index("world", "sets"))
        plain = re.search(r"\b(?:plain|white|empty|blank|neutral|bianco|vuoto)\b", text, re.I)
        where = sets[-1][1] if sets else "void" if plain and not only_time else ""
        if where and where != self._shot.set:
            update["set"] = where
        if update:
            self._shot = self._shot.model_copy(update=update)
            self._changes += [str(value) for value in update.values()]

    def _camera(self, text: str) -> None:
        camera = self._shot.camera
        scales = find_phrase(text, word_index("world", "shot_words"))
        # 'face' and 'portrait' are also what an instruction is about
        named = [key.upper() for _, key, phrase in scales if phrase not in ("face", "portrait", "ritratto", "vista")]
        at = SCALES.index(camera.scale)
        update: dict[str, object] = {}
        if named:
            update["scale"] = named[0]
        elif find_phrase(text, _words("closer")):
            update["scale"] = SCALES[max(at - 1, 0)]
        elif find_phrase(text, _words("wider")):
            update["scale"] = SCALES[min(at + 1, len(SCALES) - 1)]
        angles = find_phrase(text, word_index("world", "angle_words"))
        long = [key for _, key, phrase in angles if phrase not in ("low", "high")]
        if long:
            update["angle"] = long[0]
        update = {key: value for key, value in update.items() if value != getattr(camera, key)}
        if update:
            self._shot = self._shot.model_copy(update={"camera": camera.model_copy(update=update)})
            self._changes += [f"{key} {value}" for key, value in update.items()]

    def _people(self, text: str) -> None:
        named = self._named(text)
        if not named and not self._changes and self._is_stranger(text):
            return
        focus = self._shot.camera.focus
        names = named or ([focus] if focus in self._cast else list(self._cast))
        faces = find_phrase(text, word_index("edits", "faces"))
        poses = find_phrase(text, word_index("edits", "poses"))
        outside = {key for _, key, _ in find_phrase(text, word_index("edits", "regions"))} & SURROUNDINGS
        self._about += named
        for name in names:
            # a colour alone is an animal's or a robot's only when it is named, or nothing else can be meant
            if self._looks[name].kind == "human" or name in named or (len(self._cast) == 1 and not outside):
                self._set_look(name, changed_look(self._looks[name], text))
            update: dict[str, str] = {}
            if faces:
                update["expression"] = faces[-1][1]
            if poses:
                update["pose"] = poses[-1][1]
            self._act(name, update)

    def _act(self, name: str, update: dict[str, str]) -> None:
        actors: list[Actor] = []
        for actor in self._shot.actors:
            new = {key: value for key, value in update.items() if getattr(actor, key) != value}
            if actor.name == name:
                self._already += [
                    f"{name} is {value.replace('_', ' ')}" for key, value in update.items() if key not in new
                ]
            actors.append(actor.model_copy(update=new) if actor.name == name and new else actor)
            if actor.name == name:
                self._changes += [f"{name}: {value.replace('_', ' ')}" for value in new.values()]
        self._shot = self._shot.model_copy(update={"actors": tuple(actors)})

    def _set_look(self, name: str, look: CharacterLook) -> None:
        if look.kind != "human":
            # the layout draws nothing worn on robots and animals
            look = replace(look, accessories=self._looks[name].accessories)
        if look == self._looks[name]:
            return
        told = _difference(self._looks[name], look)
        self._looks[name] = look
        self._cast[name] = self._cast[name].model_copy(update={"look": look_to_data(look)})
        self._changes.append(f"{name} with {', '.join(told)}")

    def _add(self, what: str) -> None:
        story = read_story(what, known_names(self._memory), self._language)
        members = [one for one in cast_story(story, self._memory).members if one.name not in self._cast]
        taken: set[str] = {actor.place for actor in self._shot.actors}
        for member in members[: MOST_ACTORS - len(self._shot.actors)]:
            place = next((side for side in ("right", "left", "center") if side not in taken), "center")
            taken.add(place)
            actor = Actor.model_validate({"name": member.name, "place": place, "expression": "happy"})
            if len(self._shot.actors) == 1 and self._shot.actors[0].place == "center":
                alone = self._shot.actors[0].model_copy(update={"place": "left"})
                self._shot = self._shot.model_copy(update={"actors": (alone,)})
                actor = actor.model_copy(update={"place": "right"})
            self._shot = self._shot.model_copy(update={"actors": (*self._shot.actors, actor)})
            self._cast[member.name] = member
            self._looks |= cast_looks((member,))
            self._changes.append(f"{member.name} is there")
            self._about.append(member.name)
        props = tuple(
            dict.fromkeys(
                key for _, key, _ in find_phrase(what, word_index("world", "props")) if key not in self._shot.props
            )
        )
        if props and not members:
            self._shot = self._shot.model_copy(update={"props": (*self._shot.props, *props)[:6]})
            self._changes.append(f"with {' and '.join(props)}")

    def _swap(self, old: str, new: str) -> None:
        """'the robot' for 'a cat': the new one stands where the old one stood."""
        gone = self._named(old)
        story = read_story(new, known_names(self._memory), self._language)
        members = [one for one in cast_story(story, self._memory).members if one.name not in self._cast]
        if len(gone) != 1 or len(members) != 1:
            return
        member = members[0]
        actors = tuple(_without_person(one, gone[0], member.name) for one in self._shot.actors)
        self._shot = self._shot.model_copy(update={"actors": actors})
        self._cast = {
            (member.name if name == gone[0] else name): (member if name == gone[0] else known)
            for name, known in self._cast.items()
        }
        self._looks = cast_looks(tuple(self._cast.values()))
        self._changes.append(f"{member.name} instead of {gone[0]}")


def _without_person(actor: Actor, gone: str, instead: str = "") -> Actor:
    """The actor, turned to whom has come instead of `gone`, or to the camera."""
    swap = {gone: instead}
    return actor.model_copy(
        update={
            "name": swap.get(actor.name) or actor.name,
            "facing": swap[gone] or "camera" if actor.facing == gone else actor.facing,
            "look_at": (swap[gone] or "camera") if actor.look_at == gone else actor.look_at,
        }
    )


def _difference(before: CharacterLook, after: CharacterLook) -> list[str]:
    """'red top', 'glasses', 'no hat'."""
    told = []
    for key, new in vars(after).items():
        old = getattr(before, key)
        if new == old:
            continue
        what = key.removesuffix("_color").replace("_", " ")
        if key == "accessories":
            told += [accessory_name(one) for one in new if one not in old]
            told += [f"no {one}" for one in before.worn if one not in after.worn]
        else:
            told.append(f"{colour_name(new)} {what}" if isinstance(new, tuple) else str(new).replace("_", " "))
    return told


@cache
def _words(section: str) -> dict[str, str]:
    return {str(word).lower(): section for word in lexicon("edits")[section]}
