"""A snowy valley: drifts, firs with white caps, a wooden cabin with lit windows, a snowman, mountains behind."""

from __future__ import annotations

import numpy as np

from backends.image.layout import houses, plants, shapes
from backends.image.layout.geometry import F32
from backends.image.layout.kit import Kit
from backends.image.layout.mesh import Material
from backends.image.layout.noise import sample, smoothstep, tile
from backends.image.layout.sky import Backdrop
from backends.image.layout.stage import Points, Stage, Surface
from backends.image.layout.surfaces import bark, detail, fade, grainy, planks
from backends.image.layout.trace import Lamp

SNOW = (0.90, 0.94, 0.99)
CABIN = (-4.3, -6.2)


def _snow() -> Surface:
    """Soft drifts, bluish in their hollows, with a few glints."""

    def surface(points: Points) -> tuple[F32, F32 | None]:
        u, v = points.position[:, 0], points.position[:, 2]
        soft = sample(tile(401, 1.8, 2, 30), u / 9, v / 9) - 0.5
        shade = 1 + 0.10 * soft + 0.10 * detail(points, u, v, 1.1, 403)
        tint = np.stack([shade * (1 + 0.06 * soft), shade, shade * (1 - 0.03 * soft)], -1)
        fine = sample(tile(405, 0.2, 60, 250), u / 1.3, v / 1.3)
        glint = smoothstep(0.80, 0.86, fine) * fade(points, 0.05) * points.sky.sun_strength * 0.25
        return np.asarray(points.albedo * tint, np.float32), np.asarray(
            glint[:, None] * points.sky.sun_color, np.float32
        )

    return surface


def _snowman(kit: Kit, x: float, z: float) -> None:
    for y, r in ((0.30, 0.36), (0.78, 0.27), (1.16, 0.20)):
        kit.add("heap", shapes.blob((x, y, z), (r, r * 0.94, r), int(y * 10), 0.03, 26), SNOW)
    nose = [(x, 1.17, z + 0.18), (x + 0.02, 1.165, z + 0.30), (x + 0.03, 1.16, z + 0.42)]
    kit.add("carrot", shapes.tube(nose, [0.04, 0.028, 0.006]), (0.95, 0.50, 0.14))
    for dx in (-0.07, 0.07):
        kit.add("coal", shapes.ball((x + dx, 1.23, z + 0.175), 0.026, 10), (0.10, 0.10, 0.11))
    for y in (0.66, 0.78, 0.90):
        kit.add("coal", shapes.ball((x, y, z + 0.265), 0.028, 10), (0.10, 0.10, 0.11))
    for side in (-1, 1):
        arm = [(x + side * 0.22, 0.82, z), (x + side * 0.46, 0.98, z + 0.05), (x + side * 0.66, 1.16, z + 0.05)]
        kit.add("twig", shapes.tube(arm, [0.022, 0.018, 0.010], 8), (0.34, 0.24, 0.17))
    ring = np.linspace(0, 2 * np.pi, 25)
    scarf = np.stack([x + 0.20 * np.sin(ring), 1.00 + 0.012 * np.cos(3 * ring), z + 0.20 * np.cos(ring)], -1)
    kit.add("scarf", shapes.tube(scarf, np.full(25, 0.05), 10), (0.82, 0.20, 0.22))
    tail = [(x + 0.10, 0.98, z + 0.20), (x + 0.13, 0.84, z + 0.28), (x + 0.14, 0.70, z + 0.29)]
    kit.add("scarf", shapes.tube(tail, [0.05, 0.05, 0.055], 10), (0.82, 0.20, 0.22))
    kit.add("coal", shapes.move(shapes.cylinder(0.24, 0.03), (x, 1.30, z)), (0.16, 0.15, 0.18))
    kit.add("coal", shapes.move(shapes.cylinder(0.15, 0.22), (x, 1.31, z)), (0.16, 0.15, 0.18))


