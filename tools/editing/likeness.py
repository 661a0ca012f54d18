"""How alike two shots are by what was measured of them: palette and composition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from backends.vision.composition.result import Composition
    from backends.vision.record import Shot

_NEAR = 14.0
"""LAB distance at which two colours are half as good as one: a little more than k-means moves a centre between two
looks at one scene."""
_LOOK_BACK = 400
"""Shots that a shot is compared with at most."""
_SCALES = ("ECU", "CU", "MCU", "MS", "MLS", "LS", "ELS")


@dataclass(frozen=True)
class Twin:
    """A shot and an earlier one that looks like it."""

    shot: Shot
    earlier: Shot
    colours: float
    """0-1, as `composition`."""
    composition: float

    @property
    def likeness(self) -> float:
        return self.colours * self.composition


def repeated(shots: Sequence[Shot], *, colours: float, composition: float, seconds: float) -> list[Twin]:
    """Shots that look like an earlier one with another shot between them, each with the most alike of those.

    colours, composition: least likeness, 0-1. Shots shorter than `seconds`, or without a composition, are passed over.
    """
    seen = [shot for shot in shots if shot.composition is not None and shot.seconds >= seconds]
    if len(seen) < 3:
        return []
    palettes = [_palette(shot.composition) for shot in seen if shot.composition]
    layouts = np.array([_layout(shot.composition) for shot in seen if shot.composition])
    found: list[Twin] = []
    for at in range(2, len(seen)):
        first = max(0, at - _LOOK_BACK)
        # Coarse first: composition is one subtraction for all.
        alike = np.exp(-np.abs(layouts[first : at - 1] - layouts[at]).mean(axis=1) * 4)
        best: Twin | None = None
        for offset in np.flatnonzero(alike >= composition):
            palette = shared(palettes[first + int(offset)], palettes[at])
            if palette < colours:
                continue
            twin = Twin(seen[at], seen[first + int(offset)], palette, float(alike[offset]))
            if best is None or twin.likeness > best.likeness:
                best = twin
        if best is not None:
            found.append(best)
    return found


Palette = tuple[NDArray[np.float64], NDArray[np.float64]]
"""LAB colours (N, 3) and their shares (N,)."""


def shared(one: Palette, other: Palette) -> float:
    """Likeness of two palettes, 0-1: the cosine of their densities in LAB, each colour a Gaussian blob."""
    return float(_overlap(one, other) / np.sqrt(_overlap(one, one) * _overlap(other, other)))


def closeness(shot: Shot) -> int | None:
    """0 (extreme long) to 6 (extreme close-up); None when its scale is unknown."""
    scale = shot.composition.scale if shot.composition else "unknown"
    return 6 - _SCALES.index(scale) if scale in _SCALES else None


def _palette(look: Composition) -> Palette:
    if not look.colours:
        return np.array([[look.luma / 2.55, 0.0, 0.0]]), np.ones(1)
    return np.array([_lab(colour.hex) for colour in look.colours]), np.array([c.share for c in look.colours])


def _layout(look: Composition) -> list[float]:
    """What the picture is like, each figure about 0-1."""
    faces = sum(figure.kind == "face" for figure in look.figures)
    return [
        *look.subject,
        (look.balance + 1) / 2,
        look.symmetry,
        look.negative_space,
        look.lines,
        look.luma / 255,
        look.contrast / 128,
        look.saturation,
        min(faces, 3) / 3,
    ]


def _overlap(one: Palette, other: Palette) -> float:
    apart = ((one[0][:, None] - other[0][None]) ** 2).sum(axis=2)
    return float((one[1][:, None] * other[1][None] * np.exp(-apart / (4 * _NEAR**2))).sum())


@cache
def _lab(name: str) -> tuple[float, float, float]:
    from skimage.color import rgb2lab

    rgb = [int(name[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    low, green, blue = rgb2lab(np.array(rgb).reshape(1, 1, 3)).reshape(3)
    return float(low), float(green), float(blue)
