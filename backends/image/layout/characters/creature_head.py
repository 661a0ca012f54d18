"""What the heads of animals and monsters are made of: the description of a head, eye sockets, ears, whiskers, tints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters import sdf
from backends.image.layout.characters.mouth import MouthPlace
from backends.image.layout.characters.sdf import Field
from backends.image.layout.characters.surface import Mesh, joined
from backends.image.layout.characters.sweep import spline, tube

# A tint says how much accent colour a point of the head takes: (N, 3) -> (N,) in 0..1.
Tint = Callable[[NDArray], NDArray]


@dataclass(frozen=True)
class CreatureHead:
    field: Field
    tint: Tint
    eye: tuple[float, float, float]
    """x, y, z of the left eye's middle."""
    eye_r: float
    iris: float
    place: MouthPlace
    brow_y: float
    extras: Callable[[], dict[str, Mesh]]
    """Parts by name; see creature.py for their colours."""
    has_mouth: bool = True
    cant: float = 9.0
    top: float = 1.5
    """Where the surface ends, ears included."""


def soft(x: NDArray, lo: float, hi: float) -> NDArray:
    """A smooth step from 0 at `lo` to 1 at `hi`."""
    t = np.clip((x - lo) / (hi - lo), 0, 1)
    return t * t * (3 - 2 * t)


def near(p: NDArray, center: tuple[float, float, float], radii: tuple[float, float, float]) -> NDArray:
    """(N,) 1 within an ellipsoid, 0 outside, with a soft border."""
    d = np.sqrt((((p * [1, 1, 1]) - center) ** 2 / np.square(radii)).sum(axis=1))
    return 1 - soft(d, 0.85, 1.15)


def sockets(face: Field, eye: tuple[float, float, float], r: float) -> Field:
    """`face` with hollows for two eyeballs."""
    holes = sdf.pair(
        lambda s: sdf.ellipsoid((s * eye[0], eye[1], eye[2] + 0.06), np.array([0.98, 1.10, 0.92]) * r * 0.94)
    )
    return sdf.subtract(face, holes, 0.10)


def cone_ears(base: tuple[float, float, float], tip: tuple[float, float, float], wide: float, thin: float) -> Field:
    """A pair of pointed, hollow ears from `base` to `tip` (of the left one)."""

    def ear(s: float) -> Field:
        a, b = np.array(base) * [s, 1, 1], np.array(tip) * [s, 1, 1]
        blades = [
            sdf.capsule(a + np.array([s * o, -abs(o) * 0.3, 0]), b, wide * 0.62, thin)
            for o in (-wide * 0.7, 0.0, wide * 0.7)
        ]
        hollow = sdf.capsule(a + np.array([0, 0.06, wide * 0.75]), b + np.array([0, -0.10, 0.16]), wide * 0.62, thin)
        return sdf.subtract(sdf.union(blades, 0.08), hollow, 0.06)

    return sdf.pair(ear)


def whiskers() -> Mesh:
    """Three thin hairs on each side of the nose."""
    rows = []
    for s in (1.0, -1.0):
        for i, tilt in enumerate((0.14, 0.02, -0.11)):
            start = np.array([s * 0.30, -0.36 - 0.05 * i, 0.86])
            end = start + np.array([s * 0.72, tilt, -0.20])
            p, _ = spline([start, (start + end) / 2 + [0, 0.04, 0.05], end], [1, 1, 1], 9)
            rows.append(tube(p, np.linspace(0.013, 0.004, 9), 6))
    return joined(rows)
