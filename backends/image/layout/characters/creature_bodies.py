"""Bodies of animals and monsters: furry torso with limbs, paws, wings, tails."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.image.layout.characters import sdf
from backends.image.layout.characters.body import bent, blended_sleeves, torso_field
from backends.image.layout.characters.garments import meshed
from backends.image.layout.characters.sdf import Field
from backends.image.layout.characters.skeleton import SIDES, Arm, Rig, unit
from backends.image.layout.characters.surface import Mesh, bounds_of, joined, polygonise
from backends.image.layout.characters.sweep import limb, spline, tube


def paw_mesh() -> Mesh:
    """The left paw in hand lengths (axes as in hands.py): a soft mitten with three toes and a thumb."""
    palm = sdf.ellipsoid((0, 0.30, 0.02), (0.40, 0.40, 0.30))
    toes = [sdf.ellipsoid((x, 0.62 - 0.5 * x * x, 0.06), (0.155, 0.20, 0.17)) for x in (-0.22, 0.0, 0.22)]
    thumb = sdf.ellipsoid((-0.36, 0.30, 0.12), (0.15, 0.20, 0.16))
    hand = sdf.union([sdf.union([palm, sdf.union(toes, 0.02)], 0.06), thumb], 0.06)
    return polygonise(hand, (-0.65, -0.2, -0.4), (0.6, 0.95, 0.45), 0.046)


def foot_mesh(feathered: bool, ankle: float) -> dict[str, Mesh]:
    """One foot in foot lengths, origin at the ankle: a paw with toes, or a bird's three-toed foot."""
    g = -ankle
    if feathered:
        toes = [
            sdf.chain(
                [(0, g + 0.13, 0.0), (x * 0.6, g + 0.085, 0.34), (x, g + 0.055, 0.62)], [0.075, 0.075, 0.055], 0.04
            )
            for x in (-0.30, 0.0, 0.30)
        ]
        back = sdf.capsule((0, g + 0.12, 0), (0, g + 0.055, -0.30), 0.07, 0.05)
        web = sdf.ellipsoid((0, g + 0.06, 0.30), (0.22, 0.045, 0.26))
        body = sdf.union([*toes, back, web], 0.08)
    else:
        sole = sdf.ellipsoid((0, g + 0.20, 0.18), (0.40, 0.27, 0.50))
        toes = [sdf.ellipsoid((x, g + 0.16, 0.60 - 0.5 * x * x), (0.155, 0.17, 0.16)) for x in (-0.25, 0.0, 0.25)]
        body = sdf.union([sole, sdf.union(toes, 0.02)], 0.06)
    body = sdf.intersect(body, sdf.halfspace((0, g, 0), (0, -1, 0)), 0.02)
    return {"foot": polygonise(body, (-0.55, g, -0.5), (0.55, 0.3, 0.9), 0.036)}


def _furry(rig: Rig, body: dict[str, Any]) -> Field:
    torso = torso_field(rig, body, 0.006)
    legs = []
    for s in SIDES:
        leg = rig.legs[s]
        legs.append(sdf.chain([leg.hip, leg.knee, leg.ankle], body["leg_radii"], 0.03))
    torso = sdf.union([torso, sdf.union(legs, 0.012)], 0.045)
    arms = {s: sdf.chain([a.shoulder, a.elbow, a.wrist], body["arm_radii"], 0.02) for s, a in rig.arms.items()}
    return blended_sleeves(torso, arms, rig, 0.085, 0.09)


