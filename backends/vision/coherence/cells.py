"""What coherence looks at of two frames that follow each other: small maps of colour, motion and error, made once."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.frame import Frame, flow_between

Map = NDArray[np.float32]
"""(h, w) or (h, w, channels) float32, one value per cell."""
CELLS = 80
"""Cells along the width of the picture; at 320 pixels a cell is 4x4 pixels, as fine as DIS ultrafast's flow."""
BLOCK = 4
"""Cells along a block's side."""
FLOW_AGREES = (0.01, 0.5)
"""Flow agrees both ways when |f + b|^2 < 0.01 (|f|^2 + |b|^2) + 0.5 pixels (Sundaram, Brox, Keutzer 2010)."""
_UNSEEN = 1e3
"""Flow outside the picture: agrees with nothing."""


class FrameCells:
    """One frame in cells."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        height, width = frame.grey.shape
        self.columns = min(CELLS, width)
        self.rows = max(2, round(height * self.columns / width))
        self.pitch = width / self.columns
        """Pixels per cell."""

    @cached_property
    def rgb(self) -> Map:
        """(h, w, 3): mean colour, levels 0-255."""
        return self.mean_of(self.frame.rgb)

    @cached_property
    def lab(self) -> Map:
        """(h, w, 3): CIELAB, L 0-100, of each cell's mean colour."""
        import cv2

        return np.asarray(cv2.cvtColor(self.rgb / np.float32(255), cv2.COLOR_RGB2LAB), np.float32)

    def mean_of(self, picture: NDArray[Any]) -> Map:
        """Means over the cells of an (H, W[, channels]) picture."""
        import cv2

        return np.asarray(cv2.resize(picture, (self.columns, self.rows), interpolation=cv2.INTER_AREA), np.float32)


class Pair:
    """Two frames that follow each other. Motion is in pixels of the small picture, errors in levels 0-255."""

    def __init__(self, before: FrameCells, after: FrameCells) -> None:
        self.before, self.after = before, after

    @property
    def shape(self) -> tuple[int, int]:
        return self.after.rows, self.after.columns

    @property
    def _next_to_each_other(self) -> bool:
        return self.after.frame.index == self.before.frame.index + 1

    @cached_property
    def flow_back(self) -> NDArray[np.float32]:
        """(H, W, 2) pixels: where each pixel of `after` was in `before`."""
        if self._next_to_each_other:
            return self.after.frame.flow_back
        return flow_between(self.after.frame.grey, self.before.frame.grey)

    @cached_property
    def largest_change(self) -> float:
        """Of the mean of any 2x2 cells, levels."""
        import cv2

        size = (max(1, self.after.columns // 2), max(1, self.after.rows // 2))
        change = cv2.absdiff(self.after.frame.grey, self.before.frame.grey)
        return float(cv2.resize(change, size, interpolation=cv2.INTER_AREA).max())

    @cached_property
    def back(self) -> Map:
        """(h, w, 2): where each cell of `after` was in `before`."""
        return self.after.mean_of(self.flow_back)

    @cached_property
    def forth(self) -> Map:
        """(h, w, 2): where each cell of `before` is in `after`."""
        if self._next_to_each_other:
            return self.after.mean_of(self.after.frame.flow)
        return self.after.mean_of(flow_between(self.before.frame.grey, self.after.frame.grey))

    @cached_property
    def disagreement(self) -> Map:
        """(h, w): pixels between a cell and where it ends up when it is followed back and forth."""
        import cv2

        forth = cv2.remap(
            self.forth, self.at(self.back), None, cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT, borderValue=(_UNSEEN, _UNSEEN),
        )  # fmt: skip
        return length(np.asarray(self.back + forth, np.float32))

    @cached_property
    def seen(self) -> Map:
        """(h, w) 1 where the flow agrees both ways, else 0."""
        share, floor = FLOW_AGREES
        moved = length(self.back)
        return np.asarray(self.disagreement**2 < 2 * share * moved**2 + floor, np.float32)

    @cached_property
    def warped(self) -> NDArray[np.uint8]:
        """(H, W): `before` brought to `after`."""
        import cv2

        grey = self.before.frame.grey
        there = grid(*grey.shape) + self.flow_back
        return np.asarray(cv2.remap(grey, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)

    @cached_property
    def moments(self) -> tuple[Map, Map, Map, Map, Map]:
        """(h, w) each: means over the cells of a, b, a^2, b^2, ab; a is `after`'s luma, b what it should be."""
        import cv2

        after, should = self.after.frame.grey, self.warped
        products = (
            cv2.multiply(one, other, dtype=cv2.CV_32F)
            for one, other in ((after, after), (should, should), (after, should))
        )
        a2, b2, ab = (self.after.mean_of(product) for product in products)
        return self.after.mean_of(after.astype(np.float32)), self.after.mean_of(should.astype(np.float32)), a2, b2, ab

    @cached_property
    def error_cells(self) -> Map:
        """(h, w): mean error: `after` less what it should be."""
        return self.moments[0] - self.moments[1]

    @cached_property
    def square_cells(self) -> Map:
        """(h, w): mean of the error's square."""
        _, _, a2, b2, ab = self.moments
        return np.asarray(np.maximum(a2 + b2 - 2 * ab, 0), np.float32)

    @cached_property
    def absolute_cells(self) -> Map:
        """(h, w): mean of the error's size."""
        import cv2

        return self.after.mean_of(cv2.absdiff(self.after.frame.grey, self.warped).astype(np.float32))

    def at(self, motion: Map) -> Map:
        """(h, w, 2) x and y in cells of each cell moved by `motion` (pixels): the map of `cv2.remap`."""
        return np.asarray(grid(*self.shape) + motion * np.float32(1 / self.after.pitch), np.float32)

    def taken(self, values: Map, motion: Map) -> Map:
        """`values` read where `motion` points to, edges repeated."""
        import cv2

        moved = cv2.remap(values, self.at(motion), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.float32)


def blocks_of(cells: Map) -> Map:
    """Means over blocks of BLOCK x BLOCK cells; what is left over at the right and lower edge is dropped."""
    import cv2

    rows, columns = cells.shape[0] // BLOCK, cells.shape[1] // BLOCK
    cut = cells[: rows * BLOCK, : columns * BLOCK]
    return np.asarray(cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def length(motion: Map) -> Map:
    """(h, w) of (h, w, 2) vectors or (h, w, 3) colours."""
    return np.asarray(np.sqrt(np.einsum("ijk,ijk->ij", motion, motion)), np.float32)


@lru_cache(maxsize=16)
def grid(height: int, width: int) -> Map:
    """(height, width, 2): x and y of each place; change nothing."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack([x, y], axis=-1)


def median(values: NDArray[np.floating[Any]]) -> float:
    """What `np.median` gives for a few hundred numbers without NaN, four times faster. At least one."""
    flat = values.ravel()
    half = len(flat) // 2
    if len(flat) % 2:
        return float(np.partition(flat, half)[half])
    parted = np.partition(flat, (half - 1, half))
    return (float(parted[half - 1]) + float(parted[half])) / 2
