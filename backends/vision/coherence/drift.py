"""Slow change of colour, on surfaces that are followed from key frame to key frame, whatever the light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.coherence.stacks import Map, grid

Cells = NDArray[np.uint8]
"""(h, w, 3) RGB, one value per cell."""
Motion = tuple[Map, Map, Map]
"""(h, w) x and y, in cells, of where each was in the frame before; 1 where the flow agrees both ways, 0 elsewhere and
outside the picture."""
KEY_SECONDS = 0.5
REGIONS = (2, 3)
"""Rows and columns: what drifts in all of them is the picture's colour, in some it is light or somebody's."""
_LEAST_CELLS = 15
_DARKEST = 12.0
"""L: colour of darker cells is mostly noise."""
_FADES = 0.12
"""Natural logarithm of L + 16: when the whole picture's light changes by more than this (a third of the light) from key
frame to key frame, it fades, and what a coder does to colours near black is no drift."""
_MIDDLE = 66.0
"""L + 16 of mid grey."""
_COLOURED = 6.0
"""Chroma from which a cell's strength of colour is compared."""


@dataclass(frozen=True)
class Step:
    """From one key frame to the next. NaN where too little could be followed."""

    first_frame: int
    last_frame: int
    change: NDArray[np.float32]
    """(regions, 3): medians of the change of a and b, LAB units at mid grey, and of the growth of chroma (natural
    logarithm)."""
    chroma: float
    """Median chroma at mid grey, LAB units."""


_TO_XYZ = np.array(
    ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)), np.float32
) / np.array(((0.9505,), (1.0,), (1.089,)), np.float32)
"""sRGB to XYZ over the white of D65 (IEC 61966-2-1)."""
_LINEAR = np.power(np.maximum(np.arange(256), 1) / 255, 2.2).astype(np.float32)
"""Of each level."""


class DriftWatch:
    """Follows cells from a key frame on, through the flow of each pair of frames."""

    def __init__(self) -> None:
        self._key: tuple[int, float] = (0, 0.0)
        self._key_tint: Map | None = None
        self._followed: Map

    def see(self, index: int, seconds: float, rgb: Cells, motion: Motion | None) -> Step | None:
        """A step when a key frame is due.

        motion: None for the first or a repeated frame.
        """
        if self._key_tint is None:
            self._begin(index, seconds, tint(rgb))
            return None
        if motion is not None:
            self._follow(*motion)
        if seconds - self._key[1] < KEY_SECONDS - 1e-6:
            return None
        now = tint(rgb)
        step = self._compare(index, now, self._key_tint)
        self._begin(index, seconds, now)
        return step

    def _begin(self, index: int, seconds: float, now: Map) -> None:
        self._key, self._key_tint = (index, seconds), now
        x, y = grid(*now.shape[:2])
        self._followed = np.stack([x, y, np.ones_like(x)], axis=2)

    def _follow(self, x: Map, y: Map, seen: Map) -> None:
        """`seen` is 0 outside the picture."""
        import cv2

        followed = cv2.remap(self._followed, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        self._followed = np.asarray(followed, np.float32)
        self._followed[..., 2] *= seen

    def _compare(self, index: int, now: Map, key_tint: Map) -> Step:
        import cv2

        # Nearest, as a mix of neighbours is paler than they are, which would add up.
        then = np.asarray(cv2.remap(key_tint, self._followed[..., :2], None, cv2.INTER_NEAREST), np.float32)
        kept = (self._followed[..., 2] > 0.9) & (np.minimum(then[..., 2], now[..., 2]) > _DARKEST)
        size, grown = (np.sqrt(t[..., 0] ** 2 + t[..., 1] ** 2) for t in (then, now))
        coloured = kept & (size > _COLOURED) & (grown > 1)
        growth = np.log(np.maximum(grown, 1) / np.maximum(size, 1))
        change = np.full((REGIONS[0] * REGIONS[1], 3), np.nan, np.float32)
        exposure = np.log((now[kept, 2] + 16) / (then[kept, 2] + 16)) if kept.any() else np.zeros(1)
        fades = abs(_median(exposure)) > _FADES
        apart = now - then
        for at, region in enumerate(_regions(kept.shape) if not fades else ()):
            inside, strong = kept[region], coloured[region]
            if int(inside.sum()) >= _LEAST_CELLS:
                change[at, :2] = [_median(apart[region][inside, axis]) for axis in (0, 1)]
                change[at, 2] = _median(growth[region][strong]) if int(strong.sum()) >= _LEAST_CELLS else 0.0
        chroma = _median(size[kept]) if kept.any() else 0.0
        return Step(self._key[0], index, change, chroma)


def _median(values: NDArray[np.floating[Any]]) -> float:
    """What `np.median` gives for a few hundred numbers without NaN, several times faster. At least one."""
    half = len(values) // 2
    parted = np.partition(values, half)
    upper = float(parted[half])
    return upper if len(values) % 2 else (float(parted[:half].max()) + upper) / 2


def _regions(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    (rows, columns), (height, width) = REGIONS, shape[:2]
    return [
        (slice(r * height // rows, (r + 1) * height // rows), slice(c * width // columns, (c + 1) * width // columns))
        for r in range(rows)
        for c in range(columns)
    ]


def tint(rgb: Cells) -> Map:
    """(h, w, 3): a and b as they would be at mid grey, and L, of (h, w, 3) RGB levels 0-255.

    f(X), f(Y), f(Z) of CIELAB grow alike with the light, so (a, b) / (L + 16) stays as it is in any exposure. With a
    plain power for sRGB's curve and without CIELAB's straight piece near black this holds for fades of levels too.
    """
    linear = _LINEAR[rgb.reshape(-1, 3)] @ _TO_XYZ.T
    x, y, z = np.cbrt(np.maximum(linear, 1e-9).T)
    scale = _MIDDLE / (116 * y)
    made = np.stack([500 * (x - y) * scale, 200 * (y - z) * scale, 116 * y - 16], axis=1)
    return np.asarray(made, np.float32).reshape(rgb.shape)
