"""A country kitchen: tiles, cupboards, a stove with a steaming-hot look, copper pans, a table."""

from __future__ import annotations

import numpy as np

from backends.image.layout import rooms, shapes
from backends.image.layout.geometry import F32
from backends.image.layout.kit import Kit
from backends.image.layout.mesh import Material
from backends.image.layout.sky import Backdrop
from backends.image.layout.stage import Points, Stage, Surface
from backends.image.layout.surfaces import fade, grainy, paving
from backends.image.layout.trace import Lamp

SAGE, CREAM, WOOD, COPPER = (0.55, 0.66, 0.56), (0.95, 0.92, 0.84), (0.70, 0.50, 0.33), (0.86, 0.50, 0.32)


def _checker(size: float) -> Surface:
    def surface(points: Points) -> tuple[F32, F32 | None]:
        u, v = points.position[:, 0] / size, points.position[:, 2] / size
        odd = (np.floor(u) + np.floor(v)) % 2
        calm = fade(points, size)
        edge = np.minimum(np.abs(u - np.rint(u)), np.abs(v - np.rint(v))) * size
        joint = 1 - 0.35 * (edge < 0.006) * fade(points, 0.12)
        return np.asarray(
            points.albedo * ((1 - 0.42 * (odd * calm + 0.5 * (1 - calm))) * joint)[:, None], np.float32
        ), None

    return surface


def _cupboard(
    kit: Kit, x: float, y: float, z: float, w: float, h: float, deep: float, color: tuple[float, float, float]
) -> None:
    """A carcass with a panelled door and a knob; (x, y, z) is the middle of its back, y its foot."""
    kit.add("paint", shapes.box((w - 0.01, h, deep), (x, y + h / 2, z + deep / 2), 0.015), np.asarray(color) * 0.92)
    kit.add("paint", shapes.box((w - 0.05, h - 0.05, 0.03), (x, y + h / 2, z + deep + 0.012), 0.012), color)
    kit.add(
        "paint",
        shapes.box((w - 0.20, h - 0.20, 0.02), (x, y + h / 2, z + deep + 0.03), 0.014),
        np.asarray(color) * 1.05,
    )
    kit.add("copper", shapes.ball((x + w * 0.36, y + h * 0.55, z + deep + 0.05), 0.022, 10), COPPER)


def _pan(kit: Kit, x: float, y: float, z: float, r: float) -> None:
    kit.add(
        "copper",
        shapes.move(
            shapes.lathe([(0, 0), (r, 0.0), (r * 1.05, 0.05), (r * 0.98, 0.055), (r * 0.93, 0.015), (0, 0.015)], 34),
            (x, y, z),
            tilt=90,
        ),
        COPPER,
    )
    kit.add(
        "iron", shapes.tube([(x, y + r, z), (x, y + r + 0.12, z), (x, y + r + 0.24, z)], [0.012] * 3), (0.2, 0.2, 0.2)
    )


