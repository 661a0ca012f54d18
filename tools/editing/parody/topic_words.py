"""A topic's script in a language model's words, as far as they fit; the library's words fill the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tools.editing.parody.script import SPOKEN_PER_SECOND
from tools.editing.parody.topic_scripts import TopicScript, TopicStructure, plain_topic, story_of
from tools.editing.parody.writer import Words, ask_for_words

if TYPE_CHECKING:
    from configs.settings import Settings

CARD, STOP = 40, 36
"""Characters at most of a card and of the words on the held picture: as long as they are shown."""
LEAST, MOST = 40, 110
"""Characters of a spoken line."""
QUOTES = '"“”«»'


def write_topic(
    settings: Settings, structure: TopicStructure, script: TopicScript, topic: str, tone: str, language: str,
    seconds: float,
) -> tuple[TopicScript, frozenset[str], str]:  # fmt: skip
    """The script with the model's words, the slots that it wrote, and why not all of them.

    seconds: length of the scene. Raises nothing: without a model, or when its lines would be read as something else
    than lines, the script comes back as it is.
    """
    slots = _slots(script, seconds)
    facts = {
        "topic": plain_topic(topic),
        "structure": structure.structure,
        "tone": tone or "any",
        "language": language,
        "scene": script.scene,
        "slots": slots,
    }
    words, why = ask_for_words(settings, "topic.md", facts, slots)
    if not words:
        return script, frozenset(), why
    told = _told(script, words)
    if not _is_read(told, language):
        return script, frozenset(), "its lines could not be told from the story around them"
    return told, frozenset(words), why


def _slots(script: TopicScript, seconds: float) -> list[dict[str, Any]]:
    most = int(min(MOST, max(LEAST, seconds * SPOKEN_PER_SECOND / len(script.lines))))
    card = {"kind": "text", "most_characters": CARD, "line_break": True}
    made: list[dict[str, Any]] = [{"id": "first", "role": "setup", "instead_of": script.first, **card}]
    for number, line in enumerate(script.lines, 1):
        say = {"kind": "say", "voice": line.who, "most_characters": most, "instead_of": line.say}
        made.append({"id": f"line_{number}", "role": line.beat, **say})
        if line.beat == "turn" and script.lines[number : number + 1] and script.lines[number].beat != "turn":
            made.append(
                {"id": "stop", "role": "turn", "kind": "text", "most_characters": STOP, "instead_of": script.stop}
            )
    made.append({"id": "last", "role": "callback", "instead_of": script.last, **card})
    return made


def _told(script: TopicScript, words: Words) -> TopicScript:
    def text(slot: str, kind: str, before: str) -> str:
        return words.get(slot, {}).get(kind, before)

    lines = tuple(
        line.model_copy(update={"say": "".join(c for c in text(f"line_{n}", "say", line.say) if c not in QUOTES)})
        for n, line in enumerate(script.lines, 1)
    )
    cards = {slot: text(slot, "text", getattr(script, slot)) for slot in ("first", "stop", "last")}
    return script.model_copy(update={**cards, "lines": lines})


def _is_read(script: TopicScript, language: str) -> bool:
    """Whether the storyboard's reader gives every line to the one who says it."""
    from tools.film.reading import read_story

    story = read_story(story_of(script, language), (), language)
    spoken = [(beat.line.character, beat.line.text) for beat in story.beats if beat.line is not None]
    return spoken == [(line.who, line.say) for line in script.lines]
