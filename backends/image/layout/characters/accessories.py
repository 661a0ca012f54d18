"""Things worn on the head, in head radii and the head's frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters import materials, sdf
from backends.image.layout.characters.human_head import HeadShape, head_field, skull_field
from backends.image.layout.characters.sdf import Field
from backends.image.layout.characters.skeleton import turn
from backends.image.layout.characters.surface import Mesh, drop_to_surface, joined, polygonise, with_smooth_normals
from backends.image.layout.characters.sweep import ball, grid_faces, tube
from backends.image.layout.mesh import Material
from backends.image.layout.scene import RGB, CharacterLook

HEAD_ACCESSORIES = ("glasses", "hat", "cap", "bow", "crown", "beard", "moustache")
BRIM = {"hat": 0.50, "cap": 0.46}
"""Height of the edge of what covers the hair."""


def glasses(shape: HeadShape) -> dict[str, Mesh]:
    """Round frames and their temples."""
    face = head_field(shape)
    front = shape.eye_z + shape.eye_radii[2] * 1.18
    r = shape.eye_r * 1.18
    gap = max(shape.eye_x - r, 0.05)
    a = np.linspace(0, 2 * np.pi, 49)
    rows = []
    for side in (1.0, -1.0):
        x = side * (gap + r) + np.cos(a) * r
        y = shape.eye_y + np.sin(a) * r
        # A flat ring, as far forward as cheek and brow under it ask for.
        under = drop_to_surface(face, np.stack([x, y], -1).astype(np.float32))[:, 2].astype(np.float64)
        plane = np.polyfit(x, np.maximum(under + 0.045, front - 0.16), 1)
        z = np.polyval(plane, x)
        z += max(float((under + 0.035 - z).max()), 0.0)
        rows.append(tube(np.stack([x, y, z], -1), np.full(49, 0.030), 10))
        outer = np.array([side * (gap + 2 * r), shape.eye_y + 0.05, z[0] if side > 0 else z[24]])
        ear = np.array([side * 0.935 * shape.width, shape.eye_y + 0.10, -0.02])
        t = np.linspace(0, 1, 9)[:, None]
        bow = outer * (1 - t) + ear * t + np.array([side * 0.10, 0, 0]) * np.sin(np.pi * t)
        rows.append(tube(bow, np.full(9, 0.024), 8))
        inner = z[24] if side > 0 else z[0]
    t = np.linspace(-1, 1, 9)
    bridge = np.stack([t * gap, shape.eye_y + 0.05 + 0.04 * (1 - t * t), np.full(9, inner + 0.01)], -1)
    rows.append(tube(bridge, np.full(9, 0.024), 8))
    return {"glasses": joined(rows)}


def hat(shape: HeadShape) -> dict[str, Mesh]:
    """A round straw hat with a wide brim and a band."""
    w = shape.width
    lean = turn(-8.0)
    crown = sdf.intersect(
        sdf.ellipsoid((0, 0.42, -0.12), (1.02 * w, 0.90, 1.04), lean), sdf.halfspace((0, 0.44, 0), (0, -1, 0.14)), 0.05
    )
    disc = sdf.ellipsoid((0, 0.50, -0.12), (1.56 * w, 0.11, 1.56), lean)
    rim = sdf.torus((0, 0.50, -0.12), (1.50 * w, 1.50), 0.055, lean)
    felt = sdf.union([sdf.union([crown, disc], 0.12), rim], 0.06)
    hollow = sdf.intersect(skull_field(shape, 0.035), sdf.halfspace((0, 0.60, 0), (0, 1, 0)))
    felt = sdf.subtract(felt, hollow, 0.02)
    band = sdf.intersect(
        sdf.ellipsoid((0, 0.42, -0.12), (1.06 * w, 0.94, 1.08), lean),
        sdf.box((0, 0.700, -0.12), (2, 0.085, 2), 0.03, lean), 0.03,
    )  # fmt: skip
    lo, hi = (-1.75, 0.0, -1.9), (1.75, 1.5, 1.7)
    return {"hat": polygonise(felt, lo, hi, 0.068), "band": polygonise(band, lo, hi, 0.075)}


def cap(shape: HeadShape) -> dict[str, Mesh]:
    """A baseball cap."""
    w = shape.width
    dome = sdf.intersect(
        sdf.ellipsoid((0, 0.22, -0.08), (1.02 * w, 0.95, 1.05)), sdf.halfspace((0, 0.46, 0.6), (0, -1, 0.22)), 0.06
    )
    outside = sdf.ellipsoid((0, 0.30, 0.86), (0.86 * w, 0.36, 0.84), turn(8.0))
    inside = sdf.ellipsoid((0, 0.22, 0.80), (0.92 * w, 0.36, 0.92), turn(8.0))
    visor = sdf.subtract(sdf.intersect(outside, sdf.halfspace((0, 0.40, 0.9), (0, -1, 0.12)), 0.03), inside, 0.03)
    button = sdf.sphere((0, 1.18, -0.08), 0.075)
    lo, hi = (-1.2, 0.0, -1.3), (1.2, 1.35, 1.8)
    domed = polygonise(sdf.union([dome, button], 0.02), lo, hi, 0.050)
    return {"cap": domed, "visor": polygonise(visor, lo, hi, 0.036)}


def _landing(below: Field, starts: NDArray[np.float64], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where lines from (N, 3) points outside meet what lies below (skull and hair)."""
    p = starts.copy()
    for _ in range(40):
        p = p + np.outer(0.85 * below(np.ascontiguousarray(p.T, dtype=np.float32)), direction)
    return p


