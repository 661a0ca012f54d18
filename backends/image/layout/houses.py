"""House fronts: walls, windows with shutters, doors, awnings, roofs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from backends.image.layout import shapes
from backends.image.layout.kit import Kit
from backends.image.layout.mesh import Material
from backends.image.layout.shapes import Mesh
from backends.image.layout.surfaces import glass, grainy, paving

Color = ArrayLike


def materials(kit: Kit) -> None:
    """What the groups that `front` fills are made of."""
    kit.surface("wall", grainy(0.15, 3.5, "side", 141))
    kit.surface("stone", grainy(0.22, 1.6, "side", 143))
    kit.surface("roof", paving((0.24, 0.34), "xy", True, 0.03, 0.2, 0.6, 147))
    kit.surface("pane", glass("mirror"))
    kit.material("lit", Material(emission=1.5))
    kit.material("lamp", Material(emission=5.0))


def front(
    kit: Kit,
    place: Sequence[float],
    yaw: float,
    width: float,
    floors: int,
    wall: Color,
    trim: Color,
    shutter: Color,
    rng: np.random.Generator,
    *,
    night: bool = False,
    shop: bool = False,
    columns: int = 3,
    storey: float = 2.7,
    roof: Color = (0.66, 0.36, 0.26),
    awning: Color | None = None,
    slats: bool = True,
) -> None:
    """One house whose front stands at `place` (x, z), facing +Z turned by `yaw`, with its body behind."""
    deep, height = 5.0, storey * floors + 0.5

    def put(group: str, mesh: Mesh, color: Color) -> None:
        kit.add(group, shapes.move(mesh, (place[0], 0.0, place[1]), yaw=yaw), color)

    put("wall", shapes.box((width, height, deep), (0, height / 2, -deep / 2), 0.02), wall)
    put("stone", shapes.box((width + 0.02, 0.55, 0.10), (0, 0.275, 0.0), 0.02), np.asarray(trim) * 0.8)
    put("stone", shapes.box((width + 0.24, 0.22, 0.42), (0, height + 0.02, 0.02), 0.05), trim)
    for level in range(1, floors):
        put("stone", shapes.box((width + 0.03, 0.10, 0.12), (0, storey * level + 0.22, 0.0), 0.03), trim)
    peak = shapes.box((width + 0.5, 0.10, deep * 0.62), (0, 0, 0), 0.02)
    put("roof", shapes.move(peak, (0, height + 0.62, -deep * 0.25), tilt=24), roof)
    step = width / columns
    for level in range(floors):
        for column in range(columns):
            x = (column + 0.5) * step - width / 2
            y = storey * level + 0.62
            if level == 0:
                _ground_floor(put, x, step, column, columns, shop, trim, shutter, night, rng, awning)
                continue
            _window(
                put, x, y + 0.35, min(0.95, step * 0.5), 1.45, trim, shutter, night and rng.random() < 0.6, rng, slats
            )


def _window(put, x, y, w, h, trim, shutter, lit, rng, slats=True) -> None:  # type: ignore[no-untyped-def]
    put(
        "lit" if lit else "pane",
        shapes.panel(w, h, (x, y + h / 2, 0.015)),
        (1.0, 0.78, 0.42) if lit else (0.3, 0.36, 0.42),
    )
    for side in (-1, 1):
        put("stone", shapes.box((0.09, h + 0.1, 0.10), (x + side * (w / 2 + 0.02), y + h / 2, 0.03), 0.02), trim)
        turn = 0.0 if rng.random() < 0.75 else side * 28.0
        leaf = shapes.move(
            shapes.box((w * 0.5, h, 0.05), (side * w * 0.25, 0, 0), 0.015),
            (x + side * (w / 2 + 0.07), y + h / 2, 0.06),
            yaw=-turn,
        )
        put("shutter", leaf, shutter)
        for k in range(7 if slats else 0):
            slat = shapes.box((w * 0.40, h * 0.028, 0.02), (0, 0, 0), 0.004)
            put(
                "shutter",
                shapes.move(slat, (x + side * (w / 2 + 0.07 + w * 0.25), y + h * (0.14 + 0.12 * k), 0.085)),
                np.asarray(shutter) * 0.78,
            )
    put("stone", shapes.box((w + 0.34, 0.09, 0.22), (x, y - 0.03, 0.06), 0.02), trim)
    put("stone", shapes.box((w + 0.24, 0.13, 0.14), (x, y + h + 0.06, 0.03), 0.02), trim)
    put("trim", shapes.box((0.045, h, 0.03), (x, y + h / 2, 0.03), 0.005), (0.93, 0.91, 0.86))
    put("trim", shapes.box((w, 0.04, 0.03), (x, y + h * 0.6, 0.03), 0.005), (0.93, 0.91, 0.86))


def _ground_floor(put, x, step, column, columns, shop, trim, shutter, night, rng, awning) -> None:  # type: ignore[no-untyped-def]
    if column == columns // 2:
        put("stone", shapes.box((1.22, 2.32, 0.14), (x, 1.16, 0.0), 0.03), trim)
        put("door", shapes.box((0.94, 2.12, 0.10), (x, 1.06, 0.05), 0.02), shutter)
        for k in range(2):
            for side in (-1, 1):
                put(
                    "door",
                    shapes.box((0.32, 0.72, 0.04), (x + side * 0.21, 0.56 + 0.95 * k, 0.11), 0.02),
                    np.asarray(shutter) * 1.14,
                )
        put("brass", shapes.ball((x + 0.36, 1.02, 0.13), 0.035, 8), (0.85, 0.65, 0.30))
        return
    if not shop:
        _window(put, x, 0.95, min(0.95, step * 0.5), 1.3, trim, shutter, night and rng.random() < 0.7, rng)
        return
    w, h = step * 0.84, 1.62
    put("stone", shapes.box((w + 0.16, h + 0.24, 0.10), (x, 0.55 + h / 2, 0.0), 0.02), np.asarray(shutter))
    put(
        "lit" if night else "pane",
        shapes.panel(w, h, (x, 0.55 + h / 2, 0.06)),
        (1.0, 0.82, 0.52) if night else (0.35, 0.40, 0.44),
    )
    if awning is not None:
        stripes = 8
        for k in range(stripes):
            color = awning if k % 2 == 0 else (0.95, 0.93, 0.88)
            strip = shapes.box((w / stripes * 1.10, 0.03, 0.95), (0, 0, 0), 0.008)
            sx = x + (k + 0.5) / stripes * w * 1.1 - w * 0.55
            put("cloth", shapes.move(strip, (sx, 2.32, 0.46), tilt=24), color)
            put("cloth", shapes.box((w / stripes * 1.10, 0.17, 0.02), (sx, 2.05, 0.89), 0.006), color)


def lantern(kit: Kit, x: float, z: float, night: bool, height: float = 2.9) -> None:
    """A street lamp on a pole."""
    iron = (0.16, 0.18, 0.19)
    kit.add("iron", shapes.move(shapes.cylinder(0.13, 0.35, 0.08), (x, 0, z)), iron)
    kit.add("iron", shapes.move(shapes.cylinder(0.045, height, 0.03), (x, 0, z)), iron)
    kit.add(
        "iron",
        shapes.move(shapes.lathe([(0, 0), (0.17, 0.0), (0.12, 0.1), (0.02, 0.2), (0, 0.22)]), (x, height + 0.34, z)),
        iron,
    )
    glow = (1.0, 0.80, 0.48) if night else (0.96, 0.93, 0.84)
    kit.add("lamp" if night else "globe", shapes.ball((x, height + 0.18, z), (0.13, 0.18, 0.13), 14), glow)
