"""A park: rolling lawn, a winding path, trees, a pond, a bench, flowers."""

from __future__ import annotations

import numpy as np

from backends.image.layout import houses, plants, shapes
from backends.image.layout.geometry import F32, to_linear
from backends.image.layout.kit import Kit
from backends.image.layout.mesh import Material
from backends.image.layout.noise import sample, smoothstep, tile
from backends.image.layout.stage import Points, Stage, Surface
from backends.image.layout.surfaces import bark, detail, grainy, leafy, meadow, planks, sea
from backends.image.layout.trace import Lamp

POND = (-5.2, -10.5, 4.6, 2.6)
"""Middle x, z and half axes."""


def _path(z: F32 | np.float32) -> F32:
    """x of the path's middle."""
    return np.asarray(0.9 + 1.5 * np.sin((z - 2.0) * 0.22) + 0.02 * z, np.float32)


def _ground() -> Surface:
    lawn = meadow((0.36, 0.60, 0.22), (0.62, 0.68, 0.32))
    gravel = to_linear((0.84, 0.74, 0.58))

    def surface(points: Points) -> tuple[F32, F32 | None]:
        color, _ = lawn(points)
        x, z = points.position[:, 0], points.position[:, 2]
        wobble = 0.35 * (sample(tile(191, 1.4, 2, 60), x / 6, z / 6) - 0.5)
        away = np.abs(x - _path(z)) + wobble
        cover = smoothstep(0.95, 0.82, away)[:, None]
        rim = (smoothstep(1.12, 0.92, away) * 0.35)[:, None] * (1 - cover)
        grit = gravel * (1 + 0.5 * detail(points, x, z, 0.7, 193))[:, None]
        return np.asarray((color * (1 - rim) + gravel * 0.4 * rim) * (1 - cover) + grit * cover, np.float32), None

    return surface


def _bench(kit: Kit, x: float, z: float, yaw: float) -> None:
    for k in range(4):
        kit.add(
            "bench",
            shapes.move(shapes.box((1.5, 0.04, 0.10), (0, 0.44, -0.16 + 0.125 * k), 0.012), (x, 0, z), yaw=yaw),
            (0.68, 0.44, 0.26),
        )
    for k in range(3):
        kit.add(
            "bench",
            shapes.move(
                shapes.box((1.5, 0.10, 0.035), (0, 0.60 + 0.145 * k, -0.27 - 0.02 * k), 0.012), (x, 0, z), yaw=yaw
            ),
            (0.68, 0.44, 0.26),
        )
    for side in (-0.62, 0.62):
        leg = shapes.tube([(side, 0, 0.22), (side, 0.42, 0.20), (side, 0.43, -0.2), (side, 0.95, -0.32)], [0.025] * 4)
        kit.add("iron", shapes.move(leg, (x, 0, z), yaw=yaw), (0.18, 0.20, 0.20))
        kit.add(
            "iron",
            shapes.move(
                shapes.tube([(side, 0.43, -0.2), (side, 0.2, -0.24), (side, 0, -0.26)], [0.025] * 3), (x, 0, z), yaw=yaw
            ),
            (0.18, 0.20, 0.20),
        )


