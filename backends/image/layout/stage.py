"""A set as the renderer sees it: meshes, how their surfaces look, lamps, and what may stand in the camera's way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from backends.image.layout.geometry import F32
from backends.image.layout.mesh import MeshPart
from backends.image.layout.sky import Backdrop, Sky
from backends.image.layout.trace import Lamp


@dataclass(frozen=True)
class Points:
    """Samples of one surface, N of them."""

    position: F32
    """(N, 3) world."""
    normal: F32
    view: F32
    """(N, 3) unit, towards the camera."""
    albedo: F32
    """(N, 3) linear, the mesh's own colour."""
    footprint: F32
    """(N,) metres between neighbouring samples: detail finer than about twice this must fade out."""
    sky: Sky


Surface = Callable[[Points], tuple[F32, F32 | None]]
"""Gives albedo (N, 3) linear, and radiance (N, 3) that is added unlit (glitter, reflections) or None."""


@dataclass(frozen=True)
class Stage:
    """One set at one time of day."""

    parts: tuple[MeshPart, ...]
    surfaces: Mapping[str, Surface] = field(default_factory=dict)
    """Part label -> how it is painted, evaluated for every picture sample."""
    lamps: tuple[Lamp, ...] = ()
    backdrop: Backdrop = field(default_factory=Backdrop)
    walls: Mapping[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = field(default_factory=dict)
    """Label prefix -> (point, normal into the set): left out when the camera stands behind it."""
    clutter: Mapping[str, tuple[tuple[float, float, float], float]] = field(default_factory=dict)
    """Label prefix -> (centre, radius): left out when the camera stands inside or looks through it."""
    far_limit: float = 60.0
    """Metres that the camera may stand from its target."""

    def visible(self, camera: F32, targets: Sequence[F32]) -> tuple[MeshPart, ...]:
        """The parts that do not block the camera's way to its targets (world points)."""
        gone: set[str] = set()
        for name, (point, normal) in self.walls.items():
            if float(np.dot(np.subtract(camera, point), normal)) < 0.25:
                gone.add(name)
        for name, (centre, radius) in self.clutter.items():
            between = any(_distance(np.asarray(centre, float), camera, target) < radius for target in targets)
            if between or float(np.linalg.norm(np.subtract(camera, centre))) < radius + 0.9:
                gone.add(name)
        return tuple(part for part in self.parts if not any(_below(part.label, name) for name in gone))


def _below(label: str, name: str) -> bool:
    return label == name or label.startswith(name + ".")


def _distance(centre: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """From a point to the segment start..end."""
    way = np.subtract(end, start)
    s = float(np.clip(np.dot(centre - start, way) / max(float(way @ way), 1e-9), 0, 1))
    return float(np.linalg.norm(start + s * way - centre))
