"""The layout renderer: a LayoutScene in, a picture and its exact buffers out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.camera import Camera
from backends.image.layout.faces import redraw
from backends.image.layout.frame import Box, FacePatch, FaceVariant, Kept, LayoutFrame
from backends.image.layout.geometry import F32, join
from backends.image.layout.mesh import JOINTS, CharacterModel, MeshPart
from backends.image.layout.picture import Drawing, Subject, draw
from backends.image.layout.placing import place
from backends.image.layout.props import PROPS, place_props
from backends.image.layout.scene import LayoutScene
from backends.image.layout.sets.build import build_stage
from backends.image.layout.sky import Sky
from backends.image.layout.stage import Stage
from backends.image.layout.trace import Tracer
from configs.errors import UsageError


class LayoutRenderer:
    """Draws LayoutScenes on the CPU. Same scene and size -> same pixels. One thread at a time."""

    def __init__(self, cache_dir: Path | None, samples: int = 12) -> None:
        self.cache_dir = cache_dir
        self.samples = samples
        self._tracer = Tracer()

    def clear(self) -> None:
        """Give back the memory of kept meshes and sets."""
        self._tracer.clear()
        build_stage.cache_clear()

    def render(
        self, scene: LayoutScene, width: int, height: int, *, on_step: Callable[[int, int], None] | None = None
    ) -> LayoutFrame:
        """Draw `scene` at `width` x `height` (16..4096). `on_step(step, steps)` may raise to cancel.

        Raises UsageError for a scene that names unknown things, EngineError when the renderer fails.
        """
        _check(scene, width, height)
        if on_step is not None:
            on_step(0, 4)
        began = time.perf_counter()
        even = (width + width % 2, height + height % 2)
        stage = build_stage(scene.set, scene.time_of_day, scene.seed)
        things, unknown = place_props(scene.props)
        models, targets, camera = self._actors(scene, stage, even)
        seconds = {"characters": time.perf_counter() - began}
        sky = Sky(scene.time_of_day, stage.backdrop)
        aims = [model.head_center.astype(float) for model in models] or [camera.position + 4 * camera.forward]
        parts = (*stage.visible(camera.position, aims), *things, *(part for model in models for part in model.parts))
        began = time.perf_counter()
        subject = self._subject(parts, stage, sky, camera)
        seconds["scene"] = time.perf_counter() - began
        samples = samples_for(self.samples, *even, len(stage.lamps))
        drawing = draw(subject, self._tracer, (0, 0, *even), samples, scene.seed, on_step)
        seconds |= drawing.seconds
        if on_step is not None:
            on_step(4, 4)
        kept = Kept(parts, stage, sky, camera, drawing.glow, targets)
        frame = _frame(scene, models, subject, drawing, kept, (width, height), seconds)
        if not unknown:
            return frame
        note = f"No such prop: {', '.join(unknown)}; known: {', '.join(sorted(PROPS))}"
        return replace(frame, warnings=(note,))

    def _subject(self, parts: Sequence[MeshPart], stage: Stage, sky: Sky, camera: Camera) -> Subject:
        traced = self._tracer.scene(parts, sky.light_map(), stage.lamps)
        return Subject(join(parts), traced, stage.surfaces, sky, camera)

    def _actors(
        self, scene: LayoutScene, stage: Stage, size: tuple[int, int]
    ) -> tuple[list[CharacterModel], dict[str, F32 | None], Camera]:
        """The posed characters, whom each looks at, and the camera that frames them."""
        from backends.image.layout.characters.build import build_character

        models = [build_character(posed, cache_dir=self.cache_dir) for posed in scene.characters]
        camera = place(scene, models, size[0], size[1], stage.far_limit)
        eyes = {model.name: model.eye_line for model in models}
        targets: dict[str, F32 | None] = {}
        for i, posed in enumerate(scene.characters):
            target = camera.position.astype(np.float32) if posed.look_at == "camera" else eyes.get(posed.look_at or "")
            targets[posed.name] = target
            if target is not None:
                models[i] = build_character(posed, look_target=target, cache_dir=self.cache_dir)
        return models, targets, camera

    def render_faces(self, frame: LayoutFrame, character: str, variants: Sequence[FaceVariant]) -> list[FacePatch]:
        """Redraw only the face of `character` for each variant; paste each patch into frame.rgb at its (x, y).

        Empty when the face is outside the picture. Raises UsageError for an unknown character.
        """
        height, width = frame.depth.shape
        lamps = len(frame.kept.stage.lamps) if frame.kept is not None else 0
        return redraw(frame, character, variants, self._tracer, samples_for(self.samples, width, height, lamps))


NOMINAL_PIXELS = 768 * 432


def samples_for(samples: int, width: int, height: int, lamps: int) -> int:
    """Samples per half-size pixel: `samples` up to 768x432, fewer above, where the filter sees more of them; more where
    lamps share them with the sky."""
    scale = min(1.0, float(np.sqrt(NOMINAL_PIXELS / (width * height)))) * (1.0 + 0.05 * min(lamps, 2))
    return max(2, round(samples * scale / 2) * 2)


def _check(scene: LayoutScene, width: int, height: int) -> None:
    if not (16 <= width <= 4096 and 16 <= height <= 4096):
        raise UsageError(f"A picture of {width} x {height} cannot be drawn", "", "Choose 16 to 4096 pixels a side")
    names = [posed.name for posed in scene.characters]
    if len(set(names)) != len(names) or {"set", "sky"} & set(names):
        raise UsageError("Two characters of the shot share a name", ", ".join(names), "Give each its own name")


def _frame(
    scene: LayoutScene, models: Sequence[CharacterModel], subject: Subject, drawing: Drawing, kept: Kept,
    size: tuple[int, int], seconds: dict[str, float],
) -> LayoutFrame:  # fmt: skip
    width, height = size
    buffers = drawing.frame
    names = ("sky", "set", *(model.name for model in models))
    index = {name: i for i, name in enumerate(names)}
    of_part = [index.get(part.label.split("/", 1)[0], 1) for part in subject.geometry.parts]
    owner = np.array([*of_part, 0], np.int32)[buffers.part][:height, :width]
    depth = buffers.depth[:height, :width]
    boxes = {model.name: face_boxes(model, kept.camera, size) for model in models}
    return LayoutFrame(
        rgb=drawing.rgb[:height, :width], depth=depth, normal=buffers.normal[:height, :width], owner=owner,
        owners=names, part=np.where(buffers.part < 0, len(of_part), buffers.part)[:height, :width].astype(np.int32),
        labels=(*(part.label for part in subject.geometry.parts), "sky"),
        joints={m.name: _joints(m, kept.camera, depth, owner == index[m.name]) for m in models},
        face_box={name: pair[0] for name, pair in boxes.items() if pair[0][2] > 0},
        mouth_box={name: pair[1] for name, pair in boxes.items() if pair[1][2] > 0},
        scene=scene, seconds=seconds, kept=kept,
    )  # fmt: skip


def face_boxes(model: CharacterModel, camera: Camera, size: tuple[int, int]) -> tuple[Box, Box]:
    """Boxes of the face (head and mouth) and of the mouth within the picture; width 0 when outside."""
    head = _ball_box(model.head_center, model.head_radius * 1.08, camera, size)
    mouth = _ball_box(model.mouth, model.mouth_radius, camera, size)
    if not (head[2] and mouth[2]):
        return head, mouth
    x0, y0 = min(head[0], mouth[0]), min(head[1], mouth[1])
    x1, y1 = max(head[0] + head[2], mouth[0] + mouth[2]), max(head[1] + head[3], mouth[1] + mouth[3])
    return (x0, y0, x1 - x0, y1 - y0), mouth


def _ball_box(center: F32, radius: float, camera: Camera, size: tuple[int, int]) -> Box:
    x, y, z = camera.project(center)
    if not z > radius:
        return 0, 0, 0, 0
    reach = camera.focal * radius / z
    x0, x1 = int(np.clip(x - reach, 0, size[0])), int(np.clip(np.ceil(x + reach), 0, size[0]))
    y0, y1 = int(np.clip(y - reach, 0, size[1])), int(np.clip(np.ceil(y + reach), 0, size[1]))
    return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else (0, 0, 0, 0)


def _joints(model: CharacterModel, camera: Camera, depth: F32, own: NDArray[np.bool_]) -> F32:
    """Joints lie inside the body: one is hidden when something of another owner, or a body part of its own that is
    more than a head's radius nearer, covers it."""
    table = np.full((len(JOINTS), 3), np.nan, np.float32)
    h, w = depth.shape
    for i, name in enumerate(JOINTS):
        point = model.joints.get(name)
        if point is None:
            continue
        x, y, z = camera.project(point)
        if not z > 0:
            continue
        column, row = int(np.floor(x)), int(np.floor(y))
        seen = False
        if 0 <= column < w and 0 <= row < h:
            nearer = z - depth[row, column]
            seen = bool(nearer < (1.25 * model.head_radius if own[row, column] else 0.02))
        table[i] = (x, y, float(seen))
    return table
