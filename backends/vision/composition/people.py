"""Faces and people by models that may be installed: insightface's detector, rtmlib's joints."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from backends.image.control.pose import SURE, PoseFinder
from backends.vision.composition.figures import Rgb, shares
from backends.vision.composition.result import Figure
from backends.vision.identity.arcface import DETECTION_STEPS, ArcFaceEncoder
from backends.vision.identity.encoder import Encoding, Vector

_NOSE, _NECK, _SHOULDERS, _HIPS, _KNEES, _ANKLES = 0, 1, (2, 5), (8, 11), (9, 12), (10, 13)
_EYES_EARS, _EYES = (14, 15, 16, 17), (14, 15)
_FACE_PER_EYES = 2.9
"""Hairline to chin over the distance of the pupils (180 mm over 63 mm, adults)."""
_CHIN = 0.55
"""From the nose towards the neck (the middle of the shoulders), as OpenPose has it."""
_LANDMARKS = ((_SHOULDERS, 0.08), (_HIPS, 0.46), (_KNEES, 0.72), (_ANKLES, 0.97))
"""Share of the body below the chin at which joints sit: shoulders, hips, knees, ankles of a figure of 7.5 heads."""
_BODY = 6.5 / 0.87
"""Length of the body below the chin in distances from nose to shoulders (0.87 of a head)."""


Namer = Callable[[Vector], tuple[str, float] | None]
"""Tells whose face a vector is: the character and its similarity; None when it is nobody's that is known."""


class DetectedFaces:
    """Faces by insightface's detector (SCRFD), named by its recogniser when somebody is known."""

    name = "insightface"
    sees = "human faces"

    def __init__(self, encoder: ArcFaceEncoder, whose: Namer | None = None) -> None:
        self._encoder, self._whose = encoder, whose

    def find(self, rgb: Rgb, seconds: float | None = None) -> Sequence[Figure]:
        found = [
            self._figure(one, rgb.shape[1], rgb.shape[0]) for one in self._encoder.faces(rgb, lowest=DETECTION_STEPS[0])
        ]
        seen = [one for one in found if one is not None]
        return tuple(sorted(seen, key=lambda one: one.box[1] - one.box[3]))

    def _figure(self, face: Encoding, width: int, height: int) -> Figure | None:
        if not face.detected or face.box is None:
            return None
        x, y, w, h = face.box
        box = shares((x / width, y / height, (x + w) / width, (y + h) / height))
        who = self._whose(face.vector) if self._whose is not None and face.vector is not None else None
        character, likeness = who or ("", None)
        return Figure(kind="face", box=box, character=character, similarity=likeness, by=self.name)


class PosedPeople:
    """People by their joints (rtmlib's RTMPose), which also tell where the frame cuts a body."""

    name = "rtmlib"
    sees = "people"

    def __init__(self, finder: PoseFinder) -> None:
        self._finder = finder

    def find(self, rgb: Rgb, seconds: float | None = None) -> Sequence[Figure]:
        size = (rgb.shape[1], rgb.shape[0])
        people = [figure for joints in self._finder.joints(rgb) if (figure := figure_of_joints(joints, size))]
        return tuple(sorted(people, key=lambda figure: figure.box[1] - figure.box[3]))


def figure_of_joints(joints: NDArray[np.float32], size: tuple[int, int]) -> Figure | None:
    """A figure from OpenPose's joints, (18 or more, 3): x px, y px, confidence; None without a head.

    size: width and height of the picture, pixels. The share that is shown is told by the last joint that is seen and
    by how much of the picture is left below it.
    """
    width, height = size
    sure = (joints[:18, 2] >= SURE) & (joints[:18, 0] >= 0) & (joints[:18, 0] < width)
    sure &= (joints[:18, 1] >= 0) & (joints[:18, 1] < height)
    head = [at for at in (_NOSE, *_EYES_EARS) if sure[at]]
    if not head:
        return None
    if not sure[[*_SHOULDERS, _NECK]].any():
        return _face_alone(joints, sure, size)
    points = joints[:18][sure, :2].astype(np.float64)
    nose = joints[head, 1].mean()
    shoulder = _row(joints, sure, (*_SHOULDERS, _NECK))
    unit = max(float(shoulder - nose), 1.0)
    chin = nose + _CHIN * unit
    shown = _shown(joints, sure, float(chin), unit, height)
    bottom = float(height) if shown < _LANDMARKS[-1][1] else float(points[:, 1].max() + 0.3 * unit)
    left, right = points[:, 0].min() - 0.3 * unit, points[:, 0].max() + 0.3 * unit
    top = max(0.0, float(nose - 0.75 * unit))
    box = (max(0.0, left / width), top / height, min(1.0, right / width), min(1.0, bottom / height))
    return Figure(kind="figure", box=shares(box), by=PosedPeople.name, shown=round(shown, 3))


def _face_alone(joints: NDArray[np.float32], sure: NDArray[np.bool_], size: tuple[int, int]) -> Figure | None:
    """A face by its eyes, when the frame shows no shoulders; None without both."""
    if not all(sure[at] for at in _EYES):
        return None
    one, other = (joints[at, :2].astype(np.float64) for at in _EYES)
    half = _FACE_PER_EYES * float(np.hypot(*(one - other))) / 2
    x, y = (one + other) / 2
    y += 0.1 * half  # the eyes are a little above the middle of hairline to chin
    box = ((x - 0.7 * half) / size[0], (y - half) / size[1], (x + 0.7 * half) / size[0], (y + half) / size[1])
    return Figure(kind="face", box=shares((max(0.0, box[0]), max(0.0, box[1]), min(1.0, box[2]), min(1.0, box[3]))),
                  by=PosedPeople.name)  # fmt: skip


def _row(joints: NDArray[np.float32], sure: NDArray[np.bool_], which: Sequence[int]) -> float:
    return float(np.mean([joints[at, 1] for at in which if sure[at]]))


def _shown(joints: NDArray[np.float32], sure: NDArray[np.bool_], chin: float, unit: float, height: int) -> float:
    """Share of the body below the chin that is above the picture's lower border.

    The body's length follows from the lowest joints that are seen; `unit`, from nose to shoulders in pixels, tells it
    when these are the shoulders. A joint that the picture does not show limits it.
    """
    body, lowest = _BODY * unit, 0.0
    for which, share in _LANDMARKS:
        if any(sure[at] for at in which):
            lowest = share
            body = max((_row(joints, sure, which) - chin) / share, 1.0) if which is not _SHOULDERS else body
    limit = min((share for _, share in _LANDMARKS if share > lowest), default=1.0)
    return float(np.clip((height - chin) / body, lowest, limit))
