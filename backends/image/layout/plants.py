"""Trees, bushes, ferns and flowers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends.image.layout import shapes
from backends.image.layout.kit import Kit

Color = ArrayLike


def tree(
    kit: Kit,
    group: str,
    x: float,
    z: float,
    height: float,
    rng: np.random.Generator,
    leaf: Color = (0.36, 0.58, 0.24),
    wood: Color = (0.42, 0.30, 0.21),
    spread: float = 0.42,
    detail: int = 20,
) -> None:
    """A broad-leaved tree: '<group>.wood' and '<group>.leaf'."""
    trunk = height * 0.5
    bend = rng.uniform(-0.05, 0.05, 2) * height
    t = np.linspace(0, 1, 7)
    spine = np.stack([x + bend[0] * t**2, trunk * 1.15 * t - 0.05, z + bend[1] * t**2], -1)
    base = 0.035 * height
    kit.add(f"{group}.wood", shapes.tube(spine, base * (1.25 - 0.75 * t + 0.9 * (1 - t) ** 6)), wood)
    crown = np.array([x + bend[0], height * 0.68, z + bend[1]])
    radius = height * spread * 0.62
    for k in range(9):
        a = k * 2.4 + rng.uniform(-0.3, 0.3)
        ring = 0.0 if k == 0 else rng.uniform(0.55, 0.85)
        offset = np.array([np.cos(a) * ring, (0.55 if k == 0 else rng.uniform(-0.35, 0.45)), np.sin(a) * ring]) * radius
        size = radius * rng.uniform(0.55, 0.75)
        tone = np.clip(np.asarray(leaf) * rng.uniform(0.86, 1.14) * (1 + 0.10 * offset[1] / radius), 0, 1)
        blob = shapes.blob(crown + offset, (size, size * 0.82, size), int(rng.integers(999)), 0.22, detail, 2.6)
        kit.add(f"{group}.leaf", blob, tone)


def pine(
    kit: Kit,
    group: str,
    x: float,
    z: float,
    height: float,
    rng: np.random.Generator,
    leaf: Color = (0.16, 0.34, 0.22),
    wood: Color = (0.36, 0.25, 0.18),
) -> None:
    """A conifer of jagged skirts."""
    kit.add(
        f"{group}.wood", shapes.move(shapes.cylinder(0.03 * height, height * 0.5, 0.02 * height), (x, -0.05, z)), wood
    )
    layers = 5
    for k in range(layers):
        s = k / layers
        vertices, faces, _ = shapes.lathe([(0.02, 0.0), (1.0, 0.0), (0.62, 0.30), (0.30, 0.66), (0.0, 1.0)], 30)
        around = np.arctan2(vertices[:, 0], vertices[:, 2])
        jag = 1 + 0.16 * np.sin(around * 15 + k) * (np.hypot(vertices[:, 0], vertices[:, 2]) > 0.5)
        vertices = vertices * np.stack([jag, np.ones_like(jag), jag], -1)
        vertices[:, 1] -= 0.10 * (jag - 1) * 6 * (vertices[:, 1] < 0.1)
        wide = height * 0.26 * (1 - s * 0.86)
        spot = (x, height * (0.16 + 0.70 * s), z)
        mesh = (vertices, faces, shapes.smooth_normals(vertices, faces))
        tone = np.clip(np.asarray(leaf) * rng.uniform(0.9, 1.1) * (0.92 + 0.24 * s), 0, 1)
        kit.add(
            f"{group}.leaf", shapes.move(mesh, spot, (wide, height * 0.32, wide), yaw=float(rng.uniform(0, 90))), tone
        )


def bush(
    kit: Kit, group: str, x: float, z: float, size: float, rng: np.random.Generator, leaf: Color = (0.30, 0.52, 0.24)
) -> None:
    """A few lumps of foliage on the ground."""
    for _ in range(4):
        r = size * rng.uniform(0.5, 0.8)
        spot = (x + rng.uniform(-0.5, 0.5) * size, r * 0.62, z + rng.uniform(-0.4, 0.4) * size)
        tone = np.clip(np.asarray(leaf) * rng.uniform(0.85, 1.15), 0, 1)
        kit.add(f"{group}.leaf", shapes.blob(spot, (r, r * 0.85, r), int(rng.integers(999)), 0.2, 16, 2.4), tone)


def fern(
    kit: Kit, group: str, x: float, z: float, size: float, rng: np.random.Generator, leaf: Color = (0.30, 0.56, 0.22)
) -> None:
    """A rosette of arching fronds."""
    for k in range(9):
        a = k / 9 * 2 * np.pi + rng.uniform(-0.25, 0.25)
        length = size * rng.uniform(0.8, 1.15)
        s = np.linspace(0, 1, 14)
        out, side = np.array([np.cos(a), 0, np.sin(a)]), np.array([-np.sin(a), 0, np.cos(a)])
        rib = (
            np.array([x, 0, z])
            + out * (length * s)[:, None]
            + np.array([0, 1.0, 0]) * (size * (1.15 * s - 0.95 * s**2.2))[:, None]
        )
        wide = size * 0.20 * np.sin(np.pi * np.clip(s * 0.9 + 0.08, 0, 1)) * (1 - 0.5 * (np.arange(14) % 2))
        drop = np.array([0, 0.35, 0]) * wide[:, None]
        vertices = np.stack([rib + side * wide[:, None] - drop, rib, rib - side * wide[:, None] - drop], 1).reshape(
            -1, 3
        )
        faces = shapes.sheet(14, 3)
        tone = np.clip(np.asarray(leaf) * rng.uniform(0.85, 1.15), 0, 1)
        kit.add(f"{group}.frond", (vertices, faces, shapes.smooth_normals(vertices, faces)), tone)


def flowers(
    kit: Kit,
    group: str,
    rng: np.random.Generator,
    count: int,
    area: tuple[float, float, float, float],
    palette: Sequence[Color],
) -> None:
    """Small blossoms on stalks within area (x0, x1, z0, z1)."""
    for _ in range(count):
        x, z = rng.uniform(area[0], area[1]), rng.uniform(area[2], area[3])
        h = rng.uniform(0.10, 0.20)
        kit.add(
            f"{group}.stalk",
            shapes.tube([(x, 0, z), (x + 0.01, h * 0.6, z), (x + 0.015, h, z)], [0.006] * 3, 6),
            (0.30, 0.50, 0.20),
        )
        color = palette[int(rng.integers(len(palette)))]
        kit.add(f"{group}.bloom", shapes.ball((x + 0.015, h + 0.01, z), (0.034, 0.018, 0.034), 8), color)
        kit.add(f"{group}.bloom", shapes.ball((x + 0.015, h + 0.024, z), 0.012, 6), (0.98, 0.82, 0.25))


def grass(
    kit: Kit,
    group: str,
    rng: np.random.Generator,
    count: int,
    area: tuple[float, float, float, float],
    leaf: Color = (0.40, 0.62, 0.22),
    height: float = 0.13,
    grows: Callable[[float, float], bool] = lambda x, z: True,
) -> None:
    """Tufts of blades within area (x0, x1, z0, z1) where `grows(x, z)`."""
    vertices: list[NDArray[np.float64]] = []
    faces: list[list[int]] = []
    colors: list[NDArray[np.float64]] = []
    for _ in range(count):
        x, z = rng.uniform(area[0], area[1]), rng.uniform(area[2], area[3])
        if not grows(x, z):
            continue
        tone = np.asarray(leaf) * rng.uniform(0.8, 1.2)
        for _ in range(6):
            a, h = rng.uniform(0, 2 * np.pi), height * rng.uniform(0.6, 1.2)
            foot = np.array([x, 0, z]) + rng.uniform(-0.035, 0.035, 3) * (1, 0, 1)
            side = np.array([np.cos(a), 0, np.sin(a)]) * 0.008
            tip = foot + np.array([np.sin(a) * h * 0.5, h, np.cos(a) * h * 0.5])
            start = len(vertices)
            vertices += [foot - side, foot + side, tip]
            faces.append([start, start + 1, start + 2])
            colors += [tone * 0.72, tone * 0.72, tone * 1.15]
    up = np.tile([0.0, 1.0, 0.0], (len(vertices), 1))
    kit.paint(f"{group}.blade", (np.array(vertices), np.array(faces), up), np.clip(np.array(colors), 0, 1))
