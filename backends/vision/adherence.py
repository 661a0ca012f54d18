"""How far a finished picture follows the control map that steered it.

Edges and depth outlines are compared by the tolerant matching of contour benchmarks (Martin, Fowlkes and Malik, PAMI
2004), only with edges of the same direction, and corrected for chance: a busy picture has an edge near every point.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backends.image.control import normals
from backends.image.control.openpose import COLORS
from backends.image.engine import ControlMap

TOLERANCE = 0.01
"""How far an edge may lie from its place, as a share of the picture's width."""
EDGES_PER_LINE, EDGES_PER_OUTLINE = 1.5, 4.0
"""So many times the map's edge pixels are looked for, the strongest ones: a picture has texture besides its outlines,
and colours that a depth map knows nothing of."""
DIRECTIONS = 8
"""Bins of an edge's direction; neighbouring ones match too."""
JOINT_REACH = 0.08
"""A joint as far from its place as this share of its figure's length counts e^-1."""
LINES = 0.0005
"""A map with a smaller share of edge pixels cannot be measured against."""

Lines = NDArray[np.bool_]


class MapModels(Protocol):
    """What looks at a finished picture: `backends.image.control.models.MapModels`; None where it cannot."""

    def depth(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """(H, W) inverse depth, larger = nearer, of (H, W, 3) uint8 RGB; None when there is no depth model."""

    def joints(self, rgb: NDArray[np.uint8]) -> list[NDArray[np.float32]] | None:
        """Per person (18, 3): x px, y px, confidence; None when there is no pose model."""


def adherence(control: ControlMap, rgb: NDArray[np.uint8], models: MapModels | None = None) -> float | None:
    """0 (no more than chance) to 1 (follows it) for a picture (H, W, 3) uint8 RGB of the map's size.

    None: not measured, because there is no model for that kind, or the map has nothing to compare. Depth without a
    model is measured by its outlines.
    Raises ValueError for another size.
    """
    if control.image.shape != rgb.shape:
        raise ValueError(f"a map of {control.image.shape[:2]} cannot be compared with a picture of {rgb.shape[:2]}")
    match control.kind:
        case "canny":
            return _edge_agreement(control.image.max(axis=2) > 127, rgb)
        case "depth":
            found = models.depth(rgb) if models is not None else None
            wanted = control.image[..., 0].astype(np.float32)
            return _outline_agreement(control.image[..., 0], rgb) if found is None else _rank_agreement(wanted, found)
        case "pose":
            people = models.joints(rgb) if models is not None else None
            return None if people is None else _joint_agreement(control.image, people)
        case "normal":
            found = models.depth(rgb) if models is not None else None
            return None if found is None else _normal_agreement(control.image, normals.from_nearness(found))
    return None


def _edge_agreement(wanted: Lines, rgb: NDArray[np.uint8]) -> float | None:
    """F-measure of wanted and found edges, each above what chance would give."""
    if wanted.mean() < LINES:
        return None
    found = _strongest_edges(rgb, float(wanted.mean()) * EDGES_PER_LINE)
    recall, precision = _covered(wanted, found), _covered(found, wanted)
    return 0.0 if recall + precision == 0 else float(2 * recall * precision / (recall + precision))


def _outline_agreement(depth: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> float | None:
    """How many of the map's jumps in depth are edges of the picture, above what chance would give."""
    import cv2

    wanted = cv2.Canny(depth, 25, 60) > 0
    if wanted.mean() < LINES:
        return None
    return _covered(wanted, _strongest_edges(rgb, float(wanted.mean()) * EDGES_PER_OUTLINE))


def _strongest_edges(rgb: NDArray[np.uint8], share: float) -> Lines:
    """About this share of the pixels: Canny's edges at the threshold that leaves so many, whatever the contrast."""
    import cv2

    sigma = max(0.5, 1.5 * rgb.shape[1] / 1024)
    smooth = cv2.GaussianBlur(rgb, (0, 0), sigma)
    low, high, best = 1, 1500, np.zeros(rgb.shape[:2], bool)
    for _ in range(9):
        middle = (low + high) // 2
        found = cv2.Canny(smooth, middle * 0.5, middle) > 0
        if found.mean() > share:
            low = middle
        else:
            high, best = middle, found
    return best


def _covered(lines: Lines, by: Lines) -> float:
    """Share of `lines` within the tolerance of edges `by` of a like direction, from chance (0) to all (1)."""
    import cv2

    if not lines.any() or not by.any():
        return 0.0
    reach = max(1.5, TOLERANCE * lines.shape[1])
    own, other = _directions(lines), _directions(by)
    hits = expected = 0.0
    for bin_ in range(DIRECTIONS):
        members = lines & (own == bin_)
        turn = (other - bin_) % DIRECTIONS
        alike = by & ((turn <= 1) | (turn == DIRECTIONS - 1))
        if members.any() and alike.any():
            near = cv2.distanceTransform((~alike).astype(np.uint8), cv2.DIST_L2, 3) <= reach
            hits += float(near[members].sum())
            expected += float(near.mean()) * float(members.sum())
    total = float(lines.sum())
    return 0.0 if expected >= total else max(0.0, (hits - expected) / (total - expected))


def _directions(lines: Lines) -> NDArray[np.int64]:
    """(H, W) bins of the lines' directions, by the structure tensor."""
    import cv2

    soft = cv2.GaussianBlur(lines.astype(np.float32), (0, 0), 1.0)
    x, y = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(v, (0, 0), 1.5) for v in (x * x, y * y, x * y))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) / np.pi + 0.5
    return np.asarray(np.floor(angle * DIRECTIONS), np.int64) % DIRECTIONS


