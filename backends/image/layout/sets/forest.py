"""A clearing among old trees: ferns, moss, mushrooms, light that falls in shafts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from backends.image.layout import plants, shapes
from backends.image.layout.geometry import F32, to_linear
from backends.image.layout.kit import Kit
from backends.image.layout.mesh import Material
from backends.image.layout.noise import sample, smoothstep, tile
from backends.image.layout.sky import Backdrop
from backends.image.layout.stage import Stage
from backends.image.layout.surfaces import bark, grainy, leafy, litter

WOOD = (0.36, 0.27, 0.20)


def _trunk(kit: Kit, group: str, x: float, z: float, radius: float, rng: np.random.Generator) -> None:
    t = np.linspace(0, 1, 10)
    height = 9.0
    sway = rng.uniform(-0.4, 0.4, 2)
    spine = np.stack([x + sway[0] * t**2, height * t - 0.1, z + sway[1] * t**2], -1)
    vertices, faces, _ = shapes.tube(spine, radius * (1.0 - 0.45 * t + 1.1 * np.exp(-t * 22)), 28)
    around = np.arctan2(vertices[:, 2] - z, vertices[:, 0] - x)
    flare = 1 + 0.20 * np.sin(around * 5 + rng.uniform(0, 6)) * np.exp(-vertices[:, 1] * 1.6)
    vertices[:, 0] = x + (vertices[:, 0] - x) * flare
    vertices[:, 2] = z + (vertices[:, 2] - z) * flare
    tone = np.asarray(WOOD) * rng.uniform(0.85, 1.2)
    kit.add(f"{group}.wood", (vertices, faces, shapes.smooth_normals(vertices, faces)), np.clip(tone, 0, 1))


def _mushroom(kit: Kit, x: float, z: float, size: float) -> None:
    kit.add(
        "stem",
        shapes.move(shapes.lathe([(0, 0), (0.30, 0), (0.22, 0.5), (0.24, 0.9), (0, 0.95)], 18), (x, 0, z), size),
        (0.93, 0.89, 0.80),
    )
    cap = shapes.lathe([(0, 0.86), (0.72, 0.80), (0.78, 0.90), (0.66, 1.16), (0.38, 1.36), (0, 1.44)], 26)
    kit.add("cap", shapes.move(cap, (x, 0, z), size), (0.80, 0.18, 0.13))
    for a, r, y in ((0.4, 0.45, 1.30), (2.2, 0.5, 1.27), (3.9, 0.42, 1.31), (5.3, 0.58, 1.19), (1.3, 0.12, 1.42)):
        kit.add(
            "cap",
            shapes.ball((x + np.cos(a) * r * size, y * size, z + np.sin(a) * r * size), 0.085 * size, 8),
            (0.97, 0.94, 0.88),
        )


CANOPY = {
    "day": (0.90, 0.97, 0.78),
    "sunset": (1.0, 0.78, 0.56),
    "night": (0.13, 0.24, 0.34),
    "storm": (0.50, 0.58, 0.54),
}
"""What shows between far trees, sRGB."""


def _thicket(color: tuple[float, float, float]) -> Callable[[F32, F32], F32]:
    """Far foliage over the sky: bright gaps, dimmer leaves, open towards the top."""
    bright = to_linear(color)

    def overlay(rays: F32, sky: F32) -> F32:
        az = np.arctan2(rays[:, 0], -rays[:, 2]) / (2 * np.pi)
        leaves = smoothstep(0.42, 0.62, sample(tile(311, 1.25, 4, 160), az * 3, rays[:, 1] * 1.4))
        trunks = smoothstep(0.60, 0.68, sample(tile(313, 0.9, 6, 70), az * 4, rays[:, 1] * 0.04))
        cover = smoothstep(0.95, 0.25, rays[:, 1] + 0.25 * (leaves - 0.5))[:, None]
        middle = np.exp(-(((np.mod(az + 0.5, 1.0) - 0.54) / 0.11) ** 2)) * smoothstep(0.75, 0.0, rays[:, 1])
        shade = (
            0.50 + 0.75 * middle - (0.20 - 0.12 * middle) * leaves - 0.10 * trunks * smoothstep(0.6, 0.1, rays[:, 1])
        )
        leaf = bright * np.array([0.72, 1.0, 0.62], np.float32)
        wood = (leaf * (1 - middle[:, None]) + bright * middle[:, None]) * shade[:, None]
        return np.asarray(sky * (1 - cover) + wood * cover, np.float32)

    return overlay


def build(time_of_day: str, seed: int) -> Stage:
    """A clearing about 3 m round the middle, open towards +Z."""
    rng = np.random.default_rng(seed + 300)
    kit = Kit()
    x, z = shapes.graded(6.0, 70.0, 71), shapes.graded(6.0, 70.0, 71)
    gx, gz = np.meshgrid(x, z)
    far = smoothstep(3.2, 9.0, np.hypot(gx, gz))
    height = far * (sample(tile(301, 1.8, 1, 16), gx / 50, gz / 50) - 0.42) * 1.5
    kit.add("ground", shapes.terrain(x, z, height), (0.36, 0.30, 0.19))
    kit.surface("ground", litter([(0.58, 0.42, 0.20), (0.42, 0.46, 0.20), (0.52, 0.30, 0.16)]))
    clutter = {}
    places = [
        (-2.9, -2.2, 0.34),
        (3.1, -2.7, 0.40),
        (-4.9, -4.4, 0.45),
        (5.3, -5.2, 0.5),
        (-1.5, -7.2, 0.36),
        (1.9, -8.4, 0.42),
        (-7.4, -7.4, 0.5),
        (8.0, -8.0, 0.5),
        (-3.6, 1.8, 0.36),
        (4.2, 1.6, 0.38),
    ]
    for _ in range(34):
        a, r = rng.uniform(np.pi * 0.95, np.pi * 2.05), rng.uniform(9.5, 30)
        places.append((r * np.cos(a), r * np.sin(a), rng.uniform(0.25, 0.5)))
    for k, (tx, tz, radius) in enumerate(places):
        _trunk(kit, f"tree{k}", tx, tz, radius, rng)
        clutter[f"set/tree{k}"] = ((tx, 1.2, tz), radius + 0.35)
        kit.surface(f"tree{k}.wood", bark(0.5))
    for k in range(26):
        a, r = rng.uniform(np.pi * 0.9, np.pi * 2.1), rng.uniform(5.5, 17)
        spot = (r * np.cos(a), rng.uniform(3.4, 6.2), r * np.sin(a))
        size = rng.uniform(1.2, 2.3)
        tone = np.array([0.30, 0.50, 0.18]) * rng.uniform(0.8, 1.25)
        kit.add(
            "crown", shapes.blob(spot, (size * 1.3, size * 0.62, size * 1.3), k, 0.26, 20, 3.2), np.clip(tone, 0, 1)
        )
    kit.surface("crown", leafy(0.9, 0.9))
    for k in range(14):
        a, r = rng.uniform(np.pi * 0.95, np.pi * 2.05), rng.uniform(3.4, 9.0)
        plants.bush(kit, "under", r * np.cos(a), r * np.sin(a), rng.uniform(0.35, 0.7), rng, (0.24, 0.42, 0.18))
        _ = k
    kit.surface("under.leaf", leafy(0.8, 0.6))
    for _ in range(26):
        a, r = rng.uniform(np.pi * 0.85, np.pi * 2.15), rng.uniform(1.9, 6.5)
        plants.fern(kit, "fern", r * np.cos(a), r * np.sin(a), rng.uniform(0.28, 0.55), rng)
    plants.grass(kit, "grass", rng, 420, (-5, 5, -6, 2.2), (0.36, 0.52, 0.18), 0.12)
    for mx, mz, size in (
        (-1.35, -1.0, 0.14),
        (-1.6, -1.15, 0.09),
        (1.7, -1.3, 0.12),
        (2.0, -0.9, 0.08),
        (-2.2, 0.4, 0.10),
    ):
        _mushroom(kit, mx, mz, size)
    kit.material("cap", Material(specular=0.4, roughness=0.35))
    log = shapes.tube([(1.4, 0.2, -2.4), (2.4, 0.24, -1.9), (3.3, 0.22, -1.6)], [0.22, 0.23, 0.21], 22)
    kit.add("log", log, (0.38, 0.28, 0.20))
    kit.surface("log", bark(0.4))
    for k, (rx, rz, r) in enumerate([(-2.3, -1.5, 0.34), (-2.75, -1.1, 0.22), (2.5, 0.1, 0.2)]):
        kit.add("rock", shapes.blob((rx, r * 0.3, rz), (r, r * 0.7, r * 0.9), k, 0.15, 16), (0.46, 0.48, 0.44))
    kit.surface("rock", grainy(0.35, 0.8, "xy"))
    gains = {"haze": 0.34, "key": 1.25, "exposure": 1.20, "fill": 0.9}
    backdrop = Backdrop(overlay=_thicket(CANOPY[time_of_day]), gains=gains, shafts=0.85, air=(0.90, 0.98, 0.84))
    return Stage(kit.parts(), kit.surfaces(), backdrop=backdrop, clutter=clutter, far_limit=9.0)
