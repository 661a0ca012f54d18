"""The last few seconds of a film as small pictures, and how far each is from each: all that the tests look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from backends.vision.cuts.thumb import GREY_SIZE, Thumb, work_out
from backends.vision.frame import Frames

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

COLOUR_SIZE = (18, 32)
"""Height and width of the colour thumbnails: small enough that most motion in a shot is a small change."""
VALUES = COLOUR_SIZE[0] * COLOUR_SIZE[1] * 3
"""Numbers of a colour thumbnail."""
KEPT = 256
"""Frames: the longest transition, its surroundings, and the wait until it can be told that it was one."""
_THUMBS = 144
"""Frames whose worked out thumbnails are kept; those of older ones are made anew when they are asked for."""
AT_ONCE = 16
"""Frames that are added together at most; so many more than KEPT are held."""
LONGEST = 66
"""Frames up to a new one that `latest` shows."""
_ROOM = KEPT + 4 * AT_ONCE


def thumbnails(frames: Frames) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(n, 18, 32, 3) RGB and (n, 54, 96) luma, uint8. A dissolve is linear in RGB, in LAB it would not be."""
    return _shrunk(frames.rgb, COLOUR_SIZE), _shrunk(frames.grey, GREY_SIZE)


def _shrunk(pictures: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """By halves as far as that goes, which OpenCV does many times faster than other shares."""
    while all(have % 2 == 0 and have >= 3 * want for have, want in zip(pictures.shape[1:], size, strict=False)):
        pictures = _resized(pictures, (pictures.shape[1] // 2, pictures.shape[2] // 2))
    return _resized(pictures, size)


def _resized(pictures: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """All as one tall picture where they are made smaller, since then no row is mixed of two of them."""
    import cv2

    count, height, width = pictures.shape[:3]
    if height >= size[0] and width >= size[1]:
        tall = pictures.reshape(count * height, *pictures.shape[2:])
        made = cv2.resize(tall, (size[1], count * size[0]), interpolation=cv2.INTER_AREA)
        return np.asarray(made, np.uint8).reshape(count, *size, *pictures.shape[3:])
    each = [cv2.resize(picture, size[::-1], interpolation=cv2.INTER_CUBIC) for picture in pictures]
    return np.asarray(np.stack(each), np.uint8)


class Window:
    """The last KEPT frames with the inner products of all pairs. Frames are addressed by film index.

    Frames are added a few at once; `replay` then goes over them one by one, so that what is decided does not depend on
    how they were divided.
    """

    def __init__(self) -> None:
        self._vectors = np.zeros((_ROOM, VALUES), np.float32)
        self._products = np.zeros((_ROOM, _ROOM), np.float32)
        self._greys = np.zeros((_ROOM, *GREY_SIZE), np.uint8)
        self._thumbs: dict[int, Thumb] = {}
        self._base = -LONGEST
        """The film index of place 0; what lies before the film is zero."""
        self.added = 0
        """The index of the first frame that the last `add` brought."""
        self.stop = self._end = 0
        """The index after the newest frame's; in a replay `_end` is already that of all that were added."""

    def add(self, colours: NDArray[np.uint8], greys: NDArray[np.uint8]) -> None:
        """Take the next frames, (n, 18, 32, 3) and (n, 54, 96), AT_ONCE at most; the oldest fall out."""
        count = len(colours)
        self._make_room(count)
        low, place = max(0, self.stop - KEPT - self._base), self.stop - self._base
        end = place + count
        self._vectors[place:end] = colours.reshape(count, -1)
        self._vectors[place:end] -= 128
        self._greys[place:end] = greys
        products = self._vectors[low:end] @ self._vectors[place:end].T
        self._products[low:end, place:end] = products
        self._products[place:end, low:end] = products.T
        self.added, self._end = self.stop, self.stop + count
        self.stop = self._end
        for index in [index for index in self._thumbs if index < self.added - _THUMBS]:
            del self._thumbs[index]

    def replay(self) -> Iterator[int]:
        """`stop` after each frame of the last `add`, with the window as it was then; go on to the end."""
        for stop in range(self.added + 1, self._end + 1):
            self.stop = stop
            yield stop

    @property
    def start(self) -> int:
        """The oldest frame's index."""
        return max(0, self.stop - KEPT)

    def products(self, first: int, stop: int) -> Floats:
        """(n, n) inner products of the thumbnails of frames first..stop-1, which must be in the window. A view."""
        part = slice(first - self._base, stop - self._base)
        return self._products[part, part]

    def latest(self) -> Floats:
        """(n, 66, 66) inner products of the frames up to each of the newly added. A view; before the film it is 0."""
        from numpy.lib.stride_tricks import as_strided

        first = self.added + 1 - LONGEST - self._base
        row, column = self._products.strides
        shape = (self.stop - self.added, LONGEST, LONGEST)
        return as_strided(self._products[first:, first:], shape, (row + column, row, column), writeable=False)

    def energies(self, first: int, stop: int) -> Floats:
        """(n,) the thumbnails' inner products with themselves; before the film 0."""
        return np.asarray(self._products.diagonal()[first - self._base : stop - self._base])

    def steps(self, first: int, stop: int) -> Floats:
        """(n - 1,) squared distances, summed over all values, between neighbours of the frames first..stop-1."""
        own = self.energies(first, stop)
        both = self._products.diagonal(1)[first - self._base : stop - 1 - self._base]
        return np.asarray(np.maximum(own[:-1] + own[1:] - 2 * both, 0))

    def squares(self, one: Indices, other: Indices) -> Floats:
        """Squared distances, summed over all values, of pairs of frames; both of one shape."""
        a, b = one - self._base, other - self._base
        own = self._products.diagonal()
        return np.asarray(np.maximum(own[a] + own[b] - 2 * self._products[a, b], 0))

    def square(self, one: int, other: int) -> float:
        """The squared distance, summed over all values, of two frames."""
        a, b, products = one - self._base, other - self._base, self._products
        return max(float(products[a, a] + products[b, b] - 2 * products[a, b]), 0.0)

    def distance(self, one: int, other: int) -> float:
        """Root mean square difference of two thumbnails, 0-255."""
        return float(np.sqrt(self.square(one, other) / VALUES))

    def colours(self, first: int, stop: int) -> Floats:
        """(n, 18, 32, 3) float32 RGB minus 128. A view."""
        return self._vectors[first - self._base : stop - self._base].reshape(-1, *COLOUR_SIZE, 3)

    def pictures(self, indices: Indices) -> Floats:
        """(n, 18, 32, 3) float32 RGB minus 128, of any frames."""
        return self._vectors[indices - self._base].reshape(-1, *COLOUR_SIZE, 3)

    def thumb(self, index: int) -> Thumb:
        """The frame's grey thumbnail; those near it, which are likely to be asked for next, are worked out too."""
        if index not in self._thumbs:
            first = index // AT_ONCE * AT_ONCE
            block = range(max(first, self.added - KEPT), min(first + AT_ONCE, self._end))
            fresh = {at: Thumb(self._greys[at - self._base].copy()) for at in block if at not in self._thumbs}
            work_out(list(fresh.values()))
            self._thumbs |= fresh
        return self._thumbs[index]

    def details(self, indices: Iterable[int]) -> Floats:
        """(n, 48) how much structure each block of these frames shows, levels squared."""
        return np.stack([self.thumb(index).details for index in indices])

    def _make_room(self, count: int) -> None:
        """Move what is kept to the front when the end is reached."""
        used = self.stop - self._base
        if used + count <= _ROOM:
            return
        drop = used - KEPT
        for kept in (self._vectors, self._greys):
            kept[:KEPT] = kept[drop:used]
        self._products[:KEPT, :KEPT] = self._products[drop:used, drop:used].copy()
        self._base += drop
