"""What the camera does in each shot, measured while a film passes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from backends.media.probe import MediaInfo
from backends.vision.camera.label import Stretch, stretches_of
from backends.vision.camera.path import Path, path_of
from backends.vision.camera.result import CameraSegment, CameraWork, Move
from backends.vision.camera.track import CameraTrack, Track
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import Frame, Frames
from backends.vision.thresholds import thresholds

_FLAT = "nothing shows depth: a zoom, or a push towards something flat"
_LONGEST_PART = 20_000
"""Frames of a shot that are looked at as one."""
_TRAVELS = "parallax: the camera travels"


class CameraSink:
    """Names each shot's camera move and its stretches from the motion of the background."""

    def __init__(self, info: MediaInfo) -> None:
        """info: of the film; times are taken from the frames themselves."""
        self._track = CameraTrack()

    def see(self, frame: Frame) -> None:
        self.see_all(Frames([frame]))

    def see_all(self, frames: Frames) -> None:
        self._track.see_all(frames)

    def report(self, shots: Sequence[ShotSpan]) -> list[CameraWork]:
        """One result per shot, in order."""
        track = self._track.track()
        return [_work(track, shot) for shot in shots]

    def liveliness(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(N,) seconds and (N,) mean length of the motion, frame widths per second, about twelve a second."""
        return self._track.liveliness.samples()


def _work(track: Track, shot: ShotSpan) -> CameraWork:
    count = len(track.seconds)
    frames = slice(min(shot.clean.start, count), min(shot.clean.stop, count))
    why = _why_unknown(track, frames)
    if why:
        return CameraWork(start=shot.start, end=shot.end, move="unknown", speed=0.0, confidence=0.0, reason=why)
    segments: list[CameraSegment] = []
    reasons: list[str] = []
    squares = 0.0
    for part in _parts(frames):
        path = path_of(track, part)
        found, doubts = _with_depth(track, part, path)
        segments.extend(found)
        reasons.extend(doubts)
        squares += path.shake**2 * (part.stop - part.start)
    after = float(track.seconds[frames.stop]) if frames.stop < count else shot.end
    segments[-1] = segments[-1].model_copy(update={"end": max(segments[-1].end, min(after, shot.end))})
    flow = track.steps["flow"][frames.start + 1 : frames.stop]
    took = float(track.seconds[frames.stop - 1] - track.seconds[frames.start])
    return _summed_up(segments).model_copy(
        update={
            "shake": float(np.sqrt(squares / (frames.stop - frames.start))),
            "motion": float(flow.sum()) / track.size[1] / max(took, 1e-3),
            "segments": tuple(segments),
            "reason": "; ".join(dict.fromkeys(reasons)),
        }
    )


def _parts(frames: slice) -> list[slice]:
    """A shot in parts that are looked at one after another, so that an endless one takes no endless memory."""
    count = max(1, round((frames.stop - frames.start) / _LONGEST_PART))
    edges = np.linspace(frames.start, frames.stop - 1, count + 1).astype(int)
    return [slice(int(one), int(other) + 1) for one, other in pairwise(edges)]


def _why_unknown(track: Track, frames: slice) -> str:
    camera = thresholds().camera
    if min(track.size) == 0:
        return "the picture is too small"
    count = frames.stop - frames.start
    if count < 3 or track.seconds[frames.stop - 1] - track.seconds[frames.start] < camera.shortest_shot:
        return "the shot is too short"
    inside = slice(frames.start + 1, frames.stop)
    plain = track.steps["texture"][inside] < camera.least_texture
    if float(np.mean(plain)) > 1 - camera.least_known:
        return "the picture has too little texture to show motion"
    if float(np.mean((track.steps["matched"][inside] >= camera.lost) | plain)) < camera.least_known:
        return "too much changes from frame to frame to be followed"
    if float(np.median(track.steps["inliers"][inside])) < camera.least_inliers:
        return "no motion is common to much of the picture"
    return ""


def _segment(track: Track, path: Path, offset: int, one: Stretch) -> CameraSegment:
    inside = slice(offset + one.first + 1, offset + one.last + 1)
    together = float(np.mean(track.steps["inliers"][inside]))
    above = float(one.sure.max())
    sure = 1 - min(1.0, above) / 2 if one.move in ("static", "handheld") else 1 - 0.5 / max(above, 1.0)
    return CameraSegment(
        start=float(path.seconds[one.first]),
        end=float(path.seconds[one.last]),
        move=one.move,
        direction=one.direction,
        speed=one.speed(path),
        also=one.also,
        confidence=float(np.clip(sure * min(1.0, 0.4 + together) * path.known, 0, 1)),
    )


def _with_depth(track: Track, frames: slice, path: Path) -> tuple[list[CameraSegment], list[str]]:
    """The path's stretches as push or zoom, pan or tracking; and what is doubtful."""
    found = stretches_of(path)
    seen = [_depth(track, frames.start + one.first, frames.start + one.last, one) for one in found]
    deep = "push" in seen or _TRAVELS in seen
    reasons, named = [], []
    for one, depth in zip(found, seen, strict=True):
        segment = _segment(track, path, frames.start, one)
        move: Move = segment.move
        if depth == "push":
            move = "push"
        elif depth == "tracking":
            move = "tracking"
        elif move == "zoom_or_push" and deep:
            # What shows depth when the camera travels would show it in a push.
            move = "zoom"
        elif move == "zoom_or_push":
            reasons.append(_FLAT)
        if depth == _TRAVELS:
            reasons.append(_TRAVELS)
        named.append(segment.model_copy(update={"move": move}))
    return named, reasons


def _depth(track: Track, first: int, last: int, one: Stretch) -> str:
    """'push', 'tracking', that the camera travels, or nothing."""
    camera = thresholds().camera
    if one.move == "zoom_or_push":
        which = (track.depth_ends[:, 0] >= first - 1) & (track.depth_ends[:, 1] <= last + 1)
        # Half a look without any is counted in: one that shows a little must not decide alone.
        if float(track.depths["parallax"][which].sum()) / (np.count_nonzero(which) + 0.5) >= camera.parallax:
            return "push"
    if one.move in ("pan", "tilt"):
        which = (track.ends[:, 0] >= first - 1) & (track.ends[:, 1] <= last + 1)
        if which.any():
            put, along, astray = (track.links[name][which] for name in ("put", "along", "astray"))
            if float(np.median(put)) >= camera.subject:
                return "tracking"
            if float(np.median(along)) > camera.travel and along.mean() > 0.5 * astray.mean():
                return _TRAVELS
    return ""


def _summed_up(segments: list[CameraSegment]) -> CameraWork:
    """The longest move, when it takes most of the time; else 'mixed'."""
    start, end = segments[0].start, segments[-1].end
    took: dict[tuple[Move, str], float] = {}
    for one in segments:
        took[one.move, one.direction] = took.get((one.move, one.direction), 0.0) + one.end - one.start
    move, direction = max(took, key=lambda key: took[key])
    like = [one for one in segments if (one.move, one.direction) == (move, direction)]
    weights = np.array([max(one.end - one.start, 1e-3) for one in like])
    confidence = float(np.average([one.confidence for one in like], weights=weights))
    if took[move, direction] < thresholds().camera.main_share * max(end - start, 1e-3):
        lengths = [max(one.end - one.start, 1e-3) for one in segments]
        confidence = float(np.average([one.confidence for one in segments], weights=lengths))
        return CameraWork(start=start, end=end, move="mixed", speed=0.0, confidence=confidence)
    speed = float(np.average([one.speed for one in like], weights=weights))
    also = max(like, key=lambda one: one.end - one.start).also
    return CameraWork(
        start=start, end=end, move=move, direction=direction, speed=speed, also=also, confidence=confidence
    )
