"""From a signed-distance field to a triangle mesh: sparse samples, marching cubes, vertices snapped to the surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends.image.layout.characters.sdf import Field

QUALITY = 1.0
"""Cell size factor of every mesh: 1 for pictures, 2 and more for quick checks. Part of every cache key."""

_BLOCK = 4
"""Grid nodes along one side of the blocks that the coarse pass keeps or drops."""


@dataclass(frozen=True)
class Mesh:
    """A bare triangle mesh in any frame: vertices (V, 3), faces (F, 3) counter-clockwise, unit normals (V, 3)."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.uint32]
    normals: NDArray[np.float32]

    def moved(self, rotation: ArrayLike, origin: ArrayLike, scale: float = 1.0) -> Mesh:
        """Scaled, turned by `rotation` (3, 3; a reflection is allowed), then put at `origin`."""
        turn = np.asarray(rotation, dtype=np.float32)
        vertices = (self.vertices * np.float32(scale)) @ turn.T + np.asarray(origin, dtype=np.float32)
        faces = self.faces if np.linalg.det(turn) > 0 else np.ascontiguousarray(self.faces[:, ::-1])
        return Mesh(vertices.astype(np.float32), faces, (self.normals @ turn.T).astype(np.float32))

    def stretched(self, factors: ArrayLike) -> Mesh:
        """Scaled by another factor along each axis; normals follow by the inverse."""
        f = np.asarray(factors, dtype=np.float32)
        normals = self.normals / f
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        faces = self.faces if np.prod(f) > 0 else np.ascontiguousarray(self.faces[:, ::-1])
        return Mesh(self.vertices * f, faces, normals.astype(np.float32))


def joined(meshes: list[Mesh]) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]).astype(np.float32),
        np.concatenate([m.faces + np.uint32(s) for m, s in zip(meshes, starts, strict=True)]).astype(np.uint32),
        np.concatenate([m.normals for m in meshes]).astype(np.float32),
    )


def with_smooth_normals(vertices: ArrayLike, faces: ArrayLike) -> Mesh:
    """A mesh whose normals are the area-weighted mean of the faces around each vertex."""
    v = np.asarray(vertices, dtype=np.float64)
    f = np.asarray(faces, dtype=np.int64)
    cross = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
    total = np.zeros_like(v)
    for corner in range(3):
        np.add.at(total, f[:, corner], cross)
    norm = np.linalg.norm(total, axis=1, keepdims=True)
    normals = np.where(norm > 1e-14, total / np.maximum(norm, 1e-14), np.array([0.0, 0.0, 1.0]))
    return Mesh(v.astype(np.float32), f.astype(np.uint32), normals.astype(np.float32))


def gradient(field: Field, points: NDArray[np.float32], step: float) -> NDArray[np.float32]:
    """Gradient of `field` at (N, 3) points from four samples at the corners of a tetrahedron."""
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], dtype=np.float32)
    p = np.ascontiguousarray(points.T)
    total = np.zeros_like(p)
    for corner in corners:
        total += corner[:, None] * field(p + corner[:, None] * np.float32(step))
    return np.ascontiguousarray(total.T) / np.float32(4 * step)


def _unit(v: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-9)), dtype=np.float32)


def _axes(lo: NDArray[np.float64], hi: NDArray[np.float64], cell: float) -> list[NDArray[np.float32]]:
    # Nodes sit symmetrically about 0 in x, so that a symmetric field gives a symmetric mesh.
    axes = []
    for i in range(3):
        blocks = int(np.ceil((hi[i] - lo[i]) / cell / _BLOCK))
        nodes = max(blocks, 1) * _BLOCK
        middle = 0.5 * (lo[i] + hi[i])
        axes.append((middle + (np.arange(nodes) - (nodes - 1) / 2) * cell).astype(np.float32))
    return axes


