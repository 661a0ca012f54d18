"""Things worn on the body: scarf, backpack, cape; height units, following the posed skeleton."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.image.layout.characters import sdf
from backends.image.layout.characters.body import torso_field
from backends.image.layout.characters.garments import meshed, on_front
from backends.image.layout.characters.skeleton import Rig, turn
from backends.image.layout.characters.surface import Mesh, with_smooth_normals
from backends.image.layout.characters.sweep import grid_faces

BODY_ACCESSORIES = ("scarf", "backpack", "cape")


def scarf(rig: Rig, body: dict[str, Any]) -> dict[str, Mesh]:
    """A thick scarf wound round the neck, one end hanging in front."""
    r = body["neck_radius"]
    rings = [
        sdf.torus(
            rig.neck + rig.chest.along(0, 0.004, 0), (r * 1.62, r * 1.55), 0.024, rig.chest.rotation @ turn(10, 0, 5)
        ),
        sdf.torus(
            rig.neck + rig.chest.along(0, -0.018, 0.008),
            (r * 1.75, r * 1.70),
            0.022,
            rig.chest.rotation @ turn(16, 0, -6),
        ),
    ]
    outer = torso_field(rig, body, 0.034)
    x = -0.030
    spots = [
        on_front(outer, rig.chest, x - 0.004 * i, body["neck"] - body["chest"][2] - 0.035 - 0.034 * i) for i in range(5)
    ]
    tail = sdf.union([sdf.box(p, (0.024, 0.022, 0.009), 0.008, rig.chest.rotation) for p in spots], 0.016)
    knot = sdf.ellipsoid(spots[0] + rig.chest.along(0, 0.008, 0.0), (0.030, 0.026, 0.024), rig.chest.rotation)
    return {"scarf": meshed(sdf.union([*rings, knot, tail], 0.010), rig, body, 0.0095)}


def backpack(rig: Rig, body: dict[str, Any]) -> dict[str, Mesh]:
    """A round backpack with its straps."""
    torso = torso_field(rig, body, 0.024)
    back = on_front(torso, rig.chest, 0.0, -0.03, back=True)
    bag = sdf.box(back - rig.chest.along(0, 0.0, 0.026), (0.078, 0.100, 0.048), 0.040, rig.chest.rotation)
    pocket = sdf.box(back - rig.chest.along(0, 0.035, 0.070), (0.056, 0.048, 0.022), 0.018, rig.chest.rotation)
    flap = sdf.box(back - rig.chest.along(0, -0.058, 0.030), (0.084, 0.040, 0.056), 0.034, rig.chest.rotation)
    cw = body["chest"][0]
    hoops = sdf.pair(
        lambda s: sdf.box(rig.chest.at(s * cw * 0.60, 0.02, 0.0), (0.0135, 0.105, 0.30), 0.006, rig.chest.rotation)
    )
    straps = sdf.intersect(sdf.inflate(torso, 0.009), hoops, 0.006)
    return {
        "backpack": meshed(sdf.union([sdf.union([bag, flap], 0.006), pocket], 0.006), rig, body, 0.0095),
        "straps": meshed(straps, rig, body),
    }


def cape(rig: Rig, body: dict[str, Any], ground: float) -> dict[str, Mesh]:
    """A cape hanging from the shoulders, blown back a little."""
    sx, sy = body["shoulder"]
    columns, rows = 33, 26
    u = np.linspace(-1, 1, columns)[None, :]
    v = np.linspace(0, 1, rows)[:, None]
    top, low = sy - body["chest"][2] + 0.040, body["knee"] * 0.9 - body["chest"][2]
    wide = sx * (1.12 + 0.62 * v)
    x = u * wide
    y = top + (low - top) * v - 0.018 * u * u * (1 - v)
    depth = body["chest"][1] + 0.052 + 0.10 * v**1.4
    z = -depth * np.sqrt(np.clip(1.0 - 0.80 * u * u * (1 - 0.75 * v), 0.02, 1)) + 0.016 * v * np.sin(9.0 * u + 1.2 * v)
    z = z + 0.05 * (1 - v) ** 3 * u * u
    sheet = np.stack([x + 0 * v, y + 0 * u, z + 0 * x], -1).reshape(-1, 3)
    world = sheet @ rig.chest.rotation.T + rig.chest.origin
    world[:, 1] = np.maximum(world[:, 1], ground + 0.012)
    faces = grid_faces(rows, columns)
    outside = with_smooth_normals(world, faces)
    if float(outside.normals[:, 2].mean()) > 0:
        faces = faces[:, ::-1]
        outside = with_smooth_normals(world, faces)
    inner = (outside.vertices - outside.normals * 0.006).astype(np.float32)
    n = len(world)
    shell = np.concatenate([faces, faces[:, ::-1] + np.uint32(n)])
    normals = np.concatenate([outside.normals, -outside.normals])
    return {"cape": Mesh(np.concatenate([outside.vertices, inner]), shell.astype(np.uint32), normals)}


def body_accessory(rig: Rig, body: dict[str, Any], name: str, ground: float) -> dict[str, Mesh]:
    """Meshes of one of `BODY_ACCESSORIES`.

    Raises:
        KeyError: Unknown name.
    """
    if name == "cape":
        return cape(rig, body, ground)
    return {"scarf": scarf, "backpack": backpack}[name](rig, body)
