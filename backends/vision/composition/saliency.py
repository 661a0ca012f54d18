"""What draws the eye in a picture, where it sits, and how the rest relates to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from backends.vision.colours import k_means
from backends.vision.composition.view import F32, View

_EDGE_COLOURS = 5
_EDGE_SHARE = 0.12
"""A colour that fills less of the border than this is a thing that the border cuts, not the ground."""
_EDGE_PENALTY = 150.0
"""CIELAB per missing share: how far such a colour counts as from the ground."""
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
    still = _residual(view.lab) + _from_ground(view) + _sharpness(view)
    if speed is None:
        return np.asarray(still / 3, np.float32)
    moving = np.clip(speed / _MOVING, 0, 1)
    return np.asarray((still + _MOTION_WEIGHT * moving) / (3 + _MOTION_WEIGHT), np.float32)


def motion_against(view: View, flow: F32, fps: float, width: int = 0) -> F32:
    """(h, w) widths per second: how fast cells move against the picture's median motion, which is the camera's.

    flow: (H, W, 2) pixels from the frame before, of the whole frame. width: of the picture whose pixels these are, when
    it is not the flow's own.
    """
    import cv2

    cells = view.cells_of(flow)
    rest = cells - np.median(cells.reshape(-1, 2), axis=0)
    apart = np.sqrt(rest[..., 0] ** 2 + rest[..., 1] ** 2)
    return np.asarray(cv2.GaussianBlur(apart, (0, 0), 1.5) * (fps / (width or flow.shape[1])), np.float32)


def subject_of(salient: F32) -> Subject:
    """The region with the most saliency, and its centre of weight."""
    import cv2

    height, width = salient.shape
    middle, x, y = _middle(height, width)
    weight = np.asarray(cv2.GaussianBlur(salient * middle, (0, 0), 1.5), np.float32)
    greatest = float(weight.max())
    if greatest <= 1e-6:
        return Subject(0.5, 0.5, 0.0)
    count, labels = cv2.connectedComponents((weight > _SUBJECT * greatest).astype(np.uint8))
    sums = np.bincount(np.asarray(labels).ravel(), weight.ravel(), count)
    chosen = labels == 1 + int(np.argmax(sums[1:]))
    part = weight * chosen
    total = float(part.sum())
    return Subject(
        float(part.sum(axis=0) @ x) / total, float(part.sum(axis=1) @ y) / total, float(chosen.mean())
    )  # fmt: skip


@lru_cache(maxsize=4)
def _middle(height: int, width: int) -> tuple[F32, F32, F32]:
    """(h, w) how much more the middle counts; (w,) and (h,) places of columns and rows, shares."""
    x, y = (np.asarray((np.arange(side) + 0.5) / side, np.float32) for side in (width, height))
    squares = (x - 0.5) ** 2 + ((y - 0.5) ** 2)[:, None]
    return np.exp(-squares / (2 * _CENTRE**2)).astype(np.float32), x, y


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

    smooth = np.asarray(cv2.GaussianBlur(view.lab, (0, 0), 0.8), np.float32)
    quiet = (_slopes(smooth) < _QUIET_COLOUR) & (view.detail < _QUIET_DETAIL) & (salient < _QUIET_SALIENCY)
    return float(quiet.mean())


def _slopes(lab: F32) -> F32:
    """(h, w) CIELAB per cell: length of the gradient, by central differences, one-sided at the borders."""
    squares = np.zeros(lab.shape[:2], np.float32)
    for values in (lab, lab.transpose(1, 0, 2)):
        steps = np.empty_like(values)
        np.subtract(values[2:], values[:-2], out=steps[1:-1])
        steps[1:-1] *= 0.5
        steps[0], steps[-1] = values[1] - values[0], values[-1] - values[-2]
        np.square(steps, out=steps)
        sums = steps[..., 0] + steps[..., 1] + steps[..., 2]
        squares += sums if values is lab else sums.T
    return np.sqrt(squares)


def _residual(lab: F32) -> F32:
    import cv2

    spectrum = np.fft.rfft2(lab - lab.mean(axis=(0, 1)), axes=(0, 1))
    logs = np.log(np.abs(spectrum) + np.float32(1e-3))
    # The amplitude over its like in the neighbourhood, with the phase as it was.
    kept = spectrum * np.exp(-np.asarray(cv2.blur(logs, (3, 3)), np.float32))
    parts = np.fft.irfft2(kept, s=lab.shape[:2], axes=(0, 1))
    total = np.square(parts).sum(axis=2, dtype=np.float32)
    return _scaled(cv2.GaussianBlur(total, (0, 0), 2.5))


def _from_ground(view: View) -> F32:
    import cv2

    height, width = view.lab.shape[:2]
    shades = view.shades
    inner = _inner(height, width)
    on_edge = np.bincount(shades.of[~inner], minlength=len(shades.sizes)).astype(np.float32)
    used = on_edge > 0
    points, sizes = shades.lab[used], on_edge[used]
    count = min(_EDGE_COLOURS, len(points))
    centres, labels = k_means(points, sizes, count, 8, 1.0)
    share = np.bincount(labels, sizes, count) / sizes.sum()
    off = shades.lab[:, None] - centres
    distance = np.sqrt(np.square(off).sum(axis=2)) + np.maximum(0, _EDGE_SHARE - share) * _EDGE_PENALTY
    nearest = distance.min(axis=1).astype(np.float32)[shades.of]
    return _scaled(cv2.GaussianBlur(nearest.reshape(height, width), (0, 0), 1.0))


@lru_cache(maxsize=4)
def _inner(height: int, width: int) -> NDArray[np.bool_]:
    """(h * w,) all but the rim."""
    rim = max(1, min(height, width) // 12)
    inner = np.zeros((height, width), bool)
    inner[rim:-rim, rim:-rim] = True
    return inner.ravel()


def _sharpness(view: View) -> F32:
    import cv2

    return _scaled(cv2.GaussianBlur(view.sharp_detail, (0, 0), 2.0))


def _scaled(values: NDArray[np.floating]) -> F32:
    """From the 5th to the 99.5th percentile as 0 to 1; what is the same all over is 0."""
    low, high = _percentiles(values.ravel(), (0.05, 0.995))
    return np.asarray(np.clip((values - low) / max(high - low, 1e-4), 0, 1), np.float32)


def _percentiles(values: NDArray[np.floating], shares: tuple[float, ...]) -> list[float]:
    """As `np.percentile`, which takes several times as long."""
    places = [share * (len(values) - 1) for share in shares]
    below = [int(place) for place in places]
    above = [min(at + 1, len(values) - 1) for at in below]
    ordered = np.partition(values, sorted({*below, *above}))
    return [
        float(ordered[low]) + (place - low) * float(ordered[high] - ordered[low])
        for place, low, high in zip(places, below, above, strict=True)
    ]
