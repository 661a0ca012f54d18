"""Wipes, and dissolves to or from a picture that something hides: it may only pass, so that one waits and sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backends.vision.cuts.evidence import passes
from backends.vision.cuts.found import Found
from backends.vision.cuts.likeness import likeness, textured
from backends.vision.cuts.thumb import Thumb
from backends.vision.cuts.window import Window
from backends.vision.thresholds import thresholds

WAIT = 112
"""Frames after a finding until it is settled: what passes has its second edge two seconds later at most."""
_MOMENTS = tuple(range(21, 71, 7))
_WAYS = {"left": "left", "right": "right", "up": "up", "top": "up", "down": "down", "bottom": "down"}
"""Where the edge goes, by the last word of a wipe's detail."""
_AGAIN = 0.65
"""Likeness of a scene to itself two seconds later in a slow pan."""
_DARK = 44
"""Mean luma below which a block without structure shows nothing."""
_HIDDEN = 0.3
_COVERED = 0.25
"""Share of textured blocks of a picture that something may cover, whatever its colour."""
_MORE = 0.2
"""Share of hidden blocks of one side, and how much more than the other's it is: a night's sky is dark on both."""


class Doubts:
    """Keeps such findings until they are settled."""

    def __init__(self) -> None:
        self._waiting: list[Found] = []

    def sift(self, window: Window, found: Sequence[Found]) -> list[Found]:
        """Those of `found`, which must be new, that are beyond doubt, and those that have turned out to be."""
        sure = [item for item in found if not (item.frames and (item.kind == "wipe" or _hides(window, item)))]
        self._waiting += [item for item in found if item not in sure]
        return sure + self.settle(window, WAIT)

    def settle(self, window: Window, wait: int = 0) -> list[Found]:
        """Those that have waited for so many frames, without those that only passed."""
        due = [item for item in self._waiting if window.stop - item.stop >= wait]
        passing = [pair for item in due for pair in self._pairs(window, item)]
        self._waiting = [item for item in self._waiting if item not in due and item not in passing]
        return [item for item in due if item not in passing and not _passed(window, item)]

    def _pairs(self, window: Window, item: Found) -> list[Found]:
        """A wipe and a later one that goes the same way and brings the old scene back, with all that touch them.

        What passes close by has two edges; it may be as textured as any picture.
        """
        before = max(window.start, item.first - 2)
        for other in self._waiting:
            if other.first <= item.stop or not same_way(item, other):
                continue
            after = min(window.stop - 1, other.stop + 1)
            if likeness(window.thumb(before), window.thumb(after)) >= _AGAIN:
                return [one for one in self._waiting if one.touches(item) or one.touches(other)]
        return []


def same_way(one: Found, other: Found) -> bool:
    """Whether two wipes go the same way, as both edges of what passes do."""
    if not one.kind == other.kind == "wipe":
        return False
    ways = [_way(item.detail) for item in (one, other)]
    return bool(ways[0]) and ways[0] == ways[1]


def _way(detail: str) -> str:
    """Where an edge goes; of a diagonal one the corner that it comes from, '' of what goes no way."""
    return detail if detail.startswith("diagonal") else _WAYS.get(detail.rsplit(" ", maxsplit=1)[-1], "")


def _sides(window: Window, item: Found) -> tuple[int, int]:
    return max(window.start, item.first - 2), min(window.stop - 1, item.stop + 1)


def _hides(window: Window, item: Found) -> bool:
    if item.kind not in ("wipe", "dissolve"):
        return False
    sides = [window.thumb(index) for index in _sides(window, item)]
    before, after = (hidden(thumb) for thumb in sides)
    if max(before, after) >= _HIDDEN and abs(before - after) >= _MORE:
        return True
    return min(textured(thumb) for thumb in sides) <= _COVERED


def _passed(window: Window, item: Found) -> bool:
    if not _hides(window, item):
        return False
    return passes(window, *_sides(window, item), thresholds().cuts.passing_likeness, _MOMENTS)


def hidden(thumb: Thumb) -> float:
    """0..1: the share of the blocks that are dark and show nothing."""
    levels = thumb.grey.reshape(6, 9, 8, 12).mean(axis=(1, 3)).ravel()
    return float(np.count_nonzero((levels < _DARK) & ~thumb.textured)) / len(levels)