def build(time_of_day: str, seed: int) -> Stage:
    """Lawn, level about the middle, rising to a line of trees; open on all sides."""
    rng = np.random.default_rng(seed + 700)
    night = time_of_day in ("night", "sunset")
    kit = Kit()
    x, z = shapes.graded(8.0, 160.0, 101), shapes.graded(8.0, 160.0, 101)
    gx, gz = np.meshgrid(x, z)
    hills = smoothstep(5.0, 30.0, np.hypot(gx, gz)) * (sample(tile(701, 1.9, 1, 10), gx / 110, gz / 110) - 0.36) * 6.5
    dip = np.exp(-(((gx - POND[0]) / (POND[2] * 1.1)) ** 4) - ((gz - POND[1]) / (POND[3] * 1.1)) ** 4)
    kit.add("lawn", shapes.terrain(x, z, hills * (1 - dip) - 0.5 * dip), (0.44, 0.66, 0.25))
    kit.surface("lawn", _ground())
    water = shapes.terrain(np.linspace(-1, 1, 20), np.linspace(-1, 1, 20), np.zeros((20, 20)))
    kit.add(
        "pond", shapes.move(water, (POND[0], -0.10, POND[1]), (POND[2] * 1.25, 1, POND[3] * 1.25)), (0.30, 0.44, 0.46)
    )
    deep = {
        "day": (0.16, 0.38, 0.44),
        "sunset": (0.34, 0.30, 0.40),
        "night": (0.06, 0.12, 0.20),
        "storm": (0.22, 0.28, 0.30),
    }
    kit.surface("pond", sea(lambda v: np.full_like(v, 60.0), deep[time_of_day], (0.4, 0.6, 0.5), 0.22))
    clutter = {}
    spots = [
        (-3.6, -4.4, 4.4),
        (4.4, -5.6, 5.2),
        (6.8, -10.5, 6.4),
        (-10.5, -7.5, 6.2),
        (-8.0, -16.5, 7.5),
        (1.2, -17.0, 7.0),
        (11.5, -16.5, 8.0),
        (-15.0, -14.0, 8.0),
        (8.2, -2.6, 5.4),
    ]
    greens = ((0.38, 0.60, 0.24), (0.48, 0.66, 0.26), (0.30, 0.52, 0.26), (0.60, 0.66, 0.28))
    for k, (tx, tz, height) in enumerate(spots):
        plants.tree(kit, f"tree{k}", tx, tz, height, rng, greens[k % 4], spread=0.46)
        kit.surface(f"tree{k}.leaf", leafy(0.8, 0.8))
        kit.surface(f"tree{k}.wood", bark(0.4))
        clutter[f"set/tree{k}"] = ((tx, height * 0.55, tz), height * 0.26)
    for _ in range(44):
        a, r = rng.uniform(np.pi * 0.98, np.pi * 2.02), rng.uniform(26, 58)
        fx, fz, height = r * np.cos(a), r * np.sin(a), rng.uniform(5.5, 9.5)
        if rng.random() < 0.35:
            plants.pine(kit, "far", fx, fz, height, rng)
        else:
            plants.tree(kit, "far", fx, fz, height, rng, detail=10)
    kit.surface("far.leaf", leafy(0.7, 1.4))
    _bench(kit, -2.35, -2.0, 24)
    clutter["set/bench"] = ((-2.35, 0.5, -2.0), 0.5)
    for bx, bz, size in ((-4.9, -4.9, 0.6), (3.4, -4.6, 0.55), (5.8, -6.6, 0.8), (-3.0, -5.6, 0.5), (7.4, -3.6, 0.7)):
        plants.bush(kit, "bush", bx, bz, size, rng, (0.34, 0.56, 0.26))
    kit.surface("bush.leaf", leafy(0.8, 0.5))
    blooms = ((0.95, 0.38, 0.42), (0.98, 0.80, 0.32), (0.96, 0.94, 0.96), (0.70, 0.48, 0.86))
    plants.flowers(kit, "bed", rng, 46, (-3.4, -1.2, -3.9, -2.7), blooms)
    plants.flowers(kit, "bed", rng, 30, (2.6, 4.4, -3.4, -1.4), blooms)
    plants.grass(
        kit,
        "grass",
        rng,
        700,
        (-5.5, 5.5, -5.5, 2.5),
        (0.42, 0.64, 0.22),
        0.11,
        lambda gx, gz: abs(gx - float(_path(np.float32(gz)))) > 1.05,
    )
    houses.lantern(kit, 2.75, -3.3, night)
    kit.surface("bench", planks(0.12, 3.0, "xy"))
    kit.surface("globe", grainy(0.02))
    kit.material("iron", Material(specular=0.4, roughness=0.4))
    kit.material("lamp", Material(emission=5.0))
    lamps = (
        (Lamp((2.75, 3.05, -3.3), (1.0, 0.78, 0.48), 3.2 if time_of_day == "night" else 0.8, 0.14),) if night else ()
    )
    return Stage(kit.parts(), kit.surfaces(), lamps, clutter=clutter, far_limit=16.0)
