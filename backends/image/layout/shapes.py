"""Simple solids as meshes: what the sets and props are built of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends.image.layout.mesh import Material, MeshPart
from backends.image.layout.noise import sample, tile

Mesh = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64] | None]
"""vertices (V, 3), faces (F, 3), vertex normals (V, 3) or None for flat faces."""


def part(label: str, mesh: Mesh, material: Material, colors: NDArray[np.floating] | None = None) -> MeshPart:
    """A MeshPart of a mesh; `colors` (V, 3) sRGB."""
    vertices, faces, normals = mesh
    return MeshPart(
        label, np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.uint32), material,
        None if normals is None else np.ascontiguousarray(normals, np.float32),
        None if colors is None else np.ascontiguousarray(np.clip(colors, 0, 1), np.float32),
    )  # fmt: skip


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of many; smooth only if all are."""
    start = np.cumsum([0] + [len(m[0]) for m in meshes])
    smooth = all(m[2] is not None for m in meshes)
    return (
        np.concatenate([m[0] for m in meshes]),
        np.concatenate([m[1] + s for m, s in zip(meshes, start, strict=False)]),
        np.concatenate([m[2] for m in meshes if m[2] is not None]) if smooth else None,
    )


def move(mesh: Mesh, offset: ArrayLike = (0, 0, 0), scale: ArrayLike = 1.0, yaw: float = 0.0,
         tilt: float = 0.0, roll: float = 0.0) -> Mesh:  # fmt: skip
    """Scaled, then rolled about Z, tilted about X, turned about Y (degrees), then moved."""
    vertices, faces, normals = mesh
    factor = np.broadcast_to(np.asarray(scale, float), (3,))
    a, b, c = np.radians([yaw, tilt, roll])
    turn = (
        np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        @ np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        @ np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    )
    if normals is not None:
        normals = (normals / factor) @ turn.T
        normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return (vertices * factor) @ turn.T + np.asarray(offset, float), faces, normals


def sheet(rows: int, columns: int, closed: bool = False) -> NDArray[np.int64]:
    """Triangles of a rows x columns grid of vertices; `closed` joins the last column to the first."""
    i = np.arange(rows * columns).reshape(rows, columns)
    if closed:
        i = np.concatenate([i, i[:, :1]], 1)
    a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, 1:], i[1:, :-1]
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])


