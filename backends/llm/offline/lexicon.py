"""The built-in brain's words, intents and replies, read from `prompts/intents/`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from configs.errors import UsageError
from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

INTENT_DIR = PROMPT_DIR / "intents"
INTENT_FILES = ("image", "voice", "analysis", "editing", "film", "memory", "project", "talk")


@dataclass(frozen=True)
class Intent:
    """One thing that a user may want: a tool's name, or clarify, decline, chat."""

    name: str
    title: Mapping[str, str]
    """What it does, as an infinitive, by language."""
    example: Mapping[str, str]
    templates: tuple[str, ...]
    """hassil sentences."""
    seeds: tuple[str, ...]
    fallback: str = ""
    """The tool that does the same in a simpler way when this one is not there."""


class Group:
    """Spellings of some canonical words, found longest first, at word borders, without regard to case."""

    def __init__(self, entries: Mapping[str, Iterable[str]]) -> None:
        self._canonical = {spelling.lower(): str(name) for name, words in entries.items() for spelling in words}
        self.pattern = "|".join(
            re.escape(word).replace(r"\ ", r"[\s-]+") for word in sorted(self._canonical, key=len, reverse=True)
        )
        self._regex = re.compile(rf"(?<![\w-])(?:{self.pattern})(?![\w-])", re.IGNORECASE)

    def canonical(self, spelling: str) -> str:
        key = " ".join(spelling.lower().split())
        return self._canonical.get(key) or self._canonical.get(key.replace("-", " "), key)

    def find_all(self, text: str) -> list[tuple[str, re.Match[str]]]:
        """(canonical, match) in the order of the text."""
        return [(self.canonical(match.group()), match) for match in self._regex.finditer(text)]

    def first(self, text: str) -> str | None:
        match = self._regex.search(text)
        return self.canonical(match.group()) if match else None

    def names(self, text: str) -> list[str]:
        """Canonical words in the order of the text, each once."""
        return list(dict.fromkeys(name for name, _ in self.find_all(text)))


def patterns(entries: Iterable[str]) -> str:
    """One alternation out of '~regular expressions' and plain words."""
    return "|".join(f"(?:{entry[1:]})" if entry.startswith("~") else re.escape(entry) for entry in entries)


class Lexicon:
    """All words and intents. `lexicon()` gives the shared one."""

    def __init__(self, folder: Path = INTENT_DIR) -> None:
        self.words: dict[str, Any] = _load(folder / "lexicon.yaml")
        self.replies: dict[str, dict[str, str]] = _load(folder / "replies.yaml")
        self.intents: dict[str, Intent] = {}
        for name in INTENT_FILES:
            for intent, data in _load(folder / f"{name}.yaml").items():
                self.intents[intent] = Intent(
                    name=intent,
                    title=data["title"],
                    example=data.get("example", {}),
                    templates=tuple(data.get("templates", ())),
                    seeds=(*data["seeds"], *data.get("seeds_it", ())),
                    fallback=data.get("fallback", ""),
                )
        self._groups: dict[str, Group] = {}

    def group(self, name: str) -> Group:
        """The spellings of a named group: styles, emotions, languages, formats, effects, ..."""
        if name not in self._groups:
            entries = self.words[name]
            if name == "sizes":
                entries = {key: [key] for key in entries}
            self._groups[name] = Group(entries)
        return self._groups[name]

    def say(self, key: str, language: str = "en", **values: str) -> str:
        """A reply text, filled in; English when the language has none."""
        texts = self.replies.get(language, {})
        return (texts.get(key) or self.replies["en"][key]).format(**values)

    def title(self, intent: str, language: str = "en") -> str:
        titles = self.intents[intent].title
        return titles.get(language, titles["en"])

    def example(self, intent: str, language: str = "en") -> str:
        examples = self.intents[intent].example
        return examples.get(language, examples.get("en", ""))

    @cache  # noqa: B019 - one lexicon lives as long as the process
    def vocabulary(self) -> frozenset[str]:
        """Every word that the intents and the lexicon use: never a typo."""
        texts: list[str] = [seed for intent in self.intents.values() for seed in intent.seeds]
        texts.extend(_strings(self.words))
        return frozenset(word for text in texts for word in re.findall(r"[^\W\d_]+", text.lower()))


def _strings(data: object) -> Iterable[str]:
    if isinstance(data, str):
        yield data if not data.startswith("~") else re.sub(r"\\.|[^\w\s|]", " ", data)
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield str(key)
            yield from _strings(value)
    elif isinstance(data, list):
        for value in data:
            yield from _strings(value)


def _load(path: Path) -> dict[str, Any]:
    try:
        data = own_table(path)
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(
            f"The brain's file {path.name} cannot be read", str(error).split("\n")[0], "Restore it"
        ) from error
    if not isinstance(data, dict):
        raise UsageError(f"The brain's file {path.name} is not a mapping", fix="Restore it")
    return data


@cache
def lexicon() -> Lexicon:
    """The packaged lexicon, read once."""
    return Lexicon()
