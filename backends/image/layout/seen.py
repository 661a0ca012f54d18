"""Where the characters of a layout are in its picture, without drawing it: heads, bodies, what the frame cuts off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.camera import Camera, Subject
from backends.image.layout.mesh import CharacterModel
from backends.image.layout.placing import place
from backends.image.layout.scene import LayoutScene

_POINTS = 3000
"""Vertices of a body that are looked at; enough for a box that is right to a pixel or two."""
_AWAY = -0.1
"""Cosine between where an eye looks out of the head and the way to the camera, below which the head hides it."""

Corners = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the picture."""


@dataclass(frozen=True)
class Seen:
    """One character, in pixels of the picture; parts outside of it have places outside of it."""

    name: str
    chin: float
    """y of the chin."""
    feet: float
    """y of the lowest point of the body."""
    head: float
    """Height of the head, pixels."""
    skull: Corners
    """The head without hair, ears and what is worn on it."""
    eyes: Corners | None
    """The eyeballs that are turned to the camera, together; None when the face looks away from it."""
    mouth: tuple[float, float]
    """x, y of its middle, also where the head hides it."""
    points: NDArray[np.float32] = field(repr=False, compare=False)
    """(N, 2) x, y of the body's surface."""

    def box(self, window: tuple[float, float, float, float]) -> tuple[float, float, float, float] | None:
        """x0, y0, x1, y1 of what a window (alike) shows of the body; None when it shows nothing."""
        x, y = self.points[:, 0], self.points[:, 1]
        inside = (x >= window[0]) & (x < window[2]) & (y >= window[1]) & (y < window[3])
        if not inside.any():
            return None
        low, high = self.points[inside].min(axis=0), self.points[inside].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def characters_seen(scene: LayoutScene, width: int, height: int, cache_dir: Path | None = None) -> tuple[Seen, ...]:
    """The characters before the camera of a picture of `width` x `height`: whom it frames first, then by size.

    Raises UsageError for a scene that names unknown things.
    """
    from backends.image.layout.sets.build import build_stage

    stage = build_stage(scene.set, scene.time_of_day, scene.seed)
    models, camera = _posed(scene, (width + width % 2, height + height % 2), stage.far_limit, cache_dir)
    facing = {posed.name: posed.facing_deg for posed in scene.characters}
    found = [one for model in models if model.parts and (one := _seen(model, facing.get(model.name, 0.0), camera))]
    return tuple(sorted(found, key=lambda one: (one.name != scene.camera.target, one.chin - one.feet)))


def _posed(
    scene: LayoutScene, size: tuple[int, int], far_limit: float, cache_dir: Path | None
) -> tuple[Sequence[CharacterModel], Camera]:
    """The characters as they are drawn, heads turned to what they look at, and the camera, as the renderer has them."""
    from backends.image.layout.characters.build import build_character

    models = [build_character(posed, cache_dir=cache_dir) for posed in scene.characters]
    camera = place(scene, models, size[0], size[1], far_limit)
    eyes = {model.name: model.eye_line for model in models} | {"camera": camera.position.astype(np.float32)}
    for at, posed in enumerate(scene.characters):
        target = eyes.get(posed.look_at or "")
        if target is not None:
            models[at] = build_character(posed, look_target=target, cache_dir=cache_dir)
    return models, camera


def _seen(model: CharacterModel, facing_deg: float, camera: Camera) -> Seen | None:
    """None when a part of the body is behind the camera."""
    subject = Subject.of(model, facing_deg)
    surface = np.concatenate([part.vertices for part in model.parts])
    cloud = camera.project(surface[:: max(1, len(surface) // _POINTS)])
    head = model.head_center.astype(np.float64)
    chin = camera.project(np.array([head[0], subject.chin, head[2]]))
    feet = camera.project(np.array([subject.centre[0], subject.feet, subject.centre[2]]))
    if not (np.isfinite(cloud).all() and np.isfinite(chin).all() and np.isfinite(feet).all()):
        return None
    skull = _corners([part.vertices for part in model.parts if part.label.endswith("/head")] or [surface], camera)
    mouth = camera.project(model.mouth.astype(np.float64)[None])[0]
    size = 2 * camera.focal * model.head_radius / float(chin[2])
    return Seen(
        model.name, float(chin[1]), max(float(feet[1]), float(cloud[:, 1].max())), size, skull, _eyes(model, camera),
        (float(mouth[0]), float(mouth[1])), cloud[:, :2].astype(np.float32),
    )  # fmt: skip


def _eyes(model: CharacterModel, camera: Camera) -> Corners | None:
    shown = []
    for part in model.parts:
        if not part.label.endswith(("/eye_l", "/eye_r")):
            continue
        middle = part.vertices.mean(axis=0)
        out, way = middle - model.head_center, camera.position - middle
        if float(out @ way) > _AWAY * float(np.linalg.norm(out) * np.linalg.norm(way)):
            shown.append(part.vertices)
    return _corners(shown, camera) if shown else None


def _corners(surfaces: Sequence[NDArray[np.float32]], camera: Camera) -> Corners:
    """Of the surfaces, (V, 3) world metres each, as the camera sees them."""
    places = camera.project(np.concatenate(surfaces))[:, :2]
    (left, top), (right, bottom) = places.min(axis=0), places.max(axis=0)
    return float(left), float(top), float(right), float(bottom)
