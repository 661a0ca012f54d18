"""The body under the clothes: torso field for clothes to grow from, bare arms, legs and neck as smooth tubes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends.image.layout.characters import sdf
from backends.image.layout.characters.sdf import Distance, Field, Points
from backends.image.layout.characters.skeleton import SIDES, Arm, Leg, Rig, Vector, unit
from backends.image.layout.characters.surface import Mesh
from backends.image.layout.characters.sweep import limb


def torso_field(rig: Rig, body: dict[str, Any], grow: float = 0.0, loose: float = 0.0) -> Field:
    """Pelvis, belly, chest and shoulders as one surface, `grow` larger all round (height units).

    `loose` > 0 lets the lower end hang straight like a shirt's hem, that much wider than the hips.
    """
    pw, pd, py = body["pelvis"]
    bw, bd, by = body["belly"]
    cw, cd, cy = body["chest"]
    waist = 0.5 * (rig.pelvis.at(0, by - py, 0) + rig.chest.at(0, by - cy, 0))
    tall = 0.62 * (cy - py)
    blobs = [
        sdf.ellipsoid(rig.pelvis.origin, np.array([pw, 0.5 * tall, pd]) + grow, rig.pelvis.rotation),
        sdf.ellipsoid(waist, np.array([bw, 0.62 * tall, bd]) + grow, rig.chest.rotation),
        sdf.ellipsoid(rig.chest.origin, np.array([cw, 0.58 * tall, cd]) + grow, rig.chest.rotation),
    ]
    if loose > 0:
        radii = np.array([pw + grow + loose, 1.1 * tall, pd + grow + loose])
        blobs.append(sdf.ellipsoid(rig.pelvis.at(0, -0.03, 0), radii, rig.pelvis.rotation))
    torso = sdf.union(blobs, 0.07)
    r = body["arm_radii"][0]
    slope = rig.chest.at(0, body["neck"] - cy - 0.030, 0)
    girdle = sdf.union(
        [sdf.capsule(slope, rig.arms[s].shoulder, r * 1.05 + grow, r * 0.88 + grow) for s in SIDES], 0.03
    )
    return sdf.union([torso, girdle], 0.05)


def blended_sleeves(torso: Field, sleeves: dict[str, Field], rig: Rig, reach: float, width: float) -> Field:
    """Torso and sleeves in one: smooth at the shoulders only, so that a hanging arm does not grow onto the ribs."""
    centers = {s: sdf.column(rig.arms[s].shoulder) for s in sleeves}

    def field(p: Points) -> Distance:
        d = torso(p)
        for s, sleeve in sleeves.items():
            away = sdf.length(p - centers[s]) / np.float32(reach)
            k = np.float32(width) * np.exp(-away * away) + np.float32(0.004)
            d = sdf.smin(d, sleeve(p), k)
        return d

    return field


def bent(a: ArrayLike, b: ArrayLike, c: ArrayLike, beyond: ArrayLike | None = None) -> list[Vector]:
    """Points of a limb that rounds off its joint `b` a little."""
    p, q, r = (np.asarray(v, dtype=np.float64) for v in (a, b, c))
    inward = q + 0.06 * ((p - q) + (r - q))
    points = [p, 0.5 * (p + q), q + 0.20 * (p - q), inward, q + 0.20 * (r - q), 0.5 * (q + r), r]
    if beyond is not None:
        points.append(np.asarray(beyond, dtype=np.float64))
    return points


def arm_mesh(arm: Arm, radii: list[float], hand: float) -> Mesh:
    """Bare arm from inside the shoulder to inside the hand."""
    a, b, c = radii
    points = bent(arm.shoulder, arm.elbow, arm.wrist, arm.hand.at(0, 0.14 * hand, 0))
    return limb(points, [a, 0.5 * (a + b), b, b, b, 0.5 * (b + c) * 1.03, c, c * 0.96], 34, 24)


def leg_mesh(leg: Leg, radii: list[float]) -> Mesh:
    """Bare leg from inside the hip to inside the shoe, with a calf."""
    a, b, c = radii
    below = leg.ankle + 0.25 * (leg.ankle - leg.knee) * 0.3
    return limb(
        bent(leg.hip, leg.knee, leg.ankle, below),
        [a, 0.5 * (a + b), b, b, b * 1.02, 0.56 * (b + c) * 1.05, c, c],
        34,
        24,
    )


def neck_mesh(rig: Rig, radius: float) -> Mesh:
    """The neck, from inside the chest to inside the head."""
    top = rig.head.at(0, -0.42 * rig.head_radius, -0.10 * rig.head_radius)
    low = rig.neck - 0.9 * radius * unit(top - rig.neck)
    return limb([low, rig.neck, 0.5 * (rig.neck + top), top], [radius * 1.25, radius * 1.06, radius, radius], 16, 24)


def along(a: NDArray, b: NDArray, t: float) -> Vector:
    """Point at `t` between `a` and `b`."""
    p: Vector = a + (b - a) * t
    return p
