"""Trousers, shorts and skirts as fields and meshes, height units."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.image.layout.characters import sdf
from backends.image.layout.characters.body import torso_field
from backends.image.layout.characters.garments import flared, limb_point, meshed, trouser_leg
from backends.image.layout.characters.sdf import Field
from backends.image.layout.characters.skeleton import SIDES, Rig
from backends.image.layout.characters.surface import Mesh

_SKIRTS = {
    "dress": (0.018, 0.62, 1.52, 9, 0.010),
    "coat": (0.026, 0.26, 1.10, 0, 0.0),
    "skirt": (0.012, 0.50, 1.50, 11, 0.011),
}


def skirt_field(rig: Rig, body: dict[str, Any], kind: str, ground: float) -> Field:
    """A skirt, or the lower part of a dress or coat (`kind`), draped over raised thighs and ending above the ground."""
    grow, length, flare, folds, depth = _SKIRTS[kind]
    pw, pd, py = body["pelvis"]
    bw, bd, by = body["belly"]
    hip, knee = body["hip"][1], body["knee"]
    hem = hip - py - length * (hip - knee) * 1.45
    top = (by - py) * (0.42 if kind == "skirt" else 0.25)
    cone = flared(
        rig.pelvis, (top, bw + grow, bd + grow),
        (hem, pw * flare + grow, (pd * flare + grow) * 1.06), folds, depth,
    )  # fmt: skip
    # Raised thighs lift the cloth: it is draped over them instead of being pierced.
    drapes = []
    for s in SIDES:
        leg = rig.legs[s]
        at, direction = limb_point(leg.hip, leg.knee, leg.ankle, min(0.62 * length * 1.7, 0.92))
        r = body["leg_radii"]
        # Where the thigh hangs inside the cone, the drape must not thicken its wall.
        hang = float(np.clip(-(rig.pelvis.rotation.T @ direction)[1], 0, 1))
        grown = 0.020 * (1 - hang**2) - 0.008 * hang**2
        drapes.append(sdf.intersect(
            sdf.capsule(leg.hip, at, r[0] + grown, r[1] + grown), sdf.halfspace(at, direction), 0.012
        ))  # fmt: skip
    cloth = sdf.union([cone, *drapes], 0.045)
    return sdf.intersect(cloth, sdf.halfspace((0, ground + 0.004, 0), (0, -1, 0)), 0.008)


def trousers_field(rig: Rig, body: dict[str, Any], end: float, puff: tuple[float, float], grow: float) -> Field:
    """Seat and two legs down to `end` (1 = knee, 2 = ankle)."""
    waist = rig.pelvis.at(0, (body["belly"][2] - body["pelvis"][2]) * 0.45, 0)
    seat = sdf.intersect(torso_field(rig, body, grow), sdf.halfspace(waist, rig.pelvis.along(0, 1, 0)), 0.014)
    legs = [trouser_leg(rig.legs[s], body["leg_radii"], puff, end) for s in SIDES]
    return sdf.union([seat, sdf.union(legs, 0.010)], 0.035)


def bottom_meshes(rig: Rig, body: dict[str, Any], top: str, bottom: str, ground: float) -> dict[str, Mesh]:
    """Meshes of one bottom (none under a dress, overalls or spacesuit, which cover the legs themselves)."""
    if top in ("overalls", "spacesuit"):
        return {}
    if top == "dress" or bottom == "none":
        return {"bottom": meshed(trousers_field(rig, body, 0.30, (0.006, 0.008), 0.004), rig, body)}
    if bottom == "skirt":
        return {"bottom": meshed(skirt_field(rig, body, "skirt", ground), rig, body)}
    if bottom == "shorts":
        field = trousers_field(rig, body, 0.78, (0.012, 0.022), 0.006)
    elif bottom == "trousers":
        field = trousers_field(rig, body, 1.88, (0.010, 0.013), 0.006)
    else:
        raise KeyError(bottom)
    return {"bottom": meshed(field, rig, body, cell=0.0084)}
