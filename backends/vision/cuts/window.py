"""The last few seconds of a film as small pictures, and how far each is from each: all that the tests look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.frame import Frame

Floats = NDArray[np.float32]

COLOUR_SIZE = (18, 32)
"""Height and width of the colour thumbnails: small enough that most motion in a shot is a small change."""
VALUES = COLOUR_SIZE[0] * COLOUR_SIZE[1] * 3
"""Numbers of a colour thumbnail."""
GREY_SIZE = (54, 96)
KEPT = 144
"""Frames: the longest transition, its surroundings, and the wait until it can be told."""


@dataclass(frozen=True)
class Small:
    """What is kept of a frame while it is in the window."""

    colour: NDArray[np.uint8]
    """(18, 32, 3) uint8 RGB."""
    grey: NDArray[np.uint8]
    """(54, 96) uint8 luma."""


def small_of(frame: Frame) -> Small:
    """The thumbnails of a frame. Colours stay in RGB: a dissolve is linear in it, in LAB it would not be."""
    return Small(_shrunk(frame.rgb, COLOUR_SIZE), _shrunk(frame.grey, GREY_SIZE))


def _shrunk(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """By halves as far as that goes, which OpenCV does many times faster than other shares."""
    import cv2

    while all(have % 2 == 0 and have >= 3 * want for have, want in zip(picture.shape, size, strict=False)):
        half = (picture.shape[1] // 2, picture.shape[0] // 2)
        picture = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


class Window:
    """A ring of the last KEPT frames with the inner products of all pairs. Frames are addressed by film index."""

    def __init__(self) -> None:
        self._vectors = np.zeros((KEPT, VALUES), np.float32)
        self._greys = np.zeros((KEPT, *GREY_SIZE), np.uint8)
        self._products = np.zeros((KEPT, KEPT), np.float32)
        self.stop = 0
        """The index after the newest frame's."""
        self.newest = Small(np.zeros((*COLOUR_SIZE, 3), np.uint8), np.zeros(GREY_SIZE, np.uint8))

    def add(self, small: Small) -> None:
        """Take the next frame; the oldest falls out when KEPT are there."""
        place = self.stop % KEPT
        vector = small.colour.reshape(-1).astype(np.float32) - 128
        self._vectors[place] = vector
        self._greys[place] = small.grey
        self.newest = small
        products = self._vectors @ vector
        self._products[place] = products
        self._products[:, place] = products
        self.stop += 1

    @property
    def start(self) -> int:
        """The oldest frame's index."""
        return max(0, self.stop - KEPT)

    def products(self, first: int, stop: int) -> Floats:
        """(n, n) inner products of the thumbnails of frames first..stop-1, which must be in the window."""
        places = self._places(first, stop)
        return self._products[places[:, None], places]

    def colours(self, first: int, stop: int) -> Floats:
        """(n, 18, 32, 3) float32 RGB minus 128."""
        return self._vectors[self._places(first, stop)].reshape(-1, *COLOUR_SIZE, 3)

    def grey(self, index: int) -> NDArray[np.uint8]:
        """(54, 96) uint8."""
        return np.asarray(self._greys[index % KEPT], np.uint8)

    def distance(self, one: int, other: int) -> float:
        """Root mean square difference of two thumbnails, 0-255."""
        a, b = one % KEPT, other % KEPT
        square = self._products[a, a] + self._products[b, b] - 2 * self._products[a, b]
        return float(np.sqrt(max(float(square), 0.0) / VALUES))

    def _places(self, first: int, stop: int) -> NDArray[np.int64]:
        return np.arange(first, stop) % KEPT


def distances(products: Floats) -> Floats:
    """(n, n) squared distances, summed over all values, from inner products."""
    own = np.diag(products)
    return np.asarray(np.maximum(own[:, None] + own[None, :] - 2 * products, 0), np.float32)
