"""An Italian square: warm fronts, an arcade, a bell tower, a fountain on worn paving."""

from __future__ import annotations

import numpy as np

from backends.image.layout import houses, shapes
from backends.image.layout.kit import Kit
from backends.image.layout.mesh import Material
from backends.image.layout.sky import Backdrop
from backends.image.layout.stage import Stage
from backends.image.layout.surfaces import grainy, leafy, paving
from backends.image.layout.trace import Lamp

WALLS = ((0.93, 0.73, 0.50), (0.90, 0.60, 0.46), (0.95, 0.83, 0.62), (0.86, 0.66, 0.52), (0.94, 0.78, 0.66))
SHUTTERS = ((0.22, 0.42, 0.36), (0.30, 0.44, 0.52), (0.45, 0.27, 0.20), (0.25, 0.36, 0.28))
TRIM = (0.93, 0.89, 0.80)


def _fountain(kit: Kit, x: float, z: float) -> None:
    stone = (0.84, 0.79, 0.70)
    basin = [
        (0, 0),
        (1.42, 0),
        (1.46, 0.10),
        (1.36, 0.16),
        (1.33, 0.40),
        (1.45, 0.46),
        (1.45, 0.54),
        (1.24, 0.55),
        (1.20, 0.30),
        (0, 0.28),
    ]
    kit.add("carved", shapes.move(shapes.lathe(basin, 48), (x, 0, z)), stone)
    stem = [
        (0.30, 0.25),
        (0.22, 0.4),
        (0.14, 0.75),
        (0.20, 1.0),
        (0.62, 1.18),
        (0.66, 1.25),
        (0.55, 1.25),
        (0.15, 1.16),
        (0.10, 1.5),
        (0.16, 1.62),
        (0.30, 1.70),
        (0.30, 1.74),
        (0.0, 1.74),
    ]
    kit.add("carved", shapes.move(shapes.lathe(stem, 40), (x, 0, z)), stone)
    kit.add("water", shapes.move(shapes.cylinder(1.23, 0.03), (x, 0.44, z)), (0.45, 0.72, 0.80))
    kit.add("water", shapes.move(shapes.cylinder(0.56, 0.03), (x, 1.21, z)), (0.50, 0.76, 0.84))
    for k in range(10):
        a = k / 10 * 2 * np.pi
        t = np.linspace(0, 1, 9)
        r, y = 0.62 + 0.42 * t, 1.22 + 0.10 * t - 0.86 * t * t
        points = np.stack([x + np.cos(a) * r, y, z + np.sin(a) * r], -1)
        kit.add("water", shapes.tube(points, 0.014 + 0.008 * t, 7), (0.88, 0.96, 1.0))
    kit.add("water", shapes.tube([(x, 1.7, z), (x, 1.95, z), (x, 2.1, z)], [0.03, 0.022, 0.008], 8), (0.88, 0.96, 1.0))


def _arcade(kit: Kit, z: float, bays: int, bay: float) -> None:
    """A palace on arches that closes the square."""
    width = bays * bay
    wall, stone = (0.92, 0.76, 0.55), (0.90, 0.85, 0.75)
    for k in range(bays):
        x = (k + 0.5) * bay - width / 2
        kit.add("stone", shapes.move(shapes.arch(bay, 3.1, 4.0, bay * 0.36, 0.7), (x, 0, z)), stone)
        kit.add("stone", shapes.move(shapes.cylinder(0.24, 2.0, 0.21), (x - bay / 2, 0, z + 0.12)), (0.95, 0.91, 0.83))
        kit.add("stone", shapes.box((0.62, 0.18, 0.62), (x - bay / 2, 2.06, z + 0.12), 0.04), (0.95, 0.91, 0.83))
    kit.add("shade", shapes.box((width, 4.0, 0.2), (0, 2.0, z - 3.2), 0.02), (0.62, 0.48, 0.38))
    kit.add("wall", shapes.box((width, 3.7, 4.0), (0, 5.85, z - 2.0), 0.02), wall)
    kit.add("stone", shapes.box((width + 0.3, 0.25, 0.4), (0, 4.02, z + 0.05), 0.06), TRIM)
    kit.add("stone", shapes.box((width + 0.5, 0.35, 0.7), (0, 7.75, z + 0.1), 0.08), TRIM)
    kit.add(
        "roof",
        shapes.move(shapes.box((width + 0.9, 0.12, 3.4), (0, 0, 0), 0.02), (0, 8.5, z - 1.2), tilt=22),
        (0.68, 0.38, 0.27),
    )
    for k in range(bays):
        x = (k + 0.5) * bay - width / 2
        kit.add("pane", shapes.panel(1.0, 1.7, (x, 5.75, z + 0.02)), (0.30, 0.36, 0.42))
        kit.add("stone", shapes.box((1.4, 0.14, 0.26), (x, 4.84, z + 0.05), 0.03), TRIM)
        kit.add("stone", shapes.box((1.3, 0.2, 0.2), (x, 6.72, z + 0.04), 0.03), TRIM)
        for side in (-1, 1):
            kit.add("shutter", shapes.box((0.5, 1.7, 0.06), (x + side * 0.78, 5.75, z + 0.06), 0.02), SHUTTERS[0])


