"""Search weights and word lists from `configs/memory.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from configs.settings import CONFIG_DIR
from configs.yaml_file import own_table


@dataclass(frozen=True)
class SearchTuning:
    """How results are found and ordered; the file says what each figure means."""

    candidates: int
    rrf_k: int
    recency_weight: float
    recency_half_life_days: float
    rating_weight: float
    cosine_floor: float
    shot_cosine_floor: float
    exact_below: int
    embed_per_search: int


@dataclass(frozen=True)
class Words:
    """Word lists for names and descriptions, as plain keys (lower case, no accents)."""

    determiners: frozenset[str]
    description_ends: frozenset[str]
    stopwords: frozenset[str]
    shot_stopwords: frozenset[str]
    """Besides, where shots are searched: words that any shot could be called by."""
    moves: frozenset[str]
    """Moves of a camera after which a direction tells one from another."""
    directions: frozenset[str]
    shot_asks: tuple[str, ...]
    """Words, as keys, of which one in a query says that a shot is looked for."""
    synonyms: dict[str, str]
    """Word -> the word that stands for its group."""
    groups: dict[str, tuple[str, ...]]
    """Word -> all words of its group."""


@lru_cache
def _file() -> dict[str, Any]:
    loaded: dict[str, Any] = own_table(CONFIG_DIR / "memory.yaml")
    return loaded


@lru_cache
def search_tuning() -> SearchTuning:
    """The figures of the section `search`."""
    return SearchTuning(**_file()["search"])


@lru_cache
def words() -> Words:
    """The word lists."""
    data = _file()
    return Words(
        determiners=frozenset(data["determiners"]),
        description_ends=frozenset(data["description_ends"]),
        stopwords=frozenset(data["stopwords"]),
        shot_stopwords=frozenset(data["shot_stopwords"]),
        moves=frozenset(data["moves"]),
        directions=frozenset(data["directions"]),
        shot_asks=tuple(str(word).replace("-", " ") for word in data["shot_asks"]),
        synonyms={word: group[0] for group in data["synonyms"] for word in group},
        groups={word: tuple(group) for group in data["synonyms"] for word in group},
    )
