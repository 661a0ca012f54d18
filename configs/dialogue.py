"""`configs/dialogue.yaml`: pauses, mix, subtitles and the words of scripts."""

from __future__ import annotations

from functools import cache
from typing import Any

from configs.settings import CONFIG_DIR
from configs.yaml_file import own_table


@cache
def dialogue_config() -> dict[str, Any]:
    """The table as it is packaged."""
    loaded: dict[str, Any] = own_table(CONFIG_DIR / "dialogue.yaml")
    return loaded
