"""Words and LoRAs: tags in a prompt, what calls for a LoRA, and the trigger words that it needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from backends.image.registry.naming import bare_name
from configs.errors import UsageError
from configs.lora_registry import Category, LoraSpec
from memory.names import name_key, resolve
from memory.records import Entry

TAG = re.compile(r"<lora:([^:<>]{1,100})(?::([^<>]{0,40}))?>", re.IGNORECASE)
"""How A1111 and its successors ask for a LoRA within a prompt."""
NEAR = 85.0
"""Likeness in percent (rapidfuzz `ratio`) from which on words of a prompt are taken for a misspelt trigger."""


def strip_tags(prompt: str) -> tuple[str, list[tuple[str, float | None]]]:
    """The prompt without '<lora:name:weight>' tags, and what they ask for. Raises UsageError for a weight in words."""
    found: list[tuple[str, float | None]] = []
    for name, weight in TAG.findall(prompt):
        try:
            found.append((name.strip(), float(weight) if weight else None))
        except ValueError:
            raise UsageError(
                f"The weight '{weight}' of <lora:{name}> is no number", "a tag is <lora:name:0.8>", "Correct it"
            ) from None
    if not found:
        return prompt, []
    parts = (" ".join(part.split()) for part in TAG.sub(" ", prompt).split(","))
    return ", ".join(part for part in parts if part), found


def calling_words(name: str, spec: LoraSpec) -> tuple[str, ...]:
    """Keys of what calls for a LoRA: its `words`, else its own name with and without version."""
    words = spec.words or (name, bare_name(name))
    return tuple(dict.fromkeys(key for word in words if (key := name_key(word))))


def loras_of_character(loras: Mapping[str, LoraSpec], name: str) -> list[str]:
    """Names of the LoRAs that call a character of this name theirs, in the registry's order.

    The same key first; else, as memory resolves names, the one that a nickname or typo means.
    """
    words = {lora: calling_words(lora, spec) for lora, spec in loras.items() if spec.category == "character"}
    key = name_key(name)
    if same := [lora for lora, keys in words.items() if key in keys]:
        return same
    entries = [Entry(lora, "character", keys[0], "", aliases=keys[1:]) for lora, keys in words.items() if keys]
    found = resolve(name, entries)
    return [found.id] if found else []


def loras_called_by(loras: Mapping[str, LoraSpec], category: Category, text: str) -> list[str]:
    """LoRAs of a category whose words stand in a text, the longest word first, then in the registry's order."""
    said = f" {name_key(text)} "
    found = [
        (max(len(key) for key in keys), lora)
        for lora, spec in loras.items()
        if spec.category == category and (keys := [key for key in calling_words(lora, spec) if f" {key} " in said])
    ]
    return [lora for _, lora in sorted(found, key=lambda item: -item[0])]


def with_triggers(prompt: str, triggers: Iterable[tuple[str, Sequence[str]]]) -> tuple[str, list[str]]:
    """The prompt with the triggers that it lacks in front, in the first of the windows that CLIP reads.

    Args:
        triggers: LoRAs with their words.

    Returns the prompt, and a note for every word of it that looks like a misspelt trigger.
    """
    said = name_key(prompt)
    missing: dict[str, None] = {}
    notes: list[str] = []
    for lora, words in triggers:
        for word in words:
            key = name_key(word)
            if not key or f" {key} " in f" {said} " or any(key == name_key(other) for other in missing):
                continue
            missing[word] = None
            if near := _misspelt(key, said):
                notes.append(
                    f"The LoRA '{lora}' is called by '{word}', not by '{near}': '{word}' was put into the prompt"
                )
    return ", ".join(part for part in (*missing, prompt.strip()) if part), notes


def _misspelt(key: str, said: str) -> str:
    """The words of a text that are nearly the key, '' for none."""
    from rapidfuzz import fuzz

    words, length = said.split(), len(key.split())
    runs = [" ".join(words[at : at + length]) for at in range(len(words) - length + 1)]
    best = max(runs, key=lambda run: fuzz.ratio(run, key), default="")
    return best if best and fuzz.ratio(best, key) >= NEAR else ""
