"""Longer steps of a camera's path: frames compared with one further back, some pairs at once."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.depth import company_of, parallax_of
from backends.vision.camera.fit import Fits, fit_far
from backends.vision.camera.grid import Motion, after
from backends.vision.camera.plates import Plates, joined
from backends.vision.flow import MORE_STEPS, flow_cell, flow_cells_between
from backends.vision.thresholds import thresholds

LINK_FIELDS = ("tx", "ty", "a", "b", "doubt", "inliers", "put", "along", "astray")
"""What is kept of each longer step."""
DEPTH_FIELDS = ("parallax",)
"""What is kept of each step over which the picture grew or shrank enough to show depth."""
_AT_ONCE = 12
"""Pairs that are fitted together. Until then a pair holds its later frame's plate, 250 KB."""


@dataclass
class Key:
    """A frame that later ones are compared with, and the motion since."""

    frame: int
    seconds: float
    coarse: NDArray[np.uint8]
    """As `Frame.coarse`."""
    plate: Plates
    """N = 1."""
    since: Motion = field(default_factory=lambda: np.zeros(4))


@dataclass(frozen=True)
class _Pair:
    one: Key
    other: Key
    found: Fits | None
    """Where they are neighbours the motion is known."""
    closing: bool = False


class Links:
    """The motion from key frame to key frame, and over still longer ways what depth shows in a growing picture."""

    def __init__(self) -> None:
        self._waiting: list[_Pair | Key] = []
        self._pairs = 0
        self._far: Key | None = None
        self._ends, self._depth_ends = array("q"), array("q")
        self._links, self._depths = array("f"), array("f")

    def begin(self, key: Key) -> None:
        """Nothing leads from what was before to this frame."""
        self._waiting.append(key)

    def add(self, one: Key, other: Key, found: Fits | None = None, *, closing: bool = False) -> None:
        """A step from a key frame, with the motion since as first guess, to a later one.

        found: its motion, if known. closing: no step follows on it.
        """
        self._waiting.append(_Pair(one, other, found, closing))
        self._pairs += 1
        if self._pairs == _AT_ONCE:
            self._work()

    def kept(
        self,
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float32]], NDArray[np.int64], dict[str, NDArray[np.float32]]]:
        """(links, 2) first and last frame and the numbers of each link, and the same of each look at depth."""
        self._work()
        return (
            np.array(self._ends, np.int64).reshape(-1, 2),
            columns(self._links, LINK_FIELDS),
            np.array(self._depth_ends, np.int64).reshape(-1, 2),
            columns(self._depths, DEPTH_FIELDS),
        )

    def _work(self) -> None:
        """Fit what waits."""
        pairs = [one for one in self._waiting if isinstance(one, _Pair)]
        waiting, self._waiting, self._pairs = self._waiting, [], 0
        fits = iter(_fitted([pair for pair in pairs if pair.found is None]))
        for one in waiting:
            if isinstance(one, Key):
                self._far = _fresh(one)
                continue
            found = one.found if one.found is not None else next(fits)
            self._ends.extend([one.one.frame, one.other.frame])
            company = company_of(one.one.plate, one.other.plate, found)[0].tolist()
            self._links.extend([*found.motion[0].tolist(), float(found.doubt[0]), float(found.inliers[0]), *company])
            if not one.closing:
                self._look_for_depth(one.other, found.motion[0])

    def _look_for_depth(self, key: Key, moved: Motion) -> None:
        """A push is told from a zoom over a step that is long enough for near things to outgrow far ones."""
        camera, far = thresholds().camera, self._far
        if far is None:
            return
        far.since = after(far.since, moved)
        width = key.plate.grid.size[1]
        grown = abs(float(far.since[2])) * key.plate.grid.radius
        shifted = float(np.hypot(far.since[0], far.since[1]))
        # The more the better; a slow push is looked at after a while all the same.
        enough = camera.depth_growth * (1 if key.seconds - far.seconds > camera.depth_patience else 2)
        if grown >= enough * width:
            self._depth_ends.extend([far.frame, key.frame])
            (found,) = _fitted([_Pair(far, key, None)])
            self._depths.append(parallax_of(far.plate, key.plate, found))
        elif key.seconds - far.seconds < camera.depth_seconds and shifted < camera.depth_shift * width:
            return
        self._far = _fresh(key)


def _fresh(key: Key) -> Key:
    """The same frame, with no motion since."""
    return Key(key.frame, key.seconds, key.coarse, key.plate)


def _fitted(pairs: Sequence[_Pair]) -> list[Fits]:
    """Of each pair its motion, N = 1."""
    if not pairs:
        return []
    ones, others = joined([pair.one.plate for pair in pairs]), joined([pair.other.plate for pair in pairs])
    cell = flow_cell(ones.grid.size)
    flows = [flow_cells_between(pair.one.coarse, pair.other.coarse, cell, steps=MORE_STEPS) for pair in pairs]
    fits = fit_far(ones, others, ones.grid.flow(np.stack(flows)), np.stack([pair.one.since for pair in pairs]))
    return [fits.part(at, at + 1) for at in range(len(pairs))]


def columns(kept: array[float], fields: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Rows of numbers, one after another, as an array of each field."""
    return dict(zip(fields, np.array(kept, np.float32).reshape(-1, len(fields)).T, strict=True))
