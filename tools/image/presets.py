"""What the table of characters says of one, under any spelling that memory would resolve."""

from __future__ import annotations

from configs.character_presets import CharacterPreset, load_presets
from configs.settings import Settings
from memory.names import resolve
from memory.records import Entry


def preset_for(settings: Settings, name: str) -> CharacterPreset | None:
    """The character's entry in character_presets.yaml; None when it has none, or when more than one fits.

    Names are resolved as in memory: case, accents, nicknames and slight typos do not matter.
    Raises UsageError when the table is wrong.
    """
    characters = load_presets(settings).characters
    entries = [Entry(known, "character", known, "") for known in characters]
    found = resolve(name, entries)
    return characters[found.name] if found else None
