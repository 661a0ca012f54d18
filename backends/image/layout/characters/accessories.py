"""Things worn on the head, in head radii and the head's frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters import materials, sdf
from backends.image.layout.characters.human_head import HeadShape, head_field, skull_field
from backends.image.layout.characters.skeleton import turn
from backends.image.layout.characters.surface import Mesh, drop_to_surface, joined, polygonise
from backends.image.layout.characters.sweep import ball, tube
from backends.image.layout.mesh import Material
from backends.image.layout.scene import RGB, CharacterLook

HEAD_ACCESSORIES = ("glasses", "hat", "cap", "bow", "crown", "beard", "moustache")
BRIM = {"hat": 0.50, "cap": 0.46}
"""Height of the edge of what covers the hair."""


def glasses(shape: HeadShape) -> dict[str, Mesh]:
    """Round frames and their temples."""
    z = shape.eye_z + shape.eye_radii[2] * 1.22
    r = shape.eye_r * 1.16
    a = np.linspace(0, 2 * np.pi, 49)
    rows = []
    for side in (1.0, -1.0):
        x0 = side * max(shape.eye_x, r + 0.045)
        wrap = side * np.cos(a) * r
        ring = np.stack([x0 + np.cos(a) * r, shape.eye_y + np.sin(a) * r, z - 0.14 * np.clip(wrap, 0, None)], -1)
        rows.append(tube(ring, np.full(49, 0.030), 10))
        outer = np.array([x0 + side * r, shape.eye_y + 0.05, z - 0.14 * r])
        ear = np.array([side * 0.935 * shape.width, shape.eye_y + 0.10, -0.02])
        t = np.linspace(0, 1, 9)[:, None]
        bow = outer * (1 - t) + ear * t + np.array([side * 0.10, 0, 0]) * np.sin(np.pi * t)
        rows.append(tube(bow, np.full(9, 0.024), 8))
    gap = max(shape.eye_x, r + 0.045) - r
    t = np.linspace(-1, 1, 9)
    rows.append(
        tube(
            np.stack([t * gap, shape.eye_y + 0.05 + 0.04 * (1 - t * t), np.full(9, z + 0.01)], -1), np.full(9, 0.024), 8
        )
    )
    return {"glasses": joined(rows)}


def hat(shape: HeadShape) -> dict[str, Mesh]:
    """A round hat with a wide, slightly wavy brim and a band."""
    w = shape.width
    lean = turn(-8.0)
    crown = sdf.intersect(
        sdf.ellipsoid((0, 0.42, -0.12), (1.00 * w, 0.92, 1.02), lean), sdf.halfspace((0, 0.44, 0), (0, -1, 0.14)), 0.05
    )
    brim = sdf.ellipsoid((0, 0.50, -0.12), (1.62 * w, 0.060, 1.62), lean)
    felt = sdf.union([crown, brim], 0.14)
    hollow = sdf.intersect(skull_field(shape, 0.035), sdf.halfspace((0, 0.62, 0), (0, 1, 0)))
    felt = sdf.subtract(felt, hollow, 0.02)
    band = sdf.intersect(
        sdf.ellipsoid((0, 0.42, -0.12), (1.03 * w, 0.95, 1.05), lean),
        sdf.box((0, 0.665, -0.12), (2, 0.085, 2), 0.03, lean), 0.03,
    )  # fmt: skip
    lo, hi = (-1.75, 0.0, -1.9), (1.75, 1.5, 1.7)
    return {"hat": polygonise(felt, lo, hi, 0.045), "band": polygonise(band, lo, hi, 0.045)}


def cap(shape: HeadShape) -> dict[str, Mesh]:
    """A baseball cap."""
    w = shape.width
    dome = sdf.intersect(
        sdf.ellipsoid((0, 0.22, -0.08), (1.01 * w, 0.95, 1.04)), sdf.halfspace((0, 0.46, 0.6), (0, -1, 0.22)), 0.06
    )
    visor = sdf.subtract(
        sdf.ellipsoid((0, 0.42, 0.92), (0.74 * w, 0.34, 0.72), turn(10.0)),
        sdf.ellipsoid((0, 0.34, 0.92), (0.80 * w, 0.35, 0.85), turn(10.0)), 0.03,
    )  # fmt: skip
    button = sdf.sphere((0, 1.18, -0.08), 0.075)
    lo, hi = (-1.2, 0.0, -1.3), (1.2, 1.35, 1.8)
    return {
        "cap": polygonise(sdf.union([dome, button], 0.02), lo, hi, 0.042),
        "visor": polygonise(visor, lo, hi, 0.034),
    }


def bow(shape: HeadShape) -> dict[str, Mesh]:
    """A ribbon bow on the left of the head's top."""
    lean = turn(0.0, 10.0, 28.0)
    wings = sdf.pair(lambda s: sdf.ellipsoid((s * 0.23, 0.02, 0), (0.24, 0.19, 0.10), turn(0, 0, -s * 16)))
    dents = sdf.pair(lambda s: sdf.ellipsoid((s * 0.30, 0.02, 0.11), (0.13, 0.11, 0.07)))
    ribbon = sdf.union([sdf.subtract(wings, dents, 0.05), sdf.ellipsoid((0, 0, 0.02), (0.09, 0.11, 0.12))], 0.03)
    mesh = polygonise(ribbon, (-0.55, -0.3, -0.2), (0.55, 0.3, 0.25), 0.026)
    return {"bow": mesh.moved(lean, (0.46 * shape.width, 0.99, 0.24))}