def build(time_of_day: str, seed: int) -> Stage:
    """Back wall with the counter 2.8 m behind the middle."""
    rng = np.random.default_rng(seed + 500)
    kit = Kit()
    back = -2.8
    kit.add("floor", shapes.ground(9.0), (0.90, 0.84, 0.74))
    kit.surface("floor", _checker(0.42))
    walls = rooms.shell(kit, 3.9, back, 7.0, 3.4, (0.97, 0.90, 0.76), (0.97, 0.90, 0.76), CREAM)
    kit.add("tiles", shapes.box((7.8, 0.72, 0.03), (0, 1.25, back + 0.015), 0.005), (0.93, 0.94, 0.92))
    kit.surface("tiles", paving((0.16, 0.16), "side", False, 0.008, 0.05, 0.75))
    for x in (-3.5, -2.9, -2.3, -1.7, 0.1, 0.7, 1.3, 1.9):
        _cupboard(kit, x, 0.08, back, 0.6, 0.80, 0.56, SAGE)
    kit.add("top", shapes.box((2.5, 0.06, 0.64), (-2.6, 0.91, back + 0.32), 0.015), WOOD)
    kit.add("top", shapes.box((2.5, 0.06, 0.64), (1.0, 0.91, back + 0.32), 0.015), WOOD)
    kit.surface("top", grainy(0.3, 1.0, "xz", 173))
    for x in (-3.4, -2.8, 2.0):
        _cupboard(kit, x, 1.72, back, 0.6, 0.85, 0.34, SAGE)
    stove = -0.78
    kit.add("enamel", shapes.box((1.1, 0.9, 0.62), (stove, 0.45, back + 0.31), 0.05), (0.80, 0.26, 0.22))
    kit.add("iron", shapes.box((1.12, 0.05, 0.64), (stove, 0.92, back + 0.32), 0.015), (0.15, 0.15, 0.16))
    kit.add("iron", shapes.box((0.74, 0.42, 0.03), (stove, 0.46, back + 0.63), 0.03), (0.13, 0.13, 0.14))
    kit.add(
        "copper",
        shapes.tube(
            [(stove - 0.4, 0.76, back + 0.68), (stove, 0.76, back + 0.68), (stove + 0.4, 0.76, back + 0.68)],
            [0.016] * 3,
        ),
        COPPER,
    )
    for k in range(5):
        kit.add(
            "copper",
            shapes.move(shapes.cylinder(0.035, 0.03), (stove - 0.4 + 0.2 * k, 0.84, back + 0.63), tilt=90),
            COPPER,
        )
    kit.add("enamel", shapes.box((1.3, 0.22, 0.55), (stove, 2.05, back + 0.28), 0.04), CREAM)
    kit.add(
        "enamel",
        shapes.move(
            shapes.lathe([(0.72, 0), (0.34, 0.5), (0.30, 1.3)], 4), (stove, 2.14, back + 0.28), (1, 1, 0.45), yaw=45
        ),
        CREAM,
    )
    pot = shapes.lathe(
        [
            (0, 0),
            (0.17, 0),
            (0.19, 0.03),
            (0.19, 0.2),
            (0.2, 0.21),
            (0.16, 0.24),
            (0.04, 0.28),
            (0.03, 0.31),
            (0, 0.32),
        ],
        36,
    )
    kit.add("enamel", shapes.move(pot, (stove - 0.26, 0.95, back + 0.3)), (0.25, 0.45, 0.60))
    kettle = shapes.lathe([(0, 0), (0.13, 0), (0.15, 0.06), (0.12, 0.16), (0.05, 0.2), (0.02, 0.24), (0, 0.24)], 32)
    kit.add("copper", shapes.move(kettle, (stove + 0.28, 0.95, back + 0.3)), COPPER)
    kit.add(
        "copper",
        shapes.tube(
            [(stove + 0.40, 1.03, back + 0.32), (stove + 0.47, 1.08, back + 0.35), (stove + 0.5, 1.15, back + 0.37)],
            [0.022, 0.017, 0.012],
        ),
        COPPER,
    )
    rooms.window(kit, 0.85, 1.86, back, 1.35, 1.15, curtain=(0.92, 0.52, 0.44))
    kit.add(
        "iron",
        shapes.tube([(-2.35, 2.52, back + 0.12), (-1.85, 2.52, back + 0.12), (-1.45, 2.52, back + 0.12)], [0.014] * 3),
        (0.18, 0.18, 0.18),
    )
    for k, r in enumerate((0.15, 0.12, 0.10)):
        _pan(kit, -2.28 + 0.36 * k, 2.28 - r, back + 0.12, r)
    kit.add("enamel", shapes.box((0.85, 1.75, 0.70), (2.85, 0.95, back + 0.36), 0.09), (0.62, 0.80, 0.80))
    kit.add(
        "iron",
        shapes.tube([(2.52, 1.1, back + 0.76), (2.52, 1.3, back + 0.77), (2.52, 1.5, back + 0.76)], [0.018] * 3),
        (0.85, 0.85, 0.85),
    )
    for x, c in ((-3.2, (0.90, 0.80, 0.62)), (-2.92, (0.80, 0.35, 0.28)), (-2.62, (0.35, 0.52, 0.60))):
        jar = shapes.lathe(
            [(0, 0), (0.10, 0), (0.11, 0.03), (0.11, 0.2), (0.09, 0.24), (0.10, 0.25), (0.10, 0.28), (0, 0.29)], 28
        )
        kit.add("enamel", shapes.move(jar, (x, 0.94, back + 0.28), rng.uniform(0.85, 1.1)), c)
    bowl = shapes.lathe([(0, 0), (0.08, 0), (0.2, 0.1), (0.21, 0.11), (0.18, 0.11), (0, 0.04)], 34)
    kit.add("enamel", shapes.move(bowl, (1.55, 0.94, back + 0.33)), CREAM)
    for k, c in enumerate(((0.86, 0.22, 0.18), (0.95, 0.62, 0.20), (0.62, 0.74, 0.28), (0.90, 0.30, 0.2))):
        kit.add(
            "fruit",
            shapes.ball((1.49 + 0.10 * (k % 2), 1.06 + 0.03 * (k == 3), back + 0.28 + 0.09 * (k // 2)), 0.062, 16),
            c,
        )
    rooms.rug(kit, 0.0, -0.5, 1.3, 0.7, ((0.80, 0.42, 0.34), (0.93, 0.88, 0.78), (0.80, 0.42, 0.34)))
    kit.material("enamel", Material(specular=0.5, roughness=0.3, clearcoat=0.4))
    kit.material("copper", Material(specular=0.6, metallic=0.75, roughness=0.28))
    kit.material("iron", Material(specular=0.5, roughness=0.4))
    kit.material("fruit", Material(specular=0.4, roughness=0.35))
    kit.add(
        "glow" if time_of_day != "day" else "enamel",
        shapes.move(shapes.lathe([(0.30, 0), (0.06, 0.22), (0.02, 0.26)], 36), (0.2, 2.65, -1.9)),
        (1.0, 0.84, 0.58),
    )
    kit.add("iron", shapes.move(shapes.cylinder(0.012, 1.2), (0.2, 2.85, -1.9)), (0.2, 0.2, 0.2))
    kit.material("glow", Material(emission=1.6))
    power = {"day": 0.0, "sunset": 0.9, "night": 2.4, "storm": 1.6}[time_of_day]
    lamps = (Lamp((0.2, 2.45, -1.75), (1.0, 0.80, 0.52), power, 0.13),) if power else ()
    paper = {
        "day": (0.93, 0.89, 0.80),
        "sunset": (0.85, 0.68, 0.55),
        "night": (0.20, 0.19, 0.22),
        "storm": (0.5, 0.5, 0.5),
    }
    backdrop = Backdrop(indoor=True, studio=paper[time_of_day], gains={"haze": 1e3})
    return Stage(kit.parts(), kit.surfaces(), lamps, backdrop, walls, far_limit=6.2)
