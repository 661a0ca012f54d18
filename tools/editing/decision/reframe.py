"""Another shape for the picture: where the crop goes so that it follows the subject without trembling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.editing.arrangement import Part
from tools.editing.decision.closer import RATE, Closer
from tools.editing.decision.facts import Facts

SMOOTH_S = 0.7
"""Standard deviation of the Gaussian that the way is smoothed with, seconds."""
FASTEST = 0.25
"""Widths of the picture per second that the crop moves at most."""
QUIET = 0.05
"""A subject that stays within this of one place keeps the crop still."""
STEPS = 49
"""Places that the crop may take from one end of the picture to the other."""
MOVING = 4.0
"""What the crop gives for moving by one whole picture, in samples of seeing all that draws the eye instead of nothing:
it stays with one of two people, and does not swing between them."""


def follow(part: Part, facts: Facts, crop: tuple[float, float] = (1.0, 1.0)) -> list[tuple[float, float, float]]:
    """(seconds inside the part, x, y): where the crop's centre should be, shares of the picture.

    Each shot has a way of its own, so that the crop jumps where the picture does. A shot whose subject stays nearly in
    place has one place. Without a closer look the shot's measured subject stands still.
    crop: width and height that are kept, shares of the picture.
    """
    made: list[tuple[float, float, float]] = []
    for shot in facts.record.shots:
        begin, end = max(shot.start, float(part.begin)), min(shot.end, float(part.end))
        if end - begin < 1e-3:
            continue
        if facts.closer is None:
            x, y = shot.composition.subject if shot.composition is not None else (0.5, 0.5)
            times, way = np.array([begin]), np.array([[x, y]])
        else:
            times, way = smoothed(facts.closer, begin, end, crop)
        for at, (x, y) in zip(times, way, strict=True):
            inside = (float(part.end) - at if part.backwards else at - float(part.begin)) / float(part.speed)
            made.append((round(max(0.0, inside), 4), round(float(x), 4), round(float(y), 4)))
        # The way holds up to the cut, and does not slide over it.
        last = (float(part.end) - end if part.backwards else end - float(part.begin)) / float(part.speed)
        made.append((round(max(0.0, last - 1e-3), 4), made[-1][1], made[-1][2]))
    made.sort(key=lambda key: key[0])
    return thinned(made)


def smoothed(
    closer: Closer, begin: float, end: float, crop: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times and places of the crop from `begin` to `end`: where it shows most of what draws the eye, calmly."""
    from scipy.ndimage import gaussian_filter1d

    first, last = max(0, round(begin * RATE)), max(1, round(end * RATE))
    across, down = closer.columns[first:last], closer.rows[first:last]
    if not len(across):
        return np.array([begin]), np.array([closer.subject_at((begin + end) / 2)])
    raw = np.stack([calmest(across, crop[0]), calmest(down, crop[1])], axis=1)
    middle = np.median(raw, axis=0)
    if np.abs(raw - middle).max() <= QUIET:
        return np.array([begin]), middle[None]
    way = np.asarray(gaussian_filter1d(raw, SMOOTH_S * RATE, axis=0, mode="nearest"), np.float64)
    return (first + np.arange(len(raw))) / RATE, _no_faster(way, FASTEST / RATE)


def calmest(drawn: NDArray[np.float64], crop: float) -> NDArray[np.float64]:
    """(N,) centres of a crop of this share that together show the most of what draws the eye and move the least.

    The best of all ways by dynamic programming, as in Viterbi's algorithm. A crop shows what lies at its edges by half
    only, so that it neither cuts somebody in two nor shows the gap between two people. drawn: (N, cells), sums 1.
    """
    count, cells = drawn.shape
    if crop >= 1:
        return np.full(count, 0.5)
    centres = np.linspace(crop / 2, 1 - crop / 2, STEPS)
    off = np.abs((np.arange(cells) + 0.5) / cells - centres[:, None]) / crop
    seen = drawn @ np.where(off < 0.5, np.cos(np.pi * off), 0.0).T
    price = MOVING * np.abs(centres[:, None] - centres)
    best, came = seen[0], np.zeros((count, STEPS), np.intp)
    for at in range(1, count):
        ways = best - price
        came[at] = ways.argmax(axis=1)
        best = ways.max(axis=1) + seen[at]
    way = [int(best.argmax())]
    for at in range(count - 1, 0, -1):
        way.append(int(came[at, way[-1]]))
    return np.asarray(centres[way[::-1]], np.float64)


def _no_faster(way: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """The way with steps of at most `most`, run from both ends and averaged, so that it neither lags nor hurries."""

    def limited(points: NDArray[np.float64]) -> NDArray[np.float64]:
        made = points.copy()
        for at in range(1, len(made)):
            step = points[at] - made[at - 1]
            made[at] = made[at - 1] + np.clip(step, -most, most)
        return made

    return np.asarray((limited(way) + limited(way[::-1])[::-1]) / 2, np.float64)


def thinned(keys: Sequence[tuple[float, float, float]], off: float = 0.004) -> list[tuple[float, float, float]]:
    """Without the keys that lie on the straight line between their neighbours, to `off` of the picture."""
    if len(keys) <= 2:
        return list(keys)
    kept = [keys[0]]
    for at in range(1, len(keys) - 1):
        (t0, x0, y0), (t1, x1, y1), (t2, x2, y2) = kept[-1], keys[at], keys[at + 1]
        share = (t1 - t0) / max(t2 - t0, 1e-9)
        if abs(x0 + share * (x2 - x0) - x1) > off or abs(y0 + share * (y2 - y0) - y1) > off:
            kept.append(keys[at])
    return [*kept, keys[-1]]