def _tail(kind: str, rig: Rig) -> Mesh:
    p = rig.pelvis
    if kind == "cat":
        points = [
            p.at(0, -0.04, -0.07),
            p.at(0.05, -0.06, -0.20),
            p.at(0.15, 0.05, -0.25),
            p.at(0.16, 0.20, -0.20),
            p.at(0.22, 0.28, -0.20),
        ]
        q, r = spline(points, [0.032, 0.032, 0.031, 0.030, 0.022], 40)
    elif kind == "dog":
        points = [p.at(0, 0.0, -0.08), p.at(0.01, 0.05, -0.16), p.at(0.02, 0.15, -0.19), p.at(0.03, 0.22, -0.15)]
        q, r = spline(points, [0.034, 0.036, 0.030, 0.010], 30)
    elif kind == "fox":
        points = [
            p.at(0.01, -0.03, -0.07),
            p.at(0.06, -0.09, -0.19),
            p.at(0.17, -0.04, -0.27),
            p.at(0.26, 0.10, -0.26),
            p.at(0.28, 0.24, -0.20),
        ]
        q, r = spline(points, [0.028, 0.055, 0.085, 0.070, 0.008], 44)
    elif kind in ("rabbit", "bear"):
        size = 0.055 if kind == "rabbit" else 0.042
        q, r = spline([p.at(0, 0.0, -0.06), p.at(0, 0.01, -0.09), p.at(0, 0.02, -0.13)], [size, size, 0.012], 16)
    else:
        points = [p.at(0, -0.03, -0.06), p.at(0, -0.10, -0.18), p.at(0.06, -0.12, -0.28), p.at(0.13, -0.06, -0.34)]
        q, r = spline(points, [0.075, 0.055, 0.036, 0.010], 34)
    return tube(q, r, 20)


def _wing(arm: Arm, hand: float) -> Field:
    normal = arm.hand.rotation[:, 2]

    def feather(a: np.ndarray, direction: np.ndarray, length: float, wide: float, thick: float) -> Field:
        y = unit(direction)
        z = unit(normal - y * float(normal @ y))
        turn = np.column_stack([np.cross(y, z), y, z])
        return sdf.ellipsoid(a + y * length * 0.5, (wide, length * 0.62, thick), turn)

    upper, lower = arm.elbow - arm.shoulder, arm.wrist - arm.elbow
    along = unit(lower)
    side = unit(np.cross(along, normal))
    blades = [
        feather(arm.shoulder, upper, float(np.linalg.norm(upper)), 0.062, 0.028),
        feather(arm.elbow, lower, float(np.linalg.norm(lower)), 0.066, 0.024),
    ]
    tips = [
        feather(
            arm.wrist - 0.02 * along + side * o * 0.022,
            along + side * o * 0.32,
            hand * (1.05 - 0.18 * abs(o)),
            0.027,
            0.014,
        )
        for o in (-1.0, 0.0, 1.0)
    ]
    return sdf.union([sdf.union(blades, 0.05), *tips], 0.022)


def _bird(kind: str, rig: Rig, body: dict[str, Any]) -> dict[str, Mesh]:
    torso = torso_field(rig, body, 0.008)
    neck = sdf.capsule(rig.chest.at(0, 0.05, 0), rig.head.at(0, -0.45 * rig.head_radius, 0), 0.092, 0.100)
    p = rig.pelvis
    fan = [
        sdf.capsule(p.at(0, 0.02, -0.06), p.at(x, -0.01 if kind == "bird" else -0.05, -0.25), 0.048, 0.020)
        for x in (-0.06, 0.0, 0.06)
    ]
    thighs = [
        sdf.capsule(rig.legs[s].hip, rig.legs[s].hip + 0.5 * (rig.legs[s].knee - rig.legs[s].hip), 0.052, 0.026)
        for s in SIDES
    ]
    plumage = sdf.union([torso, neck], 0.07)
    plumage = sdf.union([plumage, sdf.union(fan, 0.02), *thighs], 0.045)
    out = {"body": meshed(plumage, rig, body)}
    for s in SIDES:
        arm = rig.arms[s]
        lo, hi = bounds_of([arm.shoulder, arm.elbow, arm.wrist, arm.hand.at(0, body["hand"], 0)], 0.09)
        out[f"wing_{s}"] = polygonise(_wing(arm, body["hand"]), lo, hi, 0.0072)
    r = body["leg_radii"]
    legs = [
        limb(bent(g.hip, g.knee, g.ankle), [r[0], r[0], r[1], r[1], r[1], r[2], r[2]], 22, 14)
        for g in rig.legs.values()
    ]
    out["legs"] = joined(legs)
    return out


def body_meshes(kind: str, rig: Rig, body: dict[str, Any]) -> dict[str, Mesh]:
    """Body, and tail or wings and legs, of one kind in its pose, height units."""
    if kind in ("bird", "seagull"):
        return _bird(kind, rig, body)
    return {"body": meshed(_furry(rig, body), rig, body), "tail": _tail(kind, rig)}
