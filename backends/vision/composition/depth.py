"""Depth layers that a single picture tells apart by focus, by haze, and by the sizes of known figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.composition.result import Figure
from backends.vision.composition.view import F32, View

_GRID = (9, 16)
"""Rows and columns of blocks."""
_LARGE = 10
"""Pixels of a block's height from which every other row of it is enough."""
_EDGE = 2.5
"""Luma per cell of a quarter-size picture: below it a block has no edge whose sharpness could be told."""
_SOFT, _SHARP = 0.6, 1.1
"""Fine over coarse contrast: edges blurred by about 4 pixels of 320 or more are below the first, edges in focus above
the second (a step has about 2)."""
_SOFT_SHARE, _SHARP_SHARE = 0.42, 0.03
_SIZES = 1.8
"""Figures whose sizes differ by this factor stand in different layers."""
_HAZE_STEP, _HAZE_CLEAR = 0.45, 14.0
"""Haze: contrast of the upper part below this share of the lower part's, which has at least this deviation of luma."""


@dataclass(frozen=True)
class Depth:
    layers: int
    """1 flat to 3."""
    confidence: float


def depth_of(view: View, figures: Sequence[Figure] = ()) -> Depth:
    """How many layers of depth are told apart, and how surely; one picture without a depth model shows little of it.

    Each cue adds a layer: part of the edges sharp and much of the rest out of focus (how much finer detail there is
    than coarse contrast, after Crete et al. 2007); the upper part paler and flatter than the lower (aerial
    perspective); figures of clearly different size. 1 means that nothing tells of depth, not that the picture is flat.
    """
    fine, coarse = _block_contrast(view)
    focus = np.maximum(0, fine - np.percentile(fine, 5)) / (coarse + 2)
    edged = coarse > _EDGE
    soft, sharp = float((edged & (focus < _SOFT)).mean()), float((edged & (focus > _SHARP)).mean())
    in_focus = soft > _SOFT_SHARE and sharp > _SHARP_SHARE
    sizes = sorted(figure.box[3] - figure.box[1] for figure in figures)
    staggered = len(sizes) > 1 and sizes[-1] > _SIZES * sizes[0]
    cues = int(in_focus) + int(staggered) + int(_hazy(view))
    if not cues:
        return Depth(1, 0.3)
    sureness = min(1.0, (soft - _SOFT_SHARE) / 0.3 + 0.5) if in_focus else 0.5
    return Depth(min(3, 1 + cues), round(sureness, 2))


def _block_contrast(view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per block the strongest fine detail (Laplacian at full size) and coarse contrast (gradient at a quarter)."""
    import cv2

    height, width = view.grey.shape
    size = (max(_GRID[1], width // 4), max(_GRID[0], height // 4))
    small = cv2.resize(view.grey, size, interpolation=cv2.INTER_AREA)
    steps = cv2.magnitude(cv2.Sobel(small, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(small, cv2.CV_32F, 0, 1) / 8)
    return _strongest(view.laplacian), _strongest(np.asarray(steps, np.float32))


def _strongest(values: F32) -> NDArray[np.float64]:
    """Mean of each block's upper tenth."""
    rows, columns = _GRID
    high, wide = max(1, len(values) // rows), max(1, values.shape[1] // columns)
    part = values[: high * rows, : wide * columns]
    if part.shape != (high * rows, wide * columns):
        return np.zeros(_GRID)
    blocks = part.reshape(rows, high, columns, wide)[:, :: 2 if high >= _LARGE else 1]  # half tells as much
    blocks = blocks.transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    count = max(1, blocks.shape[2] // 10)
    return np.asarray(np.partition(blocks, -count, axis=2)[..., -count:].mean(axis=2), np.float64)


def _hazy(view: View) -> bool:
    """Whether the picture pales upwards: less contrast and colour, more light, and still some detail there."""
    lab = view.lab
    third = max(1, len(lab) // 3)
    # The sky itself is no layer of haze: the middle third is where far things are.
    far, near = lab[third : 2 * third], lab[-third:]
    contrast_far, contrast_near = float(far[..., 0].std()), float(near[..., 0].std())
    if contrast_near < _HAZE_CLEAR or contrast_far > _HAZE_STEP * contrast_near or contrast_far < 1.5:
        return False
    chroma_far, chroma_near = (float(np.hypot(part[..., 1], part[..., 2]).mean()) for part in (far, near))
    return float(far[..., 0].mean()) > float(near[..., 0].mean()) + 10 and chroma_far < chroma_near