def _cabin(kit: Kit, x: float, z: float, lit: bool) -> None:
    wood, dark = (0.58, 0.38, 0.24), (0.40, 0.26, 0.17)

    def put(group: str, mesh: shapes.Mesh, color: tuple[float, float, float]) -> None:
        kit.add(group, shapes.move(mesh, (x, 0, z), yaw=24), color)

    put("log", shapes.box((3.4, 2.2, 2.6), (0, 1.1, 0), 0.05), wood)
    gable = np.array([[-1.7, 2.2, 1.3], [1.7, 2.2, 1.3], [0, 3.5, 1.3], [-1.7, 2.2, -1.3], [1.7, 2.2, -1.3],
                      [0, 3.5, -1.3]], float)  # fmt: skip
    put("log", (gable, np.array([[0, 1, 2], [4, 3, 5]]), None), wood)
    for side in (-1, 1):
        slab = shapes.move(shapes.box((2.5, 0.12, 3.2), (0, 0, 0), 0.04), (side * 0.98, 2.86, 0), roll=-side * 37.4)
        put("beam", slab, dark)
        cover = shapes.move(shapes.box((2.45, 0.26, 3.25), (0, 0, 0), 0.12), (side * 1.02, 3.02, 0), roll=-side * 37.4)
        put("cap", cover, SNOW)
    put("beam", shapes.box((0.95, 1.75, 0.10), (0.65, 0.87, 1.32), 0.03), dark)
    put("door", shapes.box((0.78, 1.6, 0.12), (0.65, 0.82, 1.33), 0.03), (0.72, 0.26, 0.20))
    put("beam", shapes.box((1.16, 1.0, 0.08), (-0.75, 1.25, 1.31), 0.03), (0.92, 0.88, 0.80))
    put(
        "lit" if lit else "pane",
        shapes.panel(0.96, 0.80, (-0.75, 1.25, 1.36)),
        (1.0, 0.80, 0.45) if lit else (0.5, 0.6, 0.7),
    )
    for at, size in (((-0.75, 1.25, 1.37), (0.05, 0.8, 0.03)), ((-0.75, 1.25, 1.37), (0.96, 0.05, 0.03))):
        put("beam", shapes.box(size, at, 0.01), (0.92, 0.88, 0.80))
    put("cap", shapes.box((1.2, 0.10, 0.16), (-0.75, 0.80, 1.40), 0.04), SNOW)
    put("brick", shapes.box((0.5, 1.5, 0.5), (-0.9, 3.3, -0.5), 0.03), (0.55, 0.36, 0.30))
    put("cap", shapes.box((0.58, 0.14, 0.58), (-0.9, 4.1, -0.5), 0.06), SNOW)


def _fence(kit: Kit, rng: np.random.Generator) -> None:
    for k in range(7):
        x, z = 1.9 + 0.95 * k, -3.4 - 0.22 * k
        lean = float(rng.uniform(-4, 4))
        kit.add(
            "log",
            shapes.move(shapes.box((0.11, 0.95, 0.09), (0, 0.45, 0), 0.02), (x, 0, z), roll=lean),
            (0.50, 0.36, 0.25),
        )
        kit.add("cap", shapes.blob((x, 0.95, z), (0.11, 0.06, 0.10), k, 0.05, 12), SNOW)
        if k:
            for y in (0.38, 0.70):
                rail = [(x - 0.97, y + 0.02, z + 0.22), (x - 0.48, y - 0.01, z + 0.11), (x, y, z)]
                kit.add("log", shapes.tube(rail, [0.04] * 3, 8), (0.54, 0.39, 0.27))


def _mountains(kit: Kit, rng: np.random.Generator) -> None:
    peaks = ((-34, 95, 34, 34), (-8, 120, 46, 46), (20, 100, 30, 36), (44, 85, 27, 30), (-62, 90, 26, 32))
    for k, (az, far, high, wide) in enumerate(peaks):
        a = np.radians(az)
        v, f, _ = shapes.lathe([(1.0, 0.0), (0.66, 0.26), (0.40, 0.52), (0.17, 0.80), (0.0, 1.0)], 34)
        around = np.arctan2(v[:, 0], v[:, 2])
        ridge = 1 + 0.20 * np.sin(around * 4 + k) + 0.10 * np.sin(around * 11 + 2 * k)
        v = v * np.stack([ridge, np.ones_like(ridge), ridge], -1)
        v[:, 1] += 0.05 * np.sin(around * 7 + k) * (1 - v[:, 1])
        white = smoothstep(0.20, 0.42, v[:, 1] + 0.10 * np.sin(around * 9))[:, None]
        colors = np.array([0.46, 0.52, 0.62]) * (1 - white) + np.array(SNOW) * white
        mesh = shapes.move((v, f, None), (far * np.sin(a), -3.0, -far * np.cos(a)), (wide, high, wide),
                           yaw=float(rng.uniform(0, 90)))  # fmt: skip
        kit.paint("mountain", mesh, colors)


