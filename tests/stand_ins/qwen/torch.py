"""What the worker uses of torch, for the stand-in of `qwen_tts` alone."""

from __future__ import annotations

bfloat16, float16, float32 = "bfloat16", "float16", "float32"
SEED = [0]


def manual_seed(seed: int) -> None:
    SEED[0] = seed


class Tensor:
    """SciPy asks for it once something called torch is imported."""
