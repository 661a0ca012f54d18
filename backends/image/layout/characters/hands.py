"""Hands: palm, thumb and four short fingers as one smooth surface, in hand lengths.

The left hand: wrist at the origin, fingers along +Y, palm facing +Z, thumb on the -X side; the right one is its mirror.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters import sdf
from backends.image.layout.characters.sdf import Field
from backends.image.layout.characters.surface import Mesh, polygonise

HAND_POSES = ("relaxed", "open", "fist", "point", "hold")

_BASES = ((-0.170, 0.50), (-0.056, 0.535), (0.060, 0.52), (0.168, 0.46))
_LENGTHS = (0.36, 0.40, 0.365, 0.29)
_RADII = (0.079, 0.082, 0.079, 0.072)
# Curl of each finger's two links (degrees towards the palm) and its sideways spread.
_CURLS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "relaxed": ((18, 38, -5), (26, 48, 0), (32, 54, 3), (36, 58, 7)),
    "open": ((-4, 6, -15), (-6, 4, -4), (-5, 6, 6), (-2, 8, 18)),
    "fist": ((82, 170, 0), (84, 172, 0), (84, 172, 0), (82, 170, 0)),
    "point": ((2, 4, -3), (84, 172, 0), (84, 172, 0), (82, 170, 0)),
    "hold": ((38, 78, -6), (42, 82, -1), (44, 84, 3), (44, 82, 7)),
}
_THUMBS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "relaxed": ((-0.17, 0.12, 0.03), (-0.335, 0.30, 0.10), (-0.35, 0.46, 0.16)),
    "open": ((-0.17, 0.12, 0.02), (-0.38, 0.27, 0.05), (-0.52, 0.40, 0.06)),
    "fist": ((-0.17, 0.14, 0.05), (-0.28, 0.34, 0.18), (-0.08, 0.44, 0.26)),
    "point": ((-0.17, 0.14, 0.05), (-0.28, 0.34, 0.18), (-0.08, 0.44, 0.26)),
    "hold": ((-0.17, 0.12, 0.05), (-0.34, 0.24, 0.20), (-0.33, 0.36, 0.34)),
}


def _finger(index: int, pose: str) -> Field:
    x, y = _BASES[index]
    first, second, spread = (np.radians(v) for v in _CURLS[pose][index])
    length, r = _LENGTHS[index], _RADII[index]

    def along(curl: float, size: float) -> NDArray[np.float64]:
        flat = np.cos(curl) * size
        return np.array([np.sin(spread) * flat, np.cos(spread) * flat, np.sin(curl) * size])

    base = np.array([x, y, 0.0])
    middle = base + along(float(first), 0.52 * length)
    tip = middle + along(float(second), 0.48 * length)
    return sdf.chain([base, middle, tip], [r, r * 0.97, r * 0.88], 0.03)


def hand_field(pose: str, wrist: float) -> Field:
    """The left hand in one of `HAND_POSES`; `wrist` is the wrist's radius in hand lengths."""
    palm = sdf.box((0, 0.29, 0), (0.245, 0.27, 0.115), 0.11)
    heel = sdf.capsule((0, -0.16, 0), (0, 0.16, 0), wrist, wrist * 0.94)
    body = sdf.union([palm, heel], 0.16)
    thumb = sdf.chain(_THUMBS[pose], [0.105, 0.092, 0.078], 0.05)
    body = sdf.union([body, thumb], 0.10)
    # Fingers blend with the palm, hardly with each other, or an open hand would grow webs.
    fingers = sdf.union([_finger(i, pose) for i in range(4)], 0.018)
    return sdf.union([body, fingers], 0.055)


def hand_mesh(pose: str, wrist: float) -> Mesh:
    """Mesh of the left hand, open at no side; it starts 0.16 hand lengths before the wrist."""
    return polygonise(hand_field(pose, wrist), (-0.75, -0.45, -0.35), (0.6, 1.1, 0.55), 0.041)
