"""Eyes: an eyeball with coloured iris, lids that turn about the eye's corners, a lash line and catch-lights.

Everything is made on the unit sphere looking along +Z and stretched to the eye's radii afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters.materials import smoothstep
from backends.image.layout.characters.skeleton import turn
from backends.image.layout.characters.surface import Mesh, joined, with_smooth_normals
from backends.image.layout.characters.sweep import cap, grid_faces, tube
from backends.image.layout.scene import RGB

_UPPER_OPEN, _LOWER_OPEN = 0.88, -0.80
"""Height of the lids' edges above the eye's middle when wide open (eyeball radii)."""
_MEET = -0.34
"""Height where closed lids meet."""
_CORNER = 0.93
"""Distance of the eye's corners from its middle."""


@dataclass(frozen=True)
class Lids:
    upper: float
    """0 wide open .. 1 shut."""
    lower: float
    slant: float = 0.0
    """Degrees that the inner end of both edges lies lower than the outer one."""


def eyeball(
    iris: RGB, iris_size: float, gaze: tuple[float, float], scale: float = 1.0
) -> tuple[Mesh, NDArray[np.float32]]:
    """Unit eyeball and its colours.

    Args:
        iris: sRGB colour.
        iris_size: Sine of the iris' half-angle.
        gaze: Yaw to the left and pitch up, degrees.
        scale: Of iris and pupil (emotion).
    """
    edge = np.arcsin(np.clip(iris_size * scale, 0.1, 0.95))
    pupil = edge * 0.50
    theta = np.concatenate([
        np.linspace(1e-3, pupil * 0.97, 4), np.linspace(pupil * 1.03, edge * 0.80, 6),
        np.linspace(edge * 0.84, edge * 0.99, 5), np.linspace(edge * 1.02, 2.0, 9),
    ])  # fmt: skip
    columns = 56
    phi = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    t, f = (g.ravel() for g in np.meshgrid(theta, phi, indexing="ij"))
    v = np.stack([np.sin(t) * np.cos(f), np.sin(t) * np.sin(f), np.cos(t)], -1)

    base = np.asarray(iris, dtype=np.float64)
    light = np.clip(base * 1.25 + 0.20, 0, 1)
    # Light gathers in the iris' lower half, opposite the catch-light; fine rays break up the flat colour.
    low = np.clip(0.5 - 0.5 * np.sin(f), 0, 1) * np.clip((t - pupil) / (edge - pupil), 0, 1)
    rays = 0.06 * np.cos(17 * f) * np.cos(5 * f + 1.0)
    amount = np.clip(0.15 + 0.75 * low + rays, 0, 1)[:, None]
    color = base * 0.85 * (1 - amount) + light * amount
    rim = smoothstep(0.80, 0.96, (t / edge).astype(np.float32))[:, None]
    color = color * (1 - rim) + base * 0.28 * rim
    white = np.array([0.97, 0.97, 0.965])
    color = np.where((t < pupil)[:, None], np.array([0.015, 0.012, 0.015]), color)
    color = np.where((t > edge * 1.005)[:, None], white, color)

    look = turn(-gaze[1], gaze[0])
    faces = grid_faces(len(theta), columns, closed=True)[:, ::-1]
    mesh = Mesh(v.astype(np.float32), faces, v.astype(np.float32))
    return mesh.moved(look, (0, 0, 0)), color.astype(np.float32)


def catch_lights(gaze: tuple[float, float], iris_size: float) -> Mesh:
    """Two small discs just above the eyeball: one up towards the viewer's left, a weaker one opposite."""
    look = turn(-0.7 * gaze[1], 0.7 * gaze[0])
    reach = 0.62 * iris_size
    big = cap((-0.62 * reach, 0.70 * reach, 1.0), 0.20, 1.014)
    small = cap((0.55 * reach, -0.60 * reach, 1.0), 0.075, 1.014)
    return joined([big, small]).moved(look, (0, 0, 0))


def _edges(lids: Lids, blink: float, side: float, u: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    # The opening is an ellipse seen from the front; both lids close onto one low arc. Side +1 is the left eye, whose
    # inner corner lies at -X.
    x = np.sin(u)
    bow = np.sqrt(np.clip(1 - (x / _CORNER) ** 2, 0, 1))
    shut_upper = lids.upper + (1 - lids.upper) * blink
    shut_lower = lids.lower + (1 - lids.lower) * blink
    meet = _MEET * bow
    slant = np.tan(np.radians(lids.slant)) * side * x * bow * (1 - blink)
    upper = _UPPER_OPEN * bow * (1 - shut_upper) + (meet - 0.05 * blink) * shut_upper + slant
    lower = _LOWER_OPEN * bow * (1 - shut_lower) + (meet + 0.05 * blink) * shut_lower + 0.3 * slant
    most = 0.985 * np.cos(u)
    lower = np.minimum(lower, upper - 0.01 * (1 - blink) + 0.1 * blink)
    up, low = (np.arcsin(np.clip(y, -most, most) / np.cos(u)) for y in (upper, lower))
    return np.degrees(up), np.degrees(low)


def _on_sphere(u: NDArray, elevation: NDArray, radius: NDArray | float) -> NDArray[np.float64]:
    p = np.stack(
        [np.sin(u) * np.ones_like(elevation), np.cos(u) * np.sin(elevation), np.cos(u) * np.cos(elevation)], -1
    )
    return p * np.asarray(radius, dtype=np.float64)[..., None]


def _lid(u: NDArray, edge: NDArray, far: float, outer: float) -> Mesh:
    """Shell from the lid's edge to elevation `far` behind, its edge rolled in to the eyeball."""
    roll = np.radians(np.array([5.0, 2.0, 0.4, 0.0, 0.6]))[::-1] * np.sign(far)
    radius = np.array([1.0, 1.012, 1.0 + (outer - 1) * 0.62, 1.0 + (outer - 1) * 0.9, outer])
    steps = np.linspace(0.06, 1.0, 14)
    rows_e = [edge + r for r in roll]
    rows_r = [np.full_like(edge, r) for r in radius]
    start = edge + roll[-1]
    for s in steps:
        rows_e.append(start + (far - start) * s)
        rows_r.append(np.full_like(edge, outer))
    p = _on_sphere(u[None, :], np.array(rows_e), np.array(rows_r))
    faces = grid_faces(len(rows_e), len(u))
    return with_smooth_normals(p.reshape(-1, 3), faces if far > 0 else faces[:, ::-1])


def eyelids(lids: Lids, blink: float, side: float) -> Mesh:
    """Upper and lower lid of one eye; `side` +1 for the character's left eye."""
    u = np.radians(np.linspace(-88, 88, 35))
    upper, lower = _edges(lids, blink, side, u)
    top = _lid(u, np.radians(upper), np.radians(150.0), 1.055)
    bottom = _lid(u, np.radians(lower), np.radians(-150.0), 1.045)
    return joined([top, bottom])


def lash_line(lids: Lids, blink: float, side: float, length: float) -> Mesh:
    """Dark rim of the upper lid; `length` > 0 flicks it out at the outer corner."""
    u = np.radians(np.linspace(-68, 68, 41))
    upper, _ = _edges(lids, blink, side, u)
    e = np.radians(upper - 1.0)
    outer = np.clip(side * np.sin(u), 0, 1)
    radius = 1.055 + length * 0.16 * outer**3
    e = e + np.radians(9.0) * length * outer**4
    thickness = (0.032 + 0.016 * length) * (0.15 + 0.85 * np.cos(u * 1.3)) * (1 + 0.7 * length * outer)
    return tube(_on_sphere(u, e, radius), thickness, 8)
