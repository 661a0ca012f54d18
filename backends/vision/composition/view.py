"""A picture made ready for measuring: without black bars, small, with what several measures share of it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backends.vision.colours import Shades, shades_of

Rgb = NDArray[np.uint8]
F32 = NDArray[np.float32]
WIDTH = 320
"""Pixels of the longer side that measures look at."""
CELLS = 64
"""Cells of the longer side of maps such as saliency; Hou & Zhang (2007) work at 64 pixels for the same reason: the
scale at which a thing, and not its texture, is seen."""
GRAIN = 6.0
"""Laplacian below which nothing but grain is seen."""
_BAR_LUMA, _BAR_JUMP = 28, 12.0
"""Bars are darker than the first everywhere, and the picture beside them is brighter by the second on the mean."""
_MOST_BARS = 0.36
"""Of a side, both bars together: a 2.76:1 film in a 16:9 frame has this much."""


class View:
    """One picture. Places are shares of the active picture; `whole` tells them as shares of the frame."""

    def __init__(self, rgb: Rgb, grey: Rgb | None = None) -> None:
        """rgb: (H, W, 3) uint8 of any size; grey: its luma, (H, W) uint8, when somebody has it."""
        import cv2

        frame = np.ascontiguousarray(rgb)
        scale = WIDTH / max(frame.shape[:2])
        if scale < 1:
            size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
            frame, grey = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8), None
        height, width = frame.shape[:2]
        grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8) if grey is None else grey
        top, left = _bars(grey), _bars(grey.T)
        self.rgb: Rgb = np.ascontiguousarray(frame[top : height - top, left : width - left])
        self.grey: Rgb = np.ascontiguousarray(grey[top : height - top, left : width - left])
        self._origin = (left / width, top / height)
        self._extent = (1 - 2 * left / width, 1 - 2 * top / height)

    @cached_property
    def small(self) -> Rgb:
        """(h, w, 3) uint8, `CELLS` on the longer side, at least 4 on the other."""
        import cv2

        height, width = self.grey.shape
        scale = CELLS / max(height, width)
        size = (max(4, round(width * scale)), max(4, round(height * scale)))
        return np.asarray(cv2.resize(self.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)

    @cached_property
    def lab(self) -> F32:
        """(h, w, 3) CIELAB of `small`: L 0-100, a and b about -100..100."""
        import cv2

        return np.asarray(cv2.cvtColor(self.small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)

    @cached_property
    def shades(self) -> Shades:
        """The colours of `small`, row by row."""
        return shades_of(self.small.reshape(-1, 3))

    @cached_property
    def laplacian(self) -> F32:
        """(H, W) absolute Laplacian of luma, lightly smoothed, so that grain is not taken for detail."""
        import cv2

        smooth = cv2.GaussianBlur(self.grey, (0, 0), 0.8)
        steps = np.asarray(cv2.Laplacian(smooth, cv2.CV_32F, ksize=3), np.float32)
        return np.abs(steps, out=steps)

    @cached_property
    def detail(self) -> F32:
        """(h, w) mean of `laplacian` in the cells of `lab`."""
        return self._in_cells(self.laplacian)

    @cached_property
    def sharp_detail(self) -> F32:
        """(h, w) as `detail`, of what is above grain."""
        return self._in_cells(np.maximum(self.laplacian - np.float32(GRAIN), 0))

    def _in_cells(self, values: F32) -> F32:
        import cv2

        height, width = self.lab.shape[:2]
        return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA), np.float32)

    def cells_of(self, values: F32) -> F32:
        """What was measured on the whole frame, (H, W) or (H, W, C) of any size, as (h, w[, C]) cells like `lab`."""
        import cv2

        height, width = values.shape[:2]
        left, top = round(self._origin[0] * width), round(self._origin[1] * height)
        right, bottom = round((1 - self._origin[0]) * width), round((1 - self._origin[1]) * height)
        size = (self.lab.shape[1], self.lab.shape[0])
        return np.asarray(cv2.resize(values[top:bottom, left:right], size, interpolation=cv2.INTER_AREA), np.float32)

    def whole(self, x: float, y: float) -> tuple[float, float]:
        """A place of the active picture as shares of the whole frame."""
        return self._origin[0] + x * self._extent[0], self._origin[1] + y * self._extent[1]

    def inside(self, x: float, y: float) -> tuple[float, float]:
        """A place of the whole frame as shares of the active picture."""
        return (x - self._origin[0]) / self._extent[0], (y - self._origin[1]) / self._extent[1]


def _bars(grey: NDArray[np.uint8]) -> int:
    """Rows of black above (H, W) luma, when as many are below: letterbox bars. 0 when it could be a dark picture."""
    height = len(grey)
    lit = np.flatnonzero(grey.max(axis=1) > _BAR_LUMA)
    if not len(lit):
        return 0
    above, below = int(lit[0]), int(height - 1 - lit[-1])
    bar = min(above, below)
    if bar < 2 or abs(above - below) > max(2, height // 50) or 2 * bar > _MOST_BARS * height:
        return 0
    edge = max(above, below) + 1  # the row where bar and picture mix belongs to neither
    near = slice(edge, edge + max(2, height // 40))
    jump = min(float(grey[near].mean()), float(grey[::-1][near].mean())) - float(grey[:bar].mean())
    return min(edge, (height - 4) // 2) if jump > _BAR_JUMP else 0
