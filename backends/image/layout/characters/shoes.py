"""Shoes: upper, sole and laces, in shoe lengths; origin at the ankle, toes along +Z."""

from __future__ import annotations

import numpy as np

from backends.image.layout.characters import sdf
from backends.image.layout.characters.sdf import Distance, Field, Points
from backends.image.layout.characters.surface import Mesh, joined, polygonise
from backends.image.layout.characters.sweep import tube


def _sole(ground: float, thickness: float) -> Field:
    heel, middle, toe = (0.0, 0.0, -0.14), (0.0, 0.0, 0.14), (0.0, 0.0, 0.42)
    outline = sdf.union([sdf.capsule(heel, middle, 0.205, 0.20), sdf.capsule(middle, toe, 0.20, 0.275)], 0.06)
    half = thickness / 2

    def field(p: Points) -> Distance:
        flat = p.copy()
        flat[1] = 0.0
        side = outline(flat)
        slab = np.abs(p[1] - np.float32(ground + half)) - np.float32(half)
        return -sdf.smin(-side, -slab, 0.05)

    return field


def shoe_meshes(ankle: float, leg: float, boot: float = 0.0) -> dict[str, Mesh]:
    """Upper, sole and laces of one shoe.

    Args:
        ankle: Height of the ankle above the ground, in shoe lengths.
        leg: Radius of the leg at the ankle, in shoe lengths.
        boot: Height of the shaft above the ankle; 0 for a low shoe.
    """
    ground = -ankle
    thick = 0.115
    top = ground + thick
    sole = polygonise(_sole(ground, thick), (-0.33, ground, -0.38), (0.33, top, 0.74), 0.037)

    toe = sdf.ellipsoid((0, top + 0.075, 0.40), (0.262, 0.185, 0.275))
    heel = sdf.ellipsoid((0, top + 0.10, -0.11), (0.19, 0.20, 0.215))
    instep = sdf.capsule((0, top + 0.17, 0.02), (0, top + 0.11, 0.34), 0.165, 0.17)
    upper = sdf.union([toe, heel, instep], 0.14)
    collar_y = max(boot, -0.02)
    shaft = sdf.capsule((0, top + 0.15, -0.05), (0, collar_y, -0.02), 0.175, leg + 0.045)
    rim = sdf.torus((0, collar_y, -0.02), leg + 0.040, 0.042)
    upper = sdf.union([upper, shaft], 0.12)
    upper = sdf.intersect(upper, sdf.halfspace((0, collar_y + 0.015, 0), (0, 1, 0)), 0.02)
    upper = sdf.union([upper, rim], 0.03)
    upper = sdf.intersect(upper, sdf.halfspace((0, top - 0.03, 0), (0, -1, 0)), 0.01)
    body = polygonise(upper, (-0.36, top - 0.04, -0.40), (0.36, collar_y + 0.08, 0.74), 0.038)
    meshes = {"upper": body, "sole": sole}
    if boot <= 0:
        meshes["laces"] = _laces(upper, top)
    return meshes


def _laces(upper: Field, top: float) -> Mesh:
    rows = []
    for z in (0.10, 0.19, 0.28):
        x = np.linspace(-0.105, 0.105, 9)
        p = np.stack([x, np.full(9, top + 0.6), np.full(9, z)]).astype(np.float32)
        for _ in range(30):
            p[1] -= 0.9 * upper(p)
        rows.append(tube(p.T + np.array([0, 0.008, 0]), np.full(9, 0.020), 8, up=(0, 1, 0)))
    return joined(rows)
