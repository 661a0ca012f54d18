"""Where the camera of a shot stands for a scale, an angle and a lens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backends.image.layout.camera import Camera, Subject, Vec, above_ground, band, look_at, presets
from backends.image.layout.mesh import CharacterModel
from backends.image.layout.over_shoulder import over_shoulder
from backends.image.layout.scene import CameraSpec, LayoutScene
from configs.errors import UsageError

FILM_MM = 36.0
"""Width of the full-frame film that CameraSpec.lens_mm refers to."""


def place(
    scene: LayoutScene, models: Sequence[CharacterModel], width: int, height: int, far_limit: float = 60.0
) -> Camera:
    """The camera that frames `scene.camera`: on the thirds, with headroom and room to look into.

    Raises UsageError for an unknown scale, angle or target.
    """
    spec = scene.camera
    if spec.scale not in presets()["scales"] or spec.angle not in presets()["angles"]:
        known = f"Scales: {', '.join(presets()['scales'])}; angles: {', '.join(presets()['angles'])}"
        raise UsageError(f"There is no camera '{spec.scale} {spec.angle}'", "", known)
    facing = {posed.name: posed.facing_deg for posed in scene.characters}
    everyone = [Subject.of(model, facing.get(model.name, 0.0)) for model in models if model.parts]
    subjects = [s for s in everyone if spec.target in (None, s.name)]
    if spec.target is not None and not subjects:
        raise UsageError(f"The camera's target '{spec.target}' is not in the shot", "",
                         f"Present: {', '.join(s.name for s in everyone) or 'nobody'}")  # fmt: skip
    focal = spec.lens_mm / FILM_MM * width
    if not subjects:
        return _empty_stage(spec, focal, width, height)
    others = [s for s in everyone if s not in subjects]
    if spec.angle == "over_shoulder" and len(subjects) == 1 and others:
        return over_shoulder(spec, subjects[0], others, width, height)
    if len(subjects) == 1:
        spec = replace(spec, yaw_deg=spec.yaw_deg + _round_to_face(spec, subjects[0]))
    return _frame(spec, subjects, focal, width, height, far_limit)


def _round_to_face(spec: CameraSpec, subject: Subject) -> float:
    """Degrees that a close camera steps round so that the face is not seen from the side alone.

    Nothing where the shot asks for an own side (a yaw) or for the back.
    """
    if spec.scale not in ("ECU", "CU", "MCU"):
        return 0.0
    off = float(np.degrees(np.arctan2(subject.gaze[0], subject.gaze[2]))) - spec.yaw_deg
    off = (off + 180) % 360 - 180
    asked = np.clip((abs(spec.yaw_deg) - 20) / 20, 0, 1)
    behind = np.clip((abs(off) - 95) / 25, 0, 1)
    return float(np.sign(off) * np.clip(abs(off) - 38, 0, 40) * (1 - asked) * (1 - behind))


def _direction(yaw_deg: float, pitch_deg: float) -> Vec:
    """Unit vector from the target to the camera."""
    yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
    return np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])


def _empty_stage(spec: CameraSpec, focal: float, width: int, height: int) -> Camera:
    angle = presets()["angles"][spec.angle]
    distance = {"ELS": 9.0, "LS": 7.0, "MLS": 6.0}.get(spec.scale, 5.0)
    target = np.array([0.0, 1.1, 0.0])
    position = target + distance * _direction(spec.yaw_deg, max(angle["pitch"], 3.0))
    return look_at(above_ground(position), target, angle["roll"], focal, width, height)


def _frame(
    spec: CameraSpec, subjects: Sequence[Subject], focal: float, width: int, height: int, far_limit: float
) -> Camera:
    angle, scale = presets()["angles"][spec.angle], presets()["scales"][spec.scale]
    bands = [band(s, spec.scale) for s in subjects]
    bottom, top = min(b for b, _ in bands), max(t for _, t in bands)
    if len(subjects) > 1 and spec.scale in ("ECU", "CU", "MCU", "MS", "MLS"):
        # Characters of different height: keep every head, cut the body of the tallest where the scale says.
        bottom = min(float(np.mean([b for b, _ in bands])), *(s.chin - 0.35 * s.radius for s in subjects))
    visible = (top - bottom) / (1.0 - scale["headroom"] - scale["footroom"])
    centre_y = bottom - scale["footroom"] * visible + visible / 2
    centre = np.mean([s.eyes * (1, 0, 1) if spec.scale in ("ECU", "CU", "MCU") else s.centre for s in subjects], 0)
    target = np.array([centre[0], centre_y, centre[2]])
    away = _direction(spec.yaw_deg, angle["pitch"])
    distance = max(visible * focal / height * angle["distance"], max(s.radius for s in subjects) * 2.2)
    right = np.array([np.cos(np.radians(spec.yaw_deg)), 0.0, -np.sin(np.radians(spec.yaw_deg))])
    distance = max(distance, _group_distance(subjects, target, right, away, focal, width, scale["margin"]))
    if distance > far_limit:
        # The set ends there: stand as far as it goes and take a wider lens, which frames the same.
        focal, distance = focal * far_limit / distance, far_limit
    shown = width / focal * distance
    position = target + distance * away + np.array([0.0, angle["lift"] * visible, 0.0])
    shift = right * shown * _lead_room(spec, subjects, right, scale)
    if spec.angle in ("eye", "dutch"):
        # At eye height, tilted a little: looking level from the body's middle would show the underside of a chin.
        position[1] = np.mean([s.eyes[1] for s in subjects]) * angle["eye"] + target[1] * (1 - angle["eye"])
    return look_at(above_ground(position + shift), target + shift, angle["roll"], focal, width, height)


def _group_distance(
    subjects: Sequence[Subject], target: Vec, right: Vec, away: Vec, focal: float, width: int, margin: float
) -> float:
    """How far the camera must stand for every subject to fit between the side margins."""
    needed = 0.0
    for s in subjects:
        half = s.half_width if len(subjects) > 1 else min(s.half_width, s.radius * 1.2)
        offset = abs(float((s.centre - target) @ right)) * (len(subjects) > 1) + half
        nearer = float((s.centre - target) @ away)
        needed = max(needed, offset * focal / (width * (0.5 - margin)) + nearer)
    return needed


def _lead_room(spec: CameraSpec, subjects: Sequence[Subject], right: Vec, scale: Mapping[str, Any]) -> float:
    """Share of the picture's width by which a lone subject stands left (+) or right (-) of the middle: towards a
    third, leaving room on the side it looks to; wide shots of a still figure also leave the middle to the landscape."""
    if len(subjects) != 1:
        return 0.0
    side = float(subjects[0].facing @ right)
    if abs(side) < 0.2:
        return float(scale["idle_shift"])
    return float(scale["lead"] * np.sign(side) * min(1.0, abs(side) * 1.5))
