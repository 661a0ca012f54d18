"""Which intent a wish has, by sentence embedding, character and word n-grams and hand-made cues together."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from backends.llm.offline.lexicon import INTENT_DIR, Lexicon, lexicon
from backends.llm.offline.wish import read_wish

Floats = NDArray[np.float32]
Encode = Callable[[list[str]], Any]

_VERSION = 1
_EMBEDDING_WEIGHT, _WORD_WEIGHT, _CHAR_WEIGHT, _CUE_WEIGHT = 2.0, 1.0, 1.0, 1.0
"""Scale of each block of features: found by five-fold cross-validation over the seeds."""
_C = 3.0
"""Inverse strength of the L2 penalty; the same search."""


@dataclass(frozen=True)
class Guess:
    """The most likely intents of a wish, best first."""

    ranking: tuple[tuple[str, float], ...]
    """(intent, probability), all intents."""

    @property
    def intent(self) -> str:
        return self.ranking[0][0]

    @property
    def p(self) -> float:
        return self.ranking[0][1]

    @property
    def margin(self) -> float:
        return self.ranking[0][1] - self.ranking[1][1]


class Features:
    """Text -> feature row. Word and character n-grams are learnt from the seeds, cues come from `cues.yaml`."""

    def __init__(self, texts: list[str], encode: Encode | None, folder: Path = INTENT_DIR) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._encode = encode
        cues = yaml.safe_load((folder / "cues.yaml").read_text(encoding="utf-8"))
        self._cues = [re.compile(pattern, re.IGNORECASE) for pattern in cues.values()]
        self._words = TfidfVectorizer(
            analyzer="word", ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"[^\s,]+", dtype=np.float32
        ).fit(texts)
        self._chars = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 4), min_df=2, sublinear_tf=True, dtype=np.float32
        ).fit(texts)

    def rows(self, texts: list[str]) -> Any:
        """(N, D) sparse float32."""
        from scipy.sparse import csr_matrix, hstack

        cues = np.array([[bool(cue.search(text)) for cue in self._cues] for text in texts], np.float32)
        blocks = [
            self._words.transform(texts) * _WORD_WEIGHT,
            self._chars.transform(texts) * _CHAR_WEIGHT,
            csr_matrix(cues * _CUE_WEIGHT),
        ]
        if self._encode is not None:
            blocks.append(csr_matrix(np.asarray(self._encode(texts), np.float32) * _EMBEDDING_WEIGHT))
        return hstack(blocks, format="csr", dtype=np.float32)


class Classifier:
    """Multinomial logistic regression over the seeds; fitted once, its weights are kept in a cache folder.

    Args:
        encode: sentence encoder, or None for the n-grams and cues alone.
        encoder_id: changes with the encoder; part of the cache's key.
        cache_dir: where the fitted weights are kept; None = `$XDG_CACHE_HOME/animation-ai-studio`.
    """

    def __init__(
        self, encode: Encode | None, encoder_id: str = "", cache_dir: Path | None = None, words: Lexicon | None = None
    ) -> None:
        self._lexicon = words or lexicon()
        self._encode, self._encoder_id = encode, encoder_id
        self._cache = cache_dir or _default_cache()
        self._lock = threading.Lock()
        self._fitted: tuple[Features, Floats, Floats, list[str]] | None = None

    def guess(self, text: str) -> Guess:
        """Probabilities of all intents for a matching form."""
        features, weights, bias, names = self._fit()
        scores = np.asarray(features.rows([text]) @ weights.T)[0] + bias
        scores = np.exp(scores - scores.max())
        chances = scores / scores.sum()
        order = np.argsort(-chances)
        return Guess(tuple((names[index], float(chances[index])) for index in order))

    def _fit(self) -> tuple[Features, Floats, Floats, list[str]]:
        with self._lock:
            if self._fitted is None:
                texts, labels = seed_rows(self._lexicon)
                features = Features(texts, self._encode)
                names = sorted(set(labels))
                weights, bias = self._weights(features, texts, labels)
                self._fitted = (features, weights, bias, names)
            return self._fitted

    def _weights(self, features: Features, texts: list[str], labels: list[str]) -> tuple[Floats, Floats]:
        file = self._cache / f"intents-{self._key(texts, labels)}.npz"
        try:
            with np.load(file, allow_pickle=False) as data:
                return data["weights"].astype(np.float32), data["bias"].astype(np.float32)
        except (OSError, ValueError, KeyError, EOFError):
            pass  # not there yet, or cut off: fitted again below
        weights, bias = fit_weights(features.rows(texts), labels)
        self._keep(file, weights, bias)
        return weights, bias

    def _key(self, texts: list[str], labels: list[str]) -> str:
        cues = (INTENT_DIR / "cues.yaml").read_bytes()
        digest = hashlib.sha256(f"{_VERSION}|{self._encoder_id}|{_C}".encode() + cues)
        for text, label in zip(texts, labels, strict=True):
            digest.update(f"{label}\t{text}\n".encode())
        return digest.hexdigest()[:16]

    def _keep(self, file: Path, weights: Floats, bias: Floats) -> None:
        part = file.with_name(f".{file.stem}-{os.getpid()}.npz")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(part, weights=weights.astype(np.float16), bias=bias)
            part.replace(file)
        except OSError:
            part.unlink(missing_ok=True)  # a cache that cannot be written only costs time


def seed_rows(words: Lexicon) -> tuple[list[str], list[str]]:
    """All seeds in matching form, with their intents."""
    texts, labels = [], []
    for intent in words.intents.values():
        for seed in (*intent.seeds, *intent.example.values()):
            texts.append(read_wish(seed).match)
            labels.append(intent.name)
    return texts, labels


def fit_weights(rows: Any, labels: list[str]) -> tuple[Floats, Floats]:
    """(K, D) weights and (K,) biases of a multinomial logistic regression; classes in alphabetical order."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_C, max_iter=200, tol=1e-3).fit(rows, labels)
    return model.coef_.astype(np.float32), model.intercept_.astype(np.float32)


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "animation-ai-studio"
