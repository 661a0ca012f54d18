"""A castle hall: pillars and vaults, tall windows, torches, banners, a throne on steps."""

from __future__ import annotations

import numpy as np

from backends.image.layout import rooms, shapes
from backends.image.layout.kit import Kit
from backends.image.layout.mesh import Material
from backends.image.layout.sky import Backdrop
from backends.image.layout.stage import Stage
from backends.image.layout.surfaces import glass, grainy, paving
from backends.image.layout.trace import Lamp

STONE, PALE, RED, GOLD = (0.62, 0.57, 0.51), (0.72, 0.67, 0.60), (0.62, 0.13, 0.15), (0.90, 0.70, 0.32)
BACK = -7.0


def _pillar(kit: Kit, x: float, z: float) -> None:
    profile = [
        (0, 0),
        (0.46, 0),
        (0.46, 0.16),
        (0.38, 0.22),
        (0.40, 0.30),
        (0.29, 0.40),
        (0.27, 3.0),
        (0.33, 3.06),
        (0.31, 3.14),
        (0.44, 3.34),
        (0.46, 3.5),
        (0, 3.5),
    ]
    kit.add("pillar", shapes.move(shapes.lathe(profile, 32), (x, 0, z)), PALE)


def _torch(kit: Kit, x: float, y: float, z: float) -> None:
    kit.add(
        "iron",
        shapes.tube([(x, y - 0.32, z + 0.04), (x, y - 0.1, z + 0.13), (x, y, z + 0.16)], [0.02, 0.025, 0.05]),
        (0.16, 0.14, 0.13),
    )
    for k, (size, lift, color) in enumerate(
        [(0.085, 0.08, (1.0, 0.42, 0.10)), (0.06, 0.11, (1.0, 0.68, 0.20)), (0.036, 0.10, (1.0, 0.92, 0.62))]
    ):
        flame = shapes.lathe([(0, -0.8), (0.7, -0.4), (0.9, 0.0), (0.62, 0.7), (0.25, 1.5), (0, 2.1)], 18)
        kit.add("flame", shapes.move(flame, (x, y + lift, z + 0.16 + 0.03 * k), size), color)


def _banner(kit: Kit, x: float, z: float) -> None:
    kit.add("cloth", shapes.box((0.85, 2.0, 0.03), (x, 2.9, z + 0.06), 0.008), RED)
    for side in (-1, 1):
        kit.add(
            "cloth",
            shapes.move(
                shapes.lathe([(0, -0.42), (0.215, 0.0), (0, 0.001)], 4),
                (x + side * 0.21, 1.90, z + 0.06),
                (1, 1, 0.07),
                yaw=0,
            ),
            RED,
        )
        kit.add("cloth", shapes.box((0.04, 2.0, 0.035), (x + side * 0.37, 2.9, z + 0.06), 0.008), GOLD)
    star = shapes.lathe([(0, -0.02), (0.24, 0.0), (0, 0.02)], 8)
    vertices, faces, _ = star
    spike = np.where(np.arange(len(vertices)) % 2 == 0, 1.0, 0.45)
    vertices = vertices * np.stack([spike, np.ones_like(spike), spike], -1)
    kit.add("cloth", shapes.move((vertices, faces, None), (x, 3.0, z + 0.09), tilt=90), GOLD)
    kit.add(
        "iron",
        shapes.tube([(x - 0.5, 3.92, z + 0.07), (x, 3.92, z + 0.07), (x + 0.5, 3.92, z + 0.07)], [0.025] * 3),
        (0.25, 0.2, 0.15),
    )


def _throne(kit: Kit, x: float, z: float) -> None:
    for k in range(3):
        kit.add("step", shapes.box((3.6 - 0.6 * k, 0.16, 2.0 - 0.4 * k), (x, 0.08 + 0.16 * k, z), 0.03), PALE)
    y = 0.48
    kit.add("gilt", shapes.box((0.9, 0.46, 0.7), (x, y + 0.23, z - 0.1), 0.05), GOLD)
    kit.add("cloth", shapes.box((0.76, 0.12, 0.62), (x, y + 0.51, z - 0.06), 0.05), RED)
    kit.add("gilt", shapes.box((0.9, 1.5, 0.16), (x, y + 1.05, z - 0.42), 0.06), GOLD)
    kit.add("cloth", shapes.box((0.64, 1.1, 0.06), (x, y + 1.05, z - 0.33), 0.03), RED)
    for side in (-1, 1):
        kit.add("gilt", shapes.box((0.12, 0.10, 0.6), (x + side * 0.44, y + 0.78, z - 0.1), 0.03), GOLD)
        kit.add("gilt", shapes.ball((x + side * 0.40, y + 1.88, z - 0.42), 0.09, 16), GOLD)
        kit.add("gilt", shapes.ball((x + side * 0.44, y + 0.82, z + 0.2), 0.08, 14), GOLD)
    kit.add("gilt", shapes.ball((x, y + 1.96, z - 0.42), 0.13, 18), GOLD)


