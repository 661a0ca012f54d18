"""The camera of a shot: a pinhole, and where to stand for a scale, an angle and a lens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from backends.image.layout.mesh import CharacterModel
from backends.image.layout.scene import CameraSpec, LayoutScene
from configs.errors import UsageError
from configs.settings import CONFIG_DIR

Vec = NDArray[np.float64]
FILM_MM = 36.0
"""Width of the full-frame film that CameraSpec.lens_mm refers to."""


@dataclass(frozen=True)
class Camera:
    """A pinhole with square pixels; local axes are right, down, forward."""

    position: Vec
    axes: NDArray[np.float64]
    """(3, 3) rows right, down, forward."""
    focal: float
    """Pixels."""
    width: int
    height: int

    @property
    def cx(self) -> float:
        return self.width / 2

    @property
    def cy(self) -> float:
        return self.height / 2

    @property
    def forward(self) -> Vec:
        return np.asarray(self.axes[2], np.float64)

    def to_local(self, points: ArrayLike) -> NDArray[np.float64]:
        """(..., 3) world -> (..., 3) right, down, forward metres."""
        offset: Vec = np.asarray(points, np.float64) - self.position
        local: Vec = np.matmul(offset, self.axes.T)
        return local

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """(..., 3) world -> (..., 3): x px, y px, z metres along the view axis (x, y are NaN behind the camera)."""
        local = self.to_local(points)
        z = np.where(local[..., 2] > 1e-6, local[..., 2], np.nan)
        return np.stack([self.cx + self.focal * local[..., 0] / z, self.cy + self.focal * local[..., 1] / z,
                         local[..., 2]], -1)  # fmt: skip

    def rays(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float32]:
        """World ray directions (..., 3) at pixel positions, scaled so that depth z lies at position + z * ray."""
        local = np.stack([(x - self.cx) / self.focal, (y - self.cy) / self.focal, np.ones_like(x)], -1)
        return (local.astype(np.float32) @ self.axes.astype(np.float32)).astype(np.float32)

    @property
    def vertical_fov_deg(self) -> float:
        return float(np.degrees(2 * np.arctan(self.height / 2 / self.focal)))


def look_at(position: Vec, target: Vec, roll_deg: float, focal: float, width: int, height: int) -> Camera:
    """A camera at `position` towards `target`, upright unless rolled."""
    forward = (target - position) / np.linalg.norm(target - position)
    up = np.array([0.0, 1.0, 0.0]) if abs(forward[1]) < 0.999 else np.array([0.0, 0.0, -1.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    angle = np.radians(roll_deg)
    right, down = np.cos(angle) * right + np.sin(angle) * down, np.cos(angle) * down - np.sin(angle) * right
    return Camera(position, np.stack([right, down, forward]), focal, width, height)


@cache
def presets() -> Mapping[str, Any]:
    """configs/layout.yaml: framing per scale and angle, and the light rigs."""
    with (CONFIG_DIR / "layout.yaml").open(encoding="utf-8") as file:
        return dict(yaml.safe_load(file))


@dataclass(frozen=True)
class Subject:
    """What framing needs to know of one character, world metres."""

    name: str
    feet: float
    top: float
    chin: float
    eyes: Vec
    radius: float
    centre: Vec
    """On the ground, below the body's middle."""
    half_width: float
    facing: Vec
    gaze: Vec
    """Unit, level: where the face looks."""

    @classmethod
    def of(cls, model: CharacterModel, facing_deg: float) -> Subject:
        cloud = np.concatenate([part.vertices for part in model.parts]).astype(np.float64)
        low, high = cloud.min(0), cloud.max(0)
        head = model.head_center.astype(np.float64)
        radius = float(model.head_radius)
        turn = np.radians(facing_deg)
        middle = (low + high) / 2
        ahead = (model.eye_line - model.head_center).astype(np.float64) * (1, 0, 1)
        return cls(
            model.name, float(low[1]), float(min(high[1], head[1] + 1.35 * radius)), float(head[1] - radius),
            model.eye_line.astype(np.float64), radius, np.array([middle[0], 0.0, middle[2]]),
            float(max(high[0] - low[0], high[2] - low[2]) / 2), np.array([np.sin(turn), 0.0, np.cos(turn)]),
            ahead / max(float(np.linalg.norm(ahead)), 1e-6),
        )  # fmt: skip


def band(subject: Subject, scale: str) -> tuple[float, float]:
    """World heights (bottom, top) that a scale shows of a subject, headroom not included."""
    spec = presets()["scales"][scale]
    body = subject.chin - subject.feet
    if spec["from"] == "eyes":
        return float(subject.eyes[1] - spec["below"] * subject.radius), float(
            subject.eyes[1] + spec["above"] * subject.radius
        )
    top = subject.top
    if spec["from"] == "figure":
        return subject.feet, subject.feet + (top - subject.feet) * spec["times"]
    return subject.chin - spec["below"] * body - spec["shoulder"] * subject.radius, top


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
        from backends.image.layout.over_shoulder import over_shoulder

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


def above_ground(position: Vec) -> Vec:
    return np.array([position[0], max(position[1], presets()["camera_floor"]), position[2]])


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
