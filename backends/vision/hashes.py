"""Perceptual hashes: whether two pictures look the same, whatever their size and coding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

BITS = 64


def perceptual_hash(rgb: NDArray[np.uint8]) -> str:
    """pHash (the signs of the lowest 8 x 8 cosine frequencies of luma) of (H, W, 3) uint8 RGB, as 16 hex digits."""
    import imagehash
    from PIL import Image

    return str(imagehash.phash(Image.fromarray(np.ascontiguousarray(rgb))))


def distance(one: str, other: str) -> int:
    """Bits of BITS in which two hashes differ: 0 looks the same, about 32 is unrelated.

    Raises ValueError for what is no hash of `perceptual_hash`.
    """
    if len(one) != BITS // 4 or len(other) != BITS // 4:
        raise ValueError(f"a perceptual hash has {BITS // 4} hex digits")
    return (int(one, 16) ^ int(other, 16)).bit_count()


def nearest(found: str, others: Mapping[str, str]) -> tuple[str, int] | None:
    """(name, distance) of the most alike of `others` (name -> hash); hashes that are none are passed over."""
    best: tuple[str, int] | None = None
    for name, other in others.items():
        try:
            bits = distance(found, other)
        except ValueError:
            continue
        if best is None or bits < best[1]:
            best = name, bits
    return best