def _sample(field: Field, axes: list[NDArray[np.float32]], cell: float) -> NDArray[np.float32]:
    counts = [len(a) // _BLOCK for a in axes]
    centers = [a.reshape(-1, _BLOCK).mean(axis=1) for a in axes]
    grid = np.stack([g.ravel() for g in np.meshgrid(*centers, indexing="ij")]).astype(np.float32)
    coarse = field(grid)
    # Fields here are bounds with a slope near 1; 1.6 covers stretched ellipsoids and displacements.
    reach = 1.6 * cell * (_BLOCK * 0.5) * np.sqrt(3.0) + cell
    active = np.flatnonzero(np.abs(coarse) < reach)
    volume = np.empty((len(coarse), _BLOCK**3), dtype=np.float32)
    volume[:] = coarse[:, None]
    offset = (np.arange(_BLOCK) - (_BLOCK - 1) / 2) * cell
    inner = np.stack([g.ravel() for g in np.meshgrid(offset, offset, offset, indexing="ij")]).astype(np.float32)
    chunk = 1500
    for start in range(0, len(active), chunk):
        picked = active[start : start + chunk]
        p = (grid[:, picked, None] + inner[:, None, :]).reshape(3, -1)
        volume[picked] = field(np.ascontiguousarray(p)).reshape(len(picked), -1)
    nx, ny, nz = counts
    b = _BLOCK
    return volume.reshape(nx, ny, nz, b, b, b).transpose(0, 3, 1, 4, 2, 5).reshape(nx * b, ny * b, nz * b)


def polygonise(field: Field, lo: ArrayLike, hi: ArrayLike, cell: float) -> Mesh:
    """Mesh the zero surface of `field` inside the box `lo`..`hi` (which must hold all of it).

    `cell` is multiplied by `QUALITY`. Vertices are moved onto the surface by one Newton step, normals are the field's
    own gradient, so that a coarse mesh still shades smoothly.

    Raises:
        ValueError: The field has no surface inside the box.
    """
    from skimage.measure import marching_cubes

    size = cell * QUALITY
    low = np.asarray(lo, dtype=np.float64) - 2 * size
    high = np.asarray(hi, dtype=np.float64) + 2 * size
    axes = _axes(low, high, size)
    volume = _sample(field, axes, size)
    if not (volume.min() < 0 < volume.max()):
        raise ValueError("the field has no surface inside the box")
    vertices, faces, _, _ = marching_cubes(
        volume, 0.0, spacing=(size, size, size), gradient_direction="descent", allow_degenerate=False
    )
    vertices = vertices.astype(np.float32) + np.array([a[0] for a in axes], dtype=np.float32)
    slope = gradient(field, vertices, 0.35 * size)
    steep = np.maximum(np.linalg.norm(slope, axis=1), 0.3)
    value = field(np.ascontiguousarray(vertices.T))
    shift = np.clip(value / steep, -0.5 * size, 0.5 * size)
    normals = _unit(slope)
    vertices = vertices - normals * shift[:, None].astype(np.float32)
    return Mesh(vertices.astype(np.float32), faces.astype(np.uint32), normals)


def bounds_of(points: ArrayLike, margin: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Box about (N, 3) points, grown by `margin`."""
    p = np.asarray(points, dtype=np.float64)
    return p.min(axis=0) - margin, p.max(axis=0) + margin


def drop_to_surface(field: Field, xy: NDArray[np.float32], start_z: float = 2.0) -> NDArray[np.float32]:
    """Points of the surface met by rays along -Z.

    Args:
        field: The surface.
        xy: (N, 2) start positions.
        start_z: Where the rays begin, outside the surface.

    Returns:
        (N, 3); a ray that misses stops at z = 0.
    """
    p = np.empty((3, len(xy)), dtype=np.float32)
    p[:2] = xy.T
    p[2] = start_z
    for _ in range(40):
        step = field(p)
        if float(np.abs(step).max()) < 1e-4:
            break
        p[2] = np.maximum(p[2] - 0.9 * step, np.float32(0))
    return np.ascontiguousarray(p.T)
