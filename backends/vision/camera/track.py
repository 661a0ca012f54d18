"""The camera's measure: how the background moves from frame to frame, and over longer steps where it is slow."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.depth import company_of, parallax_of
from backends.vision.camera.fit import Fits, fit_far, fit_neighbours
from backends.vision.camera.grid import SMALLEST_SIDE, Flow, Motion, length
from backends.vision.camera.plates import Bars, Plates, plates_of
from backends.vision.frame import Frame, Frames, flow_cell, flow_cells_between
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
    coarse: NDArray[np.uint8]
    """As `Frame.coarse`."""
    plate: Plates
    """N = 1."""
    since: Motion = field(default_factory=lambda: np.zeros(4))


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
        self._ends, self._depth_ends = array("q"), array("q")
        self._links, self._depths = array("f"), array("f")
        self._bars = Bars()
        self._plate: Plates | None = None
        self._motion: Motion = np.zeros(4)
        self._key: _Key | None = None
        self._far: _Key | None = None

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
            _columns(self._steps, STEP_FIELDS),
            np.array(self._ends, np.int64).reshape(-1, 2),
            _columns(self._links, LINK_FIELDS),
            np.array(self._depth_ends, np.int64).reshape(-1, 2),
            _columns(self._depths, DEPTH_FIELDS),
        )

    def _begin(self, frame: Frame, plates: Plates) -> None:
        self._steps.extend([0.0] * len(STEP_FIELDS))
        self._steps[-2] = float(plates.texture[0])
        self._key, self._far = _key(frame, plates, 0), _key(frame, plates, 0)
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
                before = plates.part(at - 1, at)
                self._close(key, earlier, before, fit_between(key, earlier, before))
            self._key, self._far = _key(frame, plates, at), _key(frame, plates, at)
            return
        key.since = after(key.since, step.motion[at - 1])
        moved = length(key.since, plates.grid)
        if moved < camera.step_length * self._size[1] and frame.seconds - key.seconds < camera.step_seconds:
            return
        plate = plates.part(at, at + 1)
        apart = frame.index - key.frame > 1
        found = fit_between(key, frame, plate) if apart else step.part(at - 1, at)
        self._close(key, frame, plate, found)
        self._key = _key(frame, plates, at)
        self._look_for_depth(frame, self._key.plate, found)

    def _close(self, key: _Key, frame: Frame, plate: Plates, found: Fits) -> None:
        seen = company_of(key.plate, plate, found)
        self._ends.extend([key.frame, frame.index])
        known = (float(found.doubt[0]), float(found.inliers[0]))
        self._links.extend([*found.motion[0].tolist(), *known, seen.put, seen.along, seen.astray])

    def _look_for_depth(self, frame: Frame, plate: Plates, found: Fits) -> None:
        """A push is told from a zoom over a step that is long enough for near things to outgrow far ones."""
        camera, far = thresholds().camera, self._far
        if far is None:
            return
        far.since = after(far.since, found.motion[0])
        grown = abs(float(far.since[2])) * plate.grid.radius
        shifted = float(np.hypot(far.since[0], far.since[1]))
        # The more the better; a slow push is looked at after a while all the same.
        enough = camera.depth_growth * (1 if frame.seconds - far.seconds > camera.depth_patience else 2)
        if grown >= enough * self._size[1]:
            self._depth_ends.extend([far.frame, frame.index])
            self._depths.append(parallax_of(far.plate, plate, fit_between(far, frame, plate)))
        elif frame.seconds - far.seconds < camera.depth_seconds and shifted < camera.depth_shift * self._size[1]:
            return
        self._far = _Key(frame.index, frame.seconds, frame.coarse, plate)


def _key(frame: Frame, plates: Plates, at: int) -> _Key:
    return _Key(frame.index, frame.seconds, frame.coarse, plates.alone(at))


def _mean_length(flow: Flow) -> NDArray[np.float64]:
    """(N,) of (N, 2, C)."""
    squares = np.square(flow)
    return np.asarray(np.sqrt(squares[:, 0] + squares[:, 1]).mean(axis=1), np.float64)


def _columns(kept: array[float], fields: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    return dict(zip(fields, np.array(kept, np.float32).reshape(-1, len(fields)).T, strict=True))


def fit_between(key: _Key, frame: Frame, plate: Plates) -> Fits:
    """The background's motion from a key frame to one that need not be its neighbour; N = 1."""
    flow = flow_cells_between(key.coarse, frame.coarse, flow_cell(plate.grid.size))
    return fit_far(key.plate, plate, plate.grid.flow(flow[None]), key.since)


def after(one: Motion, other: Motion) -> Motion:
    """One motion, then the other."""
    (tx, ty, a, b), (x, y, c, d) = one.tolist(), other.tolist()
    first, then = complex(a, b), complex(c, d)
    shift = (1 + then) * complex(tx, ty) + complex(x, y)
    turn = (1 + first) * (1 + then) - 1
    return np.array([shift.real, shift.imag, turn.real, turn.imag])
