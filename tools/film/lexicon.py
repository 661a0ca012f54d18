"""Word lists of the offline story reader (`prompts/film/*.yaml`), loaded once."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from configs.errors import StudioError
from configs.settings import PROMPT_DIR

FILM_PROMPTS = PROMPT_DIR / "film"


@cache
def lexicon(name: str) -> dict[str, Any]:
    """The mapping in `prompts/film/<name>.yaml`. Raises StudioError when the file is missing or broken."""
    path = FILM_PROMPTS / f"{name}.yaml"
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
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
