"""What kind of control map a picture is, told by its pixels, so that a finished map is never preprocessed again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.image.engine import MapKind

BLACK = 24
"""Levels up to this count as black: lossy files are never quite black."""


@dataclass(frozen=True)
class Recognised:
    """A guess and what it rests on."""

    kind: MapKind | None
    """None: an ordinary picture."""
    why: str


def recognise(rgb: NDArray[np.uint8]) -> Recognised:
    """The kind of map that (H, W, 3) uint8 RGB looks like."""
    top = rgb.max(axis=2)
    dark = float((top <= BLACK).mean())
    if dark > 0.995 and not (top > 128).any():
        return Recognised(None, "it is black all over")
    if _grey(rgb):
        return _grey_map(rgb[..., 1], dark)
    if dark >= 0.6 and _openpose(rgb, top):
        return Recognised("pose", "bones in OpenPose's colours on black")
    if _normals(rgb, top):
        return Recognised("normal", "every colour is a direction that faces the camera")
    return Recognised(None, "it has the colours of an ordinary picture")


def _grey(rgb: NDArray[np.uint8]) -> bool:
    spread = rgb.max(axis=2).astype(np.int16) - rgb.min(axis=2)
    return bool((spread <= 12).mean() > 0.998)


def _grey_map(grey: NDArray[np.uint8], dark: float) -> Recognised:
    import cv2

    middle = float(((grey > 60) & (grey < 195)).mean())
    light = grey > 127
    if dark >= 0.55 and light.any() and middle < max(0.06, 0.8 * float(light.mean())):
        radius = max(1, round(max(grey.shape) / 300))
        core = cv2.erode(light.astype(np.uint8), np.ones((2 * radius + 1,) * 2, np.uint8))
        if core.sum() < 0.1 * light.sum():
            return Recognised("canny", "thin white lines on black")
    # A depth map is smooth between few outlines; a photograph has grain and texture nearly everywhere: the median of
    # its Laplacian is 2 and more (scikit-image's photographs), that of depth maps 0 or 1, as JPEG too.
    scale = min(1.0, 768 / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    calm, middling, rough = np.percentile(np.abs(cv2.Laplacian(small, cv2.CV_32F)), [30, 50, 80])
    tones = int((np.bincount((grey // 4).ravel(), minlength=64) > 0.002 * grey.size).sum())
    if calm <= 0.5 and middling <= 1 and rough <= 12 and tones >= 6:
        return Recognised("depth", "grey, and smooth between the outlines")
    return Recognised(None, "it is grey, but neither lines on black nor as smooth as a depth map")


def _openpose(rgb: NDArray[np.uint8], top: NDArray[np.uint8]) -> bool:
    """Saturated colours of at least five of OpenPose's hues (they lie 20 degrees apart), and little else, on black."""
    import cv2

    drawn = rgb[top > 70][:, None]
    if len(drawn) < 20:
        return False
    hue, saturation, _ = np.moveaxis(cv2.cvtColor(drawn, cv2.COLOR_RGB2HSV)[:, 0], 1, 0)
    vivid = saturation > 140
    white = saturation < 50  # the dots of a face
    found = np.bincount((hue[vivid].astype(int) + 5) // 10 % 18, minlength=18)
    return bool((vivid | white).mean() > 0.7 and vivid.mean() > 0.4 and (found > 0.012 * len(drawn)).sum() >= 5)


def _normals(rgb: NDArray[np.uint8], top: NDArray[np.uint8]) -> bool:
    """Colours that are vectors of length one: within 0.01 in a lossless file, 0.17 for most pixels of a JPEG."""
    seen = top > BLACK  # some programs leave the background black
    if seen.mean() < 0.05:
        return False
    vectors = rgb[seen].astype(np.float32)[:: max(1, int(seen.sum()) // 100_000)] / 127.5 - 1
    median, most = np.percentile(np.abs(np.linalg.norm(vectors, axis=1) - 1), [50, 85])
    return bool(median < 0.035 and most < 0.2 and (vectors[:, 2] > -0.25).mean() > 0.95)
