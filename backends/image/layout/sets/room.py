"""A child's room in the evening of a good day: bed, books, a window, a lamp, a rug."""

from __future__ import annotations

import numpy as np

from backends.image.layout import rooms, shapes
from backends.image.layout.kit import Kit
from backends.image.layout.mesh import Material
from backends.image.layout.sky import Backdrop
from backends.image.layout.stage import Stage
from backends.image.layout.surfaces import grainy, planks
from backends.image.layout.trace import Lamp

WOOD = (0.70, 0.50, 0.33)


def _bed(kit: Kit, x: float, z: float) -> None:
    for side, high in ((-1, 0.95), (1, 0.6)):
        kit.add("wood", shapes.box((0.08, high, 1.0), (x + side * 0.98, high / 2, z), 0.03), WOOD)
    kit.add("wood", shapes.box((1.9, 0.22, 0.98), (x, 0.28, z), 0.03), WOOD)
    kit.add(
        "linen",
        shapes.move(shapes.blob((0, 0, 0), 1.0, 3, 0.02, 26), (x, 0.44, z), (0.96, 0.14, 0.48)),
        (0.96, 0.94, 0.90),
    )
    quilt = shapes.blob((0, 0, 0), 1.0, 5, 0.05, 34, 1.6)
    kit.add("quilt", shapes.move(quilt, (x + 0.28, 0.47, z), (0.76, 0.17, 0.56)), (0.30, 0.50, 0.66))
    kit.add(
        "linen",
        shapes.move(shapes.blob((0, 0, 0), 1.0, 8, 0.05, 24), (x - 0.68, 0.60, z), (0.24, 0.12, 0.34), roll=-14),
        (0.98, 0.96, 0.92),
    )


def _toys(kit: Kit, rng: np.random.Generator) -> None:
    colors = ((0.90, 0.36, 0.30), (0.28, 0.55, 0.78), (0.96, 0.78, 0.30), (0.40, 0.68, 0.44))
    for k, (x, z, yaw) in enumerate([(-1.75, -1.1, 20), (-1.52, -1.05, -12), (-1.64, -1.08, 8)]):
        y = 0.09 if k < 2 else 0.27
        kit.add("toys", shapes.move(shapes.box((0.18, 0.18, 0.18), (0, 0, 0), 0.02), (x, y, z), yaw=yaw), colors[k])
    kit.add("toys", shapes.ball((1.75, 0.17, -0.75), 0.17, 26), colors[0])
    kit.add(
        "toys",
        shapes.move(
            shapes.lathe([(0.172 * np.cos(t), 0.172 * np.sin(t)) for t in np.linspace(-0.28, 0.28, 7)], 50),
            (1.75, 0.17, -0.75),
            tilt=25,
            roll=20,
        ),
        (0.97, 0.95, 0.90),
    )
    del rng


def build(time_of_day: str, seed: int) -> Stage:
    """Back wall 2.7 m behind the middle, side walls 3.9 m left and right."""
    rng = np.random.default_rng(seed + 400)
    night = time_of_day in ("night", "storm")
    kit = Kit()
    back = -2.7
    kit.add("floor", shapes.ground(9.0), (0.72, 0.52, 0.35))
    kit.surface("floor", planks(0.15, 1.9))
    walls = rooms.shell(kit, 3.9, back, 7.0, 3.4, (0.66, 0.78, 0.78), (0.70, 0.80, 0.79))
    rooms.window(kit, 0.55, 1.62, back, 1.45, 1.35, curtain=(0.94, 0.80, 0.62))
    rooms.shelf(kit, -1.55, back, 1.25, 1.75, rng, WOOD)
    rooms.picture(kit, 2.05, 1.75, back, 0.62, 0.46, rng)
    rooms.picture(kit, 2.85, 1.62, back, 0.40, 0.52, rng)
    rooms.rug(
        kit,
        0.0,
        -0.1,
        1.75,
        1.15,
        ((0.90, 0.86, 0.76), (0.80, 0.42, 0.34), (0.92, 0.78, 0.52), (0.36, 0.54, 0.58), (0.90, 0.86, 0.76)),
    )
    _bed(kit, 2.55, -2.05)
    _toys(kit, rng)
    kit.add("wood", shapes.box((0.46, 0.5, 0.4), (1.05, 0.25, -2.45), 0.03), WOOD)
    kit.add("wood", shapes.ball((1.05, 0.32, -2.24), 0.03, 10), (0.9, 0.8, 0.6))
    kit.add("brass", shapes.move(shapes.cylinder(0.09, 0.03), (1.05, 0.5, -2.45)), (0.85, 0.66, 0.36))
    kit.add("brass", shapes.move(shapes.cylinder(0.015, 0.26), (1.05, 0.5, -2.45)), (0.85, 0.66, 0.36))
    lit = time_of_day != "day"
    shade = shapes.lathe([(0.17, 0.0), (0.10, 0.2)], 36)
    kit.add(
        "lampshade" if lit else "linen",
        shapes.move(shade, (1.05, 0.70, -2.45)),
        (1.0, 0.82, 0.54) if lit else (0.95, 0.90, 0.80),
    )
    for k in range(9):
        x = -3.3 + k * 0.82
        y = 3.0 - 0.22 * np.sin((k % 3) / 2 * np.pi) - 0.05
        kit.add(
            "bunting",
            shapes.move(shapes.lathe([(0.0, -0.24), (0.12, 0.0), (0.0, 0.01)], 3), (x, y, back + 0.05), (1, 1, 0.1)),
            rooms.BOOKS[k % len(rooms.BOOKS)],
        )
    kit.surface("wood", grainy(0.22, 1.1, "side", 171))
    kit.material("quilt", Material(specular=0.0, sheen=0.5), grainy(0.10, 0.8, "xz"))
    kit.material("lampshade", Material(emission=1.3))
    kit.material("toys", Material(specular=0.4, roughness=0.35))
    kit.material("brass", Material(specular=0.6, metallic=0.8, roughness=0.3))
    power = {"day": 0.0, "sunset": 0.5, "night": 1.15, "storm": 0.8}[time_of_day]
    lamps = (Lamp((1.05, 1.05, -2.2), (1.0, 0.74, 0.42), power, 0.11),) if power else ()
    gains = {"key": 0.75} if night else {}
    paper = {
        "day": (0.80, 0.84, 0.85),
        "sunset": (0.80, 0.66, 0.60),
        "night": (0.16, 0.19, 0.28),
        "storm": (0.45, 0.49, 0.53),
    }
    backdrop = Backdrop(indoor=True, studio=paper[time_of_day], gains={**gains, "haze": 1e3})
    return Stage(kit.parts(), kit.surfaces(), lamps, backdrop, walls, far_limit=6.2)
