"""The human head: skull, cheeks, jaw, nose and ears as one smooth surface, in head radii about the head's middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters import sdf
from backends.image.layout.characters.materials import mix, smoothstep
from backends.image.layout.characters.mouth import MouthPlace
from backends.image.layout.characters.sdf import Field
from backends.image.layout.characters.skeleton import turn
from backends.image.layout.characters.surface import Mesh, polygonise
from backends.image.layout.scene import RGB


@dataclass(frozen=True)
class HeadShape:
    """Measures of one head (head radii), see proportions.yaml."""

    width: float
    jaw: float
    cheek: float
    chin: float
    nose: float
    nose_wide: float
    bridge: float
    brow_ridge: float
    ear: float
    eye_x: float
    eye_y: float
    eye_z: float
    eye_r: float
    iris: float
    mouth_y: float
    mouth_w: float
    brow: float
    brow_y: float

    @property
    def place(self) -> MouthPlace:
        """Where the mouth sits."""
        return MouthPlace(self.mouth_y, self.mouth_w, 0.062)

    def eye_center(self, side: float) -> NDArray[np.float64]:
        """Middle of one eyeball."""
        return np.array([side * self.eye_x, self.eye_y, self.eye_z])

    @property
    def eye_radii(self) -> NDArray[np.float64]:
        """Half axes of the eyeballs."""
        return self.eye_r * np.array([0.98, 1.10, 0.92])


def head_shape(body: dict[str, Any], variation: NDArray[np.float64]) -> HeadShape:
    """The head of one person: the age's face, and small own differences.

    Args:
        body: From `skeleton.proportions`.
        variation: Five numbers in -1..1 that are this person's own.
    """
    f = body["face"]
    nose, eyes, jaw, ears, wide = (float(v) for v in variation)
    return HeadShape(
        width=body["face_width"] * (1 + 0.025 * wide), jaw=f["jaw"] * (1 + 0.05 * jaw), cheek=f["cheek"],
        chin=f["chin"] * (1 + 0.12 * jaw), nose=f["nose"] * (1 + 0.18 * nose), nose_wide=1 + 0.15 * wide - 0.1 * nose,
        bridge=f["bridge"], brow_ridge=f["brow_ridge"], ear=f["ear"] * (1 + 0.14 * ears),
        eye_x=f["eye_x"] * (1 + 0.03 * eyes), eye_y=f["eye_y"], eye_z=f["eye_z"], eye_r=f["eye_r"] * (1 + 0.04 * eyes),
        iris=f["iris"], mouth_y=f["mouth_y"], mouth_w=f["mouth_w"], brow=f["brow"], brow_y=f["brow_y"],
    )  # fmt: skip


def skull_field(shape: HeadShape, grow: float = 0.0) -> Field:
    """The bare cranium, which hair and hats sit on."""
    return sdf.ellipsoid((0, 0.14, -0.06), np.array([0.895 * shape.width, 0.86, 0.93]) + grow)


def _ear(shape: HeadShape, side: float) -> Field:
    size = shape.ear
    lean = turn(8.0, side * 24.0, side * -8.0)
    at = np.array([side * 0.925 * shape.width, -0.10, -0.06])
    shell = sdf.ellipsoid(at, np.array([0.085, 0.225, 0.165]) * size, lean)
    bowl = sdf.ellipsoid(
        at + np.array([side * 0.075, 0.02, 0.035]) * size, np.array([0.055, 0.135, 0.095]) * size, lean
    )
    return sdf.subtract(shell, bowl, 0.05)


def head_field(shape: HeadShape) -> Field:
    """The whole head's surface."""
    w = shape.width
    jaw = sdf.ellipsoid((0, -0.40, 0.10), (shape.jaw * w, 0.590, 0.72))
    face = sdf.union([skull_field(shape), jaw], 0.42)
    cheeks = sdf.pair(lambda s: sdf.sphere((s * 0.44 * w, -0.40, 0.46), shape.cheek + 0.02))
    face = sdf.union([face, cheeks], 0.34)
    chin = sdf.ellipsoid((0, -0.985 + shape.chin * 0.9, 0.50), (shape.chin * 1.15, shape.chin * 0.9, shape.chin))
    face = sdf.union([face, chin], 0.30)
    if shape.brow_ridge > 0:
        ridge = sdf.pair(lambda s: sdf.capsule((s * 0.16, 0.36, 0.78), (s * 0.48 * w, 0.36, 0.60), 0.05))
        face = sdf.union([face, ridge], 0.24 * shape.brow_ridge + 0.05)

    r = shape.eye_radii
    sockets = sdf.pair(lambda s: sdf.ellipsoid(shape.eye_center(s) + np.array([0, 0, 0.06]), r * [0.94, 0.93, 0.96]))
    face = sdf.subtract(face, sockets, 0.10)

    n = shape.nose
    tip_y = -0.255
    tip = sdf.ellipsoid((0, tip_y, 0.87 + 0.35 * n), (n * 1.02 * shape.nose_wide, n * 0.86, n))
    # A child's nose is a button; wings come with the bridge.
    wing = n * (0.34 + 0.20 * min(shape.bridge, 1.0))
    wings = sdf.pair(lambda s: sdf.sphere((s * n * 0.78 * shape.nose_wide, tip_y - 0.10 * n, 0.86), wing))
    nose = sdf.union([tip, wings], 0.10)
    if shape.bridge > 0:
        ridge = sdf.capsule((0, 0.18, 0.78), (0, tip_y + 0.3 * n, 0.86 + 0.25 * n), n * 0.36, n * 0.62)
        nose = sdf.union([nose, ridge], 0.12)
    face = sdf.union([face, nose], 0.085)
    return sdf.union([face, sdf.pair(lambda s: _ear(shape, s))], 0.07)


