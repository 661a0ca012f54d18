"""`configs/dialogue.yaml`: pauses, mix, subtitles and the words of scripts."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from configs.settings import CONFIG_DIR


@cache
def dialogue_config() -> dict[str, Any]:
    """The table as it is packaged."""
    loaded: dict[str, Any] = yaml.safe_load((CONFIG_DIR / "dialogue.yaml").read_text(encoding="utf-8"))
    return loaded
