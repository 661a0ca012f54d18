"""Light and colour of a picture as cinematographers speak of them, and its mirrored likeness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from backends.vision.composition.view import View

_SHADOW, _BRIGHT = 18.0, 70.0
"""CIELAB lightness: below the first is shadow (Wang & Cheong take 0.18), above the second is a light tone."""
_LOW_SHADOW, _LOW_MEDIAN = 0.45, 30.0
_HIGH_BRIGHT, _HIGH_SHADOW = 0.5, 0.08
_SMOOTH = 1.0
_AXIS_CELLS = 2
"""How far off the middle the axis of a symmetrical picture may lie: 3 % of its width."""
_FLAT = 4.0
"""Variance of luma (levels squared) that noise alone has: a flat picture is no symmetry worth the name."""


@dataclass(frozen=True)
class Tone:
    luma: float
    """Mean, 0-255."""
    contrast: float
    """Standard deviation of luma, 0-128."""
    saturation: float
    """Mean of HSV saturation, 0-1."""
    median: float
    """Of CIELAB lightness, 0-100."""
    shadow: float
    """Share darker than lightness 18."""
    bright: float
    """Share lighter than lightness 70."""


def tone_of(view: View) -> Tone:
    """Levels of a picture."""
    import cv2

    grey, lightness = view.grey, view.lab[..., 0]
    mean, deviation = cv2.meanStdDev(grey)
    saturation = cv2.cvtColor(view.small, cv2.COLOR_RGB2HSV)[..., 1]
    return Tone(
        float(mean[0, 0]), float(deviation[0, 0]), float(saturation.mean()) / 255, float(np.median(lightness)),
        float((lightness < _SHADOW).mean()), float((lightness > _BRIGHT).mean()),
    )  # fmt: skip


def key_of(median: float, shadow: float, bright: float) -> Literal["low", "normal", "high"]:
    """Low key: much of the picture lies in shadow and light is the exception. High key: light tones rule and shadow is
    hardly there. Told by median lightness and shadow proportion (Wang & Cheong, Affective Understanding in Film, 2006).
    """
    if shadow >= _LOW_SHADOW and median <= _LOW_MEDIAN:
        return "low"
    if bright >= _HIGH_BRIGHT and shadow <= _HIGH_SHADOW:
        return "high"
    return "normal"


def symmetry_of(view: View) -> float:
    """Correlation of the softened luma with its mirror image, 0-1, about the best axis within 3 % of the middle.

    What differs from row to row only (sky above ground) and light that falls off to one side are taken out first: they
    say nothing about left and right.
    """
    import cv2

    grey = cv2.cvtColor(view.small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    soft = cv2.GaussianBlur(grey, (0, 0), _SMOOTH)
    width = soft.shape[1]
    best = 0.0
    for off in range(-_AXIS_CELLS, _AXIS_CELLS + 1):
        part = soft[:, max(0, off) : width + min(0, off)]
        if part.shape[1] < 4:
            continue
        across = np.arange(part.shape[1], dtype=np.float32) - (part.shape[1] - 1) / 2
        rest = part - part.mean(axis=1, keepdims=True)
        # The slope across is taken out of both by what it changes in the sums, rather than of every cell.
        slope = float(rest.sum(axis=0) @ across) ** 2 / (float(across @ across) * len(rest))
        mirrored = float(np.vdot(rest, np.ascontiguousarray(rest[:, ::-1])))
        alike = (mirrored + slope) / (float(np.vdot(rest, rest)) - slope + rest.size * _FLAT)
        best = max(best, alike)
    return min(1.0, best)
