"""Word lists of the offline story reader (`prompts/film/*.yaml`), loaded once."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from configs.errors import StudioError
from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

FILM_PROMPTS = PROMPT_DIR / "film"
_ITALIAN = (
    ("cia", "ce"), ("gia", "ge"), ("ca", "che"), ("ga", "ghe"), ("co", "chi"), ("go", "ghi"), ("io", "i"),
    ("o", "i"), ("a", "e"), ("e", "i"),
)  # fmt: skip
"""Ending of a noun and of its plural, the longest first."""


@cache
def lexicon(name: str) -> dict[str, Any]:
    """The mapping in `prompts/film/<name>.yaml`. Raises StudioError when the file is missing or broken."""
    path = FILM_PROMPTS / f"{name}.yaml"
    try:
        data = own_table(path)
    except (OSError, yaml.YAMLError) as error:
        raise StudioError(
            f"The word list {path.name} cannot be read", " ".join(str(error).split()), "Restore it from the release"
        ) from error
    if not isinstance(data, dict):
        raise StudioError(f"The word list {path.name} is not a mapping", fix="Restore it from the release")
    return data


@cache
def word_index(name: str, section: str) -> dict[str, str]:
    """`{word: key}` for a section of the form `{key: [words]}` or `{key: {words: [...]}}`; the key is a word too."""
    index: dict[str, str] = {}
    for key, value in lexicon(name)[section].items():
        words = value.get("words", []) if isinstance(value, dict) else value
        for word in [str(key).replace("_", " "), *words]:
            index.setdefault(str(word).lower(), str(key))
    return index


@cache
def noun_index(section: str) -> dict[str, str]:
    """`word_index` of a section of world.yaml whose words are nouns, with their English and Italian plurals."""
    index = dict(word_index("world", section))
    world = lexicon("world")
    wrong = {str(word) for word in world["not_plurals"]}
    leading = set(world["leads_no_noun"])
    for phrase, key in list(index.items()):
        if phrase.split()[0] in leading:
            continue
        for plural in _plurals(phrase):
            if plural not in wrong:
                index.setdefault(plural, key)
    return index


def _plurals(phrase: str) -> list[str]:
    """What may be its plural; the language is not told, so both are tried: 'forests', 'foreste', 'camere da letto'."""
    words = phrase.split()
    forms = [" ".join([*words[:-1], form]) for form in _english_plurals(words[-1])]
    return forms + [" ".join([form, *words[1:]]) for form in _italian_plurals(words[0])]


def _english_plurals(word: str) -> list[str]:
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return [f"{word[:-1]}ies"]
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return [f"{word}es"]
    return [f"{word}s"]


def _italian_plurals(word: str) -> list[str]:
    if len(word) < 4:
        return []
    for ending, plural in _ITALIAN:
        if word.endswith(ending):
            return [word[: -len(ending)] + plural]
    return []