def bow(shape: HeadShape, below: Field) -> dict[str, Mesh]:
    """A ribbon bow on the left of the head's top, upon the hair."""
    lean = turn(0.0, 10.0, 28.0)
    wings = sdf.pair(lambda s: sdf.ellipsoid((s * 0.23, 0.02, 0), (0.24, 0.19, 0.10), turn(0, 0, -s * 16)))
    dents = sdf.pair(lambda s: sdf.ellipsoid((s * 0.30, 0.02, 0.11), (0.13, 0.11, 0.07)))
    ribbon = sdf.union([sdf.subtract(wings, dents, 0.05), sdf.ellipsoid((0, 0, 0.02), (0.09, 0.11, 0.12))], 0.03)
    mesh = polygonise(ribbon, (-0.55, -0.3, -0.2), (0.55, 0.3, 0.25), 0.026)
    out = np.array([0.44, 0.80, 0.36]) / np.linalg.norm([0.44, 0.80, 0.36])
    at = _landing(below, np.array([[0, 0.1, 0]]) + 2.2 * out, -out)[0] + 0.05 * out
    return {"bow": mesh.moved(lean, at)}


def crown(shape: HeadShape, below: Field) -> dict[str, Mesh]:
    """A golden crown with points and red stones, set upon the hair."""
    n, rings = 96, 6
    a = np.linspace(0, 2 * np.pi, n, endpoint=False)
    point = np.abs(((a * 7 / (2 * np.pi)) % 1.0) - 0.5) * 2
    top = 0.18 + 0.28 * point**1.3
    r = 0.72 * shape.width
    rows = []
    for out in (0.035, -0.035):
        for j in range(rings) if out > 0 else reversed(range(rings)):
            t = j / (rings - 1)
            rr = r + out + 0.13 * t
            rows.append(np.stack([np.sin(a) * rr, top * t, np.cos(a) * rr], -1))
    rows.append(rows[0])
    shell = with_smooth_normals(np.vstack(rows), grid_faces(len(rows), n, closed=True)[:, ::-1])
    shell = Mesh(shell.vertices, np.ascontiguousarray(shell.faces[:, ::-1]), -shell.normals)
    down = np.array([0.0, -1.0, 0.0])
    ring = np.stack([np.sin(a) * r, np.full(n, 2.0), np.cos(a) * r - 0.08], -1)[::12]
    rests = _landing(below, ring, down)[:, 1]
    at = (0.0, float(rests.mean()) - 0.05, -0.08)
    lean = turn(-6.0)
    gems = []
    for angle in np.arange(7) * 360 / 7:
        s, c = np.sin(np.radians(angle)), np.cos(np.radians(angle))
        gems.append(
            ball((0.055, 0.06, 0.04), 10, 14).moved(turn(0, float(angle)), (s * (r + 0.07), 0.12, c * (r + 0.07)))
        )
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


def head_accessory(shape: HeadShape, name: str, hair: Field | None) -> dict[str, Mesh]:
    """Meshes of one of `HEAD_ACCESSORIES`; `hair` is what bow and crown rest on.

    Raises:
        KeyError: Unknown name.
    """
    if name in ("bow", "crown"):
        skull = skull_field(shape)
        below = skull if hair is None else sdf.union([skull, hair])
        return bow(shape, below) if name == "bow" else crown(shape, below)
    makers = {"glasses": glasses, "hat": hat, "cap": cap, "beard": beard, "moustache": moustache}
    return makers[name](shape)


def accessory_materials(look: CharacterLook) -> dict[str, Material]:
    """Surface of every accessory mesh: in the colour that the look gives it, else in its usual one."""
    red: RGB = (0.80, 0.16, 0.20)
    contrast = materials.mix(look.bottom_color, red, 0.55)

    def own(name: str, usual: RGB) -> RGB:
        return look.accessory_color(name) or usual

    cap_color = own("cap", materials.mix(look.top_color, look.bottom_color, 0.75))
    bag = look.accessory_color("backpack")
    return {
        "glasses": materials.gloss(own("glasses", (0.10, 0.08, 0.09)), 0.25),
        "hat": materials.cloth(own("hat", (0.78, 0.62, 0.38))), "band": materials.cloth(contrast),
        "cap": materials.cloth(cap_color), "visor": materials.cloth(materials.shade(cap_color, 0.75)),
        "bow": materials.cloth(own("bow", (0.88, 0.24, 0.38))),
        "crown": materials.metal(own("crown", (0.98, 0.76, 0.28))), "gems": materials.gloss(red),
        "beard": materials.hair(own("beard", look.hair)),
        "moustache": materials.hair(own("moustache", materials.shade(look.hair, 0.92))),
        "scarf": materials.cloth(own("scarf", contrast)),
        "backpack": materials.cloth(bag or materials.mix(look.shoes, (0.75, 0.35, 0.15), 0.5)),
        "straps": materials.cloth(materials.shade(bag or look.shoes, 0.7)), "cape": materials.cloth(own("cape", red)),
    }  # fmt: skip
