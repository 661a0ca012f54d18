"""A small moon: craters, dust, a landed rocket, a ringed planet and a great many stars."""

from __future__ import annotations

import numpy as np

from backends.image.layout import shapes
from backends.image.layout.geometry import F32, to_linear
from backends.image.layout.kit import Kit
from backends.image.layout.mesh import Material
from backends.image.layout.noise import sample, smoothstep, tile
from backends.image.layout.sky import Backdrop, direction
from backends.image.layout.stage import Points, Stage
from backends.image.layout.surfaces import detail, grainy

PLANET_AZ, PLANET_EL, PLANET_SIZE = 156.0, 19.0, 8.5
"""Where it hangs, and its angular radius, degrees."""


def _planet(rays: F32, sky: F32) -> F32:
    """A banded gas giant with rings, lit from the left."""
    middle = direction(PLANET_AZ, PLANET_EL)
    right = np.cross(middle, [0, 1, 0])
    right /= np.linalg.norm(right)
    up = np.cross(right, middle)
    size = np.tan(np.radians(PLANET_SIZE))
    ahead = np.maximum(rays @ middle, 1e-3)
    front = rays @ middle > 0.2
    a, b = (rays @ right) / ahead / size, (rays @ up) / ahead / size
    tilt = np.radians(-18)
    u, v = a * np.cos(tilt) - b * np.sin(tilt), a * np.sin(tilt) + b * np.cos(tilt)
    r = np.hypot(u, v)
    body = front & (r < 1.02)
    height = np.sqrt(np.maximum(1 - r**2, 0))
    normal = np.stack([a, b, height], -1)
    sun = np.array([-0.72, 0.38, 0.58])
    lit = np.clip(normal @ (sun / np.linalg.norm(sun)), 0, 1) ** 0.8
    swirl = v * 3.2 + 0.5 * (sample(tile(801, 1.6, 2, 40), u * 0.16 + 0.3, v * 0.30 + 0.5) - 0.5)
    band = smoothstep(0.3, 0.7, 0.5 + 0.5 * np.sin(swirl * 3.1 + 1.4 * np.sin(swirl * 1.3)))[:, None]
    color = to_linear((0.96, 0.74, 0.50)) * (1 - band) + to_linear((0.74, 0.40, 0.34)) * band
    disk = color * (0.012 + 1.25 * lit)[:, None]
    disk = disk + (to_linear((0.98, 0.70, 0.52)) * 0.35 * ((1 - height) ** 3 * (lit > 0.02))[:, None])
    cover = (smoothstep(1.006, 0.985, r) * body)[:, None]
    ringed = np.hypot(u, v / 0.22)
    grain = sample(tile(803, 0.8, 6, 120), ringed * 0.35, ringed * 0.0 + 0.3)
    ring = smoothstep(1.36, 1.42, ringed) * smoothstep(2.35, 2.25, ringed) * (0.25 + 0.9 * grain)
    ring = ring * (1 - smoothstep(1.80, 1.83, ringed) * smoothstep(1.92, 1.89, ringed) * 0.9) * front
    behind = (v > 0)[:, None]
    band_color = to_linear((0.93, 0.82, 0.70)) * 0.75
    out = np.where(behind, sky * (1 - ring[:, None] * 0.8) + band_color * ring[:, None], sky)
    out = out * (1 - cover) + disk * cover
    out = np.where(~behind, out * (1 - ring[:, None] * 0.8) + band_color * ring[:, None], out)
    halo = np.exp(-np.maximum(r - 1, 0) * 7)[:, None] * 0.05 * front[:, None]
    return np.asarray(out + to_linear((0.95, 0.68, 0.50)) * halo * (1 - cover), np.float32)


def _dust(points: Points) -> tuple[F32, F32 | None]:
    u, v = points.position[:, 0], points.position[:, 2]
    shade = 1 + 0.42 * detail(points, u, v, 1.5, 811) + 0.22 * (sample(tile(813, 1.7, 2, 40), u / 22, v / 22) - 0.5)
    return np.asarray(points.albedo * shade[:, None], np.float32), None


