"""What kind of control map a picture is, told by its pixels, so that a finished map is never preprocessed again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.image.control.openpose import BONE_SHADE, COLORS
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
        return Recognised(None, "it is black and white, but not of thin lines")
    # A depth map is smooth between few outlines; a photograph has grain and texture nearly everywhere.
    small = cv2.resize(grey, None, fx=min(1.0, 768 / max(grey.shape)), fy=min(1.0, 768 / max(grey.shape)),
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    rough = np.abs(small.astype(np.float32) - cv2.GaussianBlur(small.astype(np.float32), (0, 0), 2.0))
    if float(np.median(rough)) < 0.8 and float((rough > 4).mean()) < 0.12 and len(np.unique(grey)) > 8:
        return Recognised("depth", "grey, and smooth between the outlines")
    return Recognised(None, "it is grey, but as rough as a photograph")


def _openpose(rgb: NDArray[np.uint8], top: NDArray[np.uint8]) -> bool:
    drawn = rgb[top > 70].astype(np.float32)
    if len(drawn) < 20:
        return False
    drawn = drawn[:: max(1, len(drawn) // 20_000)]
    full = np.array(COLORS, np.float32)
    palette = np.concatenate([full, full * BONE_SHADE])
    # Antialiased rims are darker shades of the same colour: compared at the same brightness.
    scaled = drawn / drawn.max(axis=1, keepdims=True)
    hues = palette / palette.max(axis=1, keepdims=True)
    distance = np.abs(scaled[:, None] - hues[None]).max(axis=2)
    near = distance.min(axis=1) < 0.09
    hands = (drawn.max(axis=1) - drawn.min(axis=1)) < 30  # a face's dots are white
    found = np.bincount(distance.argmin(axis=1)[near] % len(COLORS), minlength=len(COLORS))
    return bool((near | hands).mean() > 0.8 and near.mean() > 0.5 and (found > 0.005 * len(drawn)).sum() >= 4)


def _normals(rgb: NDArray[np.uint8], top: NDArray[np.uint8]) -> bool:
    seen = top > BLACK  # some programs leave the background black
    if seen.mean() < 0.05:
        return False
    vectors = rgb[seen].astype(np.float32)[:: max(1, int(seen.sum()) // 100_000)] / 127.5 - 1
    length = np.linalg.norm(vectors, axis=1)
    facing = vectors[:, 2] > -0.25
    return bool(((np.abs(length - 1) < 0.12) & facing).mean() > 0.85)
