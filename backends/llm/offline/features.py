"""Numbers that describe a wish: hand-made cues, word n-grams and a sentence embedding, side by side."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.llm.offline.lexicon import INTENT_DIR
from configs.yaml_file import own_table

Floats = NDArray[np.float32]
Encode = Callable[[list[str]], Any]
"""texts -> (N, D) float32, rows of length 1."""

EMBEDDING_WEIGHT, WORD_WEIGHT, CUE_WEIGHT = 2.0, 1.0, 1.0
"""Scale of each block: found by five-fold cross-validation over the seeds."""
_MIN_TEXTS = 2
"""An n-gram counts when so many seeds have it."""
_GENERAL = frozenset(
    {
        "question",
        "is_it",
        "how_many",
        "make_verb",
        "list_verb",
        "let_say",
        "fact",
        "again",
        "slower",
        "outside",
        "harm",
        "add_verb",
        "change_verb",
        "analyse_verb",
        "standing",
    }
)
"""Cues that any message may show, whatever it is about."""
_TOKEN = re.compile(r"[^\s,]+")


class Features:
    """Text -> row of features. The vocabulary comes from the seeds, the cues from `cues.yaml`."""

    def __init__(self, texts: list[str], encode: Encode | None, folder: Path = INTENT_DIR) -> None:
        self._encode = encode
        cues = own_table(folder / "cues.yaml")
        self._cues = [re.compile(pattern, re.IGNORECASE) for pattern in cues.values()]
        self._telling = np.array([name not in _GENERAL for name in cues])
        seen = Counter(gram for text in texts for gram in set(_grams(text)))
        kept = sorted(gram for gram, count in seen.items() if count >= _MIN_TEXTS)
        self._place = {gram: index for index, gram in enumerate(kept)}
        # Smoothed inverse document frequency, as in scikit-learn's TfidfTransformer.
        counts = np.array([seen[gram] for gram in kept], np.float32)
        self._rarity = np.log((1 + len(texts)) / (1 + counts)) + 1

    def rows(self, texts: list[str]) -> Floats:
        """(N, D) float32: cues, then n-grams, then the embedding."""
        cues = np.array([[bool(cue.search(text)) for cue in self._cues] for text in texts], np.float32)
        # A message without any sign of the studio's work is most likely none of its business.
        foreign = 1.0 - cues[:, self._telling].max(axis=1, keepdims=True)
        blocks = [
            cues * CUE_WEIGHT,
            foreign * CUE_WEIGHT,
            np.stack([self._words(text) for text in texts]) * WORD_WEIGHT,
        ]
        if self._encode is not None:
            blocks.append(np.asarray(self._encode(texts), np.float32) * EMBEDDING_WEIGHT)
        return np.concatenate(blocks, axis=1, dtype=np.float32)

    def _words(self, text: str) -> Floats:
        row = np.zeros(len(self._place), np.float32)
        for gram, count in Counter(_grams(text)).items():
            if (index := self._place.get(gram)) is not None:
                row[index] = (1 + np.log(count)) * self._rarity[index]
        length = float(np.linalg.norm(row))
        return row / length if length else row


def _grams(text: str) -> Iterable[str]:
    words = _TOKEN.findall(text)
    yield from words
    yield from (f"{first} {second}" for first, second in pairwise(words))
