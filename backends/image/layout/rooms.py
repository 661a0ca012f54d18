"""What rooms are made of: walls that step aside for the camera, windows, furniture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from backends.image.layout import shapes
from backends.image.layout.kit import Kit
from backends.image.layout.mesh import Material
from backends.image.layout.surfaces import glass, grainy

Color = ArrayLike
Walls = dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]]


def shell(
    kit: Kit,
    half: float,
    back: float,
    front: float,
    height: float,
    wall: Color,
    side: Color,
    skirting: Color = (0.96, 0.95, 0.92),
) -> Walls:
    """Floor-less box of three walls: 'back', 'left', 'right', with skirting boards; open towards +Z.

    Returns Stage.walls: each with its skirting is left out when the camera stands behind it.
    """
    deep, middle = front - back, (front + back) / 2
    kit.add("back", shapes.box((2 * half + 0.4, height, 0.2), (0, height / 2, back - 0.1), 0.01), wall)
    kit.add("back.trim", shapes.box((2 * half, 0.14, 0.05), (0, 0.07, back + 0.02), 0.015), skirting)
    for name, sign in (("left", -1), ("right", 1)):
        kit.add(name, shapes.box((0.2, height, deep), (sign * (half + 0.1), height / 2, middle), 0.01), side)
        kit.add(f"{name}.trim", shapes.box((0.05, 0.14, deep), (sign * (half - 0.02), 0.07, middle), 0.015), skirting)
        kit.surface(name, grainy(0.07, 3.0, "side"))
    kit.surface("back", grainy(0.07, 3.0, "side"))
    return {
        "set/left": ((-half, 0, 0), (1, 0, 0)),
        "set/right": ((half, 0, 0), (-1, 0, 0)),
        "set/back": ((0, 0, back), (0, 0, 1)),
    }


def window(
    kit: Kit,
    x: float,
    y: float,
    z: float,
    w: float,
    h: float,
    frame: Color = (0.97, 0.96, 0.93),
    curtain: Color | None = None,
) -> None:
    """A window on a wall that faces +Z, showing the sky outside; (x, y) is its middle."""
    kit.add("outside", shapes.panel(w, h, (x, y, z + 0.012)), (0.5, 0.6, 0.7))
    kit.surface("outside", glass("sky"))
    for sx in (-1, 0, 1):
        kit.add(
            "window", shapes.box((0.08 if sx else 0.05, h + 0.12, 0.09), (x + sx * w / 2, y, z + 0.04), 0.02), frame
        )
    for sy in (-1, 0.28, 1):
        thick = 0.09 if abs(sy) == 1 else 0.05
        kit.add("window", shapes.box((w + 0.12, thick, 0.09), (x, y + sy * h / 2, z + 0.04), 0.02), frame)
    kit.add("window", shapes.box((w + 0.3, 0.06, 0.22), (x, y - h / 2 - 0.04, z + 0.10), 0.02), frame)
    if curtain is None:
        return
    rod = [
        (x - w * 0.78, y + h / 2 + 0.16, z + 0.14),
        (x, y + h / 2 + 0.16, z + 0.14),
        (x + w * 0.78, y + h / 2 + 0.16, z + 0.14),
    ]
    kit.add("window", shapes.tube(rod, [0.02] * 3), (0.55, 0.40, 0.28))
    for side in (-1, 1):
        s, t = np.linspace(0, 1, 60), np.linspace(0, 1, 12)
        gs, gt = np.meshgrid(s, t)
        pinch = 1 - 0.38 * np.exp(-(((gt - 0.62) / 0.20) ** 2))
        px = x + side * (w * 0.74 - gs * w * 0.34 * pinch)
        pz = z + 0.14 + 0.035 * np.sin(gs * 2 * np.pi * 6) * (0.5 + 0.5 * gt)
        py = y + h / 2 + 0.15 - gt * (h + 0.36)
        vertices = np.stack([px, py, pz], -1).reshape(-1, 3)
        faces = shapes.sheet(12, 60)
        normals = shapes.smooth_normals(vertices, faces)
        if normals[:, 2].mean() < 0:
            faces, normals = faces[:, ::-1], -normals
        kit.add("curtain", (vertices, faces, normals), curtain)
    kit.material("curtain", Material(specular=0.0, sheen=0.4))


def shelf(
    kit: Kit, x: float, z: float, width: float, height: float, rng: np.random.Generator, wood: Color, rows: int = 4
) -> None:
    """A bookcase against a wall that faces +Z, filled with books and a few things."""
    deep = 0.30
    for side in (-1, 1):
        kit.add("wood", shapes.box((0.05, height, deep), (x + side * width / 2, height / 2, z + deep / 2), 0.012), wood)
    kit.add("wood", shapes.box((width, height, 0.03), (x, height / 2, z + 0.015), 0.005), np.asarray(wood) * 0.8)
    for row in range(rows + 1):
        y = 0.06 + row * (height - 0.09) / rows
        kit.add("wood", shapes.box((width + 0.05, 0.04, deep + 0.02), (x, y, z + deep / 2), 0.01), wood)
        if row == rows:
            break
        _books(kit, x - width / 2 + 0.06, x + width / 2 - 0.06, y + 0.02, z + 0.04, (height - 0.09) / rows * 0.8, rng)


BOOKS = (
    (0.80, 0.30, 0.26),
    (0.24, 0.44, 0.62),
    (0.93, 0.74, 0.32),
    (0.34, 0.56, 0.42),
    (0.90, 0.87, 0.78),
    (0.52, 0.34, 0.56),
    (0.88, 0.50, 0.30),
    (0.22, 0.28, 0.40),
)


def _books(kit: Kit, x0: float, x1: float, y: float, z: float, tall: float, rng: np.random.Generator) -> None:
    x = x0
    while x < x1 - 0.05:
        if rng.random() < 0.12:
            r = min(0.07, tall * 0.3)
            kit.add("things", shapes.ball((x + r, y + r, z + 0.13), r, 14), BOOKS[int(rng.integers(len(BOOKS)))])
            x += 2 * r + 0.04
            continue
        w, h = rng.uniform(0.025, 0.06), tall * rng.uniform(0.7, 1.0)
        if x + w > x1:
            break
        lean = 8.0 if rng.random() < 0.08 else 0.0
        kit.add(
            "books",
            shapes.move(shapes.box((w, h, 0.19), (0, h / 2, 0), 0.006), (x + w / 2, y, z + 0.12), roll=lean),
            BOOKS[int(rng.integers(len(BOOKS)))],
        )
        x += w + 0.004 + (0.03 if lean else 0)


def picture(kit: Kit, x: float, y: float, z: float, w: float, h: float, rng: np.random.Generator) -> None:
    """A framed painting of hills on a wall that faces +Z."""
    kit.add("wood", shapes.box((w + 0.09, h + 0.09, 0.04), (x, y, z + 0.02), 0.012), (0.55, 0.38, 0.25))
    n, m = 26, 20
    gx, gy = np.meshgrid(np.linspace(-w / 2, w / 2, n), np.linspace(-h / 2, h / 2, m))
    vertices = np.stack([gx + x, gy + y, np.full(gx.shape, z + 0.045)], -1).reshape(-1, 3)
    u, v = (gx / w + 0.5).ravel(), (gy / h + 0.5).ravel()
    colors = np.where(
        (v > 0.5)[:, None], np.array([0.62, 0.82, 0.92]) + 0.15 * (1 - v)[:, None], np.array([0.42, 0.62, 0.38])
    )
    hill = 0.42 + 0.12 * np.sin(u * 5 + rng.uniform(0, 6))
    colors[v < hill] = rng.uniform(0.35, 0.6, 3) * (0.8, 1.1, 0.6)
    colors[v < hill - 0.2] = rng.uniform(0.4, 0.7, 3) * (1.1, 0.9, 0.5)
    colors[np.hypot((u - 0.72) * w / h, v - 0.76) < 0.09] = (0.98, 0.86, 0.50)
    kit.paint("canvas", (vertices, shapes.sheet(m, n), None), colors)


def rug(kit: Kit, x: float, z: float, rx: float, rz: float, bands: Sequence[Color]) -> None:
    """An oval rug of concentric bands."""
    for k, color in enumerate(bands):
        s = 1 - k / len(bands)
        disc = shapes.lathe([(0, 0.0), (0.985, 0.0), (1.0, 0.5), (0.985, 1.0), (0, 1.0)], 64)
        kit.add("rug", shapes.move(disc, (x, 0, z), (rx * s, 0.018 + 0.004 * k, rz * s)), color)
    kit.material("rug", Material(specular=0.0, sheen=0.3), grainy(0.35, 0.5, "xz", 161))
