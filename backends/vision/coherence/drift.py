"""Slow change of colour, on surfaces that are followed from key frame to key frame, whatever the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.coherence.cells import FrameCells, Map, Pair, grid

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


class DriftWatch:
    """Follows cells from a key frame on, through the flow of each pair of frames."""

    def __init__(self) -> None:
        self._key: tuple[int, float] = (0, 0.0)
        self._key_tint: Map | None = None
        self._where: Map
        self._valid: Map

    def see(self, cells: FrameCells, pair: Pair | None) -> Step | None:
        """pair: with the frame before, None for the first or a repeated frame. A step when a key frame is due."""
        if self._key_tint is None:
            self._begin(cells)
            return None
        if pair is not None:
            self._follow(pair)
        if cells.frame.seconds - self._key[1] < KEY_SECONDS - 1e-6:
            return None
        step = self._compare(cells, self._key_tint)
        self._begin(cells)
        return step

    def _begin(self, cells: FrameCells) -> None:
        self._key, self._key_tint = (cells.frame.index, cells.frame.seconds), tint(cells.rgb)
        self._where = grid(cells.rows, cells.columns)
        self._valid = np.ones((cells.rows, cells.columns), np.float32)

    def _follow(self, pair: Pair) -> None:
        import cv2

        there = pair.at(pair.back)
        where = cv2.remap(self._where, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        valid = cv2.remap(self._valid, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        self._where, self._valid = np.asarray(where, np.float32), np.asarray(valid * pair.seen, np.float32)

    def _compare(self, cells: FrameCells, key_tint: Map) -> Step:
        import cv2

        # Nearest, as a mix of neighbours is paler than they are, which would add up.
        then = np.asarray(cv2.remap(key_tint, self._where, None, cv2.INTER_NEAREST), np.float32)
        now = tint(cells.rgb)
        kept = (self._valid > 0.9) & (np.minimum(then[..., 2], now[..., 2]) > _DARKEST)
        size, grown = (np.hypot(t[..., 0], t[..., 1]) for t in (then, now))
        coloured = kept & (size > _COLOURED) & (grown > 1)
        growth = np.log(np.maximum(grown, 1) / np.maximum(size, 1))
        change = np.full((REGIONS[0] * REGIONS[1], 3), np.nan, np.float32)
        exposure = np.log((now[kept, 2] + 16) / (then[kept, 2] + 16)) if kept.any() else np.zeros(1)
        fades = abs(float(np.median(exposure))) > _FADES
        for at, region in enumerate(_regions(kept.shape) if not fades else ()):
            inside, strong = kept[region], coloured[region]
            if int(inside.sum()) >= _LEAST_CELLS:
                change[at, :2] = np.median((now - then)[region][inside][:, :2], axis=0)
                change[at, 2] = np.median(growth[region][strong]) if int(strong.sum()) >= _LEAST_CELLS else 0.0
        chroma = float(np.median(size[kept])) if kept.any() else 0.0
        return Step(self._key[0], cells.frame.index, change, chroma)


def _regions(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    (rows, columns), (height, width) = REGIONS, shape[:2]
    return [
        (slice(r * height // rows, (r + 1) * height // rows), slice(c * width // columns, (c + 1) * width // columns))
        for r in range(rows)
        for c in range(columns)
    ]


def tint(rgb: Map) -> Map:
    """(h, w, 3): a and b as they would be at mid grey, and L, of (h, w, 3) RGB levels 0-255.

    f(X), f(Y), f(Z) of CIELAB grow alike with the light, so (a, b) / (L + 16) stays as it is in any exposure. With a
    plain power for sRGB's curve and without CIELAB's straight piece near black this holds for fades of levels too.
    """
    linear = np.power(np.maximum(rgb, 1) / np.float32(255), np.float32(2.2))
    x, y, z = np.cbrt(np.maximum(linear @ _TO_XYZ.T, 1e-9)).transpose(2, 0, 1)
    scale = _MIDDLE / (116 * y)
    return np.asarray(np.stack([500 * (x - y) * scale, 200 * (y - z) * scale, 116 * y - 16], axis=2), np.float32)
