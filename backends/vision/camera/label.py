"""Names for the stretches of a path: pan, tilt, zoom, push, roll, tracking, static or handheld."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.path import Path
from backends.vision.camera.pieces import even_pieces
from backends.vision.camera.result import Move
from backends.vision.thresholds import thresholds

_AXES: tuple[Move, ...] = ("pan", "tilt", "zoom_or_push", "roll")
"""What a camera does that sends its picture along each axis of a curve."""
_WAYS = (("left", "right"), ("up", "down"), ("in", "out"), ("counter-clockwise", "clockwise"))
"""Where it goes, for a picture that moves to the right, down, grows, turns clockwise; and for the other way."""


_EASED_RATE = 0.1
"""The mean speed of an eased beginning or end, as a share of the move's."""


@dataclass(frozen=True)
class Stretch:
    """One move between two frames of a path (indices into it)."""

    first: int
    last: int
    move: Move
    direction: str
    sure: NDArray[np.float64]
    """(4,) how many times its way along each axis is what would be taken for none."""
    way: NDArray[np.float64]
    """(4,) how far it went, as in `Curve`."""
    also: str = ""

    def rate(self, path: Path) -> NDArray[np.float64]:
        """(4,) frame widths per second along each axis."""
        return self.way / max(float(path.seconds[self.last] - path.seconds[self.first]), 1e-3)

    def speed(self, path: Path) -> float:
        """In the measure of `CameraSegment.speed`."""
        if self.move not in _AXES:
            return 0.0
        axis = _AXES.index(self.move)
        way = float(self.rate(path)[axis])
        match axis:
            case 0:
                return abs(way)
            case 1:
                return abs(way) / path.aspect
            case 2:
                return float(abs(np.exp(way / path.radius) - 1))
        return abs(way) / path.radius / (2 * np.pi)


def stretches_of(path: Path) -> list[Stretch]:
    """The path's moves one after another, from its first frame to its last."""
    camera = thresholds().camera
    unrest = np.maximum(camera.unrest, path.unrest)
    # A hand sways to and fro: only what goes on for longer than that is meant.
    shortest = camera.shortest_shaken_piece if path.shaken else camera.shortest_piece
    pieces = even_pieces(path.seconds, path.curve, unrest, camera.piece_price, shortest)
    named = [_named(path, first, last, _way(path, first, last)) for first, last in pieces]
    return _joined(path, _eased(path, _eased(path, named)[::-1])[::-1])


def _eased(path: Path, named: list[Stretch]) -> list[Stretch]:
    """With the slow beginnings and ends of moves named like them, where they follow them."""
    found: list[Stretch] = []
    for one in named:
        before = found[-1] if found else one
        if one.move not in _AXES and before.move in _AXES:
            axis = _AXES.index(before.move)
            rate = one.rate(path)[axis] / before.rate(path)[axis]
            if one.sure[axis] >= thresholds().camera.easing and rate > _EASED_RATE:
                found.append(replace(one, move=before.move, direction=before.direction))
                continue
        found.append(one)
    return found


def _way(path: Path, first: int, last: int) -> NDArray[np.float64]:
    """(4,) how far the path goes between two frames; in a shaken one by a line of least squares."""
    if not path.shaken:
        return np.asarray(path.curve[last] - path.curve[first])
    t = path.seconds[first : last + 1] - path.seconds[first]
    part = path.curve[first : last + 1]
    centred = t - t.mean()
    across = float((centred**2).sum())
    return np.asarray(centred @ part / across * t[-1]) if across > 0 else np.zeros(4)


def _named(path: Path, first: int, last: int, way: NDArray[np.float64]) -> Stretch:
    camera = thresholds().camera
    took = max(float(path.seconds[last] - path.seconds[first]), 1e-3)
    floor = np.maximum(camera.shortest_way, camera.above_unrest * path.unrest)
    sure = np.minimum(np.abs(way) / took / camera.slowest, np.abs(way) / floor)
    if sure.max() < 1:
        return Stretch(first, last, "handheld" if path.shaken else "static", "", sure, way)
    return _moving(path, first, last, way, sure)


def _moving(path: Path, first: int, last: int, way: NDArray[np.float64], sure: NDArray[np.float64]) -> Stretch:
    """The strongest of the moves that are there at once, and the next strongest."""
    counts = np.where(sure >= 1, np.abs(way), 0.0)
    shift, turning = float(np.hypot(*counts[:2])), float(np.hypot(*counts[2:]))
    # Growing and turning leave one point where it is; when the frame shows it, the shift is only its distance.
    about_a_point = turning > 0 and shift * path.radius / turning <= thresholds().camera.fixed_point
    axes = (2, 3) if about_a_point else (0, 1)
    main = max(axes, key=lambda axis: float(counts[axis]))
    others = [axis for axis in range(4) if axis != main and (axis in axes or not about_a_point)]
    second = max(others, key=lambda axis: float(counts[axis]))
    also = ""
    if counts[second] > thresholds().camera.also_share * counts[main]:
        also = f"{_AXES[second]} {_towards(second, way)}"
    return Stretch(first, last, _AXES[main], _towards(main, way), sure, way, also)


def _towards(axis: int, way: NDArray[np.float64]) -> str:
    return _WAYS[axis][int(way[axis] < 0)]


def _joined(path: Path, named: list[Stretch]) -> list[Stretch]:
    """Neighbours of one kind as one; what is too short to be a move of its own goes to the longer neighbour."""
    found = _alike_joined(path, named)
    while len(found) > 1:
        lengths = [float(path.seconds[one.last] - path.seconds[one.first]) for one in found]
        at = int(np.argmin(lengths))
        if lengths[at] >= thresholds().camera.shortest_stretch:
            break
        sides = [index for index in (at - 1, at + 1) if 0 <= index < len(found)]
        into = max(sides, key=lambda index: lengths[index])
        low, high = sorted((at, into))
        whole = replace(
            found[into], first=found[low].first, last=found[high].last, way=found[low].way + found[high].way
        )
        found = _alike_joined(path, [*found[:low], whole, *found[high + 1 :]])
    return found


def _alike_joined(path: Path, named: list[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    for one in named:
        before = found[-1] if found else one
        if found and (before.move, before.direction) == (one.move, one.direction):
            whole = _named(path, before.first, one.last, before.way + one.way)
            if (whole.move, whole.direction) != (one.move, one.direction):
                whole = replace(before, last=one.last, way=whole.way)
            found[-1] = whole
        else:
            found.append(one)
    return found
