"""How near a picture is to its words: the cosine of CLIP's two vectors. It ranks pictures and passes none."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backends.image.registry.pretrained import read_model, told_as
from configs.errors import EngineError

KEPT = 64
"""Texts whose vectors are kept; the text tower itself is dropped after use (0.5 GB for ViT-L/14)."""


class PictureEncoder(Protocol):
    """CLIP's image tower, e.g. `backends.vision.identity.transformer.ClipEncoder`."""

    @property
    def version(self) -> str: ...

    def encode(self, rgb: NDArray[np.uint8]) -> Any:
        """Something with `.vector`: unit length, or None."""


@dataclass(frozen=True)
class PromptScore:
    value: float | None
    """Cosine, -1..1; for CLIP ViT-L/14 about 0.15 for unrelated and 0.25 to 0.35 for fitting words."""
    by: str
    note: str = ""


class PromptScorer:
    """Scores of one local CLIP folder (safetensors). Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._texts: OrderedDict[str, tuple[NDArray[np.float32], bool]] = OrderedDict()

    def score(self, rgb: NDArray[np.uint8], text: str, pictures: PictureEncoder) -> PromptScore:
        """Of (H, W, 3) uint8 RGB. `pictures` is the image tower of the same folder.

        Raises EngineError when the folder's text tower cannot be read.
        """
        seen = pictures.encode(rgb).vector
        if seen is None or not text.strip():
            return PromptScore(None, pictures.version, "there is nothing to compare")
        wanted, cut = self._text(" ".join(text.split()))
        if wanted.shape != np.shape(seen):
            raise self._unusable("its two towers do not belong together")
        note = "ranks pictures, is no pass mark" + ("; CLIP read the first 77 tokens only" if cut else "")
        return PromptScore(float(np.dot(wanted, seen)), pictures.version, note)

    def _text(self, text: str) -> tuple[NDArray[np.float32], bool]:
        """Unit vector of a text, and whether its end was cut off."""
        with self._lock:
            if text not in self._texts:
                self._texts[text] = self._read(text)
                while len(self._texts) > KEPT:
                    self._texts.popitem(last=False)
            self._texts.move_to_end(text)
            return self._texts[text]

    def _read(self, text: str) -> tuple[NDArray[np.float32], bool]:
        import torch
        from transformers import CLIPTextModelWithProjection, CLIPTokenizer

        model = read_model(CLIPTextModelWithProjection, self._folder, self._unusable, "the text part")
        with told_as(self._unusable):
            tokenizer = CLIPTokenizer.from_pretrained(self._folder, local_files_only=True)
            limit = int(model.config.max_position_embeddings)
            whole = tokenizer(text, verbose=False).input_ids
            tokens = tokenizer(text, truncation=True, max_length=limit, return_tensors="pt")
            with torch.inference_mode():
                vector = np.asarray(model(**tokens).text_embeds[0].float().numpy(), np.float32)
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0:
            raise self._unusable("it gave no vector")
        return vector / np.float32(length), len(whole) > limit

    def _unusable(self, cause: str) -> EngineError:
        return EngineError("CLIP's text part cannot be used", cause, "Restore the folder of vision.clip")


@lru_cache(maxsize=2)
def prompt_scorer(folder: Path) -> PromptScorer:
    """The scorer of a folder, with the texts that it has read."""
    return PromptScorer(folder)
