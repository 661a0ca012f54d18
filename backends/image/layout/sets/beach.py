"""Sand, sea and sky; a palm, a parasol, a headland far out."""

from __future__ import annotations

import numpy as np

from backends.image.layout import shapes
from backends.image.layout.geometry import F32
from backends.image.layout.mesh import Material, MeshPart
from backends.image.layout.noise import sample, smoothstep, tile
from backends.image.layout.stage import Stage
from backends.image.layout.surfaces import bark, grainy, leafy, sand, sea

WATER = {
    "day": ((0.03, 0.36, 0.52), (0.28, 0.74, 0.74)),
    "sunset": ((0.24, 0.26, 0.42), (0.62, 0.50, 0.52)),
    "night": ((0.03, 0.09, 0.20), (0.10, 0.22, 0.36)),
    "storm": ((0.16, 0.24, 0.27), (0.36, 0.45, 0.45)),
}
"""Deep and shallow water, sRGB."""


def shore(x: F32) -> F32:
    """z of the water's edge."""
    return np.asarray(-4.6 + 0.55 * np.sin(x * 0.33 + 0.6) + 0.22 * np.sin(x * 0.9 + 2.0), np.float32)


def _sand() -> MeshPart:
    x, z = shapes.graded(7.0, 160.0, 121), np.concatenate([np.linspace(-9, 8, 100), np.geomspace(8.5, 60, 14)])
    gx, gz = np.meshgrid(x, z)
    down = smoothstep(-1.6, -7.0, gz - (shore(gx) + 4.6)) * -0.85
    dunes = smoothstep(5.0, 16.0, np.abs(gx) + 0.6 * np.maximum(gz - 2, 0)) * smoothstep(-4, 1, gz)
    height = down + dunes * (0.9 * sample(tile(51, 1.9, 1, 12), gx / 40, gz / 40) - 0.15)
    return shapes.part("set/sand", shapes.terrain(x, z, height), Material((0.90, 0.77, 0.57), specular=0.0))


def _palm(x: float, z: float, rng: np.random.Generator, label: str) -> list[MeshPart]:
    lean = rng.uniform(0.5, 1.0) * (1 if x < 0 else -1)
    t = np.linspace(0, 1, 14)
    spine = np.stack([x + lean * t**1.8 * 1.3, 2.9 * t - 0.15, z + 0.2 * np.sin(t * 3)], -1)
    rings = 0.15 - 0.055 * t + 0.012 * (np.arange(14) % 2)
    trunk = shapes.part(f"{label}.trunk", shapes.tube(spine, rings), Material((0.55, 0.40, 0.27), specular=0.0))
    top = spine[-1]
    fronds, colors = [], []
    for k in range(13):
        a = k / 13 * 2 * np.pi + rng.uniform(-0.15, 0.15)
        length, droop = rng.uniform(1.5, 1.95), rng.uniform(0.75, 1.25)
        s = np.linspace(0, 1, 16)
        out = np.array([np.cos(a), 0, np.sin(a)])
        rib = top + out * (length * s)[:, None] + np.array([0, 1.0, 0]) * (0.62 * s - droop * 1.25 * s**2)[:, None]
        side = np.array([-np.sin(a), 0, np.cos(a)])
        wide = 0.30 * np.sin(np.pi * np.clip(s * 0.93 + 0.07, 0, 1)) ** 0.7
        wide = wide * (1 - 0.35 * (np.arange(16) % 2))
        left = rib + side * wide[:, None] - np.array([0, 0.5, 0]) * wide[:, None]
        right = rib - side * wide[:, None] - np.array([0, 0.5, 0]) * wide[:, None]
        vertices = np.stack([left, rib, right], 1).reshape(-1, 3)
        faces = shapes.sheet(16, 3)
        fronds.append((vertices, faces, shapes.smooth_normals(vertices, faces)))
        shade = rng.uniform(0.85, 1.15)
        colors.append(np.tile(np.array([0.24, 0.50, 0.20]) * shade, (len(vertices), 1)))
    leaves = shapes.part(f"{label}.leaves", shapes.merge(fronds), Material(specular=0.0), np.concatenate(colors))
    nuts = shapes.merge(
        [shapes.ball(top + np.array([0.14 * np.cos(a), -0.12, 0.14 * np.sin(a)]), 0.09, 10) for a in (0.3, 2.2, 4.4)]
    )
    return [trunk, leaves, shapes.part(f"{label}.nuts", nuts, Material((0.40, 0.25, 0.14), specular=0.0))]