def crown(shape: HeadShape) -> dict[str, Mesh]:
    """A golden crown with points and red stones."""
    n, rings = 96, 6
    a = np.linspace(0, 2 * np.pi, n, endpoint=False)
    point = np.abs(((a * 7 / (2 * np.pi)) % 1.0) - 0.5) * 2
    top = 0.16 + 0.26 * point**1.3
    r = 0.74 * shape.width
    rows = []
    for out in (0.035, -0.035):
        for j in range(rings) if out > 0 else reversed(range(rings)):
            t = j / (rings - 1)
            rr = r + out + 0.13 * t
            rows.append(np.stack([np.sin(a) * rr, top * t, np.cos(a) * rr], -1))
    rows.append(rows[0])
    from backends.image.layout.characters.surface import with_smooth_normals
    from backends.image.layout.characters.sweep import grid_faces

    shell = with_smooth_normals(np.vstack(rows), grid_faces(len(rows), n, closed=True)[:, ::-1])
    shell = Mesh(shell.vertices, np.ascontiguousarray(shell.faces[:, ::-1]), -shell.normals)
    lean = turn(-8.0)
    at = (0.0, 0.78, -0.08)
    gems = [
        ball((0.055, 0.06, 0.04), 10, 14).moved(
            turn(0, ang), (np.sin(np.radians(ang)) * (r + 0.06), 0.10, np.cos(np.radians(ang)) * (r + 0.06))
        )
        for ang in range(0, 360, 51)
    ]
    return {"crown": shell.moved(lean, at), "gems": joined(gems).moved(lean, at)}


def beard(shape: HeadShape) -> dict[str, Mesh]:
    """A full beard that leaves the mouth free."""
    w, my = shape.width, shape.mouth_y
    face = sdf.inflate(head_field(shape), 0.075)
    region = sdf.union(
        [
            sdf.ellipsoid((0, my - 0.34, 0.46), (0.68 * w, 0.50, 0.72)),
            sdf.pair(lambda s: sdf.capsule((s * 0.62 * w, my, 0.50), (s * 0.86 * w, -0.10, 0.10), 0.22, 0.12)),
        ],
        0.12,
    )
    tuft = sdf.ellipsoid((0, -0.98, 0.56), (0.40, 0.34, 0.30))
    body = sdf.union([sdf.intersect(face, region, 0.10), tuft], 0.22)
    hole = sdf.ellipsoid((0, my - 0.05, 1.0), (0.50, 0.235, 0.75))
    body = sdf.subtract(body, hole, 0.06)

    def strands(p: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray((0.012 * np.sin(26 * np.arctan2(p[0], p[2]) + 3 * np.sin(7 * p[1]))), dtype=np.float32)

    return {"beard": polygonise(sdf.displaced(body, strands, 0.1), (-1.1, -1.45, -0.4), (1.1, 0.15, 1.25), 0.040)}


def moustache(shape: HeadShape) -> dict[str, Mesh]:
    """Two curved halves under the nose."""
    field = head_field(shape)
    rows = []
    t = np.linspace(0, 1, 15)
    for side in (1.0, -1.0):
        x = side * (0.02 + 0.40 * t)
        y = shape.mouth_y + 0.155 - 0.10 * t**1.5 + 0.07 * np.clip(t - 0.7, 0, 1) * 3
        p = drop_to_surface(field, np.stack([x, y], -1).astype(np.float32)).astype(np.float64)
        r = 0.088 * np.sin(np.pi * (0.18 + 0.80 * t)) + 0.012
        rows.append(tube(p + np.array([0, 0, 0.03]), r, 14, flatten=0.75, up=(0, 0, 1)))
    return {"moustache": joined(rows)}


def head_accessory(shape: HeadShape, name: str) -> dict[str, Mesh]:
    """Meshes of one of `HEAD_ACCESSORIES`.

    Raises:
        KeyError: Unknown name.
    """
    makers = {
        "glasses": glasses, "hat": hat, "cap": cap, "bow": bow, "crown": crown, "beard": beard, "moustache": moustache,
    }  # fmt: skip
    return makers[name](shape)


def accessory_materials(look: CharacterLook) -> dict[str, Material]:
    """Surface of every accessory mesh."""
    red: RGB = (0.80, 0.16, 0.20)
    contrast = materials.mix(look.bottom_color, red, 0.55)
    cap_color = materials.mix(look.top_color, look.bottom_color, 0.75)
    return {
        "glasses": materials.gloss((0.10, 0.08, 0.09), 0.25), "hat": materials.cloth((0.78, 0.62, 0.38)),
        "band": materials.cloth(contrast), "cap": materials.cloth(cap_color),
        "visor": materials.cloth(materials.shade(cap_color, 0.75)), "bow": materials.cloth((0.88, 0.24, 0.38)),
        "crown": materials.metal((0.98, 0.76, 0.28)), "gems": materials.gloss(red), "beard": materials.hair(look.hair),
        "moustache": materials.hair(materials.shade(look.hair, 0.92)), "scarf": materials.cloth(contrast),
        "backpack": materials.cloth(materials.mix(look.shoes, (0.75, 0.35, 0.15), 0.5)),
        "straps": materials.cloth(materials.shade(look.shoes, 0.7)), "cape": materials.cloth(red),
    }  # fmt: skip
