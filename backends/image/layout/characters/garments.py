"""What clothes have in common: sleeves, legs, skirts, rings, things fixed to a surface; fields in height units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends.image.layout.characters import sdf
from backends.image.layout.characters.body import along
from backends.image.layout.characters.sdf import Distance, Field, Points
from backends.image.layout.characters.skeleton import Arm, Frame, Leg, Rig, Vector, unit
from backends.image.layout.characters.surface import Mesh, bounds_of, polygonise

CELL = 0.0080
"""Cell of cloth meshes, height units."""


def upright(direction: ArrayLike, hint: ArrayLike = (0.0, 0.0, 1.0)) -> NDArray[np.float64]:
    """Rotation whose +Y is `direction`."""
    y = unit(direction)
    h = np.asarray(hint, dtype=np.float64)
    if abs(float(h @ y)) > 0.95:
        h = np.array([1.0, 0.0, 0.0])
    x = unit(np.cross(y, h))
    return np.column_stack([x, y, np.cross(x, y)])


def _ended(field: Field, at: Vector, direction: Vector, opening: float) -> Field:
    """Cut flat at `at`, with a shallow opening, so that an end of cloth shows its edge."""
    cut = sdf.intersect(field, sdf.halfspace(at, direction), 0.010)
    return sdf.subtract(cut, sdf.capsule(at - 0.012 * direction, at + 0.05 * direction, opening), 0.006)


def limb_point(a: Vector, b: Vector, c: Vector, end: float) -> tuple[Vector, Vector]:
    """Point and direction at `end` along two bones: 1 = the joint between, 2 = the far end."""
    if end <= 1:
        return along(a, b, end), unit(b - a)
    return along(b, c, end - 1), unit(c - b)


def sleeve(arm: Arm, radii: list[float], grow: tuple[float, float], end: float) -> Field:
    """A sleeve from the shoulder to `end` (1 = elbow, 2 = wrist); `grow` = added radius at shoulder and end."""
    at, direction = limb_point(arm.shoulder, arm.elbow, arm.wrist, end)
    if end <= 1:
        r_end = radii[0] + (radii[1] - radii[0]) * end
        body = sdf.capsule(arm.shoulder, at + 0.03 * direction, radii[0] + grow[0], r_end + grow[1])
    else:
        r_end = radii[1] + (radii[2] - radii[1]) * (end - 1)
        middle = 0.5 * (grow[0] + grow[1])
        body = sdf.chain(
            [arm.shoulder, arm.elbow, at + 0.02 * direction],
            [radii[0] + grow[0], radii[1] + middle, r_end + grow[1]], 0.012,
        )  # fmt: skip
    return _ended(body, at, direction, r_end + 0.10 * grow[1])


def cuff(arm: Arm, radii: list[float], grow: float, end: float, width: float) -> Field:
    """A band round the arm just before `end`."""
    at, direction = limb_point(arm.shoulder, arm.elbow, arm.wrist, end)
    r = radii[1] + (radii[2] - radii[1]) * (end - 1) if end > 1 else radii[0] + (radii[1] - radii[0]) * end
    return sdf.torus(at - direction * width, r + grow * 0.75, width, upright(direction))


def trouser_leg(leg: Leg, radii: list[float], grow: tuple[float, float], end: float) -> Field:
    """A trouser leg from the hip to `end` (1 = knee, 2 = ankle)."""
    at, direction = limb_point(leg.hip, leg.knee, leg.ankle, end)
    if end <= 1:
        r_end = radii[0] + (radii[1] - radii[0]) * end
        body = sdf.capsule(leg.hip, at + 0.03 * direction, radii[0] + grow[0], r_end + grow[1])
    else:
        r_end = radii[1] + (radii[2] - radii[1]) * (end - 1)
        body = sdf.chain(
            [leg.hip, leg.knee, at + 0.02 * direction],
            [radii[0] + grow[0], radii[1] + 0.5 * (grow[0] + grow[1]), r_end + grow[1]], 0.016,
        )  # fmt: skip
    return _ended(body, at, direction, r_end + 0.10 * grow[1])


def flared(
    frame: Frame, top: tuple[float, float, float], hem: tuple[float, float, float], folds: int, depth: float
) -> Field:
    """A hollow cone of cloth: (y, half width, half depth) at top and hem, in `frame`; folds grow downward."""
    inverse = np.ascontiguousarray(frame.rotation.T.astype(np.float32))
    origin = sdf.column(frame.origin)
    (y1, a1, b1), (y0, a0, b0) = top, hem

    def shell(p: Points, inset: float) -> Distance:
        q = inverse @ (p - origin)
        t = np.clip((np.float32(y1) - q[1]) / np.float32(y1 - y0), 0, 1)
        ease = t * (0.65 + 0.35 * t)
        wave = depth * ease * np.cos(folds * np.arctan2(q[0], q[2])) if folds else 0.0
        a, b = a1 + (a0 - a1) * ease + wave - inset, b1 + (b0 - b1) * ease + wave - inset
        steep = min(1.0, float(abs(y1 - y0)) / float(np.hypot(y1 - y0, a0 - a1)))
        side = (np.sqrt((q[0] / a) ** 2 + (q[2] / b) ** 2) - 1.0) * np.minimum(a, b) * np.float32(steep)
        return np.asarray(side, dtype=np.float32)

    def field(p: Points) -> Distance:
        q1 = (inverse @ (p - origin))[1]
        slab = np.maximum(q1 - np.float32(y1), np.float32(y0) - q1)
        solid = -sdf.smin(-shell(p, 0.0), -slab, 0.012)
        hollow = np.maximum(shell(p, 0.017), q1 - np.float32(y0 + 0.06))
        return -sdf.smin(-solid, hollow, 0.006)

    return field


def on_front(field: Field, frame: Frame, x: float, y: float, back: bool = False) -> Vector:
    """Where a line along the frame's Z at (x, y) meets `field`, from the front (or the back)."""
    sign = -1.0 if back else 1.0
    direction = frame.along(0, 0, -sign)
    p = frame.at(x, y, 0.4 * sign)
    for _ in range(50):
        d = float(field(p.astype(np.float32).reshape(3, 1))[0])
        p = p + direction * 0.9 * d
        if abs(d) < 1e-5:
            break
    return p


def meshed(field: Field, rig: Rig, body: dict[str, Any], cell: float = CELL) -> Mesh:
    """Mesh of a piece of clothing; it is searched for within reach of the skeleton."""
    points = [rig.pelvis.origin, rig.chest.origin, rig.neck]
    for leg in rig.legs.values():
        points += [leg.hip, leg.knee, leg.ankle]
    for arm in rig.arms.values():
        points += [arm.shoulder, arm.elbow, arm.wrist]
    lo, hi = bounds_of(points, 1.6 * max(body["belly"][:2]))
    step = 0.035
    axes = [np.arange(lo[i], hi[i] + step, step) for i in range(3)]
    grid = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")]).astype(np.float32)
    near = grid[:, field(grid) < step]
    # Wide people get wider cells: the same number of triangles.
    wide = max(1.0, body["belly"][0] / 0.080)
    return polygonise(field, near.min(axis=1) - step, near.max(axis=1) + step, cell * wide)
