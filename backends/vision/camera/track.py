"""The camera's measure: how the background moves from frame to frame, and over longer steps where it is slow."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.fit import Fits, fit_neighbours
from backends.vision.camera.grid import SMALLEST_SIDE, Flow, Motion, after, length
from backends.vision.camera.links import Key, Links, columns
from backends.vision.camera.plates import Bars, Plates, plates_of
from backends.vision.frame import Frame, Frames
from backends.vision.thresholds import thresholds

STEP_FIELDS = ("tx", "ty", "a", "b", "doubt", "inliers", "residual", "matched", "texture", "flow")
"""What is kept of each frame: the background's motion since the frame before (`fit.Motion`), and of the picture."""


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


class Liveliness:
    """How fast the picture moves, in samples about a twelfth of a second apart (`motion.samples_per_second`)."""

    def __init__(self) -> None:
        self._period = 1 / thresholds().motion.samples_per_second
        self._since = 0.0
        self._way: Flow | None = None
        self._kept = array("d")

    def begin(self, seconds: float) -> None:
        self._since, self._way = seconds, None

    def add(self, seconds: float, flow: Flow, width: int) -> None:
        """flow: (2, C) the cells' way since the frame before, pixels; width of the picture: pixels."""
        self._way = flow if self._way is None else self._way + flow
        took = seconds - self._since
        if took < self._period - 1e-3:
            return
        self._kept.extend([seconds, _mean_length(self._way[None])[0] / width / max(took, 1e-3)])
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
        self._links = Links()
        self._bars = Bars()
        self._plate: Plates | None = None
        self._motion: Motion = np.zeros(4)
        self._key: Key | None = None

    def see_all(self, frames: Frames) -> None:
        """Look at the next frames."""
        greys = frames.grey
        self._seconds.extend(frame.seconds for frame in frames)
        if min(greys.shape[1:]) < SMALLEST_SIDE:
            self._steps.extend([0.0] * len(STEP_FIELDS) * len(frames))
            return
        self._size = (greys.shape[1], greys.shape[2])
        before = self._plate if frames.before is not None else None
        plates = plates_of(greys, self._bars, before)
        if before is None:
            self._begin(frames[0], plates)
        if len(plates) > 1:
            self._go_on(frames[len(frames) + 1 - len(plates) :], frames.flow_cells, plates)
        self._plate = plates.alone(len(plates) - 1)

    def track(self) -> Track:
        """What was kept so far."""
        return Track(
            self._size,
            np.array(self._seconds, np.float64),
            columns(self._steps, STEP_FIELDS),
            *self._links.kept(),
        )

    def _begin(self, frame: Frame, plates: Plates) -> None:
        self._steps.extend([0.0] * len(STEP_FIELDS))
        self._steps[-2] = float(plates.texture[0])
        self._key = _key(frame, plates, 0)
        self._links.begin(self._key)
        self.liveliness.begin(frame.seconds)

    def _go_on(self, frames: Sequence[Frame], flows: NDArray[np.float32], plates: Plates) -> None:
        """flows: (N, h, w, 2) of at least `frames`, which are the plates without the first."""
        count = len(frames)
        flow = plates.grid.flow(flows[len(flows) - count :])
        found, self._motion = fit_neighbours(plates.part(0, count), plates.part(1, count + 1), flow, self._motion)
        rows = np.column_stack(
            [
                found.motion, found.doubt, found.inliers, found.residual, found.matched, plates.texture[1:],
                _mean_length(found.flow),
            ]
        )  # fmt: skip
        self._steps.frombytes(rows.astype(np.float32).tobytes())
        matched = found.matched.tolist()
        for at, frame in enumerate(frames):
            self.liveliness.add(frame.seconds, found.flow[at], self._size[1])
            self._link(frame, plates, at + 1, found, matched[at])

    def _link(self, frame: Frame, plates: Plates, at: int, step: Fits, matched: float) -> None:
        """The frame is plate `at`; step at - 1 leads to it."""
        camera, key, earlier = thresholds().camera, self._key, frame.before
        if key is None or earlier is None:
            return
        if matched < camera.lost:
            # A cut, or more than can be followed: what was before it is closed, and a new start made here.
            if earlier.index - key.frame > 1:
                self._links.add(key, _key(earlier, plates, at - 1), closing=True)
            self._key = _key(frame, plates, at)
            self._links.begin(self._key)
            return
        key.since = after(key.since, step.motion[at - 1])
        moved = length(key.since, plates.grid)
        if moved < camera.step_length * self._size[1] and frame.seconds - key.seconds < camera.step_seconds:
            return
        self._key = _key(frame, plates, at)
        self._links.add(key, self._key, step.part(at - 1, at) if frame.index - key.frame == 1 else None)


def _key(frame: Frame, plates: Plates, at: int) -> Key:
    return Key(frame.index, frame.seconds, frame.coarse, plates.alone(at))


def _mean_length(flow: Flow) -> NDArray[np.float64]:
    """(N,) of (N, 2, C)."""
    squares = np.square(flow)
    return np.asarray(np.sqrt(squares[:, 0] + squares[:, 1]).mean(axis=1), np.float64)
