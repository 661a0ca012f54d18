"""How much moves and sounds, over time, and where a film is liveliest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.media.audio import sound_levels
from backends.media.probe import MediaInfo, probe
from backends.vision.camera.sink import CameraSink
from backends.vision.frame import Frame, flow_between
from backends.vision.shots import CutSink
from backends.vision.thresholds import thresholds
from backends.vision.watch import watch
from configs.errors import UsageError

_STEP_SECONDS = 0.1
"""Distance of the windows that are compared."""
_ROUNDING = 1e-6


@dataclass(frozen=True)
class MotionCurve:
    """Motion over time: `seconds` (N,) of each sample and `energy` (N,) in picture widths per second."""

    seconds: NDArray[np.float64]
    energy: NDArray[np.float64]

    @property
    def mean(self) -> float:
        return float(self.energy.mean()) if len(self.energy) else 0.0

    def mean_between(self, start: float, end: float) -> float:
        """Mean energy of the samples between two times in seconds; 0 when there are none."""
        inside = (self.seconds >= start) & (self.seconds < end)
        return float(self.energy[inside].mean()) if inside.any() else 0.0


class MotionSink:
    """Mean length of the optical flow between frames about a twelfth of a second apart."""

    def __init__(self, camera: CameraSink | None = None) -> None:
        """camera: of the same pass; then its motion is taken and no flow is worked out a second time."""
        self._camera = camera
        self._period = 1 / thresholds().motion.samples_per_second
        self._last: Frame | None = None
        self._seconds: list[float] = []
        self._energy: list[float] = []

    def see(self, frame: Frame) -> None:
        if self._camera is not None:
            return
        last = self._last
        if last is not None and frame.seconds - last.seconds < self._period - 1e-3:
            return
        if last is not None:
            # Not `frame.flow`: between neighbouring frames a slow move is too small to be measured well.
            flow = flow_between(last.grey, frame.grey)
            length = float(np.hypot(flow[..., 0], flow[..., 1]).mean())
            self._seconds.append(frame.seconds)
            self._energy.append(length / frame.grey.shape[1] / max(frame.seconds - last.seconds, 1e-3))
        self._last = frame

    def curve(self, cuts: Sequence[float] = ()) -> MotionCurve:
        """The curve; a sample across one of the `cuts` (seconds) says nothing of motion: its sides fill it."""
        seconds, energy = np.asarray(self._seconds), np.asarray(self._energy)
        if self._camera is not None:
            seconds, energy = self._camera.liveliness()
        jumps = np.zeros(len(seconds), bool)
        for cut in cuts:
            jumps |= (seconds >= cut - 1e-3) & (seconds < cut + self._period + 1e-3)
        if jumps.any() and not jumps.all():
            energy = energy.copy()
            energy[jumps] = np.interp(seconds[jumps], seconds[~jumps], energy[~jumps])
        return MotionCurve(seconds, energy)


def liveliness(curve: MotionCurve, levels: NDArray[np.float64] | None, duration: float) -> NDArray[np.float64]:
    """Motion and sound together every 0.1 s, 0..1: the mean of both, each relative to this film's own peak.

    levels: RMS of the sound every 0.1 s in dBFS, or None without sound.
    """
    grid = np.arange(max(1, round(duration / _STEP_SECONDS))) * _STEP_SECONDS
    moving = np.interp(grid + _STEP_SECONDS / 2, curve.seconds, curve.energy) if len(curve.seconds) else grid * 0
    parts = [moving / peak] if (peak := float(np.percentile(moving, 95))) > 1e-6 else []
    floor = thresholds().motion.silence_db
    if levels is not None and len(levels) and levels.max() > floor:
        loud = np.interp(grid, np.arange(len(levels)) * _STEP_SECONDS, np.clip(levels - floor, 0, None))
        parts.append(loud / loud.max())
    lively = np.asarray(np.clip(np.mean(parts, axis=0), 0, 1) if parts else grid * 0, np.float64)
    return lively


def liveliest_window(
    lively: NDArray[np.float64], seconds: float, duration: float, cuts: Sequence[float] = ()
) -> tuple[float, float]:
    """(start, end) in seconds of the liveliest window of that length; the whole film when it is not longer.

    A window inside one shot wins over a livelier one across a cut, unless it is far less lively
    (`motion.inside_shot_share`). Of equals the earliest.
    """
    if seconds <= 0:
        raise UsageError("The length of a window must be more than 0 s")
    if seconds >= duration:
        return 0.0, duration
    edges = [0.0, *(cut for cut in sorted(cuts) if 0 < cut < duration), duration]
    shots = [(first, last) for first, last in pairwise(edges) if last - first >= seconds - _ROUNDING]
    # The grid alone would miss the only place where a window fits a shot of just its length.
    starts = np.arange(0, duration - seconds, _STEP_SECONDS)
    starts = np.unique([*starts, duration - seconds, *(first for first, _ in shots)])
    summed = np.concatenate([[0.0], np.cumsum(lively)]) * _STEP_SECONDS
    grid = np.arange(len(summed)) * _STEP_SECONDS
    means = (np.interp(starts + seconds, grid, summed) - np.interp(starts, grid, summed)) / seconds
    inside = np.zeros(len(starts), bool)
    for first, last in shots:
        inside |= (starts >= first - _ROUNDING) & (starts + seconds <= last + _ROUNDING)
    means = np.round(means, 6)
    best = int(np.argmax(means))
    if inside.any():
        within = int(np.argmax(np.where(inside, means, -1.0)))
        if means[within] >= thresholds().motion.inside_shot_share * means[best]:
            best = within
    return float(starts[best]), float(starts[best]) + seconds


def liveliest_span(
    path: Path, seconds: float, *, cancel: Callable[[], None] | None = None, sensitivity: float = 0.5
) -> tuple[float, float]:
    """(start, end) of the film's liveliest `seconds`: highest mean of motion and sound, best inside one shot.

    Raises UsageError when the file is not a film.
    """
    info = probe(path)
    cuts, motion = CutSink(info, sensitivity), MotionSink()
    watch(path, [cuts, motion], info=info, cancel=cancel)
    shots = cuts.shots()
    borders = [shot.start for shot in shots[1:]]
    duration = shots[-1].end if shots else info.seconds
    return liveliest_window(
        liveliness(motion.curve(borders), film_levels(path, info), duration), seconds, duration, borders
    )


def film_levels(path: Path, info: MediaInfo) -> NDArray[np.float64] | None:
    """RMS of the film's sound every 0.1 s, dBFS; None without sound."""
    return sound_levels(path, _STEP_SECONDS) if info.has_audio else None
