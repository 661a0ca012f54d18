"""Scripts about any topic: two characters, a structure, a few lines; `prompts/parody/topics.yaml`, checked."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from configs.errors import UsageError
from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

SAYS = {"en": "says", "it": "dice"}


class TopicLine(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    who: str
    beat: Literal["setup", "turn", "payoff"]
    say: str


class TopicScript(BaseModel):
    """A script in one language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: str
    scene: str
    lines: tuple[TopicLine, ...] = Field(min_length=3)
    stop: str
    last: str


class TopicStructure(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    structure: str
    tones: dict[str, float]
    sound: str
    en: tuple[TopicScript, ...] = Field(min_length=1)
    it: tuple[TopicScript, ...] = Field(min_length=1)

    def script(self, language: str, number: int = 0) -> TopicScript:
        """One of its scripts; numbers go round."""
        scripts = self.it if language == "it" else self.en
        return scripts[number % len(scripts)]


@cache
def topic_structures() -> dict[str, TopicStructure]:
    """prompts/parody/topics.yaml."""
    loaded = own_table(PROMPT_DIR / "parody" / "topics.yaml")
    return {name: TopicStructure.model_validate(entry) for name, entry in loaded.items()}


def choose_structure(tone: str, wanted: str, seed: int) -> tuple[str, int, str]:
    """A structure's name, the number of its script, and why: as asked, by tone, else by the seed.

    Seeds go through the structures that would do, then through their scripts. Raises UsageError for an unknown one.
    """
    known = topic_structures()
    if wanted != "auto":
        if wanted not in known:
            raise UsageError(
                f"A topic cannot be told as '{wanted[:40]}'",
                "that structure needs a clip, or does not exist",
                f"Use auto or one of {', '.join(known)}",
            )
        return wanted, seed, "it was asked for"
    best = max((structure.tones.get(tone, 0.0) for structure in known.values()), default=0.0)
    names = sorted(name for name, structure in known.items() if structure.tones.get(tone, 0.0) == best)
    why = f"a {tone} tone suits it" if tone and best else "no known tone was given, so the seed chose"
    return names[seed % len(names)], seed // len(names), why


def plain_topic(topic: str) -> str:
    """The topic as it may stand in a sentence."""
    return " ".join("".join(c for c in topic if c not in '{}"“”«»<>').split()).strip(" .!?")[:80]


def fill_script(script: TopicScript, topic: str) -> TopicScript:
    """The script about a topic; the topic is data: braces and quotation marks are taken out."""
    plain = plain_topic(topic)
    facts = {"topic": plain, "Topic": plain[:1].upper() + plain[1:], "TOPIC": plain.upper()}

    def told(text: str) -> str:
        return text.format_map(facts)

    lines = tuple(line.model_copy(update={"say": told(line.say)}) for line in script.lines)
    changes = {"first": told(script.first), "stop": told(script.stop), "last": told(script.last), "lines": lines}
    return script.model_copy(update=changes)


def story_of(script: TopicScript, language: str) -> str:
    """The script as a story that the studio's storyboards understand."""
    return " ".join([script.scene, *(f'{line.who} {SAYS[language]}: "{line.say}"' for line in script.lines)])
