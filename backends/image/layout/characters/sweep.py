"""Meshes that need no field: tubes along curves, spheres, patches on a grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends.image.layout.characters.surface import Mesh, with_smooth_normals


def grid_faces(rows: int, columns: int, closed: bool = False) -> NDArray[np.uint32]:
    """Triangles of a (rows, columns) grid of vertices; `closed` joins the last column to the first."""
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    n = (c + 1) % columns
    a, b = r * columns + c, r * columns + n
    d, e = (r + 1) * columns + c, (r + 1) * columns + n
    quads = np.stack([np.stack([a, b, e], -1), np.stack([a, e, d], -1)], axis=2)
    return quads.reshape(-1, 3).astype(np.uint32)


def spline(points: Sequence[ArrayLike], values: Sequence[float], count: int) -> tuple[NDArray, NDArray]:
    """Catmull-Rom curve through `points`, with `values` (radii) carried along.

    Returns:
        (count, 3) points and (count,) values.
    """
    p = np.column_stack([np.asarray(points, dtype=np.float64), np.asarray(values, dtype=np.float64)])
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, len(points) - 1, count)
    i = np.minimum(t.astype(int), len(points) - 2)
    u = (t - i)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    q = 0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3)
    return q[:, :3], q[:, 3]


def tube(
    points: ArrayLike, radii: ArrayLike, segments: int = 24, flatten: float = 1.0, up: ArrayLike = (0.0, 0.0, 1.0)
) -> Mesh:
    """Tube with round caps along (N, 3) `points`; `flatten` scales it along `up`."""
    p = np.asarray(points, dtype=np.float64)
    r = np.maximum(np.asarray(radii, dtype=np.float64), 1e-5)
    tangent = np.gradient(p, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    # Round caps: a few shrinking rings beyond both ends.
    angle = np.radians([80.0, 55.0, 28.0])
    head, tail = (
        p[0] - tangent[0] * (r[0] * np.sin(angle))[:, None],
        p[-1] + tangent[-1] * (r[-1] * np.sin(angle))[:, None],
    )
    p = np.vstack([head, p, tail[::-1]])
    r = np.concatenate([r[0] * np.cos(angle), r, r[-1] * np.cos(angle[::-1])])
    tangent = np.vstack([np.repeat(tangent[:1], 3, 0), tangent, np.repeat(tangent[-1:], 3, 0)])
    side = np.cross(np.asarray(up, dtype=np.float64), tangent[0])
    if np.linalg.norm(side) < 1e-3:
        side = np.cross([1.0, 0.0, 0.0], tangent[0])
    sides = []
    for t in tangent:
        side = side - t * float(side @ t)
        side = side / max(float(np.linalg.norm(side)), 1e-9)
        sides.append(side)
    s = np.array(sides)
    other = np.cross(tangent, s)
    a = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    ring = s[:, None] * np.cos(a)[None, :, None] + flatten * other[:, None] * np.sin(a)[None, :, None]
    vertices = (p[:, None] + ring * r[:, None, None]).reshape(-1, 3)
    return with_smooth_normals(vertices, grid_faces(len(p), segments, closed=True)[:, ::-1][:, [0, 2, 1]])


def limb(points: Sequence[ArrayLike], radii: Sequence[float], rings: int = 28, segments: int = 24) -> Mesh:
    """A smooth arm or leg through its joints."""
    q, r = spline(points, radii, rings)
    return tube(q, r, segments)


def ball(radii: ArrayLike = (1.0, 1.0, 1.0), rows: int = 20, columns: int = 28) -> Mesh:
    """Ellipsoid about the origin, poles on Y."""
    theta = np.linspace(1e-3, np.pi - 1e-3, rows)[:, None]
    phi = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    shape = (rows, columns)
    unit = np.stack(
        [np.sin(theta) * np.sin(phi), np.broadcast_to(np.cos(theta), shape), np.sin(theta) * np.cos(phi)], -1
    ).reshape(-1, 3)
    mesh = Mesh(unit.astype(np.float32), grid_faces(rows, columns, closed=True)[:, ::-1], unit.astype(np.float32))
    return mesh.stretched(radii)


def cap(direction: ArrayLike, angle: float, radius: float, rings: int = 5, columns: int = 20) -> Mesh:
    """Disc lying on a sphere of `radius` about the origin, of half-angle `angle` (radians) about `direction`."""
    z = np.asarray(direction, dtype=np.float64)
    z = z / np.linalg.norm(z)
    x = np.cross([0.0, 1.0, 0.0], z)
    x = x / np.linalg.norm(x)
    y = np.cross(z, x)
    theta = np.linspace(1e-3, angle, rings)[:, None, None]
    phi = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None, :, None]
    unit = (z * np.cos(theta) + np.sin(theta) * (x * np.cos(phi) + y * np.sin(phi))).reshape(-1, 3)
    faces = grid_faces(rings, columns, closed=True)[:, ::-1].copy()
    return Mesh((unit * radius).astype(np.float32), faces, unit.astype(np.float32))
