"""How alike the pictures of shots are, against how alike any two pictures of that film are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backends.vision.thresholds import Scenes

Rgb = NDArray[np.uint8]
_SIZE = (160, 90)
"""Width and height that pictures are compared at."""
_BINS = (8, 12, 12)
"""Of L, a and b; a and b from 64 to 192, where nearly all colours of films lie."""
_SOFT = (0.8, 0.7, 0.7)
"""Bins that a colour spreads over: light changes a little within a scene."""
_COARSE = (8, 5)
_BORDER_LUMA, _BORDER_SHARE = 40, 0.1
"""A row or column that is never lit up to this in more than this share is a letterbox of the whole film."""
_FAR_PAIRS = 4000
_LEAST_KIN = -0.5
"""Two pictures that share less than most of the film are no more apart for that."""


class Looks:
    """Colours and coarse layout of one picture per shot."""

    def __init__(self, pictures: Sequence[Rgb], table: Scenes) -> None:
        """pictures: (H, W, 3) uint8 RGB, all of one size, at least one."""
        import cv2
        from scipy.ndimage import gaussian_filter

        self._table = table
        rows, columns = _lit(pictures)
        colours, layouts = [], []
        for picture in pictures:
            small = cv2.resize(picture[rows, columns], _SIZE, interpolation=cv2.INTER_AREA)
            lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
            counts = cv2.calcHist([lab], [0, 1, 2], None, list(_BINS), [0, 256, 64, 192, 64, 192])
            soft = gaussian_filter(counts.astype(np.float32), _SOFT).ravel()
            colours.append(np.sqrt(soft / max(float(soft.sum()), 1e-9)))
            layouts.append(cv2.resize(lab, _COARSE, interpolation=cv2.INTER_AREA).astype(np.float32).ravel())
        self._colours, self._layouts = np.asarray(colours, np.float32), np.asarray(layouts, np.float32)
        self._common = self._shared_by_all()
        self._twins: dict[tuple[int, int], float] = {}

    def __len__(self) -> int:
        return len(self._colours)

    def kin(self, one: int, other: int) -> float:
        """Likeness of colours, 1 = the same, 0 = as any two shots of the film, a little less at least."""
        alike = float(self._colours[one] @ self._colours[other])
        return max(_LEAST_KIN, min(1.0, (alike - self._common) / (1 - self._common)))

    def twin(self, one: int, other: int) -> float:
        """How surely two shots are one set-up of the camera, 0-1: by colours and by where in the picture they are."""
        pair = (one, other) if one < other else (other, one)
        if pair not in self._twins:
            self._twins[pair] = self._twin(*pair)
        return self._twins[pair]

    def _twin(self, one: int, other: int) -> float:
        low, high = self._table.twin_colours
        colours = (self.kin(one, other) - low) / (high - low)
        if colours <= 0:
            return 0.0
        low, high = self._table.twin_layout
        apart = float(np.abs(self._layouts[one] - self._layouts[other]).mean())
        return min(1.0, colours) * max(0.0, min(1.0, (high - apart) / (high - low)))

    def _shared_by_all(self) -> float:
        """The Bhattacharyya coefficient that half of the pairs of far shots reach, within `common`."""
        count, low_high = len(self._colours), self._table.common
        pick = np.random.default_rng(0)
        one, other = pick.integers(0, count, (2, _FAR_PAIRS))
        for apart in (self._table.window_shots, 0):
            far = np.abs(one - other) > apart
            if far.any():
                # Each pair once: a film of a few shots has far fewer than are drawn.
                pairs, drawn = np.unique(one[far] * count + other[far], return_inverse=True)
                alike = np.einsum("ij,ij->i", self._colours[pairs // count], self._colours[pairs % count])
                return float(np.clip(np.median(alike[drawn]), *low_high))
        return low_high[0]


def _lit(pictures: Sequence[Rgb]) -> tuple[slice, slice]:
    """The part of the pictures that is not black in all of them."""
    brightest = np.zeros_like(pictures[0])
    for picture in pictures:
        np.maximum(brightest, picture, out=brightest)
    lit = brightest.max(axis=2) > _BORDER_LUMA
    rows = np.flatnonzero(lit.mean(axis=1) > _BORDER_SHARE)
    columns = np.flatnonzero(lit.mean(axis=0) > _BORDER_SHARE)
    if len(rows) < 8 or len(columns) < 8:
        return slice(None), slice(None)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
