"""A lively street that runs into the distance: shops, awnings, lamps, trees, a skyline."""

from __future__ import annotations

import numpy as np

from backends.image.layout import houses, plants, shapes
from backends.image.layout.geometry import F32
from backends.image.layout.kit import Kit
from backends.image.layout.mesh import Material
from backends.image.layout.noise import smoothstep
from backends.image.layout.sky import Backdrop
from backends.image.layout.stage import Points, Stage
from backends.image.layout.surfaces import detail, fade, leafy, paving
from backends.image.layout.trace import Lamp

WALLS = (
    (0.82, 0.46, 0.38),
    (0.93, 0.84, 0.68),
    (0.58, 0.70, 0.76),
    (0.90, 0.68, 0.46),
    (0.74, 0.78, 0.66),
    (0.86, 0.60, 0.58),
)
DOORS = ((0.20, 0.36, 0.46), (0.46, 0.22, 0.20), (0.22, 0.40, 0.32), (0.30, 0.26, 0.42))
AWNINGS = ((0.82, 0.30, 0.26), (0.26, 0.50, 0.52), (0.90, 0.66, 0.28), (0.36, 0.46, 0.70))
HALF_ROAD = 2.5


def _asphalt(points: Points) -> tuple[F32, F32 | None]:
    u, v = points.position[:, 0], points.position[:, 2]
    shade = 1 + 0.5 * detail(points, u, v, 1.1, 181)
    line = smoothstep(0.075, 0.060, np.abs(u)) * (np.mod(v, 2.4) < 1.3) * fade(points, 0.5)
    stripe = (np.mod(u + 0.275, 0.55) < 0.30) & (np.abs(v + 4.3) < 0.95) & (np.abs(u) < 2.1)
    white = np.maximum(line * (np.abs(v + 4.3) > 1.4), stripe)[:, None] * 0.86
    return np.asarray(points.albedo * shade[:, None] * (1 - white) + 0.62 * white * shade[:, None], np.float32), None


def build(time_of_day: str, seed: int) -> Stage:
    """The middle of the stage is the middle of the road, closed to cars."""
    rng = np.random.default_rng(seed + 600)
    night = time_of_day in ("night", "sunset", "storm")
    kit = Kit()
    houses.materials(kit)
    kit.add("road", shapes.ground(90.0), (0.42, 0.43, 0.46))
    kit.surface("road", _asphalt)
    for side in (-1, 1):
        kit.add(
            "walk", shapes.box((2.4, 0.12, 96.0), (side * (HALF_ROAD + 1.2), 0.06, -38.0), 0.03), (0.76, 0.73, 0.68)
        )
        kit.add(
            "kerb", shapes.box((0.16, 0.13, 96.0), (side * (HALF_ROAD + 0.06), 0.066, -38.0), 0.03), (0.84, 0.82, 0.78)
        )
        z = 4.0 if side > 0 else -1.2
        k = 0
        while z > -44:
            width = rng.uniform(4.6, 6.4)
            houses.front(
                kit,
                (side * (HALF_ROAD + 2.4), z - width / 2),
                -side * 90,
                width,
                int(rng.integers(3, 5)),
                WALLS[int(rng.integers(len(WALLS)))],
                (0.94, 0.92, 0.86),
                DOORS[int(rng.integers(len(DOORS)))],
                rng,
                night=night,
                shop=k % 2 == 0 or rng.random() < 0.4,
                awning=AWNINGS[int(rng.integers(len(AWNINGS)))],
                storey=2.5,
                slats=z > -14,
            )
            z -= width + 0.02
            k += 1
    kit.surface("walk", paving((0.5, 0.5), "xz", True, 0.016, 0.08, 0.66))
    for k, (bx, width, height) in enumerate(
        [(-15, 9, 26), (-5, 8, 34), (4, 7, 24), (13, 10, 38), (24, 9, 28), (-27, 12, 30)]
    ):
        kit.add(
            "skyline", shapes.box((width, height, 6), (bx, height / 2, -92 - 3 * (k % 3)), 0.05), (0.55, 0.60, 0.68)
        )
    clutter = {}
    for k, (x, z) in enumerate(
        [(-2.95, -3.0), (2.95, -6.5), (-2.95, -12.0), (2.95, -17.0), (-2.95, -24.0), (2.95, -31.0)]
    ):
        plants.tree(kit, f"tree{k}", x, z, 3.5, rng, (0.42, 0.62, 0.26), spread=0.40, detail=15 if k < 3 else 9)
        kit.surface(f"tree{k}.leaf", leafy(0.8, 0.6))
        clutter[f"set/tree{k}"] = ((x, 2.2, z), 0.75)
    for x, z in ((2.85, -1.6), (-2.85, -7.2), (2.85, -11.5), (-2.85, -17.5), (2.85, -24.0)):
        houses.lantern(kit, x, z, night)
    kit.add(
        "hydrant",
        shapes.move(
            shapes.lathe(
                [
                    (0, 0),
                    (0.13, 0),
                    (0.13, 0.05),
                    (0.09, 0.07),
                    (0.09, 0.38),
                    (0.12, 0.40),
                    (0.12, 0.44),
                    (0.07, 0.52),
                    (0, 0.56),
                ],
                24,
            ),
            (-2.85, 0.12, -1.1),
        ),
        (0.84, 0.24, 0.20),
    )
    for side in (-1, 1):
        kit.add("hydrant", shapes.ball((-2.85 + side * 0.10, 0.42, -1.1), 0.05, 12), (0.84, 0.24, 0.20))
    for x, z in ((3.5, -3.4), (3.6, -4.1)):
        kit.add("pot", shapes.move(shapes.cylinder(0.2, 0.36, 0.26), (x, 0.12, z)), (0.70, 0.40, 0.30))
        plants.bush(kit, "potted", x, z, 0.28, rng, (0.36, 0.56, 0.30))
    kit.surface("potted.leaf", leafy(0.8, 0.4))
    kit.material("hydrant", Material(specular=0.5, roughness=0.3, clearcoat=0.3))
    kit.material("iron", Material(specular=0.4, roughness=0.4))
    lamps: tuple[Lamp, ...] = ()
    if time_of_day in ("night", "sunset"):
        power = 2.8 if time_of_day == "night" else 0.8
        lamps = (Lamp((2.85, 3.05, -1.6), (1.0, 0.76, 0.45), power, 0.14),)
    gains = {"haze": 0.9, "exposure": 1.14, "key": 1.2}
    return Stage(kit.parts(), kit.surfaces(), lamps, Backdrop(gains=gains), {}, clutter, far_limit=12.0)
