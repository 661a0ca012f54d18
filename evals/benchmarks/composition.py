"""Composition against made pictures whose truth is known (seeds from 1000 on; `evals/footage/frames.py`).

Errors are in shares of the picture. `subject_*`: where the eye is drawn; `symmetry_auc`: mirrored from other scenery;
`vanishing_*`: found, right within 0.05, and found where there is none; `key_accuracy`, `palette_shared` (how much of
the painted shares is found under the right name), `layers_*` (depth told where there is focus, and where not).
`scale_*`: scales of the studio's layouts as framed, by their geometry and by their joints (as a perfect pose model
would give them), `layout_box_iou` of the geometry's boxes with drawn masks. `face_*`: the face cascade on a
photographed face of known size set into scenery. `*_ms`: CPU milliseconds per picture of 320x180 on one thread.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST = 1000
Rgb = NDArray[np.uint8]
_FACE = (177, 71, 265, 165)
"""x0, y0, x1, y1 of the face in scikit-image's astronaut, hairline to chin, by hand."""


def run(pictures: int = 100) -> dict[str, Any]:
    """Figures of all measures on `pictures` made pictures each; JSON-ready."""
    from backends.threads import one_thread

    with one_thread():
        seeds = range(FIRST, FIRST + pictures)
        figures = {"pictures": pictures, **_subject(seeds), **_symmetry(seeds), **_lines(seeds), **_tone(seeds)}
        figures |= {**_layers(seeds), **_layouts(), **_faces(range(FIRST, FIRST + pictures // 2)), **_speed()}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}


def _subject(seeds: range) -> dict[str, Any]:
    from backends.vision.composition.measure import compose
    from backends.vision.composition.saliency import thirds
    from evals.footage.frames import with_subject

    missed, off = [], []
    for seed in seeds:
        made = with_subject(seed)
        found = compose(made.rgb)
        missed.append(float(np.hypot(found.subject[0] - made.centre[0], found.subject[1] - made.centre[1])))
        off.append(abs(found.thirds - thirds(*made.centre)))
    return {
        "subject_error_median": float(np.median(missed)),
        "subject_within_0.1": float(np.mean(np.array(missed) < 0.1)),
        "thirds_error_median": float(np.median(off)),
    }


def _symmetry(seeds: range) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    from backends.vision.composition.tone import symmetry_of
    from backends.vision.composition.view import View
    from evals.footage.frames import mirrored, plain

    own = [symmetry_of(View(mirrored(seed))) for seed in seeds]
    others = [symmetry_of(View(plain(seed))) for seed in seeds]
    return {
        "symmetry_auc": float(roc_auc_score([1] * len(own) + [0] * len(others), own + others)),
        "symmetry_of_mirrored": float(np.mean(own)),
        "symmetry_of_others": float(np.mean(others)),
    }


def _lines(seeds: range) -> dict[str, Any]:
    from backends.vision.composition.lines import lines_of
    from backends.vision.composition.view import View
    from evals.footage.frames import converging, plain

    missed = []
    for seed in seeds:
        rgb, point = converging(seed)
        found = lines_of(View(rgb)).vanishing
        if found is not None:
            missed.append(float(np.hypot(found[0] - point[0], found[1] - point[1])))
    return {
        "vanishing_found": len(missed) / len(seeds),
        "vanishing_right": float(np.mean(np.array(missed) < 0.05)),
        "vanishing_error_median": float(np.median(missed)),
        "vanishing_false": float(np.mean([lines_of(View(plain(seed))).vanishing is not None for seed in seeds])),
    }


def _tone(seeds: range) -> dict[str, Any]:
    from backends.vision.composition.measure import compose
    from evals.footage.frames import lit, painted

    made = [lit(seed) for seed in seeds]
    right = [compose(rgb).key == key for rgb, key in made]
    shared = []
    for seed in seeds:
        rgb, truth = painted(seed)
        found = {colour.name: colour.share for colour in compose(rgb).colours}
        shared.append(sum(min(share, found.get(name, 0.0)) for name, share in truth.items()))
    return {"key_accuracy": float(np.mean(right)), "palette_shared": float(np.mean(shared))}


def _layers(seeds: range) -> dict[str, Any]:
    from backends.vision.composition.depth import depth_of
    from backends.vision.composition.view import View
    from evals.footage.frames import layered

    told = [(layers, depth_of(View(rgb)).layers) for rgb, layers in map(layered, seeds)]
    return {
        "layers_depth_told": float(np.mean([found > 1 for truth, found in told if truth > 1])),
        "layers_depth_false": float(np.mean([found > 1 for truth, found in told if truth == 1])),
        "layers_exact": float(np.mean([found == truth for truth, found in told])),
    }


def _layouts() -> dict[str, Any]:
    from backends.image.layout.render import LayoutRenderer
    from backends.image.layout.seen import characters_seen
    from backends.vision.composition.people import figure_of_joints
    from backends.vision.composition.scale import scale_of
    from tools.analysis.known_figures import Drawn

    size = (320, 180)
    by_geometry, by_joints, overlaps = [], [], []
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        renderer = LayoutRenderer(Path(folder), samples=2)
        for scene in _scenes():
            drawn = Drawn(*size, characters_seen(scene, *size, Path(folder)), None)
            figures = drawn.figures(drawn.whole)
            by_geometry.append(scale_of(figures).scale == scene.camera.scale)
            frame = renderer.render(scene, *size)
            person = figure_of_joints(_as_found(frame.joints["Ada"]), size)
            by_joints.append(person is not None and scale_of((person,)).scale == scene.camera.scale)
            overlaps.append(_overlap(figures[0].box, frame.mask("Ada")))
    return {
        "scale_pictures": len(by_geometry),
        "scale_by_layout": float(np.mean(by_geometry)),
        "scale_by_joints": float(np.mean(by_joints)),
        "layout_box_iou": float(np.mean(overlaps)),
    }


def _scenes() -> Iterator[Any]:
    """Each scale with an adult, a child and a robot, from two sides."""
    from typing import get_args

    from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter, Scale

    looks = (CharacterLook(age="adult", height=1.75), CharacterLook(), CharacterLook(kind="robot", height=0.9))
    for scale in get_args(Scale):
        for look, yaw, pose in zip(looks, (0, 25, -20), ("standing", "waving", "standing"), strict=True):
            yield LayoutScene("void", "day", (PosedCharacter("Ada", look, pose),), CameraSpec(scale, yaw_deg=yaw))


def _as_found(joints: NDArray[np.float32]) -> NDArray[np.float32]:
    """Joints as a pose model gives them: those out of sight are unsure."""
    table = np.nan_to_num(joints, nan=-1.0)
    table[:, 2] *= 0.9
    return table


def _overlap(box: tuple[float, float, float, float], mask: NDArray[np.bool_]) -> float:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0.0
    height, width = mask.shape
    truth = (columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
    wide, high = min(box[2], truth[2]) - max(box[0], truth[0]), min(box[3], truth[3]) - max(box[1], truth[1])
    both = max(0.0, wide) * max(0.0, high)
    areas = sum((one[2] - one[0]) * (one[3] - one[1]) for one in (box, truth))
    return float(both / (areas - both))


def _faces(seeds: range) -> dict[str, Any]:
    from backends.vision.composition.figures import CascadeFaces
    from backends.vision.composition.scale import scale_of
    from evals.footage.frames import PHOTOGRAPHS, part_of, photograph

    finder = CascadeFaces()
    found, scales, false = [], [], []
    others = [name for name in PHOTOGRAPHS if name != "astronaut"]
    for seed in seeds:
        pick = np.random.default_rng(seed)
        ground = part_of(photograph(others[int(pick.integers(len(others)))]), pick)
        false.append(len(finder.find(ground)))
        picture, height = _with_face(ground, pick)
        faces = finder.find(picture)
        found.append(len(faces) == 1)
        if faces:
            scales.append(scale_of(faces).scale == scale_of((_face_of(height),)).scale)
    return {
        "face_found": float(np.mean(found)),
        "face_scale_right": float(np.mean(scales)),
        "face_false_per_picture": float(np.mean(false)),
    }


def _with_face(ground: Rgb, pick: np.random.Generator) -> tuple[Rgb, float]:
    """The astronaut before a ground, and the height of the face as a share of the picture's: 0.16 to 0.5."""
    import cv2

    from evals.footage.frames import photograph

    person = photograph("astronaut")[: 440 + 72]
    height = float(pick.uniform(0.16, 0.5))
    scale = height * ground.shape[0] / (_FACE[3] - _FACE[1])
    small = cv2.resize(person, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture = ground.copy()
    top = max(0, ground.shape[0] - small.shape[0])
    left = int(pick.integers(0, max(1, ground.shape[1] - small.shape[1])))
    part = small[: ground.shape[0] - top, : ground.shape[1] - left]
    picture[top : top + part.shape[0], left : left + part.shape[1]] = part
    return picture, height


def _face_of(height: float) -> Any:
    from backends.vision.composition.result import Figure

    return Figure(kind="face", box=(0.4, 0.2, 0.5, 0.2 + height))


def _speed() -> dict[str, Any]:
    from backends.media.probe import MediaInfo
    from backends.vision.composition.figures import CascadeFaces
    from backends.vision.composition.keyframes import PictureSink
    from backends.vision.composition.measure import CompositionSink, compose
    from backends.vision.frame import Frame
    from evals.footage.frames import plain

    pictures = [plain(seed) for seed in range(FIRST, FIRST + 20)]
    info = MediaInfo("video", "mov", width=320, height=180, fps=24)

    def passed(make: Callable[[], Any]) -> float:
        """CPU seconds for 240 frames that change every 12."""
        sink, before, used = make(), None, 0.0
        for index in range(240):
            before = Frame(index, index / 24, pictures[index // 12 % len(pictures)], before)
            _ = before.grey
            began = time.process_time()
            sink.see(before)
            used += time.process_time() - began
        return used

    compose(pictures[0])
    CascadeFaces().find(pictures[0])
    alone = passed(lambda: CompositionSink(info))
    return {
        "sampled_picture_ms": 1e3 * alone / 40,
        "per_frame_ms": 1e3 * alone / 240,
        "per_frame_with_faces_ms": 1e3 * passed(lambda: CompositionSink(info, CascadeFaces())) / 240,
        "keyframes_per_frame_ms": 1e3 * passed(lambda: PictureSink(info)) / 240,
    }