def build(time_of_day: str, seed: int) -> Stage:
    """Level snow about the middle, drifts and firs around it, open towards +Z."""
    rng = np.random.default_rng(seed + 400)
    lit = time_of_day in ("night", "sunset", "storm")
    kit = Kit()
    x, z = shapes.graded(8.0, 150.0, 101), shapes.graded(8.0, 150.0, 101)
    gx, gz = np.meshgrid(x, z)
    far = smoothstep(2.6, 16.0, np.hypot(gx, gz))
    height = far * (sample(tile(407, 1.9, 1, 10), gx / 70, gz / 70) - 0.42) * 4.0
    height = height + smoothstep(14.0, 60.0, np.hypot(gx, gz)) * 2.0
    kit.add("snow", shapes.terrain(x, z, height), SNOW)
    for group in ("snow", "heap", "cap"):
        kit.surface(group, _snow())
    clutter = {}
    spots = [(-2.6, -4.4, 3.0), (3.9, -5.6, 4.2), (6.2, -8.0, 5.2), (-8.2, -5.0, 4.6), (-7.4, -10.5, 6.0),
             (1.4, -11.5, 5.4), (9.6, -11.5, 6.4), (-1.6, -14.0, 6.2), (5.2, -3.6, 2.2)]  # fmt: skip
    for k, (tx, tz, high) in enumerate(spots):
        _fir(kit, f"fir{k}", tx, tz, high, rng)
        clutter[f"set/fir{k}"] = ((tx, high * 0.45, tz), high * 0.22)
    for _ in range(40):
        a, r = rng.uniform(np.pi * 1.0, np.pi * 2.0), rng.uniform(18, 46)
        _fir(kit, "far", r * np.cos(a), r * np.sin(a), rng.uniform(4.5, 8.5), rng)
    kit.surface("far.wood", bark(0.4))
    _cabin(kit, *CABIN, lit)
    clutter["set/log"] = ((CABIN[0], 1.2, CABIN[1]), 1.6)
    _snowman(kit, 1.75, -2.3)
    _fence(kit, rng)
    _mountains(kit, rng)
    houses.lantern(kit, -1.75, -2.7, lit)
    kit.surface("log", planks(0.24, 4.0, "xy"))
    kit.surface("mountain", grainy(0.12, 22.0, "xy"))
    kit.material("lit", Material(emission=1.6))
    kit.material("iron", Material(specular=0.4, roughness=0.4))
    kit.material("lamp", Material(emission=5.0))
    warm = 3.0 if time_of_day == "night" else 0.8
    lamps = (Lamp((-1.75, 3.05, -2.7), (1.0, 0.76, 0.46), warm, 0.14),) if lit else ()
    gains = {"exposure": 0.80, "haze": 0.9}
    return Stage(kit.parts(), kit.surfaces(), lamps, Backdrop(gains=gains), {}, clutter, far_limit=14.0)


def _fir(kit: Kit, group: str, x: float, z: float, height: float, rng: np.random.Generator) -> None:
    """A fir whose skirts carry snow."""
    plants.pine(kit, group, x, z, height, rng, (0.15, 0.33, 0.28))
    for k in range(5):
        s = k / 5
        wide = height * 0.24 * (1 - s * 0.86)
        at = (x, height * (0.21 + 0.70 * s), z)
        cap = shapes.lathe([(0.92, 0.0), (0.80, 0.10), (0.52, 0.34), (0.24, 0.70), (0.0, 1.0)], 22)
        v, f, n = shapes.move(cap, at, (wide, height * 0.30, wide), yaw=float(rng.uniform(0, 90)))
        wave = np.sin(np.arctan2(v[:, 0] - x, v[:, 2] - z) * 5 + 2 * k + x)
        v[:, 1] += 0.012 * height * wave * (np.hypot(v[:, 0] - x, v[:, 2] - z) > 0.5 * wide)
        kit.add(f"{group}.cap" if group == "far" else f"{group}.white", (v, f, n), SNOW)
