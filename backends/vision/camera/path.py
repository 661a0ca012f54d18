"""The camera's path through one shot, put together from short and long steps, and how unsteady it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.camera.track import Track
from backends.vision.thresholds import thresholds

Curve = NDArray[np.float64]
"""(n, 4) float64: the picture's shift to the right and down, growth, and turn clockwise, one of each frame, all as the
root mean square shift of the picture's points in frame widths, so that they can be compared."""


@dataclass(frozen=True)
class Path:
    """How the background went through the picture in one shot."""

    seconds: NDArray[np.float64]
    curve: Curve
    """Summed from the shot's first frame on."""
    radius: float
    """Root mean square distance of the picture's points from its middle, frame widths."""
    aspect: float
    """Height over width."""
    shake: float
    """Root mean square of the unsteady part of the motion, frame widths per frame."""
    unrest: NDArray[np.float64]
    """(4,) how far the curve strays from a smooth one."""
    known: float
    """Share of the frames whose motion could be followed, 0..1."""

    @property
    def shaken(self) -> bool:
        return self.shake >= thresholds().camera.handheld_shake


def path_of(track: Track, frames: slice) -> Path:
    """The path in those frames; at least one of them."""
    height, width = track.size
    radius = float(np.sqrt((width**2 + height**2) / 12)) / width
    seconds = track.seconds[frames]
    inside = range(frames.start + 1, frames.start + len(seconds))
    moved = np.stack([track.steps[name][frames.start + 1 : inside.stop] for name in ("tx", "ty", "a", "b")], 1)
    steps = _in_widths(moved.astype(np.float64), width, radius)
    good = track.steps["matched"][frames.start + 1 : inside.stop] >= thresholds().camera.lost
    _bridge(steps, ~good)
    _corrected(steps, track, frames.start, inside.stop, width, radius)
    curve = np.concatenate([np.zeros((1, 4)), np.cumsum(steps, axis=0)])
    curve = _without_holds(curve, seconds)
    camera = thresholds().camera
    even = _evenly(curve, seconds)
    strays = even - _smoothed(even, seconds, camera.shake_window)
    sways = even - _smoothed(even, seconds, camera.sway_window)
    unrest = np.minimum(camera.sway * _middle(strays), _middle(sways))
    return Path(
        seconds,
        curve,
        radius,
        height / width,
        _shake(np.diff(strays, axis=0)),
        unrest,
        float(good.mean()) if len(good) else 0.0,
    )


def _middle(strays: Curve) -> NDArray[np.float64]:
    """(4,) standard deviations, from medians: where a move begins or ends the curve strays without unrest."""
    return np.asarray(1.5 * np.median(np.abs(strays), axis=0))


def _in_widths(motions: NDArray[np.float64], width: int, radius: float) -> Curve:
    grown = 1 + motions[:, 2] + 1j * motions[:, 3]
    size = np.log(np.maximum(np.abs(grown), 1e-3)) * radius
    return np.stack([motions[:, 0] / width, motions[:, 1] / width, size, np.angle(grown) * radius], 1)


def _bridge(steps: Curve, lost: NDArray[np.bool_]) -> None:
    """Steps that could not be measured are taken from those about them."""
    if not lost.any() or lost.all():
        steps[lost] = 0
        return
    at = np.arange(len(steps))
    for column in steps.T:
        column[lost] = np.interp(at[lost], at[~lost], column[~lost])


def _corrected(steps: Curve, track: Track, first: int, end: int, width: int, radius: float) -> None:
    """Each longer step is right about the whole way; what the short ones miss of it is spread over them."""
    followed = track.links["inliers"] > thresholds().camera.least_inliers
    which = (track.ends[:, 0] >= first) & (track.ends[:, 1] < end) & followed
    motions = np.stack([track.links[name][which] for name in ("tx", "ty", "a", "b")], 1)
    ways = _in_widths(motions.astype(np.float64), width, radius)
    for start, stop, way in zip(*(track.ends[which] - first).T, ways, strict=True):
        steps[start:stop] += (way - steps[start:stop].sum(0)) / (stop - start)


def _without_holds(curve: Curve, seconds: NDArray[np.float64]) -> Curve:
    """Pictures that are shown for two or three frames (animation, pulldown) move in jerks that nobody sees as shake."""
    length = np.sqrt((np.diff(curve, axis=0) ** 2).sum(1))
    around = np.maximum(np.append(length[1:], 0), np.insert(length[:-1], 0, 0))
    wider = np.maximum(around, np.maximum(np.append(length[2:], [0, 0])[: len(length)], around))
    held = (length < 0.2 * wider) & (wider > 1e-3)
    shown = np.append(True, ~held)
    if held.mean() < 0.2 or shown.sum() < 3:
        return curve
    at = np.flatnonzero(shown)
    return np.stack([np.interp(seconds, seconds[at], column[at]) for column in curve.T], 1)


def _evenly(curve: Curve, seconds: NDArray[np.float64]) -> Curve:
    """The curve at even times, as smoothing needs it."""
    even = np.linspace(seconds[0], seconds[-1], len(seconds))
    return np.stack([np.interp(even, seconds, column) for column in curve.T], 1)


def _smoothed(curve: Curve, seconds: NDArray[np.float64], window: float) -> Curve:
    """Local straight lines (Savitzky-Golay of order 1, Hann weights) over `window` seconds."""
    from scipy.ndimage import convolve1d

    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1.0
    half = min(max(1, round(window / 2 / max(step, 1e-3))), max(1, (len(curve) - 1) // 2))
    weights = np.hanning(2 * half + 3)[1:-1]
    # Beyond the ends the curve is taken to go on as it began.
    before = 2 * curve[:1] - curve[half:0:-1]
    beyond = 2 * curve[-1:] - curve[-2 : -2 - half : -1]
    longer = np.concatenate([before, curve, beyond])
    smooth = convolve1d(longer, weights / weights.sum(), axis=0, mode="nearest")
    return np.asarray(smooth[len(before) : len(before) + len(curve)])


def _shake(steps: Curve) -> float:
    """Root mean square without the tenth of the steps that are largest: those are where a move begins or ends."""
    if not len(steps):
        return 0.0
    squares = np.sort((steps**2).sum(1))
    kept = squares[: max(1, round(0.9 * len(squares)))]
    return float(np.sqrt(kept.mean()))
