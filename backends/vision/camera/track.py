"""The camera's measure: how the background moves from frame to frame, and over longer steps where it is slow."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.depth import company_of, parallax_of
from backends.vision.camera.fit import Fit, cell_flow, fit
from backends.vision.camera.grid import SMALLEST_SIDE, Bars, Cells, Motion, Plate, length
from backends.vision.frame import Frame, flow_between
from backends.vision.thresholds import thresholds

STEP_FIELDS = ("tx", "ty", "a", "b", "doubt", "inliers", "residual", "matched", "texture", "flow")
"""What is kept of each frame: the background's motion since the frame before (`fit.Motion`), and of the picture."""
LINK_FIELDS = ("tx", "ty", "a", "b", "doubt", "inliers", "put", "along", "astray")
"""What is kept of each longer step."""
DEPTH_FIELDS = ("parallax",)
"""What is kept of each step over which the picture grew or shrank enough to show depth."""


@dataclass(frozen=True)
class Track:
    """All that the pass kept, as arrays."""

    size: tuple[int, int]
    seconds: NDArray[np.float64]
    steps: dict[str, NDArray[np.float32]]
    ends: NDArray[np.int64]
    """(links, 2) first and last frame."""
    links: dict[str, NDArray[np.float32]]
    depth_ends: NDArray[np.int64]
    depths: dict[str, NDArray[np.float32]]


@dataclass
class _Key:
    """A frame that later ones are compared with, and the motion since."""

    frame: int
    seconds: float
    grey: NDArray[np.uint8]
    plate: Plate
    since: Motion = field(default_factory=lambda: np.zeros(4))


