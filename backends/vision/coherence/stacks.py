"""Many small pictures in one step: OpenCV sees them as one tall picture, whose parts must not mix at their borders.

A stack is (N, h, w) or (N, h, w, channels), contiguous.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
"""float32, one value per cell: (h, w), or a stack of those."""
Number = TypeVar("Number", np.uint8, np.uint16, np.float32)


def smaller(pictures: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Means of (N, H, W[, channels]) over areas; halved in one step where that gives the size asked for."""
    import cv2

    while pictures.shape[1:3] != (rows, columns):
        count, height, width = pictures.shape[:3]
        if (height % rows, width % columns) == (0, 0) and (height // rows) % 2 == (width // columns) % 2 == 0:
            tall = pictures.reshape(count * height, width, *pictures.shape[3:])
            half = cv2.resize(tall, (width // 2, count * height // 2), interpolation=cv2.INTER_AREA)
            pictures = np.asarray(half).reshape(count, height // 2, width // 2, *pictures.shape[3:])
        else:
            size = (columns, rows)
            pictures = np.stack([cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in pictures])
    return pictures


def halved(values: NDArray[Number]) -> NDArray[Number]:
    """Means over 2x2 of (..., h, w) uint8, uint16 (rounded) or float32; h and w even."""
    import cv2

    *count, height, width = values.shape
    tall = np.ascontiguousarray(values).reshape(-1, width)
    half = cv2.resize(tall, (width // 2, len(tall) // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(half, values.dtype).reshape(*count, height // 2, width // 2)


def doubled(values: Map) -> Map:
    """(N, 2 h, 2 w) of (N, h, w) float32, linear, edges repeated."""
    import cv2

    count, height, width = values.shape
    padded = np.empty((count, height + 2, width), np.float32)
    padded[:, 1:-1], padded[:, 0], padded[:, -1] = values, values[:, 0], values[:, -1]
    tall = cv2.resize(padded.reshape(-1, width), (2 * width, 2 * len(padded) * (height + 2)))
    return np.asarray(tall, np.float32).reshape(count, 2 * height + 4, 2 * width)[:, 2:-2]


def taken(pictures: NDArray[Any], x: Map, y: Map) -> NDArray[Any]:
    """(N, h, w[, channels]) read at x and y (N, h, w), linear, edges repeated. Fewer than 32,767 rows in all."""
    import cv2

    count, height, width = pictures.shape[:3]
    below = np.clip(y, 0, height - 1)
    below += (np.arange(count, dtype=np.float32) * height)[:, None, None]
    tall = pictures.reshape(count * height, width, *pictures.shape[3:])
    across, down = (one.reshape(-1, one.shape[-1]) for one in (np.ascontiguousarray(x), below))
    read = cv2.remap(tall, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read).reshape(*x.shape, *pictures.shape[3:])


def eroded(values: NDArray[Any], side: int) -> NDArray[Any]:
    """The least of each square of `side` cells, of (N, h, w) uint8 or float32; what is outside does not count."""
    import cv2

    count, height, width = values.shape
    most = 255 if values.dtype == np.uint8 else np.inf
    padded = np.full((count, height + side, width), most, values.dtype)
    padded[:, :height] = values
    tall = cv2.erode(padded.reshape(-1, width), np.ones((side, side), np.uint8))
    return np.asarray(tall).reshape(padded.shape)[:, :height]


def dilated(values: Map, side: int) -> Map:
    """The greatest of each square of `side` cells of (N, h, w)."""
    return -eroded(-values, side)


@lru_cache(maxsize=16)
def means_to(size: int, parts: int) -> Map:
    """(parts, size): what makes means over `parts` equal parts of a column of `size` cells; change nothing."""
    import cv2

    return np.asarray(cv2.resize(np.eye(size, dtype=np.float32), (size, parts), interpolation=cv2.INTER_AREA))


@lru_cache(maxsize=16)
def linear_to(size: int, parts: int) -> Map:
    """(size, parts): what makes a column of `size` cells of one of `parts`, linear; change nothing."""
    import cv2

    return np.asarray(cv2.resize(np.eye(parts, dtype=np.float32), (parts, size), interpolation=cv2.INTER_LINEAR))


@lru_cache(maxsize=16)
def grid(height: int, width: int) -> tuple[Map, Map]:
    """(height, width) x and y of each place; change nothing."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x, y


def quantile(values: NDArray[np.floating[Any]], usable: NDArray[np.bool_], share: float) -> NDArray[np.float64]:
    """(N,) of (N, n): what `np.quantile` gives for the usable ones of each row; NaN where there are none."""
    order = np.sort(np.where(usable, values, np.inf), axis=1)
    count = usable.sum(axis=1)
    place = share * np.maximum(count - 1, 0)
    low = place.astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    rows = np.arange(len(order))
    lower, upper = order[rows, low].astype(np.float64), order[rows, high].astype(np.float64)
    with np.errstate(invalid="ignore"):
        found = lower + (upper - lower) * (place - low)
    return np.where(count > 0, found, np.nan)


def median(values: Sequence[float]) -> float:
    """Of a few numbers, at least one."""
    order = sorted(values)
    half = len(order) // 2
    return order[half] if len(order) % 2 else (order[half - 1] + order[half]) / 2
