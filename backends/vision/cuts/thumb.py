"""A frame's grey thumbnail, and what of its structure was worked out once: all that tells one scene from another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property

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
_WHOLE = (0, GREY_SIZE[0], 0, GREY_SIZE[1])
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
        return self._worked_out("structure")

    @cached_property
    def blocks(self) -> Floats:
        """(48, 108) levels: each block of the structure less its mean."""
        return self._worked_out("blocks")

    @cached_property
    def lengths(self) -> Floats:
        """(48,) norms of the blocks."""
        return self._worked_out("lengths")

    @cached_property
    def lit(self) -> tuple[int, int, int, int]:
        """Top, bottom, left and right of all that is lighter than bars; all 0 where nothing is."""
        light = self.grey > _BLACK
        rows, columns = np.flatnonzero(np.any(light, axis=1)), np.flatnonzero(np.any(light, axis=0))
        if not len(rows):
            return 0, 0, 0, 0
        return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1

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
    def outlines(self) -> Floats:
        """(54, 96) how steep the picture is at each place, on a logarithmic scale: shapes in whatever light."""
        import cv2

        grey = self.grey.astype(np.float32)
        across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
        return np.asarray(np.log1p(np.hypot(across, down) / 8), np.float32)

    @cached_property
    def strokes(self) -> tuple[float, float]:
        """Mean squared steps along rows and along columns of the structure: blur in one direction takes one of both."""
        picture = without_bars(self, self)[0].structure
        return tuple(float(np.square(np.diff(picture, axis=axis)).mean()) for axis in (1, 0))  # type: ignore[return-value]

    def _worked_out(self, name: str) -> Floats:
        work_out([self])
        return np.asarray(self.__dict__[name])


def work_out(thumbs: Sequence[Thumb]) -> None:
    """Fill in the structure, blocks and lengths of all of them in one step, and `lit` of those without bars."""
    greys = np.stack([thumb.grey for thumb in thumbs])
    pictures = greys.astype(np.float32)
    down, across = _coarse()
    structures = pictures - down @ (pictures.reshape(-1, GREY_SIZE[1]) @ across).reshape(pictures.shape)
    blocks = _blocks(structures)
    lengths = np.sqrt(np.einsum("nbp,nbp->nb", blocks, blocks))
    light = greys > _BLACK
    edges = (light[:, 0], light[:, -1], light[:, :, 0], light[:, :, -1])
    whole = np.all([np.any(edge, axis=1) for edge in edges], axis=0)
    parts = zip(thumbs, structures, blocks, lengths, whole.tolist(), strict=True)
    for thumb, structure, own, norms, lit in parts:
        thumb.__dict__.update(structure=structure, blocks=own, lengths=norms)
        if lit:
            thumb.__dict__["lit"] = _WHOLE


@cache
def _coarse() -> tuple[Floats, Floats]:
    """What blurs a picture when it stands on the left and on the right of it, (54, 54) and (96, 96).

    OpenCV's GaussianBlur as matrices: for so small pictures twice as fast.
    """
    import cv2

    taps = 2 * round(4 * _COARSE) + 1
    down = cv2.GaussianBlur(np.eye(GREY_SIZE[0], dtype=np.float32), (1, taps), _COARSE)
    across = cv2.GaussianBlur(np.eye(GREY_SIZE[1], dtype=np.float32), (1, taps), _COARSE)
    return np.asarray(down, np.float32), np.ascontiguousarray(np.asarray(across, np.float32).T)


def without_bars(old: Thumb, new: Thumb) -> tuple[Thumb, Thumb]:
    """Both without the black bars that they share, at their old size: bars stay the same in any scene."""
    import cv2

    if _WHOLE in (old.lit, new.lit):
        return old, new
    spans = [span for span in (old.lit, new.lit) if span[1]]
    if not spans:
        return old, new
    top, left = (min(span[side] for span in spans) for side in (0, 2))
    bottom, right = (max(span[side] for span in spans) for side in (1, 3))
    if (top, bottom, left, right) == _WHOLE:
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
