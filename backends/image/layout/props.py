"""Things that a shot may add by name; they stand in a loose row about the actors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from backends.image.layout import shapes
from backends.image.layout.kit import Kit
from backends.image.layout.mesh import Material, MeshPart

SPOTS = ((1.25, 0.35), (-1.25, 0.30), (1.65, -0.55), (-1.65, -0.60), (0.95, 0.95), (-0.95, 0.95))
"""x, z of the first, second, ... prop: beside the actors, never in front of them."""
RED, BLUE, YELLOW = (0.86, 0.28, 0.24), (0.26, 0.48, 0.72), (0.96, 0.76, 0.30)
WOOD, CREAM, DARK = (0.66, 0.46, 0.30), (0.95, 0.91, 0.82), (0.20, 0.20, 0.22)


def _ball(kit: Kit) -> None:
    sphere = shapes.ball((0, 0.16, 0), 0.16, 34)
    wedge = np.floor((np.arctan2(sphere[0][:, 0], sphere[0][:, 2]) / (2 * np.pi) + 0.5) * 6).astype(int) % 6
    palette = np.array([RED, CREAM, BLUE, CREAM, YELLOW, CREAM])
    kit.paint("gloss", sphere, palette[wedge])


def _umbrella(kit: Kit) -> None:
    kit.add("plain", shapes.tube([(0, 0, 0), (0, 0.9, 0), (0, 1.75, 0)], [0.022] * 3), CREAM)
    s = np.linspace(0.02, np.pi / 2, 12)
    canopy = shapes.lathe([(0.95 * np.sin(t), 1.40 + 0.42 * np.cos(t)) for t in s[::-1]], 64)
    stripe = np.floor((np.arctan2(canopy[0][:, 0], canopy[0][:, 2]) / (2 * np.pi) + 0.5) * 8).astype(int) % 2
    kit.paint("plain", canopy, np.where(stripe[:, None] == 0, np.array(RED), np.array(CREAM)))


def _box(kit: Kit) -> None:
    kit.add("plain", shapes.box((0.42, 0.36, 0.36), (0, 0.18, 0), 0.015), (0.76, 0.57, 0.36))
    kit.add("plain", shapes.box((0.07, 0.365, 0.365), (0, 0.182, 0), 0.004), (0.88, 0.76, 0.55))


def _chest(kit: Kit) -> None:
    kit.add("plain", shapes.box((0.62, 0.30, 0.40), (0, 0.15, 0), 0.02), WOOD)
    lid = shapes.lathe([(0, -0.31), (0.20, -0.31), (0.20, 0.31), (0, 0.31)], 40)
    kit.add("plain", shapes.move(lid, (0, 0.30, 0), (1, 1, 0.8), roll=90), (0.58, 0.38, 0.24))
    for x in (-0.22, 0.22):
        kit.add("gloss", shapes.box((0.05, 0.31, 0.41), (x, 0.155, 0), 0.006), YELLOW)
    kit.add("gloss", shapes.box((0.10, 0.12, 0.03), (0, 0.29, 0.21), 0.01), YELLOW)


def _lantern(kit: Kit) -> None:
    kit.add("plain", shapes.cylinder(0.11, 0.05), DARK)
    kit.add("glow", shapes.ball((0, 0.17, 0), (0.075, 0.11, 0.075), 20), (1.0, 0.80, 0.45))
    for k in range(4):
        a = np.pi / 4 + k * np.pi / 2
        x, z = 0.095 * np.cos(a), 0.095 * np.sin(a)
        kit.add("plain", shapes.tube([(x, 0.04, z), (x, 0.17, z), (x, 0.30, z)], [0.010] * 3), DARK)
    kit.add("plain", shapes.lathe([(0, 0.29), (0.12, 0.29), (0.10, 0.33), (0.03, 0.39), (0, 0.40)]), DARK)


def _book(kit: Kit) -> None:
    kit.add("plain", shapes.move(shapes.box((0.24, 0.05, 0.32), (0, 0.025, 0), 0.008), yaw=20), BLUE)
    kit.add("plain", shapes.move(shapes.box((0.225, 0.038, 0.325), (0.01, 0.025, 0), 0.004), yaw=20), CREAM)


def _chair(kit: Kit) -> None:
    kit.add("plain", shapes.box((0.42, 0.05, 0.42), (0, 0.42, 0), 0.015), WOOD)
    for x in (-0.17, 0.17):
        for z in (-0.17, 0.17):
            kit.add("plain", shapes.move(shapes.cylinder(0.022, 0.42), (x, 0, z)), WOOD)
        kit.add("plain", shapes.move(shapes.cylinder(0.022, 0.5), (x, 0.42, -0.18)), WOOD)
    for y in (0.62, 0.80):
        kit.add("plain", shapes.box((0.38, 0.09, 0.03), (0, y, -0.18), 0.01), WOOD)


def _table(kit: Kit) -> None:
    kit.add("plain", shapes.move(shapes.cylinder(0.48, 0.05), (0, 0.56, 0)), WOOD)
    kit.add("plain", shapes.lathe([(0, 0), (0.26, 0), (0.24, 0.04), (0.05, 0.08), (0.045, 0.56), (0, 0.56)]), WOOD)


def _flower(kit: Kit) -> None:
    kit.add(
        "plain",
        shapes.lathe([(0, 0), (0.10, 0), (0.14, 0.2), (0.155, 0.2), (0.155, 0.23), (0, 0.21)]),
        (0.74, 0.42, 0.30),
    )
    kit.add("plain", shapes.tube([(0, 0.2, 0), (0.02, 0.4, 0), (0, 0.58, 0)], [0.012] * 3), (0.30, 0.54, 0.24))
    for k in range(8):
        a = k * np.pi / 4
        kit.add(
            "plain",
            shapes.move(
                shapes.ball((0.075, 0, 0), (0.06, 0.035, 0.014), 14), (0, 0.6, 0.01), roll=float(np.degrees(a))
            ),
            RED,
        )
    kit.add("plain", shapes.ball((0, 0.6, 0.015), (0.045, 0.045, 0.025), 16), YELLOW)


def _balloon(kit: Kit) -> None:
    kit.add("gloss", shapes.ball((0, 1.62, 0), (0.17, 0.21, 0.17), 30), RED)
    kit.add("gloss", shapes.lathe([(0, 1.44), (0.03, 1.38), (0, 1.42)], 16), RED)
    kit.add(
        "plain", shapes.tube([(0, 0.0, 0), (0.05, 0.5, 0.02), (-0.03, 1.0, 0), (0, 1.39, 0)], [0.005] * 4, 6), CREAM
    )


def _suitcase(kit: Kit) -> None:
    kit.add("plain", shapes.box((0.56, 0.38, 0.18), (0, 0.20, 0), 0.04), (0.64, 0.38, 0.22))
    for x in (-0.16, 0.16):
        kit.add("plain", shapes.box((0.05, 0.385, 0.185), (x, 0.20, 0), 0.02), (0.44, 0.25, 0.15))
    kit.add(
        "plain",
        shapes.tube([(-0.09, 0.38, 0), (-0.06, 0.45, 0), (0.06, 0.45, 0), (0.09, 0.38, 0)], [0.014] * 4),
        (0.44, 0.25, 0.15),
    )


def _rock(kit: Kit) -> None:
    kit.add("plain", shapes.blob((0, 0.12, 0), (0.30, 0.22, 0.26), 4, 0.16, 22), (0.54, 0.52, 0.50))


def _campfire(kit: Kit) -> None:
    for k in range(5):
        a = k * 72.0
        log = shapes.tube([(0.30, 0.03, 0), (0.15, 0.12, 0), (0.02, 0.22, 0)], [0.045, 0.042, 0.036], 12)
        kit.add("plain", shapes.move(log, yaw=a), (0.36, 0.24, 0.16))
    for size, y, color in (
        (0.15, 0.20, (1.0, 0.40, 0.10)),
        (0.105, 0.19, (1.0, 0.66, 0.18)),
        (0.06, 0.18, (1.0, 0.92, 0.60)),
    ):
        flame = shapes.lathe([(0, -0.5), (0.8, -0.2), (0.9, 0.3), (0.55, 1.1), (0.2, 1.9), (0, 2.5)], 20)
        kit.add("fire", shapes.move(flame, (0, y, 0), size), color)


PROPS: dict[str, Callable[[Kit], None]] = {
    "ball": _ball, "umbrella": _umbrella, "parasol": _umbrella, "box": _box, "chest": _chest, "treasure": _chest,
    "lantern": _lantern, "lamp": _lantern, "book": _book, "chair": _chair, "table": _table, "flower": _flower,
    "balloon": _balloon, "suitcase": _suitcase, "rock": _rock, "campfire": _campfire, "fire": _campfire,
}  # fmt: skip


def place_props(names: Sequence[str]) -> tuple[tuple[MeshPart, ...], tuple[str, ...]]:
    """The meshes of the known `names` (case does not matter) at their spots, and the names that are unknown."""
    parts: list[MeshPart] = []
    unknown = []
    known = 0
    for name in names:
        make = PROPS.get(name.strip().lower())
        if make is None:
            unknown.append(name)
            continue
        if known == len(SPOTS):
            break
        kit = Kit(prefix=f"set/prop{known}")
        kit.material("gloss", Material(specular=0.5, roughness=0.3, clearcoat=0.3))
        kit.material("glow", Material(emission=3.0))
        kit.material("fire", Material(emission=4.0))
        make(kit)
        x, z = SPOTS[known]
        parts += [_at(part, x, z) for part in kit.parts()]
        known += 1
    return tuple(parts), tuple(unknown)


def _at(part: MeshPart, x: float, z: float) -> MeshPart:
    moved = part.vertices + np.array([x, 0, z], np.float32)
    return MeshPart(part.label, moved, part.faces, part.material, part.normals, part.colors)