def _rocket(kit: Kit, x: float, z: float, scale: float) -> None:
    hull = [
        (0.0, 0.55),
        (0.42, 0.55),
        (0.62, 1.0),
        (0.72, 1.7),
        (0.70, 2.5),
        (0.56, 3.3),
        (0.32, 3.95),
        (0.10, 4.3),
        (0, 4.36),
    ]
    vertices, faces, normals = shapes.lathe(hull, 40)
    colors = np.tile([0.93, 0.92, 0.90], (len(vertices), 1))
    colors[vertices[:, 1] > 3.25] = (0.86, 0.26, 0.22)
    colors[(vertices[:, 1] < 1.05)] = (0.86, 0.26, 0.22)
    kit.paint("hull", shapes.move((vertices, faces, normals), (x, 0, z), scale), colors)
    kit.add(
        "brass",
        shapes.move(shapes.lathe([(0.30, 0.55), (0.40, 0.25), (0.44, 0.25), (0.34, 0.6)], 30), (x, 0, z), scale),
        (0.42, 0.42, 0.45),
    )
    port = shapes.lathe([(0.0, 0.0), (0.24, 0.0), (0.24, 0.06), (0.19, 0.08), (0.0, 0.05)], 30)
    spot = (x, 2.35 * scale, z + 0.69 * scale)
    kit.add("brass", shapes.move(port, spot, scale, tilt=90), (0.80, 0.62, 0.34))
    kit.add(
        "lit",
        shapes.move(shapes.ball((0, 0, 0), (0.17, 0.17, 0.05), 16), (spot[0], spot[1], spot[2] + 0.06 * scale), scale),
        (0.62, 0.92, 1.0),
    )
    for k in range(3):
        a = k * 120 + 30
        fin = shapes.tube([(0, 1.5, 0.62), (0, 0.9, 1.0), (0, 0.35, 1.25), (0, 0.0, 1.3)], [0.05, 0.12, 0.10, 0.06], 16)
        kit.add(
            "hull", shapes.move(shapes.move(fin, (0, 0, 0), (1, 1, 1)), (x, 0, z), scale, yaw=a), (0.86, 0.26, 0.22)
        )


def build(time_of_day: str, seed: int) -> Stage:
    """Level about the middle; craters begin 3 m out."""
    del time_of_day
    rng = np.random.default_rng(seed + 800)
    kit = Kit()
    x, z = shapes.graded(9.0, 130.0, 191, 2.4), shapes.graded(9.0, 130.0, 191, 2.4)
    gx, gz = np.meshgrid(x, z)
    r = np.hypot(gx, gz)
    height = (
        smoothstep(3.5, 22, r) * (sample(tile(821, 1.9, 1, 14), gx / 90, gz / 90) - 0.45) * 5.0
        - 0.0011 * np.maximum(r - 6, 0) ** 2
    )
    height = height + 0.035 * (sample(tile(823, 1.4, 4, 80), gx / 14, gz / 14) - 0.5) * smoothstep(0.8, 3.0, r)
    holes = [
        (-3.9, -3.6, 1.5),
        (3.2, -5.6, 1.9),
        (5.8, -2.2, 1.2),
        (-7.0, -8.2, 3.0),
        (1.0, -11.0, 2.6),
        (9.5, -11.0, 3.6),
        (-2.3, -1.7, 0.55),
        (2.3, -1.6, 0.4),
        (-5.2, 1.2, 0.9),
    ]
    holes += [(rng.uniform(-40, 40), rng.uniform(-55, -14), rng.uniform(1.5, 5)) for _ in range(24)]
    for hx, hz, size in holes:
        d = np.hypot(gx - hx, gz - hz) / size
        height = height + size * (0.10 * np.exp(-(((d - 1.05) / 0.20) ** 2)) - 0.22 * np.exp(-((d / 0.72) ** 4)))
    kit.add("moon", shapes.terrain(x, z, height), (0.66, 0.64, 0.66))
    kit.surface("moon", _dust)
    for k in range(38):
        a, away = rng.uniform(0, 2 * np.pi), rng.uniform(2.0, 11.0)
        size = rng.uniform(0.05, 0.26) * (0.5 + away / 8)
        sx, sz = away * np.cos(a), away * np.sin(a)
        if sz > 1.0 and abs(sx) < 2.5:
            continue
        ground = height[np.abs(z - sz).argmin(), np.abs(x - sx).argmin()]
        kit.add(
            "stones",
            shapes.blob((sx, ground + size * 0.25, sz), (size, size * 0.7, size), k, 0.2, 14, 1.6),
            (0.56, 0.54, 0.57),
        )
    kit.surface("stones", grainy(0.3, 0.7, "xy"))
    _rocket(kit, -3.6, -6.2, 0.95)
    pole = shapes.tube([(1.9, 0, -2.3), (1.9, 0.7, -2.3), (1.9, 1.4, -2.3)], [0.018] * 3)
    kit.add("brass", pole, (0.85, 0.85, 0.88))
    s, t = np.meshgrid(np.linspace(0, 0.72, 24), np.linspace(0, 0.42, 8))
    cloth = np.stack([1.92 + s, 0.96 + t, -2.3 + 0.035 * np.sin(s * 12 + t * 2)], -1).reshape(-1, 3)
    flag = np.where(
        (np.abs(t - 0.21) < 0.07).ravel()[:, None], np.array([0.97, 0.95, 0.90]), np.array([0.26, 0.48, 0.74])
    )
    faces = shapes.sheet(8, 24)
    kit.paint("flag", (cloth, faces, shapes.smooth_normals(cloth, faces)), flag)
    kit.material("hull", Material(specular=0.5, roughness=0.3, clearcoat=0.5))
    kit.material("brass", Material(specular=0.5, metallic=0.5, roughness=0.35))
    kit.material("lit", Material(emission=1.6))
    gains = {"key": 1.1, "rim": 1.2, "bounce": 0.9, "fill": 0.8}
    return Stage(kit.parts(), kit.surfaces(), (), Backdrop(airless=True, overlay=_planet, gains=gains), far_limit=12.0)
