"""The camera of a shot: a pinhole, and what framing knows of those it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from backends.image.layout.mesh import CharacterModel
from configs.settings import CONFIG_DIR

Vec = NDArray[np.float64]


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


def above_ground(position: Vec) -> Vec:
    return np.array([position[0], max(position[1], presets()["camera_floor"]), position[2]])