def _rank_agreement(wanted: NDArray[np.float32], found: NDArray[np.float32]) -> float | None:
    """Spearman's correlation, negative ones as 0: the scale of an estimated depth says nothing, its order does."""
    from scipy.stats import spearmanr

    step = max(1, wanted.size // 40_000)
    one, two = wanted.ravel()[::step], found.ravel()[::step]
    if np.ptp(one) == 0:
        return None
    return 0.0 if np.ptp(two) == 0 else max(0.0, float(spearmanr(one, two).statistic))


def _normal_agreement(wanted: NDArray[np.uint8], found: NDArray[np.uint8]) -> float | None:
    """Correlation of the sideways and upward tilts, negative ones as 0."""
    tilts = [image[..., :2].astype(np.float32).ravel() - 127.5 for image in (wanted, found)]
    if min(float(t.std()) for t in tilts) < 1e-3:
        return None
    return max(0.0, float(np.corrcoef(tilts[0], tilts[1])[0, 1]))


def _joint_agreement(image: NDArray[np.uint8], people: list[NDArray[np.float32]]) -> float | None:
    """Mean nearness of each drawn joint to the nearest found one of its kind."""
    drawn = joints_drawn(image)
    if not drawn:
        return None
    scores = []
    for index, (x, y), length in drawn:
        seen = [p[index, :2] for p in people if p[index, 2] >= 0.3]
        gaps = [float(np.hypot(*(point - (x, y)))) for point in seen]
        scores.append(float(np.exp(-((min(gaps) / (JOINT_REACH * length)) ** 2))) if gaps else 0.0)
    return float(np.mean(scores))


def joints_drawn(image: NDArray[np.uint8]) -> list[tuple[int, tuple[float, float], float]]:
    """(joint, (x, y) px, its figure's length in px) of the joints in an OpenPose picture (H, W, 3) by their colours."""
    import cv2

    figures = cv2.connectedComponentsWithStats((image.max(axis=2) > 40).astype(np.uint8), connectivity=8)
    labels, boxes = figures[1], figures[2]
    found = []
    for index, color in enumerate(COLORS):
        close = np.abs(image.astype(np.int16) - np.array(color)).max(axis=2) < 16
        count, _, facts, centres = cv2.connectedComponentsWithStats(close.astype(np.uint8), connectivity=8)
        for one in range(1, count):
            if facts[one, cv2.CC_STAT_AREA] >= 3:
                x, y = centres[one]
                box = boxes[labels[min(int(y), labels.shape[0] - 1), min(int(x), labels.shape[1] - 1)]]
                length = float(max(box[cv2.CC_STAT_WIDTH], box[cv2.CC_STAT_HEIGHT]))
                found.append((index, (float(x), float(y)), length))
    return found
