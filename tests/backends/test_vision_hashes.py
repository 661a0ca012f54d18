"""Perceptual hashes: the same picture stays itself through size and coding, another one does not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from backends.vision.hashes import BITS, distance, nearest, perceptual_hash


def picture(seed: int) -> np.ndarray:
    """Soft patches of colour, (144, 256, 3) uint8."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (9, 16, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((256, 144), Image.Resampling.BICUBIC))


def test_size_coding_and_light_do_not_matter() -> None:
    rgb = picture(1)
    found = perceptual_hash(rgb)
    assert len(found) == BITS // 4 and int(found, 16) >= 0
    small = np.asarray(Image.fromarray(rgb).resize((100, 56)))
    coded = io.BytesIO()
    Image.fromarray(rgb).save(coded, format="JPEG", quality=60)
    jpeg = np.asarray(Image.open(coded))
    darker = (rgb * 0.8).astype(np.uint8)
    assert max(distance(found, perceptual_hash(one)) for one in (small, jpeg, darker)) <= 2


def test_other_pictures_are_far() -> None:
    hashes = [perceptual_hash(picture(seed)) for seed in range(8)]
    apart = [distance(a, b) for number, a in enumerate(hashes) for b in hashes[:number]]
    assert min(apart) > 8
    assert distance(hashes[0], perceptual_hash(picture(0)[:, ::-1])) > 8


def test_the_nearest_is_named_and_what_is_no_hash_is_passed_over() -> None:
    one, two = perceptual_hash(picture(1)), perceptual_hash(picture(2))
    assert nearest(one, {"two": two, "same": one, "odd": "zz", "short": "1"}) == ("same", 0)
    assert nearest(one, {"odd": "z" * 16}) is None and nearest(one, {}) is None
    with pytest.raises(ValueError):
        distance(one, "ff")