def head_mesh(shape: HeadShape) -> Mesh:
    """The head without the skin that the mouth's plate replaces."""
    mesh = polygonise(head_field(shape), (-1.25, -1.05, -1.1), (1.25, 1.05, 1.3), 0.049)
    v = mesh.vertices
    hole = shape.place.inside(v[:, 0], v[:, 1], 0.84) & (v[:, 2] > 0.2)
    keep = ~hole[mesh.faces].all(axis=1)
    return Mesh(v, np.ascontiguousarray(mesh.faces[keep]), mesh.normals)


def skin_colors(
    shape: HeadShape, skin: RGB, points: NDArray[np.float32], freckles: bool = False
) -> NDArray[np.float32]:
    """Skin with rosy cheeks, nose and ears: (N, 3) points in head radii -> (N, 3) sRGB."""
    base = np.array(skin)
    rosy = np.array(mix(base, (base[0], base[1] * 0.52, base[2] * 0.50), 0.85))
    p = points.astype(np.float64)
    x = np.abs(p[:, 0])
    cheek = np.exp(-(((x - 0.52 * shape.width) / 0.20) ** 2) - (((p[:, 1] + 0.36) / 0.15) ** 2)) * (p[:, 2] > 0)
    tip = np.exp(-((x / 0.15) ** 2) - (((p[:, 1] + 0.26) / 0.13) ** 2)) * smoothstep(0.85, 1.0, points[:, 2])
    ear = smoothstep(0.90, 1.05, (x / shape.width).astype(np.float32))
    amount = np.clip(0.34 * cheek + 0.24 * tip + 0.24 * ear, 0, 0.6)[:, None]
    color = base * (1 - amount) + rosy * amount
    # A little shade where eyes sit, so that whites stand out.
    for side in (1.0, -1.0):
        d = (p - shape.eye_center(side)) / (shape.eye_radii * 1.25)
        near = np.exp(-np.clip((d * d).sum(axis=1) - 0.55, 0, None) * 3.0) * (p[:, 2] > 0.3)
        color = color * (1 - 0.10 * near[:, None] * np.array([0.7, 1.0, 1.0]))
    if freckles:
        color = _freckled(shape, color, p, base)
    return np.asarray(color, dtype=np.float32)


def _freckled(shape: HeadShape, color: NDArray, p: NDArray, base: NDArray) -> NDArray:
    rng = np.random.default_rng(11)
    spots = np.column_stack([rng.uniform(0.12, 0.66, 11) * shape.width, rng.uniform(-0.42, -0.20, 11)])
    spots = np.vstack([spots, spots * [-1, 1] + rng.normal(0, 0.02, spots.shape), [[0.02, -0.20], [-0.05, -0.25]]])
    dark = np.zeros(len(p))
    for sx, sy in spots:
        dark = np.maximum(dark, np.exp(-(((p[:, 0] - sx) ** 2 + (p[:, 1] - sy) ** 2) / 0.020**2)))
    amount = 0.6 * (dark * (p[:, 2] > 0.3))[:, None]
    return np.asarray(color * (1 - amount) + base * np.array([0.70, 0.50, 0.38]) * amount)