class Liveliness:
    """How fast the picture moves, in samples about a twelfth of a second apart (`motion.samples_per_second`)."""

    def __init__(self) -> None:
        self._period = 1 / thresholds().motion.samples_per_second
        self._since = 0.0
        self._way: tuple[Cells, Cells] | None = None
        self._kept = array("d")

    def begin(self, seconds: float) -> None:
        self._since, self._way = seconds, None

    def add(self, seconds: float, u: Cells, v: Cells, width: int) -> None:
        """The cells' way since the frame before, pixels; width of the picture: pixels."""
        self._way = (u, v) if self._way is None else (self._way[0] + u, self._way[1] + v)
        took = seconds - self._since
        if took < self._period - 1e-3:
            return
        length_of_way = float(np.sqrt(self._way[0] ** 2 + self._way[1] ** 2).mean())
        self._kept.extend([seconds, length_of_way / width / max(took, 1e-3)])
        self.begin(seconds)

    def samples(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(N,) seconds and (N,) mean length of the motion, frame widths per second."""
        seconds, energy = np.array(self._kept, np.float64).reshape(-1, 2).T
        return seconds, energy


class CameraTrack:
    """Fits the background's motion to every frame of a film as it passes, and to steps of several frames.

    A step between neighbours is too small to be measured in a slow move; so every now and then a frame is also compared
    with one further back, as soon as the picture has moved some pixels or some time has gone.
    """

    def __init__(self) -> None:
        self.liveliness = Liveliness()
        self._size = (0, 0)
        self._seconds = array("d")
        self._steps = array("f")
        self._ends, self._depth_ends = array("q"), array("q")
        self._links, self._depths = array("f"), array("f")
        self._bars = Bars()
        self._plate: Plate | None = None
        self._motion: Motion = np.zeros(4)
        self._key: _Key | None = None
        self._far: _Key | None = None

    def see(self, frame: Frame) -> None:
        grey = frame.grey
        self._seconds.append(frame.seconds)
        if min(grey.shape) < SMALLEST_SIDE:
            self._steps.extend([0.0] * len(STEP_FIELDS))
            return
        self._size = (grey.shape[0], grey.shape[1])
        plate, before = Plate(grey, self._bars), self._plate
        if before is None or frame.before is None:
            self._keep(None, plate)
            self._key, self._far = _key(frame, plate), _key(frame, plate)
            self.liveliness.begin(frame.seconds)
        else:
            found = fit(before, plate, *cell_flow(frame.flow, plate.grid), self._motion, neighbours=True)
            self._keep(found, plate)
            self.liveliness.add(frame.seconds, found.u, found.v, self._size[1])
            self._link(frame, before, plate, found)
            self._motion = found.motion
        self._plate = plate

    def track(self) -> Track:
        """What was kept so far."""
        return Track(
            self._size,
            np.array(self._seconds, np.float64),
            _columns(self._steps, STEP_FIELDS),
            np.array(self._ends, np.int64).reshape(-1, 2),
            _columns(self._links, LINK_FIELDS),
            np.array(self._depth_ends, np.int64).reshape(-1, 2),
            _columns(self._depths, DEPTH_FIELDS),
        )

    def _keep(self, found: Fit | None, plate: Plate) -> None:
        if found is None:
            self._steps.extend([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, plate.texture, 0.0])
            return
        flow = float(np.sqrt(found.u * found.u + found.v * found.v).mean())
        self._steps.extend(
            [*found.motion, found.doubt, found.inliers, found.residual, found.matched, plate.texture, flow]
        )

    def _link(self, frame: Frame, before: Plate, plate: Plate, found: Fit) -> None:
        camera, key, earlier = thresholds().camera, self._key, frame.before
        if key is None or earlier is None:
            return
        if found.matched < camera.lost:
            # A cut, or more than can be followed: what was before it is closed, and a new start made here.
            if earlier.index - key.frame > 1:
                self._close(key, earlier, before, fit_between(key, earlier.grey, before))
            self._key, self._far = _key(frame, plate), _key(frame, plate)
            return
        key.since = after(key.since, found.motion)
        moved = length(key.since, plate.grid)
        if moved < camera.step_length * self._size[1] and frame.seconds - key.seconds < camera.step_seconds:
            return
        if frame.index - key.frame > 1:
            found = fit_between(key, frame.grey, plate)
        self._close(key, frame, plate, found)
        self._key = _key(frame, plate)
        self._look_for_depth(frame, plate, found)

    def _close(self, key: _Key, frame: Frame, plate: Plate, found: Fit) -> None:
        seen = company_of(key.plate, plate, found)
        self._ends.extend([key.frame, frame.index])
        self._links.extend([*found.motion, found.doubt, found.inliers, seen.put, seen.along, seen.astray])

    def _look_for_depth(self, frame: Frame, plate: Plate, found: Fit) -> None:
        """A push is told from a zoom over a step that is long enough for near things to outgrow far ones."""
        camera, far = thresholds().camera, self._far
        if far is None:
            return
        far.since = after(far.since, found.motion)
        grown = abs(float(far.since[2])) * plate.grid.radius
        shifted = float(np.hypot(far.since[0], far.since[1]))
        # The more the better; a slow push is looked at after a while all the same.
        enough = camera.depth_growth * (1 if frame.seconds - far.seconds > camera.depth_patience else 2)
        if grown >= enough * self._size[1]:
            self._depth_ends.extend([far.frame, frame.index])
            self._depths.append(parallax_of(far.plate, plate, fit_between(far, frame.grey, plate)))
        elif frame.seconds - far.seconds < camera.depth_seconds and shifted < camera.depth_shift * self._size[1]:
            return
        self._far = _key(frame, plate)


def _key(frame: Frame, plate: Plate) -> _Key:
    return _Key(frame.index, frame.seconds, frame.grey, plate)


def _columns(kept: array[float], fields: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    return dict(zip(fields, np.array(kept, np.float32).reshape(-1, len(fields)).T, strict=True))


def fit_between(key: _Key, grey: NDArray[np.uint8], plate: Plate) -> Fit:
    """The background's motion from a key frame to one that need not be its neighbour."""
    return fit(key.plate, plate, *cell_flow(flow_between(key.grey, grey), plate.grid), key.since)


def after(one: Motion, other: Motion) -> Motion:
    """One motion, then the other."""
    first, then = complex(one[2], one[3]), complex(other[2], other[3])
    shift = (1 + then) * complex(one[0], one[1]) + complex(other[0], other[1])
    turn = (1 + first) * (1 + then) - 1
    return np.array([shift.real, shift.imag, turn.real, turn.imag])
