"""Where a face is over time: found again and again, and joined to a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.editing.moments import Box

if TYPE_CHECKING:
    from backends.vision.composition.figures import FigureFinder
    from memory.records import Asset
    from tools.spec import ToolContext

LOOKS_PER_SECOND = 5.0
"""Faces are looked for this often; between two looks they move along a line."""
MOST_LOOKS = 400
STRAIGHT = 0.004
"""Keys that lie this near to the line between their neighbours are left out, shares of the frame."""


@dataclass(frozen=True)
class Track:
    """A face's path: (seconds of the film, x0, y0, x1, y1 as shares of the picture), in order of time."""

    keys: tuple[tuple[float, float, float, float, float], ...]
    found: int
    """In how many of the looks."""
    looks: int

    @property
    def box(self) -> Box:
        """Its usual size, around the middle of its path."""
        middle = np.median(np.array([key[1:] for key in self.keys]), axis=0)
        return float(middle[0]), float(middle[1]), float(middle[2]), float(middle[3])


def face_track(film: Asset, start: float, end: float, near: Box | None, ctx: ToolContext) -> Track | None:
    """The path of one face between two times of a film: the one at `near`, else the largest; None when none is found.

    Raises Cancelled when stopped.
    """
    from tools.analysis.characters import finder_for

    finder, _ = finder_for(film, ctx)
    looks = _looks(film, start, end, finder, ctx)
    return path_of(looks, near)


def path_of(looks: Sequence[tuple[float, Sequence[Box]]], near: Box | None) -> Track | None:
    """Joins what each look (seconds, faces) found to the path of one face, smoothed and thinned."""
    times, boxes = [], []
    seeds = [(_area(box), n, box) for n, (_, faces) in enumerate(looks) for box in faces]
    if near is not None:
        seeds = [(-_apart(box, near), n, box) for _, n, box in seeds if _apart(box, near) < 2.0]
    if not seeds:
        return None
    _, first, box = max(seeds)
    for step in (range(first, len(looks)), range(first - 1, -1, -1)):
        last, seen = box, looks[first][0]
        for n in step:
            at, faces = looks[n]
            same = [one for one in faces if _apart(one, last) < 1.0 + 2.0 * abs(at - seen)]
            if same:
                last, seen = min(same, key=lambda one: _apart(one, last)), at
                times.append(at)
                boxes.append(last)
    order = np.argsort(times)
    moments, path = np.array(times)[order], _smoothed(np.array(boxes)[order])
    rows = [(float(moments[n]), *(float(value) for value in path[n])) for n in _corners(moments, path)]
    return Track(tuple((row[0], row[1], row[2], row[3], row[4]) for row in rows), len(times), len(looks))


def _looks(
    film: Asset, start: float, end: float, finder: FigureFinder, ctx: ToolContext
) -> list[tuple[float, list[Box]]]:
    from backends.media.frames import read_frames

    step = max(1 / LOOKS_PER_SECOND, (end - start) / MOST_LOOKS)
    found: list[tuple[float, list[Box]]] = []
    due = start
    for at, rgb in read_frames(ctx.path(film), start=max(0.0, start - 0.02)):
        if at >= end - 0.02:
            break  # the next shot's first frame is another face
        if at < due - 1e-3:
            continue
        ctx.cancel.check()
        ctx.progress(at - start, max(end - start, 1e-3), "following a face")
        faces = [one for one in finder.find(rgb, at) if one.kind == "face"]
        found.append((at, [one.box for one in faces]))
        due = at + step
    return found


def _smoothed(
    path: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Each value as the mean of three looks: finders jump by some pixels on a still head."""
    if len(path) < 3:
        return path
    padded = np.concatenate((path[:1], path, path[-1:]))
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3, np.float64)


def _corners(times: NDArray[np.float64], path: NDArray[np.float64]) -> list[int]:
    """Of a path, the keys that it cannot do without (Douglas and Peucker 1973, in time)."""
    kept, open_spans = {0, len(times) - 1}, [(0, len(times) - 1)]
    while open_spans:
        first, last = open_spans.pop()
        if last - first < 2:
            continue
        share = (times[first + 1 : last] - times[first]) / max(times[last] - times[first], 1e-9)
        line = path[first] + share[:, None] * (path[last] - path[first])
        away = np.abs(path[first + 1 : last] - line).max(axis=1)
        worst = int(away.argmax())
        if away[worst] > STRAIGHT:
            middle = first + 1 + worst
            kept.add(middle)
            open_spans += [(first, middle), (middle, last)]
    return sorted(kept)


def _apart(one: Box, other: Box) -> float:
    """Distance of two boxes' middles, in the size of the larger."""
    size = max(one[2] - one[0], other[2] - other[0], 1e-6), max(one[3] - one[1], other[3] - other[1], 1e-6)
    return max(abs(one[n] + one[n + 2] - other[n] - other[n + 2]) / 2 / size[n] for n in (0, 1))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
