"""A finished map before it steers: the right size, not empty, not of one tone."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backends.image.engine import MapKind
from configs.errors import UsageError

Fit = Literal["", "crop", "pad"]
"""What to do with a map of another size: refuse it ('', the default), scale it to cover the picture and cut what sticks
out, or scale it to lie wholly inside and fill the rest with what means nothing in that kind of map."""
LONGEST = 4
"""So many times longer than the picture, a map is cut before it is scaled."""
FLAT = 8
"""A map whose levels span less than this says nothing: noise of a lossy file."""
_NOTHING: dict[MapKind, str] = {
    "depth": "everything would be equally far away",
    "pose": "nobody is drawn in it",
    "canny": "there is no line in it",
    "normal": "every surface would face the same way",
}
_EMPTY_TONE: dict[MapKind, tuple[int, int, int]] = {
    "depth": (0, 0, 0), "pose": (0, 0, 0), "canny": (0, 0, 0), "normal": (128, 128, 255),
}  # fmt: skip


def check_says_something(rgb: NDArray[np.uint8], kind: MapKind, name: str = "") -> None:
    """Raises UsageError for a (H, W, 3) map that is black or of one tone all over."""
    shown = f"The {kind} map '{name}'" if name else f"The {kind} map"
    if int(rgb.max()) <= FLAT:
        raise UsageError(f"{shown} is all black", _NOTHING[kind], "Choose another map, or a picture to make one of")
    if int(np.ptp(rgb.reshape(-1, 3), axis=0).max()) < FLAT:
        raise UsageError(
            f"{shown} has one tone all over", _NOTHING[kind], "Choose another map, or a picture to make one of"
        )


def fit_map(
    rgb: NDArray[np.uint8], kind: MapKind, size: tuple[int, int], fit: Fit = "", name: str = ""
) -> NDArray[np.uint8]:
    """The map in `size` (width, height) pixels. Raises UsageError for another size unless `fit` says how."""
    height, width = rgb.shape[:2]
    if (width, height) == size:
        return rgb
    if not fit:
        shown = f"The {kind} map '{name}'" if name else f"The {kind} map"
        raise UsageError(
            f"{shown} is {width}x{height}, the picture {size[0]}x{size[1]}",
            "a map is never stretched or cut unasked",
            f"Ask for a picture of {width}x{height}, or let make_control_maps fit it (fit: crop or pad)",
        )
    return _fitted(rgb, kind, size, fit)


def _fitted(rgb: NDArray[np.uint8], kind: MapKind, size: tuple[int, int], fit: Fit) -> NDArray[np.uint8]:
    scales = (size[0] / rgb.shape[1], size[1] / rgb.shape[0])
    scale = max(scales) if fit == "crop" else min(scales)
    if max(scales) > LONGEST * min(scales) and fit == "crop":
        # Cut before it is scaled: a line of one pixel would become gigabytes.
        keep = [max(1, math.ceil(LONGEST * side / scale)) for side in size]
        (left, _), (top, _) = (_middle(rgb.shape[1 - axis], keep[axis]) for axis in (0, 1))
        rgb = rgb[top : top + keep[1], left : left + keep[0]]
    inner = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    sized = resize_map(rgb, kind, inner)
    result = np.empty((size[1], size[0], 3), np.uint8)
    result[:] = _EMPTY_TONE[kind]
    (left, into_x), (top, into_y) = (_middle(inner[axis], size[axis]) for axis in (0, 1))
    width, height = min(inner[0], size[0]), min(inner[1], size[1])
    result[into_y : into_y + height, into_x : into_x + width] = sized[top : top + height, left : left + width]
    return result


def _middle(inner: int, outer: int) -> tuple[int, int]:
    """(start in the map, start in the picture) so that both middles meet."""
    return max(0, (inner - outer) // 2), max(0, (outer - inner) // 2)


def resize_map(rgb: NDArray[np.uint8], kind: MapKind, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The map at another scale, with what its kind promises kept: lines white, normals of length one."""
    import cv2

    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    smaller = size[0] < rgb.shape[1]
    result = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))
    if kind == "canny":
        return np.where(result > (64 if smaller else 127), np.uint8(255), np.uint8(0))
    if kind == "normal":
        vectors = result.astype(np.float32) / 127.5 - 1
        vectors /= np.maximum(np.linalg.norm(vectors, axis=2, keepdims=True), 1e-6)
        return np.asarray(np.rint((vectors + 1) * 127.5), np.uint8)
    return result