def _tower(kit: Kit, x: float, z: float) -> None:
    brick, stone = (0.80, 0.52, 0.40), (0.93, 0.88, 0.78)
    kit.add("brick", shapes.box((3.0, 12.5, 3.0), (x, 6.25, z), 0.03), brick)
    for y in (4.2, 8.4, 12.5):
        kit.add("stone", shapes.box((3.3, 0.28, 3.3), (x, y, z), 0.06), stone)
    for side in (-1, 1):
        kit.add("brick", shapes.box((0.6, 2.4, 3.0), (x + side * 1.2, 13.8, z), 0.03), brick)
    kit.add("brick", shapes.box((3.0, 2.4, 0.5), (x, 13.8, z - 1.25), 0.03), brick)
    kit.add("stone", shapes.box((3.4, 0.35, 3.4), (x, 15.1, z), 0.07), stone)
    kit.add("roof", shapes.move(shapes.lathe([(2.35, 0), (0.0, 3.2)], 4), (x, 15.25, z), yaw=45), (0.66, 0.36, 0.26))
    kit.add("clock", shapes.move(shapes.cylinder(0.85, 0.1), (x, 10.4, z + 1.5), tilt=90), (0.96, 0.94, 0.88))
    for turn, length in ((20.0, 0.62), (110.0, 0.42)):
        hand = shapes.box((0.07, length, 0.03), (0, length / 2, 0), 0.01)
        kit.add("iron", shapes.move(hand, (x, 10.4, z + 1.63), roll=turn), (0.15, 0.15, 0.15))


def build(time_of_day: str, seed: int) -> Stage:
    """The square is open towards +Z; its far side lies 13 m behind the middle."""
    rng = np.random.default_rng(seed + 200)
    night = time_of_day in ("night", "sunset")
    kit = Kit()
    houses.materials(kit)
    kit.add("ground", shapes.ground(80.0), (0.80, 0.68, 0.55))
    kit.surface("ground", paving((0.62, 0.41), "xz", True, 0.022, 0.13, 0.62))
    _fountain(kit, 2.7, -4.4)
    _arcade(kit, -13.0, 5, 3.0)
    _tower(kit, -9.6, -17.5)
    for side, rows in ((-1, 2), (1, 3)):
        for k in range(rows):
            z = -10.0 + k * 5.4
            houses.front(
                kit,
                (side * 9.4, z),
                -side * 90,
                5.3,
                3,
                WALLS[int(rng.integers(len(WALLS)))],
                TRIM,
                SHUTTERS[int(rng.integers(len(SHUTTERS)))],
                rng,
                night=night,
                shop=k == 1,
                awning=(0.80, 0.32, 0.26) if side < 0 else (0.30, 0.48, 0.42),
            )
    for x, width in ((12.0, 6.0), (18.5, 6.4), (-16.5, 6.0)):
        houses.front(
            kit, (x, -15.0), 0, width, 3, WALLS[int(rng.integers(len(WALLS)))], TRIM, SHUTTERS[1], rng, night=night
        )
    for x, z in ((-3.4, -3.4), (6.2, -7.0), (-6.0, -8.6)):
        houses.lantern(kit, x, z, night)
    for x, z in ((-5.4, -5.6), (-6.6, -2.2), (6.9, -2.4)):
        kit.add(
            "pot",
            shapes.move(
                shapes.lathe([(0, 0), (0.26, 0), (0.36, 0.5), (0.42, 0.52), (0.42, 0.6), (0.3, 0.6), (0, 0.55)]),
                (x, 0, z),
            ),
            (0.72, 0.40, 0.28),
        )
        for j in range(5):
            spot = (x + rng.uniform(-0.15, 0.15), 0.85 + 0.12 * j, z + rng.uniform(-0.15, 0.15))
            kit.add(
                "hedge", shapes.blob(spot, 0.36 - 0.045 * j, int(rng.integers(999)), 0.2, 18, 2.4), (0.30, 0.47, 0.24)
            )
    kit.surface("hedge", leafy(0.7, 0.6))
    kit.surface("carved", grainy(0.25, 1.0, "xy", 151))
    kit.surface("brick", paving((0.3, 0.1), "side", True, 0.014, 0.16, 0.75, 153))
    kit.material("water", Material(specular=0.6, roughness=0.1))
    kit.material("iron", Material(specular=0.4, roughness=0.4))
    lamps = (
        tuple(
            Lamp((x, 3.05, z), (1.0, 0.74, 0.42), 2.6 if time_of_day == "night" else 0.8, 0.14)
            for x, z in ((-3.4, -3.4),)
        )
        if night
        else ()
    )
    backdrop = Backdrop(gains={"exposure": 1.12, "key": 1.12})
    return Stage(kit.parts(), kit.surfaces(), lamps, backdrop, far_limit=11.0)
