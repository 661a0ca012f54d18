"""Eyebrows: tapered strokes lying on the forehead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends.image.layout.characters.sdf import Field
from backends.image.layout.characters.surface import Mesh, drop_to_surface
from backends.image.layout.characters.sweep import tube


@dataclass(frozen=True)
class BrowPose:
    lift: float
    """Height above the neutral place, head radii."""
    tilt: float
    """Degrees; > 0 lifts the inner end."""
    bend: float
    """Height of the arch, head radii."""


def brow_mesh(field: Field, x: float, y: float, half: float, thickness: float, side: float, pose: BrowPose) -> Mesh:
    """One brow.

    Args:
        field: The head's surface.
        x: Distance of the brow's middle from the face's middle.
        y: Its neutral height.
        half: Half its length.
        thickness: Its greatest radius.
        side: +1 for the character's left.
        pose: What the expression does with it.
    """
    u = np.linspace(-1, 1, 17)
    slope = np.tan(np.radians(pose.tilt))
    px = side * (x + half * u)
    py = y + pose.lift + pose.bend * (1 - u * u) - 0.03 * np.clip(u, 0, 1) ** 2 - slope * half * u
    on = drop_to_surface(field, np.stack([px, py], -1).astype(np.float32)).astype(np.float64)
    taper = thickness * (1 - 0.62 * np.clip(u, 0, 1) ** 1.6) * (1 - 0.30 * np.clip(-u, 0, 1) ** 4)
    on[:, 2] += 0.25 * taper
    return tube(on, taper, 14, flatten=0.55, up=(0, 1, 0))
