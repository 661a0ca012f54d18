"""Whether two frames show the same scene, whatever the light and however the camera moved a little."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.vision.cuts.window import GREY_SIZE

Grey = NDArray[np.uint8]

_PATCHES = (
    np.s_[16:38, 29:67], np.s_[2:18, 6:44], np.s_[2:18, 52:90], np.s_[36:52, 6:44], np.s_[36:52, 52:90]
)  # fmt: skip
"""The middle, and both halves of strips along the top and bottom, where titles seldom are."""
_SCALES = (1.0, 0.87, 1.15)
_COARSE = 4.0
"""Blur, in thumbnail pixels, whose difference to the picture is compared: structure without light and shade."""
_BLOCK = (9, 12)
_STILL = 0.8
_FLAT = 2.0
"""Levels of structure (its spread) below which a block is flat."""
_TEXTURED = _FLAT * np.sqrt(_BLOCK[0] * _BLOCK[1])
SHOT = 0.15
"""Share of textured blocks of a shot: something dark that covers everything has hardly any."""
_BLACK = 28
"""Rows and columns at the border that are nowhere lighter are bars, no picture."""


def likeness(old: Grey, new: Grey, *, near: bool = False) -> float:
    """0..1: the best normalised correlation of any of five patches of `old` (54, 96) anywhere in `new`.

    Also at 0.87 and 1.15 of its size. Different scenes seldom pass 0.6, frames of one shot a second apart seldom
    stay below 0.75. near: look only within a sixth of the picture: between neighbouring frames nothing gets further.
    """
    import cv2

    one, other = (_structure(grey) for grey in _without_bars(old, new))
    best = 0.0
    patches = [place for place in _PATCHES if float(one[place].std()) > _FLAT / 2]
    for scale in _SCALES:
        sized = other if scale == 1 else cv2.resize(other, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for place in patches:
            part = sized[_around(place, scale)] if near else sized
            best = max(best, float(cv2.matchTemplate(part, one[place], cv2.TM_CCOEFF_NORMED).max()))
    return best


def _around(place: tuple[slice, slice], scale: float) -> tuple[slice, slice]:
    """The patch's place in a picture of that scale, with a sixth of the picture on each side."""
    spans = []
    for part, size in zip(place, GREY_SIZE, strict=True):
        centre, half = (part.start + part.stop) / 2 * scale, (part.stop - part.start) / 2
        low = max(0, round(centre - half - size / 6))
        spans.append(slice(low, max(low + part.stop - part.start, round(centre + half + size / 6))))
    return spans[0], spans[1]


def unmoved(old: Grey, new: Grey) -> float:
    """0..1: the share of the textured blocks of `old` (54, 96) that `new` shows in the same place, in any light."""
    one, other = (_blocks(grey) for grey in _without_bars(old, new))
    lengths, others = np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1)
    there = lengths > _TEXTURED
    if there.sum() < 4:
        return 0.0
    match = (one * other).sum(axis=1) / np.maximum(lengths * others, 1e-6)
    return float((match[there] > _STILL).mean())


def textured(grey: Grey) -> float:
    """0..1: the share of the blocks of a frame (54, 96) that show anything by which they could be known again."""
    return float((np.linalg.norm(_blocks(grey), axis=1) > _TEXTURED).mean())


def _blocks(grey: Grey) -> NDArray[np.float32]:
    height, width = _BLOCK
    rows, columns = GREY_SIZE[0] // height, GREY_SIZE[1] // width
    cells = _structure(grey).reshape(rows, height, columns, width).swapaxes(1, 2).reshape(-1, height * width)
    return np.asarray(cells - cells.mean(axis=1, keepdims=True), np.float32)


def details(grey: Grey) -> NDArray[np.float32]:
    """(48,) how much structure each block of a frame (54, 96) shows: its variance, levels squared."""
    return np.asarray(np.square(_blocks(_without_bars(grey, grey)[0])).mean(axis=1), np.float32)


def _structure(grey: Grey) -> NDArray[np.float32]:
    import cv2

    picture = grey.astype(np.float32)
    return np.asarray(picture - cv2.GaussianBlur(picture, (0, 0), _COARSE), np.float32)


def _without_bars(old: Grey, new: Grey) -> tuple[Grey, Grey]:
    """Both without the black bars that they share, at their old size: bars stay the same in any scene."""
    import cv2

    light = np.maximum(old, new) > _BLACK
    rows, columns = np.flatnonzero(light.any(axis=1)), np.flatnonzero(light.any(axis=0))
    if not len(rows) or (len(rows) == GREY_SIZE[0] and len(columns) == GREY_SIZE[1]):
        return old, new
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    if bottom - top < GREY_SIZE[0] // 3 or right - left < GREY_SIZE[1] // 3:
        return old, new
    # One row more would be the blend of the bar and the picture.
    top, left = top + (top > 0), left + (left > 0)
    bottom, right = bottom - (bottom < GREY_SIZE[0]), right - (right < GREY_SIZE[1])
    size = GREY_SIZE[::-1]
    return (
        np.asarray(cv2.resize(old[top:bottom, left:right], size), np.uint8),
        np.asarray(cv2.resize(new[top:bottom, left:right], size), np.uint8),
    )
