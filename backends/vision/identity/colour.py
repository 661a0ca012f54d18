"""The weightless encoder: which colours sit where on a character, whatever the light.

Made for layout pictures, where a mask tells whose a pixel is. How it was chosen, with figures: docs/decisions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.identity.encoder import SMALLEST, Box, Encoding, Mask, Rgb, region, unit

VERSION = "colour-1"
_LARGEST = 192
"""Pixels of the longer side that is looked at; more adds time and no knowledge."""
_WHITE_BALANCE = 0.7
"""How far the character's mean colour is moved to grey (log space): 1 would make a red robot a grey one."""
_DARKEST = 0.004
"""Linear light added before logarithms; below it there is noise only."""
_LIGHTNESS_REACH = 4.0
"""Natural logarithm of light that the bins span about the character's median."""
_BINS = (6, 12, 12)
_SMOOTHING = 1.0
"""Bins; shading and noise move a surface's colour by about this much."""
_HEAD_LINES = (0.25, 0.5, 0.75, 1.0, 1.4, 2.0, 3.0)
"""Borders of slices below the top, in widths of the head: the same slices in a close-up and in a long shot."""
_BANDS = 4
"""Slices of the whole height, for those whose head cannot be measured."""
_NECK, _NECK_BELOW = 0.72, 0.35
"""The head ends where the outline is this share of its widest, this many widths down or lower."""


class ColourEncoder:
    """Histograms of chromaticity and relative lightness in slices from head to foot, as one unit vector.

    The dot product of two is the mean Bhattacharyya coefficient (1943) of their slices.
    """

    name = "colour"
    licence = "none needed: it has no weights"
    needs_face = False

    @property
    def version(self) -> str:
        return VERSION

    def missing(self) -> str:
        return ""

    def available(self) -> bool:
        return True

    def encode(self, rgb: Rgb, box: Box | None = None, mask: Mask | None = None) -> Encoding:
        """Undetected without mask and box: it would describe the set."""
        if mask is None and box is None:
            return Encoding(None, False, "the colour encoder must be told where the character is, and nothing tells it")
        where = region(rgb.shape, box, mask)
        if where is None or min(where[2:]) < SMALLEST:
            return Encoding(None, False, "the character fills too little of the picture")
        x, y, width, height = where
        inside = np.ones((height, width), bool) if mask is None else mask[y : y + height, x : x + width]
        picture, inside = _sized(rgb[y : y + height, x : x + width], inside)
        if int(inside.sum()) < SMALLEST**2:
            return Encoding(None, False, "the character fills too little of the picture")
        cells = _cells(picture[inside])
        rows = np.nonzero(inside)[0]
        slices = [rows * _BANDS // len(inside), np.searchsorted(np.array(_HEAD_LINES) * head_width(inside), rows + 0.5)]
        parts = [
            _histogram(cells[slice_of == at]) / np.sqrt(count)
            for slice_of, count in zip(slices, (_BANDS, len(_HEAD_LINES)), strict=True)
            for at in range(count)
        ]
        return Encoding(unit(np.concatenate(parts)), True, "of the box, its set included" if mask is None else "")

    def unload(self) -> None:
        """It holds nothing."""


def head_width(inside: Mask) -> float:
    """Pixels: the widest row above the neck of (H, W) `inside`, which begins at the top of the head.

    Without a neck (a close-up, a blob) the widest row, at most the height.
    """
    height = len(inside)
    reach = max(1, height // 40)
    counts = np.pad(inside.sum(axis=1).astype(np.float64), reach, mode="edge")
    widths = np.convolve(counts, np.full(2 * reach + 1, 1 / (2 * reach + 1)), "valid")
    widest = np.maximum.accumulate(widths)
    neck = (np.arange(height) > _NECK_BELOW * widest) & (widths < _NECK * widest) & (widest > 4)
    found = np.flatnonzero(neck)
    return float(widest[found[0]]) if len(found) else float(min(widest[-1], height))


def _sized(picture: Rgb, inside: Mask) -> tuple[Rgb, Mask]:
    import cv2

    scale = _LARGEST / max(inside.shape)
    if scale >= 1:
        return picture, inside
    size = (max(SMALLEST, round(inside.shape[1] * scale)), max(SMALLEST, round(inside.shape[0] * scale)))
    # The set's colours must not run into the character's edge while it is made smaller.
    alone = cv2.resize(picture * inside[..., None], size, interpolation=cv2.INTER_AREA).astype(np.float32)
    share = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    pixels = alone / np.maximum(share, 1e-3)[..., None]
    return np.clip(pixels, 0, 255).astype(np.uint8), share > 0.5


def _cells(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Index of the colour bin of each of (N, 3) sRGB pixels, white-balanced over all of them."""
    light = _linear()[pixels] + np.float32(_DARKEST)
    mean = np.exp(np.log(light).mean(axis=0))
    light = light * (mean.mean() / mean) ** _WHITE_BALANCE
    share = light / light.sum(axis=1, keepdims=True)
    tone = np.log(light.mean(axis=1))
    values = np.stack(
        [
            (tone - np.median(tone)) / (2 * _LIGHTNESS_REACH) + 0.5,
            (share[:, 0] - share[:, 1]) * 0.9 + 0.5,
            ((share[:, 0] + share[:, 1]) / 2 - share[:, 2]) * 0.9 + 0.5,
        ],
        axis=1,
    )
    bins = np.clip((values * _BINS).astype(np.int64), 0, np.array(_BINS) - 1)
    return np.asarray(np.ravel_multi_index(tuple(bins.T), _BINS))


def _histogram(cells: NDArray[np.int64]) -> NDArray[np.float32]:
    """Square roots of the smoothed shares of all bins; zeros for an empty slice."""
    from scipy.ndimage import gaussian_filter

    total = int(np.prod(_BINS))
    if len(cells) < 3:
        return np.zeros(total, np.float32)
    counts = np.bincount(cells, minlength=total).reshape(_BINS).astype(np.float32)
    smooth = gaussian_filter(counts, _SMOOTHING, mode="constant").ravel()
    return np.asarray(np.sqrt(smooth / max(float(smooth.sum()), 1e-9)), np.float32)


def _linear() -> NDArray[np.float32]:
    """(256,) linear light of each sRGB level (IEC 61966-2-1)."""
    level: NDArray[Any] = np.arange(256, dtype=np.float32) / 255
    return np.asarray(np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4), np.float32)