def smooth_normals(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """(V, 3) area-weighted vertex normals."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(normals, faces[:, i], face)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))


def terrain(x: NDArray[np.floating], z: NDArray[np.floating], height: NDArray[np.floating]) -> Mesh:
    """A ground sheet over ascending x (C,), z (R,) with heights (R, C); faces up."""
    gx, gz = np.meshgrid(x, z)
    vertices = np.stack([gx, np.broadcast_to(height, gx.shape), gz], -1).reshape(-1, 3).astype(float)
    faces = sheet(len(z), len(x))[:, ::-1]
    return vertices, faces, smooth_normals(vertices, faces)


def graded(near: float, far: float, count: int, power: float = 2.2) -> NDArray[np.float64]:
    """Symmetric ascending coordinates from -far to far, dense within +-near."""
    t = np.linspace(-1, 1, count)
    return np.asarray(np.sign(t) * (near * np.abs(t) + (far - near) * np.abs(t) ** power))


def ground(size: float = 120.0, y: float = 0.0) -> Mesh:
    """A flat square of a few triangles."""
    edge = graded(6.0, size, 9)
    return terrain(edge, edge, np.full((9, 9), y))


def ball(center: ArrayLike = (0, 0, 0), radius: ArrayLike = 1.0, detail: int = 20) -> Mesh:
    """An ellipsoid."""
    return move(lathe([(np.sin(t), -np.cos(t)) for t in np.linspace(0, np.pi, detail)], detail * 2), center, radius)


def lathe(profile: Sequence[tuple[float, float]], around: int = 32) -> Mesh:
    """(radius, height) points, from bottom to top, turned about Y."""
    r, y = np.array(profile, float).T
    a = np.linspace(0, 2 * np.pi, around, endpoint=False)
    vertices = np.stack([r[:, None] * np.sin(a), np.repeat(y[:, None], around, 1), r[:, None] * np.cos(a)], -1)
    faces = sheet(len(r), around, closed=True)
    flat = vertices.reshape(-1, 3)
    # Normals from the profile: poles would otherwise have none.
    dr, dy = np.gradient(r), np.gradient(y)
    length = np.maximum(np.hypot(dr, dy), 1e-12)
    nr, ny = dy / length, -dr / length
    normals = np.stack([nr[:, None] * np.sin(a), np.repeat(ny[:, None], around, 1), nr[:, None] * np.cos(a)], -1)
    return flat, faces, normals.reshape(-1, 3)


def cylinder(
    radius: float = 1.0, height: float = 1.0, top: float | None = None, around: int = 28, bevel: float = 0.04
) -> Mesh:
    """An upright solid on y = 0 with rounded rims; `top` is the upper radius."""
    upper = radius if top is None else top
    b = min(bevel, radius * 0.5, upper * 0.5 if upper > 0 else bevel, height * 0.45)
    arc = np.linspace(0, np.pi / 2, 4)
    profile = [(0.0, 0.0)]
    profile += [(radius - b + b * np.sin(t), b - b * np.cos(t)) for t in arc]
    profile += [(max(upper - b, 0) + b * np.cos(t), height - b + b * np.sin(t)) for t in arc]
    profile += [(0.0, height)]
    return lathe(profile, around)


def box(size: Sequence[float], center: Sequence[float] = (0, 0, 0), bevel: float = 0.03) -> Mesh:
    """A block with bevelled edges (a light catches them), flat-shaded."""
    half = np.asarray(size, float) / 2
    b = min(bevel, float(half.min()) * 0.45)
    vertices: list[NDArray[np.float64]] = []
    for axis in range(3):
        for side in (-1, 1):
            for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                p = np.zeros(3)
                p[axis] = side * half[axis]
                p[(axis + 1) % 3] = s * (half[(axis + 1) % 3] - b)
                p[(axis + 2) % 3] = t * (half[(axis + 2) % 3] - b)
                vertices.append(p)
    return np.array(vertices) + np.asarray(center, float), _bevelled_cube(), None


@cache
def _bevelled_cube() -> NDArray[np.int64]:
    """Faces over the 24 vertices of `box`: they connect the same way whatever the size."""
    from scipy.spatial import ConvexHull

    points = []
    for axis in range(3):
        for side in (-1, 1):
            for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                p = np.zeros(3)
                p[axis], p[(axis + 1) % 3], p[(axis + 2) % 3] = side, 0.8 * s, 0.8 * t
                points.append(p)
    cloud = np.array(points)
    hull = ConvexHull(cloud)
    faces = hull.simplices.astype(np.int64)
    a, b, c = (cloud[faces[:, i]] for i in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), hull.equations[:, :3]) < 0
    faces[inward] = faces[inward][:, ::-1]
    return np.asarray(faces)


def blob(center: ArrayLike, radius: ArrayLike, seed: int, rough: float = 0.18, detail: int = 22,
         waves: float = 1.0) -> Mesh:  # fmt: skip
    """A lumpy ellipsoid: foliage, rocks, clouds of dust."""
    vertices, faces, _ = ball(detail=detail)
    field = tile(91, 1.1, 2, 24)
    u = vertices[:, 0] * 0.11 * waves + vertices[:, 1] * 0.07 * waves + seed * 0.137
    v = vertices[:, 2] * 0.11 * waves - vertices[:, 1] * 0.09 * waves + seed * 0.219
    bump = sample(field, u, v) - 0.5
    vertices = vertices * (1 + rough * 3.0 * bump[:, None])
    vertices = vertices * np.broadcast_to(np.asarray(radius, float), (3,)) + np.asarray(center, float)
    normals = smooth_normals(vertices, faces)
    return vertices, faces, normals


def tube(points: ArrayLike, radii: ArrayLike, around: int = 14) -> Mesh:
    """A bent pipe through `points` (P, 3) with a radius at each, closed at both ends."""
    p = np.array(points, float)
    tangent = np.gradient(p, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent, [0.31, 0.17, 0.93])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, tangent)
    a = np.linspace(0, 2 * np.pi, around, endpoint=False)
    ring = side[:, None] * np.cos(a)[None, :, None] + up[:, None] * np.sin(a)[None, :, None]
    vertices = (p[:, None] + ring * np.asarray(radii, float)[:, None, None]).reshape(-1, 3)
    normals = ring.reshape(-1, 3)
    faces = sheet(len(p), around, closed=True)
    vertices = np.concatenate([vertices, p[:1], p[-1:]])
    normals = np.concatenate([normals, -tangent[:1], tangent[-1:]])
    n = len(p) * around
    first, last = np.arange(around), np.arange(around) + n - around
    caps = np.concatenate([
        np.stack([np.full(around, n), np.roll(first, -1), first], -1),
        np.stack([np.full(around, n + 1), last, np.roll(last, -1)], -1),
    ])  # fmt: skip
    return _outward(vertices, np.concatenate([faces, caps]), normals)


def _outward(vertices: NDArray[np.float64], faces: NDArray[np.int64], normals: NDArray[np.float64]) -> Mesh:
    """Turn round the faces that disagree with their vertex normals."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    wrong = np.einsum("ij,ij->i", np.cross(b - a, c - a), normals[faces].sum(1)) < 0
    faces[wrong] = faces[wrong][:, ::-1]
    return vertices, faces, normals


def arch(width: float, height: float, wall: float, rise: float, depth: float, steps: int = 14) -> Mesh:
    """A wall of `width` x `wall` (height) with a round-headed opening `height` high in its middle, `depth` thick.

    The opening's sides are as far apart as 2 * `rise`, its head a half circle of that radius. Front at z = 0.
    """
    spring = height - rise
    angle = np.linspace(np.pi, 0, steps)
    inner = np.concatenate([[[-rise, 0.0]], np.stack([rise * np.cos(angle), spring + rise * np.sin(angle)], 1),
                            [[rise, 0.0]]])  # fmt: skip
    outer = np.stack([np.interp(inner[:, 0], [-rise, rise], [-width / 2, width / 2]), np.full(len(inner), wall)], 1)
    outer[0] = (-width / 2, 0.0)
    outer[1] = (-width / 2, wall)
    outer[-2] = (width / 2, wall)
    outer[-1] = (width / 2, 0.0)
    n = len(inner)
    front_in, front_out = np.c_[inner, np.zeros(n)], np.c_[outer, np.zeros(n)]
    back_in = front_in - (0, 0, depth)
    vertices = np.concatenate([front_out, front_in, back_in])
    faces = np.concatenate([sheet(2, n), sheet(2, n) + n])
    return vertices, faces, None


def panel(width: float, height: float, center: Sequence[float] = (0, 0, 0)) -> Mesh:
    """An upright rectangle that faces +Z."""
    x, y = width / 2, height / 2
    vertices = np.array([[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]]) + np.asarray(center, float)
    return vertices, np.array([[0, 1, 2], [0, 2, 3]]), None
