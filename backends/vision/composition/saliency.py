"""What draws the eye in a picture, where it sits, and how the rest relates to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.composition.view import F32, View

_EDGE_COLOURS = 5
_EDGE_SHARE = 0.12
"""A colour that fills less of the border than this is a thing that the border cuts, not the ground."""
_EDGE_PENALTY = 150.0
"""CIELAB per missing share: how far such a colour counts as from the ground."""
_GRAIN = 6.0
"""Laplacian below which nothing but grain is seen."""
_SUBJECT = 0.5
"""The subject is what reaches this share of the greatest saliency (Hou & Zhang 2007 use three times the mean)."""
_CENTRE = 0.6
"""Standard deviation, in shares of a side, of how much the middle counts more; mild, for subjects stand at thirds."""
_QUIET_COLOUR, _QUIET_DETAIL, _QUIET_SALIENCY = 3.0, 4.0, 0.35
"""CIELAB per cell, Laplacian, and saliency below which a cell is empty to the eye."""


_MOVING, _MOTION_WEIGHT = 0.15, 2.0
"""Widths per second from which on something moves fully; half a width takes it three seconds."""


@dataclass(frozen=True)
class Subject:
    """Shares of the active picture."""

    x: float
    y: float
    area: float


def saliency(view: View, speed: F32 | None = None) -> F32:
    """(h, w) 0-1 of the view's cells: the mean of three cues, each scaled to 0-1, and of motion where it is known.

    Spectral residual of L, a and b (Hou & Zhang, Saliency Detection: A Spectral Residual Approach, CVPR 2007); distance
    from the colours of the picture's border, taken as the ground (Wei et al., Geodesic Saliency Using Background
    Priors, ECCV 2012, without its paths); and sharpness, for a lens shows its subject sharp.
    speed: (h, w) what moves against the picture, widths per second, as `motion_against` gives it; it counts double, for
    motion draws the eye before form does (Mital et al., Clustering of Gaze During Dynamic Scene Viewing, 2011).
    """
    still = _residual(view.lab) + _from_ground(view.lab) + _sharpness(view)
    if speed is None:
        return np.asarray(still / 3, np.float32)
    moving = np.clip(speed / _MOVING, 0, 1)
    return np.asarray((still + _MOTION_WEIGHT * moving) / (3 + _MOTION_WEIGHT), np.float32)


def motion_against(view: View, flow: F32, fps: float) -> F32:
    """(h, w) widths per second: how fast cells move against the picture's median motion, which is the camera's.

    flow: (H, W, 2) pixels from the frame before, of the whole frame.
    """
    import cv2

    cells = view.cells_of(flow)
    middle = np.median(cells.reshape(-1, 2), axis=0)
    apart = np.hypot(cells[..., 0] - middle[0], cells[..., 1] - middle[1])
    return np.asarray(cv2.GaussianBlur(apart, (0, 0), 1.5) * (fps / flow.shape[1]), np.float32)


def subject_of(salient: F32) -> Subject:
    """The region with the most saliency, and its centre of weight."""
    import cv2

    height, width = salient.shape
    y, x = np.mgrid[0:height, 0:width]
    middle = np.exp(-(((x + 0.5) / width - 0.5) ** 2 + ((y + 0.5) / height - 0.5) ** 2) / (2 * _CENTRE**2))
    weight = np.asarray(cv2.GaussianBlur((salient * middle).astype(np.float32), (0, 0), 1.5), np.float32)
    greatest = float(weight.max())
    if greatest <= 1e-6:
        return Subject(0.5, 0.5, 0.0)
    count, labels = cv2.connectedComponents((weight > _SUBJECT * greatest).astype(np.uint8))
    sums = np.bincount(np.asarray(labels).ravel(), weight.ravel(), count)
    chosen = labels == 1 + int(np.argmax(sums[1:]))
    part = weight * chosen
    total = float(part.sum())
    return Subject(
        float((part * (x + 0.5)).sum() / total / width), float((part * (y + 0.5)).sum() / total / height),
        float(chosen.mean()),
    )  # fmt: skip


def thirds(x: float, y: float) -> float:
    """How near a place is to one of the four points where the lines of thirds cross: 1 on it, 0 in a corner.

    In shares of the sides, so that a picture's shape does not matter: 1 - distance / (sqrt(2) / 3). The middle of the
    picture has 0.5. (Rule of thirds: Smith, Remarks on Rural Scenery, 1797; Peterson, Learning to See Creatively.)
    """
    distance = min(float(np.hypot(x - px, y - py)) for px in (1 / 3, 2 / 3) for py in (1 / 3, 2 / 3))
    return max(0.0, 1 - distance / (2**0.5 / 3))


def balance(salient: F32) -> float:
    """-1..1: the horizontal centre of visual weight, 0 in the middle (Arnheim, Art and Visual Perception, ch. 1)."""
    columns = salient.sum(axis=0, dtype=np.float64)
    places = (np.arange(len(columns)) + 0.5) / len(columns) * 2 - 1
    return float((columns * places).sum() / max(float(columns.sum()), 1e-9))


def negative_space(view: View, salient: F32) -> float:
    """Share of the picture that is empty to the eye: even in colour, without detail, and not salient."""
    import cv2

    smooth = cv2.GaussianBlur(view.lab, (0, 0), 0.8)
    steps = np.hypot(_slope(smooth, 1), _slope(smooth, 0))
    detail = _cells(view.laplacian, salient.shape)
    quiet = (steps < _QUIET_COLOUR) & (detail < _QUIET_DETAIL) & (salient < _QUIET_SALIENCY)
    return float(quiet.mean())


def _slope(lab: NDArray[np.float32], axis: int) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(np.gradient(lab, axis=axis), axis=2))


def _residual(lab: F32) -> F32:
    import cv2

    total = np.zeros(lab.shape[:2], np.float32)
    for channel in range(3):
        values = lab[..., channel] - lab[..., channel].mean()
        spectrum = np.fft.rfft2(values)
        amplitude = np.abs(spectrum)
        logs = np.log(amplitude + 1e-3).astype(np.float32)
        kept = np.exp(logs - cv2.blur(logs, (3, 3)))
        total += np.abs(np.fft.irfft2(spectrum / (amplitude + 1e-3) * kept, s=values.shape)).astype(np.float32) ** 2
    return _scaled(cv2.GaussianBlur(total, (0, 0), 2.5))


def _from_ground(lab: F32) -> F32:
    import cv2

    height, width = lab.shape[:2]
    rim = max(1, min(height, width) // 12)
    edge = np.concatenate(
        [part.reshape(-1, 3) for part in (lab[:rim], lab[-rim:], lab[rim:-rim, :rim], lab[rim:-rim, -rim:])]
    )
    count = min(_EDGE_COLOURS, len(edge))
    begin = np.empty((len(edge), 1), np.int32)
    begin[np.argsort(edge[:, 0], kind="stable"), 0] = np.arange(len(edge)) * count // len(edge)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 8, 1.0)
    _, labels, centres = cv2.kmeans(edge, count, begin, criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    share = np.bincount(labels.ravel(), minlength=count) / len(edge)
    squares = ((lab[:, :, None] - centres) ** 2).sum(axis=3)
    distance = np.sqrt(squares) + np.maximum(0, _EDGE_SHARE - share) * _EDGE_PENALTY
    return _scaled(cv2.GaussianBlur(distance.min(axis=2).astype(np.float32), (0, 0), 1.0))


def _sharpness(view: View) -> F32:
    import cv2

    detail = _cells(np.maximum(0, view.laplacian - _GRAIN), view.lab.shape[:2])
    return _scaled(cv2.GaussianBlur(detail, (0, 0), 2.0))


def _cells(values: F32, shape: tuple[int, ...]) -> F32:
    import cv2

    return np.asarray(cv2.resize(values, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.float32)


def _scaled(values: NDArray[np.floating]) -> F32:
    """From the 5th to the 99.5th percentile as 0 to 1; what is the same all over is 0."""
    low, high = np.percentile(values, (5, 99.5))
    return np.asarray(np.clip((values - low) / max(float(high - low), 1e-4), 0, 1), np.float32)
