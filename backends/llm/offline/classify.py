"""Which intent a wish has: a multinomial logistic regression over the seeds of `prompts/intents/`.

Its fitted weights ship beside the seeds, so that the first wish needs no training; after a change of the seeds they are
fitted again once and cached. `python -m backends.llm.offline.classify` writes the shipped ones anew.
"""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends.llm.offline.features import Encode, Features, Floats
from backends.llm.offline.lexicon import INTENT_DIR, Lexicon, lexicon
from backends.llm.offline.wish import read_wish

_VERSION = 3
_C = 3.0
"""Inverse strength of the L2 penalty: found by five-fold cross-validation over the seeds."""
_PROBE = "draw a small robot on the beach"
_SAME_ENCODER = 5e-3
"""Largest difference of a probe's embedding between two runs of one encoder (float32 rounding is near 1e-6)."""
SHIPPED = {True: INTENT_DIR / "fitted_encoder.npz", False: INTENT_DIR / "fitted_plain.npz"}
"""Weights for the packaged encoder, and without any encoder."""


@dataclass(frozen=True)
class Fitted:
    """A trained classifier, as it is kept in a file."""

    weights: Floats
    """(K, D)."""
    bias: Floats
    """(K,)."""
    key: str
    """Digest of the seeds and cues that it was fitted to."""
    probe: Floats
    """Embedding of a fixed sentence; tells another encoder apart. Empty without one."""

    def save(self, file: Path) -> None:
        """Write atomically; raises OSError."""
        part = file.with_name(f".{file.stem}-{os.getpid()}.npz")
        try:
            np.savez_compressed(
                part, weights=self.weights.astype(np.float16), bias=self.bias, key=np.array(self.key), probe=self.probe
            )
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)

    @staticmethod
    def load(file: Path) -> Fitted | None:
        """None when the file is not there or damaged."""
        import zipfile

        try:
            with np.load(file, allow_pickle=False) as data:
                weights = data["weights"].astype(np.float32)
                return Fitted(weights, data["bias"], str(data["key"]), data["probe"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None


class Classifier:
    """Intent probabilities of a matching form.

    Args:
        encode: sentence encoder, or None for n-grams and cues alone.
        cache_dir: where weights fitted here are kept; None = `$XDG_CACHE_HOME/animation-ai-studio`.
    """

    def __init__(self, encode: Encode | None, cache_dir: Path | None = None, words: Lexicon | None = None) -> None:
        self._lexicon = words or lexicon()
        self._encode = encode
        self._cache = cache_dir or _default_cache()
        self._lock = threading.Lock()
        self._ready: tuple[Features, Fitted, list[str]] | None = None

    def chances(self, text: str) -> dict[str, float]:
        """Intent -> probability; they add up to 1."""
        features, fitted, names = self._get()
        scores = features.rows([text])[0] @ fitted.weights.T + fitted.bias
        scores = np.exp(scores - scores.max())
        return dict(zip(names, map(float, scores / scores.sum()), strict=True))

    def _get(self) -> tuple[Features, Fitted, list[str]]:
        with self._lock:
            if self._ready is None:
                texts, labels = seed_rows(self._lexicon)
                features = Features(texts, self._encode)
                self._ready = (features, self._fitted(features, texts, labels), sorted(set(labels)))
            return self._ready

    def _fitted(self, features: Features, texts: list[str], labels: list[str]) -> Fitted:
        key = seeds_key(texts, labels)
        probe = probe_of(self._encode)
        mark = hashlib.sha256(np.round(probe, 1).tobytes()).hexdigest()[:8]
        cached = self._cache / f"intents-{key}-{mark}.npz"
        for file in (SHIPPED[self._encode is not None], cached):
            found = Fitted.load(file)
            if found and found.key == key and found.probe.shape == probe.shape and _near(found.probe, probe):
                return found
        fitted = fit(features, texts, labels, probe)
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            fitted.save(cached)
        except OSError:
            pass  # a cache that cannot be written only costs time
        return fitted


def fit(features: Features, texts: list[str], labels: list[str], probe: Floats) -> Fitted:
    """Train on the seeds; classes in alphabetical order."""
    weights, bias = fit_weights(features.rows(texts), labels)
    return Fitted(weights.astype(np.float16).astype(np.float32), bias, seeds_key(texts, labels), probe)


def fit_weights(rows: Any, labels: list[str]) -> tuple[Floats, Floats]:
    """(K, D) weights and (K,) biases."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_C, max_iter=200, tol=1e-3).fit(rows, labels)
    return model.coef_.astype(np.float32), model.intercept_.astype(np.float32)


def seed_rows(words: Lexicon) -> tuple[list[str], list[str]]:
    """All seeds in matching form, with their intents."""
    texts, labels = [], []
    for intent in words.intents.values():
        for seed in (*intent.seeds, *intent.example.values()):
            texts.append(read_wish(seed).match)
            labels.append(intent.name)
    return texts, labels


def seeds_key(texts: list[str], labels: list[str]) -> str:
    """Digest of everything that the weights depend on, the encoder apart."""
    cues = (INTENT_DIR / "cues.yaml").read_bytes()
    digest = hashlib.sha256(f"{_VERSION}|{_C}".encode() + cues)
    for text, label in zip(texts, labels, strict=True):
        digest.update(f"{label}\t{text}\n".encode())
    return digest.hexdigest()[:16]


def probe_of(encode: Encode | None) -> Floats:
    """Embedding of a fixed sentence; empty without an encoder."""
    if encode is None:
        return np.zeros(0, np.float32)
    probe: Floats = np.asarray(encode([_PROBE]), np.float32)[0]
    return probe


def _near(first: Floats, second: Floats) -> bool:
    return first.size == 0 or float(np.abs(first - second).max()) < _SAME_ENCODER


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "animation-ai-studio"


def main() -> None:
    """Fit the shipped weights anew: with the packaged encoder, and without."""
    from backends.llm.offline.encoder import MiniLm, packaged_model

    texts, labels = seed_rows(lexicon())
    folder = packaged_model()
    for encode in (None, MiniLm(folder)) if folder else (None,):
        fitted = fit(Features(texts, encode), texts, labels, probe_of(encode))
        fitted.save(SHIPPED[encode is not None])


if __name__ == "__main__":
    main()
