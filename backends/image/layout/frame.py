"""A drawn shot: the picture, its exact buffers, and what is kept for redrawing parts of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.camera import Camera
from backends.image.layout.geometry import F32, I32
from backends.image.layout.mesh import MeshPart
from backends.image.layout.scene import LayoutScene
from backends.image.layout.sky import Sky
from backends.image.layout.stage import Stage
from configs.errors import UsageError

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels."""


@dataclass(frozen=True)
class FaceVariant:
    """What changes in a face while it talks."""

    mouth: str | None
    blink: float = 0.0
    expression: str | None = None
    """None: the scene's own."""


@dataclass(frozen=True)
class FacePatch:
    """A redrawn face region, to be pasted into the frame's rgb at (x, y)."""

    rgb: NDArray[np.uint8]
    """(h, w, 3)."""
    x: int
    y: int
    variant: FaceVariant


@dataclass(frozen=True)
class Kept:
    """What a frame keeps for redrawing parts of it."""

    parts: tuple[MeshPart, ...]
    stage: Stage
    sky: Sky
    camera: Camera
    glow: F32
    look_targets: dict[str, F32 | None]


@dataclass(frozen=True)
class LayoutFrame:
    """A drawn shot with its exact buffers, all of one size (H, W)."""

    rgb: NDArray[np.uint8]
    """(H, W, 3) sRGB."""
    depth: F32
    """(H, W) metres along the view axis, inf where the sky shows."""
    normal: F32
    """(H, W, 3) world, unit; zero where the sky shows."""
    owner: I32
    """(H, W) index into `owners`."""
    owners: tuple[str, ...]
    """('sky', 'set', then the characters' names)."""
    part: I32
    """(H, W) index into `labels`: which mesh is seen."""
    labels: tuple[str, ...]
    """'<owner>/<part>' as in MeshPart, e.g. 'Luca/hair', 'set/sand'; 'sky' last."""
    joints: dict[str, F32]
    """Character -> (18, 3): x px, y px, 1 visible or 0 hidden; NaN where the joint does not exist or is behind."""
    face_box: dict[str, Box]
    mouth_box: dict[str, Box]
    scene: LayoutScene
    seconds: dict[str, float]
    """By phase."""
    warnings: tuple[str, ...] = ()
    kept: Kept | None = field(default=None, repr=False, compare=False)

    def mask(self, owner: str) -> NDArray[np.bool_]:
        """(H, W) True where `owner` ('sky', 'set' or a character) is seen. Raises UsageError."""
        if owner not in self.owners:
            raise UsageError(f"'{owner}' is not in this frame", "", f"Present: {', '.join(self.owners)}")
        return np.asarray(self.owner == self.owners.index(owner))
