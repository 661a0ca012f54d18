"""Straight lines of a picture, and the point where leading lines meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.composition.view import View

F64 = NDArray[np.float64]
_CANNY = (50, 140)
_VOTES = 30
_TURN = np.radians(1.5)
"""Between directions that are voted for; a segment's own ends tell its direction."""
_SHORTEST = 0.085
"""Of the longer side: less is texture."""
_GAP = 3
_MOST = 36
"""Longest segments that are looked at; meeting points are tried for all their pairs."""
_LOOKED_AT, _APART = 80, 4.0
"""Longest segments before doubles are taken out, and pixels within which two are one."""
_FULL = 4.0
"""Lengths of the diagonal that all segments together have in a picture called full of lines."""
_LEVEL_DEG = 8.0
"""Lines this near to level or upright lead nowhere: they are horizons, walls and door frames."""
_APART_DEG = 12.0
"""Lines nearer in direction than this meet at a place that cannot be told."""
_AIM_DEG = 2.0
"""A line leads to a point when it misses it by at most this."""
_REACH = 0.25
"""How far outside of the picture, in shares of it, a vanishing point is looked for."""
_FEWEST, _SECTOR_DEG, _SECTORS, _AGREED = 4, 20.0, 3, 0.55
"""A vanishing point needs this many lines, in that many sectors of directions, with this share of the length of all
leading lines: lines that merely cross share less."""


@dataclass(frozen=True)
class Lines:
    strength: float
    """0 none to 1 full of long straight lines: their length over four diagonals."""
    vanishing: tuple[float, float] | None
    """Shares of the active picture; None when fewer than four lines agree on a point."""


def lines_of(view: View) -> Lines:
    """Segments by Canny edges and the progressive probabilistic Hough transform (Matas et al. 2000), and their meeting
    point by consensus over all pairs (RANSAC, Fischler & Bolles 1981, without its chance), refined by least squares.
    """
    found = _without_doubles(_segments(view))
    height, width = view.grey.shape
    if not len(found):
        return Lines(0.0, None)
    lengths = np.hypot(found[:, 2] - found[:, 0], found[:, 3] - found[:, 1])
    strength = min(1.0, float(lengths.sum()) / (_FULL * float(np.hypot(width, height))))
    point = _meeting(found, width, height)
    return Lines(strength, (point[0] / width, point[1] / height) if point is not None else None)


def _segments(view: View) -> F64:
    """(N, 4) x0, y0, x1, y1 in pixels, longest first."""
    import cv2

    edges = cv2.Canny(cv2.GaussianBlur(view.grey, (0, 0), 1.0), *_CANNY)
    shortest = _SHORTEST * max(view.grey.shape)
    votes = max(8, round(_VOTES * max(view.grey.shape) / 320))
    found = cv2.HoughLinesP(edges, 1, _TURN, votes, minLineLength=shortest, maxLineGap=_GAP)
    if found is None:
        return np.zeros((0, 4))
    segments = np.asarray(found, np.float64).reshape(-1, 4)
    lengths = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    return np.asarray(segments[np.argsort(-lengths, kind="stable")])


def _without_doubles(segments: F64) -> F64:
    """The longest ones; both edges of a thin line, and an edge found twice, count once."""
    segments = segments[:_LOOKED_AT]
    same = _same(segments)
    kept: list[int] = []
    doubles = np.zeros(len(segments), bool)
    for at in range(len(segments)):
        if not doubles[at]:
            kept.append(at)
            if len(kept) == _MOST:
                break
            doubles |= same[:, at]
    return segments[kept]


def _same(segments: F64) -> NDArray[np.bool_]:
    """(N, N): whether the first segment lies on the second."""
    along = segments[:, 2:] - segments[:, :2]
    length = np.hypot(along[:, 0], along[:, 1])
    along = along / length[:, None]
    x, y = (segments[:, at::2].T[..., None] - segments[:, at] for at in (0, 1))  # (2, N, N): ends from each one's first
    beside = np.abs(y * along[:, 0] - x * along[:, 1])
    place = (x * along[:, 0] + y * along[:, 1]) / length
    near = np.maximum(beside[0], beside[1]) < _APART
    return np.asarray(near & (np.maximum(place[0], place[1]) > -0.1) & (np.minimum(place[0], place[1]) < 1.1))


def _meeting(segments: F64, width: int, height: int) -> F64 | None:
    """(2,) pixels."""
    along = segments[:, 2:] - segments[:, :2]
    lengths = np.hypot(along[:, 0], along[:, 1])
    along = along / lengths[:, None]
    angles = np.degrees(np.arctan2(along[:, 1], along[:, 0])) % 180
    leading = (np.minimum(angles, 180 - angles) > _LEVEL_DEG) & (np.abs(angles - 90) > _LEVEL_DEG)
    if np.count_nonzero(leading) < _FEWEST or len(np.unique(angles[leading] // _SECTOR_DEG)) < _SECTORS:
        return None
    normals = np.stack([-along[:, 1], along[:, 0]], axis=1)
    offsets = (normals * segments[:, :2]).sum(axis=1)
    points = _crossings(normals, offsets, leading, width, height)
    if not len(points):
        return None
    agree = _agreeing(points, segments, normals, lengths) & leading
    weight = np.minimum(lengths, 0.4 * max(width, height))  # one long edge must not outvote all others
    best = agree[int(np.argmax(agree @ weight))]
    sectors = len(np.unique(angles[best] // _SECTOR_DEG))
    agreed = float(lengths[best].sum() / max(float(lengths[leading].sum()), 1e-9))
    if best.sum() < _FEWEST or sectors < _SECTORS or agreed < _AGREED:
        return None
    root = np.sqrt(lengths[best])
    return np.asarray(np.linalg.lstsq(normals[best] * root[:, None], offsets[best] * root, rcond=None)[0])


def _crossings(normals: F64, offsets: F64, leading: NDArray[np.bool_], width: int, height: int) -> F64:
    """(P, 2) pixels: where pairs of leading lines of clearly different direction cross, in or near the picture."""
    one, other = np.triu_indices(len(normals), 1)
    turn = normals[one, 0] * normals[other, 1] - normals[one, 1] * normals[other, 0]
    fit = (np.abs(turn) > np.sin(np.radians(_APART_DEG))) & leading[one] & leading[other]
    one, other, turn = one[fit], other[fit], turn[fit]
    x = (offsets[one] * normals[other, 1] - offsets[other] * normals[one, 1]) / turn
    y = (normals[one, 0] * offsets[other] - normals[other, 0] * offsets[one]) / turn
    near = (x > -_REACH * width) & (x < (1 + _REACH) * width) & (y > -_REACH * height) & (y < (1 + _REACH) * height)
    return np.stack([x[near], y[near]], axis=1)


def _agreeing(points: F64, segments: F64, normals: F64, lengths: F64) -> NDArray[np.bool_]:
    """(P, N): which segments aim at which point, and end before it rather than run through it."""
    middles = (segments[:, :2] + segments[:, 2:]) / 2
    x, y = (points[:, None, at] - middles[:, at] for at in (0, 1))
    distance = np.maximum(np.sqrt(x * x + y * y), 1e-6)
    miss = np.abs(x * normals[:, 0] + y * normals[:, 1])
    return np.asarray((miss < np.sin(np.radians(_AIM_DEG)) * distance) & (distance > 0.45 * lengths))
