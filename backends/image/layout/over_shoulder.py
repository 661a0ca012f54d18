"""The over-the-shoulder shot: one character's face, past another's shoulder and the back of its head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backends.image.layout.camera import Camera, Subject, Vec, above_ground, band, look_at, presets
from backends.image.layout.scene import CameraSpec

FACE_AT, BACK_AT = 0.62, 0.09
"""Where face and back of the head stand, shares of the picture's width (or mirrored)."""
EYES_AT = 0.36
"""Height of the face's eyes from the top, share of the picture's height."""
STEEPEST = 40.0
"""Degrees that the camera may stand beside the line between the two."""


def over_shoulder(
    spec: CameraSpec, subject: Subject, others: Sequence[Subject], width: int, height: int
) -> Camera:  # fmt: skip
    """A camera behind the nearest other character, framing `subject` as its scale asks.

    The camera stands far enough for the back to take about a third of the width, and a longer lens keeps the scale.
    """
    other = min(others, key=lambda s: float(np.linalg.norm(s.centre - subject.centre)))
    rest = [s for s in others if s is not other]
    gap = float(np.linalg.norm((other.eyes - subject.eyes)[[0, 2]]))
    away = (other.eyes - subject.eyes) * (1, 0, 1) / max(gap, 1e-6)
    bottom, top = band(subject, spec.scale)
    scale = presets()["scales"][spec.scale]
    visible = (top - bottom) / (1.0 - scale["headroom"] - scale["footroom"])
    # Somebody much smaller or taller must be in the picture too.
    visible = max(visible, 1.25 * abs(float(other.eyes[1] - subject.eyes[1])), 2.2 * other.radius)
    behind = max(4.5 * other.radius, 2.0 * visible - gap)
    distance = gap + behind
    turn = _turn(gap, distance, visible * width / height)
    sides = [_turned(away, sign * turn) for sign in (1.0, -1.0)]
    # The sets are open towards +Z; but nobody else may stand in the way.
    sides.sort(key=lambda way: (_blocked(subject, way, distance, rest), -way[2]))
    way = sides[0]
    position = subject.eyes + distance * way
    position[1], above = _height(subject, other, distance, behind, visible)
    right = np.cross(-way, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    left_behind = float((other.eyes - position) @ right) < 0
    across = visible * width / height
    # Where the two stand too near to each other, the face gives way so that the back still reaches the edge.
    half = 1.15 * other.radius * distance / behind / across
    spare = max(FACE_AT - _apart(gap, distance, np.radians(turn)) / across - 0.5 * half, 0.0)
    shift = (max(FACE_AT - spare, 0.40) - 0.5) * across * (-1 if left_behind else 1)
    eyes_at = EYES_AT + 0.5 * max(above - 0.12, 0.0)
    target = subject.eyes + right * shift - np.array([0.0, (0.5 - eyes_at) * visible, 0.0])
    focal = height * distance / visible
    return look_at(above_ground(position), target, 0.0, focal, width, height)


def _height(subject: Subject, other: Subject, distance: float, behind: float, visible: float) -> tuple[float, float]:
    """Height of the camera, and how far the other's eyes then appear above the face's (shares of the height).

    A little above the other's eyes if that keeps both heads in the picture; else as high or low as that takes.
    """
    own, their = float(subject.eyes[1]), float(other.eyes[1])
    wish = their + 0.25 * other.radius

    def above(camera: float) -> float:
        return ((their - camera) / behind - (own - camera) / distance) * distance / visible

    wanted = float(np.clip(above(wish), -0.34, 0.30)) * visible / distance
    height = (their / behind - own / distance - wanted) / (1 / behind - 1 / distance)
    height = float(np.clip(height, 0.25, own + 0.9 * distance))
    return height, above(height)


def _turn(gap: float, distance: float, across: float) -> float:
    """Degrees off the line at which the two stand `FACE_AT - BACK_AT` of the width apart; `across` is the width that
    the picture shows at the subject, metres."""
    angles = np.radians(np.linspace(2.0, STEEPEST, 113))
    found = [_apart(gap, distance, float(angle)) for angle in angles]
    return float(np.degrees(angles[np.argmin(np.abs(np.array(found) - (FACE_AT - BACK_AT) * across))]))


def _apart(gap: float, distance: float, angle: float) -> float:
    """Metres at the subject's distance that the picture shows between the two; `angle` in radians off their line."""
    return float(gap * np.sin(angle) / max(1 - gap * np.cos(angle) / distance, 0.05))


def _turned(way: Vec, degrees: float) -> Vec:
    a = np.radians(degrees)
    return np.array([np.cos(a) * way[0] + np.sin(a) * way[2], 0.0, -np.sin(a) * way[0] + np.cos(a) * way[2]])


def _blocked(subject: Subject, way: Vec, distance: float, rest: Sequence[Subject]) -> int:
    """How many of `rest` stand between the camera and the face."""
    count = 0
    for one in rest:
        offset = (one.eyes - subject.eyes) * (1, 0, 1)
        along = float(offset @ way)
        beside = float(np.linalg.norm(offset - along * way))
        count += 0 < along < distance and beside < one.half_width
    return count