def _parasol(x: float, z: float) -> list[MeshPart]:
    pole = shapes.tube([(x, 0, z), (x + 0.12, 1.1, z), (x + 0.24, 2.2, z)], [0.026] * 3)
    ribs, rings = 8, 9
    a = np.linspace(0, 2 * np.pi, ribs * 6 + 1)
    s = np.linspace(0, 1, rings)[:, None]
    scallop = 1 - 0.05 * (1 - np.abs(np.cos(a * ribs / 2)))[None, :]
    radius = 1.35 * np.sin(s * np.pi / 2) * scallop
    rise = 0.62 * np.cos(s * np.pi / 2) - 0.05 * s**6 * (1 - np.abs(np.cos(a * ribs / 2)))[None, :]
    vertices = np.stack([radius * np.cos(a), np.broadcast_to(rise, radius.shape), radius * np.sin(a)], -1).reshape(
        -1, 3
    )
    faces = shapes.sheet(rings, len(a))
    normals = shapes.smooth_normals(vertices, faces)
    canopy = shapes.move((vertices, faces, normals * np.sign(normals[:, 1:2] + 1e-9)), (x + 0.21, 1.80, z), roll=-7)
    stripe = (np.floor(a / (2 * np.pi) * ribs + 1e-6).astype(int) % 2)[None, :].repeat(rings, 0).ravel()
    colors = np.where(stripe[:, None] == 0, np.array([0.86, 0.27, 0.22]), np.array([0.96, 0.92, 0.82]))
    return [
        shapes.part("set/parasol.pole", pole, Material((0.93, 0.90, 0.84), specular=0.3)),
        shapes.part("set/parasol.canopy", canopy, Material(specular=0.0), colors),
    ]


def _shells(rng: np.random.Generator) -> list[MeshPart]:
    meshes, colors = [], []
    palette = np.array(
        [[0.97, 0.90, 0.82], [0.93, 0.72, 0.62], [0.86, 0.80, 0.74], [0.98, 0.95, 0.90], [0.62, 0.54, 0.50]]
    )
    for _ in range(46):
        x, z = rng.uniform(-6, 6), rng.uniform(-3.2, 3.4)
        size = rng.uniform(0.016, 0.042)
        mesh = shapes.ball((x, size * 0.25, z), (size, size * 0.55, size * rng.uniform(0.7, 1.1)), 8)
        meshes.append(mesh)
        colors.append(np.tile(palette[rng.integers(len(palette))], (len(mesh[0]), 1)))
    return [shapes.part("set/shells", shapes.merge(meshes), Material(specular=0.3), np.concatenate(colors))]


def _headland() -> list[MeshPart]:
    x = np.linspace(-150, 150, 90)
    z = np.linspace(-16, 16, 12)
    gx, gz = np.meshgrid(x, z)
    ridge = sample(tile(53, 1.7, 1, 40), gx / 300, gz / 90 + 0.3)
    body = (
        np.exp(-(((gx + 58) / 34) ** 2)) * 15
        + np.exp(-(((gx + 96) / 24) ** 2)) * 24
        + np.exp(-(((gx - 118) / 26) ** 2)) * 12
    )
    height = body * (0.55 + 0.9 * ridge) * (1 - (gz / 16) ** 2) - 1.4
    land = shapes.move(shapes.terrain(x, z, height), (0, 0, -165))
    return [shapes.part("set/headland", land, Material((0.33, 0.43, 0.34), specular=0.0))]


def build(time_of_day: str, seed: int) -> Stage:
    """The beach; the water's edge runs about 4.6 m behind the middle of the stage."""
    rng = np.random.default_rng(seed + 100)
    deep, shallow = WATER[time_of_day]
    x = shapes.graded(30, 600, 41)
    z = -np.concatenate([[600, 300, 160], np.linspace(90, 2.5, 40)])
    water = shapes.terrain(x, z, np.full((len(z), len(x)), -0.36))
    rocks = [
        shapes.blob((px, -0.15, pz), (r, r * 0.62, r * 0.9), k, 0.16, 18)
        for k, (px, pz, r) in enumerate([(-6.6, -4.4, 0.75), (-7.6, -5.0, 1.15), (7.4, -6.4, 1.0), (8.6, -5.6, 0.6)])
    ]
    parts = [
        _sand(),
        shapes.part("set/sea", water, Material((0.10, 0.22, 0.28), specular=0.0)),
        *_headland(),
        *_shells(rng),
        shapes.part("set/rocks", shapes.merge(rocks), Material((0.47, 0.42, 0.40), specular=0.0)),
        *_palm(-3.4, -2.7, rng, "set/palm0"),
        *_palm(-5.0, -3.3, rng, "set/palm1"),
        *_palm(6.6, -3.2, rng, "set/palm2"),
        *_parasol(2.5, -2.3),
    ]
    surfaces = {
        "set/sand": sand(shore, (0.60, 0.47, 0.35)),
        "set/sea": sea(shore, deep, shallow, 1.8 if time_of_day == "storm" else 1.0),
        "set/rocks": grainy(0.35, 1.2, "xy"),
        "set/headland": leafy(0.5, 14.0),
    }
    for k in range(3):
        surfaces[f"set/palm{k}.trunk"] = bark(0.4)
    clutter = {
        "set/palm0": ((-3.0, 1.8, -2.7), 0.9),
        "set/palm1": ((-4.6, 1.8, -3.3), 0.9),
        "set/palm2": ((6.2, 1.8, -3.2), 0.9),
        "set/parasol": ((2.7, 1.4, -2.3), 1.2),
    }
    return Stage(tuple(parts), surfaces, clutter=clutter)
