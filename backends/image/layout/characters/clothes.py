"""Tops: each a function from the posed skeleton to a few meshes, coloured later by name.

Names: 'top' in the top's colour, 'trim' in a shade of it, 'under' the shirt below overalls, 'bottom', 'detail'
buttons and buckles, 'panel' dark parts of a spacesuit, 'light' its lamps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.image.layout.characters import materials, sdf
from backends.image.layout.characters.body import blended_sleeves, torso_field
from backends.image.layout.characters.bottoms import skirt_field, trousers_field
from backends.image.layout.characters.garments import (
    cuff,
    limb_point,
    meshed,
    on_front,
    sleeve,
    upright,
)  # fmt: skip
from backends.image.layout.characters.sdf import Distance, Field, Points
from backends.image.layout.characters.skeleton import SIDES, Rig, turn
from backends.image.layout.characters.surface import Mesh, joined
from backends.image.layout.characters.sweep import ball, tube
from backends.image.layout.mesh import Material
from backends.image.layout.scene import CharacterLook

# sleeve end (1 = elbow, 2 = wrist), growth of torso, of the sleeve at shoulder and end, hem below the pelvis' middle
_CUTS: dict[str, tuple[float, float, tuple[float, float], float]] = {
    "tshirt": (0.66, 0.012, (0.008, 0.020), -0.030),
    "shirt": (1.88, 0.012, (0.006, 0.010), -0.040),
    "sweater": (1.90, 0.021, (0.010, 0.015), -0.036),
    "hoodie": (1.90, 0.024, (0.012, 0.016), -0.034),
    "coat": (1.88, 0.027, (0.013, 0.019), -0.030),
    "dress": (0.42, 0.010, (0.011, 0.014), -0.020),
    "overalls": (0.62, 0.009, (0.007, 0.017), -0.030),
    "spacesuit": (1.93, 0.034, (0.026, 0.026), -0.120),
}

_LOOSE = {"tshirt": 0.006, "shirt": 0.005, "sweater": 0.004, "hoodie": 0.005}
"""How much wider than the hips a hem hangs."""


def _neck_ring(
    rig: Rig, body: dict[str, Any], major: float, minor: float, up: float = 0.0, pitch: float = 14.0
) -> Field:
    at = rig.neck + rig.chest.along(0, 0.009 + up, 0.003)
    r = body["neck_radius"] * major
    return sdf.torus(at, (r * 1.08, r), minor, rig.chest.rotation @ turn(pitch))


def _hem(field: Field, rig: Rig, y: float) -> Field:
    return sdf.intersect(field, sdf.halfspace(rig.pelvis.at(0, y, 0), rig.pelvis.along(0, -1, 0)), 0.018)


def _hem_band(torso: Field, rig: Rig, y: float, width: float, out: float) -> Field:
    p, n = rig.pelvis.at(0, y, 0), rig.pelvis.along(0, 1, 0)
    below = sdf.intersect(sdf.inflate(torso, out), sdf.halfspace(p + n * width, n), 0.008)
    return sdf.intersect(below, sdf.halfspace(p - n * 0.002, -n), 0.008)


def _buttons(field: Field, rig: Rig, places: list[tuple[float, float]], radius: float) -> Mesh:
    rows = []
    for x, y in places:
        at = on_front(field, rig.chest, x, y)
        rows.append(ball((radius, radius, radius * 0.6), 10, 14).moved(rig.chest.rotation, at))
    return joined(rows)


def top_meshes(rig: Rig, body: dict[str, Any], top: str, ground: float) -> dict[str, Mesh]:
    """Meshes of one top.

    Args:
        rig: The posed skeleton.
        body: Its measures.
        top: One of scene.TOPS.
        ground: Height of the ground in the skeleton's frame: long hems stop there.

    Raises:
        KeyError: Unknown top.
    """
    end, grow, puff, hem = _CUTS[top]
    radii = body["arm_radii"]
    torso = torso_field(rig, body, grow, _LOOSE.get(top, 0.0))
    sleeves = {s: sleeve(rig.arms[s], radii, puff, end) for s in SIDES}
    shirt = _hem(blended_sleeves(torso, sleeves, rig, 0.085, 0.10), rig, hem)
    if top == "overalls":
        return _overalls(rig, body, shirt)
    out: dict[str, Mesh] = {}
    trim: list[Field] = []
    if top in ("dress", "coat"):
        shirt = sdf.union([shirt, skirt_field(rig, body, "dress" if top == "dress" else "coat", ground)], 0.03)
    if top == "tshirt":
        trim = [_neck_ring(rig, body, 1.20, 0.0105)]
        trim += [cuff(rig.arms[s], radii, puff[1] + 0.003, end, 0.0065) for s in SIDES]
    elif top == "shirt":
        trim = _shirt_collar(rig, body) + [cuff(rig.arms[s], radii, puff[1] + 0.004, end, 0.010) for s in SIDES]
        spots = [(0.0, 0.075), (0.0, 0.030), (0.0, -0.015), (0.0, -0.060), (0.0, -0.105)]
        out["detail"] = _buttons(shirt, rig, spots, 0.0075)
    elif top == "sweater":
        trim = [_neck_ring(rig, body, 1.30, 0.017, 0.004), _hem_band(torso, rig, hem, 0.030, 0.006)]
        trim += [cuff(rig.arms[s], radii, puff[1] + 0.006, end, 0.012) for s in SIDES]
        shirt = sdf.displaced(shirt, _knit(rig), 0.02)
    elif top == "hoodie":
        trim = [_hem_band(torso, rig, hem, 0.026, 0.005)]
        trim += [cuff(rig.arms[s], radii, puff[1] + 0.004, end, 0.012) for s in SIDES]
        shirt = sdf.union([shirt, _hood(rig, body), _pocket(rig, torso)], 0.012)
        out["detail"] = _strings(rig, body, shirt)
    elif top == "coat":
        trim = [*_lapels(rig, body), *(cuff(rig.arms[s], radii, puff[1] + 0.006, end, 0.014) for s in SIDES)]
        seam = sdf.box(rig.chest.at(0, -0.12, 0.10), (0.003, 0.19, 0.08), 0.002, rig.chest.rotation)
        spots = [(0.026, y) for y in (0.035, -0.015, -0.065, -0.115)]
        out["detail"] = _buttons(shirt, rig, spots, 0.0105)
        shirt = sdf.subtract(shirt, seam, 0.012)
    elif top == "dress":
        trim = [_neck_ring(rig, body, 1.24, 0.0105), *(cuff(rig.arms[s], radii, puff[1], end, 0.006) for s in SIDES)]
        trim.append(_belt(rig, body, grow + 0.004))
    elif top == "spacesuit":
        return _spacesuit(rig, body, shirt)
    out["top"] = meshed(shirt, rig, body)
    out["trim"] = meshed(sdf.union(trim, 0.004), rig, body, cell=0.0070)
    return out


def _knit(rig: Rig) -> Field:
    inverse = np.ascontiguousarray(rig.chest.rotation.T.astype(np.float32))
    origin = sdf.column(rig.chest.origin)

    def ribs(p: Points) -> Distance:
        q = inverse @ (p - origin)
        return np.asarray((0.0016 * np.sin(q[0] * 340.0) * np.sin(q[1] * 260.0)), dtype=np.float32)

    return ribs


def _shirt_collar(rig: Rig, body: dict[str, Any]) -> list[Field]:
    band = _neck_ring(rig, body, 1.26, 0.013, 0.006, 10.0)
    r = body["neck_radius"]
    wings = [
        sdf.box(
            rig.neck + rig.chest.along(side * r * 0.72, -0.016, r * 1.22), (0.020, 0.026, 0.008), 0.007,
            rig.chest.rotation @ turn(-26, side * 24, side * -34),
        )
        for side in (1.0, -1.0)
    ]  # fmt: skip
    return [band, *wings]


def _lapels(rig: Rig, body: dict[str, Any]) -> list[Field]:
    r = body["neck_radius"]
    collar = _neck_ring(rig, body, 1.55, 0.022, 0.004, 20.0)
    wings = [
        sdf.chain(
            [
                rig.neck + rig.chest.along(side * r * 1.35, -0.004, r * 0.5),
                rig.neck + rig.chest.along(side * r * 0.95, -0.050, body["chest"][1] + 0.018),
                rig.neck + rig.chest.along(side * r * 0.25, -0.095, body["chest"][1] + 0.028),
            ],
            [0.022, 0.020, 0.008], 0.01,
        )
        for side in (1.0, -1.0)
    ]  # fmt: skip
    return [collar, *wings]


def _hood(rig: Rig, body: dict[str, Any]) -> Field:
    r = body["neck_radius"]
    roll = sdf.torus(
        rig.neck + rig.chest.along(0, 0.006, -0.016), (r * 1.95, r * 1.75), 0.024, rig.chest.rotation @ turn(24.0)
    )
    bag = sdf.ellipsoid(
        rig.neck + rig.chest.along(0, -0.042, -r * 1.2 - 0.050),
        (r * 1.75, 0.058, 0.034),
        rig.chest.rotation @ turn(-14.0),
    )
    return sdf.union([roll, bag], 0.04)


def _pocket(rig: Rig, torso: Field) -> Field:
    at = rig.chest.at(0, -0.150, 0.10)
    patch = sdf.box(at, (0.058, 0.034, 0.09), 0.02, rig.chest.rotation)
    return sdf.intersect(sdf.inflate(torso, 0.009), patch, 0.012)


def _strings(rig: Rig, body: dict[str, Any], shirt: Field) -> Mesh:
    rows = []
    for side in (1.0, -1.0):
        p = [on_front(shirt, rig.chest, side * (0.024 + 0.003 * i), 0.045 - 0.020 * i) for i in range(5)]
        rows.append(tube(np.array(p) + rig.chest.along(0, 0, 0.003), [0.0045] * 4 + [0.007], 8))
    return joined(rows)


def _belt(rig: Rig, body: dict[str, Any], grow: float) -> Field:
    """A band round the waist."""
    bw, bd, by = body["belly"]
    at = 0.5 * (rig.pelvis.at(0, by - body["pelvis"][2], 0) + rig.chest.at(0, by - body["chest"][2], 0))
    return sdf.torus(at + rig.chest.along(0, -0.02, 0), (bw + grow, bd + grow), 0.010, rig.chest.rotation)


def _bib(rig: Rig, body: dict[str, Any]) -> list[Field]:
    shell = torso_field(rig, body, 0.020)
    turned = rig.chest.rotation
    cw = body["chest"][0]
    front = sdf.box(rig.chest.at(0, -0.045, 0.10), (cw * 0.62, 0.082, 0.10), 0.014, turned)
    straps = sdf.pair(lambda s: sdf.box(rig.chest.at(s * cw * 0.50, 0.10, 0.0), (0.014, 0.12, 0.20), 0.006, turned))
    back = sdf.box(rig.chest.at(0, -0.075, -0.10), (cw * 0.70, 0.060, 0.10), 0.014, turned)
    return [sdf.intersect(shell, sdf.union([front, straps, back]), 0.006)]


def _overalls(rig: Rig, body: dict[str, Any], shirt: Field) -> dict[str, Mesh]:
    cw = body["chest"][0]
    trousers = trousers_field(rig, body, 1.90, (0.014, 0.018), 0.020)
    bib = sdf.union([trousers, *_bib(rig, body)], 0.012)
    shell = torso_field(rig, body, 0.020)
    spots = [(cw * 0.48, 0.026), (-cw * 0.48, 0.026)]
    pocket_at = on_front(shell, rig.chest, 0.0, -0.055)
    pocket = sdf.box(pocket_at, (cw * 0.34, 0.026, 0.006), 0.006, rig.chest.rotation)
    ring = _neck_ring(rig, body, 1.20, 0.0100)
    cuffs = []
    for s in SIDES:
        leg = rig.legs[s]
        at, direction = limb_point(leg.hip, leg.knee, leg.ankle, 1.90)
        cuffs.append(sdf.torus(at - direction * 0.008, body["leg_radii"][2] + 0.017, 0.013, upright(direction)))
    return {
        "under": meshed(sdf.union([shirt, ring], 0.006), rig, body),
        "top": meshed(bib, rig, body),
        "trim": meshed(sdf.union([pocket, *cuffs]), rig, body, cell=0.0070),
        "detail": _buttons(shell, rig, spots, 0.010),
    }


def _spacesuit(rig: Rig, body: dict[str, Any], suit: Field) -> dict[str, Mesh]:
    legs = trousers_field(rig, body, 1.86, (0.026, 0.026), 0.034)
    whole = sdf.union([suit, legs], 0.04)
    chest_at = on_front(whole, rig.chest, 0.0, -0.01)
    box = sdf.box(chest_at, (0.050, 0.034, 0.016), 0.010, rig.chest.rotation)
    back = on_front(whole, rig.chest, 0.0, 0.0, back=True)
    pack = sdf.box(back - rig.chest.along(0, 0, 0.022), (0.078, 0.098, 0.042), 0.024, rig.chest.rotation)
    rings: list[Field] = [_neck_ring(rig, body, 1.75, 0.020, 0.004, 6.0)]
    radii, leg_radii = body["arm_radii"], body["leg_radii"]
    for s in SIDES:
        rings.append(cuff(rig.arms[s], radii, 0.032, 1.93, 0.012))
        rings.append(cuff(rig.arms[s], radii, 0.034, 0.62, 0.010))
        leg = rig.legs[s]
        at, direction = limb_point(leg.hip, leg.knee, leg.ankle, 0.70)
        rings.append(sdf.torus(at, leg_radii[1] + 0.026, 0.011, upright(direction)))
    lamps = _buttons(box, rig, [(x, 0.0) for x in (-0.028, 0.0, 0.028)], 0.0085)
    return {
        "top": meshed(sdf.union([whole, pack], 0.012), rig, body),
        "trim": meshed(sdf.union(rings), rig, body, cell=0.0070),
        "panel": meshed(box, rig, body, cell=0.0070),
        "light": lamps,
    }


def clothes_materials(look: CharacterLook) -> dict[str, Material]:
    """Surface of every name that `top_meshes` and `bottom_meshes` may give."""
    dark = materials.luminance(look.top_color) < 0.35
    trim = materials.mix(look.top_color, (1, 1, 1), 0.30) if dark else materials.shade(look.top_color, 0.78)
    detail = materials.rubber(materials.mix(look.bottom_color, (1, 1, 1), 0.55))
    top = materials.cloth(look.top_color)
    if look.top == "spacesuit":
        top = materials.rubber(look.top_color)
        trim = materials.mix(look.bottom_color, (0.9, 0.4, 0.15), 0.35)
    if look.top == "overalls":
        detail = materials.metal((0.90, 0.72, 0.35))
    under = materials.mix(look.bottom_color, (0.97, 0.95, 0.90), 0.80)
    return {
        "top": top, "trim": materials.cloth(trim), "detail": detail,
        "under": materials.cloth(under), "bottom": materials.cloth(look.bottom_color),
        "panel": materials.rubber((0.20, 0.22, 0.26)), "light": materials.glow((0.35, 0.95, 0.75), 1.2),
    }  # fmt: skip
