"""Meshes on their way from a builder (characters, sets) to the renderer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene import RGB

JOINTS = (
    "nose", "neck", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist", "r_hip", "r_knee",
    "r_ankle", "l_hip", "l_knee", "l_ankle", "r_eye", "l_eye", "r_ear", "l_ear",
)  # fmt: skip
"""OpenPose COCO-18 order; r/l are the character's own right and left."""


@dataclass(frozen=True)
class Material:
    """Parameters of Mitsuba's `principled` BSDF; colours sRGB 0..1 (the renderer converts to linear)."""

    color: RGB = (0.8, 0.8, 0.8)
    roughness: float = 0.6
    specular: float = 0.4
    sheen: float = 0.0
    clearcoat: float = 0.0
    metallic: float = 0.0
    emission: float = 0.0
    """Radiance factor on `color`; > 0 makes the part a light."""


@dataclass(frozen=True)
class MeshPart:
    label: str
    """'<owner>/<part>', e.g. 'Luca/head', 'set/sand'; masks are made per owner."""
    vertices: NDArray[np.float32]
    """(V, 3) world metres."""
    faces: NDArray[np.uint32]
    """(F, 3), counter-clockwise seen from outside."""
    material: Material
    normals: NDArray[np.float32] | None = None
    """(V, 3) unit, outward; None: face normals."""
    colors: NDArray[np.float32] | None = None
    """(V, 3) sRGB 0..1 per vertex, replaces material.color."""


@dataclass(frozen=True)
class CharacterModel:
    """One posed character, ready to render."""

    name: str
    parts: tuple[MeshPart, ...]
    joints: dict[str, NDArray[np.float32]]
    """JOINTS -> (3,) world position; absent ones are left out (a robot without ears)."""
    head_center: NDArray[np.float32]
    """(3,) world."""
    head_radius: float
    eye_line: NDArray[np.float32]
    """(3,) world point between the eyes."""
    mouth: NDArray[np.float32]
    """(3,) world centre of the mouth."""
    mouth_radius: float
    """Metres; a sphere of this radius about `mouth` holds every mouth shape."""
    height: float
    extras: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Further named points, e.g. 'r_hand', 'antenna'."""
