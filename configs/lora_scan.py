"""`configs/lora_scan.yaml`: words by which the studio guesses what a LoRA is for."""

from __future__ import annotations

from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from configs.settings import CONFIG_DIR
from configs.yaml_file import read_table


class ScanWords(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    few_step: frozenset[str]
    style: frozenset[str]
    background: frozenset[str]
    general: frozenset[str]
    character_tags: frozenset[str]
    background_tags: frozenset[str]
    not_triggers: frozenset[str]


@lru_cache
def scan_words() -> ScanWords:
    """The packaged lists, all in lower case."""
    return read_table(CONFIG_DIR / "lora_scan.yaml", ScanWords, "table of scan words")
