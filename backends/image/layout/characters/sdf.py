"""Signed-distance fields: small closures over points of shape (3, N), negative inside, joined by smooth minimum.

Formulas after Inigo Quilez, "distance functions" and "smooth minimum" (iquilezles.org/articles). The ellipsoid and the
tapered capsule are bounds, exact enough for a mesh whose vertices are snapped onto the surface afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float32]
"""(3, N) float32."""
Distance = NDArray[np.float32]
"""(N,) float32."""
Field = Callable[[Points], Distance]


def column(v: ArrayLike) -> Points:
    """A vector as a (3, 1) column."""
    return np.asarray(v, dtype=np.float32).reshape(3, 1)


def length(q: Points) -> Distance:
    """Euclidean norm of each column."""
    return np.asarray(np.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2]), dtype=np.float32)


def sphere(center: ArrayLike, radius: float) -> Field:
    """Ball of `radius` about `center`."""
    c, r = column(center), np.float32(radius)
    return lambda p: length(p - c) - r


def ellipsoid(center: ArrayLike, radii: ArrayLike, rotation: ArrayLike | None = None) -> Field:
    """Ellipsoid; `rotation` (3, 3) turns its own axes into the world's."""
    c, r = column(center), column(radii)
    inverse, inverse2 = 1.0 / r, 1.0 / (r * r)
    turn = None if rotation is None else np.ascontiguousarray(np.asarray(rotation, dtype=np.float32).T)

    def field(p: Points) -> Distance:
        q = p - c
        if turn is not None:
            q = turn @ q
        k0 = length(q * inverse)
        k1 = length(q * inverse2)
        return np.asarray(k0 * (k0 - 1.0) / np.maximum(k1, np.float32(1e-6)), dtype=np.float32)

    return field


def capsule(a: ArrayLike, b: ArrayLike, ra: float, rb: float | None = None) -> Field:
    """Capsule from `a` to `b` whose radius goes from `ra` to `rb`."""
    start, along = column(a), column(b) - column(a)
    square = np.float32(max(float((along * along).sum()), 1e-12))
    r0, dr = np.float32(ra), np.float32((ra if rb is None else rb) - ra)
    ax, ay, az = (np.float32(v) for v in along[:, 0])

    def field(p: Points) -> Distance:
        x, y, z = p[0] - start[0, 0], p[1] - start[1, 0], p[2] - start[2, 0]
        h = np.clip((x * ax + y * ay + z * az) / square, np.float32(0), np.float32(1))
        x -= h * ax
        y -= h * ay
        z -= h * az
        return np.asarray(np.sqrt(x * x + y * y + z * z) - r0 - dr * h, dtype=np.float32)

    return field


def chain(points: Sequence[ArrayLike], radii: Sequence[float], k: float = 0.0) -> Field:
    """Capsules through `points`, one radius at each."""
    links = [
        capsule(a, b, ra, rb)
        for a, b, ra, rb in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True)
    ]  # fmt: skip
    return union(links, k)


def box(center: ArrayLike, half: ArrayLike, rounding: float, rotation: ArrayLike | None = None) -> Field:
    """Box with half sizes `half` (rounding included) and round edges."""
    c = column(center)
    h = column(half) - np.float32(rounding)
    turn = None if rotation is None else np.ascontiguousarray(np.asarray(rotation, dtype=np.float32).T)

    def field(p: Points) -> Distance:
        q = p - c
        if turn is not None:
            q = turn @ q
        q = np.abs(q) - h
        outside = length(np.maximum(q, np.float32(0)))
        inside = np.minimum(np.maximum(q[0], np.maximum(q[1], q[2])), np.float32(0))
        return np.asarray(outside + inside - np.float32(rounding), dtype=np.float32)

    return field


def torus(center: ArrayLike, major: ArrayLike, minor: float, rotation: ArrayLike | None = None) -> Field:
    """Ring about the local Y axis; `major` = (x radius, z radius), tube radius `minor`."""
    c = column(center)
    rx, rz = (float(v) for v in np.broadcast_to(np.asarray(major, dtype=np.float64), (2,)))
    turn = None if rotation is None else np.ascontiguousarray(np.asarray(rotation, dtype=np.float32).T)
    mean = 0.5 * (rx + rz)
    sx, sz = np.float32(mean / rx), np.float32(mean / rz)

    def field(p: Points) -> Distance:
        q = p - c
        if turn is not None:
            q = turn @ q
        ring = np.sqrt((q[0] * sx) ** 2 + (q[2] * sz) ** 2) - np.float32(mean)
        return np.asarray(np.sqrt(ring * ring + q[1] * q[1]) - np.float32(minor), dtype=np.float32)

    return field


def halfspace(point: ArrayLike, normal: ArrayLike) -> Field:
    """Everything behind the plane through `point` with outward `normal`."""
    n = np.asarray(normal, dtype=np.float64)
    n = (n / np.linalg.norm(n)).astype(np.float32)
    d = np.float32(n @ np.asarray(point, dtype=np.float32))
    return lambda p: n[0] * p[0] + n[1] * p[1] + n[2] * p[2] - d


def smin(a: Distance, b: Distance, k: float | Distance) -> Distance:
    """Quadratic smooth minimum; `k` is the width of the blend, a number or one per point."""
    if isinstance(k, float | int) and k <= 0:
        return np.minimum(a, b)
    width = np.maximum(np.float32(1e-6), np.asarray(k, dtype=np.float32))
    h = np.maximum(width - np.abs(a - b), np.float32(0)) / width
    return np.asarray(np.minimum(a, b) - h * h * width * np.float32(0.25), dtype=np.float32)


def union(fields: Iterable[Field], k: float = 0.0) -> Field:
    """Smooth union, joined in the order given."""
    items = tuple(fields)

    def field(p: Points) -> Distance:
        d = items[0](p)
        for item in items[1:]:
            d = smin(d, item(p), k)
        return d

    return field


def intersect(a: Field, b: Field, k: float = 0.0) -> Field:
    """Smooth intersection."""
    return lambda p: -smin(-a(p), -b(p), k)


def subtract(a: Field, b: Field, k: float = 0.0) -> Field:
    """`a` without `b`, with a rounded edge of width `k`."""
    return lambda p: -smin(-a(p), b(p), k)


def inflate(a: Field, amount: float) -> Field:
    """The surface moved outward by `amount`."""
    return lambda p: a(p) - np.float32(amount)


def displaced(a: Field, height: Field, reach: float) -> Field:
    """`a` with its surface raised by `height(p)`; only evaluated closer than `reach`, as detail costs time."""

    def field(p: Points) -> Distance:
        d = a(p)
        near = np.flatnonzero(np.abs(d) < reach)
        if near.size:
            d[near] -= height(p[:, near])
        return d

    return field


def pair(make: Callable[[float], Field], k: float = 0.0) -> Field:
    """Union of `make(+1)` and `make(-1)`: commutative, so that the result is symmetric."""
    return union((make(1.0), make(-1.0)), k)
