"""Frames with those before them: how surfaces moved, and what they look like against what they should."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.vision.coherence.cells import BLOCK, FLOW_AGREES, Grid, Last, Looked
from backends.vision.coherence.stacks import Map, doubled, grid, halved, taken
from backends.vision.flow import flow_cell, flow_cells_between
from backends.vision.frame import Frame, Frames

_UNSEEN = 1e3
"""Pixels of disagreement of what comes from outside the picture."""
_ROUNDED = 1 / 64
"""Cells: `cv2.remap` reads at multiples of 1/32."""
_FINER = 64
"""Parts of a level that means over cells are told from: uint16 is quicker than float32."""
_MOST_NOISE = 8.0
"""Pixels of disagreement that count."""


class Blocks(NamedTuple):
    """Of N pairs, (N, R, C) of R rows of C blocks."""

    back: Map
    """(N, 2, R, C) pixels."""
    noise: Map
    """Variance of the flow, pixels^2: how far it disagrees with itself."""
    seen: Map
    """Share of the cells that are seen."""
    light: Map
    """Mean of the error of those that are seen, 0 for the others."""
    absolute: Map
    square: Map
    """Mean of the error's square."""


class Pairs:
    """N frames and those before them. Motion is in pixels of the small picture, errors in levels 0-255.

    Maps are (N, rows, columns) of cells, those of motion (N, 2, rows, columns): across and down.
    """

    def __init__(self, last: Last | None, looked: Looked, at: Sequence[int], frames: Frames) -> None:
        """at: places in `looked` of the second of each two; before its first is `last`. frames: the whole batch."""
        self.grid: Grid = looked.grid
        self._kept = np.asarray(at)
        self._last, self._looked = last, looked
        self.after: tuple[Frame, ...] = tuple(looked.frames[place] for place in at)
        before = (last.frame if last is not None else looked.frames[0], *looked.frames)
        self.before: tuple[Frame, ...] = tuple(before[place] for place in at)
        self._flows = frames if len(at) == len(frames) and self._adjacent(0) else None

    def __len__(self) -> int:
        return len(self.after)

    def _adjacent(self, at: int) -> bool:
        before = self.after[at].before
        return before is not None and before.index == self.before[at].index

    @cached_property
    def back(self) -> Map:
        """Where each cell of `after` was in `before`."""
        return self._planes(forward=False)

    @cached_property
    def forth(self) -> Map:
        """Where each cell of `before` is in `after`."""
        return self._planes(forward=True)

    def _planes(self, *, forward: bool) -> Map:
        import cv2

        if self._flows is not None:
            cells = self._flows.flow_cells if forward else self._flows.flow_back_cells
        else:
            cells = np.stack([self._flow(at, forward=forward) for at in range(len(self))])
        rows, columns = self.grid.rows, self.grid.columns
        if cells.shape[1:3] != (rows, columns):
            way = cv2.INTER_AREA if cells.shape[1] > rows else cv2.INTER_LINEAR
            cells = np.stack([cv2.resize(one, (columns, rows), interpolation=way) for one in cells])
        return np.ascontiguousarray(cells.transpose(0, 3, 1, 2), np.float32)

    def _flow(self, at: int, *, forward: bool) -> NDArray[np.float32]:
        before, after = self.before[at], self.after[at]
        if self._adjacent(at):
            return after.flow_cells if forward else after.flow_back_cells
        one, other = (before, after) if forward else (after, before)
        return flow_cells_between(one.coarse, other.coarse, flow_cell(after.grey.shape))

    @cached_property
    def there(self) -> tuple[Map, Map]:
        """x and y, in cells, of where each cell of `after` was in `before`."""
        return self.at(self.back)

    def at(self, motion: Map) -> tuple[Map, Map]:
        """x and y, in cells, of each cell moved by `motion` (n, 2, rows, columns)."""
        x, y = grid(self.grid.rows, self.grid.columns)
        across, down = np.float32(1 / self.grid.across), np.float32(1 / self.grid.down)
        return np.asarray(x + motion[:, 0] * across, np.float32), np.asarray(y + motion[:, 1] * down, np.float32)

    @cached_property
    def disagreement(self) -> Map:
        """Squared pixels between a cell and where it ends up when it is followed back and forth."""
        x, y = self.there
        across = self.back[:, 0] + taken(np.ascontiguousarray(self.forth[:, 0]), x, y)
        down = self.back[:, 1] + taken(np.ascontiguousarray(self.forth[:, 1]), x, y)
        apart = across * across + down * down
        rows, columns = self.grid.rows, self.grid.columns
        outside = (x < -_ROUNDED) | (x > columns - 1 + _ROUNDED) | (y < -_ROUNDED) | (y > rows - 1 + _ROUNDED)
        return np.where(outside, np.float32(_UNSEEN**2), apart)

    @cached_property
    def moved(self) -> Map:
        """Squared length of `back`."""
        return squares(self.back)

    @cached_property
    def seen(self) -> Map:
        """1 where the flow agrees both ways, else 0."""
        share, floor = FLOW_AGREES
        return np.asarray(self.disagreement < 2 * share * self.moved + floor, np.float32)

    @cached_property
    def _halves(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return self._both(self._looked.half, self._last.half if self._last is not None else None)

    def _both(self, stack: NDArray[Any], last: NDArray[Any] | None) -> tuple[NDArray[Any], NDArray[Any]]:
        """Of the first and of the second of each two."""
        whole = np.concatenate([(last if last is not None else stack[0])[None], stack])
        if len(self) == len(stack):
            return whole[:-1], stack
        return whole[self._kept], stack[self._kept]

    @cached_property
    def lab(self) -> tuple[Map, Map]:
        """(N, rows, columns, 3) CIELAB of `before` and of `after`."""
        return self._both(self._looked.lab, self._last.lab if self._last is not None else None)

    @cached_property
    def _means(self) -> Map:
        """(6, N, rows, columns): over each cell of a, b, a^2, b^2, ab and |a - b|.

        a is `after`'s luma, b what it should be: `before` brought to it, both at half the size.
        """
        import cv2

        before, after = self._halves
        rows, columns = after.shape[1:]
        x, y = grid(rows, columns)
        x = x + doubled(self.back[:, 0] * np.float32(2 / self.grid.across))
        y = y + doubled(self.back[:, 1] * np.float32(2 / self.grid.down))
        should = taken(before, x, y)
        made = np.empty((6, len(self), rows, columns), np.uint16)
        finer = np.uint16(_FINER)
        factors: tuple[tuple[Any, Any], ...] = (
            (after, finer),
            (should, finer),
            (after, after),
            (should, should),
            (after, should),
        )
        for at, (one, other) in enumerate(factors):
            np.multiply(one, other, out=made[at], dtype=np.uint16)
        np.multiply(cv2.absdiff(after, should), finer, out=made[5], dtype=np.uint16)
        means = halved(made).astype(np.float32)
        means[[0, 1, 5]] *= np.float32(1 / _FINER)
        return means

    @cached_property
    def moments(self) -> Map:
        """(5, N, 2 R, 2 C) of R x C blocks: means over squares of 2x2 cells of a, b, a^2, b^2 and ab, see `_means`."""
        return halved(self._blocked(self._means[:5]))

    @cached_property
    def error(self) -> Map:
        """Mean error of each cell: `after` less what it should be."""
        return np.asarray(self._means[0] - self._means[1], np.float32)

    @cached_property
    def absolute(self) -> Map:
        """Mean of the error's size."""
        return np.asarray(self._means[5], np.float32)

    @cached_property
    def blocks(self) -> Blocks:
        """Means over blocks."""
        square = self._means[2] + self._means[3] - 2 * self._means[4]
        noise = np.minimum(self.disagreement, np.float32(_MOST_NOISE**2))
        maps = (self.back[:, 0], self.back[:, 1], noise, self.seen, self.error * self.seen, self.absolute, square)
        across, down, *rest = self.blocks_of(np.stack(maps))
        return Blocks(np.stack([across, down], axis=1), *rest)

    def blocks_of(self, cells: Map) -> Map:
        """Means over blocks of (..., rows, columns): (..., R, C)."""
        return halved(halved(self._blocked(cells)))

    def _blocked(self, cells: Map) -> Map:
        rows, columns = self.grid.blocks
        return cells[..., : rows * BLOCK, : columns * BLOCK]


def squares(motion: Map) -> Map:
    """(N, h, w) squared length of (N, 2, h, w)."""
    return np.asarray(motion[:, 0] * motion[:, 0] + motion[:, 1] * motion[:, 1], np.float32)
