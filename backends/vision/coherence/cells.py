"""What coherence looks at of frames that follow each other: small maps of colour, motion and error, made at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from backends.vision.coherence.stacks import Map, halved, smaller
from backends.vision.frame import Frame, Frames

CELLS = 80
"""Cells along the longer side of the picture; at 320 pixels a cell is 4x4 pixels, as fine as flow is measured."""
BLOCK = 4
"""Cells along a block's side."""
FLOW_AGREES = (0.01, 0.5)
"""Flow agrees both ways when |f + b|^2 < 0.01 (|f|^2 + |b|^2) + 0.5 pixels (Sundaram, Brox, Keutzer 2010)."""


@dataclass(frozen=True)
class Grid:
    """How a picture is divided. Errors are measured at half its size or less: 2x2 pixels to the cell."""

    rows: int
    columns: int
    across: float
    """Pixels of the small picture along a cell."""
    down: float

    @property
    def longest(self) -> float:
        """Pixels of the longer side of the small picture."""
        return max(self.rows * self.down, self.columns * self.across)

    @property
    def blocks(self) -> tuple[int, int]:
        """Rows and columns of blocks; what is left over at the right and lower edge is in none."""
        return self.rows // BLOCK, self.columns // BLOCK


@lru_cache(maxsize=16)
def grid_of(height: int, width: int) -> Grid:
    """Of a small picture of at least 16x16 pixels."""
    longer = max(height, width)
    cells = min(CELLS, longer // 2)
    rows, columns = (max(BLOCK, round(side * cells / longer)) for side in (height, width))
    return Grid(rows, columns, width / columns, height / rows)


class Looked:
    """Some frames of one size in cells."""

    def __init__(self, frames: Frames, at: Sequence[int]) -> None:
        """at: places of those in `frames` that are looked at, in order."""
        self.frames: tuple[Frame, ...] = tuple(frames[place] for place in at)
        grey = frames.grey if len(at) == len(frames) else frames.grey[list(at)]
        self._rgb = frames.rgb if len(at) == len(frames) else frames.rgb[list(at)]
        self.grid = grid_of(*grey.shape[1:])
        self.grey = grey
        self.half: NDArray[np.uint8] = smaller(grey, 2 * self.grid.rows, 2 * self.grid.columns)
        """(N, 2 rows, 2 columns) luma."""

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """(N, rows, columns, 3): mean colour of each cell."""
        return smaller(self._rgb, self.grid.rows, self.grid.columns)

    @cached_property
    def lab(self) -> Map:
        """(N, rows, columns, 3): CIELAB, L 0-100, of each cell's mean colour."""
        return lab_of(self.rgb)

    @cached_property
    def luma(self) -> NDArray[np.float64]:
        """(N,) mean level."""
        import cv2

        flat = self.half.reshape(len(self.half), -1)
        return np.asarray(cv2.reduce(flat, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0] / flat.shape[1])

    def still(self, last: Last | None, mark: float) -> list[bool]:
        """Of each frame whether no 8x8 pixels changed by `mark` levels (mean) since the one before: the same drawing.

        A talking mouth is a change, the noise of a coder is none.
        """
        # Half as large a picture changes no more than the whole one, and what changes in 8x8 pixels of it is shared by
        # four blocks at most: where that says much none need look closer.
        rows, columns = (side // 4 * 4 for side in self.half.shape[1:])
        halves = np.concatenate([(last.half if last is not None else self.half[0])[None], self.half])
        change = np.abs(np.subtract(halves[1:, :rows, :columns], halves[:-1, :rows, :columns], dtype=np.float32))
        large = min(self.grid.across, self.grid.down) >= 3.9
        rough = halved(halved(change)).max(axis=(1, 2)).tolist() if large else [0.0] * len(change)
        found = [False] * len(self.frames)
        for at in range(int(last is None), len(found)):
            before = self.grey[at - 1] if at or last is None else last.grey
            found[at] = rough[at] < 4 * mark + 1 and _largest_change(before, self.grey[at]) < mark
        return found

    def last(self) -> Last:
        """What the next frames are compared with."""
        return Last(self.frames[-1], self.grid, self.grey[-1], self.half[-1], self.lab[-1])


@dataclass(frozen=True)
class Last:
    """One frame in cells, see `Looked`."""

    frame: Frame
    grid: Grid
    grey: NDArray[np.uint8]
    half: NDArray[np.uint8]
    lab: Map


def lab_of(rgb: NDArray[np.uint8]) -> Map:
    """(N, h, w, 3) CIELAB, L 0-100, of RGB."""
    import cv2

    tall = rgb.reshape(-1, *rgb.shape[2:]).astype(np.float32)
    tall *= np.float32(1 / 255)
    return np.asarray(cv2.cvtColor(tall, cv2.COLOR_RGB2LAB), np.float32).reshape(rgb.shape)


def _largest_change(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> float:
    import cv2

    change = cv2.absdiff(before, now)
    height, width = change.shape
    return float(cv2.resize(change, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA).max())
