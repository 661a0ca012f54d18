"""Beaks that open and close with speech, in head radii."""

from __future__ import annotations

import numpy as np

from backends.image.layout.characters import sdf
from backends.image.layout.characters.mouth import MouthShape
from backends.image.layout.characters.skeleton import turn
from backends.image.layout.characters.surface import Mesh, polygonise
from backends.image.layout.characters.sweep import ball

_HINGE = np.array([0.0, -0.20, 0.66])


def beak_halves(kind: str) -> dict[str, Mesh]:
    """Upper and lower half, closed, with the hinge at the origin."""
    long = 0.92 if kind == "seagull" else 0.56
    wide = 0.24 if kind == "seagull" else 0.31
    tip = (0, -0.06 if kind == "seagull" else -0.03, 0.12 + long)
    cone = sdf.capsule((0, 0.05, 0.08), tip, wide, 0.055)
    if kind == "seagull":
        cone = sdf.union([cone, sdf.capsule(tip, (0, -0.20, 0.10 + long), 0.06, 0.02)], 0.08)
    upper = sdf.intersect(cone, sdf.halfspace((0, -0.03, 0), (0, -1, 0)), 0.04)
    jaw = sdf.capsule((0, -0.02, 0.06), (0, -0.05, 0.02 + long * 0.86), wide * 0.84, 0.045)
    lower = sdf.intersect(jaw, sdf.halfspace((0, -0.035, 0), (0, 1, 0)), 0.04)
    lo, hi = (-0.4, -0.4, -0.3), (0.4, 0.4, 0.3 + long)
    return {"beak_upper": polygonise(upper, lo, hi, 0.030), "beak_lower": polygonise(lower, lo, hi, 0.030)}


def opening(shape: MouthShape) -> float:
    """Degrees that the lower half drops for a mouth shape."""
    gap = max(shape.up + shape.down, 0.0)
    return float(min(44.0, 60.0 * gap * (0.55 + 0.45 * min(shape.width / 0.76, 1.0))))


def beak_meshes(halves: dict[str, Mesh], shape: MouthShape) -> dict[str, Mesh]:
    """The beak in the head's frame, opened for a mouth shape; pursed shapes pull it together."""
    angle = opening(shape)
    slim = 1.0 - 0.22 * shape.pucker
    up = halves["beak_upper"].stretched((slim, 1, 1 + 0.05 * shape.pucker)).moved(turn(-0.28 * angle), _HINGE)
    low = halves["beak_lower"].stretched((slim, 1, 1)).moved(turn(0.72 * angle), _HINGE)
    out = {"beak_upper": up, "beak_lower": low}
    if angle > 4:
        tip = 10.0 if shape.tongue == 2 else 0.0
        tongue = ball((0.13 * slim, 0.045, 0.26), 12, 18).moved(
            turn(0.50 * angle - tip), _HINGE + np.array([0, -0.075, 0.20])
        )
        out["tongue"] = tongue
    return out
