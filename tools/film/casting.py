"""Who plays: the story's people with their looks, taken from memory where they are known."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from memory.names import name_key
from memory.records import Entry
from tools.film.look import describe_look, look_to_data
from tools.film.people import Person, gender_of_name, heads
from tools.film.reading import Beat, Story
from tools.film.shot import CastMember

if TYPE_CHECKING:
    from memory.store import Memory


@dataclass(frozen=True)
class Casting:
    """The cast, and the story told with the cast's names."""

    story: Story
    members: tuple[CastMember, ...]
    notes: tuple[str, ...] = ()


def known_names(memory: Memory) -> list[str]:
    """Names and aliases of all remembered characters."""
    names: list[str] = []
    for entry in memory.list_entries("character"):
        names += [entry.name, *entry.aliases]
    return names


def cast_story(story: Story, memory: Memory) -> Casting:
    """Looks for everybody: the remembered one for known characters, else one made from the description.

    An unnamed newcomer ('a tiny robot') never takes over another remembered character of the same short name.
    """
    members: list[CastMember] = []
    renamed: dict[str, str] = {}
    notes: list[str] = []
    for person in story.people:
        entry = _remembered(person, memory)
        name = person.name if entry is None else entry.name
        if entry is not None and not _called(person.name, entry):
            notes.append(f"'{person.name}' was taken for {entry.name}, whom memory knows: use a name that differs more")
        if entry is None and not person.named:
            name = _free_name(person, memory, {member.name for member in members})
        renamed[person.name] = name
        members.append(_member(name, person, entry))
        near = heads().get(person.head, {}).get("near")
        if near:
            notes.append(f"The {person.head} is drawn as a {near}: the preview engine has no {person.head} of its own.")
    return Casting(_with_names(story, renamed), tuple(members), tuple(notes))


def remember_cast(memory: Memory, members: tuple[CastMember, ...], thread: str = "") -> list[str]:
    """Store new characters (look and voice) so that they come back alike; returns the names that are new."""
    from backends.voice.profile import voice_from_description

    added: list[str] = []
    for member in members:
        old = _exact(memory, member.name)
        if old is not None and old.data.get("look"):
            continue
        text = old.text if old is not None else member.description or member.name
        data: dict[str, Any] = dict(old.data) if old is not None else {}
        data["look"] = dict(member.look)
        if "voice" not in data:
            described = text if member.gender == "neutral" else f"{text} ({member.gender})"
            data["voice"] = asdict(voice_from_description(member.name, described, member.look))
        memory.remember("character", member.name, text, data=data, source=old.source if old else "tool")
        added += [member.name] if old is None else []
    return added


def _remembered(person: Person, memory: Memory) -> Entry | None:
    if person.named or not person.fresh:
        return memory.resolve_character(person.name)
    exact = _exact(memory, person.name)
    return exact if exact is not None and exact.text == (person.description or person.name) else None


def _called(name: str, entry: Entry) -> bool:
    """Whether it is the character's name, a part of it or another name of theirs, not only one that is near."""
    parts = {part for one in (entry.name, *entry.aliases) for part in (name_key(one), *name_key(one).split())}
    return name_key(name) in parts


def _exact(memory: Memory, name: str) -> Entry | None:
    low = name.strip().lower()
    return next((one for one in memory.list_entries("character") if one.name.lower() == low), None)


def _free_name(person: Person, memory: Memory, taken: set[str]) -> str:
    """'Robot', or 'Tiny Robot' or 'Robot 2' when another character is remembered under that name."""
    base = person.name
    words = [
        word
        for word in person.description.split()
        if word.isalpha() and word.lower() not in ("a", "an", "the", "one", "two")
    ]
    options = [base, *([f"{words[0].title()} {base}"] if words and words[0].lower() != base.lower() else [])]
    options += [f"{base} {number}" for number in range(2, 100)]
    for name in options:
        entry = _exact(memory, name)
        if name not in taken and (entry is None or entry.text == (person.description or person.name)):
            return name
    return base


def _member(name: str, person: Person, entry: Entry | None) -> CastMember:
    description = person.description
    gender = person.gender
    if entry is not None:
        description = entry.text or description
        gender = gender if gender != "neutral" else gender_of_name(entry.name)
        stored = entry.data.get("look")
        if isinstance(stored, dict) and stored:
            return CastMember(name=name, description=description, named=True, gender=gender, look=stored)
        described = "; ".join(part for part in (entry.text, person.description) if part)
        head = "" if entry.text else person.head
        return CastMember(
            name=name,
            description=described,
            named=True,
            gender=gender,
            look=look_to_data(describe_look(name, described, head, gender)),
        )
    look = describe_look(name, description, person.head, gender)
    return CastMember(name=name, description=description, named=person.named, gender=gender, look=look_to_data(look))


def _with_names(story: Story, renamed: dict[str, str]) -> Story:
    if all(old == new for old, new in renamed.items()):
        return story

    def beat(one: Beat) -> Beat:
        line = one.line
        if line is not None:
            line = line.model_copy(update={"character": renamed.get(line.character, line.character)})
        actors = tuple(renamed.get(name, name) for name in one.actors)
        return replace(one, actors=actors, target=renamed.get(one.target, one.target), line=line)

    people = tuple(replace(person, name=renamed[person.name]) for person in story.people)
    return replace(story, people=people, beats=tuple(beat(one) for one in story.beats))