def build(time_of_day: str, seed: int) -> Stage:
    """A hall 11 m wide whose throne stands 5.8 m behind the middle."""
    del seed
    kit = Kit()
    kit.add("floor", shapes.ground(16.0), (0.56, 0.52, 0.48))
    kit.surface("floor", paving((0.85, 0.85), "xz", False, 0.018, 0.11, 0.55))
    walls = rooms.shell(kit, 5.6, BACK, 10.0, 5.4, STONE, STONE, PALE)
    for name in ("back", "left", "right"):
        kit.surface(name, paving((0.78, 0.38), "side", True, 0.026, 0.13, 0.55, 195))
    for x in (-3.2, 3.2):
        for z in (-5.6, -2.6, 0.4):
            _pillar(kit, x, z)
        for k in range(2):
            z0 = -5.6 + 3.0 * k
            arch = shapes.arch(3.0, 1.6, 1.95, 1.22, 0.5)
            kit.add("vault", shapes.move(arch, (x + 0.25, 3.5, z0 + 1.5), yaw=90), PALE)
    for x in (-2.2, 2.2):
        kit.add("outside", shapes.panel(0.95, 2.2, (x, 2.9, BACK + 0.02)), (0.5, 0.6, 0.7))
        kit.add(
            "outside",
            shapes.move(
                shapes.lathe([(0, 0), (0.475, 0), (0.475, 0.001), (0, 0.001)], 40), (x, 4.0, BACK + 0.018), tilt=90
            ),
            (0.5, 0.6, 0.7),
        )
        kit.add("frame", shapes.move(shapes.arch(1.5, 2.68, 3.1, 0.475, 0.16), (x, 1.80, BACK + 0.16)), PALE)
        for k in range(4):
            kit.add("iron", shapes.box((0.95, 0.03, 0.03), (x, 2.1 + 0.5 * k, BACK + 0.05), 0.008), (0.2, 0.18, 0.17))
        kit.add("iron", shapes.box((0.035, 2.7, 0.03), (x, 3.1, BACK + 0.05), 0.008), (0.2, 0.18, 0.17))
    kit.surface("outside", glass("sky"))
    for x in (-0.0,):
        _banner(kit, x, BACK)
    for x in (-3.9, 3.9):
        _banner(kit, x, BACK)
    _throne(kit, 0.0, -5.9)
    carpet = shapes.box((1.7, 0.02, 13.0), (0, 0.01, 1.5), 0.004)
    kit.add("carpet", carpet, RED)
    for side in (-1, 1):
        kit.add("carpet", shapes.box((0.09, 0.024, 13.0), (side * 0.76, 0.012, 1.5), 0.004), GOLD)
    for x, z in ((-1.15, BACK), (1.15, BACK), (-4.6, BACK), (4.6, BACK)):
        _torch(kit, x, 2.15, z)
    for x in (-3.2, 3.2):
        for z in (-2.6, -5.6):
            _torch(kit, x, 1.95, z + 0.24)
    kit.surface("pillar", grainy(0.24, 1.4, "side", 197))
    kit.surface("step", grainy(0.22, 1.2, "xz", 199))
    kit.material("gilt", Material(specular=0.6, metallic=0.7, roughness=0.3))
    kit.material("carpet", Material(specular=0.0, sheen=0.4), grainy(0.28, 0.6, "xz"))
    kit.material("cloth", Material(specular=0.0, sheen=0.5), grainy(0.12, 0.8, "side"))
    kit.material("flame", Material(emission=4.5))
    power = {"day": 1.2, "sunset": 1.6, "night": 2.4, "storm": 2.0}[time_of_day]
    lamps = (
        Lamp((-3.2, 2.25, -1.9), (1.0, 0.58, 0.24), power, 0.12),
        Lamp((3.2, 2.25, -1.9), (1.0, 0.58, 0.24), power, 0.12),
    )
    paper = {
        "day": (0.36, 0.33, 0.31),
        "sunset": (0.34, 0.25, 0.21),
        "night": (0.07, 0.07, 0.10),
        "storm": (0.20, 0.21, 0.22),
    }
    gains = {"haze": 0.6, "fill": 0.95, "key": 1.05, "exposure": 1.12}
    backdrop = Backdrop(
        indoor=True,
        studio=paper[time_of_day],
        gains=gains,
        air=(0.45, 0.40, 0.38),
    )
    return Stage(kit.parts(), kit.surfaces(), lamps, backdrop, walls, far_limit=8.5)
