"""A frame's grey thumbnail, and what of its structure was worked out once: all that tells one scene from another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]

GREY_SIZE = (54, 96)
"""Height and width."""
FLAT = 2.0
"""Levels of structure (its spread) below which a block is flat."""
_COARSE = 4.0
"""Blur, in thumbnail pixels, whose difference to the picture is compared: structure without light and shade."""
_BLOCK = (9, 12)
_TEXTURED = float(FLAT * np.sqrt(_BLOCK[0] * _BLOCK[1]))
_BLACK = 28
"""Rows and columns at the border that are nowhere lighter are bars, no picture."""


class Thumb:
    """One frame; change nothing of it."""

    def __init__(self, grey: Grey) -> None:
        """grey: (54, 96) uint8."""
        self.grey = grey

    @cached_property
    def structure(self) -> Floats:
        """(54, 96) levels: the picture without what is coarse in it."""
        import cv2

        picture = self.grey.astype(np.float32)
        return np.asarray(picture - cv2.GaussianBlur(picture, (0, 0), _COARSE), np.float32)

    @cached_property
    def blocks(self) -> Floats:
        """(48, 108) levels: each block of the structure less its mean."""
        return np.asarray(_blocks(self.structure[None])[0])

    @cached_property
    def lengths(self) -> Floats:
        """(48,) norms of the blocks."""
        return np.asarray(np.sqrt(np.einsum("bp,bp->b", self.blocks, self.blocks)), np.float32)

    @property
    def textured(self) -> NDArray[np.bool_]:
        """(48,) whether a block shows anything by which it could be known again."""
        return np.asarray(self.lengths > _TEXTURED)

    @cached_property
    def details(self) -> Floats:
        """(48,) how much structure each block shows, without black bars: its variance, levels squared."""
        picture = without_bars(self, self)[0]
        return np.asarray(np.square(picture.lengths) / (_BLOCK[0] * _BLOCK[1]), np.float32)

    @cached_property
    def light(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(54,) and (96,): the rows and columns that are anywhere lighter than bars."""
        light = self.grey > _BLACK
        return np.asarray(light.any(axis=1)), np.asarray(light.any(axis=0))

    @cached_property
    def barred(self) -> bool:
        """Whether any row or column is dark; two frames can share bars only where both are."""
        rows, columns = self.light
        return not (rows[0] and rows[-1] and columns[0] and columns[-1])


def work_out(thumbs: Sequence[Thumb]) -> None:
    """Fill in the blocks and their norms of all of them in one step."""
    missing = [thumb for thumb in thumbs if "lengths" not in thumb.__dict__]
    if len(missing) < 2:
        return
    blocks = _blocks(np.stack([thumb.structure for thumb in missing]))
    lengths = np.sqrt(np.einsum("nbp,nbp->nb", blocks, blocks))
    for thumb, own, norms in zip(missing, blocks, lengths, strict=True):
        thumb.__dict__["blocks"], thumb.__dict__["lengths"] = own, norms


def without_bars(old: Thumb, new: Thumb) -> tuple[Thumb, Thumb]:
    """Both without the black bars that they share, at their old size: bars stay the same in any scene."""
    import cv2

    if not (old.barred and new.barred):
        return old, new
    rows, columns = (
        np.flatnonzero(one | other) for one, other in zip(old.light, new.light, strict=True)
    )  # fmt: skip
    if not len(rows):
        return old, new
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    if bottom - top == GREY_SIZE[0] and right - left == GREY_SIZE[1]:
        return old, new
    if bottom - top < GREY_SIZE[0] // 3 or right - left < GREY_SIZE[1] // 3:
        return old, new
    # One row more would be the blend of the bar and the picture.
    top, left = top + (top > 0), left + (left > 0)
    bottom, right = bottom - (bottom < GREY_SIZE[0]), right - (right < GREY_SIZE[1])
    one, other = (
        Thumb(np.asarray(cv2.resize(thumb.grey[top:bottom, left:right], GREY_SIZE[::-1]), np.uint8))
        for thumb in (old, new)
    )
    return one, other


def _blocks(structures: Floats) -> Floats:
    """(n, 48, 108) of (n, 54, 96)."""
    height, width = _BLOCK
    rows, columns = GREY_SIZE[0] // height, GREY_SIZE[1] // width
    cells = structures.reshape(-1, rows, height, columns, width).swapaxes(2, 3)
    cells = cells.reshape(len(structures), -1, height * width)
    return np.asarray(cells - cells.mean(axis=2, keepdims=True), np.float32)
